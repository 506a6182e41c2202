//! Listening.

use super::RpcError;
use crate::error::NodeError;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use std::future::Future;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;

/// What a layer says about a request that never came to a handler becomes an error like all others.
async fn typed(response: Response) -> Response {
    let status = response.status();
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let text = axum::body::to_bytes(response.into_body(), MAX_BODY).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let said = match text.trim() {
        "" => status.canonical_reason().unwrap_or("the request was refused"),
        said => said,
    };
    RpcError::of_status(status, said.to_owned()).into_response()
}

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
    let router = router
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(CatchPanicLayer::new())
        .layer(middleware::map_response(typed));
    let task = tokio::spawn(async move {
        // Connections that stay open must not hold up the end: the server is dropped, not drained.
        tokio::select! {
            ended = async { axum::serve(listener, router).await } => ended,
            () = shutdown => Ok(()),
        }
    });
    Ok(Server { addr, task })
}
