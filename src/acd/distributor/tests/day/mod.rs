//! Seeded days: the distributor beside its plain model, event by event, with every invariant.

mod callers;
mod centre;
mod people;
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use self::centre::{AGENTS, QUEUES};
use super::{
    Room,
    model::{Agent, Doing, Model, Ms, Pending, Standing},
};
use crate::{
    acd::{self, *},
    base::{AgentId, CallId, Chance, DecisionId, EngagementId, InteractionId, Now, OfferId, QueueId},
};

/// How much of the two is compared after each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Every decision, every agent, every invariant.
    Everything,
    /// Every decision; the rest now and then.
    Decisions,
}

struct Day {
    room: Room,
    model: Model,
    chance: Chance,
    look: Look,
    /// Live offers of the real one, by interaction and agent.
    offers: BTreeMap<(u64, u64), OfferId>,
    engagements: BTreeMap<u64, EngagementId>,
    /// The last question about each call.
    decisions: BTreeMap<u64, DecisionId>,
    presented: u64,
    next_call: u64,
    start: Ms,
    /// Nobody is at these phones.
    deserted: BTreeSet<(u64, u64)>,
    looks: u64,
    hits: BTreeMap<Rule, u64>,
    restarts: u64,
    reloads: u64,
    repairs: u64,
    /// Offers that rang at a pinned device.
    pinned: u64,
    /// Calls about which somebody elsewhere was asked, in this turn and in all.
    asked: Vec<u64>,
    asked_all: u64,
    vetoes: u64,
    /// Queues that are not in the settings just now, as they were there.
    gone: BTreeMap<QueueId, QueueSettings>,
    /// The wall clock was set forward by so many milliseconds.
    set_by: i64,
    /// All that was told, where that is wanted.
    told: Option<Vec<Output>>,
}

/// What has to come about in a run of days besides every rule and strategy (AD-03, AW-10).
const SELDOM: [&str; 14] = [
    "a newcomer to a queue that goes",
    "a phone counted that was there already",
    "a queue came back that was going",
    "a queue went in which somebody waited",
    "a restart while somebody waited in a queue that goes",
    "a ring was open before its time",
    "a wrap-up after a call of his own",
    "accepted at a page, and the phone was gone",
    "answered from a queue that goes",
    "left a queue that goes for want of agents",
    "left because nobody was there who has the skill",
    "needs nobody special any more",
    "offline in a call of his own",
    "two wrap-ups at once",
];

/// What a day was like.
#[derive(Default)]
struct Tally {
    presented: u64,
    decisions: u64,
    contested: u64,
    looks: u64,
    restarts: u64,
    reloads: u64,
    repairs: u64,
    pinned: u64,
    asked: u64,
    vetoes: u64,
    rules: BTreeMap<Rule, u64>,
    strategies: BTreeMap<Strategy, u64>,
    outcomes: BTreeMap<&'static str, u64>,
    seen: BTreeMap<&'static str, u64>,
}

impl Day {
    fn new(seed: u64, look: Look) -> Self {
        Self::slow(seed, look, 0)
    }

    /// The wall clock is slow by so many milliseconds as it begins, and is set at once.
    fn slow(seed: u64, look: Look, by_ms: i64) -> Self {
        let settings = centre::settings();
        let faults = settings.check();
        assert!(faults.is_empty(), "{faults:?}");
        let mut room = Room::closed(settings.clone());
        let right = room.now.wall;
        room.now.wall.0 -= by_ms;
        room.acd.settings(room.now, settings.clone());
        room.now.wall = right;
        assert_eq!(room.acd.handle_wall(room.now).unwrap_or(0), by_ms);
        let mut model = Model::begin(&settings);
        let start = room.now.mono.as_micros() / 1000;
        model.steady = start as i64;
        let mut day = Self {
            room,
            model,
            chance: Chance::from_number(seed),
            look,
            offers: BTreeMap::new(),
            engagements: BTreeMap::new(),
            decisions: BTreeMap::new(),
            presented: 0,
            next_call: 1,
            start,
            deserted: BTreeSet::new(),
            looks: 0,
            hits: BTreeMap::new(),
            restarts: 0,
            reloads: 0,
            repairs: 0,
            pinned: 0,
            asked: Vec::new(),
            asked_all: 0,
            vetoes: 0,
            gone: BTreeMap::new(),
            set_by: 0,
            told: None,
        };
        (1..=AGENTS).for_each(|agent| day.device(agent, true));
        day
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.below(bound)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = self.below(all.len() as u64) as usize;
        all.get(at).copied()
    }

    /// The same event for both; then they must have asked the same agents.
    fn both(&mut self, real: impl FnOnce(&mut Acd, Now), plain: impl FnOnce(&mut Model)) {
        real(&mut self.room.acd, self.room.now);
        let made = self.read();
        self.model.made.clear();
        self.model.asked.clear();
        self.draw(&made);
        plain(&mut self.model);
        self.model.pass();
        self.compare(&made);
    }

    fn draw(&mut self, made: &[(u64, u64)]) {
        self.model.drawn.clear();
        for (call, agent) in made {
            self.model.drawn.entry(*call).or_default().push_back(*agent);
        }
    }

    /// Reads the real one's outputs; the offers it made, in their order. I7: only these rules make anybody Ready.
    fn read(&mut self) -> Vec<(u64, u64)> {
        let mut made = Vec::new();
        self.asked.clear();
        while let Some(output) = self.room.acd.poll_output() {
            if let Some(told) = &mut self.told {
                told.push(output.clone());
            }
            if let Output::Offer(offer) = &output {
                made.push((offer.interaction.0, offer.agent.0));
                self.pinned += u64::from(offer.device.is_pinned());
                self.offers.insert((offer.interaction.0, offer.agent.0), offer.offer);
            }
            if let Output::Decide(dilemma) = &output {
                self.asked.push(dilemma.interaction.0);
                self.decisions.insert(dilemma.interaction.0, dilemma.decision);
            }
            if let Output::Agent(AgentEvent { rule, old, new, .. }) = &output
                && (old.status, new.status) == (Status::NotReady, Status::Ready)
            {
                assert!(["1", "5", "6", "7", "31", "33"].contains(&rule.number()), "I7: rule {rule} made Ready");
            }
        }
        made
    }

    fn compare(&mut self, made: &[(u64, u64)]) {
        self.looks += 1;
        assert_eq!(made, self.model.made, "at {} ms: {:#?}", self.model.now, self.scene(made));
        assert_eq!(self.asked, self.model.asked, "asked about at {} ms", self.model.now);
        self.asked_all += self.asked.len() as u64;
        if self.look == Look::Everything || self.looks.is_multiple_of(16) {
            let violations = self.room.acd.check_invariants();
            assert!(violations.is_empty(), "{violations:#?}");
            self.model.agents.values().for_each(|agent| self.same_agent(agent));
            self.same_line();
        }
        for (call, agent) in made.iter().copied() {
            if self.below(15) == 0 {
                self.deserted.insert((call, agent));
            }
            if self.below(12) > 0 {
                let offer = self.offers[&(call, agent)];
                self.room.acd.handle_progress(self.room.now, offer);
                let rings = &mut self.model.calls.get_mut(&call).expect("a call").offers;
                rings.iter_mut().filter(|ring| ring.agent == agent).for_each(|ring| ring.dead = None);
            }
        }
    }

    /// The calls that the two disagree on, for whoever reads the failure.
    fn scene(&self, made: &[(u64, u64)]) -> Vec<String> {
        let calls: BTreeSet<u64> = made.iter().chain(&self.model.made).map(|(call, _)| *call).collect();
        let known = calls.iter().filter_map(|call| self.model.calls.get(call));
        known.map(|call| format!("{:?} {call:?}", self.model.queues[&call.queue].strategy)).collect()
    }

    /// All four layers are the same. With that a restart and a reload, which leave the plain one's selections and
    /// memberships alone, leave the real one's alone (I8).
    fn same_agent(&self, plain: &Agent) {
        let real = &self.room.acd.agents[&AgentId(plain.id)];
        let voice = real.on(Channel::Voice);
        let place = format!("agent {} at {} ms", plain.id, self.model.now);
        assert_eq!(self.room.status(plain.id), plain.status(), "{place}");
        let pending = voice.pending.as_ref().map(|pending| match pending {
            acd::Pending::NotReady { .. } => Pending::NotReady,
            acd::Pending::LogOff => Pending::LogOff,
        });
        let banned = real.held_back(Channel::Voice, &self.room.acd.policies).has(Factor::Banned);
        assert_eq!(
            (real.online, real.device, real.page, real.dnd, real.locked, real.missed, banned),
            (plain.online, plain.device, plain.page, plain.dnd, plain.locked, plain.missed, plain.is_banned()),
            "{place}"
        );
        assert_eq!((voice.selection.is_ready(), pending), (plain.ready, plain.pending), "{place}");
        let places = real.members.iter().map(|(queue, member)| {
            let standing = match member.state {
                MemberState::Active => Standing::Active,
                MemberState::Paused { .. } => Standing::Paused,
                MemberState::LoggedOut => Standing::LoggedOut,
            };
            (queue.0, standing, member.leaving, member.assigned, member.tier, member.calls, member.device().clone())
        });
        let plainly = plain.places.iter();
        let plainly =
            plainly.map(|(q, it)| (*q, it.standing, it.leaving, it.assigned, it.tier, it.calls, plain.rings_at(*q)));
        assert!(places.eq(plainly), "{place}: {:?} is not {:?}", real.members, plain.places);
    }

    /// I5 of one queue, I6 of all.
    fn same_line(&self) {
        let queue = self.looks % QUEUES + 1;
        for (call, position) in self.model.line_of(queue).into_iter().zip(1..) {
            assert_eq!(self.room.acd.position(InteractionId(call)), Some(position), "I5 in queue {queue}");
        }
        let waiting = self.model.calls.values().filter(|call| call.talking.is_none()).count() as u64;
        let ended: u64 = self.model.outcomes.values().sum();
        assert_eq!((self.room.acd.waiting.len() as u64, waiting + ended), (waiting, self.presented), "I6");
    }

    /// Moves both clocks, stopping at whatever is due in either.
    fn pass(&mut self, ms: Ms) {
        let target = self.model.now + ms;
        loop {
            let real = self.room.acd.poll_timeout().map(|at| (at.as_micros() / 1000).wrapping_sub(self.start));
            let due = [real, self.model.next()].into_iter().flatten().min().filter(|at| *at <= target);
            let to = due.unwrap_or(target).max(self.model.now);
            let step = to - self.model.now;
            self.room.now.mono += std::time::Duration::from_millis(step);
            self.room.now.wall = self.room.now.wall + std::time::Duration::from_millis(step);
            self.room.acd.handle_timeout(self.room.now);
            let made = self.read();
            self.draw(&made);
            self.model.advance(to);
            self.compare(&made);
            if due.is_none() {
                break;
            }
        }
    }

    /// `kill -9` and up again: of the talks, through queues or not, about half go on.
    fn restart(&mut self) {
        self.restarts += 1;
        self.count_hits();
        let talking = self.calls_where(|call| call.talking.is_some());
        let waiting = self.calls_where(|call| call.talking.is_none());
        let live: Vec<u64> = talking.into_iter().filter(|_| self.chance.below(2) == 0).collect();
        let known: Vec<_> = live.iter().chain(&waiting).copied().map(InteractionId).collect();
        let direct = self.model.agents.values().flat_map(|agent| &agent.direct);
        let direct: Vec<u64> = direct.filter(|it| it.doing == Doing::Talks).map(|it| it.call).collect();
        let direct: Vec<u64> = direct.into_iter().filter(|_| self.chance.below(2) == 0).collect();
        let agents = self.model.agents.values();
        let whose = |call: &u64| agents.clone().find(|agent| agent.direct.iter().any(|it| it.call == *call));
        let his =
            direct.iter().filter_map(|call| Some((AgentId(whose(call)?.id), CallId(*call), DirectKind::Internal)));
        let known: BTreeSet<_> = known.into_iter().collect();
        let alive = Alive { waiting: known.clone(), talking: known, direct: his.collect() };
        self.room.restart_with(0, &alive, true);
        self.start = (self.room.now.mono.as_micros() / 1000).wrapping_sub(self.model.now);
        self.model.steady = self.start as i64;
        self.offers.clear();
        self.model.made.clear();
        self.model.asked.clear();
        self.read();
        self.model.restart(&live, &direct);
        self.model.pass();
        self.compare(&[]);
    }

    fn count_hits(&mut self) {
        for (rule, hits) in self.room.acd.rule_hits() {
            *self.hits.entry(rule).or_default() += hits;
        }
    }

    fn step(&mut self) {
        let load = self.calls_where(|call| call.connecting.is_none()).len() as u64;
        match self.below(20) {
            0..=4 if load < 25 => self.call(),
            5..=8 => self.phone(),
            9 if self.below(2) == 0 => self.program(),
            9..=13 => self.bridge(),
            14..=16 => self.end(),
            17 if self.below(6) == 0 => self.hang_up(),
            17 if self.below(2) == 0 => self.devices(),
            18 => self.person(),
            19 => self.rarely(),
            _ => {
                let ms = self.below(400) + 1;
                self.pass(ms);
            }
        }
    }

    fn rarely(&mut self) {
        match self.below(200) {
            0 => self.restart(),
            1 => self.accident(),
            2..=4 => self.administrator(),
            5..=24 => self.supervisor(),
            25..=44 => self.queues_come_and_go(),
            45..=49 => self.all_leave(),
            50 => self.clock_is_set(),
            _ => self.person(),
        }
    }

    /// Somebody sets the wall clock, there and back: midnight comes sooner or later, and nothing else changes.
    fn clock_is_set(&mut self) {
        let by_ms = if self.set_by == 0 { 900_000 } else { -self.set_by };
        if self.model.midnight <= self.model.now + 900_000 {
            return;
        }
        self.set_by += by_ms;
        self.room.now.wall.0 += by_ms;
        self.both(
            |acd, now| assert_eq!(acd.handle_wall(now), Some(by_ms)),
            |model| {
                model.midnight = model.midnight.saturating_add_signed(-by_ms);
            },
        );
    }

    /// The day, until so many interactions have come.
    fn play(mut self, interactions: u64) -> Tally {
        while self.presented < interactions {
            self.step();
        }
        self.count_hits();
        Tally {
            pinned: self.pinned,
            asked: self.asked_all,
            vetoes: self.vetoes,
            presented: self.presented,
            decisions: self.model.decisions,
            contested: self.model.contested,
            looks: self.looks,
            restarts: self.restarts,
            reloads: self.reloads,
            repairs: self.repairs,
            rules: self.hits,
            strategies: self.model.chosen,
            outcomes: self.model.outcomes,
            seen: self.model.seen,
        }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.presented += other.presented;
        self.decisions += other.decisions;
        self.contested += other.contested;
        self.looks += other.looks;
        self.restarts += other.restarts;
        self.reloads += other.reloads;
        self.repairs += other.repairs;
        self.pinned += other.pinned;
        self.asked += other.asked;
        self.vetoes += other.vetoes;
        other.rules.iter().for_each(|(rule, hits)| *self.rules.entry(*rule).or_default() += hits);
        other.strategies.iter().for_each(|(it, hits)| *self.strategies.entry(*it).or_default() += hits);
        other.outcomes.iter().for_each(|(it, hits)| *self.outcomes.entry(it).or_default() += hits);
        other.seen.iter().for_each(|(it, hits)| *self.seen.entry(it).or_default() += hits);
    }

    fn report(&self) -> String {
        let mut text = format!(
            "{} interactions, {} decisions of which {} contested, compared {} times; {} restarts, {} reloads, \
             {} repairs, {} offers at a pinned device, {} asked about elsewhere, {} vetoes\n",
            self.presented,
            self.decisions,
            self.contested,
            self.looks,
            self.restarts,
            self.reloads,
            self.repairs,
            self.pinned,
            self.asked,
            self.vetoes
        );
        for (rule, hits) in &self.rules {
            let _ = write!(text, "rule {rule}: {hits}  ");
        }
        let _ = write!(text, "\n{:?}\n{:?}\n{:?}", self.strategies, self.outcomes, self.seen);
        text
    }

    /// A day proves nothing of a rule or a strategy that it never met, nor of decisions that had no alternative.
    fn check(&self) {
        assert!(self.contested * 10 >= self.decisions, "too few decisions were contested");
        assert!(self.pinned > 0, "no offer rang at a pinned device");
        assert!(self.asked > 0 && self.vetoes > 0, "nobody elsewhere was asked, or said no");
        for what in SELDOM {
            assert!(self.seen.get(what).is_some_and(|hits| *hits > 0), "never seen: {what}");
        }
        for rule in Rule::ALL {
            assert!(self.rules.get(rule).is_some_and(|hits| *hits > 0), "rule {rule} was never hit");
        }
        for strategy in Strategy::ALL {
            assert!(self.strategies.contains_key(&strategy), "{strategy:?} was never used");
        }
    }
}
