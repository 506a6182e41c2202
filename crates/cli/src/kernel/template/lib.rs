//! A kernel: counts the external messages of its inbox and their bytes, over all levels.

#![cfg_attr(target_arch = "wasm32", no_std)]

mod tally;

#[cfg(target_arch = "wasm32")]
mod host;

/// Called by the machine once a level, with fresh memory.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
pub extern "C" fn kernel_run() {
    use tally::Tally;

    /// Where the tally is kept: nothing else is left from one level to the next.
    const KEY: &[u8] = b"/tally";

    let mut bytes = [0; Tally::BYTES];
    let mut tally = if host::read(KEY, &mut bytes) {
        Tally::from_bytes(&bytes)
    } else {
        Tally::default()
    };
    let mut input = host::Input::new();
    while let Some(message) = input.next() {
        tally.add(message);
    }
    if !host::write(KEY, &tally.to_bytes()) {
        host::debug("the tally cannot be written\n");
    }
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
