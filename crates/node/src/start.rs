//! A node from its configuration: the layer-1 by RPC, kernels on Wasmtime.

use crate::config::Config;
use crate::error::NodeError;
use crate::kernel_log::KernelLog;
use crate::node::Node;
use crate::reveals::{Pages, Remote};
use crate::rpc_layer1::RpcLayer1;
use crate::wasm::WasmMachine;
use soru_engine::{Compiler, Engine, Kind};
use soru_l1::Client;
use soru_l1::Settings;
use soru_l1::operate::Signer;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

/// Folder of compiled kernels, below the data directory.
const CACHE_DIR: &str = "compiled_kernels";

/// Those who sign the node's operations.
pub type Signers = Vec<Arc<dyn Signer>>;

/// Starts the node of `config`: its store is open and its RPC server listens, see [`Node::rpc_addr`]. `signers` holds a
/// key for every operator that the mode needs; others are passed over.
pub async fn start(
    config: Config,
    signers: Signers,
) -> Result<Node<RpcLayer1, WasmMachine<Engine>>, NodeError> {
    for (key, purpose) in config.signers() {
        if !signers.iter().any(|signer| signer.public_key().hash() == key) {
            return Err(NodeError::NoKey { key, purpose });
        }
    }
    let options = &config.options;
    let compiler = options.wasm_compiler.map_or_else(Compiler::from_env, |compiler| Ok(Some(compiler)))?;
    let kind = options.engine.map_or_else(Kind::from_env, |kind| Ok(Some(kind)))?.unwrap_or_default();
    let cache = config.data_dir.join(CACHE_DIR);
    let engine = move |kind, deadline| {
        let (compiler, cache) = (compiler.unwrap_or_default(), Some(cache.clone()));
        Engine::new(soru_engine::Options { kind, compiler, cache, deadline, ..Default::default() })
    };
    // Nobody waits for the machine itself to make the ticks of a simulation.
    let simulating = if kind == Kind::Reference { Kind::TickExact } else { kind };
    let remote = options.pre_images_endpoint.as_deref().map(Remote::new).transpose()?;
    let pages = Pages::new(&config.data_dir, remote);
    let log = match (options.log_kernel_debug, &options.log_kernel_debug_file) {
        (false, _) => KernelLog::Off,
        (true, None) => KernelLog::Log,
        (true, Some(file)) => KernelLog::File(config.data_dir.join(file)),
    };
    let trial = options.simulation_deadline;
    let machine =
        WasmMachine::new(engine(kind, options.kernel_deadline)?, |engine| Some(engine.status()), pages, log)
            .with_simulator(move || engine(simulating, trial).map_err(|e| e.to_string()));
    let mut patience = Settings::default();
    patience.request_timeout = options.l1_rpc_timeout.unwrap_or(patience.request_timeout);
    let client = Client::with_settings(&options.endpoint, config.ids, patience)?;
    let boot_sector = match &options.boot_sector_file {
        None => None,
        Some(path) => Some(boot_sector(path)?),
    };
    let layer1 = RpcLayer1::new(client, &config, signers).with_boot_sector(boot_sector);
    Node::start(config, layer1, machine).await
}

/// Starts the node of `config` and runs it until `shutdown` resolves, or something happens that no waiting cures.
pub async fn run(
    config: Config,
    signers: Signers,
    shutdown: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    start(config, signers).await?.run(shutdown).await
}

/// A kernel, as bytes or in hexadecimal digits.
fn boot_sector(path: &Path) -> Result<Vec<u8>, NodeError> {
    let failed = |source| NodeError::BootSector { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    let text = bytes.trim_ascii();
    match text.len() >= 2 && text.iter().all(u8::is_ascii_hexdigit) {
        true => hex::decode(text).map_err(|e| failed(std::io::Error::other(e))),
        false => Ok(bytes),
    }
}
