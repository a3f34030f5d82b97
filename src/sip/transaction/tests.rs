use super::{ClientFact as CF, ClientState as CS, ServerFact as SF, ServerState as SS, *};

const CLIENT_FACTS: [CF; 7] =
    [CF::Provisional, CF::Success, CF::Failure, CF::Resend, CF::Deadline, CF::Unreachable, CF::FlowClosed];
const SERVER_FACTS: [SF; 7] =
    [SF::Request, SF::Ack, SF::Provisional, SF::Success, SF::Failure, SF::Resend, SF::Deadline];

/// RFC 3261 figure 5 with RFC 6026: state, fact, next state.
#[test]
fn an_invite_client_walks_as_drawn() {
    let walk = [
        (CS::Calling, CF::Provisional, CS::Proceeding),
        (CS::Calling, CF::Success, CS::Accepted),
        (CS::Calling, CF::Failure, CS::Completed),
        (CS::Calling, CF::Deadline, CS::Over),
        (CS::Calling, CF::Unreachable, CS::Over),
        (CS::Proceeding, CF::Success, CS::Accepted),
        (CS::Proceeding, CF::Failure, CS::Completed),
        (CS::Proceeding, CF::Unreachable, CS::Proceeding),
        (CS::Accepted, CF::Success, CS::Accepted),
        (CS::Accepted, CF::Failure, CS::Accepted),
        (CS::Accepted, CF::Deadline, CS::Over),
        (CS::Completed, CF::Failure, CS::Completed),
        (CS::Completed, CF::Success, CS::Completed),
        (CS::Completed, CF::Deadline, CS::Over),
    ];
    for (state, fact, next) in walk {
        assert_eq!(client_step(Kind::Invite, state, fact).0, next, "{state:?} {fact:?}");
    }
    let acks = |state| client_step(Kind::Invite, state, CF::Failure).1.contains(&ClientEffect::SendAck);
    assert!(acks(CS::Calling) && acks(CS::Proceeding) && acks(CS::Completed));
}

/// Every final answer is told once: whatever comes behind it moves nothing and tells nobody, 2xx to INVITE apart.
#[test]
fn nothing_is_told_twice() {
    for kind in [Kind::Invite, Kind::Other] {
        for fact in CLIENT_FACTS {
            for state in [CS::Completed, CS::Over] {
                let (next, effects) = client_step(kind, state, fact);
                assert!(matches!(next, CS::Completed | CS::Over), "{kind:?} {state:?} {fact:?}");
                assert!(!effects.iter().any(|e| matches!(e, ClientEffect::Tell | ClientEffect::TellSilence)));
            }
            assert_eq!(client_step(kind, CS::Over, fact), (CS::Over, &[][..]));
        }
    }
}

/// RFC 3261 figures 7 and 8 with RFC 6026 and RFC 4320.
#[test]
fn servers_walk_as_drawn() {
    let invite = [
        (SS::Asked, SF::Request, SS::Proceeding),
        (SS::Asked, SF::Success, SS::Accepted),
        (SS::Proceeding, SF::Failure, SS::Completed),
        (SS::Accepted, SF::Ack, SS::Acked),
        (SS::Accepted, SF::Request, SS::Accepted),
        (SS::Accepted, SF::Deadline, SS::Over),
        (SS::Acked, SF::Request, SS::Acked),
        (SS::Acked, SF::Deadline, SS::Over),
        (SS::Completed, SF::Ack, SS::Confirmed),
        (SS::Completed, SF::Success, SS::Completed),
        (SS::Completed, SF::Deadline, SS::Over),
        (SS::Confirmed, SF::Request, SS::Confirmed),
        (SS::Confirmed, SF::Deadline, SS::Over),
    ];
    for (state, fact, next) in invite {
        assert_eq!(server_step(Kind::Invite, state, fact).0, next, "{state:?} {fact:?}");
    }
    let other = [
        (SS::Asked, SF::Request, SS::Asked),
        (SS::Asked, SF::Provisional, SS::Proceeding),
        (SS::Proceeding, SF::Success, SS::Completed),
        (SS::Completed, SF::Request, SS::Completed),
        (SS::Completed, SF::Deadline, SS::Over),
        (SS::Asked, SF::Deadline, SS::Over),
    ];
    for (state, fact, next) in other {
        assert_eq!(server_step(Kind::Other, state, fact).0, next, "{state:?} {fact:?}");
    }
    for kind in [Kind::Invite, Kind::Other] {
        for fact in SERVER_FACTS {
            assert_eq!(server_step(kind, SS::Over, fact), (SS::Over, &[][..]));
        }
    }
    assert!(server_step(Kind::Other, SS::Asked, SF::Deadline).1.is_empty(), "no 408 (RFC 4320)");
}

#[test]
fn our_branches_are_read_back() {
    let branch = Branch::new(0x0123_4567_89ab_cdef, TransactionId(7 << 32 | 0xabcd));
    let text = branch.to_string();
    assert_eq!(text, "z9hG4bK0123456789abcdefabcd");
    let back = Branch::parse(&text).unwrap();
    assert_eq!((back.token, back.place), (branch.token, 0xabcd));
    for strange in
        ["", "z9hG4bK", "z9hG4bK0123456789abcdef", "z9hG4bK0123456789abcde\u{e9}1", "z9hG4bK0123456789abcdef123456789"]
    {
        assert!(Branch::parse(strange).is_none(), "{strange}");
    }
}
