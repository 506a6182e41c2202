//! Starting and stopping.

use crate::chain::{Chain, ChainError};
use crate::config::{Baking, Config, ConfigError};
use crate::{baker, rpc};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long clients may take to receive what was being sent to them when the sandbox stops.
const GRACE: Duration = Duration::from_secs(3);

/// The embedded layer-1.
#[derive(Debug)]
pub struct Sandbox;

/// A sandbox that runs. Dropping it stops it, but only [`stop`](Self::stop) waits until it has stopped.
pub struct Running {
    addr: SocketAddr,
    app: rpc::App,
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
    /// The chain cannot be opened.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl Sandbox {
    /// Opens the chain of `config.data_dir` or makes a new one, and serves it.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let constants = config.constants()?;
        // Before the chain is touched: a second sandbox on the same port should say so, and change nothing.
        let listener = listen(config.rpc_addr).await?;
        let addr =
            listener.local_addr().map_err(|reason| StartError::Listen { addr: config.rpc_addr, reason })?;

        let genesis_time = config.genesis_time.unwrap_or_else(baker::now);
        let opened = tokio::task::spawn_blocking(move || {
            Chain::open(&config.data_dir, constants, config.kept_ledgers, genesis_time)
        });
        let chain = opened.await.map_err(|e| ChainError::Panicked(e.to_string()))??;

        let app = rpc::App::new(chain);
        let mut stop = app.stop_signal();
        let server = axum::serve(listener, rpc::router(app.clone()));
        let server = tokio::spawn(async move {
            let stopped = async move {
                let _ = stop.wait_for(|stop| *stop).await;
            };
            server.with_graceful_shutdown(stopped).await
        });
        let baker = match config.baking {
            Baking::OnDemand => None,
            Baking::Every(time) => Some(tokio::spawn(baker::run(app.clone(), time))),
        };
        tracing::info!(%addr, profile = %app.network().profile().name, "the layer-1 is up");
        Ok(Running { addr, app, server: Some(server), baker })
    }
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|reason| match reason.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(addr),
        _ => StartError::Listen { addr, reason },
    })
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
        self.app.close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.app.stop();
    }
}
