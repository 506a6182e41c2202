//! The kernels that are kept ready.

use crate::prepare::Held;
use soru_base::hash::ContextHash;
use soru_pvm::Version;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How many kernels are kept ready, of so many bytes together. A rollup has one, and now and then a new one. What is kept of a
/// kernel is some hundred times as large.
const KERNELS_KEPT: usize = 8;
const BYTES_KEPT: u64 = 32 << 20;

pub(crate) type Place = Arc<Mutex<Held>>;

/// Kernels, with the time of their last use and the number of their bytes.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    places: BTreeMap<(ContextHash, Version), (u64, u64, Place)>,
    uses: u64,
}

impl Kept {
    /// The place of a kernel of so many bytes, which is used now.
    pub(crate) fn place(&mut self, kernel: (ContextHash, Version), length: u64) -> Place {
        self.uses += 1;
        let (used, bytes, place) = self.places.entry(kernel).or_default();
        (*used, *bytes) = (self.uses, length);
        let place = place.clone();
        while self.places.len() > 1 && self.are_many() {
            let oldest = self.places.iter().min_by_key(|(_, (used, ..))| *used).map(|(key, _)| *key);
            oldest.map(|key| self.places.remove(&key));
        }
        place
    }

    /// The place of a kernel, if it has one.
    pub(crate) fn find(&self, kernel: (ContextHash, Version)) -> Option<Place> {
        self.places.get(&kernel).map(|(_, _, place)| place.clone())
    }

    fn are_many(&self) -> bool {
        let bytes = self.places.values().fold(0, |sum: u64, (_, bytes, _)| sum.saturating_add(*bytes));
        self.places.len() > KERNELS_KEPT || bytes > BYTES_KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_kernels_make_room_for_each_other() {
        let key = |n: u8| (ContextHash([n; 32]), Version::V0);
        let mut kept = Kept::default();
        let first = kept.place(key(0), 10);
        for n in 1..100 {
            kept.place(key(n), BYTES_KEPT / 4);
            assert!(Arc::ptr_eq(&first, &kept.place(key(0), 10)));
            assert!(kept.places.len() <= 4);
        }
        kept.place(key(200), BYTES_KEPT * 2);
        assert_eq!(kept.places.keys().copied().collect::<Vec<_>>(), [key(200)], "the one that is used stays");
        (0..100).for_each(|n| drop(kept.place(key(n), 1)));
        assert_eq!(kept.places.len(), KERNELS_KEPT);
    }
}
