//! The pages, inside the binary.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{Api, Problem};

macro_rules! files {
    ($($path:literal)*) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $path)))),*]
    };
}

const INDEX: &str = "index.html";

static FILES: &[(&str, &[u8])] = files! {
    "index.html"
    "style.css"
    "icon.svg"
    "app/main.js"
    "app/store.js"
    "app/live.js"
    "app/phone.js"
    "app/clips.js"
    "app/recordings.js"
    "app/records.js"
    "app/where.js"
    "app/audio.js"
    "app/api.js"
    "app/words.js"
    "app/time.js"
    "app/views/sign-in.js"
    "app/views/status.js"
    "app/views/work.js"
    "app/views/written.js"
    "app/views/tables.js"
    "app/views/waiting.js"
    "app/views/calls.js"
    "app/views/supervise.js"
    "app/views/in-call.js"
    "app/views/records.js"
    "app/views/record.js"
    "app/views/story.js"
    "app/views/player.js"
    "app/views/parts.js"
    "app/views/phone.js"
    "app/views/pass-on.js"
    "app/views/clips.js"
    "app/views/recordings.js"
    "app/views/audio.js"
    "vendor/preact.mjs"
    "vendor/hooks.mjs"
    "vendor/htm.mjs"
    "vendor/signals-core.mjs"
    "vendor/signals.mjs"
};

/// What is served, and the policy that lets browsers run nothing else.
pub struct Pages {
    files: HashMap<&'static str, Page>,
    pub policy: HeaderValue,
}

struct Page {
    bytes: &'static [u8],
    kind: &'static str,
    tag: HeaderValue,
}

impl Pages {
    pub fn new() -> Self {
        let files = FILES.iter().map(|(path, bytes)| (*path, Page::new(path, bytes))).collect();
        let index = FILES.iter().find(|(path, _)| *path == INDEX).map_or(&[][..], |(_, bytes)| *bytes);
        Self { files, policy: policy(&String::from_utf8_lossy(index)) }
    }
}

impl Page {
    fn new(path: &str, bytes: &'static [u8]) -> Self {
        let kind = match path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js" | "mjs") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        };
        let hash = Sha256::digest(bytes);
        let tag = HeaderValue::from_str(&format!("\"{}\"", hex::encode(&hash[..16])));
        Self { bytes, kind, tag: tag.unwrap_or(HeaderValue::from_static("\"\"")) }
    }
}

/// Scripts and styles come from us alone; the one inline script, the import map, goes by its hash.
fn policy(index: &str) -> HeaderValue {
    let map = between(index, "<script type=\"importmap\">", "</script>").unwrap_or_default();
    let hash = STANDARD.encode(Sha256::digest(map.as_bytes()));
    let text = format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; img-src 'self'; media-src 'self'; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, tail) = text.split_once(start)?;
    tail.split_once(end).map(|(inside, _)| inside)
}

/// `GET /`
pub async fn index(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    std::future::ready(answer(&api, INDEX, &headers)).await
}

/// Only names in the list are served: there is no folder to climb out of.
pub async fn file(State(api): State<Arc<Api>>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    std::future::ready(answer(&api, &path, &headers)).await
}

fn answer(api: &Api, path: &str, headers: &HeaderMap) -> Response {
    let Some(page) = api.pages.files.get(path) else {
        return Problem::not_found("Nothing is at this address.").into_response();
    };
    let mut response = if headers.get(header::IF_NONE_MATCH) == Some(&page.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Bytes::from_static(page.bytes).into_response()
    };
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.kind));
    head.insert(header::ETAG, page.tag.clone());
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
