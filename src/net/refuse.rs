//! Answers that cost the engine nothing: 503 for a new call while the switch is overloaded, and for what the journal
//! can't keep.

use std::hash::BuildHasher;

use bytes::Bytes;

use crate::{
    sip::{Path, response_path},
    wire::sip::{Message, Method, Name, Writer, returned_via},
};

/// Begins the To tag of our stateless answers, so that the ACK to one is known and dropped.
const TAG: &str = "busy-";

/// When to try again. Spread by the caller's own hash, so that they don't all come back at once.
const RETRY_AFTER_SECS: std::ops::Range<u64> = 2..8;

/// The same while the journal can't be written: a disk takes longer to mend than a burst to pass.
const UNKEPT_RETRY_AFTER_SECS: u64 = 30;

/// 503 with Retry-After for a request that was not let in, and where it goes.
pub fn busy<H: BuildHasher>(request: &Message, path: &Path, forced: bool, hash: &H) -> Option<(Path, Bytes)> {
    let token = hash.hash_one(request.call_id());
    let wait = RETRY_AFTER_SECS.start + token % (RETRY_AFTER_SECS.end - RETRY_AFTER_SECS.start);

    let mut writer = Writer::response(503, None);
    write_vias(&mut writer, request, path);
    writer.copy(request, Name::From);
    writer.header(Name::To, format_args!("{};tag={TAG}{token:016x}", request.header(Name::To)?));
    writer.copy(request, Name::CallId).copy(request, Name::CSeq);
    writer.header(Name::RetryAfter, wait);
    Some((response_path(request, *path, forced), writer.end()))
}

/// In place of an answer that promises what the journal can't keep: 503 by the same way. `None` where that was no answer
/// that promises anything.
pub fn unkept(answer: Bytes) -> Option<Bytes> {
    let answer = Message::parse(answer).ok()?;
    if !(200..300).contains(&answer.status()?) {
        return None;
    }
    let mut writer = Writer::response(503, Some("Journal Not Written"));
    for name in [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq] {
        writer.copy(&answer, name);
    }
    writer.text(Name::Reason, "SIP;cause=503;text=\"the journal can't be written\"");
    writer.header(Name::RetryAfter, UNKEPT_RETRY_AFTER_SECS);
    Some(writer.end())
}

/// The ACK to such an answer.
pub fn is_ack_to_busy(message: &Message) -> bool {
    message.method() == Some(&Method::Ack) && message.to_tag().is_some_and(|tag| tag.starts_with(TAG))
}

/// The Via lines as they came, the first with where it really came from.
fn write_vias(writer: &mut Writer, request: &Message, path: &Path) {
    for (index, via) in request.list(Name::Via).enumerate() {
        if index == 0 {
            writer.header(Name::Via, returned_via(via, path.remote));
        } else {
            writer.header(Name::Via, via);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{hash::RandomState, net::SocketAddr};

    use super::*;
    use crate::sip::Transport;

    fn request(method: &str, via: &str, to: &str) -> Message {
        let text = format!(
            "{method} sip:800@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK1{via}\r\n\
             Via: SIP/2.0/UDP 10.0.0.8;branch=z9hG4bK0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:800@b>{to}\r\n\
             Call-ID: x\r\nCSeq: 7 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text.into_bytes())).unwrap()
    }

    fn path() -> Path {
        let (local, remote) = ("127.0.0.1:5060".parse().unwrap(), "127.0.0.1:40000".parse().unwrap());
        Path { transport: Transport::Udp, local, remote, flow: None }
    }

    /// SW-18: the refusal says when to come back and goes where RFC 3261 18.2.2 and RFC 3581 send it.
    #[test]
    fn a_refused_caller_is_told_when_to_come_back() {
        let hash = RandomState::new();
        let (to, bytes) = busy(&request("INVITE", ";rport", ""), &path(), false, &hash).unwrap();
        assert_eq!(to, path());
        let answer = Message::parse(bytes).unwrap();
        assert_eq!(answer.status(), Some(503));
        assert!(answer.header(Name::RetryAfter).unwrap().parse::<u64>().unwrap() >= 2);
        assert_eq!(answer.top_via().unwrap().rport(), Some(Some(40_000)));
        assert_eq!(answer.vias().count(), 2);
        let sent = |via: &str, path: &Path, forced: bool| {
            let text = String::from_utf8(request("INVITE", "", "").bytes().to_vec()).unwrap();
            let request = Message::parse(Bytes::from(text.replace("10.0.0.9:5099", via))).unwrap();
            busy(&request, path, forced, &hash).unwrap().0
        };
        assert_eq!(sent("10.0.0.9:5099", &path(), false).remote, "127.0.0.1:5099".parse::<SocketAddr>().unwrap());
        assert_eq!(sent("10.0.0.9:0", &path(), false).remote, "127.0.0.1:5060".parse::<SocketAddr>().unwrap());
        assert_eq!(sent("10.0.0.9:5099", &path(), true), path());
        let connection = Path { transport: Transport::Tcp, ..path() };
        assert_eq!(sent("10.0.0.9:5099", &connection, false), connection);
    }

    /// OP-01: who may not be told that he is registered is told that he is not, and when to try again.
    #[test]
    fn what_is_not_written_is_refused_in_place_of_the_answer() {
        let ok = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1;received=10.0.0.7\r\n\
                  Via: SIP/2.0/UDP 10.0.0.8;branch=z9hG4bK0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
                  Call-ID: x\r\nCSeq: 7 REGISTER\r\nContact: <sip:a@10.0.0.9>;expires=60\r\nContent-Length: 0\r\n\r\n";
        let refusal = Message::parse(unkept(Bytes::from_static(ok.as_bytes())).unwrap()).unwrap();
        assert_eq!((refusal.status(), refusal.vias().count(), refusal.to_tag()), (Some(503), 2, Some("2")));
        assert_eq!((refusal.cseq().number, refusal.header(Name::RetryAfter)), (7, Some("30")));
        assert_eq!(refusal.header(Name::Contact), None);
        assert!(refusal.header(Name::Reason).is_some_and(|reason| reason.contains("journal")));
        let others = [
            ok.replace("200 OK", "403 Forbidden"),
            String::from_utf8(request("NOTIFY", "", "").bytes().to_vec()).unwrap(),
        ];
        assert!(others.into_iter().all(|other| unkept(Bytes::from(other)).is_none()));
    }

    #[test]
    fn the_ack_to_a_refusal_is_known() {
        let (_, bytes) = busy(&request("INVITE", "", ""), &path(), false, &RandomState::new()).unwrap();
        let answer = Message::parse(bytes).unwrap();
        let tag = format!(";tag={}", answer.to_tag().unwrap());
        assert!(is_ack_to_busy(&request("ACK", "", &tag)));
        assert!(!is_ack_to_busy(&request("ACK", "", ";tag=other")));
    }
}
