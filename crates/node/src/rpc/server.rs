//! Listening.

use crate::error::NodeError;
use axum::Router;
use std::future::Future;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    /// Where it listens; the port is the real one even if 0 was asked for.
    pub addr: SocketAddr,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Waits until the server has ended.
    pub async fn ended(self) {
        drop(self.task.await);
    }
}

/// Listens on `addr` until `shutdown` resolves.
pub async fn serve(
    addr: SocketAddr,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Server, NodeError> {
    let listen = |source| NodeError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let router = router.layer(RequestBodyLimitLayer::new(MAX_BODY)).layer(CatchPanicLayer::new());
    let task = tokio::spawn(async move {
        // Connections that stay open must not hold up the end: the server is dropped, not drained.
        tokio::select! {
            ended = async { axum::serve(listener, router).await } => ended,
            () = shutdown => Ok(()),
        }
    });
    Ok(Server { addr, task })
}
