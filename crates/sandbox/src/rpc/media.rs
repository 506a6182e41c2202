//! The forms of bodies: JSON alone. Who insists on another form is told so, in the way that the network's client understands.

use super::error::RpcError;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Forms that a network's node takes and this one does not.
const OTHERS: [&str; 2] = ["application/octet-stream", "application/bson"];

/// Refuses bodies in other forms, and requests that accept no JSON.
pub(super) async fn negotiate(request: Request, next: Next) -> Response {
    if let Some(form) = text(request.headers(), header::CONTENT_TYPE)
        && OTHERS.contains(&essence(form).as_str())
    {
        return RpcError::unsupported_media(format!("a body of {form}: only application/json is understood"))
            .into_response();
    }
    if let Some(accepted) = text(request.headers(), header::ACCEPT)
        && !accepted.split(',').any(takes_json)
    {
        return RpcError::not_acceptable("application/json").into_response();
    }
    next.run(request).await
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A media type without its parameters.
fn essence(range: &str) -> String {
    range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn takes_json(range: &str) -> bool {
    let refused = range.split(';').skip(1).any(|parameter| {
        let weight = parameter.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
        weight.is_some_and(|q| q <= 0.0)
    });
    // What is no list of media types is no reason to refuse.
    let essence = essence(range);
    !refused
        && (!essence.contains('/')
            || ["application/json", "application/*", "*/*"].contains(&essence.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_in_lists() {
        for accepted in [
            "*/*",
            "application/json",
            "text/html, */*;q=0.8",
            "application/octet-stream;q=0.2,application/json;q=1",
        ] {
            assert!(accepted.split(',').any(takes_json), "{accepted}");
        }
        for accepted in ["application/octet-stream", "application/json;q=0", "text/html"] {
            assert!(!accepted.split(',').any(takes_json), "{accepted}");
        }
    }
}
