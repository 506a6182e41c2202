//! Pages that somebody else serves over HTTP.

use futures_util::StreamExt as _;
use soru_l1::shown_endpoint;
use soru_pvm::reveal::{PAGE_MAX, PreimageHash};
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::Handle;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why pages cannot be asked for there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` serves no pages: expected a URL beginning with http:// or https://")]
pub struct EndpointError {
    text: String,
}

/// A server of pages: `GET <endpoint>/<hash in hexadecimal>` answers the bytes of a page.
#[derive(Debug, Clone)]
pub struct Remote {
    endpoint: String,
    client: reqwest::Client,
    runtime: Handle,
}

impl Remote {
    /// The pages at `endpoint`. To be called within the runtime that is to fetch them.
    pub fn new(endpoint: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError { text: shown_endpoint(endpoint) };
        if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
            return Err(wrong());
        }
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            // Who serves pages does not say what else of the operator's network is asked.
            .redirect(reqwest::redirect::Policy::none());
        let client = client.build().map_err(|_| wrong())?;
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Self { endpoint, client, runtime: Handle::current() })
    }

    /// The page of a hash, or why there is none. Blocks: not for a thread of the runtime.
    pub(super) fn fetch(&self, hash: PreimageHash) -> Result<Vec<u8>, String> {
        let url = format!("{}/{hash}", self.endpoint);
        let got = self.runtime.block_on(self.get(&url, hash));
        got.map_err(|reason| format!("{}: {reason}", shown_endpoint(&url)))
    }

    async fn get(&self, url: &str, hash: PreimageHash) -> Result<Vec<u8>, String> {
        let answer = self.client.get(url).send().await.map_err(|e| e.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the server answered {}", answer.status()));
        }
        let (mut page, mut body) = (Vec::new(), answer.bytes_stream());
        while let Some(part) = body.next().await {
            page.extend_from_slice(&part.map_err(|e| e.without_url().to_string())?);
            if page.len() > PAGE_MAX {
                return Err(format!("the server answered more than {PAGE_MAX} bytes, the limit of a page"));
            }
        }
        match PreimageHash::of_page(&page) {
            found if found == hash => Ok(page),
            found => Err(format!("the server answered a page with the hash {found}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PREIMAGE_DIR, Pages};
    use super::*;
    use axum::Router;
    use axum::extract::Path;
    use axum::http::StatusCode;
    use axum::routing::get;
    use soru_pvm::reveal::PreimageSource as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    async fn served() -> (String, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let serve = async move |Path(name): Path<String>| {
            count.fetch_add(1, Ordering::SeqCst);
            let of = |page: &[u8]| PreimageHash::of_page(page).to_string();
            match name {
                name if name == of(b"page") => Ok(b"page".to_vec()),
                name if name == of(b"liar") => Ok(b"something else".to_vec()),
                name if name == of(&[7; PAGE_MAX + 1]) => Ok(vec![7; PAGE_MAX + 1]),
                _ => Err(StatusCode::NOT_FOUND),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/pages/", listener.local_addr().unwrap());
        let router = Router::new().route("/pages/{name}", get(serve));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, asked)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_of_pages_learns_nothing_and_leads_nowhere_else() {
        let (url, asked) = served().await;
        let elsewhere = url.clone();
        let serve = async move |Path(name): Path<String>| {
            axum::response::Redirect::temporary(&format!("{elsewhere}{name}"))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().route("/{name}", get(serve));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let remote = Remote::new(&format!("http://me:secret@{addr}")).unwrap();
        let hash = PreimageHash::of_page(b"page");
        let reason = tokio::task::spawn_blocking(move || remote.fetch(hash)).await.unwrap().unwrap_err();
        assert!(reason.contains("307") && reason.contains(&addr.to_string()), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        let error = Remote::new("ftp://me:secret@pages.example").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_is_fetched_checked_and_kept() {
        let (url, asked) = served().await;
        let dir = tempfile::tempdir().unwrap();
        let pages = Pages::new(dir.path(), Some(Remote::new(&url).unwrap()));
        let ask = async |page: &'static [u8]| {
            let mut pages = pages.clone();
            tokio::task::spawn_blocking(move || pages.preimage(PreimageHash::of_page(page))).await.unwrap()
        };
        assert_eq!(ask(b"page").await.unwrap(), b"page");
        assert_eq!(ask(b"page").await.unwrap(), b"page");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "the second time it is in a file");
        let kept = dir.path().join(PREIMAGE_DIR).join(PreimageHash::of_page(b"page").to_string());
        assert_eq!(std::fs::read(kept).unwrap(), b"page");
        for (page, cause) in [
            (&b"liar"[..], "a page with the hash"),
            (&[7; PAGE_MAX + 1], "more than 4096 bytes"),
            (b"nobody has it", "404"),
        ] {
            let reason = ask(page).await.unwrap_err().reason;
            assert!(reason.starts_with("waiting for the file") && reason.contains(cause), "{reason}");
        }
        assert_eq!(std::fs::read_dir(dir.path().join(PREIMAGE_DIR)).unwrap().count(), 1);
        assert!(Remote::new("ftp://pages.example").is_err());
    }
}
