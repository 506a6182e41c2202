//! Questions to a layer-1 over HTTP: retries, limits, and errors that say what was asked and where.

use crate::backoff::Backoff;
use crate::endpoint::{Endpoint, EndpointError, Login, shown_endpoint};
use crate::error::{L1Error, Place, cut};
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::{Method, Response, StatusCode, header};
use serde_json::Value;
use soru_base::{IdFamily, Json, JsonError, json_text};
use soru_protocol::receipt::ErrorReport;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How deep an answer may be nested. Contracts of the public network go far beyond the 128 that are usual.
const MAX_DEPTH: usize = 2 * soru_michelson::MAX_DEPTH + 100;

/// How patient a [`Client`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for a whole answer.
    pub request_timeout: Duration,
    /// How long the stream of heads may be silent before it is opened anew: the other side may be gone without a
    /// word.
    pub silence: Duration,
    /// Bytes of an answer, at most.
    pub max_body: usize,
    /// How often a question is put again when the layer-1 says that it is overloaded.
    pub retries: u32,
    /// Waits between attempts.
    pub backoff: Backoff,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            silence: Duration::from_secs(120),
            max_body: 128 * 1024 * 1024,
            retries: 5,
            backoff: Backoff::default(),
        }
    }
}

/// A layer-1, seen through its RPC. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    // Without the name and password, which are in no message.
    endpoint: Arc<str>,
    login: Option<Arc<Login>>,
    family: IdFamily,
    settings: Settings,
}

/// What a failed attempt to get an answer allows.
enum Attempt {
    Answer(Response),
    // The layer-1 did not look at the question: it may be put again, after that time if it says one.
    Later(L1Error, Option<Duration>),
    Failed(L1Error),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    /// A layer-1 at `endpoint`, whose identifiers are of that family. Nothing is sent yet.
    pub fn new(endpoint: &str, family: IdFamily) -> Result<Self, EndpointError> {
        Self::with_settings(endpoint, family, Settings::default())
    }

    /// As [`Client::new`], with other limits.
    pub fn with_settings(
        endpoint: &str,
        family: IdFamily,
        settings: Settings,
    ) -> Result<Self, EndpointError> {
        let parsed = Endpoint::parse(endpoint)?;
        let http = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            // A layer-1 is asked directly, whatever the environment says.
            .no_proxy()
            // An operation sent elsewhere, a password handed on: the person who configured the endpoint decides.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("soru/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| EndpointError { endpoint: shown_endpoint(endpoint), reason: causes(&e) })?;
        Ok(Self { http, endpoint: parsed.url.into(), login: parsed.login.map(Arc::new), family, settings })
    }

    /// Where the layer-1 is, without a name and password.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The family of its identifiers.
    pub fn family(&self) -> IdFamily {
        self.family
    }

    /// How patient the client is.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The answer to a GET of `path`, which starts with a slash.
    pub async fn get(&self, path: &str) -> Result<Value, L1Error> {
        self.ask(Method::GET, path, None).await
    }

    /// The answer to a POST of `body` to `path`, which starts with a slash.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, L1Error> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// The answer to a GET, as a type.
    pub(crate) async fn get_as<T: Json>(&self, path: &str) -> Result<T, L1Error> {
        let value = self.get(path).await?;
        self.read(path, &value, |v| T::from_json(v, self.family))
    }

    /// Reads an answer; what is wrong with it becomes an error of that question.
    pub(crate) fn read<T>(
        &self,
        path: &str,
        value: &Value,
        read: impl FnOnce(&Value) -> Result<T, JsonError>,
    ) -> Result<T, L1Error> {
        read(value).map_err(|error| L1Error::BadJson { place: self.place(path), error })
    }

    pub(crate) fn place(&self, path: &str) -> Place {
        Place { endpoint: self.endpoint.clone(), path: path.to_owned() }
    }

    /// The answer to any question; `path` starts with a slash.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, L1Error> {
        let mut attempt = 0;
        loop {
            let (error, after) = match self.open(&method, path, body).await {
                Attempt::Answer(response) => return self.whole_answer(path, response).await,
                Attempt::Failed(error) => return Err(error),
                Attempt::Later(error, after) => (error, after),
            };
            if attempt == self.settings.retries {
                return Err(error);
            }
            let own = self.settings.backoff.wait(attempt);
            let wait = after.map_or(own, |asked| asked.clamp(own, self.settings.backoff.longest.max(own)));
            tracing::debug!(%error, ?wait, "asking again later");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Opens a stream of answers: without retries, and without a limit of time but for its beginning.
    pub(crate) async fn open_stream(&self, path: &str) -> Result<Response, L1Error> {
        match self.open(&Method::GET, path, None).await {
            Attempt::Answer(response) => match response.status() {
                StatusCode::OK => Ok(response),
                _ => Err(match self.whole_answer(path, response).await {
                    Err(error) => error,
                    Ok(_) => self.broken(path, "an answer that is no stream"),
                }),
            },
            Attempt::Later(error, _) | Attempt::Failed(error) => Err(error),
        }
    }

    async fn open(&self, method: &Method, path: &str, body: Option<&Value>) -> Attempt {
        let place = self.place(path);
        tracing::debug!(target: "soru_l1::requests", "{method} {place}");
        let request = self.http.request(method.clone(), place.to_string());
        // A real node can answer in binary, too.
        let mut request = request.header(header::ACCEPT, "application/json");
        if let Some(login) = &self.login {
            request = request.basic_auth(&login.name, login.password.as_ref());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = match tokio::time::timeout(self.settings.request_timeout, request.send()).await {
            Err(_) => {
                return Attempt::Failed(L1Error::Timeout { place, after: self.settings.request_timeout });
            }
            Ok(Err(error)) => return Attempt::Failed(L1Error::Unreachable { place, reason: causes(&error) }),
            Ok(Ok(response)) => response,
        };
        let overloaded = match response.status() {
            StatusCode::TOO_MANY_REQUESTS => true,
            // A proxy says the same of an operation that it handed on: an injection is not repeated.
            StatusCode::SERVICE_UNAVAILABLE => !path.contains("/injection/"),
            _ => false,
        };
        if !overloaded {
            return Attempt::Answer(response);
        }
        let after =
            response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
        let code = response.status().as_u16();
        let body = self.body(path, response).await.map(|b| text(&b)).unwrap_or_default();
        Attempt::Later(L1Error::HttpStatus { place, code, body }, after.map(Duration::from_secs))
    }

    async fn whole_answer(&self, path: &str, response: Response) -> Result<Value, L1Error> {
        let status = response.status();
        let moved_to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).map(cut);
        let limit = self.settings.request_timeout;
        let body = match tokio::time::timeout(limit, self.body(path, response)).await {
            Ok(body) => body?,
            Err(_) => return Err(L1Error::Timeout { place: self.place(path), after: limit }),
        };
        if status.is_success() {
            return match body.is_empty() {
                true => Ok(Value::Null),
                false => self.read(path, &Value::Null, |_| json_text::parse(&body, MAX_DEPTH)),
            };
        }
        let place = self.place(path);
        if let Some(to) = moved_to.filter(|_| status.is_redirection()) {
            let body = format!("it is at {to} now: no redirection is followed, give that endpoint");
            return Err(L1Error::HttpStatus { place, code: status.as_u16(), body });
        }
        let reports = json_text::parse(&body, MAX_DEPTH).ok().and_then(|v| reports(&v));
        Err(match (status, reports) {
            (StatusCode::NOT_FOUND, _) => L1Error::NotFound { place },
            (StatusCode::GONE, _) => L1Error::Gone { place },
            (_, Some(errors)) => L1Error::Rejected { place, errors },
            (_, None) => L1Error::HttpStatus { place, code: status.as_u16(), body: text(&body) },
        })
    }

    async fn body(&self, path: &str, response: Response) -> Result<Vec<u8>, L1Error> {
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk: Bytes = chunk.map_err(|e| self.broken(path, &causes(&e)))?;
            if body.len() + chunk.len() > self.settings.max_body {
                let found = format!("more than {} bytes", self.settings.max_body);
                let error = JsonError { path: String::new(), expected: "a shorter answer".to_owned(), found };
                return Err(L1Error::BadJson { place: self.place(path), error });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    pub(crate) fn broken(&self, path: &str, reason: &str) -> L1Error {
        L1Error::Unreachable { place: self.place(path), reason: reason.to_owned() }
    }
}

/// The network's errors: a non-empty array of objects with an id.
fn reports(body: &Value) -> Option<Vec<ErrorReport>> {
    let errors = body.as_array().filter(|errors| !errors.is_empty())?;
    errors.iter().map(|e| e.get("id")?.as_str().map(|_| ErrorReport(e.clone()))).collect()
}

fn text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(2_000)]);
    match text.trim() {
        "" => "an empty answer".to_owned(),
        text => cut(text),
    }
}

/// An error of the HTTP library with what led to it, without the address, which the place says.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cut(&cause.to_string())
}
