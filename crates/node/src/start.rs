//! A node from its configuration: the layer-1 by RPC, kernels on Wasmtime.

use crate::config::{Config, Purpose};
use crate::error::NodeError;
use crate::node::Node;
use crate::rpc_layer1::RpcLayer1;
use crate::wasm::WasmMachine;
use serde_json::{Value, json};
use soru_engine::{Compiler, Engine};
use soru_l1::Client;
use soru_l1::operate::Signer;
use std::future::Future;
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
    let one = |purpose| config.signer(purpose).map(|key| (purpose, key));
    let single = [Purpose::Publish, Purpose::Cement, Purpose::Refute].into_iter().filter_map(one);
    let batchers = config.batchers().into_iter().map(|key| (Purpose::AddMessages, key));
    for (purpose, key) in single.chain(batchers) {
        if !signers.iter().any(|signer| signer.public_key().hash() == key) {
            return Err(NodeError::NoKey { key, purpose });
        }
    }
    let options = &config.options;
    let compiler = match options.wasm_compiler {
        Some(compiler) => compiler,
        None => Compiler::from_env()?.unwrap_or_default(),
    };
    let engine = Engine::new(soru_engine::Options {
        compiler,
        cache: Some(config.data_dir.join(CACHE_DIR)),
        deadline: options.kernel_deadline,
    })?;
    let machine = WasmMachine::new(engine, report, config.data_dir.clone(), options.log_kernel_debug);
    let client = Client::new(&options.endpoint, config.ids)?;
    let layer1 = RpcLayer1::new(client, &config, signers);
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

fn report(engine: &Engine) -> Value {
    let status = engine.status();
    json!({
        "compiler": status.compiler.name(),
        "runs": status.runs,
        "compiled": status.compiled,
        "loaded": status.loaded,
        "retreats": status.retreats,
        "deadlines": status.deadlines,
        "recounts": status.recounts,
    })
}
