#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]

mod host;
mod pages;
mod program;

/// Anything written here: `kernel_run` is called again, with the inbox as it is, and with the kernel that is there then.
const REBOOT: &[u8] = b"/kernel/env/reboot";

/// Installs the new kernel.
fn run() -> host::Result<()> {
    program::run()?;
    host::write(REBOOT, 0, &[1])?;
    Ok(())
}

/// Called by the machine once a level.
#[unsafe(no_mangle)]
pub extern "C" fn kernel_run() {
    if let Err(reason) = run() {
        host::debug(reason);
    }
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
