//! A day on which the process dies a thousand times, at drawn moments, with its journal torn anywhere.

mod kept;

use strowger::{
    acd::{BanTime, Extend, Extension, Force, MemberSettings, QueueSettings, Reason, Selection, Status},
    base::{AgentId, Chance, QueueId, UserId},
    engine::{Actor, CallStage, Request},
    switch::{Destination, Pattern, Route, Side},
};

use self::kept::{Before, Kept, compare, count};
use super::SUPPORT_NUMBER;
use crate::sim::{Agent, Call, HoldForm, SUPPORT, World, millis, secs};

const CRASHES: u32 = 1_000;

/// The journal is replaced by a checkpoint once in so many lives.
const COMPACT_EVERY: u32 = 10;

/// A queue that comes into the settings and goes from them. Two agents belong to it, others for the time being.
const SALES: QueueId = QueueId(9);
const SALES_NUMBER: &str = "+351210000002";

const BOSS: Actor = Actor::Supervisor(UserId(900));

/// Who works there, what each chose last by himself, and who calls.
struct Day {
    world: World,
    chance: Chance,
    agents: Vec<(Agent, Option<Selection>)>,
    calls: Vec<Call>,
    /// Calls past the queues.
    direct: Vec<Call>,
    has_sales: bool,
}

impl Day {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let world = World::seed(seed).over_a_day();
        // What a recording brings back is another test's affair.
        world.keeps_octets(0);
        world.queue_has(|queue| {
            (queue.acw_secs, queue.reject_secs) = (4, BanTime::Secs(15));
            queue.acw_extend = Extend::by(3, 2);
        });
        world.centre_has(|centre| centre.acd.policies.direct_acw_secs = 3);
        let names = ["ana", "bia", "eva", "rui", "gil"];
        let agents: Vec<_> = names.into_iter().map(|name| (world.agent(name).ready(), None)).collect();
        agents.iter().for_each(|(agent, _): &(Agent, _)| agent.answers_after(millis(300)));
        let chance = world.chance();
        let mut day = Self { world, chance, agents, calls: Vec::new(), direct: Vec::new(), has_sales: false };
        day.sales_come_or_go();
        day
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.below(bound as u64)).unwrap()
    }

    fn sales_come_or_go(&mut self) {
        self.has_sales = !self.has_sales;
        let there = self.has_sales;
        self.world.centre_has(|centre| {
            let leads_there = Destination::Queue(SALES);
            centre.routes.retain(|route| route.destination != leads_there);
            centre.acd.queues.remove(&SALES);
            if there {
                let members = ["ana", "gil"].map(MemberSettings::new).into();
                let sales = QueueSettings { key: "sales".into(), members, acw_secs: 2, ..QueueSettings::default() };
                centre.acd.queues.insert(SALES, sales);
                let pattern = Pattern::new(SALES_NUMBER).unwrap();
                centre.routes.push(Route { from: Side::Trunks, ..Route::new(pattern, leads_there) });
            }
        });
    }

    /// One thing that somebody does.
    fn goes_on(&mut self) {
        self.calls.retain(|call| !call.is_over());
        self.direct.retain(|call| !call.is_over());
        let (at, other) = (self.below(self.agents.len()), self.below(self.agents.len()));
        let who = self.agents[at].0.id;
        match self.below(16) {
            0..=2 if self.calls.len() < 7 => self.calls.push(self.world.carrier().calls(SUPPORT_NUMBER)),
            3 if self.calls.len() < 7 => self.calls.push(self.world.carrier().calls(SALES_NUMBER)),
            4 => self.calls.iter().take(1).for_each(Call::hangs_up),
            5 | 6 => self.chooses(at),
            7 => self.agents[at].0.all_calls().iter().filter(|call| call.is_up()).for_each(Call::hangs_up),
            8 => self.calls.iter().filter(|call| call.is_up()).take(1).for_each(|call| call.holds(HoldForm::SendOnly)),
            9 if at != other && self.direct.len() < 2 => {
                let name = self.agents[other].0.name();
                self.direct.push(self.agents[at].0.calls(&name));
            }
            10 => self.is_overridden(at),
            11 => self.sales_come_or_go(),
            _ => self.asks_for_something(who),
        }
    }

    fn selection(&mut self) -> Selection {
        let reason = ["lunch", "meeting"][self.below(2)];
        if self.below(3) > 0 { Selection::Ready } else { Selection::not_ready(reason) }
    }

    fn chooses(&mut self, at: usize) {
        let selection = self.selection();
        let (agent, chose) = &mut self.agents[at];
        if agent.selects(selection.clone()).is_ok() {
            *chose = Some(selection);
        }
    }

    /// A supervisor chooses for him, at times for good.
    fn is_overridden(&mut self, at: usize) {
        let (selection, locked) = (self.selection(), self.below(4) == 0);
        let how = Force { force: true, locked };
        let (agent, chose) = &mut self.agents[at];
        let request = Request::SetStatus { agent: agent.id, channel: None, selection: selection.clone(), how };
        if self.world.asks(BOSS, request).is_ok() {
            *chose = Some(selection);
        }
    }

    /// What people ask for and are told is done; what is refused changes nothing.
    fn asks_for_something(&mut self, agent: AgentId) {
        let reason = Reason::new(["lunch", "meeting", "paperwork"][self.below(3)]);
        let queue = [Some(SUPPORT), Some(SALES), None][self.below(3)];
        let snapshot = self.world.snapshot().acd;
        let waiting = snapshot.queues.iter().find_map(|queue| Some(queue.waiting.last()?.interaction));
        let offer = snapshot.agents.iter().find_map(|it| Some((it.agent, it.offers.first()?.offer)));
        let priority = i32::try_from(self.below(5)).unwrap();
        let request = match (self.below(17), waiting, offer) {
            (0, ..) => Request::Pause { agent, queue, reason: Some(reason) },
            (1..=3, ..) => Request::Resume { agent, queue },
            (4, ..) => Request::Dnd { agent, on: true },
            (5..=7, ..) => Request::Dnd { agent, on: false },
            (8 | 9, ..) => Request::LogIn { agent, queues: vec![SALES] },
            (10, ..) => Request::LogOut { agent, queue: Some(SALES), now: priority > 2 },
            (11, ..) => Request::ExtendWrapUp { agent, engagement: None, by: Extension::Step },
            (12 | 13, _, Some((agent, offer))) => {
                let _ = self.world.asks(Actor::Agent(agent), Request::Decline { agent, offer });
                return;
            }
            (_, Some(interaction), _) => Request::SetPriority { interaction, priority },
            (_, None, _) => return,
        };
        let _ = self.world.asks(Actor::Api, request);
    }

    /// Nobody is busy without a call, no call is without people, and what was chosen stands.
    fn holds_together(&self, crash: u32) {
        self.world.judges();
        let snapshot = self.world.snapshot();
        for (agent, chose) in &self.agents {
            let view = agent.view();
            if view.status == Status::Busy {
                let has_call = snapshot.calls.iter().any(|call| {
                    call.agent == Some(agent.id)
                        || call.legs.iter().any(|leg| leg.address.reveal().contains(&agent.name()))
                });
                assert!(has_call, "crash {crash}: {} is busy without a call: {:#?}", agent.name(), snapshot.calls);
            }
            if let Some(Selection::NotReady { reason }) = chose {
                let pending = kept::waits_for(&view, reason.as_ref());
                let chosen = view.selection.reason() == reason.as_ref();
                assert!(pending || chosen, "crash {crash}: {} chose {reason:?}: {view:#?}", agent.name());
            }
        }
        for call in &snapshot.calls {
            assert!(!call.legs.is_empty(), "crash {crash}: nobody is in {call:#?}");
        }
        for it in snapshot.acd.queues.iter().flat_map(|queue| &queue.waiting) {
            let owner = snapshot.calls.iter().any(|call| call.interaction == Some(it.interaction));
            assert!(owner, "crash {crash}: {} waits without a call", it.interaction);
        }
    }

    fn talks(&self) -> usize {
        self.world.snapshot().calls.iter().filter(|call| call.stage == CallStage::Talking).count()
    }
}

/// OP-01, OP-02, P10, AD-03: whenever the process dies, what was acknowledged is kept: choices and what waits for
/// the end of a call, pauses, memberships for the time being, locks, timers, places in line, those of queues that go too; nobody
/// is busy without a call, and no call is left without its people. At the end of the day all have gone home.
#[test]
fn a_thousand_crashes_leave_nothing_behind() {
    let (mut day, mut kept, mut gone_on) = (Day::new(9_000), Kept::new(), 0);
    for crash in 0..CRASHES {
        day.goes_on();
        let pause = day.chance.below(700);
        day.world.run_for(millis(pause));
        if crash % COMPACT_EVERY == 0 {
            day.world.compacts();
        }
        let (before, talked) = (Before::new(&day.world), day.talks());
        day.world.crashes_torn();
        let away = day.chance.below(200);
        day.world.run_for(millis(away));
        day.world.starts();
        day.world.run_for(millis(5));
        day.holds_together(crash);
        compare(crash, &before, &day.world.snapshot().acd, &mut kept);
        let talk = day.talks();
        gone_on += u32::try_from(talk.min(talked)).unwrap();
        count(&mut kept, "calls past the queues", !day.direct.is_empty() && talk > 0);
    }
    println!("{CRASHES} crashes, {gone_on} times two people talked on; kept: {kept:?}");
    let never: Vec<_> = kept.iter().filter(|(what, times)| **times < 10 && **what != "others").collect();
    assert!(never.is_empty(), "hardly ever compared: {never:?}");
    assert!(gone_on > CRASHES / 4, "calls go on: {gone_on}");
    day.calls.iter().chain(&day.direct).for_each(Call::hangs_up);
    day.world.run_for(secs(120));
    day.holds_together(CRASHES);
    let left = day.world.snapshot().counts;
    assert_eq!(left.invariants_broken, 0, "{left:?}");
}
