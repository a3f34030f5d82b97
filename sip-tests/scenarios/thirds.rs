//! Calls of three: a third whom an agent brings in or asks first. Who hears whom is a table, each cell of it measured.

use strowger::{
    acd::{PartEnd, Status},
    base::UserId,
    engine::{Actor, BlindFailed, ConsultStep, Happened, Request},
    switch::LegParty,
};

use super::{
    desk::{Desk, EVA, desk, is_in},
    going_on::restarts,
};
use crate::sim::{Call, Habit, Voice, World, secs};

/// CH-13, SW-10, P38: an agent brings a third in; all hear each other and the digits; he leaves the two talking, and his
/// wrap-up begins.
#[test]
fn ch_13_sw_10_an_agent_brings_a_third_in_and_leaves() {
    let desk = desk(300);
    let Desk { world, customer, ana, eva, .. } = &desk;
    customer.listens_anew();
    desk.adds("eva").expect("rung");
    assert_eq!(desk.table(), [".x", "x."], "while it rings they talk");
    world.within(3, "Eva is in it", |_| is_in(eva));
    assert_eq!(desk.table(), [".xx", "x.x", "xx."]);
    customer.presses("5");
    world.run_for(secs(2));
    assert_eq!((ana.call().digits(), eva.call().digits()), ("5".into(), "5".into()));
    assert_eq!(ana.status(), Status::Busy);
    desk.judges_streams(&[customer, &ana.call()]);
    assert_eq!(desk.adds("eva").expect_err("she is there").code, "in_it");

    customer.listens_anew();
    ana.hangs_up();
    world.run_for(secs(1));
    assert_eq!(ana.status(), Status::WrapUp);
    assert!(!customer.is_over() && world.hear_each_other(customer, eva));
    desk.judges_streams(&[customer, &eva.call()]);
    let gap = customer.with(|call| call.media.ear.longest_gap_us);
    assert!(gap <= 60_000, "{gap} us");
    eva.hangs_up();
    world.within(1, "over", |_| customer.is_over());
    world.settle();
    assert_eq!(world.engagements()[0].end, Some(PartEnd::Left));
}

/// CH-13: any of the three can be put out of it; a third who is not there changes nothing; with the customer all go.
#[test]
fn ch_13_parties_are_dropped() {
    let mut desk = desk(301);
    desk.adds("eva").expect("rung");
    desk.world.within(3, "Eva is in it", |_| is_in(&desk.eva));
    desk.world.run_for(secs(1));
    let leg = desk.leg(LegParty::User(EVA));
    desk.asks(Request::DropLeg { call: desk.call(), leg }).expect("dropped");
    desk.world.within(1, "Eva is out", |_| desk.eva.call().is_over());
    assert_eq!(desk.table(), [".x", "x."]);
    assert_eq!(desk.asks(Request::DropLeg { call: desk.call(), leg }).expect_err("gone").status, 404);

    desk.eva.does(Habit::Refuses(486));
    desk.adds("eva").expect("rung");
    assert_eq!(desk.table(), [".x", "x."]);
    let lost = |what: &Happened| matches!(what, Happened::PartyLost { cause, .. } if cause.sip == 486);
    assert!(desk.world.happened().iter().any(lost));
    assert_eq!(desk.adds("nobody").expect_err("no such").status, 404);

    // The customer is put out by hand: the other two talk on, and the agent is theirs.
    desk.eva.answers_after(secs(1));
    desk.adds("eva").expect("rung");
    desk.world.within(3, "Eva is in it", |_| is_in(&desk.eva));
    desk.world.run_for(secs(1));
    let leg =
        desk.world.snapshot().calls[0].legs.iter().find(|leg| matches!(leg.party, LegParty::Trunk(_))).unwrap().leg;
    desk.asks(Request::DropLeg { call: desk.call(), leg }).expect("dropped");
    desk.world.within(1, "the customer is out", |_| desk.customer.is_over());
    desk.world.run_for(secs(1));
    assert!(desk.world.hear_each_other(&desk.ana, &desk.eva));
    desk.ana.hangs_up();
    desk.world.settle();

    // He hangs up by himself, while a third rings or talks: all is over.
    for rings in [true, false] {
        desk = self::desk(302);
        desk.adds("eva").expect("rung");
        desk.world.run_for(secs(if rings { 0 } else { 3 }));
        desk.customer.hangs_up();
        desk.world.within(2, "all is over", |_| desk.everybody().iter().all(Call::is_over));
        desk.world.settle();
    }
}

/// CH-13, CH-08, CH-12: out of a call of three nobody is passed on, by page or phone: they talk on as they were. Once the third has
/// left, it goes as ever.
#[test]
fn ch_13_ch_08_nobody_is_passed_on_out_of_three() {
    let desk = desk(316);
    desk.sofia.does(Habit::Refuses(486));
    desk.adds("eva").expect("rung");
    assert_eq!(desk.passes_on("sofia", None).expect_err("Eva is rung").code, "others");
    desk.world.within(3, "Eva is in it", |_| is_in(&desk.eva));
    let refused = desk.passes_on("sofia", None).expect_err("Eva is in it");
    assert_eq!((refused.status, refused.code), (409, "others"));
    desk.ana.call().refers("sofia");
    assert_eq!(desk.table(), [".xx", "x.x", "xx."]);
    assert_eq!(desk.ana.call().referred(), [491]);
    assert!(desk.sofia.all_calls().is_empty());
    desk.eva.hangs_up();
    desk.world.run_for(secs(1));
    desk.sofia.answers_after(secs(1));
    desk.passes_on("sofia", None).expect("they are two again");
    desk.world.within(4, "Sofia has him", |world| world.hear_each_other(&desk.customer, &desk.sofia));
    desk.customer.hangs_up();
    desk.world.settle();
}

/// CH-03: a muted agent is not heard, hears, and the customer's stream goes on; then he is heard again.
#[test]
fn ch_03_a_muted_leg_is_not_heard() {
    let desk = desk(306);
    let Desk { world, customer, ana, .. } = &desk;
    let leg = desk.leg(LegParty::User(UserId(1)));
    for muted in [true, false] {
        desk.asks(Request::MuteLeg { call: desk.call(), leg, muted }).expect("done");
        let before = customer.with(|call| call.media.ear.packets);
        assert_eq!(desk.table(), if muted { ["..", "x."] } else { [".x", "x."] });
        let packets = customer.with(|call| call.media.ear.packets) - before;
        assert!((48..=52).contains(&packets), "{packets} packets in a second");
        desk.judges_streams(&[customer, &ana.call()]);
    }
    ana.hangs_up();
    world.settle();
}

/// SW-10: the others hear a leg louder or quieter than it is, after a restart too; what it hears itself stays as it was.
#[test]
fn sw_10_a_leg_is_louder_or_quieter() {
    let desk = desk(311);
    let Desk { world, customer, ana, .. } = &desk;
    let leg = desk.leg(LegParty::User(UserId(1)));
    let level = |listener: &Call, of: &Call| {
        let voice = of.with(|call| call.media.voice);
        listener.tapes();
        world.run_for(secs(1));
        let tape = listener.with(|call| call.media.ear.tape.take()).expect("a tape");
        strowger::media::tone_peak(&tape[tape.len() - 4_000..], f64::from(voice.0))
    };
    for (gain_db, restart, wanted) in [(-12, false, 2_010.0), (6, true, 15_960.0), (0, true, 8_000.0)] {
        desk.asks(Request::SetGain { call: desk.call(), leg, gain_db }).expect("done");
        if restart {
            restarts(world);
        }
        world.run_for(secs(1));
        let (hers, his) = (level(customer, &ana.call()), level(&ana.call(), customer));
        assert!((hers - wanted).abs() < wanted / 10.0, "{gain_db} dB: {hers:.0}, not {wanted:.0}");
        assert!((his - 8_000.0).abs() < 800.0, "{his:.0}");
        let shown = world.snapshot().calls[0].legs.iter().find(|other| other.leg == leg).map(|leg| leg.gain_db);
        assert_eq!(shown, Some(gain_db));
    }
    ana.hangs_up();
    world.settle();
}

fn hears(call: &Call, voice: Voice) -> bool {
    call.listens_anew();
    call.phone.world().run_for(secs(1));
    call.with(|call| call.media.ear.hears(voice))
}

/// CH-02: hold and resume from a page: the customer hears music, the agent nothing; then both talk on.
#[test]
fn ch_02_a_customer_is_held_from_a_page() {
    let desk = desk(307);
    let Desk { world, customer, ana, .. } = &desk;
    for _ in 0..2 {
        desk.asks(Request::Hold { call: desk.call(), held: true }).expect("held");
        assert_eq!(desk.table(), ["..", ".."]);
        assert!(hears(customer, Voice::MUSIC) && !hears(&ana.call(), Voice::MUSIC));
        world.run_for(secs(90));
        assert!(!customer.is_over(), "who is held may wait");
        desk.asks(Request::Hold { call: desk.call(), held: false }).expect("back");
        assert_eq!(desk.table(), [".x", "x."]);
    }
    desk.judges_streams(&[customer, &ana.call()]);
    customer.hangs_up();
    world.settle();
}

/// OP-01, CH-02, CH-03: what a page was told is done about a call outlives a crash in the very next moment.
#[test]
fn op_01_ch_02_ch_03_what_was_confirmed_of_a_call_is_kept() {
    let desk = desk(310);
    let Desk { world, customer, ana, .. } = &desk;
    let leg = desk.leg(LegParty::User(UserId(1)));
    for muted in [true, false] {
        desk.asks(Request::MuteLeg { call: desk.call(), leg, muted }).expect("done");
        restarts(world);
        assert_eq!(desk.table(), if muted { ["..", "x."] } else { [".x", "x."] }, "muted: {muted}");
    }
    for held in [true, false] {
        desk.asks(Request::Hold { call: desk.call(), held }).expect("done");
        restarts(world);
        assert_eq!(desk.table(), if held { ["..", ".."] } else { [".x", "x."] }, "held: {held}");
        assert_eq!(hears(customer, Voice::MUSIC), held);
    }
    ana.hangs_up();
    world.settle();
}

/// CH-07: asking first by the agent's own leg: ringing, in private, swapped, back; then merged, and completed.
#[test]
fn ch_07_an_agent_asks_first() {
    let desk = desk(308);
    let Desk { world, customer, ana, eva, .. } = &desk;
    let call = desk.call();
    let asks = || desk.asks(Request::Consult { call, by: UserId(1), to: "eva".into() });
    let goes = |step| desk.asks(Request::ConsultStep { call, step });
    let is_asked = || {
        asks().expect("rung");
        world.within(5, "Eva is asked", |_| is_in(eva));
        world.run_for(secs(1));
    };
    eva.answers_after(secs(12));
    asks().expect("rung");
    assert_eq!(asks().expect_err("once").code, "consulting");
    world.within(6, "ringback", |_| ana.call().with(|call| call.media.ear.hears(Voice::RINGBACK)));
    assert!(hears(customer, Voice::MUSIC));
    goes(ConsultStep::Cancel).expect("she rings no more");
    world.within(1, "she rings no more", |_| !eva.is_ringing());
    assert_eq!(desk.table(), [".x", "x."]);
    assert_eq!(goes(ConsultStep::Swap).expect_err("with whom").code, "not_consulting");

    eva.does(Habit::Refuses(486));
    asks().expect("rung");
    assert_eq!(desk.table(), [".x", "x."], "back when she won't");

    eva.answers_after(secs(1));
    is_asked();
    for _ in 0..2 {
        assert_eq!(desk.table(), ["...", "..x", ".x."], "in private");
        assert!(hears(customer, Voice::MUSIC));
        goes(ConsultStep::Swap).expect("swapped");
        assert_eq!(desk.table(), [".x.", "x..", "..."], "the other way round");
        assert!(hears(&eva.call(), Voice::MUSIC));
        goes(ConsultStep::Swap).expect("swapped");
    }
    goes(ConsultStep::Cancel).expect("back");
    world.within(1, "Eva is out", |_| eva.call().is_over());
    assert_eq!(desk.table(), [".x", "x."]);

    is_asked();
    goes(ConsultStep::Merge).expect("merged");
    assert_eq!(desk.table(), [".xx", "x.x", "xx."]);
    eva.hangs_up();
    assert_eq!(desk.table(), [".x", "x."]);
    desk.judges_streams(&[customer, &ana.call()]);

    is_asked();
    assert_eq!(ana.status(), Status::Busy);
    goes(ConsultStep::Complete).expect("completed");
    world.within(1, "Ana is out of it", |_| ana.call().is_over());
    world.run_for(secs(1));
    assert!(world.hear_each_other(customer, eva));
    assert_eq!(ana.status(), Status::WrapUp);
    desk.judges_streams(&[customer]);
    customer.hangs_up();
    world.settle();
    assert_eq!(world.engagements()[0].end, Some(PartEnd::Transferred));
}

/// CH-07, P13, P21: whoever takes a customer over after he was asked has handled him: his talk counts from then on, and he
/// is not the one who has been idle longest.
#[test]
fn ch_07_whoever_takes_over_has_handled_him() {
    let world = World::seed(313);
    let (ana, bia) = (world.agent("ana").ready(), world.agent("bia"));
    let call = super::talking(&world, &ana);
    let bia = bia.ready();
    let asked = super::transfers::consults(&world, &ana.call(), &bia);
    world.run_for(secs(5));
    ana.all_calls()[0].refers_to(&asked, "bia");
    world.within(3, "they talk", |world| world.hear_each_other(&call, &bia));
    world.within(1, "Ana is out of it", |_| ana.call().is_over() && bia.status() == Status::Busy);
    world.run_for(secs(60));
    call.hangs_up();
    world.run_for(secs(1));
    let talked = bia.view().today.talk_ms;
    assert!((60_000..66_000).contains(&talked), "{talked}");
    ana.answers_after(secs(1));
    let next = super::caller(&world);
    world.within(4, "Ana has been idle longer", |world| world.hear_each_other(&next, &ana));
    next.hangs_up();
    world.settle();
}

/// CH-07, CH-23, P21: who hangs up while he asks first leaves the two together; his part is over, and one call has it all.
#[test]
fn ch_07_ch_23_hanging_up_completes() {
    let desk = desk(309);
    let Desk { world, customer, ana, eva, .. } = &desk;
    desk.asks(Request::Consult { call: desk.call(), by: UserId(1), to: "eva".into() }).expect("rung");
    world.within(5, "Eva is asked", |_| is_in(eva));
    world.run_for(secs(1));
    ana.hangs_up();
    world.run_for(secs(2));
    assert!(world.hear_each_other(customer, eva));
    assert_eq!(ana.status(), Status::WrapUp);
    eva.hangs_up();
    world.settle();
    let records = world.records();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].legs.len(), records[0].queue.as_ref().unwrap().outcome.as_str()), (3, "answered"));
    drop(ana.asks(Request::FinishWrapUp { agent: ana.id, engagement: None }));
    assert_eq!(world.engagements()[0].end, Some(PartEnd::Transferred));
}

/// CH-08, CH-09, CH-10: passed on from a page to a person, a group and a queue; the agent is free at once, or has the
/// call back when he wants to.
#[test]
fn ch_08_ch_09_ch_10_passed_on_from_a_page() {
    for (to, seed) in [("eva", 310), ("both", 311)] {
        let desk = desk(seed);
        let Desk { world, customer, ana, eva, .. } = &desk;
        super::group(world, "both", &["eva"]);
        eva.answers_after(secs(4));
        desk.passes_on(to, None).expect("passed on");
        world.within(1, "Ana is free", |_| ana.call().is_over() && ana.status() == Status::WrapUp);
        assert!(hears(customer, Voice::RINGBACK));
        world.within(6, "Eva has him", |world| world.hear_each_other(customer, eva));
        desk.judges_streams(&[customer]);
        customer.hangs_up();
        world.settle();
    }
    for rule in [BlindFailed::ReturnToAgent, BlindFailed::HangUp, BlindFailed::ToQueueHead] {
        let desk = desk(312);
        let Desk { world, customer, ana, eva, .. } = &desk;
        eva.does(Habit::RingsThenRefuses(secs(2), 603));
        desk.passes_on("eva", Some(rule)).expect("tried");
        world.run_for(secs(4));
        assert_eq!(ana.call().is_over(), rule != BlindFailed::ReturnToAgent);
        assert_eq!(customer.is_over(), rule == BlindFailed::HangUp);
        match rule {
            BlindFailed::ReturnToAgent => {
                assert_eq!(desk.table()[..2], [".x", "x."]);
                assert_eq!(ana.status(), Status::Busy);
                customer.hangs_up();
            }
            BlindFailed::ToQueueHead => {
                assert!(hears(customer, Voice::MUSIC), "he waits again");
                let rui = world.agent("rui");
                rui.answers_after(secs(1));
                let rui = rui.ready();
                world.within(5, "Rui has him", |world| world.hear_each_other(customer, &rui));
                customer.hangs_up();
            }
            BlindFailed::HangUp => {}
        }
        world.settle();
    }
    let desk = desk(313);
    let Desk { world, customer, ana, .. } = &desk;
    let rui = world.agent("rui").ready();
    rui.answers_after(secs(3));
    desk.passes_on("800", None).expect("queued");
    world.within(1, "Ana is free", |_| ana.call().is_over() && ana.status() == Status::WrapUp);
    assert!(hears(customer, Voice::MUSIC));
    world.within(6, "Rui has him", |world| world.hear_each_other(customer, &rui));
    assert_eq!(rui.status(), Status::Busy);
    assert_eq!(desk.passes_on("nobody", None).expect_err("no such").status, 404);
    customer.hangs_up();
    world.settle();
}

/// CH-07, CH-08: where nobody can even be rung the agent hears so at once, and talks on, whatever the rule for calls that
/// nobody takes.
#[test]
fn ch_07_ch_08_who_has_no_phone_is_passed_nobody() {
    for rule in [None, Some(BlindFailed::ReturnToAgent), Some(BlindFailed::HangUp), Some(BlindFailed::ToQueueHead)] {
        let desk = desk(314);
        let Desk { world, customer, ana, eva, .. } = &desk;
        eva.unregisters();
        world.run_for(secs(2));
        let refused = desk.passes_on("eva", rule).expect_err("nobody to ring");
        assert_eq!((refused.status, refused.code), (409, "unreachable"));
        world.run_for(secs(2));
        assert!(world.hear_each_other(customer, ana));
        assert_eq!(ana.status(), Status::Busy);
        customer.hangs_up();
        world.settle();
    }
}

/// CH-13: who was brought into another's call ends or mutes his own part alone; hanging up at his page leaves the others
/// talking. The agent whose call it is may put him out.
#[test]
fn ch_13_a_guest_is_no_host() {
    let desk = desk(315);
    let Desk { world, customer, ana, .. } = &desk;
    let rui = world.agent("rui").ready();
    rui.answers_after(secs(1));
    world.run_for(secs(1));
    desk.adds("rui").expect("rung");
    world.within(5, "he is in", |_| is_in(&rui));
    let (call, customers) = (desk.call(), world.snapshot().calls[0].legs[0].leg);
    let user = world.snapshot().calls[0].legs[2].party;
    let LegParty::User(user) = user else { panic!("{user:?}") };
    let (hosts, guests) = (desk.leg(LegParty::User(UserId(1))), desk.leg(LegParty::User(user)));
    let as_rui = |request| world.asks(Actor::Agent(rui.id), request).map(|_| ());
    for request in [
        Request::DropLeg { call, leg: hosts },
        Request::MuteLeg { call, leg: customers, muted: true },
        Request::SetGain { call, leg: customers, gain_db: 6 },
        Request::Hold { call, held: true },
        Request::Transfer { call, by: user, to: "eva".into(), failed: None },
        Request::Consult { call, by: user, to: "eva".into() },
        Request::AddLeg { call, by: user, to: "eva".into() },
    ] {
        assert_eq!(as_rui(request).expect_err("not his call").status, 403);
    }
    as_rui(Request::MuteLeg { call, leg: guests, muted: true }).expect("his own");
    as_rui(Request::HangUp { call }).expect("his own part");
    world.within(2, "he is out", |_| rui.call().is_over());
    world.run_for(secs(1));
    assert!(world.hear_each_other(customer, ana));
    customer.hangs_up();
    world.settle();
}

/// CH-07, CH-12, CH-08: while somebody is asked in private the agent's phone can't pass the customer on, no more than his page: whoever is
/// asked would be left over.
#[test]
fn ch_07_ch_12_who_is_asked_is_not_left_over_by_a_transfer() {
    let desk = desk(316);
    let Desk { world, customer, ana, eva, sofia, .. } = &desk;
    let call = desk.call();
    for answers in [secs(20), secs(1)] {
        eva.answers_after(answers);
        desk.asks(Request::Consult { call, by: UserId(1), to: "eva".into() }).expect("rung");
        world.run_for(secs(2));
        ana.call().refers("sofia");
        world.run_for(secs(2));
        assert!(!sofia.is_ringing() && ana.call().is_up());
        desk.asks(Request::ConsultStep { call, step: ConsultStep::Cancel }).expect("asked no more");
        world.run_for(secs(1));
        assert!(eva.all_calls().iter().all(|call| call.is_over()));
    }
    assert_eq!(desk.table(), [".x", "x."], "the two talk on");
    sofia.answers_after(secs(1));
    ana.call().refers("sofia");
    world.within(5, "now he may", |world| world.hear_each_other(customer, sofia));
    customer.hangs_up();
    world.settle();
}
