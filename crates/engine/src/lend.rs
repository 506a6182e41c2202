//! Lending the host state to an instance.
//!
//! Wasmtime keeps what host functions see in a store, and takes there only what lives for ever; the host state is borrowed
//! for one run. So it is lent: behind a lock, and taken back when the run is over.

use soru_pvm::host::HostState;
use std::sync::{Arc, Mutex, PoisonError};

type Slot = Arc<Mutex<Option<&'static mut HostState<'static>>>>;

/// A host state that may be used until it is taken back.
#[derive(Clone)]
pub(crate) struct Lent(Slot);

impl Lent {
    /// No host state, for code that can call no host function.
    pub(crate) fn nothing() -> Self {
        Self(Slot::default())
    }

    /// Uses the host state; `None` when it has been taken back.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut HostState<'_>) -> R) -> Option<R> {
        // Poisoned by a panic in a host function: the run ends with an error then, and the state is thrown away.
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let host: &mut HostState<'static> = slot.as_mut()?;
        Some(body(host))
    }
}

/// Takes the host state back, also when a panic passes by.
struct Lender(Slot);

impl Drop for Lender {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Lends `host` to `body`.
#[expect(unsafe_code, reason = "a lifetime is made longer, and its end is kept by hand")]
pub(crate) fn lend<R>(host: &mut HostState<'_>, body: impl FnOnce(Lent) -> R) -> R {
    // SAFETY: the reference goes nowhere but into the slot. It comes out of it for the time of `Lent::with` only, under the
    // lock, behind a lifetime that its user cannot name; and `Lender` empties the slot, under the same lock, before this
    // function returns or unwinds, hence while the borrow of `host` still holds.
    let host = unsafe { std::mem::transmute::<&mut HostState<'_>, &'static mut HostState<'static>>(host) };
    let slot = Slot::new(Mutex::new(Some(host)));
    let lender = Lender(slot.clone());
    body(Lent(lender.0.clone()))
}
