//! The end of patience with a kernel: Wasmtime's epochs, moved on by a thread.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Length of an epoch: how late a deadline may be noticed.
const EPOCH: Duration = Duration::from_millis(10);

type Engines = Arc<Mutex<Vec<wasmtime::EngineWeak>>>;

/// Moves the epochs of engines on, as long as it lives.
pub(crate) struct Ticker {
    engines: Engines,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start() -> std::io::Result<Self> {
        let engines = Engines::default();
        let ticked = engines.clone();
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("soru-engine-epochs".into()).spawn(move || {
            while stopped.recv_timeout(EPOCH) == Err(RecvTimeoutError::Timeout) {
                let engines = ticked.lock().unwrap_or_else(PoisonError::into_inner);
                engines
                    .iter()
                    .filter_map(wasmtime::EngineWeak::upgrade)
                    .for_each(|engine| engine.increment_epoch());
            }
        })?;
        Ok(Self { engines, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn add(&self, engine: &wasmtime::Engine) {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner).push(engine.weak());
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only sleeps and counts: nothing to be learnt from its end.
            let _ = thread.join();
        }
    }
}

/// A time as a number of epochs, the current one not counted.
pub(crate) fn epochs(deadline: Duration) -> u64 {
    let epochs = deadline.as_millis().div_ceil(EPOCH.as_millis());
    u64::try_from(epochs).unwrap_or(u64::MAX / 2).saturating_add(1).min(u64::MAX / 2)
}
