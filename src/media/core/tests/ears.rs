//! Who has picked up.

use super::{super::*, world::World};
use crate::media::{AnswerSettings, Because, Codec};

/// CP-07, SEMANTICS 4.2: a leg that sends nothing at all is judged when the time for that is over, not when its turn comes.
#[test]
fn cp_07_silence_is_judged_in_time() {
    let mut world = World::with(&[Codec::Pcmu; 10]);
    let settings = AnswerSettings { initial_silence_ms: 1_500, ..AnswerSettings::default() };
    for place in 0..10 {
        world.phones[place].speaks = false;
        let stream = world.phones[place].stream;
        world.tell(Command::Judge { stream, settings: Box::new(settings) });
    }
    world.run(1_450);
    let judged = |world: &World| {
        let is_told = |event: &&Event| matches!(event, Event::Answered { because: Because::InitialSilence, .. });
        world.events.iter().filter(is_told).count()
    };
    assert_eq!(judged(&world), 0);
    world.run(200);
    assert_eq!(judged(&world), 10);
    world.run(3_000);
    assert_eq!(judged(&world), 10, "once each");
}
