//! What a restart leaves of callers who waited, and of what rang for them.

use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    acd::OfferEnd,
    base::{QueueId, Wall},
    engine::{CallRecord, Centre, Happened, QueueVoice, Spoken, StoryEvent, WaitingSound},
    sip::Reply,
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

/// Callers wait unanswered, and who calls again within a minute has his place back.
fn early() -> Centre {
    let mut centre = centre();
    let spoken = Spoken { early_media: true, ..Spoken::default() };
    centre.queues.push(QueueVoice { queue: QueueId(1), waiting: WaitingSound::default(), caller_id: None, spoken });
    centre.acd.queues.get_mut(&QueueId(1)).unwrap().resume_secs = 60;
    centre
}

/// How each offer of a call ended, and how many seconds it rang.
fn offers(record: &CallRecord) -> Vec<(Option<OfferEnd>, u64)> {
    let story = &record.queue.as_ref().unwrap().story;
    let offers = story.iter().filter_map(|step| match &step.what {
        StoryEvent::Offered { end, ring_ms, .. } => Some((*end, *ring_ms / 1_000)),
        _ => None,
    });
    offers.collect()
}

fn arrivals(world: &World) -> Vec<Wall> {
    let arrivals = world.live.iter().filter_map(|event| match event.what {
        Happened::Waiting { arrived, .. } => Some(arrived),
        _ => None,
    });
    arrivals.collect()
}

/// QE-14, QE-13 (SEMANTICS 3.6): a restart ends the call of one who waits unanswered. His record says how, for how long he
/// waited and what rang for him; and when he calls again he has his place back.
#[test]
fn qe_14_whom_a_restart_throws_out_has_an_outcome_and_his_place_back() {
    for (seed, rings) in [(390, false), (391, true)] {
        let mut world = World::with(seed, early());
        let eva = rings.then(|| world.phone("eva", 6003));
        world.call(carrier(), "+351210000001", "800");
        if let Some(eva) = eva {
            let (usage, _) = world.incoming(eva).expect("Eva is asked");
            world.respond(eva, usage, Reply::new(180));
        }
        world.pass(Duration::from_secs(3));
        world.restart(early());
        let record = world.records.last().expect("his record");
        let queue = record.queue.as_ref().unwrap();
        assert_eq!((queue.outcome.as_str(), queue.waited_ms / 1_000), ("system_error", 3));
        assert!(
            matches!(&queue.story.last().unwrap().what, StoryEvent::Left { outcome, .. } if outcome == "system_error")
        );
        assert_eq!(offers(record), if rings { vec![(Some(OfferEnd::CancelledWithdrawn), 3)] } else { vec![] });
        world.call(carrier(), "+351210000001", "800");
        let arrivals = arrivals(&world);
        assert_eq!((arrivals.len(), arrivals[0]), (2, arrivals[1]));
    }
}

/// QE-14: who was answered waits on and is offered again; in his record what rang at the end of the process has an end, too.
#[test]
fn qe_14_what_rang_at_a_restart_has_ended() {
    let mut world = World::new(392);
    let eva = world.phone("eva", 6003);
    let call = world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).expect("Eva is asked");
    world.respond(eva, usage, Reply::new(180));
    world.pass(Duration::from_secs(2));
    world.restart(centre());
    world.pass(Duration::from_secs(1));
    world.answer(eva);
    world.bye(carrier(), call);
    let record = world.records.last().expect("its record");
    assert_eq!(offers(record), [(Some(OfferEnd::CancelledWithdrawn), 2), (Some(OfferEnd::Accepted), 1)]);
}
