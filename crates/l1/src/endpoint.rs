//! Where a layer-1 is: `http://` or `https://`, a host, maybe a port, a path, a name and a password.

use crate::error::cut;
use reqwest::Url;
use thiserror::Error;

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{endpoint}` is no endpoint of a layer-1: {reason} (expected one such as http://127.0.0.1:8732)")]
pub struct EndpointError {
    /// The text, without a password.
    pub endpoint: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An endpoint, read.
pub(crate) struct Endpoint {
    /// Without a slash at its end, and without the login.
    pub(crate) url: String,
    pub(crate) login: Option<Login>,
}

/// Who asks, for layer-1s behind a proxy that wants to know. Sent with every question, and told to nobody.
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: Option<String>,
}

impl Endpoint {
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let refuse =
            |reason: &str| EndpointError { endpoint: shown_endpoint(text), reason: reason.to_owned() };
        let full = match text.trim().split_once("://") {
            None => format!("http://{}", text.trim()),
            Some(("http" | "https", _)) => text.trim().to_owned(),
            Some(_) => return Err(refuse("only http and https are spoken")),
        };
        let mut url = Url::parse(&full).map_err(|e| refuse(&e.to_string()))?;
        if !url.has_host() || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a host and maybe a path are expected"));
        }
        let decoded = |part: &str| percent_decoded(part).ok_or_else(|| refuse("its login is no UTF-8"));
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (name, password) => {
                Some(Login { name: decoded(name)?, password: password.map(decoded).transpose()? })
            }
        };
        // Neither fails for a URL with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), login })
    }
}

/// An endpoint as it may be logged: without a name and password.
pub fn shown_endpoint(endpoint: &str) -> String {
    let (scheme, rest) = match endpoint.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), endpoint),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password with a slash that is not escaped ends what should be the host, and the port is none.
    let port = rest[..end].rsplit_once(':').map_or("", |(_, port)| port.trim_end_matches(']'));
    let is_broken = !port.bytes().all(|byte| byte.is_ascii_hexdigit());
    let login = rest[..end].rfind('@').or_else(|| rest.rfind('@').filter(|_| is_broken));
    let host = login.map_or(0, |at| at + 1);
    cut(&format!("{scheme}{}", &rest[host..]))
}

/// The text that `%40` and the like stand for.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits =
            after.get(..2).filter(|_| byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_path_and_login_are_told_apart() {
        for (text, url, login) in [
            ("127.0.0.1:8732", "http://127.0.0.1:8732", None),
            ("http://node/", "http://node", None),
            ("https://rpc.example/mainnet/", "https://rpc.example/mainnet", None),
            (
                "https://me:p%40ss@rpc.example:8443/v1",
                "https://rpc.example:8443/v1",
                Some(("me", Some("p@ss"))),
            ),
            ("http://token@node", "http://node", Some(("token", None))),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.url, url);
            let found = endpoint.login.as_ref().map(|l| (l.name.as_str(), l.password.as_deref()));
            assert_eq!(found, login, "{text}");
        }
    }

    #[test]
    fn a_password_is_in_no_message() {
        for text in [
            "ftp://me:secret@node/x",
            "http://me:secret@node/x?y",
            "https://me:secret@/x",
            "me:secret@node?x",
            "https://me:my/secret@node",
            "https://me:my?secret#@node",
        ] {
            let error = Endpoint::parse(text).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert_eq!(shown_endpoint("https://me:secret@node/a@b"), "https://node/a@b");
        assert_eq!(shown_endpoint("node:1"), "node:1");
    }
}
