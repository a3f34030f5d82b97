//! Who is there: rules 1 to 4, 20, 37b, 37c, 38.

use super::{Room, room::*};
use crate::{acd::*, base::AgentId};

fn pages(agents: u64, change: impl FnOnce(&mut Settings)) -> Room {
    let mut settings = centre(agents, 1);
    settings.policies.device_presence = DevicePresence::Off;
    change(&mut settings);
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    for agent in 1..=agents {
        room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
    }
    room
}

fn sign_in(room: &mut Room, agent: u64) {
    let id = AgentId(agent);
    room.ask(|acd, now| acd.sign_in(now, id, Actor::Agent(id))).expect("signed in");
}

/// Rule 1, both defaults; a registered phone alone brings nobody online by default. AS-05, AS-06.
#[test]
fn signing_in_brings_online_as_the_default_says() {
    let mut room = pages(1, |_| {});
    assert_eq!(room.status(1), Status::Offline);
    sign_in(&mut room, 1);
    assert_eq!((room.status(1), room.view(1).reason), (Status::NotReady, Some(Reason::login())));
    room.call();
    assert!(room.ringing().is_empty(), "online, not yet receiving");
    let mut room = pages(1, |settings| settings.policies.default_on_login = LoginDefault::Ready);
    sign_in(&mut room, 1);
    assert_eq!(room.status(1), Status::Ready);
    assert_eq!(room.hits(Rule::SignIn), 1);
}

/// A phone-only agent comes and goes with his registration, where the settings say so. AS-05.
#[test]
fn a_phone_alone_makes_ready_where_it_may() {
    let mut room = Room::new(1);
    assert_eq!(room.status(1), Status::Ready);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), false));
    room.pass_ms(29_999);
    assert_eq!(room.status(1), Status::Ready, "the grace runs");
    room.pass_ms(1);
    assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, Some(Reason::lost())));
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert_eq!(room.status(1), Status::Ready);
}

/// Rules 2 and 3: at once while idle, afterwards while busy; the memberships stay where they were.
#[test]
fn signing_out_waits_for_the_call() {
    let mut room = Room::new(1);
    room.call();
    let engagement = room.talk();
    room.ask(|acd, now| acd.sign_out(now, AgentId(1), Actor::Agent(AgentId(1)))).unwrap();
    assert_eq!((room.status(1), room.view(1).pending), (Status::Busy, Some(Pending::LogOff)));
    room.end(engagement);
    assert_eq!(room.status(1), Status::Offline);
    assert_eq!(room.agent(1).queues[0].state, MemberState::Active);
    assert_eq!(room.queue(1).logged_in, 0, "inactive while offline");
    let mut room = Room::with(1, |settings| settings.policies.logout_on_signout = true);
    room.ask(|acd, now| acd.sign_out(now, AgentId(1), Actor::Agent(AgentId(1)))).unwrap();
    assert_eq!(room.agent(1).queues[0].state, MemberState::LoggedOut);
    assert_eq!(room.hits(Rule::SignOut), 1);
}

/// Rule 4: the page is lost; within the grace nothing changes, after it the agent is offline. AS-21.
#[test]
fn a_lost_page_has_a_grace() {
    let mut room = pages(1, |_| {});
    sign_in(&mut room, 1);
    room.select(1, Selection::Ready).unwrap();
    room.ask(|acd, now| acd.handle_session(now, AgentId(1), false));
    room.pass(29);
    room.ask(|acd, now| acd.handle_session(now, AgentId(1), true));
    room.pass(60);
    assert_eq!(room.status(1), Status::Ready, "he came back in time");
    room.ask(|acd, now| acd.handle_session(now, AgentId(1), false));
    room.pass(30);
    assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, Some(Reason::lost())));
    assert_eq!(room.hits(Rule::SessionLost), 1);
}

/// Rules 38 and 31: lost in the middle of a call, Busy until its end, offline then. AS-21.
#[test]
fn a_call_outlives_its_page() {
    let mut room = pages(1, |_| {});
    sign_in(&mut room, 1);
    room.select(1, Selection::Ready).unwrap();
    room.call();
    let engagement = room.talk();
    room.ask(|acd, now| acd.handle_session(now, AgentId(1), false));
    assert_eq!(room.hits(Rule::PageWhileBusy), 1);
    room.pass(300);
    assert_eq!(room.status(1), Status::Busy);
    room.end(engagement);
    assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, Some(Reason::lost())));
}

/// Rule 37c: page and phone gone while it rings; the next agent is asked at once, nobody is blamed.
#[test]
fn an_offer_ends_with_its_last_device() {
    let mut room = Room::new(2);
    room.call();
    assert_eq!(room.rings_at(), [1]);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), false));
    assert_eq!(room.rings_at(), [2]);
    assert_eq!(room.agent(1).missed, 0);
    assert_eq!(room.status(1), Status::Ready, "the grace runs");
    assert_eq!(room.hits(Rule::SessionLostWhileOffered), 1);
}

/// Rule 20: an unreachable phone is not missed, the call goes on at once, and a new registration brings the agent
/// back with his queues: never logged out for ever. P36, RT-12.
#[test]
fn an_unreachable_agent_comes_back() {
    let mut room = Room::new(2);
    room.call();
    let (offer, _, _) = room.the_ring();
    room.fail(offer, OfferFault::Unreachable);
    assert_eq!(room.rings_at(), [2], "re-routed at once");
    assert_eq!((room.status(1), room.agent(1).missed), (Status::Offline, 0));
    assert_eq!(room.ends(), [(AgentId(1), OfferEnd::Unreachable)]);
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert_eq!(room.status(1), Status::Ready);
    room.call();
    assert_eq!(room.rings_at(), [2, 1]);
    assert_eq!(room.hits(Rule::Unreachable), 2, "the offer's end, and offline");
}

/// Rule 20 with a page: stays online, but no voice.
#[test]
fn a_signed_in_agent_stays_online_without_a_phone() {
    let mut room = pages(1, |settings| settings.policies.default_on_login = LoginDefault::Ready);
    sign_in(&mut room, 1);
    room.call();
    room.pass(3);
    assert_eq!((room.status(1), room.agent(1).reachable), (Status::Ready, false));
    assert_eq!(room.withdrawals(), [(AgentId(1), WithdrawCause::Unreachable)]);
    assert!(room.ringing().is_empty());
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert_eq!(room.rings_at(), [1]);
}

/// Rule 37b: the offer goes to another, a live call ends its life first; who did it is on record. AS-05, AS-19.
#[test]
fn an_administrator_forces_offline() {
    let mut room = Room::new(2);
    room.call();
    let admin = Actor::Admin(crate::base::UserId(7));
    room.ask(|acd, now| acd.force_offline(now, AgentId(1), admin)).unwrap();
    assert_eq!((room.status(1), room.rings_at()), (Status::Offline, vec![2]));
    let last = room.events(1).pop().expect("an event");
    assert_eq!((last.actor, last.new.status), (admin, Status::Offline));
    let engagement = room.talk();
    room.ask(|acd, now| acd.force_offline(now, AgentId(2), admin)).unwrap();
    assert_eq!(room.status(2), Status::Busy);
    room.end(engagement);
    assert_eq!(room.status(2), Status::Offline);
}

/// AS-21, rules 20 and 38: a phone that gives no sign of life in the seconds in which its agent's page loads anew signs
/// nobody out: only the grace does, if the page stays away.
#[test]
fn as_21_a_dead_phone_while_the_page_reloads() {
    for comes_back in [true, false] {
        let mut room = Room::new(1);
        let (ana, me) = (AgentId(1), Actor::Agent(AgentId(1)));
        room.ask(|acd, now| acd.sign_in(now, ana, me)).unwrap();
        room.select(1, Selection::Ready).unwrap();
        room.call();
        let (offer, _, _) = room.the_ring();
        room.ask(|acd, now| acd.handle_session(now, ana, false));
        room.fail(offer, OfferFault::Unreachable);
        assert_eq!((room.status(1), room.agent(1).reachable), (Status::Ready, false));
        room.pass_ms(29_999);
        assert_eq!(room.status(1), Status::Ready);
        if comes_back {
            room.ask(|acd, now| acd.handle_session(now, ana, true));
        }
        room.pass_ms(1);
        if comes_back {
            assert_eq!(room.status(1), Status::Ready, "as he was");
            room.ask(|acd, now| acd.handle_device(now, ana, true));
            assert_eq!(room.rings_at(), [1]);
        } else {
            assert_eq!((room.status(1), room.view(1).reason), (Status::Offline, Some(Reason::lost())));
        }
    }
}
