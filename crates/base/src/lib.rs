#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod address;
pub mod b58;
pub mod bin;
pub mod blake2b;
pub mod block_id;
pub mod bootstrap;
pub mod hash;
pub mod json;
pub mod json_text;
pub mod keys;
pub mod level;
pub mod profile;
pub mod tez;
pub mod tick;

pub use address::{Address, Contract, Entrypoint, EntrypointError, MichelsonAddress, OriginationNonce};
pub use bin::{Binary, DecodeError, Reader};
pub use block_id::{Anchor, BlockId, BlockIdError};
pub use bootstrap::{BOOTSTRAP_ACCOUNTS, BootstrapAccount};
pub use hash::*;
pub use json::{Json, JsonError};
pub use keys::{Curve, PublicKey, PublicKeyHash, SecretKey, SecretKeyError, Signature};
pub use level::{Level, LevelSpan};
pub use profile::{IdFamily, Profile};
pub use tez::{Mutez, TezError};
pub use tick::{Tick, TickSpan};
