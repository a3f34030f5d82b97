//! Callers who leave a queue for somewhere else.

use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    acd::{Actor, Door, Status},
    base::{AgentId, ClipId, InteractionId, QueueId, StreamId},
    engine::{Centre, Clip, Input, Request, StoryEvent},
    media::{self, Command, Source, Tone},
    sip::{Event, Reply},
    wire::sip::Method,
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

/// Queues 1 and 2; only the first has agents.
fn with_two_queues(change: impl FnOnce(&mut Centre)) -> Centre {
    let mut centre = centre();
    let mut second = centre.acd.queues[&QueueId(1)].clone();
    (second.key, second.name, second.members) = ("sales".into(), "Sales".into(), Vec::new());
    centre.acd.queues.insert(QueueId(2), second);
    centre.clips.push(Clip { id: ClipId(7), name: "sorry".into() });
    change(&mut centre);
    assert_eq!(centre.acd.check(), []);
    centre
}

fn presses(world: &mut World, digit: char) {
    let stream = world.commands.iter().find_map(|command| match command {
        Command::Open { stream, .. } => Some(*stream),
        _ => None,
    });
    let stream: StreamId = stream.unwrap();
    world.input(Input::Media(media::Event::Dtmf { stream, digit, millis: 100 }));
}

fn sounds(world: &World) -> Vec<&Source> {
    let plays = world.commands.iter().filter_map(|command| match command {
        Command::Play { play, .. } => Some(&play.source),
        _ => None,
    });
    plays.collect()
}

/// QE-11: a key takes the caller from the queue to Ana while an agent rings; he hears her phone ring, then her.
#[test]
fn qe_11_a_key_leads_to_a_user() {
    let exit = [("5".to_owned(), "user:ana".parse().unwrap())];
    let mut world =
        World::with(60, with_two_queues(|it| it.acd.queues.get_mut(&QueueId(1)).unwrap().exit_keys = exit.into()));
    let (ana, eva) = (world.phone("ana", 6001), world.phone("eva", 6003));
    let call = world.call(carrier(), "+351210000001", "800");
    let (usage, _) = world.incoming(eva).unwrap();
    world.respond(eva, usage, Reply::new(180));
    presses(&mut world, '4');
    assert!(world.incoming(ana).is_none());
    presses(&mut world, '5');
    assert!(world.event(eva, |event| matches!(event, Event::Cancelled { .. })).is_some());
    assert_eq!(world.status(1), Status::Ready);
    assert!(matches!(sounds(&world).last(), Some(Source::Tone(Tone::Ringback))));
    world.answer(ana);
    assert_eq!(world.joins(), 1);
    presses(&mut world, '5');
    world.bye(carrier(), call);
    assert!(world.is_ended(ana));
    let record = &world.records[0];
    assert_eq!(record.queue.as_ref().unwrap().outcome, "exit_key");
    assert!(record.connected.is_some());
    world.assert_nothing_left();
}

/// QE-12: nobody in the group answers, the second queue is closed, nobody takes the number outside: the clip, then the end.
#[test]
fn qe_12_a_chain_is_followed_to_its_end() {
    let chain = ["group:group1", "queue:sales", "number:9000", "clip:sorry"].map(|step| step.parse().unwrap());
    let centre = with_two_queues(|it| {
        let queue = it.acd.queues.get_mut(&QueueId(1)).unwrap();
        (queue.max_wait_secs, queue.overflow) = (30, chain.into());
        it.acd.queues.get_mut(&QueueId(2)).unwrap().closed = true;
    });
    let mut world = World::with(61, centre);
    let ana = world.phone("ana", 6001);
    world.call(carrier(), "+351210000001", "800");
    world.pass(Duration::from_secs(30));
    let (usage, _) = world.incoming(ana).expect("the group rings");
    world.respond(ana, usage, Reply::new(180));
    world.pass(Duration::from_secs(15));
    let (outside, invite) = world.incoming(carrier()).expect("the number is called");
    assert_eq!(invite.request_uri().unwrap().user_decoded(), "9000");
    world.respond(carrier(), outside, Reply::new(486));
    assert!(matches!(sounds(&world).last(), Some(Source::Clip(ClipId(7)))), "{:?}", sounds(&world));
    let played = world.commands.iter().rev().find_map(|command| match command {
        Command::Play { stream, play } => Some((*stream, play.id)),
        _ => None,
    });
    let (stream, play) = played.unwrap();
    world.input(Input::Media(media::Event::Finished { stream, play, end: media::End::Played }));
    assert!(world.is_ended(carrier()));
    assert_eq!(world.records[0].queue.as_ref().unwrap().outcome, "overflowed");
    world.assert_nothing_left();
}

/// QE-12, QE-15: who overflows into another queue hears music there and is offered there; a supervisor moves him back.
#[test]
fn qe_12_qe_15_from_queue_to_queue_and_back() {
    let centre = with_two_queues(|it| {
        it.acd.queues.get_mut(&QueueId(1)).unwrap().closed = true;
        it.acd.queues.get_mut(&QueueId(1)).unwrap().overflow = vec!["queue:sales".parse().unwrap()];
    });
    let mut world = World::with(62, centre.clone());
    let eva = world.phone("eva", 6003);
    let call = world.call(carrier(), "+351210000001", "800");
    assert!(world.is_answered(carrier()));
    assert!(world.incoming(eva).is_none());
    let snapshot = world.engine.snapshot(world.now);
    let waits = |queue: u64| snapshot.acd.queues.iter().find(|it| it.queue == QueueId(queue)).unwrap().waiting.len();
    assert_eq!((waits(1), waits(2), snapshot.calls[0].queue), (0, 1, Some(QueueId(2))));
    let interaction: InteractionId = snapshot.calls[0].interaction.unwrap();
    assert!(world.request(Request::Move { interaction, queue: QueueId(1) }).is_err(), "it is closed");
    let mut open = centre;
    open.acd.queues.get_mut(&QueueId(1)).unwrap().closed = false;
    world.input(Input::Settings(Box::new(open)));
    world.request(Request::Move { interaction, queue: QueueId(1) }).unwrap();
    world.answer(eva);
    assert_eq!(world.status(1), Status::Busy);
    world.bye(carrier(), call);
    let queue = world.records[0].queue.as_ref().unwrap();
    assert_eq!((queue.queue, queue.outcome.as_str(), queue.agent), (QueueId(1), "answered", Some(AgentId(1))));
    world.assert_nothing_left();
}

/// QE-17: a queue closed by hand sends newcomers to a user before anything was answered, and his progress is passed on.
#[test]
fn qe_17_a_closed_door_sends_newcomers_on() {
    let centre = with_two_queues(|it| {
        it.acd.queues.get_mut(&QueueId(1)).unwrap().overflow =
            vec!["user:rui".parse().unwrap(), "user:ana".parse().unwrap()];
    });
    let mut world = World::with(63, centre);
    let ana = world.phone("ana", 6001);
    world.request(Request::SetDoor { queue: QueueId(1), door: Door::Closed }).unwrap();
    world.call(carrier(), "+351210000001", "800");
    assert!(!world.is_answered(carrier()), "nobody has taken it yet");
    let usage = world.answer(ana);
    assert!(world.is_answered(carrier()));
    world.bye(ana, usage);
    assert!(world.is_ended(carrier()));
    world.assert_nothing_left();
}

/// RT-18: an agent who is Not Ready takes a caller at his page, and his phone rings for him.
#[test]
fn rt_18_an_agent_takes_a_caller() {
    let mut world = World::new(64);
    let eva = world.phone("eva", 6003);
    let selection = crate::acd::Selection::NotReady { reason: None };
    let channel = crate::acd::Channel::Voice;
    world.request(Request::Select { agent: AgentId(1), channel, selection }).unwrap();
    let call = world.call(carrier(), "+351210000001", "800");
    assert!(world.incoming(eva).is_none());
    let interaction = world.engine.snapshot(world.now).calls[0].interaction.unwrap();
    world.request(Request::Pull { interaction, agent: AgentId(1) }).unwrap();
    world.answer(eva);
    assert_eq!((world.joins(), world.status(1)), (1, Status::Busy));
    world.bye(carrier(), call);
    let record = &world.records[0];
    let why = record.queue.as_ref().unwrap().why.as_ref().unwrap();
    assert_eq!(why.assigned, Some(Actor::Agent(AgentId(1))));
    assert_eq!(world.sent_to(eva, &Method::Invite).len(), 1);
    world.assert_nothing_left();
}

/// QE-14: the record tells the story: nobody could be asked, who was asked and how that ended, where it went on. Each
/// step with its reason.
#[test]
fn qe_14_a_record_tells_who_was_asked_and_why() {
    let centre = with_two_queues(|it| {
        let queue = it.acd.queues.get_mut(&QueueId(2)).unwrap();
        (queue.max_wait_secs, queue.overflow) = (10, vec!["queue:support".parse().unwrap()]);
        it.routes[1].destination = crate::switch::Destination::Queue(QueueId(2));
    });
    let mut world = World::with(65, centre);
    let eva = world.phone("eva", 6003);
    let max = world.phone("max", 6004);
    let call = world.call(carrier(), "+351210000001", "800");
    world.pass(Duration::from_secs(10));
    let (usage, _) = world.incoming(eva).expect("Eva is asked");
    world.respond(eva, usage, Reply::new(486));
    world.answer(max);
    world.bye(carrier(), call);
    let story = &world.records[0].queue.as_ref().unwrap().story;
    let told: Vec<String> = story
        .iter()
        .map(|step| match &step.what {
            StoryEvent::Nobody(why) => format!("{}: nobody {:?}", step.queue, why.excluded),
            StoryEvent::Decided(decided) => format!("{}: {decided:?}", step.queue),
            StoryEvent::Offered { why, end, .. } => {
                format!("{}: {} of {} {end:?}", step.queue, why.agent, why.candidates)
            }
            StoryEvent::AgentLost { agent } => format!("{}: {agent} lost", step.queue),
            StoryEvent::Left { outcome, onward, .. } => {
                format!("{}: {outcome} {}", step.queue, onward.as_ref().map(ToString::to_string).unwrap_or_default())
            }
        })
        .collect();
    assert_eq!(
        told,
        [
            "queue-2: nobody []",
            "queue-2: overflowed queue:support",
            "queue-1: agent-1 of 2 Some(DeviceBusy)",
            "queue-1: agent-2 of 1 Some(Accepted)",
            "queue-1: answered ",
        ]
    );
    world.assert_nothing_left();
}
