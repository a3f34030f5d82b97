//! What every request passes: where it comes from, and the headers that every answer carries.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, Problem, proxy};

/// Writes need an `Origin` of ours. Programs send none, and no browser metadata either.
pub async fn origin(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads && let Err(problem) = check_origin(&api, request.headers()) {
        return problem.into_response();
    }
    next.run(request).await
}

/// Also for the live socket, which is opened by a GET and not held back by the same-origin policy.
pub fn check_origin(api: &Api, headers: &HeaderMap) -> Result<(), Problem> {
    let ours = match headers.get(header::ORIGIN) {
        Some(origin) => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            origin
                .to_str()
                .is_ok_and(|origin| is_ours(origin, host) || api.settings.origins.iter().any(|o| o == origin))
        }
        None => match headers.get("sec-fetch-site") {
            Some(site) => site == "same-origin" || site == "none",
            None => true,
        },
    };
    if ours {
        return Ok(());
    }
    metrics::counter!("api_foreign_origin_total").increment(1);
    Err(Problem::forbidden("The request comes from another site.")
        .hint("Behind a proxy, pass the Host header on or add the origin to [http] origins."))
}

fn is_ours(origin: &str, host: &str) -> bool {
    let origin = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    !host.is_empty() && origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
}

/// Headers of every answer, whatever it is.
pub async fn headers(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let is_https = proxy::is_https(&api, request.headers());
    let live_or_api = request.uri().path().starts_with("/api/") || request.uri().path() == "/metrics";
    let mut response = next.run(request).await;
    let is_text = |type_: &HeaderValue| type_.as_bytes().starts_with(b"text/plain");
    // What the router itself could not read, as a path that is no UTF-8.
    if live_or_api
        && response.status() == StatusCode::BAD_REQUEST
        && response.headers().get(header::CONTENT_TYPE).is_some_and(is_text)
    {
        response = Problem::bad_request("The address can't be read.").into_response();
    }
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &HeaderValue| {
        headers.entry(name).or_insert_with(|| value.clone());
    };
    set(header::CONTENT_SECURITY_POLICY, &api.pages.policy);
    set(header::X_CONTENT_TYPE_OPTIONS, &HeaderValue::from_static("nosniff"));
    set(header::X_FRAME_OPTIONS, &HeaderValue::from_static("DENY"));
    set(header::REFERRER_POLICY, &HeaderValue::from_static("no-referrer"));
    set(HeaderName::from_static("cross-origin-opener-policy"), &HeaderValue::from_static("same-origin"));
    set(HeaderName::from_static("cross-origin-resource-policy"), &HeaderValue::from_static("same-origin"));
    set(HeaderName::from_static("permissions-policy"), &HeaderValue::from_static("camera=(), geolocation=()"));
    if live_or_api {
        set(header::CACHE_CONTROL, &HeaderValue::from_static("no-store"));
    }
    if is_https {
        set(header::STRICT_TRANSPORT_SECURITY, &HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// What proxies add.
const HANDED_ON: [&str; 5] = ["x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via"];

/// A request from this machine that also names this machine: a page elsewhere whose name was pointed at us by a forged
/// DNS answer comes from here too, but under its own name; and what a proxy on this machine hands on says so, or names where
/// it was asked.
pub fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let names_us = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    let handed_on = HANDED_ON.iter().any(|header| headers.contains_key(*header));
    peer.to_canonical().is_loopback() && names_us && !handed_on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_the_host_that_was_asked() {
        assert!(is_ours("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(is_ours("https://Switch.example", "switch.example"));
        for foreign in ["null", "", "http://evil.example", "http://127.0.0.1:8081", "127.0.0.1:8080", "http://"] {
            assert!(!is_ours(foreign, "127.0.0.1:8080"), "{foreign}");
        }
        assert!(!is_ours("http://", ""));
    }

    #[test]
    fn local_means_from_here_and_to_here() {
        let asks = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            headers
        };
        let here = IpAddr::from([127, 0, 0, 1]);
        assert!(is_local(here, &asks("localhost:8080")));
        assert!(is_local(here, &asks("127.0.0.1:8080")));
        assert!(is_local(here, &asks("[::1]:8080")));
        assert!(is_local(here, &asks("[::1]")));
        assert!(!is_local(here, &asks("evil.example:8080")));
        assert!(!is_local(here, &asks("203.0.113.5:8080")), "whoever asked a proxy here asked for another address");
        for header in HANDED_ON {
            let mut headers = asks("127.0.0.1:8080");
            headers.insert(HeaderName::from_static(header), HeaderValue::from_static("192.0.2.1"));
            assert!(!is_local(here, &headers), "{header}");
        }
        assert!(!is_local(IpAddr::from([192, 0, 2, 1]), &asks("127.0.0.1:8080")));
    }
}
