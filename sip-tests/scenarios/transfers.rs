//! Transfers by REFER, as desk phones do them: blind and attended, from both sides, and everything that may cross them.

use strowger::{
    acd::{MemberState, Selection, Status},
    base::UserId,
    engine::{BlindFailed, ConsultStep, Request},
};

use crate::sim::{Agent, Call, Habit, HoldForm, Phone, Voice, World, secs};

/// Ana has called Rui, and they talk.
pub(super) struct Talk {
    pub world: World,
    pub rui: Phone,
    pub eva: Phone,
    pub call: Call,
}

pub(super) fn talk(seed: u64) -> Talk {
    let world = World::seed(seed);
    let [ana, rui, eva] = ["ana", "rui", "eva"].map(|name| world.phone(name));
    for phone in [&ana, &rui, &eva] {
        phone.registers();
    }
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    let call = ana.calls("rui");
    world.within(5, "they talk", |world| world.hear_each_other(&call, &rui));
    Talk { world, rui, eva, call }
}

fn hears_ringback(call: &Call) -> bool {
    call.with(|call| call.media.ear.hears(Voice::RINGBACK))
}

/// The voice of the one is not heard by the other any more.
fn is_apart(world: &World, one: &Call, two: &Call) -> bool {
    let (one_voice, two_voice) = (one.with(|call| call.media.voice), two.with(|call| call.media.voice));
    world.is_spared(one, two_voice) && world.is_spared(two, one_voice)
}

/// CH-12, SW-13, TK-11: either side of a call passes the other on; he hears ringback until he is taken, and the
/// transferor is told how it goes and let go.
#[test]
fn ch_12_sw_13_tk_11_a_blind_transfer_from_either_side() {
    for by_caller in [true, false] {
        let Talk { world, rui, eva, call, .. } = talk(100);
        let (by, other) = if by_caller { (call.clone(), rui.call()) } else { (rui.call(), call.clone()) };
        eva.answers_after(secs(4));
        by.refers("eva");
        world.within(2, "Eva's phone rings", |_| eva.is_ringing());
        world.within(3, "ringback meanwhile", |_| hears_ringback(&other));
        by.listens_anew();
        world.run_for(secs(1));
        assert!(is_apart(&world, &by, &other), "the transferor is out of it already");
        assert_eq!((by.referred(), by.told()), (vec![202], vec![(100, false), (180, false)]));
        let invite = eva.call().with(|call| call.invite.clone()).expect("an INVITE");
        let text = String::from_utf8_lossy(invite.bytes()).into_owned();
        let name = if by_caller { "ana" } else { "rui" };
        assert!(text.contains(&format!("Referred-By: <sip:{name}@10.0.0.1>")), "{text}");
        assert!(text.contains(&format!("From: \"{}\"", other.phone.name())), "the one who is passed on shows: {text}");
        world.within(6, "they talk", |world| world.hear_each_other(&other, &eva));
        world.within(1, "the transferor is let go", |_| by.is_over());
        assert_eq!(by.told().last(), Some(&(200, true)));
        assert!(world.is_spared(&other, Voice::RINGBACK));
        other.with(|call| assert_eq!(call.media.ear.sources.len(), 1, "one source towards a leg, for its whole life"));
        eva.hangs_up();
        world.settle();
        assert!(other.is_over());
    }
}

/// CH-12, SW-13, P26: who can't be reached takes nobody: the phone is told why, and the two talk on.
#[test]
fn ch_12_sw_13_a_failed_transfer_gives_the_call_back() {
    for (to, expected) in [("eva", 486), ("bob", 480)] {
        let Talk { world, rui, eva, call, .. } = talk(101);
        let _bob = world.phone("bob");
        eva.does(Habit::Refuses(486));
        call.refers(to);
        world.within(3, "it failed", |_| call.told().last() == Some(&(expected, true)));
        call.listens_anew();
        rui.call().listens_anew();
        world.within(3, "they talk on", |world| world.hear_each_other(&call, &rui));
        // A later REFER in the same dialog says which it is.
        eva.answers_after(secs(1));
        call.refers("eva");
        world.within(5, "now she takes him", |world| world.hear_each_other(&rui, &eva));
        assert!(call.is_over());
        let notify = call
            .phone
            .requests()
            .iter()
            .filter(|one| one.method().is_some_and(|is| is.as_str() == "NOTIFY"))
            .cloned()
            .next_back();
        let event = notify.unwrap().header(strowger::wire::sip::Name::Event).unwrap().to_owned();
        assert!(event.starts_with("refer;id="), "{event}");
        rui.hangs_up();
        world.settle();
    }
}

/// CH-12: REFER against BYE, in both orders; a second REFER while the first runs; the passed-on one gives up.
#[test]
fn ch_12_refer_meets_other_requests() {
    // The transferor hangs up at once, as many desk phones do: the transfer goes on without him.
    let Talk { world, rui, eva, call, .. } = talk(102);
    eva.answers_after(secs(2));
    call.refers("eva");
    world.run_for(secs(1));
    call.hangs_up();
    world.within(5, "they talk", |world| world.hear_each_other(&rui, &eva));
    rui.hangs_up();
    world.settle();

    // The same, and nobody is there: the transferor is rung again; the call is over when he doesn't want it either.
    for takes in [true, false] {
        let Talk { world, rui, eva, call, .. } = talk(103);
        let ana = call.phone.clone();
        eva.does(Habit::RingsThenRefuses(secs(3), 603));
        ana.does(if takes { Habit::Answers(secs(7)) } else { Habit::RingsThenRefuses(secs(7), 486) });
        call.refers("eva");
        world.run_for(secs(1));
        call.hangs_up();
        world.within(5, "ana is rung for him", |_| ana.is_ringing());
        rui.call().listens_anew();
        world.within(6, "ringback meanwhile", |_| hears_ringback(&rui.call()));
        if takes {
            world.within(9, "they talk", |world| world.hear_each_other(&rui.call(), &ana.call()));
            rui.hangs_up();
        } else {
            world.within(9, "nobody is left for him", |_| rui.call().is_over());
        }
        world.settle();
    }

    // He who is passed on hangs up first.
    let Talk { world, rui, eva, call, .. } = talk(104);
    call.refers("eva");
    world.within(2, "it rings", |_| eva.is_ringing());
    rui.hangs_up();
    world.within(2, "everything ends", |_| call.is_over() && eva.call().is_over());
    world.settle();

    // Two at once: the second is asked to wait.
    let Talk { world, rui, eva, call, .. } = talk(105);
    eva.answers_after(secs(2));
    call.refers("eva");
    call.refers("eva");
    rui.call().refers("eva");
    world.within(6, "they talk", |world| world.hear_each_other(&rui, &eva));
    assert_eq!(call.referred(), [202, 491]);
    assert_eq!((rui.call().referred(), eva.all_calls().len()), (vec![491], 1));
    eva.hangs_up();
    world.settle();
}

/// SW-13, CH-12: a REFER reaches what its sender could dial, and nothing else; a carrier's reaches nothing.
#[test]
fn sw_13_ch_12_a_refer_is_no_way_out() {
    let Talk { world, rui, call, .. } = talk(106);
    let carrier = world.carrier();
    for (to, status) in [("nobody", 404), ("00900123", 404)] {
        call.refers(to);
        world.run_for(secs(1));
        assert_eq!(call.referred().last(), Some(&status), "{to}");
    }
    call.phone.world().within(1, "they talk on", |world| world.hear_each_other(&call, &rui));
    // Out by the trunk, as his dial plan allows.
    carrier.answers_after(secs(1));
    call.refers("9351210000002");
    world.within(5, "the carrier has him", |world| world.hear_each_other(&rui, &carrier));
    // The carrier may not send him anywhere.
    carrier.call().refers("ana");
    carrier.call().refers("9351210000003");
    world.run_for(secs(1));
    assert_eq!(carrier.call().referred(), [403, 403]);
    world.within(1, "they talk on", |world| world.hear_each_other(&rui, &carrier));
    rui.hangs_up();
    world.settle();
    // Outside a call nobody has anything to pass on.
    let refer = "REFER sip:eva@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.66.6;branch=z9hG4bKr;rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:ana@10.0.0.1>;tag=1\r\nTo: <sip:eva@10.0.0.1>\r\nCall-ID: r\r\nCSeq: 1 REFER\r\n\
                 Refer-To: <sip:9351210000004@10.0.0.1>\r\nContact: <sip:x@10.0.66.6>\r\nContent-Length: 0\r\n\r\n";
    let before = carrier.all_calls().len();
    world.forges("10.0.66.6:5060".parse().unwrap(), refer);
    world.run_for(secs(1));
    assert_eq!(carrier.all_calls().len(), before);
}

/// RFC 4488: who does not want to be told is not.
#[test]
fn sw_13_a_refer_without_notifications() {
    let Talk { world, rui, eva, call, .. } = talk(107);
    eva.answers_after(secs(1));
    call.refers_with("eva", "Refer-Sub: false\r\nSupported: norefersub\r\n");
    world.within(5, "they talk", |world| world.hear_each_other(&rui, &eva));
    assert_eq!((call.referred(), call.told()), (vec![202], vec![]));
    world.within(1, "let go", |_| call.is_over());
    rui.hangs_up();
    world.settle();
}

fn agents(seed: u64) -> (World, Agent, Agent, Call) {
    let world = World::seed(seed);
    world.queue_has(|queue| queue.acw_secs = 30);
    let ana = world.agent("ana").ready();
    let call = super::talking(&world, &ana);
    let rui = world.agent("rui").ready();
    (world, ana, rui, call)
}

/// CH-08, CH-12, AW-10: an agent passes a customer on to a user: his wrap-up begins when he is out of it.
#[test]
fn ch_08_ch_12_aw_10_an_agent_passes_a_customer_on() {
    for hangs_up in [false, true] {
        let (world, ana, _, call) = agents(108);
        let eva = world.phone("eva");
        eva.registers();
        world.run_for(secs(1));
        eva.answers_after(secs(3));
        ana.call().refers("eva");
        world.within(3, "ringback", |_| hears_ringback(&call));
        if hangs_up {
            ana.call().hangs_up();
            world.within(1, "wrap-up at once", |_| ana.status() == Status::WrapUp);
        }
        world.within(5, "customer and Eva talk", |world| world.hear_each_other(&call, &eva));
        world.within(1, "wrap-up", |_| ana.status() == Status::WrapUp);
        assert!(ana.call().is_over());
        call.hangs_up();
        world.settle();
        let record = world.records().pop().unwrap();
        assert_eq!(record.legs.len(), 3, "{record:?}");
    }
}

/// CH-08: nobody takes a customer who was passed on: he waits again before who came later, or is given back, or let go.
#[test]
fn ch_08_what_becomes_of_a_customer_whom_nobody_took() {
    for (rule, seed) in [(BlindFailed::ToQueueHead, 120), (BlindFailed::ReturnToAgent, 121), (BlindFailed::HangUp, 122)]
    {
        let (world, ana, rui, call) = agents(seed);
        world.centre_has(|centre| centre.blind_failed = rule);
        let eva = world.phone("eva");
        eva.registers();
        world.run_for(secs(1));
        eva.does(Habit::RingsThenRefuses(secs(2), 486));
        rui.answers_after(secs(1));
        ana.call().refers("eva");
        world.within(2, "ringback", |_| hears_ringback(&call));
        world.within(4, "it failed", |_| ana.call().told().last() == Some(&(486, true)));
        match rule {
            BlindFailed::ToQueueHead => {
                world.within(1, "Ana is out of it", |_| ana.call().is_over() && ana.status() == Status::WrapUp);
                world.within(5, "Rui has him", |world| world.hear_each_other(&call, &rui));
                call.hangs_up();
            }
            BlindFailed::ReturnToAgent => {
                world.within(2, "Ana has him again", |world| world.hear_each_other(&call, &ana));
                assert_eq!(ana.status(), Status::Busy);
                call.hangs_up();
            }
            BlindFailed::HangUp => world.within(1, "all is over", |_| call.is_over() && ana.call().is_over()),
        }
        world.within(1, "Ana is free of him", |_| ana.status() == Status::WrapUp);
        world.settle();
    }
}

/// CH-09, CH-12: an agent passes a customer on to a queue: another agent is offered him, and counts him as his own.
#[test]
fn ch_09_ch_12_an_agent_passes_a_customer_on_to_a_queue() {
    let (world, ana, rui, call) = agents(109);
    rui.answers_after(secs(3));
    ana.call().refers("800");
    world.within(2, "the queue has him, and Ana is out", |_| ana.call().is_over());
    assert_eq!(ana.call().told().last(), Some(&(200, true)));
    assert_eq!(ana.status(), Status::WrapUp);
    world.within(2, "music again", |world| world.hears(&call, Voice::MUSIC));
    world.within(6, "customer and Rui talk", |world| world.hear_each_other(&call, &rui));
    assert_eq!(rui.status(), Status::Busy);
    rui.hangs_up();
    world.within(1, "Rui's own wrap-up", |_| rui.status() == Status::WrapUp);
    assert!(call.is_over());
    world.settle();
}

/// CH-10, CH-12: to a group, which is rung by its own strategy; an agent in it may be busy.
#[test]
fn ch_10_ch_12_an_agent_passes_a_customer_on_to_a_group() {
    let (world, ana, rui, call) = agents(110);
    let eva = world.phone("eva");
    eva.registers();
    super::group(&world, "sales", &["rui", "eva"]);
    world.run_for(secs(1));
    rui.does(Habit::Rings);
    eva.answers_after(secs(1));
    ana.call().refers("sales");
    world.within(2, "Rui is first", |_| rui.is_ringing());
    world.within(8, "then Eva, who answers", |world| world.hear_each_other(&call, &eva));
    assert!(ana.call().is_over() && !rui.is_ringing());
    call.hangs_up();
    world.settle();
}

/// A consultation: the partner of `first` waits, and its phone talks to `to`.
pub(super) fn consults(world: &World, first: &Call, to: &Phone) -> Call {
    first.holds(HoldForm::SendOnly);
    world.run_for(secs(1));
    to.answers_after(secs(1));
    let consult = first.phone.calls(&to.name());
    world.within(5, "they consult", |world| world.hear_each_other(&consult, to));
    consult
}

/// CH-12, SW-13: attended: the two partners hear each other, and both legs of the transferor end, whichever of his calls
/// the REFER came in.
#[test]
fn ch_12_sw_13_an_attended_transfer() {
    for (seed, in_consult) in [(111, false), (112, true), (113, false), (114, true)] {
        let Talk { world, rui, eva, call } = talk(seed);
        let consult = consults(&world, &call, &eva);
        match in_consult {
            false => call.refers_to(&consult, "eva"),
            true => consult.refers_to(&call, "rui"),
        }
        world.within(3, "Rui and Eva talk", |world| world.hear_each_other(&rui, &eva));
        let by = if in_consult { &consult } else { &call };
        assert_eq!((by.referred(), by.told()), (vec![202], vec![(200, true)]));
        world.within(1, "both legs of Ana end", |_| call.is_over() && consult.is_over());
        for call in [rui.call(), eva.call()] {
            call.with(|call| assert_eq!(call.media.ear.sources.len(), 1, "one source towards a leg"));
        }
        // They hold and resume like anybody.
        rui.call().holds(HoldForm::Inactive);
        world.within(3, "music", |world| world.hears(&eva, Voice::MUSIC));
        rui.call().resumes();
        world.within(3, "and back", |world| world.hear_each_other(&rui, &eva));
        eva.hangs_up();
        world.settle();
        assert!(rui.call().is_over());
        assert_eq!(world.records().len(), 2);
    }
}

/// CH-12, SW-13: an attended transfer before the third has answered is a blind one; a Replaces that names somebody else's
/// call, or none, is refused.
#[test]
fn ch_12_sw_13_an_attended_transfer_may_be_early_and_is_never_foreign() {
    let Talk { world, rui, eva, call } = talk(115);
    call.holds(HoldForm::SendOnly);
    world.run_for(secs(1));
    eva.does(Habit::Rings);
    let consult = call.phone.calls("eva");
    world.within(3, "it rings", |_| eva.is_ringing());
    call.refers_to(&consult, "eva");
    eva.answers_after(secs(1));
    world.within(5, "Rui and Eva talk", |world| world.hear_each_other(&rui, &eva));
    assert!(call.is_over() && consult.is_over());
    // Rui learns of another's dialog and tries to get into it.
    let (max, bob) = (world.phone("max"), world.phone("bob"));
    [&max, &bob].into_iter().for_each(|phone| phone.registers());
    bob.answers_after(secs(1));
    world.run_for(secs(1));
    let foreign = max.calls("bob");
    world.within(5, "Max and Bob talk", |world| world.hear_each_other(&foreign, &bob));
    let (call_id, ours, theirs) = foreign.with(|call| call.secrets());
    for (theirs, status) in [(theirs.as_str(), 403), ("0123456789abcdef", 481)] {
        let replaces = format!("{}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}", call_id.replace('@', "%40"));
        rui.call().refers(&format!("sip:bob@10.0.0.1?Replaces={replaces}"));
        world.run_for(secs(1));
        assert_eq!(rui.call().referred().last(), Some(&status));
    }
    world.within(1, "nobody noticed", |world| world.hear_each_other(&foreign, &bob));
    eva.hangs_up();
    foreign.hangs_up();
    world.settle();
}

/// CH-07, CH-12, AW-10: an agent asks a colleague first: the customer is his then, and the agent's wrap-up begins; a
/// consulted agent of a queue has the customer as his own.
#[test]
fn ch_12_aw_10_an_agent_passes_a_customer_on_after_asking() {
    for through_queue in [false, true] {
        let (world, ana, rui, call) = agents(116);
        ana.call().holds(HoldForm::SendOnly);
        world.run_for(secs(1));
        rui.answers_after(secs(1));
        let customer = ana.call();
        let consult = ana.calls(if through_queue { "800" } else { "rui" });
        world.within(8, "they consult", |world| world.hear_each_other(&consult, &rui));
        customer.refers_to(&consult, "rui");
        world.within(3, "customer and Rui talk", |world| world.hear_each_other(&call, &rui));
        world.within(1, "Ana's wrap-up", |_| ana.status() == Status::WrapUp);
        assert!(customer.is_over() && consult.is_over());
        assert_eq!(rui.status(), Status::Busy);
        call.hangs_up();
        let after = if through_queue { Status::WrapUp } else { Status::Ready };
        world.within(1, "what Rui does then", |_| rui.status() == after);
        world.settle();
    }
}

/// P8: an attended transfer logs nobody out: both agents are in their queues as before, their own choice stands, and the next
/// callers are theirs.
#[test]
fn p8_an_attended_transfer_logs_nobody_out() {
    let (world, ana, rui, call) = agents(117);
    ana.call().holds(HoldForm::SendOnly);
    world.run_for(secs(1));
    rui.answers_after(secs(1));
    let customer = ana.call();
    let consult = ana.calls("rui");
    world.within(8, "they consult", |world| world.hear_each_other(&consult, &rui));
    customer.refers_to(&consult, "rui");
    world.within(3, "customer and Rui talk", |world| world.hear_each_other(&call, &rui));
    call.hangs_up();
    world.within(40, "Ana's wrap-up is over", |_| ana.status() == Status::Ready);
    for agent in [&ana, &rui] {
        let view = agent.view();
        let inside = view.queues.iter().all(|member| member.state == MemberState::Active);
        assert!(view.online && inside && view.selection == Selection::Ready, "{view:?}");
    }
    let (first, second) = (super::caller(&world), super::caller(&world));
    world.within(6, "each has the next", |world| {
        let heard = |call: &Call| world.hear_each_other(call, &ana) || world.hear_each_other(call, &rui);
        heard(&first) && heard(&second)
    });
    first.hangs_up();
    second.hangs_up();
    world.settle();
}

/// CH-07, CH-23: an agent asks a colleague first and gives him the call: from then on it is his, in the list of calls too.
#[test]
fn ch_07_ch_23_the_call_names_who_has_it_now() {
    let world = World::seed(130);
    let ana = world.agent("ana").ready();
    let customer = super::talking(&world, &ana);
    let rui = world.agent("rui").ready();
    rui.answers_after(secs(1));
    let view = || world.snapshot().calls.into_iter().next().expect("a call");
    let call = view().call;
    assert_eq!(view().agent, Some(ana.id));
    ana.asks(Request::Consult { call, by: UserId(1), to: "rui".into() }).expect("rung");
    world.within(5, "they talk in private", |_| rui.all_calls().last().is_some_and(Call::is_up));
    world.run_for(secs(1));
    assert_eq!(view().agent, Some(ana.id), "still hers");
    ana.asks(Request::ConsultStep { call, step: ConsultStep::Complete }).expect("completed");
    world.within(3, "he has the customer", |world| world.hear_each_other(&customer, &rui));
    assert_eq!(view().agent, Some(rui.id));
    customer.hangs_up();
    world.settle();
}

/// RT-15, AS-04, I1, rule 37: a customer with a phone of ours passes his agent on: she talks with whoever takes her, and is busy
/// and rung for nobody until that is over.
#[test]
fn rt_15_as_04_whom_a_customer_passes_on_stays_busy() {
    for early_bye in [false, true] {
        let world = World::seed(131);
        let (kim, bob) = (world.phone("kim"), world.phone("bob"));
        for phone in [&kim, &bob] {
            phone.registers();
        }
        let ana = world.agent("ana").ready();
        ana.answers_after(secs(1));
        let customer = kim.calls("800");
        world.within(5, "they talk", |world| world.hear_each_other(&customer, &ana));
        bob.answers_after(secs(2));
        customer.refers("bob");
        world.within(2, "Bob is rung", |_| bob.is_ringing());
        if early_bye {
            customer.hangs_up();
        }
        world.within(5, "Ana and Bob talk", |world| world.hear_each_other(&ana, &bob));
        world.within(1, "Kim is out of it", |_| customer.is_over());
        assert_eq!(ana.status(), Status::Busy);
        let next = super::caller(&world);
        world.run_for(secs(3));
        assert_eq!((ana.all_calls().len(), ana.status()), (1, Status::Busy), "the next one waits");
        bob.hangs_up();
        world.within(3, "and is hers then", |world| world.hear_each_other(&next, &ana));
        next.hangs_up();
        world.settle();
        assert_eq!(ana.status(), Status::Ready);
    }
}

/// RT-15, AS-04, CH-09: to a queue likewise, her own included: she waits there as a caller, and is not asked meanwhile; whoever
/// takes her talks to her as to any customer.
#[test]
fn rt_15_as_04_whom_a_customer_passes_on_to_a_queue_stays_busy() {
    let world = World::seed(132);
    let kim = world.phone("kim");
    kim.registers();
    let ana = world.agent("ana").ready();
    ana.answers_after(secs(1));
    let customer = kim.calls("800");
    world.within(5, "they talk", |world| world.hear_each_other(&customer, &ana));
    customer.refers("800");
    world.within(3, "Ana waits", |world| world.hears(&ana, Voice::MUSIC));
    assert!(customer.is_over());
    world.run_for(secs(3));
    assert_eq!((ana.all_calls().len(), ana.status()), (1, Status::Busy), "not asked for herself");
    let rui = world.agent("rui");
    rui.answers_after(secs(1));
    let rui = rui.ready();
    world.within(5, "Rui takes her", |world| world.hear_each_other(&ana, &rui));
    assert_eq!((ana.status(), rui.status()), (Status::Busy, Status::Busy));
    rui.hangs_up();
    world.settle();
    assert_eq!((ana.status(), rui.status()), (Status::Ready, Status::Ready));
}

/// RT-15, AS-04: a customer of two agents puts them together: both are busy until that talk is over.
#[test]
fn rt_15_as_04_two_agents_whom_a_customer_puts_together() {
    let world = World::seed(133);
    let kim = world.phone("kim");
    kim.registers();
    let (ana, rui) = (world.agent("ana").ready(), world.agent("rui").ready());
    ana.answers_after(secs(1));
    rui.answers_after(secs(1));
    let first = kim.calls("800");
    world
        .within(5, "one of them talks", |world| [&ana, &rui].iter().any(|agent| world.hear_each_other(&first, *agent)));
    first.holds(HoldForm::SendOnly);
    world.run_for(secs(1));
    let second = kim.calls("800");
    world.within(5, "and the other", |world| [&ana, &rui].iter().any(|agent| world.hear_each_other(&second, *agent)));
    first.refers_to(&second, "800");
    world.within(3, "they talk", |world| world.hear_each_other(&ana, &rui));
    world.within(1, "Kim is out of it", |_| first.is_over() && second.is_over());
    assert_eq!((ana.status(), rui.status()), (Status::Busy, Status::Busy));
    ana.hangs_up();
    world.settle();
    assert_eq!((ana.status(), rui.status()), (Status::Ready, Status::Ready));
}
