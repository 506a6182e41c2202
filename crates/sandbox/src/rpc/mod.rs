//! The RPC server: the network's paths, and a few of the sandbox's own.

mod accounts;
mod app;
mod bakers;
mod blocks;
mod contracts;
mod disputes;
mod entrypoints;
mod error;
mod helpers;
mod injection;
mod media;
mod mempool;
mod monitor;
mod node;
mod request;
mod rollups;
mod sandbox;
mod scripts;
mod shape;
mod tickets;

pub(crate) use app::App;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use error::RpcError;
use std::any::Any;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

/// The whole RPC. Slashes that are doubled or at the end of a path mean nothing, as on the network.
pub(crate) fn router(app: App) -> Router {
    let services = services(app);
    Router::new().fallback(move |request: Request| {
        let services = services.clone();
        async move { services.oneshot(tidied(request)).await }
    })
}

/// The request with a single slash before each part of its path, and none behind the last one.
fn tidied(mut request: Request) -> Request {
    let path = request.uri().path();
    if !path.contains("//") && !path.ends_with('/') {
        return request;
    }
    let mut tidy: String =
        path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect();
    if tidy.is_empty() {
        tidy.push('/');
    }
    if let Some(query) = request.uri().query() {
        tidy = format!("{tidy}?{query}");
    }
    if let Ok(uri) = tidy.parse() {
        *request.uri_mut() = uri;
    }
    request
}

fn services(app: App) -> Router {
    let block = Router::new()
        .merge(blocks::routes())
        .merge(bakers::routes())
        .nest("/context", accounts::routes())
        .nest("/context/contracts", contracts::routes())
        .nest("/context/big_maps", contracts::big_map_routes())
        .nest("/context/smart_rollups", rollups::routes())
        .nest("/helpers", helpers::routes());
    Router::new()
        .merge(node::routes())
        .route("/chains/{chain}/levels/{mark}", get(blocks::mark))
        .route("/chains/{chain}/chain_id", get(blocks::chain_id))
        .route("/chains/{chain}/is_bootstrapped", get(blocks::is_bootstrapped))
        .route("/chains/{chain}/blocks", get(blocks::list))
        .route("/chains/{chain}/blocks/{block}", get(blocks::whole))
        .nest("/chains/{chain}/blocks/{block}", block)
        .nest("/chains/{chain}/mempool", mempool::routes())
        .route("/monitor/bootstrapped", get(monitor::bootstrapped))
        .route("/monitor/heads/{chain}", get(monitor::heads))
        .route("/monitor/applied_blocks", get(monitor::applied_blocks))
        .route("/monitor/validated_blocks", get(monitor::applied_blocks))
        .route("/monitor/active_chains", get(monitor::active_chains))
        .route("/injection/operation", post(injection::operation))
        .route("/private/injection/operation", post(injection::operation))
        .nest("/sandbox", sandbox::routes())
        .fallback(|request: Request| async move {
            RpcError::not_found(format!("no service at {}", request.uri().path()))
        })
        .method_not_allowed_fallback(|| async { RpcError::method_not_allowed() })
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(middleware::from_fn(media::negotiate))
        .layer(middleware::from_fn(cross_origin))
        .with_state(app)
}

/// A panic is a bug, but one that must not take the server with it.
#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn on_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    RpcError::internal(format!("a bug in the sandbox: {}", text.unwrap_or("panic"))).into_response()
}

/// Lets web pages of any origin use the sandbox: there is nothing to protect in it.
async fn cross_origin(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD, POST, OPTIONS"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("*, authorization, content-type, accept"),
        );
        // Pages of the public network may ask a layer-1 on the machine of who reads them.
        headers.insert(
            HeaderName::from_static("access-control-allow-private-network"),
            HeaderValue::from_static("true"),
        );
        response
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
