#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod cargo;
pub mod installer;

/// `kernels/counter`: a number that external messages change, and that it tells to contracts.
pub const COUNTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/counter.wasm"));

/// `kernels/echo`: writes the payload of every external message to the outbox.
pub const ECHO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echo.wasm"));

/// `kernels/installer`, without a program: see [`installer`].
pub const INSTALLER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/installer.wasm"));

/// `kernels/library`: fetches books from the reveal channel, as its librarian asks.
pub const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/library.wasm"));

/// `kernels/notary`: counts external messages, and answers a contract's call by calling its entrypoint `receive`.
pub const NOTARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/notary.wasm"));

/// `kernels/token`: units that come in as tickets, change hands by signed messages, and go out as tickets.
pub const TOKEN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/token.wasm"));

/// `kernels/counter/contracts/reader.tz`: keeps the number that a counter rollup tells it.
pub const READER_TZ: &[u8] = include_bytes!("../../../kernels/counter/contracts/reader.tz");

/// `kernels/token/contracts/bridge.tz`: locks tez, and mints the tickets that a token rollup holds.
pub const BRIDGE_TZ: &[u8] = include_bytes!("../../../kernels/token/contracts/bridge.tz");

/// Every kernel with its name.
pub fn all() -> &'static [(&'static str, &'static [u8])] {
    &[
        ("counter", COUNTER),
        ("echo", ECHO),
        ("installer", INSTALLER),
        ("library", LIBRARY),
        ("notary", NOTARY),
        ("token", TOKEN),
    ]
}
