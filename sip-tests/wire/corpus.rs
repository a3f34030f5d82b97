//! The committed corpus: what the fuzzers start from and what they once found, played at every test run.

use std::path::Path;

use super::{media, properties};

/// What must hold of any octets.
type Check = fn(&[u8]);

/// Every file of one target's folder.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus").join(target);
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).expect("a corpus folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| std::fs::read(path).expect("a corpus file")).collect()
}

#[test]
fn the_corpus_holds_every_property() {
    let targets: [(&str, Check); 8] = [
        ("sip", properties::sip_message),
        ("framer", properties::framer),
        ("sdp", properties::sdp),
        ("rtp", properties::rtp),
        ("rtcp", properties::rtcp),
        ("stun", media::stun),
        ("srtp", media::srtp),
        ("upload", media::upload),
    ];
    for (target, check) in targets {
        for bytes in of(target) {
            check(&bytes);
        }
    }
    for case in crate::torture::cases() {
        properties::sip_message(&case.bytes);
        properties::framer(&case.bytes);
    }
}
