//! Clips that agents play in their calls: what each side hears, to the sample, and who is free when.

use strowger::{
    acd::{PartEnd, Status},
    base::{ClipId, UserId},
    engine::{Actor, ClipPlay, Happened, Refused, Request, Supervision},
    media::spoken::Language,
};

use crate::sim::{Agent, Call, HoldForm, SPOKEN, World, millis, secs};

struct Desk {
    world: World,
    customer: Call,
    ana: Agent,
}

fn desk(seed: u64) -> Desk {
    let world = World::seed(seed);
    world.queue_has(|queue| queue.acw_secs = 30);
    let ana = world.agent("ana").ready();
    let customer = super::talking(&world, &ana);
    Desk { world, customer, ana }
}

fn clip() -> ClipId {
    Language::English.clip("thanks").expect("a sentence")
}

impl Desk {
    fn plays(&self, agent_hears: bool, hang_up: bool) -> Result<(), Refused> {
        let call = self.world.snapshot().calls[0].call;
        let play = ClipPlay { clip: clip(), from_ms: 0, agent_hears, with_talk: false, hang_up };
        self.world.asks(Actor::Agent(self.ana.id), Request::PlayClip { call, play }).map(|_| ())
    }

    fn stops(&self) {
        let call = self.world.snapshot().calls[0].call;
        self.world.asks(Actor::Agent(self.ana.id), Request::StopClip { call }).expect("stopped");
    }

    fn tells(&self, wanted: impl Fn(&Happened) -> bool) -> usize {
        self.world.happened().iter().filter(|what| wanted(what)).count()
    }
}

/// SC-04, SC-07: both sides hear a clip to its last sample, then each other again; nothing of a packet is missing or twice.
#[test]
fn sc_04_sc_07_both_hear_a_clip_and_talk_on() {
    let desk = desk(500);
    let Desk { world, customer, ana } = &desk;
    let agent = ana.call();
    for call in [customer, &agent] {
        call.listens_anew();
        call.tapes();
    }
    desk.plays(true, false).expect("played");
    world.run_for(secs(10));
    for call in [customer, &agent] {
        assert!(call.heard(&[clip()]).is_some(), "all of it, without a gap");
        let gap = call.with(|call| call.media.ear.longest_gap_us);
        assert!(gap <= 40_000, "{gap}");
        call.with(|call| assert_eq!((call.media.ear.sources.len(), call.media.ear.skipped), (1, 0)));
    }
    world.within(2, "they talk on", |world| world.hear_each_other(customer, ana));
    assert_eq!(desk.tells(|what| matches!(what, Happened::ClipStarted { .. })), 1);
    assert_eq!(desk.tells(|what| matches!(what, Happened::ClipEnded { .. })), 1);
    customer.hangs_up();
    world.settle();
}

/// SC-04: over the talk, both hear the clip and each other; in place of it, the clip alone.
#[test]
fn sc_04_a_clip_over_the_talk_or_instead_of_it() {
    for with_talk in [true, false] {
        let desk = desk(506);
        let Desk { world, customer, ana } = &desk;
        let agent = ana.call();
        let call = world.snapshot().calls[0].call;
        let play = ClipPlay { clip: clip(), from_ms: 0, agent_hears: true, with_talk, hang_up: false };
        world.asks(Actor::Agent(ana.id), Request::PlayClip { call, play }).expect("played");
        world.run_for(millis(200));
        customer.tapes();
        agent.tapes();
        world.run_for(millis(600));
        for (listener, other) in [(customer, &agent), (&agent, customer)] {
            let voice = other.with(|call| call.media.voice);
            let tape = listener.with(|call| call.media.ear.tape.take()).expect("a tape");
            let peak = strowger::media::tone_peak(&tape[tape.len() - 4_000..], f64::from(voice.0));
            assert!(
                if with_talk { (1_600.0..2_400.0).contains(&peak) } else { peak < 800.0 },
                "{with_talk}: {peak:.0}"
            );
        }
        world.within(10, "its end", |_| desk.tells(|what| matches!(what, Happened::ClipEnded { .. })) == 1);
        world.within(2, "they talk on", |world| world.hear_each_other(customer, ana));
        for call in [customer, &agent] {
            call.with(|call| assert_eq!((call.media.ear.sources.len(), call.media.ear.skipped), (1, 0)));
        }
        customer.hangs_up();
        world.settle();
    }
}

/// SC-04, SW-12: played again from further on while it plays, a clip goes on from there: its end is heard so much sooner.
#[test]
fn sc_04_sw_12_a_clip_goes_on_from_elsewhere() {
    let whole = SPOKEN[&clip()].len() as u64 / 8;
    let desk = desk(505);
    let Desk { world, customer, ana } = &desk;
    desk.plays(true, false).expect("played");
    world.run_for(millis(200));
    let call = world.snapshot().calls[0].call;
    let play =
        ClipPlay { clip: clip(), from_ms: whole as u32 - 300, agent_hears: true, with_talk: false, hang_up: false };
    world.asks(Actor::Agent(ana.id), Request::PlayClip { call, play }).expect("played");
    let ended = |desk: &Desk| desk.tells(|what| matches!(what, Happened::ClipEnded { .. })) > 0;
    world.run_for(millis(200));
    assert!(!ended(&desk), "300 ms are left");
    world.within(1, "its end", |_| ended(&desk));
    world.within(2, "they talk on", |world| world.hear_each_other(customer, ana));
    customer.hangs_up();
    world.settle();
}

/// SC-04: the agent need not hear it, and hears the customer meanwhile; stopped, they talk on at once.
#[test]
fn sc_04_the_agent_need_not_hear_it_and_may_stop_it() {
    let desk = desk(501);
    let Desk { world, customer, ana } = &desk;
    let agent = ana.call();
    customer.tapes();
    agent.tapes();
    desk.plays(false, false).expect("played");
    world.run_for(secs(1));
    agent.listens_anew();
    world.run_for(millis(400));
    let voice = customer.with(|call| call.media.voice);
    assert!(world.hears(&agent, voice), "he hears the customer");
    desk.stops();
    customer.listens_anew();
    world.within(1, "they talk on", |world| world.hear_each_other(customer, ana));
    world.run_for(secs(8));
    assert_eq!(customer.heard(&[clip()]), None, "it was cut");
    assert_eq!(agent.heard_end_of(&[clip()]), None);
    assert_eq!(desk.tells(|what| matches!(what, Happened::ClipEnded { .. })), 1);
    customer.hangs_up();
    world.settle();
}

/// SC-04, CH-13: a third who is in the call hears the clip with the customer to its last sample, whether or not the agent
/// does; stopped, it stops for all, and the three talk on.
#[test]
fn sc_04_ch_13_a_third_hears_it_too() {
    for agent_hears in [true, false] {
        let desk = desk(505);
        let Desk { world, customer, ana } = &desk;
        let eva = world.phone("eva");
        eva.registers();
        eva.answers_after(secs(1));
        world.run_for(secs(1));
        let call = world.snapshot().calls[0].call;
        let add = Request::AddLeg { call, by: UserId(1), to: "eva".into() };
        world.asks(Actor::Agent(ana.id), add).expect("rung");
        world.within(5, "Eva is in it", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
        world.run_for(secs(1));
        let everybody = [customer.clone(), ana.call(), eva.call()];
        for side in &everybody {
            side.listens_anew();
            side.tapes();
        }
        desk.plays(agent_hears, false).expect("played");
        world.run_for(secs(10));
        for (side, hears) in everybody.iter().zip([true, agent_hears, true]) {
            assert_eq!(side.heard(&[clip()]).is_some(), hears);
            side.with(|call| assert_eq!((call.media.ear.sources.len(), call.media.ear.skipped), (1, 0)));
        }
        desk.plays(agent_hears, false).expect("played");
        world.run_for(secs(1));
        desk.stops();
        everybody.iter().for_each(Call::listens_anew);
        world.run_for(secs(1));
        for listener in &everybody {
            for voice in everybody.iter().map(|other| other.with(|call| call.media.voice)) {
                let share = listener.with(|call| call.media.ear.share(voice));
                let own = listener.with(|call| call.media.voice) == voice;
                assert_eq!(share > 0.3, !own, "{share:.2} of {voice:?}");
            }
        }
        assert_eq!(desk.tells(|what| matches!(what, Happened::ClipEnded { .. })), 2);
        customer.hangs_up();
        world.settle();
    }
}

/// SC-05: the agent is in wrap-up at the click, the customer hears the clip to its last sample, and only then is hung up.
#[test]
fn sc_05_play_and_hang_up() {
    let desk = desk(502);
    let Desk { world, customer, ana } = &desk;
    customer.tapes();
    desk.plays(true, true).expect("played");
    world.run_for(millis(100));
    assert_eq!(ana.status(), Status::WrapUp, "free at the click");
    assert!(ana.call().is_over() && customer.is_up());
    world.within(12, "the call ends behind the clip", |_| customer.is_over());
    assert!(customer.heard(&[clip()]).is_some(), "to the last sample");
    world.settle();
    assert_eq!(world.engagements().len() + usize::from(ana.status() == Status::WrapUp), 1, "one engagement");
    if ana.status() == Status::WrapUp {
        ana.asks(Request::FinishWrapUp { agent: ana.id, engagement: None }).unwrap();
    }
    assert_eq!(world.engagements()[0].end, Some(PartEnd::Clip));
}

/// SC-05: who hangs up before the clip is over is gone, and so is the clip.
#[test]
fn sc_05_the_customer_may_leave_before_its_end() {
    let desk = desk(503);
    desk.plays(true, true).expect("played");
    desk.world.run_for(secs(1));
    desk.customer.hangs_up();
    desk.world.settle();
}

/// SC-04, CH-02: whoever holds while a clip plays ends it for both: taken back, they hear each other and no clip, whether it is
/// done at a page or by the phone.
#[test]
fn sc_04_ch_02_a_hold_ends_a_clip() {
    for by_phone in [false, true] {
        let desk = desk(507);
        let Desk { world, customer, ana } = &desk;
        let call = world.snapshot().calls[0].call;
        desk.plays(true, false).expect("played");
        world.run_for(millis(200));
        let holds = |held| match (by_phone, held) {
            (false, held) => drop(world.asks(Actor::Agent(ana.id), Request::Hold { call, held }).expect("done")),
            (true, true) => ana.call().holds(HoldForm::SendOnly),
            (true, false) => ana.call().resumes(),
        };
        holds(true);
        world.within(1, "its end", |_| desk.tells(|what| matches!(what, Happened::ClipEnded { .. })) == 1);
        holds(false);
        world.run_for(millis(200));
        assert!(world.hear_each_other(customer, ana), "by the phone: {by_phone}");
        customer.hangs_up();
        world.settle();
    }
}

/// SC-05, SV-07: an agent does not learn that a supervisor listens, not by what he may no more either.
#[test]
fn sc_05_sv_07_who_only_listens_is_in_nobodys_way() {
    for mode in [Supervision::Listen, Supervision::Whisper, Supervision::Barge] {
        let desk = super::desk::desk(508);
        let super::desk::Desk { world, customer, ana, sofia, .. } = &desk;
        desk.supervises(mode).expect("her phone rings");
        world.within(5, "she is in it", |_| super::desk::is_in(sofia));
        world.run_for(secs(1));
        let play = ClipPlay { clip: clip(), from_ms: 0, agent_hears: true, with_talk: false, hang_up: true };
        let played = world.asks(Actor::Agent(ana.id), Request::PlayClip { call: desk.call(), play });
        if mode == Supervision::Barge {
            assert_eq!(played.expect_err("all hear her").code, "others");
            customer.hangs_up();
        } else {
            played.expect("played");
            world.within(2, "the agent is free", |_| ana.call().is_over());
            world.within(10, "hung up behind it", |_| customer.is_over());
        }
        world.within(2, "nothing is left", |_| sofia.call().is_over());
        world.settle();
    }
}

/// SC-06: in a call that came through no queue there are no clips.
#[test]
fn sc_06_clips_are_for_queues() {
    let world = World::seed(504);
    let ana = world.agent("ana").ready();
    let eva = world.phone("eva");
    eva.registers();
    ana.answers_after(secs(1));
    world.run_for(secs(1));
    let call = eva.calls("ana");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &ana));
    let live = world.snapshot().calls[0].call;
    let play = ClipPlay { clip: clip(), from_ms: 0, agent_hears: true, with_talk: false, hang_up: false };
    let refused = world.asks(Actor::Agent(ana.id), Request::PlayClip { call: live, play }).expect_err("refused");
    assert_eq!(refused.code, "no_queue_call");
    call.hangs_up();
    world.settle();
}
