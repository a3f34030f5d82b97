//! What a caller hears before anybody has answered (SW-04): that it rings, what the called side plays, or our ringback; over
//! forks, with reliable provisional answers on neither side, either or both, and with lost PRACKs.

use std::{cell::Cell, rc::Rc};

use crate::sim::{Call, End, Habit, Phone, Voice, World, secs};

struct Stage {
    world: World,
    ana: Phone,
    rui: Phone,
    /// A second phone of Rui's.
    mobile: Phone,
}

/// Whoever is called says 100 and waits for the story.
fn stage(seed: u64) -> Stage {
    let world = World::seed(seed);
    let (ana, rui) = (world.phone("ana"), world.phone("rui"));
    let mobile = world.second_phone(&rui);
    for phone in [&ana, &rui] {
        phone.registers();
        phone.does(Habit::Tries);
    }
    world.run_for(secs(1));
    mobile.does(Habit::Tries);
    Stage { world, ana, rui, mobile }
}

impl Stage {
    /// Ana calls Rui, whose phone has got the INVITE.
    fn calls(&self) -> (Call, Call) {
        let call = self.ana.calls("rui");
        self.world.within(2, "the INVITE is there", |_| self.rui.requests_of("INVITE") > 0);
        self.world.run_for(secs(1));
        (call, self.rui.call())
    }

    fn with_mobile(self) -> Self {
        self.mobile.registers();
        self.world.run_for(secs(1));
        self
    }

    #[track_caller]
    fn hears(&self, who: &Call, whom: &Call) {
        who.listens_anew();
        let voice = whom.with(|call| call.media.voice);
        self.world.within(2, "the caller hears him", |world| world.hears(who, voice));
    }

    #[track_caller]
    fn hears_ringback(&self, who: &Call) {
        who.listens_anew();
        self.world.within(3, "the caller hears ringback", |_| who.with(|call| call.media.ear.hears(Voice::RINGBACK)));
    }
}

fn hears_nothing(call: &Call) -> bool {
    call.with(|call| call.media.ear.packets == 0)
}

/// The statuses of a call without the challenge and 100.
fn told(call: &Call) -> Vec<u16> {
    call.statuses().into_iter().filter(|status| !matches!(status, 100 | 401 | 407)).collect()
}

fn ends(stage: &Stage, call: &Call) {
    call.hangs_up();
    stage.world.settle();
    call.with(|call| assert!(call.media.ear.sources.len() <= 1, "one source towards a leg, for its whole life"));
}

/// SW-04: media, then ringing: the caller hears what is played, is told that it rings, and goes on hearing it; the answer
/// makes no second stream.
#[test]
fn sw_04_media_and_then_ringing() {
    let stage = stage(700);
    let (call, theirs) = stage.calls();
    theirs.progresses(183, true);
    stage.hears(&call, &theirs);
    theirs.progresses(180, false);
    stage.hears(&call, &theirs);
    assert_eq!(told(&call), [183, 180]);
    assert!(!call.is_up());
    theirs.answers();
    stage.world.within(3, "they talk", |world| world.hear_each_other(&call, &theirs));
    ends(&stage, &call);
}

/// SW-04: ringing alone is told and makes no sound of ours: his phone rings by itself. The media that comes then is heard.
#[test]
fn sw_04_ringing_and_then_media() {
    let stage = stage(701);
    let (call, theirs) = stage.calls();
    theirs.progresses(180, false);
    stage.world.run_for(secs(3));
    assert!(hears_nothing(&call) && told(&call) == [180]);
    theirs.progresses(183, true);
    stage.hears(&call, &theirs);
    assert!(stage.world.is_spared(&call, Voice::RINGBACK));
    theirs.refuses(486);
    stage.world.settle();
    assert_eq!((told(&call), call.end()), (vec![180, 183, 486], Some(End::Refused(486))));
}

/// SW-04: two devices play something: he hears the first alone, the other when that one is gone, and whoever answers.
#[test]
fn sw_04_two_forks_play_and_one_wins() {
    for first_wins in [true, false] {
        for first_leaves in [false, true] {
            if first_wins && first_leaves {
                continue;
            }
            let stage = stage(702).with_mobile();
            let (call, desk) = stage.calls();
            let mobile = stage.mobile.call();
            desk.progresses(183, true);
            stage.hears(&call, &desk);
            mobile.progresses(183, true);
            stage.hears(&call, &desk);
            if first_leaves {
                desk.refuses(480);
                stage.hears(&call, &mobile);
            }
            let (winner, loser) = if first_wins { (&desk, &mobile) } else { (&mobile, &desk) };
            winner.answers();
            stage.world.within(3, "they talk", |world| world.hear_each_other(&call, winner));
            call.listens_anew();
            stage.world.run_for(secs(1));
            let lost = loser.with(|call| call.media.voice);
            assert!(loser.is_over() && stage.world.is_spared(&call, lost));
            assert_eq!(told(&call), [183, 200]);
            ends(&stage, &call);
        }
    }
}

/// SW-04: who played is gone, and the other device only rings: the caller listens to us by then, so the ringback is ours.
#[test]
fn sw_04_ringback_is_made_here_for_who_listens() {
    let stage = stage(703).with_mobile();
    let (call, desk) = stage.calls();
    let mobile = stage.mobile.call();
    desk.progresses(183, true);
    stage.hears(&call, &desk);
    mobile.progresses(180, false);
    desk.refuses(480);
    stage.hears_ringback(&call);
    mobile.answers();
    stage.world.within(3, "they talk", |world| world.hear_each_other(&call, &mobile));
    call.listens_anew();
    stage.world.run_for(secs(1));
    assert!(stage.world.is_spared(&call, Voice::RINGBACK));
    ends(&stage, &call);
}

/// SW-04: a caller who has been answered (he waited in a queue) hears our ringback while a group rings in turn, the first
/// one's announcement, ringback again, and whoever answers.
#[test]
fn sw_04_who_is_answered_already_hears_ringback_or_them() {
    let world = World::seed(704);
    let eva = world.phone("eva");
    let rui = world.phone("rui");
    for phone in [&eva, &rui] {
        phone.registers();
        phone.does(Habit::Tries);
    }
    world.run_for(secs(1));
    super::group(&world, "sales", &["eva", "rui"]);
    world.queue_has(|queue| {
        queue.max_wait_secs = 2;
        queue.overflow = vec!["group:sales".parse().unwrap()];
    });
    let call = super::caller(&world);
    world.within(5, "the group is rung", |_| eva.requests_of("INVITE") > 0);
    let theirs = eva.call();
    theirs.progresses(180, false);
    let hears_ringback = |call: &Call| call.with(|call| call.media.ear.hears(Voice::RINGBACK));
    call.listens_anew();
    world.within(3, "ringback", |_| hears_ringback(&call));
    theirs.progresses(183, true);
    let voice = theirs.with(|call| call.media.voice);
    world.within(3, "the announcement", |world| world.hears(&call, voice));
    theirs.refuses(480);
    world.within(3, "ringback again", |_| hears_ringback(&call));
    world.within(3, "the next is rung", |_| rui.requests_of("INVITE") > 0);
    rui.call().progresses(180, false);
    rui.call().answers();
    world.within(3, "they talk", |world| world.hear_each_other(&call, &rui));
    call.listens_anew();
    world.run_for(secs(1));
    assert!(world.is_spared(&call, Voice::RINGBACK));
    call.hangs_up();
    world.settle();
}

/// SW-04: one INVITE of ours forks behind the called side: he hears the branch that spoke last, and the one that answers,
/// which need not describe itself again when it has done so reliably.
#[test]
fn sw_04_early_dialogs_behind_the_called_side() {
    for (reliable, last_wins) in [(false, true), (false, false), (true, true), (true, false)] {
        let stage = stage(705);
        if reliable {
            stage.rui.rings_reliably();
        }
        let (call, theirs) = stage.calls();
        theirs.progresses(183, true);
        stage.hears(&call, &theirs);
        theirs.turns();
        theirs.progresses(183, true);
        stage.hears(&call, &theirs);
        if !last_wins {
            theirs.turns();
        }
        theirs.answers();
        stage.world.within(3, "they talk", |world| world.hear_each_other(&call, &theirs));
        let pracks = stage.rui.requests_of("PRACK");
        assert_eq!((pracks, told(&call)), (if reliable { 2 } else { 0 }, vec![183, 200]));
        ends(&stage, &call);
    }
}

/// SW-04: each side is reliable or not by itself (RFC 3262); the same is heard.
#[test]
fn sw_04_either_side_is_reliable_by_itself() {
    for (caller, called) in [(false, false), (false, true), (true, false), (true, true)] {
        let stage = stage(706);
        for (phone, reliable) in [(&stage.ana, caller), (&stage.rui, called)] {
            if reliable {
                phone.rings_reliably();
            }
        }
        let pracks = counted(&stage.world, "PRACK");
        let (call, theirs) = stage.calls();
        theirs.progresses(180, false);
        stage.world.run_for(secs(1));
        theirs.progresses(183, true);
        stage.hears(&call, &theirs);
        theirs.answers();
        stage.world.within(3, "they talk", |world| world.hear_each_other(&call, &theirs));
        let at_called = if called { 2 } else { 0 };
        assert_eq!(stage.rui.requests_of("PRACK"), at_called, "{caller} {called}");
        assert_eq!(pracks.get(), at_called + if caller { 2 } else { 0 }, "{caller} {called}");
        assert_eq!(told(&call), [180, 183, 200]);
        ends(&stage, &call);
    }
}

/// How many messages with this first word pass, either way.
fn counted(world: &World, method: &'static str) -> Rc<Cell<usize>> {
    let count = Rc::new(Cell::new(0));
    let counts = Rc::clone(&count);
    world.loses(move |_, text| {
        counts.set(counts.get() + usize::from(text.starts_with(method)));
        false
    });
    count
}

/// SW-04: PRACKs and their answers are lost on both sides: all is said again, told once, and heard meanwhile.
#[test]
fn sw_04_a_lost_prack_is_said_again() {
    for lost in ["PRACK", "SIP/2.0 200 OK"] {
        let stage = stage(707);
        stage.ana.rings_reliably();
        stage.rui.rings_reliably();
        let (call, theirs) = stage.calls();
        let left = Cell::new(4);
        stage.world.loses(move |_, text| {
            let is_hit = text.starts_with(lost) && text.contains("PRACK") && left.get() > 0;
            left.set(left.get() - i32::from(is_hit));
            is_hit
        });
        theirs.progresses(183, true);
        stage.hears(&call, &theirs);
        stage.world.run_for(secs(8));
        theirs.answers();
        stage.world.within(3, "they talk", |world| world.hear_each_other(&call, &theirs));
        let times = told(&call).iter().filter(|status| **status == 200).count();
        assert_eq!((times, call.with(|call| call.answered.is_some())), (1, true));
        ends(&stage, &call);
    }
}

/// SW-04: he answers before the caller's PRACK has come: the 200 waits for it, and is not lost with it (RFC 3262 3).
#[test]
fn sw_04_an_answer_waits_for_the_prack_of_a_description() {
    let stage = stage(708);
    stage.ana.rings_reliably();
    let (call, theirs) = stage.calls();
    let closed = Rc::new(Cell::new(true));
    let shut = Rc::clone(&closed);
    stage.world.loses(move |_, text| text.starts_with("PRACK") && shut.get());
    theirs.progresses(183, true);
    stage.world.run_for(secs(1));
    theirs.answers();
    stage.world.run_for(secs(2));
    assert!(!told(&call).contains(&200), "{:?}", call.statuses());
    closed.set(false);
    stage.world.within(6, "they talk", |world| world.hear_each_other(&call, &theirs));
    ends(&stage, &call);
}

/// SW-04: the caller gives up while the 200 waits for his PRACK: both sides are let go.
#[test]
fn sw_04_who_gives_up_instead_of_a_prack_is_let_go() {
    let stage = stage(709);
    stage.ana.rings_reliably();
    let (call, theirs) = stage.calls();
    stage.world.loses(|_, text| text.starts_with("PRACK"));
    theirs.progresses(183, true);
    stage.world.run_for(secs(1));
    theirs.answers();
    stage.world.run_for(secs(1));
    call.hangs_up();
    stage.world.within(3, "both are let go", |_| call.is_over() && theirs.is_over());
    stage.world.loses_nothing();
    stage.world.settle();
    assert_eq!(call.end(), Some(End::Refused(487)));
}

/// SW-04: a PRACK that never comes refuses the call (RFC 3262 3) and takes back that of the other side.
#[test]
fn sw_04_a_prack_that_never_comes_ends_the_call() {
    let stage = stage(710);
    stage.ana.rings_reliably();
    let (call, theirs) = stage.calls();
    stage.world.loses(|_, text| text.starts_with("PRACK"));
    theirs.progresses(183, true);
    stage.hears(&call, &theirs);
    stage.world.within(35, "it is refused", |_| call.is_over());
    assert_eq!((call.end(), theirs.end()), (Some(End::Refused(500)), Some(End::Cancelled)));
    stage.world.loses_nothing();
    stage.world.settle();
}

/// SW-04, SW-05: an INVITE without a description that requires reliable ringing is offered something with the 180; the PRACK
/// answers, and the 200 brings no second offer (RFC 3262 5).
#[test]
fn sw_04_sw_05_a_late_offer_comes_with_reliable_ringing() {
    let stage = stage(711);
    stage.ana.rings_reliably();
    let call = stage.ana.calls_with_late_offer("rui");
    stage.world.run_for(secs(1));
    let theirs = stage.rui.call();
    theirs.progresses(180, false);
    stage.world.run_for(secs(1));
    assert!(call.with(|call| call.media.remote.is_some()), "our offer came with the 180");
    theirs.answers();
    stage.world.within(3, "they talk", |world| world.hear_each_other(&call, &theirs));
    ends(&stage, &call);
}
