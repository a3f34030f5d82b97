//! Behind a proxy that does the TLS: who really asks, and whether he asked by https.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName},
    middleware::Next,
    response::Response,
};

use super::Api;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Addresses looked at in X-Forwarded-For; a chain of proxies is not longer.
const HOPS_MAX: usize = 16;

/// Takes a trusted proxy's word for who asks and how, and nobody else's.
pub async fn believe(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let trusted = |ip: IpAddr| api.settings.trusted_proxies.iter().any(|network| network.contains(ip.to_canonical()));
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    match peer.filter(|peer| trusted(peer.ip())) {
        Some(_) => {
            if let Some(client) = client(request.headers(), trusted) {
                request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, 0)));
            }
        }
        None => drop(request.headers_mut().remove(PROTO)),
    }
    next.run(request).await
}

/// The last address that no proxy of ours has: what stands before it anybody may have written.
fn client(headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let lines: Vec<&str> = headers.get_all(FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(HOPS_MAX);
    let mut last = None;
    for hop in hops {
        let address: IpAddr = hop.trim().trim_matches(['[', ']']).parse().ok()?;
        last = Some(address);
        if !trusted(address) {
            break;
        }
    }
    last
}

/// Whether the browser speaks https, to us or to the proxy before us.
pub fn is_https(api: &Api, headers: &HeaderMap) -> bool {
    api.settings.secure || headers.get(PROTO).is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_our_proxies_wrote_is_believed() {
        let trusted = |ip: IpAddr| ip == IpAddr::from([10, 0, 0, 1]) || ip.is_loopback();
        let told = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FOR, HeaderValue::from_static(line));
            }
            client(&headers, trusted).map(|ip| ip.to_string())
        };
        assert_eq!(told(&["203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(told(&["1.1.1.1, 203.0.113.9, 10.0.0.1"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(told(&["1.1.1.1", "203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(told(&["[2001:db8::1]"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(told(&["nonsense"]), None);
        assert_eq!(told(&[]), None);
    }
}
