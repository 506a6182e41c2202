//! The one place where a lifetime is made longer: what is lent cannot be used after its end. Under Miri these tests see every
//! use of memory that is no longer there: `cargo +nightly miri test -p soru-engine --test lend`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../src/lend.rs"]
mod lend;

use lend::{Lent, lend};
use soru_pvm::host::{HostFunction, HostState, HostValue};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::{Limits, Machine, Version};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Gives a host state to the body, with a sink for debugging that ends after it. Gives what was written there.
fn with_host<R>(body: impl FnOnce(&mut HostState<'_>) -> R) -> (R, Vec<u8>) {
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, b"kernel", Limits::FIRST).unwrap();
    let machine = Machine::from_tree(&tree).unwrap();
    let (mut reveals, mut debug) = ((), Vec::new());
    let result = {
        let mut host = machine.lend(&mut reveals, &mut debug).unwrap();
        host.begin_run().unwrap();
        body(&mut host)
    };
    (result, debug)
}

fn say(host: &mut HostState<'_>, text: &[u8]) {
    let mut memory = text.to_vec();
    let args = [HostValue::I32(0), HostValue::I32(text.len() as i32)];
    host.call(HostFunction::WriteDebug, &args, &mut memory.as_mut_slice()).unwrap();
}

#[test]
fn what_is_lent_is_used_until_it_is_taken_back() {
    let mut kept: Option<Lent> = None;
    let (given, debug) = with_host(|host| {
        say(host, b"1");
        let given = lend(host, |lent| {
            let other = lent.clone();
            lent.with(|host| say(host, b"2")).unwrap();
            other.with(|host| say(host, b"3")).unwrap();
            kept = Some(other);
            lent.with(|_| 7)
        });
        // The one who lends has it again, and can lend it once more.
        say(host, b"4");
        lend(host, |lent| lent.with(|host| say(host, b"5")).unwrap());
        assert!(kept.as_ref().is_some_and(|kept| kept.with(|host| say(host, b"never")).is_none()));
        given
    });
    assert_eq!((given, debug.as_slice()), (Some(7), b"12345".as_slice()));
    // What was lent is gone by now.
    assert_eq!(kept.and_then(|kept| kept.with(|_| ())), None);
    assert_eq!(Lent::nothing().with(|_| ()), None);
}

#[test]
fn a_panic_takes_it_back_too() {
    let mut kept: Option<Lent> = None;
    let ((), debug) = with_host(|host| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            lend(host, |lent| {
                kept = Some(lent.clone());
                lent.with(|host| {
                    say(host, b"1");
                    panic!("in a host function");
                });
            });
        }));
        assert!(result.is_err());
        say(host, b"2");
    });
    assert_eq!(debug, b"12");
    assert_eq!(kept.and_then(|kept| kept.with(|_| ())), None);
}

/// A run on a thread of its own that goes on for too long: it gets nothing.
#[test]
fn another_thread_uses_it_only_while_it_is_lent() {
    let (send, receive) = std::sync::mpsc::channel::<Lent>();
    let (back, returned) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let lent = receive.recv().unwrap();
        back.send(lent.with(|host| say(host, b"1")).is_some()).unwrap();
        receive.recv().map(|lent| lent.with(|_| ()).is_some())
    });
    let (second, debug) = with_host(|host| {
        lend(host, |lent| {
            send.send(lent.clone()).unwrap();
            assert!(returned.recv().unwrap());
            lent
        })
    });
    send.send(second).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(false));
    assert_eq!(debug, b"1");
}
