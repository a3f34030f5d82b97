//! Programs elsewhere, and the queues that ask them.

use super::{super::difference, read, refused};

/// RT-06, QE-18: a service is asked only where the settings say so, in whole addresses; its secret is long and never shown
/// by a difference.
#[test]
fn a_service_has_a_whole_address() {
    let said = |text: &str| read(text).unwrap_err().to_string();
    assert!(said("[[service]]\nkey = \"a\"\n").contains("\"url\" is missing: expected an address such as"));
    let wrong = said("[[service]]\nkey = \"a\"\nurl = \"ftp://a/\"\nsecret = \"short\"\nanswer_ms = 0\n");
    for part in ["3:7: url: expected an address", "4:10: secret: expected at least 16", "5:13: answer_ms: expected"] {
        assert!(wrong.contains(part), "{wrong}");
    }
    let rests =
        said("[[service]]\nkey = \"a\"\nurl = \"http://a/\"\nrest_after = 101\nrest_secs = 60\nrest_secs_max = 30\n");
    for part in
        ["4:14: rest_after: expected a whole number from 0 to 100", "6:17: rest_secs_max: 30 is less than rest_secs"]
    {
        assert!(rests.contains(part), "{rests}");
    }
    let with = |secret: &str| {
        let text = format!("[[service]]\nkey = \"a\"\nurl = \"http://a/\"\nsecret = \"{secret}-0123456789abcdef\"\n");
        read(&text).unwrap().files
    };
    let (old, new) = (with("one"), with("two"));
    let lines = difference(&old, &new);
    assert_eq!(lines, ["~ service \"a\": secret changes"]);
}

/// RT-06: who is asked who gets a call must be a service, in a time that callers bear; each fault has its place, and a change
/// is told.
#[test]
fn rt_06_a_queue_asks_a_service() {
    let queue = |text: &str| format!("[[queue]]\nkey = \"q\"\n{text}\n");
    for (text, wanted) in [
        ("[queue.decision]\nservice = \"crm\"", "3:1: decision.service: no service is called \"crm\""),
        ("[queue.decision]\nanswer_ms = 5", "queues.q.decision.service: whom to ask"),
        ("[queue.decision]\nanswer_ms = 5", "3:1: queues.q.decision.answer_ms: expected 50 to 10000"),
        ("[queue.decision]\nservice = \"crm\"\nveto = 5", "veto"),
    ] {
        let said = refused(&queue(text));
        assert!(said.contains(wanted) && said.contains("config/centre.toml:"), "{wanted} is missing in:\n{said}");
    }
    let service = "[[service]]\nkey = \"crm\"\nurl = \"http://a/\"\n";
    let with = |text: &str| read(&format!("{service}{}", queue(text))).unwrap().files;
    let (without, asks) = (with(""), with("decision = { service = \"crm\" }"));
    let lines = difference(&without, &asks);
    assert!(lines.len() == 1 && lines[0].contains("decision") && lines[0].contains("crm"), "{lines:?}");
}
