//! Starting and stopping.

use crate::chain::{Chain, ChainError};
use crate::config::{Baking, Config, ConfigError};
use crate::constants::ChainConstants;
use crate::{baker, rpc};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// How long clients may take to receive what was being sent to them when the sandbox stops.
const GRACE: Duration = Duration::from_secs(3);
/// Stack of a thread, of which only what is used takes memory. What reads, prints and drops JSON recurses, and the deepest
/// expression that an operation may have is nested [`MAX_JSON_DEPTH`](crate::chain::MAX_JSON_DEPTH) deep.
const STACK: usize = 64 * 1024 * 1024;
const THREADS: usize = 2;
const BLOCKING_THREADS: usize = 16;

/// The embedded layer-1.
#[derive(Debug)]
pub struct Sandbox;

/// A sandbox that runs. Dropping it stops it, but only [`stop`](Self::stop) waits until it has stopped.
pub struct Running {
    addr: SocketAddr,
    app: rpc::App,
    threads: Threads,
    server: Option<JoinHandle<io::Result<()>>>,
    baker: Option<JoinHandle<()>>,
}

/// Why a sandbox does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another program listens there.
    #[error("port {} of {} is in use: stop the program that listens there, or choose another port (0 takes a free one)", .0.port(), .0.ip())]
    PortInUse(
        /// The address asked for.
        SocketAddr,
    ),
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {addr}: {reason}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system says.
        reason: io::Error,
    },
    /// No threads to be had.
    #[error("cannot start threads: {0}")]
    Threads(
        /// What the system says.
        io::Error,
    ),
    /// The chain cannot be opened.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl Sandbox {
    /// Opens the chain of `config.data_dir` or makes a new one, and serves it.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let constants = config.constants()?;
        // Before the chain is touched: a second sandbox on the same port should say so, and change nothing.
        let (listener, addr) = listen(config.rpc_addr)?;
        let threads = Threads::start().map_err(StartError::Threads)?;

        let baking = config.baking;
        let opened = threads.handle().spawn_blocking(move || open(constants, &config));
        let chain = opened.await.map_err(|e| ChainError::Panicked(e.to_string()))??;

        let app = rpc::App::new(chain);
        let mut stop = app.stop_signal();
        let router = rpc::router(app.clone());
        let server = threads.handle().spawn(async move {
            let stopped = async move {
                let _ = stop.wait_for(|stop| *stop).await;
            };
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).with_graceful_shutdown(stopped).await
        });
        let baker = match baking {
            Baking::OnDemand => None,
            Baking::Every(time) => Some(threads.handle().spawn(baker::run(app.clone(), time))),
        };
        tracing::info!(%addr, profile = %app.network().profile().name, "the layer-1 is up");
        Ok(Running { addr, app, threads, server: Some(server), baker })
    }
}

/// A chain that goes on by the clock starts with the blocks that clients ask for before they do anything else.
const FIRST_BLOCKS: u32 = 2;

fn open(constants: ChainConstants, config: &Config) -> Result<Chain, ChainError> {
    let first = match config.baking {
        Baking::Every(_) => FIRST_BLOCKS,
        Baking::OnDemand => 0,
    };
    let delay = i64::try_from(constants.rules.profile.minimal_block_delay).unwrap_or(i64::MAX);
    // The last of them is of the present.
    let genesis = baker::now().saturating_sub(delay.saturating_mul(first.into()));
    let genesis = config.genesis_time.unwrap_or(genesis);
    let mut chain = Chain::open(&config.data_dir, constants, config.kept_ledgers, genesis)?;
    while chain.head().level().get() < first {
        chain.bake_next()?;
    }
    chain.take_new_heads();
    Ok(chain)
}

fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |reason: io::Error| match reason.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(addr),
        _ => StartError::Listen { addr, reason },
    };
    let listener = TcpListener::bind(addr).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let chosen = listener.local_addr().map_err(failed)?;
    Ok((listener, chosen))
}

/// Threads of the sandbox's own, with stacks of their own size.
struct Threads(Option<Runtime>);

impl Threads {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_stack_size(STACK)
            .thread_name("soru-sandbox")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("only a drop takes the runtime away").handle()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that waits for its threads must not be dropped where others run.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Running {
    /// Where the RPC listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The RPC's address for a client: `http://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Ends streams, server and baker, and gives up the directory. What was answered is stored.
    pub async fn stop(mut self) {
        self.app.stop();
        if let Some(baker) = self.baker.take() {
            let _ = baker.await;
        }
        if let Some(mut server) = self.server.take() {
            // A client that neither reads nor goes away must not keep the sandbox alive.
            if tokio::time::timeout(GRACE, &mut server).await.is_err() {
                server.abort();
                let _ = server.await;
            }
        }
        let app = self.app.clone();
        if let Err(e) = self.threads.handle().spawn_blocking(move || app.close()).await {
            tracing::error!("closing the chain: {e}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.app.stop();
    }
}
