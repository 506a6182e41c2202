#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod cargo;
pub mod installer;

/// `kernels/echo`: writes the payload of every external message to the outbox.
pub const ECHO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echo.wasm"));

/// `kernels/installer`, without a program: see [`installer`].
pub const INSTALLER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/installer.wasm"));

/// `kernels/notary`: counts external messages, and answers a contract's call by calling its entrypoint `receive`.
pub const NOTARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/notary.wasm"));

/// Every kernel with its name.
pub fn all() -> &'static [(&'static str, &'static [u8])] {
    &[("echo", ECHO), ("installer", INSTALLER), ("notary", NOTARY)]
}
