//! Which names and which web pages may talk to the server.
//!
//! A page of a stranger can let its own host name resolve to a loopback address (DNS rebinding) and
//! then counts as same-origin. Such a request carries the stranger's name in `Host`, so names are
//! checked; addresses cannot be rebound and always pass.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::{Next, from_fn},
    response::Response,
};

use super::refuse;
use crate::error::RpcError;

/// Refuses requests under other host names than loopback names, IP addresses and `allowed`
/// (`"*"`: any) with 403.
pub fn guard_hosts(router: Router, allowed: &[String]) -> Router {
    let allowed: Arc<[String]> = allowed.iter().map(|name| name.to_ascii_lowercase()).collect();
    router.layer(from_fn(move |request: Request, next: Next| {
        let allowed = allowed.clone();
        async move {
            if host_allowed(&request, &allowed) { next.run(request).await } else { forbidden() }
        }
    }))
}

fn forbidden() -> Response {
    let text = "invalid host specified: add the name to allowed_hosts in the node's configuration";
    refuse(StatusCode::FORBIDDEN, &RpcError::invalid_request(text))
}

fn host_allowed(request: &Request, allowed: &[String]) -> bool {
    if allowed.iter().any(|name| name == "*") {
        return true;
    }
    let header = request.headers().get(header::HOST).map(|value| value.to_str());
    let host = match (header, request.uri().host()) {
        (Some(Ok(host)), _) => host_name(host),
        (Some(Err(_)), _) => return false,
        (None, Some(host)) => host.to_ascii_lowercase(),
        // No browser leaves the name out.
        (None, None) => return true,
    };
    is_local(&host) || allowed.contains(&host)
}

/// Host without port, lower case, without the brackets of an IPv6 address.
fn host_name(host: &str) -> String {
    let host = host.trim();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok()
}

/// Whether a web page may open a WebSocket, or send what browsers send without asking first: they name
/// the page's origin, and CORS does not apply. Pages of this machine and of the same host may.
/// Programs send no origin.
pub fn may_connect(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    if origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Ok(uri) = origin.parse::<Uri>() else {
        return false;
    };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(host_name);
    uri.host().map(host_name).is_some_and(|host| is_loopback(&host) || Some(host) == own)
}

fn is_loopback(host: &str) -> bool {
    let name = host == "localhost" || host.ends_with(".localhost");
    name || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with_host(host: &str) -> Request {
        Request::builder().uri("/").header("host", host).body(axum::body::Body::empty()).unwrap()
    }

    #[test]
    fn names_of_strangers_are_refused() {
        for good in [
            "localhost",
            "LOCALHOST:8545",
            "127.0.0.1:80",
            "[::1]:8545",
            "10.1.2.3",
            "a.localhost",
            "node.example:443",
        ] {
            assert!(host_allowed(&with_host(good), &["node.example".into()]), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example:8545", "127.0.0.1.evil.example", ""] {
            assert!(!host_allowed(&with_host(bad), &["node.example".into()]), "{bad}");
        }
        assert!(host_allowed(&with_host("evil.example"), &["*".into()]));
    }

    #[test]
    fn pages_of_strangers_open_no_websocket() {
        let check = |origin: &str, origins: &[String]| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "node.example:8545".parse().unwrap());
            headers.insert("origin", origin.parse().unwrap());
            may_connect(&headers, origins)
        };
        assert!(check("http://localhost:3000", &[]));
        assert!(check("https://node.example", &[]));
        assert!(!check("https://evil.example", &[]));
        assert!(!check("null", &[]));
        assert!(check("https://evil.example", &["https://evil.example".into()]));
        assert!(may_connect(&HeaderMap::new(), &[]), "programs send no origin");
    }
}
