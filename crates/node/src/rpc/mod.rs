//! The node's RPC server: paths and JSON of the network's rollup node.

mod absent;
pub(crate) mod batcher;
mod block;
mod disputes;
mod durable;
mod error;
mod global;
mod host;
mod json;
mod local;
mod monitor;
mod openapi;
mod root;
mod route;
mod schema;
mod server;
mod shapes;
mod simulate;
mod state;

pub use error::RpcError;
pub use openapi::description;
pub use server::{Server, serve};

use crate::batcher::Inlet;
use crate::config::{Config, Cors};
use crate::layer1::Constants;
use crate::machine::Machine;
use crate::status::{GamesCell, StatusCell};
use crate::store::Store;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use route::Route;
use std::sync::{Arc, RwLock};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Routes by which others can make the node do something: open to all of the machine, to the rest of the world only by name.
pub const WRITE_ROUTES: [&str; 3] = [batcher::INJECTION, batcher::CLEARING, simulate::PATH];

/// What the handlers read.
#[derive(Clone)]
pub struct Context {
    /// The store.
    pub store: Store,
    /// Reads states.
    pub machine: Arc<dyn Machine>,
    /// What the node is doing.
    pub status: StatusCell,
    /// The games it plays.
    pub games: GamesCell,
    /// The way to the batcher, if the mode has one.
    pub batcher: Option<Inlet>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The layer-1's constants, once they are known.
    pub constants: Arc<RwLock<Option<Constants>>>,
    /// Held by a simulation: there is one at a time.
    pub simulations: Arc<tokio::sync::Semaphore>,
    /// Renders the metrics.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// Every route, in the order of the documentation. Router, description and the book's table come from here.
fn routes() -> Vec<Route> {
    [
        block::routes(),
        state::routes(),
        durable::routes(),
        simulate::routes(),
        global::routes(),
        monitor::routes(),
        local::routes(),
        batcher::routes(),
        disputes::routes(),
        root::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All routes.
pub fn router(context: Context) -> Router {
    let mut router = Router::new();
    for Route { path, writes, serve, .. } in routes() {
        let guard = (context.clone(), path);
        let serve = match writes {
            true => serve.route_layer(middleware::from_fn_with_state(guard, guarded)),
            false => serve,
        };
        router = router.route(path, serve);
    }
    let cors = cors(&context.config.options.cors);
    router
        .fallback(async |method: Method, uri: Uri| match route::absent(method.as_str(), uri.path()) {
            Some(error) => error,
            None => RpcError::not_found(format!("there is no RPC at {}: /help lists them", uri.path())),
        })
        .method_not_allowed_fallback(async || RpcError::method_not_allowed())
        .with_state(context)
        .layer(cors)
}

/// What browsers are told about pages of others: without a word about them, nothing.
fn cors(allowed: &Cors) -> CorsLayer {
    if allowed.origins.is_empty() {
        return CorsLayer::new();
    }
    let any = |words: &[String]| words.iter().any(|word| word == "*");
    let origins = allowed.origins.iter().filter_map(|origin| origin.parse().ok());
    let headers = allowed.headers.iter().filter_map(|header| header.parse().ok());
    CorsLayer::new()
        .allow_origin(if any(&allowed.origins) { AllowOrigin::any() } else { AllowOrigin::list(origins) })
        .allow_headers(if any(&allowed.headers) { AllowHeaders::any() } else { AllowHeaders::list(headers) })
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
}

async fn guarded(
    State((context, route)): State<(Context, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let refuse = |why: String| {
        RpcError::not_allowed(format!("{why}: `rpc-allow` of the configuration does not name {route}"))
            .into_response()
    };
    let addr = context.config.options.rpc_addr;
    match host::of(&request) {
        _ if context.config.allows(route) => next.run(request).await,
        _ if !addr.is_loopback() => refuse(format!("the RPC listens on {addr}, for everybody")),
        host if !host::is_this_machine(&host) => refuse(format!(
            "the request is for the host `{}`, which is not this machine",
            host.escape_debug()
        )),
        _ => next.run(request).await,
    }
}

/// The route of the metrics alone.
pub fn metrics_router(context: Context) -> Router {
    Router::new().route("/metrics", axum::routing::get(root::metrics)).with_state(context)
}

#[cfg(test)]
pub(crate) mod described;
