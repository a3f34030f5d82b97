//! What a listener notices when something happens in his call: how long he hears nothing, and whether it clicks. Each thing
//! that may happen is a row, each of its listeners a cell with a bound.

use std::f64::consts::TAU;

use strowger::{
    acd::Actor,
    base::{CallId, UserId},
    engine::{ClipPlay, ConsultStep, Request},
    media::spoken::Language,
};

use crate::sim::{Abilities, Agent, Call, Coding, HoldForm, Phone, SPOKEN, Voice, World, millis, secs};

/// The first agent of a world.
const ANA: UserId = UserId(1);

/// Packets come every 20 ms; another speaker has a beat of his own. So there are 20 ms of nothing at most between two of them.
const GAP_MS_MAX: u64 = 40;

/// What is left of the loudest joint when the voices are taken out of it; each speaks at 8,000. A voice that is cut off in the
/// middle of a wave, or sets in there, leaves thousands.
const CLICK: f64 = 1_100.0;

/// The same where what is said has a memory: that rounds the joint off, and how well hangs on the moment.
const CLICK_WIDE: f64 = 1_300.0;

struct Desk {
    world: World,
    customer: Call,
    ana: Agent,
    eva: Phone,
    /// What a joint leaves at most.
    click: f64,
}

fn desk(seed: u64) -> Desk {
    let world = World::seed(seed);
    let ana = world.agent("ana").ready();
    let eva = world.phone("eva");
    eva.registers();
    eva.answers_after(secs(1));
    world.run_for(secs(1));
    let customer = super::talking(&world, &ana);
    Desk { world, customer, ana, eva, click: CLICK }
}

fn voice(call: &Call) -> Voice {
    call.with(|call| call.media.voice)
}

/// The loudest that is left when these voices are taken out, and where that is, in milliseconds.
fn click(heard: &[i16], voices: &[Voice]) -> (f64, usize) {
    let mut left: Vec<f64> = heard.iter().map(|sample| f64::from(*sample)).collect();
    for voice in voices {
        let turn = 2.0 * (TAU * f64::from(voice.0) / 8_000.0).cos();
        // At its most it lets through what comes in.
        let most = 2.0 + turn.abs();
        left = left.windows(3).map(|three| (three[0] - turn * three[1] + three[2]) / most).collect();
    }
    let loudest = left.into_iter().map(f64::abs).enumerate().max_by(|one, other| one.1.total_cmp(&other.1));
    loudest.map_or((0.0, 0), |(at, left)| (left, at / 8))
}

impl Desk {
    fn call(&self) -> CallId {
        self.world.snapshot().calls[0].call
    }

    fn asks(&self, request: Request) {
        self.world.asks(Actor::Agent(self.ana.id), request).expect("done");
    }

    /// Who listens from now on.
    fn listen(&self, listeners: &[&Call]) {
        for listener in listeners {
            listener.listens_anew();
            listener.tapes();
        }
        self.world.run_for(millis(300));
    }

    /// What each of them noticed since; `voices` are what he may have heard.
    fn judge(&self, what: &str, cells: &[(&str, &Call, &[Voice])]) {
        for (who, listener, voices) in cells {
            let (gap, skipped, sources) = listener.with(|call| {
                let ear = &call.media.ear;
                (ear.longest_gap_us / 1_000, ear.skipped, ear.sources.len())
            });
            let tape = listener.with(|call| call.media.ear.tape.take()).expect("a tape");
            let (click, at) = click(&tape, voices);
            println!("{what}: {who}: {gap} ms between packets, {click:.0} left at {at} ms");
            assert!(gap <= GAP_MS_MAX, "{what}: {who}: {gap} ms between packets");
            assert!(click < self.click, "{what}: {who}: {click:.0} is left beside the voices at {at} ms");
            assert_eq!((skipped, sources), (0, 1), "{what}: {who}: one stream without a hole");
        }
    }
}

/// CH-02, SW-07: hold and resume by the switch, as a page asks for it: both go on hearing something, music or silence,
/// without a hole or a click.
#[test]
fn ch_02_sw_07_hold_from_a_page() {
    let desk = desk(800);
    let Desk { world, customer, ana, .. } = &desk;
    let (call, agent) = (desk.call(), ana.call());
    let (his, hers) = (voice(customer), voice(&agent));
    for held in [true, false, true, false] {
        desk.listen(&[customer, &agent]);
        desk.asks(Request::Hold { call, held });
        world.run_for(secs(2));
        desk.judge(
            if held { "hold" } else { "resume" },
            &[("customer", customer, &[hers, Voice::MUSIC]), ("agent", &agent, &[his])],
        );
    }
    assert!(world.hear_each_other(customer, ana));
    customer.hangs_up();
    world.settle();
}

/// CH-02, SW-07, P27: the same by a phone's own re-INVITE; the one who holds wants to hear nothing meanwhile.
#[test]
fn ch_02_sw_07_hold_by_a_phone() {
    let desk = desk(801);
    let Desk { world, customer, ana, .. } = &desk;
    let agent = ana.call();
    let (his, hers) = (voice(customer), voice(&agent));
    for (holder, held, whose) in [(&agent, customer, hers), (customer, &agent, his)] {
        for form in HoldForm::ALL {
            desk.listen(&[held]);
            holder.holds(form);
            world.run_for(secs(2));
            desk.judge(&format!("held, {form:?}"), &[("the held one", held, &[whose, Voice::MUSIC])]);
            desk.listen(&[held]);
            holder.resumes();
            world.run_for(millis(200));
            holder.listens_anew();
            holder.tapes();
            world.run_for(secs(1));
            let other = voice(held);
            desk.judge(
                &format!("resumed, {form:?}"),
                &[("the held one", held, &[whose, Voice::MUSIC]), ("the holder", holder, &[other])],
            );
        }
    }
    customer.hangs_up();
    world.settle();
}

/// CH-08, CH-12, SW-07: passed on, the customer hears his agent, ringback and the next one; who takes him hears him from the
/// first packet on.
#[test]
fn ch_08_ch_12_sw_07_a_blind_transfer() {
    for by_page in [false, true] {
        let desk = desk(802);
        let Desk { world, customer, ana, eva, .. } = &desk;
        let agent = ana.call();
        let (his, hers) = (voice(customer), voice(&agent));
        eva.answers_after(secs(3));
        desk.listen(&[customer]);
        if by_page {
            desk.asks(Request::Transfer { call: desk.call(), by: ANA, to: "eva".into(), failed: None });
        } else {
            agent.refers("eva");
        }
        world.within(3, "Eva rings", |_| eva.is_ringing());
        let asked = eva.call();
        asked.tapes();
        world.within(6, "she has him", |world| world.hear_each_other(customer, eva));
        world.run_for(secs(1));
        let theirs = voice(&asked);
        let heard = [hers, Voice::RINGBACK, theirs];
        desk.judge("blind transfer", &[("customer", customer, &heard), ("who takes him", &asked, &[his])]);
        customer.hangs_up();
        world.settle();
    }
}

/// CH-07, CH-12, SW-10: asked first, merged, completed: who stays hears one after the other without a hole.
#[test]
fn ch_07_ch_12_sw_10_an_attended_transfer() {
    for merges in [false, true] {
        let desk = desk(803);
        let Desk { world, customer, ana, eva, .. } = &desk;
        let (call, agent) = (desk.call(), ana.call());
        let (his, hers) = (voice(customer), voice(&agent));
        desk.listen(&[customer, &agent]);
        desk.asks(Request::Consult { call, by: ANA, to: "eva".into() });
        world.within(5, "Eva is asked", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
        let asked = eva.call();
        let theirs = voice(&asked);
        world.run_for(secs(1));
        desk.judge(
            "asked first",
            &[("customer", customer, &[hers, Voice::MUSIC]), ("agent", &agent, &[his, Voice::RINGBACK, theirs])],
        );
        if merges {
            desk.listen(&[customer, &agent, &asked]);
            desk.asks(Request::ConsultStep { call, step: ConsultStep::Merge });
            world.run_for(secs(1));
            desk.judge(
                "merged",
                &[
                    ("customer", customer, &[hers, theirs, Voice::MUSIC]),
                    ("agent", &agent, &[his, theirs]),
                    ("asked", &asked, &[his, hers]),
                ],
            );
            desk.listen(&[customer, &asked]);
            agent.hangs_up();
        } else {
            desk.listen(&[customer, &asked]);
            desk.asks(Request::ConsultStep { call, step: ConsultStep::Complete });
        }
        world.run_for(secs(1));
        let heard = if merges { [hers, theirs] } else { [Voice::MUSIC, theirs] };
        desk.judge("completed", &[("customer", customer, &heard), ("asked", &asked, &[his, hers])]);
        assert!(world.hear_each_other(customer, eva));
        customer.hangs_up();
        world.settle();
    }
}

/// SC-04, SC-07, SW-12: a clip over the talk, to its end or stopped: nothing is cut off, and none of its own samples is
/// touched.
#[test]
fn sc_04_sc_07_sw_12_a_clip() {
    let clip = Language::English.clip("thanks").expect("a sentence");
    let desk = desk(804);
    let Desk { world, customer, ana, .. } = &desk;
    let (call, agent) = (desk.call(), ana.call());
    let (his, hers) = (voice(customer), voice(&agent));
    let play = ClipPlay { clip, from_ms: 0, agent_hears: true, with_talk: false, hang_up: false };
    desk.listen(&[customer, &agent]);
    desk.asks(Request::PlayClip { call, play });
    world.run_for(secs(10));
    for (who, listener, other) in [("customer", customer, hers), ("agent", &agent, his)] {
        let start = listener.heard(&[clip]).expect("all of it");
        let gap = listener.with(|call| call.media.ear.longest_gap_us / 1_000);
        let tape = listener.with(|call| call.media.ear.tape.take()).expect("a tape");
        let end = start + SPOKEN[&clip].len();
        // Its own first and last samples are all but silent.
        let joints = [&tape[start - 800..start + 16], &tape[end - 16..end + 800]].map(|part| click(part, &[other]).0);
        println!("clip: {who}: {gap} ms between packets, {joints:.0?} left");
        assert!(gap <= GAP_MS_MAX, "{who}: {gap} ms");
        assert!(joints.iter().all(|click| *click < CLICK), "{who}: {joints:.0?}");
    }
    customer.hangs_up();
    world.settle();
}

/// SW-08, SW-05: another codec in mid-call: the one who changes and the one who doesn't hear no hole and no click.
#[test]
fn sw_08_another_codec() {
    let desk = desk(805);
    let Desk { world, customer, ana, .. } = &desk;
    let agent = ana.call();
    let (his, hers) = (voice(customer), voice(&agent));
    let all = Abilities::default().codecs;
    for codecs in [vec![all[1]], vec![all[0]], all] {
        desk.listen(&[customer, &agent]);
        agent.phone.can(Abilities { codecs: codecs.clone(), ..Abilities::default() });
        agent.resumes();
        world.run_for(secs(2));
        let law = agent.with(|call| call.media.law);
        assert_eq!(law, Some(codecs[0]), "it has changed");
        desk.judge("another codec", &[("customer", customer, &[hers]), ("who changed it", &agent, &[his])]);
    }
    assert!(world.hear_each_other(customer, ana));
    customer.hangs_up();
    world.settle();
}

/// What every phone of a desk speaks, where it is nothing but this.
const WIDE: [(u8, Coding); 2] = [(9, Coding::G722), (111, Coding::Opus)];

/// A desk whose phones, and the carrier, speak but one coding.
fn wide_desk(seed: u64, coding: (u8, Coding)) -> Desk {
    let world = World::seed(seed);
    let only = Abilities { codecs: vec![coding], event: None, lines: "" };
    world.carrier().can(only.clone());
    let ana = world.agent("ana").ready();
    ana.can(only.clone());
    let eva = world.phone("eva");
    eva.can(only);
    eva.registers();
    eva.answers_after(secs(1));
    world.run_for(secs(1));
    let customer = super::talking(&world, &ana);
    Desk { world, customer, ana, eva, click: CLICK_WIDE }
}

/// CH-02, SW-08: hold and resume where what is said has a memory, G.722 and Opus.
#[test]
fn ch_02_sw_08_hold_in_wide_sound() {
    for (coding, phase) in WIDE.into_iter().flat_map(|coding| [0, 7, 13].map(|phase| (coding, phase))) {
        let desk = wide_desk(806, coding);
        desk.world.run_for(millis(phase));
        let Desk { world, customer, ana, .. } = &desk;
        let (call, agent) = (desk.call(), ana.call());
        let (his, hers) = (voice(customer), voice(&agent));
        for held in [true, false, true, false] {
            desk.listen(&[customer, &agent]);
            desk.asks(Request::Hold { call, held });
            world.run_for(secs(2));
            desk.judge(
                &format!("{:?}, {}", coding.1, if held { "hold" } else { "resume" }),
                &[("customer", customer, &[hers, Voice::MUSIC]), ("agent", &agent, &[his])],
            );
        }
        assert!(world.hear_each_other(customer, ana));
        customer.hangs_up();
        world.settle();
    }
}

/// CH-07, CH-08, SW-08: passed on and asked first in the same: whoever stays hears one after the other.
#[test]
fn ch_07_ch_08_sw_08_a_transfer_in_wide_sound() {
    for coding in WIDE {
        let desk = wide_desk(807, coding);
        let Desk { world, customer, ana, eva, .. } = &desk;
        let (call, agent) = (desk.call(), ana.call());
        let (his, hers) = (voice(customer), voice(&agent));
        desk.listen(&[customer, &agent]);
        desk.asks(Request::Consult { call, by: ANA, to: "eva".into() });
        world.within(5, "Eva is asked", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
        let asked = eva.call();
        let theirs = voice(&asked);
        world.run_for(secs(1));
        let what = format!("{:?}, asked first", coding.1);
        let hers_then = [his, Voice::RINGBACK, theirs];
        desk.judge(&what, &[("customer", customer, &[hers, Voice::MUSIC]), ("agent", &agent, &hers_then)]);
        desk.listen(&[customer, &asked]);
        desk.asks(Request::ConsultStep { call, step: ConsultStep::Complete });
        world.run_for(secs(2));
        let what = format!("{:?}, completed", coding.1);
        desk.judge(&what, &[("customer", customer, &[Voice::MUSIC, theirs]), ("asked", &asked, &[his, hers])]);
        assert!(world.hear_each_other(customer, eva));
        customer.hangs_up();
        world.settle();
    }
}
