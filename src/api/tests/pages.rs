//! The pages as they are served.

use std::{fs, path::Path};

use axum::{
    body::Body,
    http::{Request as HttpRequest, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::desk::{Desk, OFFICE};

const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");

fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path.strip_prefix(WEB).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[tokio::test]
async fn every_file_of_the_pages_is_served_and_nothing_else() {
    let desk = Desk::new("files").await;
    let mut found = Vec::new();
    files(Path::new(WEB), &mut found);
    let served = |path: &String| !path.ends_with(".md") && !path.starts_with("tests/");
    for path in found.iter().filter(|path| served(path)) {
        let reply = desk.get("", &format!("/{path}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
        assert_eq!(reply.text, fs::read_to_string(Path::new(WEB).join(path)).unwrap());
        assert_ne!(reply.headers[header::CONTENT_TYPE], "application/octet-stream", "{path}");
    }
    for path in
        ["/vendor/README.md", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/app", "/app/", "//etc/passwd", "/.git/config"]
    {
        assert_eq!(desk.get("", path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let desk = Desk::new("etag").await;
    let first = desk.get("", "/app/main.js").await;
    let tag = first.headers[header::ETAG].clone();
    let request = HttpRequest::get("/app/main.js").header(header::IF_NONE_MATCH, tag).body(Body::empty()).unwrap();
    let again = desk.send(OFFICE, request).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
}

/// Nothing but our own scripts runs: the policy names the import map by its hash, and no page has another inline script
/// or style.
#[tokio::test]
async fn the_policy_lets_only_our_scripts_run() {
    let desk = Desk::new("policy").await;
    let index = desk.get("", "/").await;
    let policy = index.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    let map = index.text.split("<script type=\"importmap\">").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = STANDARD.encode(Sha256::digest(map.as_bytes()));
    assert!(policy.contains(&format!("script-src 'self' 'sha256-{hash}'")), "{policy}");
    assert!(!policy.contains("unsafe"));
    let inline = index.text.matches("<script").count() - index.text.matches("<script type=\"module\" src=").count();
    assert_eq!(inline, 1, "inline scripts beside the import map");
    assert!(!index.text.contains("style=") && !index.text.contains("<style"));
}

/// What is vendored is what its list says.
#[test]
fn vendored_files_have_the_checksums_of_the_list() {
    let list = fs::read_to_string(Path::new(WEB).join("vendor/README.md")).unwrap();
    let mut found = Vec::new();
    files(&Path::new(WEB).join("vendor"), &mut found);
    for path in found.iter().filter(|path| path.ends_with(".mjs")) {
        let hash = hex::encode(Sha256::digest(fs::read(Path::new(WEB).join(path)).unwrap()));
        assert!(list.contains(&hash), "{path} is {hash}");
    }
}

/// AD-07: every word in English, Portuguese and Spanish, and every word that a view asks for is there.
#[test]
fn every_word_is_there_in_three_languages() {
    let words = fs::read_to_string(Path::new(WEB).join("app/words.js")).unwrap();
    let keys: Vec<&str> = words.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect();
    assert!(keys.len() > 80);
    for line in words.lines().filter(|line| line.trim().starts_with('"')) {
        assert_eq!(line.matches('"').count(), 8, "{line}");
        assert!(!line.contains("\"\""), "{line}");
    }
    let mut found = Vec::new();
    files(&Path::new(WEB).join("app"), &mut found);
    for path in found {
        let text = fs::read_to_string(Path::new(WEB).join(&path)).unwrap();
        for (at, _) in text.match_indices("t(\"") {
            let called = text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
            let key = text[at + 3..].split('"').next().unwrap();
            assert!(!called || keys.contains(&key), "{path}: {key}");
        }
    }
}
