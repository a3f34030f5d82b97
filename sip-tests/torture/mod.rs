//! The torture messages of RFC 4475 and RFC 5118, byte for byte, and what `manifest.tsv` says of each.

mod app;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use strowger::wire::sip::Message;

/// One line of the manifest.
pub struct Case {
    pub file: String,
    /// `accept`, `reject` or `either`.
    pub parse: String,
    /// What the layer above answers: `ok`, `drop` or a status.
    pub app: String,
    pub bytes: Bytes,
}

pub fn cases() -> Vec<Case> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/torture");
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).expect("the manifest");
    let case = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        let mut column = || columns.next().expect("five columns");
        let (file, _section, parse, app) = (column(), column(), column(), column());
        let bytes = std::fs::read(folder.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}")).into();
        Case { file, parse, app, bytes }
    };
    manifest.lines().filter(|line| !line.starts_with('#')).map(case).collect()
}

#[test]
fn every_torture_message_is_taken_as_the_manifest_says() {
    let cases = cases();
    assert_eq!(cases.len(), 61);
    for case in &cases {
        let parsed = Message::parse(case.bytes.clone());
        let wanted = match (case.parse.as_str(), case.app.as_str()) {
            ("accept", _) | ("either", "ok") => true,
            ("reject", _) | ("either", _) => false,
            (other, _) => panic!("{}: {other}?", case.file),
        };
        assert_eq!(parsed.is_ok(), wanted, "{}: {:?}", case.file, parsed.err());
    }
}

#[test]
fn a_refused_request_is_answered_and_a_refused_response_is_not() {
    let mut answered = 0;
    for case in cases() {
        let Err(malformed) = Message::parse(case.bytes.clone()) else { continue };
        let Some(answer) = malformed.answer() else {
            assert_eq!(case.app, "drop", "{}", case.file);
            continue;
        };
        answered += 1;
        let text = String::from_utf8(answer.to_vec()).expect("an answer is text");
        assert!(text.starts_with(&format!("SIP/2.0 {} ", case.app)), "{}: {text}", case.file);
        assert!(text.contains("\r\nVia: SIP"), "{}: {text}", case.file);
        assert!(text.ends_with("\r\n\r\n"), "{}: {text}", case.file);
        assert!(answer.len() < case.bytes.len() + 200, "{}: the answer is larger than the request", case.file);
    }
    assert!(answered >= 15, "{answered}");
}
