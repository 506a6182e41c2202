//! Questions over HTTP, one after the other.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::sync::LazyLock;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// A server.
#[derive(Clone)]
pub(crate) struct Rpc {
    pub(crate) url: String,
}

impl Rpc {
    /// Status and body, `null` if that is no JSON; nothing if the server is not there.
    pub(crate) fn call(&self, method: Method, path: &str, body: &str) -> Option<(StatusCode, Value)> {
        let url = format!("{}{path}", self.url);
        RUNTIME.block_on(async {
            let request = HTTP.request(method, url).header("content-type", "application/json");
            let response = request.body(body.to_owned()).send().await.ok()?;
            let status = response.status();
            let text = response.text().await.ok()?;
            Some((status, serde_json::from_str(&text).unwrap_or_default()))
        })
    }

    /// The answer, unless the server is not there or says that it has none.
    pub(crate) fn find(&self, path: &str) -> Option<Value> {
        self.call(Method::GET, path, "").filter(|(status, _)| status.is_success()).map(|(_, answer)| answer)
    }

    /// The answer to a question that has one.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) =
            self.call(Method::GET, path, "").unwrap_or_else(|| panic!("{} is not there", self.url));
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// The answer to an order that is carried out.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self
            .call(Method::POST, path, &body.to_string())
            .unwrap_or_else(|| panic!("{} is not there", self.url));
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }
}
