//! SW-16: fax over IP (T.38) between two legs, carried as it is: each machine gets what the other sent, octet by octet.

use crate::sim::{Call, FaxHabit, Phone, Voice, World, millis, secs};

/// A phone of the house and the carrier's gateway, each with a fax machine, in a call of sound.
fn machines(seed: u64) -> (World, Call, Call) {
    let world = World::seed(seed);
    let ana = world.phone("ana");
    let rui = world.phone("rui");
    let call = connected(&world, &ana, &rui);
    (world, call, rui.call())
}

fn connected(world: &World, ana: &Phone, rui: &Phone) -> Call {
    for phone in [ana, rui] {
        phone.registers();
        phone.faxes(FaxHabit::Takes);
    }
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, rui));
    call
}

/// Each gets what the other sends, in order, whole, and nothing else.
fn fax_each_other(world: &World, one: &Call, other: &Call) {
    world.within(3, "both have fax", |_| one.faxed().is_some() && other.faxed().is_some());
    world.run_for(secs(4));
    let ((sent, got), (sent_there, got_there)) = (one.faxed().unwrap(), other.faxed().unwrap());
    assert!(sent.len() > 150 && sent_there.len() > 150);
    for (sent, got) in [(sent, got_there), (sent_there, got)] {
        // What was sent before the other side had its answer is gone; the last is on its way.
        let first = sent.iter().position(|one| Some(one) == got.first()).expect("what was sent");
        assert!(first < 60 && got.len() + first + 3 > sent.len(), "{first} {} {}", got.len(), sent.len());
        assert_eq!(got[..], sent[first..first + got.len()]);
    }
    let terms = |call: &Call| call.phone.fax_terms();
    assert_eq!((one.fax_heard(), other.fax_heard()), (terms(other), terms(one)), "in the other's own words");
}

fn talk_again(world: &World, one: &Call, other: &Call) {
    for call in [one, other] {
        call.listens_anew();
    }
    world.within(3, "they talk", |world| world.hear_each_other(one, other));
    for call in [one, other] {
        call.with(|call| assert_eq!(call.media.ear.sources.len(), 1, "one source towards a leg, for its whole life"));
    }
}

/// SW-16: either side turns the call into fax and back; terms and datagrams arrive as they were, there is sound again
/// afterwards, and nothing is left behind.
#[test]
fn sw_16_either_side_turns_sound_into_fax_and_back() {
    let (world, call, there) = machines(900);
    for (asks, other) in [(&call, &there), (&there, &call)] {
        asks.asks_for_fax();
        fax_each_other(&world, asks, other);
        other.resumes();
        talk_again(&world, asks, other);
    }
    call.asks_for_fax();
    fax_each_other(&world, &call, &there);
    there.hangs_up();
    world.settle();
    let codecs: Vec<_> = world.records()[0].legs.iter().map(|leg| leg.codec.clone().unwrap()).collect();
    assert_eq!(codecs, ["t38", "t38"]);
}

/// SW-16: the carrier's fax comes in over the trunk to a desk, on a line that loses each message once.
#[test]
fn sw_16_fax_over_a_trunk() {
    let world = World::seed(901);
    let ana = world.agent("ana").ready();
    let call = super::talking(&world, &ana);
    ana.faxes(FaxHabit::Takes);
    world.carrier().faxes(FaxHabit::Takes);
    let mut seen = std::collections::BTreeSet::new();
    world.loses(move |_, text| {
        let cseq = text.lines().find(|line| line.starts_with("CSeq:"));
        seen.insert(text.lines().take(1).chain(cseq).collect::<String>())
    });
    call.asks_for_fax();
    fax_each_other(&world, &call, &ana.call());
    ana.call().resumes();
    talk_again(&world, &call, &ana.call());
    call.hangs_up();
    world.settle();
}

/// SW-16: whom is asked refuses, agrees to something else, or says nothing: who asked hears why, and they talk on.
#[test]
fn sw_16_refused_fax_leaves_the_call_as_it_was() {
    let cases = [
        (FaxHabit::Refuses(488), 488),
        (FaxHabit::Refuses(415), 415),
        (FaxHabit::Refuses(606), 606),
        (FaxHabit::Refuses(500), 488),
        (FaxHabit::TakesTheSound, 488),
        (FaxHabit::Ponders, 488),
    ];
    for (habit, status) in cases {
        println!("{habit:?}");
        let (world, call, there) = machines(902);
        there.phone.faxes(habit);
        call.asks_for_fax();
        let patience = if habit == FaxHabit::Ponders { 22 } else { 2 };
        world.within(patience, "an answer", |_| call.status() == Some(status));
        assert!(call.is_up() && there.is_up() && call.faxed().is_none());
        world.run_for(secs(1));
        talk_again(&world, &call, &there);
        if habit != FaxHabit::Ponders {
            // And the other way it can still be had.
            there.asks_for_fax();
            fax_each_other(&world, &there, &call);
        }
        call.hangs_up();
        world.settle();
    }
}

/// SW-16: both ask in the same moment, in any order: one of them is put off (491), and fax it becomes.
#[test]
fn sw_16_both_ask_at_once() {
    for lead in 0..4 {
        let (world, call, there) = machines(910 + lead);
        let (first, second) = if lead % 2 == 0 { (&call, &there) } else { (&there, &call) };
        first.asks_for_fax();
        world.run_for(millis(lead / 2));
        second.asks_for_fax();
        world.within(9, "fax", |_| call.faxed().is_some() && there.faxed().is_some());
        world.run_for(secs(9));
        let statuses = [call.statuses(), there.statuses()].concat();
        assert!(statuses.contains(&491), "{statuses:?}");
        let (counted, counted_there) = (call.faxed().unwrap().1.len(), there.faxed().unwrap().1.len());
        world.run_for(secs(2));
        assert!(call.faxed().unwrap().1.len() > counted + 90 && there.faxed().unwrap().1.len() > counted_there + 90);
        call.resumes();
        talk_again(&world, &call, &there);
        call.hangs_up();
        world.settle();
    }
}

/// SW-16: a question taken back, before the other side has answered and as it answers: both have sound, whoever said what.
#[test]
fn sw_16_a_question_that_is_taken_back() {
    for (lead, ponders) in (0..4).map(|lead| (lead, false)).chain([(500, true), (2, true)]) {
        println!("{lead} {ponders}");
        let (world, call, there) = machines(920);
        if ponders {
            there.phone.faxes(FaxHabit::Ponders);
        }
        call.asks_for_fax();
        world.run_for(millis(lead));
        call.takes_fax_back();
        world.run_for(secs(3));
        let faxes = [call.faxed().is_some(), there.faxed().is_some()];
        assert!(faxes == [false; 2] || faxes == [true; 2], "{faxes:?}: both the same");
        assert!(!ponders || there.phone.requests_of("CANCEL") == 1, "told at once");
        if faxes[0] {
            call.resumes();
        }
        talk_again(&world, &call, &there);
        call.hangs_up();
        world.settle();
    }
}

/// SW-16, SW-05: sound and fax in one offer: the sound is kept and the fax answered with port 0, in its place.
#[test]
fn sw_16_sound_and_fax_in_one_offer() {
    let (world, call, there) = machines(930);
    let port = call.with(|call| call.media.rtp.port());
    call.offers(&format!("m=audio {port} RTP/AVP 0\r\nm=image 40000 udptl t38\r\na=T38FaxVersion:0\r\n"));
    world.run_for(secs(1));
    let answer = call.phone.fax_answered().expect("an answer");
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert!(lines[0].starts_with("m=audio ") && !lines[0].starts_with("m=audio 0 "), "{answer}");
    assert_eq!(lines[1..], ["m=image 0 udptl t38"]);
    assert!(there.faxed().is_none());
    talk_again(&world, &call, &there);
    call.hangs_up();
    world.settle();
}

/// SW-16: who waits in a queue can have no fax, who is listened to or held can't either; the call stays what it was.
#[test]
fn sw_16_fax_needs_two_and_nobody_else() {
    let world = World::seed(931);
    let ana = world.agent("ana").ready();
    world.carrier().faxes(FaxHabit::Takes);
    let call = super::caller(&world);
    world.within(3, "music", |world| world.hears(&call, Voice::MUSIC));
    call.asks_for_fax();
    world.run_for(secs(1));
    assert_eq!((call.status(), call.is_up()), (Some(488), true));
    world.within(3, "music still", |world| world.hears(&call, Voice::MUSIC));
    ana.answers_after(secs(0));
    ana.call().answers();
    world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
    ana.call().holds(crate::sim::HoldForm::SendOnly);
    world.within(3, "held", |world| world.hears(&call, Voice::MUSIC));
    call.asks_for_fax();
    world.run_for(secs(1));
    assert_eq!(call.status(), Some(488));
    ana.call().resumes();
    talk_again(&world, &call, &ana.call());
    call.hangs_up();
    world.settle();
}

/// SW-16: a call that is fax from its first word: to a machine it is fax at once, a phone and a queue refuse it (488).
#[test]
fn sw_16_a_call_that_begins_as_fax() {
    let world = World::seed(932);
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    ana.registers();
    rui.registers();
    rui.faxes(FaxHabit::Takes);
    ana.faxes(FaxHabit::Takes);
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    let call = ana.calls_for_fax("rui");
    world.within(5, "up", |_| call.is_up());
    fax_each_other(&world, &call, &rui.call());
    call.resumes();
    talk_again(&world, &call, &rui.call());
    call.hangs_up();
    world.settle();
    rui.faxes(FaxHabit::Knows);
    let refused = ana.calls_for_fax("rui");
    world.within(5, "over", |_| refused.is_over());
    assert_eq!(refused.status(), Some(488));
    let queued = world.carrier().calls_for_fax(super::SUPPORT_NUMBER);
    world.within(5, "over", |_| queued.is_over());
    assert_eq!(queued.status(), Some(488));
    world.settle();
}

/// SW-16, SW-07: a stranger's datagrams reach nobody, and neither does what is no datagram of fax by its size.
#[test]
fn sw_16_strangers_send_no_fax() {
    let (world, call, there) = machines(933);
    call.asks_for_fax();
    fax_each_other(&world, &call, &there);
    let to = call.with(|call| call.media.fax.as_ref().unwrap().remote.unwrap());
    let own = call.with(|call| call.media.rtp);
    world.injects("203.0.113.66:4000".parse().unwrap(), to, vec![66; 40]);
    for length in [0, 3, 1_473] {
        world.injects(own, to, vec![66; length]);
    }
    world.run_for(secs(1));
    let (_, got) = there.faxed().unwrap();
    assert!(got.len() > 200 && got.iter().all(|datagram| !datagram.ends_with(&[66])), "nothing of it");
    call.hangs_up();
    world.settle();
    let leg = &world.records()[0].legs[0];
    assert_eq!(leg.quality.as_ref().map(|quality| quality.strangers), Some(1));
}

/// SW-16, CP-04: `kill -9` in the middle of a fax: the next process carries it on over the same ports.
#[test]
fn sw_16_fax_outlives_the_process() {
    let (world, call, there) = machines(934);
    call.asks_for_fax();
    fax_each_other(&world, &call, &there);
    world.crashes();
    world.run_for(millis(500));
    world.starts();
    world.run_for(secs(1));
    let before = (call.faxed().unwrap().1.len(), there.faxed().unwrap().1.len());
    world.run_for(secs(2));
    let after = (call.faxed().unwrap().1.len(), there.faxed().unwrap().1.len());
    assert!(after.0 > before.0 + 90 && after.1 > before.1 + 90, "{before:?} {after:?}");
    there.resumes();
    talk_again(&world, &call, &there);
    call.hangs_up();
    world.settle();
}
