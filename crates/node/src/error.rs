//! Why a node stops.

use crate::config::{ConfigError, Purpose};
use crate::layer1::Layer1Error;
use crate::store::StoreError;
use soru_base::{Level, PublicKeyHash};
use std::net::SocketAddr;
use thiserror::Error;

/// Why a node does not start, or stops.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The configuration will not do.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no key for an operator.
    #[error("there is no key for {key}, who is to {purpose}: import it into the wallet")]
    NoKey {
        /// The operator.
        key: PublicKeyHash,
        /// What it is to sign.
        purpose: Purpose,
    },
    /// The address of the layer-1 is none.
    #[error(transparent)]
    Endpoint(#[from] soru_l1::EndpointError),
    /// The address of the server of pages is none.
    #[error("pre-images-endpoint: {0}")]
    Pages(#[from] crate::reveals::EndpointError),
    /// The file of the kernel cannot be read.
    #[error("cannot read the boot sector {}: {source}", path.display())]
    BootSector {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An observer that is to end when it is contradicted was.
    #[error(
        "{publisher} published the commitment {theirs} for level {level}, this node computed {ours}: `bail-on-disagree` is set"
    )]
    Disagreement {
        /// Who published.
        publisher: PublicKeyHash,
        /// What was published.
        theirs: String,
        /// What the node computed.
        ours: String,
        /// The level of both.
        level: Level,
    },
    /// The engine cannot be used.
    #[error("no engine to run kernels: {0}")]
    Engine(#[from] soru_engine::EngineError),
    /// There is no such compiler.
    #[error(transparent)]
    Compiler(#[from] soru_engine::CompilerError),
    /// There is no such engine.
    #[error(transparent)]
    Kind(#[from] soru_engine::KindError),
    /// The rollup is not on the layer-1.
    #[error("there is no smart rollup {rollup} on the layer-1 at {endpoint} (its head has level {head})")]
    NoRollup {
        /// The address.
        rollup: String,
        /// The layer-1.
        endpoint: String,
        /// Level of its head.
        head: Level,
    },
    /// The origination gives another commitment than the layer-1 has.
    #[error("the kernel of the origination gives the genesis commitment {ours}, the layer-1 has {theirs}")]
    Genesis {
        /// Computed.
        ours: String,
        /// On the layer-1.
        theirs: String,
    },
    /// The inbox made from the block's operations is not the layer-1's.
    #[error(
        "the inbox of level {level} made from its messages is {ours}, the layer-1's is {theirs}: this is a fault of the node or of the layer-1, nothing of this level is kept"
    )]
    Inbox {
        /// The level.
        level: Level,
        /// Computed.
        ours: String,
        /// On the layer-1.
        theirs: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The port is taken, or not allowed.
    #[error(
        "cannot listen on {addr}: {source}; another program may use that port: choose another one, or 0 for any"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The layer-1 says what cannot be.
    #[error(transparent)]
    Layer1(#[from] Layer1Error),
    /// The machine failed in a way that another attempt does not cure.
    #[error("the machine failed at level {level}: {reason}")]
    Machine {
        /// The level.
        level: Level,
        /// Why.
        reason: String,
    },
    /// A part of the node ended that should not.
    #[error("the {part} of the node failed: {reason}")]
    Part {
        /// Which.
        part: &'static str,
        /// Why.
        reason: String,
    },
}
