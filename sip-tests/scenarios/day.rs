//! Long days: many agents, hundreds of calls, a bad network, phones that die, a switch that is killed, people who change
//! their minds. Nothing may be left at the end, and every rule of an agent's life must have been lived.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use strowger::{
    acd::{AgentSnapshot, BanTime, Channel, Extend, Extension, NotReadyMode, Rule, Selection, Status, Strategy},
    base::{Chance, QueueId, UserId},
    engine::{Actor, Request},
};

use super::SUPPORT_NUMBER;
use crate::sim::{Abilities, Agent, Call, Habit, Link, Phone, SUPPORT, World, millis, secs};

const AGENTS: usize = 24;
const CALLS: usize = 500;

/// An invariant that had to be mended: this one must not be lived.
const NEVER: Rule = Rule::Repair;

struct Day {
    world: World,
    chance: Chance,
    agents: Vec<Agent>,
    users: Vec<Phone>,
    calls: Vec<(Call, Duration)>,
    dead: Vec<usize>,
    lived: BTreeMap<Rule, u64>,
}

impl Day {
    fn new(seed: u64) -> Self {
        let world = World::seed(seed).over_a_day();
        let mut chance = world.chance();
        world.centre_has(|centre| {
            let acd = &mut centre.acd;
            acd.policies.not_ready_mode =
                if chance.below(2) == 0 { NotReadyMode::Pending } else { NotReadyMode::Immediate };
            acd.policies.session_grace_secs = 10;
            acd.policies.dial_offline = true;
            // Whoever stays away so long is signed off (rule 36).
            for reason in &mut acd.reasons {
                (reason.max_secs, reason.max_logs_out) = (20, true);
            }
        });
        world.queue_has(|queue| {
            queue.strategy =
                [Strategy::LongestIdle, Strategy::RoundRobin, Strategy::RingAll, Strategy::Linear][seed as usize % 4];
            queue.ring_secs = 8;
            queue.ban_secs = BanTime::Secs(5);
            queue.busy_secs = 4;
            queue.acw_secs = 6;
            queue.acw_extend = Extend::by(10, 2);
            queue.missed_max = 2;
        });
        let agents: Vec<_> = (0..AGENTS).map(|number| world.agent(&format!("a{number:02}"))).collect();
        let users: Vec<_> = (0..4).map(|number| world.phone(&format!("u{number}"))).collect();
        users.iter().for_each(Phone::registers);
        agents.iter().for_each(|agent| agent.registers());
        world.run_for(secs(3));
        world.set_link(Link { loss: 0.03, duplicates: 0.02, reordered: 0.03, delay: millis(4), jitter: millis(10) });
        Self { world, chance, agents, users, calls: Vec::new(), dead: Vec::new(), lived: BTreeMap::new() }
    }

    fn any(&mut self) -> Agent {
        let which = self.chance.below(AGENTS as u64) as usize;
        self.agents[which].clone()
    }

    fn habit(&mut self) -> Habit {
        let after = millis(500 + self.chance.below(4_000));
        let talk = millis(1_000 + self.chance.below(20_000));
        match self.chance.below(20) {
            0 => Habit::Rings,
            1 => Habit::Refuses(486),
            2 => Habit::RingsThenRefuses(after, 486),
            3 => Habit::RingsThenRefuses(after, 603),
            4 => Habit::Refuses(480),
            5 => Habit::AnswersAtOnce,
            6..=9 => Habit::AnswersThenLeaves(after, talk),
            _ => Habit::Answers(after),
        }
    }

    /// One thing that happens in the life of a centre.
    fn step(&mut self) {
        let agent = self.any();
        let habit = self.habit();
        agent.does(habit);
        match self.chance.below(75) {
            72..=74 => self.somebody_accepts_at_his_page(),
            66 | 67 => self.somebody_wraps_up(),
            68 | 69 => self.an_agent_calls_the_queue(&agent),
            70 => self.a_queue_comes_or_goes(),
            71 => self.a_phone_without_codecs(&agent),
            60 | 61 => self.the_settings_change(),
            62 => self.a_phone_without_codecs(&agent),
            63 => self.a_phone_leaves_while_it_rings(),
            64 | 65 => self.a_second_call(),
            0 => self.somebody_dies(),
            1 | 2 => self.the_dead_come_back(),
            3..=14 => self.somebody_chooses(&agent),
            15..=17 => self.a_supervisor_meddles(&agent),
            18 | 19 => self.a_direct_call(&agent),
            20 | 21 => self.an_agent_dials(&agent),
            22..=24 => self.a_page_comes_or_goes(&agent),
            25 | 26 => self.a_call_is_held(&agent),
            _ => self.a_caller(),
        }
        let wait = millis(self.chance.below(900));
        self.world.run_for(wait);
        self.callers_leave();
    }

    fn a_caller(&mut self) {
        let patience = secs(3 + self.chance.below(60));
        let call = self.world.carrier().calls(SUPPORT_NUMBER);
        self.calls.push((call, patience));
    }

    fn callers_leave(&mut self) {
        let clock = self.world.clock();
        self.calls.retain(|(call, patience)| {
            let is_done = clock.since(call.with(|call| call.began)) > *patience;
            if is_done {
                call.hangs_up();
            }
            !is_done && !call.is_over()
        });
    }

    fn somebody_dies(&mut self) {
        if self.dead.len() < 4 {
            let which = self.chance.below(AGENTS as u64) as usize;
            self.agents[which].dies();
            self.dead.push(which);
        }
    }

    fn the_dead_come_back(&mut self) {
        for which in self.dead.drain(..) {
            self.agents[which].revives();
            self.agents[which].registers();
        }
    }

    fn somebody_chooses(&mut self, agent: &Agent) {
        let id = agent.id;
        let select = |selection| Request::Select { agent: id, channel: Channel::Voice, selection };
        let request = match self.chance.below(11) {
            0..=3 => select(Selection::Ready),
            4 => select(Selection::not_ready(["lunch", "paperwork"][self.chance.below(2) as usize])),
            5 => Request::Dnd { agent: id, on: true },
            6 => Request::Dnd { agent: id, on: false },
            7 => Request::FinishWrapUp { agent: id, engagement: None },
            8 => Request::ExtendWrapUp { agent: id, engagement: None, by: Extension::Step },
            9 => Request::Pause { agent: id, queue: None, reason: None },
            _ => Request::Resume { agent: id, queue: None },
        };
        // Refusals are part of the day; a broken invariant is not.
        let _ = self.world.asks(Actor::Agent(id), request);
    }

    fn a_supervisor_meddles(&mut self, agent: &Agent) {
        let id = agent.id;
        let select = |selection| Request::Select { agent: id, channel: Channel::Voice, selection };
        let actor = Actor::Supervisor(UserId(99));
        let (actor, request) = match self.chance.below(9) {
            6 => (actor, Request::LogOut { agent: id, queue: None, now: self.chance.below(2) == 0 }),
            7 => (Actor::Admin(UserId(98)), Request::ForceOffline { agent: id }),
            8 => (actor, Request::LogIn { agent: id, queues: vec![SUPPORT] }),
            0 => (actor, select(Selection::Ready)),
            1 => (actor, select(Selection::not_ready("meeting"))),
            2 => (actor, Request::FinishWrapUp { agent: id, engagement: None }),
            _ => (actor, select(Selection::Ready)),
        };
        let _ = self.world.asks(actor, request);
    }

    fn a_direct_call(&mut self, agent: &Agent) {
        let user = self.users[self.chance.below(4) as usize].clone();
        let name = agent.name();
        let patience = secs(2 + self.chance.below(15));
        self.calls.push((user.calls(&name), patience));
    }

    fn an_agent_dials(&mut self, agent: &Agent) {
        let carrier = self.world.carrier();
        let habit = self.habit();
        carrier.does(habit);
        let patience = secs(2 + self.chance.below(15));
        self.calls.push((agent.calls("9+351911111111"), patience));
    }

    fn a_page_comes_or_goes(&mut self, agent: &Agent) {
        let open = self.chance.below(2) == 0;
        self.world.session(agent.id, open);
        let request = if open { Request::SignIn { agent: agent.id } } else { Request::SignOut { agent: agent.id } };
        if self.chance.below(2) == 0 {
            let _ = self.world.asks(Actor::Agent(agent.id), request);
        }
    }

    /// A reason goes and comes; those who chose it are told.
    fn the_settings_change(&mut self) {
        let gone = self.chance.below(2) == 0;
        self.world.centre_has(|centre| {
            let reasons = &mut centre.acd.reasons;
            if gone && reasons.len() > 2 {
                reasons.pop();
            } else if let Some(mut paperwork) = reasons.last().cloned() {
                paperwork.key = "paperwork".into();
                reasons.retain(|reason| reason.key != paperwork.key);
                reasons.push(paperwork);
            }
        });
    }

    /// Its answer is of no use: the winner is lost before he is bridged.
    fn a_phone_without_codecs(&mut self, agent: &Agent) {
        let mute = Abilities { codecs: Vec::new(), event: None, lines: "" };
        let spoilt = self.chance.below(3) != 0;
        agent.can(if spoilt { mute } else { Abilities::default() });
        agent.answers_after(secs(1));
        if spoilt {
            self.a_caller();
            self.world.run_for(secs(3));
            agent.can(Abilities::default());
        }
    }

    fn a_phone_leaves_while_it_rings(&mut self) {
        if let Some(agent) = self.agents.iter().find(|agent| agent.is_ringing()) {
            agent.unregisters();
            self.world.run_for(secs(1));
            agent.registers();
        }
    }

    /// What people do with a wrap-up: finish it, make it longer, end it for another.
    fn somebody_wraps_up(&mut self) {
        let snapshot = self.world.snapshot();
        let wraps_up = |agent: &&AgentSnapshot| agent.status == Status::WrapUp;
        let Some(agent) = snapshot.acd.agents.iter().find(wraps_up).map(|agent| agent.agent) else { return };
        let finish = Request::FinishWrapUp { agent, engagement: None };
        let _ = match self.chance.below(3) {
            0 => self.world.asks(Actor::Supervisor(UserId(99)), finish),
            1 => self.world.asks(Actor::Agent(agent), finish),
            _ => {
                let extend = Request::ExtendWrapUp { agent, engagement: None, by: Extension::Step };
                self.world.asks(Actor::Agent(agent), extend)
            }
        };
    }

    /// While his phone rings, which may refuse all the same.
    fn somebody_accepts_at_his_page(&mut self) {
        let snapshot = self.world.snapshot();
        let rung = snapshot.acd.agents.iter().find(|agent| !agent.offers.is_empty());
        if let Some((agent, offer)) = rung.map(|agent| (agent.agent, agent.offers[0].offer)) {
            let request = if self.chance.below(4) == 0 {
                Request::Decline { agent, offer }
            } else {
                Request::Accept { agent, offer }
            };
            let _ = self.world.asks(Actor::Agent(agent), request);
        }
    }

    /// As a caller like any other.
    fn an_agent_calls_the_queue(&mut self, agent: &Agent) {
        let patience = secs(2 + self.chance.below(15));
        self.calls.push((agent.calls("800"), patience));
    }

    fn a_queue_comes_or_goes(&mut self) {
        const EXTRA: QueueId = QueueId(7);
        self.world.centre_has(|centre| {
            if centre.acd.queues.remove(&EXTRA).is_none() {
                let mut extra = centre.acd.queues[&SUPPORT].clone();
                extra.key = "extra".into();
                centre.acd.queues.insert(EXTRA, extra);
            }
        });
    }

    /// An agent in a call dials another.
    fn a_second_call(&mut self) {
        let busy = self.agents.iter().find(|agent| agent.all_calls().iter().any(Call::is_up)).cloned();
        if let Some(agent) = busy {
            self.an_agent_dials(&agent);
        }
    }

    fn a_call_is_held(&mut self, agent: &Agent) {
        if let Some(call) = agent.all_calls().pop()
            && call.is_up()
        {
            call.holds(crate::sim::HoldForm::ALL[self.chance.below(3) as usize]);
            self.world.run_for(secs(1));
            call.resumes();
        }
    }

    fn dies_and_starts(&mut self) {
        if self.chance.below(2) == 0 {
            self.world.compacts();
        }
        self.world.crashes();
        let wait = millis(self.chance.below(4_000));
        self.world.run_for(wait);
        self.world.starts();
        self.world.run_for(secs(1));
    }

    /// Everybody goes home; nothing is left.
    fn ends(mut self) -> BTreeMap<Rule, u64> {
        self.world.set_link(Link::default());
        self.the_dead_come_back();
        for phone in self.agents.iter().map(|agent| &**agent).chain(&self.users).chain([&self.world.carrier()]) {
            phone.all_calls().iter().for_each(Call::hangs_up);
        }
        self.world.run_for(secs(90));
        for phone in self.agents.iter().map(|agent| &**agent).chain(&self.users).chain([&self.world.carrier()]) {
            phone.all_calls().iter().for_each(Call::hangs_up);
        }
        self.world.run_for(secs(60));
        self.world.settle();
        let begun = self.world.records().len();
        assert!(begun > CALLS / 2, "{begun} records");
        for (rule, count) in self.world.rules() {
            *self.lived.entry(rule).or_default() += count;
        }
        self.lived
    }
}

fn live(seed: u64) -> BTreeMap<Rule, u64> {
    let mut day = Day::new(seed);
    let mut begun = 0;
    let mut steps = 0;
    while begun < CALLS {
        let before = day.calls.len();
        day.step();
        begun += usize::from(day.calls.len() > before);
        steps += 1;
        if steps % 400 == 399 {
            day.dies_and_starts();
        }
        if steps % 50 == 0 {
            day.world.judges();
        }
    }
    day.ends()
}

/// OP-02, QM-11: seeded days; every rule that is built is lived at least once in them.
#[test]
fn seeded_days_leave_nothing_behind() {
    let mut lived = BTreeMap::<Rule, u64>::new();
    for seed in 1..=3 {
        for (rule, count) in live(seed) {
            *lived.entry(rule).or_default() += count;
        }
    }
    let mut table = String::from("rule  times\n");
    for rule in Rule::ALL {
        let _ = writeln!(table, "{:>4}  {}", rule.number(), lived.get(rule).copied().unwrap_or_default());
    }
    println!("{table}");
    let times = |rule: &Rule| lived.get(rule).copied().unwrap_or_default();
    let never: Vec<_> = Rule::ALL.iter().filter(|rule| **rule != NEVER && times(rule) == 0).collect();
    assert!(never.is_empty(), "never lived: {never:?}");
    assert_eq!(times(&NEVER), 0);
}
