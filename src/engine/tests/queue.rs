use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    acd::Status,
    base::{AgentId, OfferId, QueueId},
    engine::{Alarm, Happened, Input, Request},
    media::{self, Command},
    sip::{Event, Reply},
    switch::Cause,
    wire::sip::Name,
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

fn plays(world: &World) -> usize {
    world.commands.iter().filter(|command| matches!(command, Command::Play { play, .. } if play.repeat)).count()
}

/// QE-04, CH-01: a caller hears music, an agent is asked with the caller's number and the queue's name, and they talk.
#[test]
fn qe_04_ch_01_a_carriers_call_reaches_a_ready_agent() {
    let mut world = World::new(30);
    let eva = world.phone("eva", 6003);
    assert_eq!(world.status(1), Status::Ready);
    let call = world.call(carrier(), "+351210000001", "800");
    assert!(world.is_answered(carrier()), "the caller is answered and hears music");
    assert_eq!(plays(&world), 1);
    let (usage, invite) = world.incoming(eva).expect("Eva is asked at once");
    let from = invite.from().unwrap();
    assert_eq!(from.uri.user_decoded(), "+351210000001");
    assert!(from.display.unwrap().starts_with("[Support]"));
    assert!(invite.header(Name::PAssertedIdentity).unwrap().contains("+351210000001"));
    for name in ["X-Strowger-Interaction", "X-Strowger-Type", "X-Strowger-Queue", "X-Strowger-Wait"] {
        assert!(invite.other(name).is_some(), "{name}");
    }
    assert_eq!(world.status(1), Status::Ringing);
    world.respond(eva, usage, Reply::new(180));
    let body = world.phones[&eva].offer();
    world.respond(eva, usage, Reply::new(200).body(body));
    assert_eq!(world.status(1), Status::Busy);
    assert_eq!(world.joins(), 1);
    world.bye(carrier(), call);
    assert!(world.is_ended(eva));
    assert_eq!(world.status(1), Status::Ready);
    let queue = world.records[0].queue.as_ref().expect("the record knows the queue");
    assert_eq!((queue.queue, queue.outcome.as_str(), queue.agent), (QueueId(1), "answered", Some(AgentId(1))));
    world.assert_nothing_left();
}

/// CH-01: the agent hangs up: the customer's leg ends too.
#[test]
fn ch_01_the_agent_may_end_the_call() {
    let mut world = World::new(31);
    let eva = world.phone("eva", 6003);
    world.call(carrier(), "+351210000001", "800");
    let usage = world.answer(eva);
    world.bye(eva, usage);
    assert!(world.is_ended(carrier()));
    assert_eq!(world.status(1), Status::Ready);
    world.assert_nothing_left();
}

/// RT-10: the caller gives up, and the agent's phone stops in the same moment.
#[test]
fn rt_10_a_caller_who_leaves_stops_the_ringing() {
    let mut world = World::new(32);
    let eva = world.phone("eva", 6003);
    let call = world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    world.respond(eva, usage, Reply::new(180));
    world.bye(carrier(), call);
    assert!(world.event(eva, |event| matches!(event, Event::Cancelled { .. })).is_some());
    assert_eq!(world.status(1), Status::Ready);
    assert_eq!(world.records[0].queue.as_ref().unwrap().outcome, "abandoned_ringing");
    world.assert_nothing_left();
}

/// RT-10 in the other order: the agent answers as the caller leaves. His phone gets ACK and BYE.
#[test]
fn rt_10_an_answer_that_crosses_the_leaving() {
    let mut world = World::new(33);
    let eva = world.phone("eva", 6003);
    let call = world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    let now = world.now;
    world.phones.get_mut(&carrier()).unwrap().stack.bye(now, call, None);
    let body = world.phones[&eva].offer();
    world.phones.get_mut(&eva).unwrap().stack.respond(now, usage, Reply::new(200).body(body));
    world.settle();
    assert!(world.is_ended(eva));
    assert_eq!(world.status(1), Status::Ready);
    world.assert_nothing_left();
}

/// Rules 17 to 20: what a device answers decides what becomes of the agent, and the next one is asked.
#[test]
fn rt_12_each_refusal_has_its_meaning() {
    for (rings, status, name) in
        [(false, 486, "device_busy"), (true, 486, "declined"), (false, 603, "declined"), (false, 480, "unreachable")]
    {
        let mut world = World::new(34);
        let (eva, max) = (world.phone("eva", 6003), world.phone("max", 6004));
        world.call(carrier(), "+351210000001", "800");
        let (usage, _) = world.incoming(eva).expect("longest idle first");
        if rings {
            world.respond(eva, usage, Reply::new(180));
        }
        world.respond(eva, usage, Reply::new(status));
        let ended = world.live.iter().rev().find_map(|event| match &event.what {
            Happened::OfferEnded { end, .. } => Some(*end),
            _ => None,
        });
        assert_eq!(serde_json::to_value(ended.unwrap()).unwrap(), name);
        assert!(world.incoming(max).is_some(), "{name}: the next agent is asked at once");
    }
}

/// RT-09, SW-18, rule 20: when callers hold all ports, an agent who can't be rung for that stays as he is and is rung as soon as
/// there is one; and the last pair is nobody's who comes in, so that somebody can answer at all.
#[test]
fn rt_09_sw_18_no_port_is_no_fault_of_a_phone() {
    let mut world = World::new(37);
    let mut callers: Vec<_> = (0..39).map(|_| world.call(carrier(), "+351210000001", "800")).collect();
    assert!(world.rejected(carrier()).is_none());
    world.call(carrier(), "+351210000001", "800");
    assert_eq!(world.rejected(carrier()), Some(503), "the last pair is for those who answer");
    let eva = world.phone("eva", 6003);
    assert!(world.incoming(eva).is_some(), "she gets it");
    let max = world.phone("max", 6004);
    assert!(world.alarms.contains(&Alarm::PortsExhausted));
    world.pass(Duration::from_secs(3));
    assert!(world.incoming(max).is_none());
    assert_eq!(world.status(2), Status::Ready);
    let seen = world.engine.snapshot(world.now).acd.agents[1].clone();
    assert_eq!((seen.reachable, seen.missed, seen.today.unreachable), (true, 0, 0));
    assert!((2..=4).contains(&seen.today.offered), "once a second, and no more: {}", seen.today.offered);
    world.bye(carrier(), callers.remove(9));
    world.pass(Duration::from_secs(2));
    assert!(world.incoming(max).is_some(), "a port is free");
    assert_eq!(world.status(2), Status::Ringing);
}

/// Rule 20: a phone that says nothing at all is dead after three seconds; one that says 100 is not.
#[test]
fn rt_12_a_dead_device_is_left_after_three_seconds() {
    let mut world = World::new(35);
    let (eva, max) = (world.phone("eva", 6003), world.phone("max", 6004));
    world.dead.push(eva);
    world.call(carrier(), "+351210000001", "800");
    world.pass(Duration::from_millis(2_900));
    assert!(world.incoming(max).is_none());
    world.pass(Duration::from_millis(200));
    assert!(world.incoming(max).is_some());
    assert!(!world.engine.snapshot(world.now).acd.agents[0].reachable);
    // It is asked now and then, and rung again once it says something.
    world.dead.clear();
    world.pass(Duration::from_secs(31));
    assert!(world.engine.snapshot(world.now).acd.agents[0].reachable);
}

/// Rule 17: nobody picks up: the ring time ends the offer, counted as missed.
#[test]
fn rt_11_an_offer_that_nobody_takes_moves_on() {
    let mut world = World::new(36);
    let (eva, max) = (world.phone("eva", 6003), world.phone("max", 6004));
    world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    world.respond(eva, usage, Reply::new(180));
    world.pass(Duration::from_secs(21));
    assert!(world.event(eva, |event| matches!(event, Event::Cancelled { .. })).is_some());
    assert!(world.incoming(max).is_some());
}

/// CH-01: another's offer is to an agent as one that is not.
#[test]
fn ch_01_anothers_offer_is_none() {
    let mut world = World::new(38);
    world.phone("eva", 6003);
    world.phone("max", 6004);
    world.call(carrier(), "+351210000001", "800");
    let (max, offer, none) = (AgentId(2), world.offer().expect("eva's"), OfferId(9_999));
    let requests = [
        Request::Accept { agent: max, offer },
        Request::Decline { agent: max, offer },
        Request::Accept { agent: max, offer: none },
    ];
    let [taken, declined, made_up] = requests.map(|request| world.request(request).expect_err("not his"));
    assert_eq!((taken.status, &taken, &declined), (404, &made_up, &made_up));
    assert_eq!((world.offer(), world.status(1)), (Some(offer), Status::Ringing));
}

/// RT-15, CH-16: an agent in a call of his own is not offered anything; nor is he rung directly while he is busy.
#[test]
fn rt_15_a_direct_call_keeps_the_agent_busy() {
    let mut world = World::new(37);
    let (ana, eva) = (world.phone("ana", 6001), world.phone("eva", 6003));
    let direct = world.call(ana, "ana", "eva");
    assert_eq!(world.status(1), Status::Ringing);
    world.call(carrier(), "+351210000001", "800");
    let usage = world.answer(eva);
    assert_eq!(world.status(1), Status::Busy);
    assert!(world.incoming(eva).is_none());
    world.call(carrier(), "+351210000002", "203");
    assert_eq!(world.rejected(carrier()), Some(486), "rule 22b");
    world.bye(ana, direct);
    let _ = usage;
    assert!(world.incoming(eva).is_some(), "free again, asked at once");
}

/// AS-08: not to be disturbed: a direct call gets 486, and rings again afterwards.
#[test]
fn as_08_do_not_disturb_is_busy_to_direct_calls() {
    let mut world = World::new(47);
    let (ana, eva) = (world.phone("ana", 6001), world.phone("eva", 6003));
    world.request(Request::Dnd { agent: AgentId(1), on: true }).unwrap();
    world.call(ana, "ana", "eva");
    assert_eq!(world.rejected(ana), Some(486));
    assert!(world.incoming(eva).is_none());
    world.request(Request::Dnd { agent: AgentId(1), on: false }).unwrap();
    world.call(ana, "ana", "eva");
    assert!(world.incoming(eva).is_some());
}

/// RT-13: where the queue says so the agent's phone is told to answer by itself, and his page too.
#[test]
fn rt_13_an_offer_may_be_answered_by_itself() {
    for auto_answer in [false, true] {
        let mut centre = centre();
        centre.acd.queues.get_mut(&QueueId(1)).unwrap().auto_answer = auto_answer;
        let mut world = World::with(48, centre);
        let eva = world.phone("eva", 6003);
        world.call(carrier(), "+351210000001", "800");
        let (_, invite) = world.incoming(eva).unwrap();
        assert_eq!(invite.other("Call-Info").is_some_and(|value| value.ends_with(";answer-after=0")), auto_answer);
        assert_eq!(
            invite.other("Alert-Info").is_some_and(|value| value.contains("info=alert-autoanswer")),
            auto_answer
        );
        let told = world.live.iter().any(|event| matches!(&event.what, Happened::Offer(offer) if offer.auto_answer));
        assert_eq!(told, auto_answer);
    }
}

/// RT-15, AS-09: he dials out himself.
#[test]
fn rt_15_an_agent_who_dials_is_busy() {
    let mut world = World::new(38);
    let (ana, eva) = (world.phone("ana", 6001), world.phone("eva", 6003));
    let call = world.call(eva, "eva", "ana");
    assert_eq!(world.status(1), Status::Dialing);
    world.answer(ana);
    assert_eq!(world.status(1), Status::Busy);
    world.bye(eva, call);
    assert_eq!(world.status(1), Status::Ready);
    world.assert_nothing_left();
}

/// Rule 16b: accepted at the page, and the phone then fails: the caller keeps his place and the next agent is asked.
#[test]
fn rt_09_a_winner_who_is_lost_gives_the_caller_back() {
    let mut world = World::new(39);
    let (eva, max) = (world.phone("eva", 6003), world.phone("max", 6004));
    world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    world.respond(eva, usage, Reply::new(180));
    let offer = world.offer().unwrap();
    assert!(world.request(Request::Accept { agent: AgentId(2), offer }).is_err(), "not his");
    world.request(Request::Accept { agent: AgentId(1), offer }).unwrap();
    world.respond(eva, usage, Reply::new(486));
    assert!(world.incoming(max).is_some() || world.incoming(eva).is_some());
    assert!(!world.is_ended(carrier()));
}

/// Rules 16b and 37c: accepted at the page, and his only phone is taken off before he picks it up: it rings no more, and the
/// next agent has the caller at once.
#[test]
fn rt_09_a_phone_that_goes_before_it_is_picked_up_gives_the_caller_back() {
    let mut world = World::new(49);
    let (eva, max) = (world.phone("eva", 6003), world.phone("max", 6004));
    world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    world.respond(eva, usage, Reply::new(180));
    let offer = world.offer().unwrap();
    world.request(Request::Accept { agent: AgentId(1), offer }).unwrap();
    let contact = format!("<sip:eva-{}@{eva}>", eva.port());
    world.register_with(eva, "eva", &[("Contact", contact), ("Expires", "0".to_owned())]);
    assert!(world.event(eva, |event| matches!(event, Event::Cancelled { .. })).is_some());
    let usage = world.answer(max);
    assert_eq!(world.joins(), 1);
    world.bye(max, usage);
    assert!(world.is_ended(carrier()));
    world.assert_nothing_left();
}

/// Accepted at the page: the phone is picked up and the two are connected.
#[test]
fn ch_01_an_offer_accepted_at_the_page_is_connected_when_the_phone_answers() {
    let mut world = World::new(40);
    let eva = world.phone("eva", 6003);
    world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    world.respond(eva, usage, Reply::new(180));
    let offer = world.offer().unwrap();
    world.request(Request::Accept { agent: AgentId(1), offer }).unwrap();
    assert_eq!(world.joins(), 0);
    let body = world.phones[&eva].offer();
    world.respond(eva, usage, Reply::new(200).body(body));
    assert_eq!(world.joins(), 1);
    world.bye(eva, usage);
    assert!(world.is_ended(carrier()));
    world.assert_nothing_left();
}

/// Declined at the page: the phone stops ringing.
#[test]
fn an_offer_declined_at_the_page_is_withdrawn_from_the_phone() {
    let mut world = World::new(41);
    let eva = world.phone("eva", 6003);
    world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    world.respond(eva, usage, Reply::new(180));
    let offer = world.offer().unwrap();
    world.request(Request::Decline { agent: AgentId(1), offer }).unwrap();
    assert!(world.event(eva, |event| matches!(event, Event::Cancelled { .. })).is_some());
    assert!(world.request(Request::Decline { agent: AgentId(1), offer }).is_err());
}

/// CH-02: the agent holds, and the customer hears the music of the queue.
#[test]
fn ch_02_a_customer_on_hold_hears_music() {
    let mut world = World::new(42);
    let eva = world.phone("eva", 6003);
    let call = world.call(carrier(), "+351210000001", "800");
    let usage = world.answer(eva);
    let before = plays(&world);
    let hold = world.phones[&eva].describe(&[0, 8], 96, "inactive");
    world.reinvite(eva, usage, Some(hold));
    assert_eq!(plays(&world), before + 1);
    world.bye(carrier(), call);
    world.assert_nothing_left();
}

/// A full queue says so, and the record too.
#[test]
fn a_full_queue_is_busy() {
    let mut centre = centre();
    centre.acd.queues.get_mut(&QueueId(1)).unwrap().max_waiting = 1;
    let mut world = World::with(43, centre);
    world.call(carrier(), "+351210000001", "800");
    assert!(world.is_answered(carrier()));
    world.call(carrier(), "+351210000002", "800");
    assert_eq!(world.rejected(carrier()), Some(486));
    assert_eq!(world.records[0].queue.as_ref().unwrap().outcome, "full");
}

/// An empty port pool refuses the call and nothing is kept.
#[test]
fn an_exhausted_port_pool_is_503() {
    let mut world = World::new(44);
    // One pair of the forty is kept for who answers.
    for index in 0..39 {
        world.call(carrier(), &format!("+3512100000{index:02}"), "800");
    }
    assert!(world.rejected(carrier()).is_none());
    world.call(carrier(), "+351210000099", "800");
    assert_eq!(world.rejected(carrier()), Some(503));
    let live = world.engine.snapshot(world.now).counts;
    assert_eq!((live.calls, live.ports_free), (39, 1));
}

/// A waiting caller from whom nothing is heard for half an hour is let go.
#[test]
fn a_silent_caller_does_not_wait_for_ever() {
    let mut world = World::new(45);
    world.call(carrier(), "+351210000001", "800");
    let open = world.commands.iter().find_map(|command| match command {
        Command::Open { stream, form, .. } => Some((*stream, form.silence)),
        _ => None,
    });
    let (stream, silence) = open.unwrap();
    assert_eq!(silence, Some(Duration::from_secs(30 * 60)));
    world.input(Input::Media(media::Event::Silent { stream, for_ms: 1_800_000 }));
    assert!(world.is_ended(carrier()));
    assert_eq!(world.records[0].cause, Cause::LOST);
    world.assert_nothing_left();
}
