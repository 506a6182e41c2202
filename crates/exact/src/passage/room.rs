//! How much memory moments take on their way to those who hash them.

use super::lock;
use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of moments that are to be hashed, or are being hashed.
pub(super) struct Room {
    /// The run waits as long as more are taken.
    most: usize,
    taken: Mutex<usize>,
    given_back: Condvar,
}

/// Some of it. It is given back when this is dropped.
pub(super) struct Taken<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Takes so many bytes, whether there is room or not: they are there already.
    pub(super) fn take(&self, bytes: usize) -> Taken<'_> {
        *lock(&self.taken) += bytes;
        Taken { room: self, bytes }
    }

    /// Waits until no more is taken than there is.
    pub(super) fn wait(&self) {
        let waited = self.given_back.wait_while(lock(&self.taken), |taken| *taken > self.most);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *lock(&self.room.taken) -= self.bytes;
        self.room.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn who_goes_on_waits_until_there_is_room() {
        let room = Room::new(100);
        let (small, large) = (room.take(100), room.take(1_000));
        thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            let (room, taken) = (&room, &room.taken);
            scope.spawn(move || {
                room.wait();
                send.send(*lock(taken)).unwrap();
            });
            drop(large);
            assert_eq!(receive.recv().unwrap(), 100);
        });
        drop(small);
        assert_eq!(*lock(&room.taken), 0);
    }
}
