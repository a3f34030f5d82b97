//! Agents whose only telephone is the page: calls come there, leave there, and end on either side.

use strowger::{
    acd::{DeviceChoice, Status},
    base::UserId,
    engine::{Actor, PageSays, PageTold, Request},
    switch::{Cause, PageOrder},
};

use super::caller;
use crate::sim::{Abilities, Agent, Call, End, Habit, HoldForm, Page, Talk, Voice, World, secs};

fn ready_page(world: &World) -> (Agent, Page) {
    let (ana, page) = world.agent("ana").at_a_page();
    ana.selects(strowger::acd::Selection::Ready).unwrap();
    (ana, page)
}

/// A caller from outside who talks to an agent at a page.
fn talking(world: &World, page: &Page) -> Call {
    let call = caller(world);
    world.within(2, "the page rings", |_| page.is_ringing());
    page.accepts();
    world.within(3, "they hear each other", |world| world.hear_each_other(&call, page));
    call
}

/// CH-01, AS-05: an agent with a browser and no phone gets a queue's call in the page; accepting it is answering it, both
/// hear each other, and the end on either side is the end for both.
#[test]
fn ch_01_as_05_a_page_takes_a_queues_call() {
    let world = World::seed(900);
    let (ana, page) = ready_page(&world);
    let call = talking(&world, &page);
    assert_eq!(ana.status(), Status::Busy);
    page.lets_go();
    world.within(2, "the caller is let go", |_| call.end() == Some(End::TheyHungUp));
    let again = talking(&world, &page);
    again.hangs_up();
    world.within(2, "the page hears of it", |_| page.call().end() == Some(End::TheyHungUp));
    world.settle();
    assert_eq!(ana.status(), Status::Ready);
    let records = world.records();
    let peers = |at: usize| records[at].legs.iter().map(|leg| leg.peer.clone()).collect::<Vec<_>>();
    assert!(records.len() == 2 && peers(0).contains(&"page".to_owned()), "{:?}", peers(0));
    let offered = page.told().iter().any(|told| {
        matches!(told, PageTold::Leg { offer: Some(_), order: PageOrder::Ring { caller, .. }, .. }
            if caller.display.as_deref().is_some_and(|shown| shown.starts_with("[support]")))
    });
    assert!(offered, "{:?}", page.told());
}

/// CH-01: what rings at the page is taken back when the caller leaves, and declining it is told as such.
#[test]
fn ch_01_a_ringing_page_is_let_go_of() {
    let world = World::seed(901);
    let (ana, page) = ready_page(&world);
    let call = caller(&world);
    world.within(2, "the page rings", |_| page.is_ringing());
    call.hangs_up();
    world.within(2, "it stops", |_| page.call().end() == Some(End::Cancelled));
    let call = caller(&world);
    world.within(2, "the page rings", |_| page.is_ringing());
    page.lets_go();
    world.within(2, "declined", |_| ana.status() == Status::Banned);
    call.hangs_up();
    world.settle();
}

/// AS-05: without a page and a phone he is offline and nothing rings; a page that shows no sign of a call is passed over.
#[test]
fn as_05_no_page_no_calls() {
    let world = World::seed(902);
    let (ana, page) = ready_page(&world);
    page.closes();
    world.session(ana.id, false);
    let call = caller(&world);
    world.run_for(secs(20));
    assert!(!page.is_ringing() && call.is_up());
    world.within(20, "offline after the grace", |_| ana.status() == Status::Offline);
    let ana = ana.signs_in();
    let page = page.loads_again();
    ana.selects(strowger::acd::Selection::Ready).unwrap();
    world.within(3, "it rings for who waits", |_| page.is_ringing());
    page.accepts();
    world.within(3, "they hear each other", |world| world.hear_each_other(&call, &page));
    call.hangs_up();
    page.dies();
    world.run_for(secs(1));
    let call = caller(&world);
    world.within(5, "passed over", |_| !ana.view().reachable);
    call.hangs_up();
    page.revives();
    page.says(PageSays::On { legs: Vec::new() });
    world.within(1, "reachable again", |_| ana.view().reachable);
    world.settle();
}

/// CH-01: where the centre wants it, a page and a phone of one agent ring together; whoever is first takes the call,
/// and the other one stops.
#[test]
fn ch_01_page_and_phone_ring_together() {
    let world = World::seed(903);
    let ana = world.agent("ana").queue_has(|queue| queue.members[0].device = DeviceChoice::All).ready();
    ana.does(Habit::Rings);
    let page = world.second_phone(&ana).opens_page();
    let call = caller(&world);
    world.within(2, "both ring", |_| page.is_ringing() && ana.is_ringing());
    page.accepts();
    world.within(3, "the page has it", |world| world.hear_each_other(&call, &page));
    assert_eq!(ana.call().end(), Some(End::Cancelled));
    call.hangs_up();
    world.run_for(secs(1));
    let call = caller(&world);
    world.within(2, "both ring", |_| page.is_ringing() && ana.is_ringing());
    ana.call().answers();
    world.within(3, "the phone has it", |world| world.hear_each_other(&call, &ana));
    assert_eq!(page.call().end(), Some(End::Cancelled));
    call.hangs_up();
    world.settle();
}

/// CH-16, CH-05: a page calls a colleague and the world outside, and hears how it goes.
#[test]
fn ch_05_ch_16_a_page_dials() {
    let world = World::seed(904);
    let (_, page) = world.agent("ana").at_a_page();
    let rui = world.phone("rui");
    rui.registers();
    rui.answers_after(secs(1));
    world.run_for(secs(1));
    let call = page.dials("rui");
    world.within(4, "they hear each other", |world| world.hear_each_other(&call, &rui));
    assert!(call.statuses().contains(&180), "{:?}", call.statuses());
    rui.hangs_up();
    world.within(2, "over", |_| call.end() == Some(End::TheyHungUp));
    let carrier = world.carrier();
    carrier.answers_after(secs(1));
    let call = page.dials("9+351910000001");
    world.within(4, "they hear each other", |world| world.hear_each_other(&call, &carrier));
    page.lets_go();
    let call = page.dials("nobody");
    world.within(2, "refused", |_| call.end() == Some(End::Refused(404)));
    // Given up while it rings.
    carrier.does(Habit::Rings);
    page.dials("9+351910000002");
    world.within(2, "it rings there", |_| carrier.is_ringing());
    page.lets_go();
    world.within(2, "given up", |_| carrier.call().end() == Some(End::Cancelled));
    world.settle();
}

/// AS-05, SW-09: a page's word counts for its own legs alone.
#[test]
fn as_05_a_page_speaks_for_its_own_legs() {
    let world = World::seed(905);
    let (_, page) = ready_page(&world);
    let mallory = world.phone("mallory").opens_page();
    let call = talking(&world, &page);
    let leg = page.leg();
    mallory.says(PageSays::HangUp { leg });
    mallory.says(PageSays::SdpOffer { leg, sdp: "v=0".into() });
    world.run_for(secs(1));
    assert!(world.hear_each_other(&call, &page));
    // Nor does nonsense harm whom it is said for.
    page.says(PageSays::SdpOffer { leg, sdp: "v=0".into() });
    page.says(PageSays::Answer { leg, sdp: "v=0".into() });
    page.says(PageSays::Dial { to: "rui".into(), sdp: "v=0".into(), mark: 99 });
    world.run_for(secs(1));
    assert!(world.hear_each_other(&call, &page));
    call.hangs_up();
    world.settle();
}

/// AS-05, SW-09: a page that loses its connection goes on talking; one that is loaded again takes its call up with a new
/// offer, and whoever it talked to hears music meanwhile.
#[test]
fn as_05_a_lost_page_keeps_its_call() {
    let world = World::seed(906);
    let (ana, page) = ready_page(&world);
    let call = talking(&world, &page);
    page.loses_connection();
    world.run_for(secs(100));
    assert!(world.hear_each_other(&call, &page), "sound needs no live connection");
    let page = page.loads_again();
    world.run_for(secs(1));
    page.call().listens_anew();
    world.within(2, "they hear each other again", |world| world.hear_each_other(&call, &page));
    page.closes();
    world.within(4, "the customer hears music meanwhile", |world| world.hears(&call, Voice::MUSIC));
    world.run_for(secs(20));
    assert!(call.is_up());
    let page = page.loads_again();
    world.run_for(secs(1));
    world.within(2, "and again", |world| world.hear_each_other(&call, &page));
    call.hangs_up();
    world.settle();
    assert_ne!(ana.status(), Status::Busy);
}

/// AS-05: with two pages open, the talk of one that is closed goes on at the other; one that is still heard keeps it, and one
/// that is loaded again has it back first.
#[test]
fn as_05_another_page_takes_up_a_closed_ones_call() {
    let world = World::seed(915);
    let (ana, page) = ready_page(&world);
    let call = talking(&world, &page);
    let second = ana.opens_page();
    page.loses_connection();
    world.run_for(secs(30));
    assert!(second.told().iter().all(|told| !matches!(told, PageTold::TakesUp { .. })), "it is heard yet");
    let page = page.loads_again();
    world.run_for(secs(1));
    page.call().listens_anew();
    world.within(2, "they hear each other again", |world| world.hear_each_other(&call, &page));
    page.closes();
    world.within(8, "the second has it", |_| second.told().iter().any(|told| matches!(told, PageTold::TakesUp { .. })));
    second.talks(Talk::Always);
    world.run_for(secs(1));
    second.call().listens_anew();
    call.listens_anew();
    world.within(3, "they hear each other there", |world| world.hear_each_other(&call, &second));
    call.hangs_up();
    world.settle();
    assert_ne!(ana.status(), Status::Busy);
}

/// AS-05, P35, rule 37c: a page that goes while a queue's call rings there costs nobody that call: the next agent has it at once, or the
/// same one when he is back.
#[test]
fn as_05_a_page_that_goes_while_it_rings_loses_no_customer() {
    let world = World::seed(917);
    let (_, page) = ready_page(&world);
    let call = caller(&world);
    world.within(2, "the page rings", |_| page.is_ringing());
    page.loses_connection();
    world.within(2, "he waits on", |world| world.hears(&call, Voice::MUSIC));
    let page = page.loads_again();
    world.within(3, "it rings again", |_| page.is_ringing());
    world.run_for(secs(1));
    let bia = world.agent("bia").ready();
    bia.answers_after(secs(1));
    page.closes();
    world.within(4, "the next agent has him", |world| world.hear_each_other(&call, &bia));
    call.hangs_up();
    world.settle();
}

/// CH-01, SW-05: a page that is loaded again while somebody calls its user directly rings again; when it does not come back, the
/// caller hears that nobody is there.
#[test]
fn ch_01_a_ring_outlives_a_reload() {
    let world = World::seed(916);
    let (_, page) = ready_page(&world);
    let rui = world.phone("rui");
    let call = rui.calls("ana");
    world.within(2, "the page rings", |_| page.is_ringing());
    page.loses_connection();
    world.run_for(secs(1));
    let page = page.loads_again();
    world.within(1, "it rings again", |_| page.is_ringing());
    world.run_for(secs(5));
    page.accepts();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &page));
    call.hangs_up();
    world.run_for(secs(1));

    let call = rui.calls("ana");
    world.within(2, "the page rings", |_| page.is_ringing());
    page.closes();
    world.run_for(secs(2));
    assert!(!call.is_over(), "it may come back");
    world.within(2, "it is over", |_| call.is_over());
    assert_eq!(call.end(), Some(End::Refused(480)), "nobody is there");
    world.settle();
}

/// AS-05, RC-03: a page that does not come back cuts nobody off: its customer goes to the head of the queue that he came
/// from, before one who has waited meanwhile, hears music without a break in his stream, and then the next agent.
#[test]
fn as_05_whose_agent_is_gone_goes_before_all_who_wait() {
    let world = World::seed(911);
    let (ana, page) = ready_page(&world);
    let call = talking(&world, &page);
    let later = caller(&world);
    world.run_for(secs(30));
    page.closes();
    world.within(4, "music meanwhile", |world| world.hears(&call, Voice::MUSIC));
    world.run_for(secs(40));
    let now = world.clock();
    page.call().with(|call| call.finish(now, End::Silence));
    assert_ne!(ana.status(), Status::Busy);
    call.listens_anew();
    world.within(2, "music", |world| world.hears(&call, Voice::MUSIC));
    let bia = world.agent("bia");
    bia.answers_after(secs(1));
    let bia = bia.ready();
    world.within(10, "the next agent has him", |world| world.hear_each_other(&call, &bia));
    assert!(later.is_up() && world.hears(&later, Voice::MUSIC), "who came later waits");
    call.with(|call| assert_eq!((call.media.ear.sources.len(), call.media.ear.skipped), (1, 0)));
    call.hangs_up();
    world.within(10, "then he who came later", |world| world.hear_each_other(&later, &bia));
    later.hangs_up();
    world.settle();
    assert_eq!(world.engagements().len(), 3, "Ana's part and Bia's two");
}

/// AS-05: where a third is in the call he talks on with the customer; and a call that came from no queue is over.
#[test]
fn as_05_a_gone_page_ends_only_what_has_no_queue() {
    let world = World::seed(912);
    let (ana, page) = ready_page(&world);
    let eva = world.phone("eva");
    eva.registers();
    eva.answers_after(secs(1));
    let call = talking(&world, &page);
    let add = Request::AddLeg { call: world.snapshot().calls[0].call, by: UserId(1), to: "eva".into() };
    world.asks(Actor::Agent(ana.id), add).unwrap();
    world.within(5, "Eva is in it", |_| eva.all_calls().pop().is_some_and(|call| call.is_up()));
    page.closes();
    let is_alone = |world: &World| world.snapshot().calls[0].legs.len() == 2;
    world.within(70, "the two are left", is_alone);
    world.within(2, "and talk", |world| world.hear_each_other(&call, &eva));
    let now = world.clock();
    page.call().with(|call| call.finish(now, End::Silence));
    eva.hangs_up();
    world.within(2, "over", |_| call.is_over());
    let page = page.loads_again();
    let call = page.dials("eva");
    world.within(4, "they talk", |world| world.hear_each_other(&call, &eva));
    page.closes();
    world.within(40, "over", |_| eva.call().end() == Some(End::TheyHungUp));
    let now = world.clock();
    page.call().with(|call| call.finish(now, End::Silence));
    world.settle();
}

/// CH-02: whoever leaves somebody on hold is reminded, by ear and by eye, until he is back.
#[test]
fn ch_02_who_holds_for_long_is_reminded() {
    let world = World::seed(908);
    world.centre_has(|centre| centre.acd.policies.hold_recall_secs = 20);
    let (_, page) = ready_page(&world);
    let call = talking(&world, &page);
    let leg = page.leg();
    page.says(PageSays::Hold { leg, held: true });
    world.within(2, "music", |world| world.hears(&call, Voice::MUSIC));
    page.call().tapes();
    let reminded = || page.told().iter().filter(|told| matches!(told, PageTold::HeldLong { .. })).count();
    let heard =
        || page.call().with(|call| call.media.ear.tape.as_ref().unwrap().iter().any(|sample| sample.abs() > 1_000));
    world.run_for(secs(15));
    assert!(reminded() == 0 && !heard());
    world.run_for(secs(30));
    assert!(reminded() == 2 && heard(), "{}", reminded());
    assert!(world.hears(&call, Voice::MUSIC), "whom it is not for hears nothing of it");
    page.says(PageSays::Hold { leg, held: false });
    world.within(2, "they talk on", |world| world.hear_each_other(&call, &page));
    world.run_for(secs(60));
    assert_eq!(reminded(), 2);
    call.hangs_up();
    world.settle();
}

/// CH-02: hold from the page is hold: the customer hears music, and the talk goes on after it.
#[test]
fn ch_02_hold_at_a_page() {
    let world = World::seed(907);
    let (ana, page) = ready_page(&world);
    let call = talking(&world, &page);
    let id = world.snapshot().calls[0].call;
    ana.asks(Request::Hold { call: id, held: true }).unwrap();
    world.within(2, "music", |world| world.hears(&call, Voice::MUSIC));
    let leg = page.leg();
    assert!(
        page.told().contains(&PageTold::Held { leg, held: true }),
        "the page with the telephone shows what another one asked for"
    );
    ana.asks(Request::Hold { call: id, held: false }).unwrap();
    world.within(2, "they talk on", |world| world.hear_each_other(&call, &page));
    call.presses("5");
    world.within(2, "the digit is heard", |_| page.call().digits() == "5");
    call.hangs_up();
    world.settle();
}

/// AS-05, SW-09: a page whose connection died unnoticed claims its call over a new one; nobody else can.
#[test]
fn as_05_a_page_claims_its_call() {
    let world = World::seed(909);
    let (_, page) = ready_page(&world);
    let call = talking(&world, &page);
    let mallory = world.phone("mallory").opens_page();
    mallory.says(PageSays::On { legs: vec![page.leg()] });
    let again = page.connects_again();
    world.run_for(secs(1));
    assert!(mallory.told().iter().all(|told| matches!(told, PageTold::On { legs } if legs.is_empty())));
    let moved = PageOrder::Over { cause: Cause::ELSEWHERE };
    assert!(page.told().iter().any(|told| matches!(told, PageTold::Leg { order, .. } if *order == moved)));
    page.loses_connection();
    again.call().listens_anew();
    world.within(3, "they hear each other", |world| world.hear_each_other(&call, &again));
    again.lets_go();
    world.within(2, "the caller is let go", |_| call.end() == Some(End::TheyHungUp));
    world.settle();
}

/// OP-01, AS-05: after `kill -9` a page takes up its call in the next process; where none comes, the caller waits again.
#[test]
fn op_01_a_pages_call_outlives_the_switch() {
    for returns in [true, false] {
        let world = World::seed(910);
        let (ana, page) = ready_page(&world);
        let call = talking(&world, &page);
        world.run_for(secs(1));
        world.crashes();
        world.run_for(secs(1));
        world.starts();
        world.run_for(secs(1));
        assert_eq!(ana.status(), Status::Busy);
        if !returns {
            page.talks(Talk::Never);
            let now = world.clock();
            page.call().with(|call| call.finish(now, End::Silence));
            world.within(40, "given up", |_| ana.status() != Status::Busy);
            assert!(call.is_up());
            call.listens_anew();
            world.within(2, "he waits again", |world| world.hears(&call, Voice::MUSIC));
            call.hangs_up();
            world.settle();
            continue;
        }
        world.session(ana.id, true);
        let page = page.loads_again();
        world.run_for(secs(1));
        call.listens_anew();
        page.call().listens_anew();
        world.within(3, "they talk on", |world| world.hear_each_other(&call, &page));
        page.lets_go();
        world.within(2, "the caller is let go", |_| call.end() == Some(End::TheyHungUp));
        world.settle();
    }
}

/// OP-01, CH-13: a third at a page is in the talk again after `kill -9`, and hears and is heard.
#[test]
fn op_01_ch_13_a_third_at_a_page_is_back() {
    let world = World::seed(922);
    let ana = world.agent("ana").ready();
    let (eva, page) = world.agent("eva").at_a_page();
    let call = super::talking(&world, &ana);
    let live = world.snapshot().calls[0].call;
    let request = Request::AddLeg { call: live, by: UserId(1), to: "eva".into() };
    world.asks(Actor::Agent(ana.id), request).expect("her page rings");
    world.within(3, "the page rings", |_| page.is_ringing());
    page.accepts();
    world.run_for(secs(2));
    world.crashes();
    world.run_for(secs(1));
    world.starts();
    world.run_for(secs(1));
    world.session(eva.id, true);
    let page = page.loads_again();
    world.run_for(secs(3));
    let all = [call.clone(), ana.call(), page.call()];
    all.iter().for_each(Call::listens_anew);
    world.run_for(secs(1));
    for (speaker, listener) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
        let voice = all[speaker].with(|call| call.media.voice);
        assert!(all[listener].with(|call| call.media.ear.share(voice)) > 0.1, "{listener} hears {speaker}");
    }
    call.hangs_up();
    world.settle();
}

/// P29, SW-09: whoever calls, with plain sound like this carrier, a page is told of what a browser takes: encrypted, with a
/// fingerprint, all on one port. P30, SW-05: the caller holds and resumes in every form and changes his codec by re-INVITEs of his
/// own while he talks to a page; afterwards both hear each other.
#[test]
fn p29_p30_a_caller_changes_his_call_with_a_page() {
    let world = World::seed(915);
    let (_ana, page) = ready_page(&world);
    let call = talking(&world, &page);
    let offered = page.told().into_iter().find_map(|told| {
        let PageTold::Leg { order: PageOrder::Ring { sdp, .. }, .. } = told else { return None };
        Some(sdp)
    });
    let offered = offered.expect("an offer");
    for line in [" UDP/TLS/RTP/SAVPF ", "a=fingerprint:sha-256 ", "a=rtcp-mux", "a=ice-ufrag:", "a=setup:"] {
        assert!(offered.contains(line), "{line} is not in {offered}");
    }
    for form in HoldForm::ALL {
        call.holds(form);
        world.within(3, "the page hears music", |world| world.hears(&page.call(), Voice::MUSIC));
        call.resumes();
        world.within(3, "they talk on", |world| world.hear_each_other(&call, &page));
    }
    let all = Abilities::default().codecs;
    for codec in [all[1], all[0]] {
        call.phone.can(Abilities { codecs: vec![codec], ..Abilities::default() });
        call.resumes();
        world.run_for(secs(1));
        assert_eq!(call.with(|call| call.media.law), Some(codec));
        assert!(world.hear_each_other(&call, &page));
    }
    assert_eq!(page.call().end(), None, "the page noticed nothing");
    call.hangs_up();
    world.settle();
}
