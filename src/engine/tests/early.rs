//! Callers who wait unanswered: early media.

use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    base::QueueId,
    engine::{QueueVoice, Spoken, WaitingSound},
    media::Command,
    sip::Reply,
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

fn world(seed: u64) -> World {
    let mut centre = centre();
    let spoken = Spoken { early_media: true, ..Spoken::default() };
    centre.queues.push(QueueVoice { queue: QueueId(1), waiting: WaitingSound::default(), caller_id: None, spoken });
    World::with(seed, centre)
}

/// The switch's provisional answers to the carrier, each with or without a description.
fn progress(world: &World) -> Vec<bool> {
    let to_carrier = world.sent.iter().filter(|(at, message, _)| *at == carrier() && message.status() == Some(183));
    to_carrier.map(|(_, message, _)| !message.body().is_empty()).collect()
}

fn plays(world: &World) -> usize {
    world.commands.iter().filter(|command| matches!(command, Command::Play { play, .. } if play.repeat)).count()
}

/// QE-16: the caller hears music by early media, is answered when an agent is, and they are joined.
#[test]
fn qe_16_who_waits_in_early_media_is_answered_with_the_agent() {
    let mut world = world(60);
    let eva = world.phone("eva", 6003);
    let call = world.call(carrier(), "+351210000001", "800");
    assert!(!world.is_answered(carrier()));
    assert_eq!((progress(&world), plays(&world)), (vec![true], 1));
    let (usage, _) = world.incoming(eva).expect("Eva is asked at once");
    world.respond(eva, usage, Reply::new(180));
    let body = world.phones[&eva].offer();
    world.respond(eva, usage, Reply::new(200).body(body));
    assert!(world.is_answered(carrier()));
    assert_eq!(world.joins(), 1);
    assert!(world.records.is_empty());
    world.bye(carrier(), call);
    assert!(world.is_ended(eva));
    let record = &world.records[0];
    assert_eq!(record.answered, record.connected, "waiting was free");
    world.assert_nothing_left();
}

/// QE-16: proxies on the way are told each minute that he still waits; when he gives up nothing is left.
#[test]
fn qe_16_who_waits_long_is_not_forgotten_on_the_way() {
    let mut world = world(61);
    let call = world.call(carrier(), "+351210000001", "800");
    world.pass(Duration::from_secs(150));
    assert_eq!(progress(&world), [true, false, false]);
    assert!(!world.is_answered(carrier()));
    world.cancel(carrier(), call);
    assert_eq!(world.rejected(carrier()), Some(487));
    world.assert_nothing_left();
}

/// QE-16: who offers no media can't hear any before the answer: he is answered at once.
#[test]
fn qe_16_without_an_offer_he_is_answered() {
    let mut world = world(62);
    world.call_with(carrier(), "+351210000001", "800", None, |_| {});
    assert!(world.is_answered(carrier()));
    assert!(progress(&world).is_empty());
}
