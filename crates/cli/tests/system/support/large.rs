//! A real kernel of hundreds of kilobytes.

use super::repository;
use soru_kernels::cargo;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The example `token` as cargo's profile `dev` leaves it: hardly optimised, checked for overflows, with all that a debugger wants.
pub(crate) fn large_kernel() -> &'static Path {
    static KERNEL: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large-kernel");
        let mut cargo = cargo::build(&repository("kernels/token"), &target, "token", "dev").unwrap();
        let output = cargo.arg("--locked").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join(cargo::TARGET).join("debug").join("token.wasm")
    });
    &KERNEL
}
