//! Who gets it, decided elsewhere (RT-06).

#![allow(clippy::wildcard_enum_match_arm)]

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, DecisionId, InteractionId, QueueId, UserId},
};

const BOSS: Actor = Actor::Supervisor(UserId(9));

/// Agents 1… on queue 1, which asks elsewhere, and on queue 2, which does not.
fn room(agents: u64) -> Room {
    let mut settings = centre(agents, 2);
    first_queue(&mut settings).decision = Some(DecisionSettings { service: "crm".into(), ..Default::default() });
    assert_eq!(settings.check(), []);
    let mut room = Room::closed(settings.clone());
    room.acd.settings(room.now, settings);
    for agent in 1..=agents {
        room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
        room.pass_ms(1);
    }
    room.said.clear();
    room
}

impl Room {
    /// The questions put since the last look.
    fn dilemmas(&mut self) -> Vec<Dilemma> {
        let put = self.said.iter().filter_map(|output| match output {
            Output::Decide(dilemma) => Some((**dilemma).clone()),
            _ => None,
        });
        let put = put.collect();
        self.said.retain(|output| !matches!(output, Output::Decide(_)));
        put
    }

    fn dilemma(&mut self) -> Dilemma {
        let [dilemma] = &self.dilemmas()[..] else { panic!("one question") };
        dilemma.clone()
    }

    fn is_told(&mut self, dilemma: &Dilemma, verdict: Verdict) {
        let (interaction, decision) = (dilemma.interaction, dilemma.decision);
        self.ask(|acd, now| acd.handle_decided(now, interaction, decision, verdict));
    }

    fn decided(&self) -> Vec<Decided> {
        let decided = self.said.iter().filter_map(|output| match output {
            Output::Decided { decided, .. } => Some(decided.clone()),
            _ => None,
        });
        decided.collect()
    }

    fn why(&self) -> Why {
        let offer = self.said.iter().rev().find_map(|output| match output {
            Output::Offer(offer) => Some(offer.why.as_ref().clone()),
            _ => None,
        });
        offer.expect("an offer")
    }
}

fn names(agent: u64) -> Verdict {
    Verdict::Said { agent: Some(AgentId(agent)), veto: Vec::new() }
}

fn rules_out(agents: &[u64]) -> Verdict {
    Verdict::Said { agent: None, veto: agents.iter().copied().map(AgentId).collect() }
}

const NO_WISH: Verdict = Verdict::Said { agent: None, veto: Vec::new() };

/// RT-06: the question tells who could be asked, in which order, and what holds back the others; whoever is named gets it
/// though he is not the first, and the offer says so.
#[test]
fn rt_06_who_is_named_gets_it() {
    let mut room = room(4);
    room.select(4, Selection::not_ready("break")).unwrap();
    let call = room.call();
    assert!(room.ringing().is_empty(), "nobody is asked before the answer");
    let dilemma = room.dilemma();
    let candidates: Vec<u64> = dilemma.candidates.iter().map(|it| it.agent.0).collect();
    assert_eq!((candidates, dilemma.candidates_total), (vec![1, 2, 3], 3));
    assert_eq!((dilemma.excluded.as_slice(), dilemma.service.as_str()), (&[(Factor::NotReady, 1)][..], "crm"));
    assert_eq!(room.acd.explain(room.now, call).unwrap().asking.as_deref(), Some("crm"));
    room.pass_ms(300);
    room.is_told(&dilemma, names(3));
    assert_eq!(room.rings_at(), [3]);
    let why = room.why();
    assert_eq!((why.agent, why.rank, why.candidates), (AgentId(3), 3, 3));
    let decided = why.decided.unwrap();
    assert_eq!((decided.agent, decided.took_ms, decided.undecided), (Some(AgentId(3)), 300, None));
    assert_eq!(room.decided(), [decided]);
    room.is_told(&dilemma, names(1));
    assert_eq!(room.rings_at(), [3], "said twice, heard once");
}

/// RT-06: no answer in time, none that means anything, or no wish: the strategy decides, and the record says why.
#[test]
fn rt_06_without_an_answer_the_strategy_decides() {
    for (verdict, why) in [
        (None, Some(Undecided::Late)),
        (Some(Verdict::Nothing(Undecided::Away)), Some(Undecided::Away)),
        (Some(Verdict::Nothing(Undecided::Garbled)), Some(Undecided::Garbled)),
        (Some(NO_WISH), None),
    ] {
        let mut room = room(2);
        room.call();
        let dilemma = room.dilemma();
        match verdict {
            Some(verdict) => room.is_told(&dilemma, verdict),
            None => {
                room.pass_ms(999);
                assert!(room.ringing().is_empty());
                room.pass_ms(1);
            }
        }
        assert_eq!(room.rings_at(), [1], "the longest idle");
        assert_eq!(room.why().decided.unwrap().undecided, why);
        // The other way round: time was over first.
        room.is_told(&dilemma, names(2));
        assert_eq!(room.rings_at(), [1]);
    }
}

/// RT-06: an answer is a wish. Whoever is named and not free any more is not asked, in whichever order it comes.
#[test]
fn rt_06_who_is_named_must_be_free() {
    let leaves: [fn(&mut Room); 4] = [
        |room| room.select(2, Selection::not_ready("break")).unwrap(),
        |room| room.direct(2, 7),
        |room| room.ask(|acd, now| acd.handle_device(now, AgentId(2), false)),
        |room| {
            let queue = Some(QueueId(1));
            room.ask(|acd, now| acd.logout(now, AgentId(2), queue, LogoutWhen::Now, BOSS)).unwrap();
        },
    ];
    for leave in leaves {
        let mut room = room(2);
        room.call();
        let dilemma = room.dilemma();
        leave(&mut room);
        room.is_told(&dilemma, names(2));
        assert_eq!(room.rings_at(), [1]);
        let why = room.why();
        assert_eq!((why.agent, why.decided.unwrap().agent), (AgentId(1), Some(AgentId(2))));
    }
    // The other order: he leaves when it rings.
    let mut room = room(2);
    let call = room.call();
    let dilemma = room.dilemma();
    room.is_told(&dilemma, names(2));
    room.select(2, Selection::not_ready("break")).unwrap();
    let again = room.dilemma();
    assert_eq!((again.interaction, again.decision != dilemma.decision), (call, true), "it is asked again");
    room.is_told(&again, NO_WISH);
    assert_eq!(room.rings_at(), [1]);
}

/// RT-06: who is ruled out is not asked for that caller, and gets another; when the veto is over, it is asked anew. With
/// everybody ruled out the story says so.
#[test]
fn rt_06_a_veto_holds_for_its_time() {
    let mut room = room(2);
    room.call();
    let dilemma = room.dilemma();
    room.is_told(&dilemma, rules_out(&[1]));
    assert_eq!(room.rings_at(), [2]);
    room.talk();
    let second = room.call();
    let other = room.dilemma();
    assert_eq!(other.interaction, second);
    room.is_told(&other, rules_out(&[1, 1]));
    assert!(room.ringing().is_empty());
    let nobody = room.said.iter().rev().find_map(|output| match output {
        Output::Nobody { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(nobody.unwrap().vetoed, 1);
    let part = |room: &Room| room.acd.explain(room.now, second).unwrap().members;
    assert!(part(&room).iter().any(|it| it.agent == AgentId(1) && it.vetoed && it.rank.is_none()));
    let third = room.call();
    assert_eq!(room.dilemma().interaction, third, "who is ruled out for one is free for the next");
    room.hang_up(third);
    room.pass(29);
    assert!(room.dilemmas().is_empty());
    room.pass(1);
    let again = room.dilemmas();
    assert_eq!(again.last().map(|it| it.interaction), Some(second));
    room.is_told(again.last().unwrap(), NO_WISH);
    assert_eq!(room.the_ring_of(1), second);
}

/// RT-06: nobody waits for a question but whom it is about. Those behind him, in this queue and in others, get the agents;
/// he keeps his place, is not asked about again, and is next.
#[test]
fn rt_06_others_are_not_held_up() {
    let mut room = room(1);
    let asked = room.call();
    let dilemma = room.dilemma();
    let plain = room.call_to(QueueId(2), 0);
    assert_eq!(room.the_ring_of(1), plain, "nobody is kept free");
    let behind = room.call();
    assert!(room.dilemmas().is_empty(), "with nobody free nobody is asked about");
    assert_eq!((room.acd.position(asked), room.acd.position(behind)), (Some(1), Some(2)));
    room.is_told(&dilemma, NO_WISH);
    let talk = room.talk();
    room.end(talk);
    assert_eq!(room.the_ring_of(1), asked, "without another question");
    assert!(room.dilemmas().is_empty());
    assert_eq!(room.why().decided.unwrap().undecided, None);
    room.hang_up(asked);
    assert_eq!(room.dilemma().interaction, behind);
}

/// RT-06: a queue asks about no more callers than it has agents who could be asked; the next one's turn comes with the
/// answer. One whose only agents were ruled out holds up nobody.
#[test]
fn rt_06_one_question_an_agent() {
    let mut room = room(2);
    let calls: Vec<InteractionId> = (0..4).map(|_| room.call()).collect();
    let put = room.dilemmas();
    assert_eq!(put.iter().map(|it| it.interaction).collect::<Vec<_>>(), calls[..2]);
    room.is_told(&put[1], names(1));
    assert_eq!(room.the_ring_of(1), calls[1], "the second was answered first");
    assert!(room.dilemmas().is_empty(), "the other agent is the first's");
    room.is_told(&put[0], rules_out(&[2]));
    let put = room.dilemma();
    assert_eq!(put.interaction, calls[2]);
    room.is_told(&put, NO_WISH);
    assert_eq!(room.the_ring_of(2), calls[2]);
    assert_eq!(room.acd.position(calls[0]), Some(1), "he keeps his place");
}

/// RT-06: the caller hangs up, his wait runs out, a supervisor assigns him by hand, the settings ask nobody any more, or
/// the process ends: the question is over, its answer nobody's, and nothing is left of it.
#[test]
fn rt_06_a_question_ends_with_its_reason() {
    let ends: [fn(&mut Room, InteractionId); 4] = [
        |room, call| room.hang_up(call),
        |room, call| room.ask(|acd, now| acd.withdraw(now, call, BOSS)).unwrap(),
        |room, call| room.ask(|acd, now| acd.assign(now, call, AgentId(2), BOSS)).unwrap(),
        |room, _| {
            let mut settings = centre(2, 2);
            first_queue(&mut settings).strategy = Strategy::Linear;
            room.ask(|acd, now| acd.settings(now, settings));
        },
    ];
    for end in ends {
        let mut room = room(2);
        let call = room.call();
        let dilemma = room.dilemma();
        end(&mut room, call);
        assert_eq!(room.decided().iter().map(|it| it.undecided).collect::<Vec<_>>(), [Some(Undecided::Over)]);
        let before = room.rings_at();
        room.is_told(&dilemma, names(1));
        assert_eq!(room.rings_at(), before);
        room.progress();
        room.pass(5);
        assert_eq!(room.decided().len(), 1, "one end");
    }
    let mut room = room(2);
    let call = room.call();
    let dilemma = room.dilemma();
    room.restart(0, &[call], false);
    room.is_told(&dilemma, names(1));
    assert!(room.ringing().is_empty());
    room.ask(|acd, now| acd.handle_device(now, AgentId(1), true));
    assert_ne!(room.dilemma().decision, dilemma.decision, "another process asks again");
    let unknown = DecisionId(1);
    room.ask(|acd, now| acd.handle_decided(now, call, unknown, names(1)));
    assert!(room.ringing().is_empty());
}

/// RT-06: whoever is named rings alone where all would ring at once; a veto takes one out of all.
#[test]
fn rt_06_before_all_ring() {
    let mut room = room(3);
    let mut settings = centre(3, 2);
    let queue = first_queue(&mut settings);
    queue.strategy = Strategy::RingAll;
    queue.decision = Some(DecisionSettings { service: "crm".into(), ..Default::default() });
    room.ask(|acd, now| acd.settings(now, settings));
    room.call();
    let dilemma = room.dilemma();
    room.is_told(&dilemma, names(2));
    assert_eq!(room.rings_at(), [2]);
    let (offer, ..) = room.the_ring();
    room.fail(offer, OfferFault::Declined);
    let dilemma = room.dilemma();
    assert_eq!(dilemma.tried, [AgentId(2)]);
    room.is_told(&dilemma, rules_out(&[3]));
    assert_eq!(room.rings_at(), [1]);
}

/// RT-06: nobody who was ruled out joins those who ring because the veto's time is over: it is asked anew first, when they
/// ring no more.
#[test]
fn rt_06_a_veto_that_ends_while_it_rings_is_asked_about() {
    for strategy in [Strategy::RingAll, Strategy::RingProgressive] {
        let mut room = room(2);
        let mut settings = centre(2, 2);
        let queue = first_queue(&mut settings);
        (queue.strategy, queue.ring_secs) = (strategy, 20);
        let decision = DecisionSettings { service: "crm".into(), veto_secs: 5, ..Default::default() };
        queue.decision = Some(decision);
        room.ask(|acd, now| acd.settings(now, settings));
        let call = room.call();
        let dilemma = room.dilemma();
        room.is_told(&dilemma, rules_out(&[1]));
        room.progress();
        room.pass(19);
        assert_eq!((room.rings_at(), room.dilemmas().len()), (vec![2], 0), "{strategy:?}");
        let (offer, ..) = room.the_ring();
        room.fail(offer, OfferFault::Declined);
        let again = room.dilemma();
        assert_eq!((again.interaction, again.candidates[0].agent), (call, AgentId(1)), "{strategy:?}");
        room.is_told(&again, rules_out(&[2]));
        assert_eq!(room.rings_at(), [1]);
    }
}

/// RT-06: settings that can't mean anything are refused with their place.
#[test]
fn rt_06_settings_are_checked() {
    let mut settings = centre(1, 1);
    first_queue(&mut settings).decision = Some(DecisionSettings { service: "".into(), answer_ms: 9, veto_secs: 0 });
    let places: Vec<String> = settings.check().into_iter().map(|fault| fault.place).collect();
    let expected = ["service", "answer_ms", "veto_secs"].map(|key| format!("queues.q1.decision.{key}"));
    assert_eq!(places, expected);
}

/// RT-06, P34: a call for which everybody free is ruled out takes no other call's turn to be asked about.
#[test]
fn rt_06_who_can_have_nobody_holds_up_nobody() {
    let mut room = room(2);
    let first = room.call();
    let dilemma = room.dilemma();
    room.is_told(&dilemma, rules_out(&[1]));
    assert_eq!(room.rings_at(), [2]);
    let offer = room.agent(2).offers[0].offer;
    room.ask(|acd, now| acd.decline(now, offer, Actor::Agent(AgentId(2)))).unwrap();
    assert!(room.dilemmas().is_empty(), "the one left is ruled out for {first:?}");
    room.call();
    let dilemma = room.dilemma();
    let third = room.call();
    assert!(room.dilemmas().is_empty(), "one question for each agent");
    room.is_told(&dilemma, rules_out(&[1]));
    assert_eq!(room.dilemma().interaction, third);
}

/// RT-06, P34: whose tier opens while he is due to be asked about leaves his turn to who still waits for the first tier.
#[test]
fn rt_06_who_needs_others_now_gives_his_turn_on() {
    let mut settings = centre(1, 1);
    let queue = first_queue(&mut settings);
    let ring = |after_secs, tier| Ring { after_secs, tier, ..Ring::default() };
    queue.rings = vec![ring(0, Some(0)), ring(5, None)];
    queue.decision = Some(DecisionSettings { service: "crm".into(), answer_ms: 10_000, ..Default::default() });
    let mut room = Room::with(1, |it| *it = settings);
    let first = room.call();
    room.call();
    assert_eq!(room.dilemma().interaction, first, "one question for one agent");
    room.pass(3);
    let third = room.call();
    assert!(room.dilemmas().is_empty());
    room.pass(2);
    assert_eq!(room.dilemma().interaction, third);
}

/// RT-06, P34: with one agent more one caller more is asked about, though that very agent is ruled out for him.
#[test]
fn rt_06_who_is_ruled_out_brings_a_turn_all_the_same() {
    let mut room = room(3);
    for agent in [1, 3] {
        room.select(agent, Selection::not_ready("break")).unwrap();
    }
    let first = room.call();
    let dilemma = room.dilemma();
    room.is_told(&dilemma, rules_out(&[3]));
    room.fail(room.the_ring().0, OfferFault::DeviceBusy);
    let second = room.call_to(QueueId(1), 5);
    assert!(room.dilemmas().is_empty(), "nobody is free");
    room.pass(10);
    assert_eq!(room.dilemma().interaction, second, "one question for the one who is free again");
    room.select(3, Selection::Ready).unwrap();
    assert_eq!(room.dilemma().interaction, first);
}
