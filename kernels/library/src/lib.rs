#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "called by the machine, and by the unit tests")
)]

mod import;
mod requests;
#[cfg(test)]
mod tests;

use kit::host::{Host, Refused};

/// A hash of a page, after a byte that tells its kind.
type Hash = [u8; 33];

/// Why something is not done, for the log.
type Result<T> = core::result::Result<T, &'static str>;

fn storage(_: Refused) -> &'static str {
    "library: cannot use the durable storage\n"
}

/// Takes requests down, and goes on with the book that is being fetched; whatever is left is for the next run.
fn run(host: &mut impl Host) {
    let more = match requests::take_down(host).and_then(|more| Ok(more | import::go_on(host)?)) {
        Ok(more) => more,
        Err(reason) => {
            host.debug(reason);
            false
        }
    };
    if more && host.reboot().is_err() {
        host.debug("library: cannot ask for another run\n");
    }
}

kit::kernel!(run);
