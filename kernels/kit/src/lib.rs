#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(not(target_arch = "wasm32"))]
pub mod bless;
pub mod host;
pub mod inbox;
pub mod key;
#[cfg(target_arch = "wasm32")]
pub mod machine;
pub mod micheline;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
pub mod outbox;
pub mod signed;

/// Bytes that identify a rollup: the hash in its address.
pub type Rollup = [u8; 20];
/// Bytes that identify a contract: the hash in its address.
pub type Contract = [u8; 20];
/// A public key's hash, after a byte that tells the curve: 0 for ed25519.
pub type KeyHash = [u8; 21];

/// Makes a function that takes `&mut impl Host` the kernel.
#[macro_export]
macro_rules! kernel {
    ($run:path) => {
        /// Called by the machine, once a level and after each reboot, with fresh memory.
        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        pub extern "C" fn kernel_run() {
            $run(&mut $crate::machine::Machine);
        }

        #[cfg(target_arch = "wasm32")]
        #[panic_handler]
        fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
            core::arch::wasm32::unreachable()
        }
    };
}
