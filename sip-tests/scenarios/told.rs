//! What callers and agents of a queue are told, judged by what they hear: each sentence to its last sample.

use strowger::{
    acd::{Announce, PlaceRule, Selection, Status, WaitRule},
    base::ClipId,
    engine::{Centre, QueueVoice, Spoken, WaitingSound},
    media::spoken::{Language, Phrase},
};

use super::caller;
use crate::sim::{SUPPORT, Voice, World, millis, secs};

fn speaks(centre: &mut Centre, announce: Announce, spoken: Spoken) {
    centre.queues.push(QueueVoice { queue: SUPPORT, waiting: WaitingSound::HoldMusic, caller_id: None, spoken });
    centre.acd.queues.get_mut(&SUPPORT).unwrap().announce = announce;
}

fn sentence(language: Language, word: &str) -> [ClipId; 1] {
    [language.clip(word).unwrap()]
}

/// QE-06, QE-04: the second in the line hears his place and his wait in the queue's language, the music before and after
/// it; the first hears that he is the first.
#[test]
fn place_and_wait_are_heard() {
    let world = World::seed(300);
    let announce = Announce { place: PlaceRule::Always, wait: WaitRule::Always, ..Announce::default() };
    let spoken = Spoken { language: Language::Portuguese, ..Spoken::default() };
    world.centre_has(|centre| speaks(centre, announce, spoken));
    let ana = world.agent("ana").ready();
    ana.answers_after(secs(1));
    let talks = caller(&world);
    world.within(5, "they talk", |world| world.hear_each_other(&talks, &ana));
    // Three minutes a call, and the one call so far waited a second: the estimate is the mean.
    let (first, second) = (caller(&world), caller(&world));
    first.tapes();
    second.tapes();
    world.run_for(secs(2));
    assert!(world.hears(&second, Voice::MUSIC));
    world.run_for(secs(18));
    assert!(world.hears(&second, Voice::MUSIC), "and goes on behind it");
    let say = |place, minutes| Language::Portuguese.say(&[place, Phrase::Wait(minutes)]);
    let at = second.heard(&say(Phrase::Place(2), 4)).expect("number two, four minutes");
    assert!((4 * 8_000..7 * 8_000).contains(&at), "{at}");
    assert!(first.heard(&say(Phrase::First, 2)).is_some(), "the first, two minutes");
    for call in [talks, first, second] {
        call.hangs_up();
    }
    world.settle();
}

/// QE-06: nobody works for the queue: no wait is told, and the music has no gap.
#[test]
fn no_wait_is_told_where_nobody_works() {
    let world = World::seed(301);
    let announce = Announce { wait: WaitRule::Always, ..Announce::default() };
    world.centre_has(|centre| speaks(centre, announce, Spoken::default()));
    let call = caller(&world);
    call.tapes();
    world.run_for(secs(30));
    assert!(world.hears(&call, Voice::MUSIC));
    assert!(call.heard(&sentence(Language::English, "wait")).is_none());
    assert!(call.heard(&sentence(Language::English, "wait_short")).is_none());
    call.hangs_up();
    world.settle();
}

/// QE-07, SW-12: a clip of nearly five seconds; who accepts meanwhile is heard within 200 ms of his answer.
#[test]
fn an_answer_cuts_what_is_being_said() {
    let world = World::seed(302);
    let announce =
        Announce { periodic: vec!["built-in:thanks".into()], periodic_first_secs: 10, ..Announce::default() };
    world.centre_has(|centre| speaks(centre, announce, Spoken::default()));
    let ana = world.agent("ana").ready();
    ana.selects(Selection::not_ready("lunch")).unwrap();
    let call = caller(&world);
    call.tapes();
    world.run_for(secs(20));
    let thanks = sentence(Language::English, "thanks");
    assert!(call.heard(&thanks).is_some(), "whole, once");
    call.tapes();
    world.run_for(millis(51_500));
    assert!(!world.hears(&call, Voice::MUSIC), "he is being thanked again");
    ana.selects(Selection::Ready).unwrap();
    world.within(1, "it rings", |_| ana.is_ringing());
    ana.call().answers();
    // What an ear needs to be sure, and two hundred milliseconds.
    world.run_for(millis(240 + 200));
    assert!(world.hear_each_other(&call, &ana));
    assert!(call.heard(&thanks).is_none(), "it was cut");
    call.hangs_up();
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
}

/// QE-11: a key leads out while something is being said.
#[test]
fn a_key_works_during_an_announcement() {
    let world = World::seed(303);
    let announce =
        Announce { periodic: vec!["built-in:thanks".into()], periodic_first_secs: 10, ..Announce::default() };
    world.centre_has(|centre| speaks(centre, announce, Spoken::default()));
    world.queue_has(|queue| queue.exit_keys = [("5".to_owned(), "hangup".parse().unwrap())].into());
    let call = caller(&world);
    world.run_for(secs(11));
    assert!(!world.hears(&call, Voice::MUSIC), "he is being thanked");
    call.presses("5");
    world.within(1, "he is out", |_| call.is_over());
    world.settle();
    let records = world.records();
    assert_eq!(records[0].queue.as_ref().unwrap().outcome, "exit_key");
}

/// QE-05: a welcome before the queue takes the call, in the language of the caller's number; then the agent hears how long
/// he has waited while the caller hears that he is being connected; then each other.
#[test]
fn a_call_is_welcomed_and_introduced() {
    let world = World::seed(304);
    let spoken = Spoken {
        languages: [("+".to_owned(), Language::Spanish)].into(),
        welcome: Some("built-in:welcome".into()),
        connecting: Some("built-in:connecting".into()),
        whisper_wait: true,
        ..Spoken::default()
    };
    world.centre_has(|centre| speaks(centre, Announce::default(), spoken));
    let ana = world.agent("ana").ready();
    let call = caller(&world);
    call.tapes();
    world.run_for(secs(2));
    assert!(!ana.is_ringing(), "the queue has not taken it yet");
    world.within(10, "it rings", |_| ana.is_ringing());
    assert!(call.heard_end_of(&sentence(Language::Spanish, "welcome")).is_some());
    ana.call().tapes();
    call.tapes();
    ana.call().answers();
    world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
    assert!(call.heard(&sentence(Language::Spanish, "connecting")).is_some());
    assert!(ana.call().heard(&sentence(Language::English, "has_waited_short")).is_some());
    call.hangs_up();
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
}

/// QE-05: the agent's whisper is heard whole; the caller hears music meanwhile. An agent who hangs up during it leaves the
/// caller in his place, and a caller who does leaves nothing behind.
#[test]
fn a_whisper_may_be_cut_by_either() {
    let world = World::seed(305);
    let spoken = Spoken { whisper: Some("built-in:welcome".into()), ..Spoken::default() };
    world.centre_has(|centre| speaks(centre, Announce::default(), spoken));
    let ana = world.agent("ana").ready();
    let call = caller(&world);
    world.within(3, "it rings", |_| ana.is_ringing());
    ana.call().tapes();
    ana.call().answers();
    world.run_for(secs(1));
    assert!(world.hears(&call, Voice::MUSIC));
    ana.hangs_up();
    world.within(3, "it rings again", |_| ana.is_ringing());
    assert!(!call.is_over());
    ana.call().tapes();
    ana.call().answers();
    world.within(6, "they talk", |world| world.hear_each_other(&call, &ana));
    assert!(ana.call().heard(&sentence(Language::English, "welcome")).is_some());
    call.hangs_up();
    world.settle();
    let again = caller(&world);
    world.within(3, "it rings", |_| ana.is_ringing());
    ana.call().answers();
    world.run_for(secs(1));
    again.hangs_up();
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
}

/// QE-05, QE-11: any key cuts the welcome short.
#[test]
fn a_key_cuts_the_welcome() {
    let world = World::seed(306);
    let spoken = Spoken { welcome: Some("built-in:welcome".into()), ..Spoken::default() };
    world.centre_has(|centre| speaks(centre, Announce::default(), spoken));
    let ana = world.agent("ana").ready();
    let call = caller(&world);
    world.run_for(millis(500));
    call.presses("1");
    world.within(1, "it rings at once", |_| ana.is_ringing());
    call.hangs_up();
    world.settle();
}
