//! The ways of one call.

use super::{Room, room::first_queue};
use crate::{acd::*, base::AgentId};

/// A Ready agent and a call: an offer in the same turn, talk, wrap-up of the queue's length, Ready again.
/// AS-01, AW-01, RT-17.
#[test]
fn a_call_reaches_a_ready_agent() {
    let mut room = Room::with(2, |settings| first_queue(settings).acw_secs = 10);
    let call = room.call();
    let (_, agent, offered) = room.the_ring();
    assert_eq!((agent, offered), (AgentId(1), call), "the longest idle");
    room.progress();
    let engagement = room.talk();
    assert_eq!(room.status(1), Status::Busy);
    assert_eq!(room.outcomes(), [(call, Outcome::Answered)]);
    room.pass(60);
    room.end(engagement);
    assert_eq!(room.status(1), Status::WrapUp);
    room.pass_ms(9_999);
    assert_eq!(room.status(1), Status::WrapUp);
    room.pass_ms(1);
    assert_eq!(room.status(1), Status::Ready);
    assert_eq!(room.agent(1).today.talk_ms, 60_000);
}
