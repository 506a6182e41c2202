//! Which host a request is for. A page in a browser can give its own name the address of this machine, and then ask as if
//! it came from here; what it cannot do is to leave its name out of the request.

use axum::extract::Request;
use axum::http::header::HOST;
use std::net::IpAddr;

/// The host as it was written; nothing if none was.
pub(super) fn of(request: &Request) -> String {
    let header =
        request.headers().get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let of_target = request.uri().authority().map(|authority| authority.as_str().to_owned());
    of_target.or(header).unwrap_or_default()
}

/// Whether it can be nothing but this machine: no name, that of every machine for itself, or an address, which nobody
/// else can give another meaning.
pub(super) fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_others() {
        for own in ["", "localhost", "LocalHost:8932", "127.0.0.1:8932", "192.168.0.7", "[::1]:8932", "[::1]"]
        {
            assert!(is_this_machine(own), "{own}");
        }
        for other in
            ["evil.example", "evil.example:8932", "localhost.evil.example", "127.0.0.1.evil.example:80", "[x"]
        {
            assert!(!is_this_machine(other), "{other}");
        }
    }
}
