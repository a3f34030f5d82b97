//! Two things that happen to one offer at the same moment, in both orders.

#![allow(clippy::wildcard_enum_match_arm)]

use std::collections::BTreeMap;

use super::{Room, room::*};
use crate::{
    acd::*,
    base::{AgentId, CallId, InteractionId, OfferId, QueueId, UserId},
};

const ANA: AgentId = AgentId(1);
const ME: Actor = Actor::Agent(ANA);
const BOSS: Actor = Actor::Supervisor(UserId(9));

macro_rules! events {
    ($($name:ident,)*) => {
        /// What can cross an offer at Ana.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Event {
            $($name,)*
        }

        const ALL: &[Event] = &[$(Event::$name,)*];
    };
}

events! {
    AnswersAtPhone,
    AcceptsAtPage,
    DeclinesAtPage,
    PhoneDeclines,
    PhoneBusy,
    PhoneSilent,
    RingIsOver,
    CustomerLeaves,
    SupervisorWithdraws,
    SupervisorMoves,
    AgentNotReady,
    Dnd,
    LogsOut,
    SignsOut,
    ForcedOffline,
    SessionLost,
    DialsOut,
    DirectCall,
    ColleagueAnswers,
}

use Event::*;

/// Ana and Rui ring together for one caller.
struct Race {
    room: Room,
    call: InteractionId,
    at_ana: OfferId,
    at_rui: OfferId,
}

impl Race {
    fn new() -> Self {
        let mut settings = centre(2, 2);
        first_queue(&mut settings).strategy = Strategy::RingAll;
        let mut room = Room::closed(settings.clone());
        room.acd.settings(room.now, settings);
        for agent in [1, 2] {
            room.ask(|acd, now| acd.handle_device(now, AgentId(agent), true));
        }
        room.ask(|acd, now| acd.sign_in(now, ANA, ME)).unwrap();
        room.said.clear();
        let call = room.call();
        let offer = |agent: u64| {
            let ringing = room.ringing();
            ringing.iter().find(|(_, at, _)| at.0 == agent).expect("it rings").0
        };
        let (at_ana, at_rui) = (offer(1), offer(2));
        Self { room, call, at_ana, at_rui }
    }

    fn happens(&mut self, event: Event) {
        let (call, offer, rui) = (self.call, self.at_ana, self.at_rui);
        let room = &mut self.room;
        // What comes too late is refused, or nothing happens; what it may not do stands in the checks.
        match event {
            AnswersAtPhone => _ = room.ask(|acd, now| acd.handle_answered(now, offer)),
            AcceptsAtPage => drop(room.ask(|acd, now| acd.accept(now, offer, ME))),
            DeclinesAtPage => drop(room.ask(|acd, now| acd.decline(now, offer, ME))),
            PhoneDeclines => room.fail(offer, OfferFault::Declined),
            PhoneBusy => room.fail(offer, OfferFault::DeviceBusy),
            PhoneSilent => room.fail(offer, OfferFault::Unreachable),
            RingIsOver => room.fail(offer, OfferFault::NoAnswer),
            CustomerLeaves => room.hang_up(call),
            SupervisorWithdraws => drop(room.ask(|acd, now| acd.withdraw(now, call, BOSS))),
            SupervisorMoves => drop(room.ask(|acd, now| acd.move_to(now, call, QueueId(2), BOSS))),
            AgentNotReady => drop(room.select(1, Selection::not_ready("break"))),
            Dnd => drop(room.ask(|acd, now| acd.set_dnd(now, ANA, true, ME))),
            LogsOut => drop(room.ask(|acd, now| acd.logout(now, ANA, None, LogoutWhen::Now, ME))),
            SignsOut => drop(room.ask(|acd, now| acd.sign_out(now, ANA, ME))),
            ForcedOffline => drop(room.ask(|acd, now| acd.force_offline(now, ANA, BOSS))),
            SessionLost => {
                room.ask(|acd, now| acd.handle_session(now, ANA, false));
                room.ask(|acd, now| acd.handle_device(now, ANA, false));
            }
            DialsOut => drop(room.ask(|acd, now| acd.handle_direct_dialing(now, ANA, CallId(7), DirectKind::Internal))),
            DirectCall => room.direct(1, 7),
            ColleagueAnswers => _ = room.ask(|acd, now| acd.handle_answered(now, rui)),
        }
    }

    /// What holds after any two: each offer ended once, the call went to one agent at most and has one outcome at most,
    /// and when all have hung up nothing is left of it.
    fn check(mut self, what: &str) {
        let mut ends: BTreeMap<OfferId, u32> = BTreeMap::new();
        let (mut made, mut connects) = (0, 0);
        for output in &self.room.said {
            match output {
                Output::Offer(_) => made += 1,
                Output::OfferEnded { offer, .. } => *ends.entry(*offer).or_default() += 1,
                Output::Connect { .. } => connects += 1,
                _ => {}
            }
        }
        assert!(ends.values().all(|ends| *ends == 1), "{what}: an offer ended twice: {ends:?}");
        let connecting = self.room.queue(1).waiting.iter().any(|waiting| waiting.connecting);
        let open = self.room.ringing().len() + usize::from(connecting);
        assert_eq!(ends.len() + open, made, "{what}: offers made, ended and open");
        assert!(connects <= 1, "{what}: connected {connects} times");
        self.room.hang_up(self.call);
        self.room.ask(|acd, now| acd.handle_direct_ended(now, ANA, CallId(7)));
        self.room.pass(60);
        let finals = self.room.outcomes().into_iter().filter(|(_, outcome)| *outcome != Outcome::TransferredInWait);
        assert_eq!(finals.count(), 1, "{what}: {:?}", self.room.outcomes());
        assert!(self.room.ringing().is_empty(), "{what}: a phone rings on");
        for agent in [1, 2] {
            let it = self.room.agent(agent);
            assert!(it.engagements.is_empty() && it.activity == Activity::Idle, "{what}: {agent} is {:?}", it.activity);
        }
    }
}

/// Every pair of events that can cross at one offer, in both orders, each twice: nothing is lost, doubled or left over.
/// RT-08, RT-10, P2, P4.
#[test]
fn whatever_crosses_an_offer_ends_well() {
    for first in ALL.iter().copied() {
        for second in ALL.iter().copied() {
            let mut race = Race::new();
            race.happens(first);
            race.happens(second);
            race.happens(first);
            race.check(&format!("{first:?}, then {second:?}"));
        }
    }
}

/// The answer and the customer's hanging up (P3), in both orders: either way the agent has no talk, and an answer that
/// came too late finds no offer. RT-10.
#[test]
fn an_answer_and_a_hang_up() {
    let mut race = Race::new();
    race.happens(CustomerLeaves);
    let late = race.at_ana;
    assert_eq!(race.room.ask(|acd, now| acd.handle_answered(now, late)), None);
    assert_eq!(race.room.outcomes()[0].1, Outcome::AbandonedRinging);
    let mut race = Race::new();
    race.happens(AnswersAtPhone);
    race.happens(CustomerLeaves);
    assert_eq!(race.room.outcomes()[0].1, Outcome::AbandonedRinging);
    assert_eq!(race.room.status(1), Status::Ready);
}

/// Two answers (P15), in both orders: the first has the call, the other lost without blame. RT-08.
#[test]
fn two_answers() {
    for (first, second, winner, loser) in
        [(AnswersAtPhone, ColleagueAnswers, 1, 2), (ColleagueAnswers, AnswersAtPhone, 2, 1)]
    {
        let mut race = Race::new();
        race.happens(first);
        race.happens(second);
        assert_eq!((race.room.status(winner), race.room.status(loser)), (Status::Busy, Status::Ready));
        assert_eq!(race.room.ends(), [(AgentId(loser), OfferEnd::LostRace)]);
        assert_eq!(race.room.agent(loser).missed, 0);
    }
}

/// The answer and the agent's own Not Ready: what came first stands, and the other waits for the end or finds nothing.
#[test]
fn an_answer_and_not_ready() {
    let mut race = Race::new();
    race.happens(AnswersAtPhone);
    race.happens(AgentNotReady);
    assert_eq!((race.room.status(1), race.room.view(1).pending.is_some()), (Status::Busy, true));
    let mut race = Race::new();
    race.happens(AgentNotReady);
    race.happens(AnswersAtPhone);
    assert_eq!((race.room.status(1), race.room.rings_at()), (Status::NotReady, vec![2]));
}
