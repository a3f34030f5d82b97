//! The day itself: the distributor of the switch, a clock that jumps from event to event, and people drawn by chance.

mod duty;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use self::duty::Duty;
use super::scenario::{CallStream, Length, Scenario};
use crate::{
    acd::{
        Acd, Actor, Enqueue, NeededSkill, Offer, OfferFault, Outcome, Output, PartEnd, Status, Tally, Undecided,
        Verdict,
    },
    base::{AgentId, Chance, EngagementId, Instant, InteractionId, Now, OfferId, Private, QueueId, Wall},
};

/// One queue in one interval, by the arrival of its calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    pub tally: Tally,
    /// Waits of all who came, answered or not.
    pub wait_ms: u64,
    /// Left in another way than by an answer or by giving up: refused, expired, overflowed.
    pub lost: u64,
    /// Of the agents who work for it: in interactions, and free for them.
    pub busy_ms: u64,
    pub free_ms: u64,
}

impl Played {
    /// Another day of the same scenario.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        for (cell, more) in self.cells.iter_mut().flatten().zip(other.cells.iter().flatten()) {
            *cell = cell.plus(more);
        }
    }
}

impl Cell {
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            tally: self.tally.plus(&other.tally),
            wait_ms: self.wait_ms + other.wait_ms,
            lost: self.lost + other.lost,
            busy_ms: self.busy_ms + other.busy_ms,
            free_ms: self.free_ms + other.free_ms,
        }
    }

    fn left(&mut self, outcome: &Outcome, wait_ms: u64, in_target: u64, short: u64) {
        self.wait_ms += wait_ms;
        self.tally.offered += 1;
        match outcome {
            Outcome::Answered => {
                self.tally.answered += 1;
                self.tally.answered_in_target += in_target;
                self.tally.answered_wait_ms += wait_ms;
            }
            Outcome::Abandoned | Outcome::AbandonedShort | Outcome::AbandonedRinging => {
                self.tally.abandoned += 1;
                self.tally.abandoned_in_target += in_target;
                self.tally.abandoned_short += short;
            }
            Outcome::Expired
            | Outcome::NoAgents
            | Outcome::Full
            | Outcome::EwtExceeded
            | Outcome::Closed
            | Outcome::ExitKey(_)
            | Outcome::CallbackRequested
            | Outcome::Voicemail
            | Outcome::Overflowed(_)
            | Outcome::TransferredInWait
            | Outcome::Withdrawn(_)
            | Outcome::SystemError
            | Outcome::Shutdown => self.lost += 1,
        }
    }
}

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Played {
    /// By queue, in the order of the scenario; then by interval.
    pub cells: Vec<Vec<Cell>>,
    pub calls: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A shift or a break begins or ends: before anything else that happens in that moment.
    Duty(AgentId),
    HangsUp(EngagementId),
    WrapsUpEnough(EngagementId),
    Answers(OfferId),
    GivesUp(InteractionId),
    Calls(usize),
    Interval,
}

struct Person {
    answer: Length,
    queues: Vec<usize>,
    /// His group in the scenario, which has his shifts and breaks.
    group: usize,
    duty: Duty,
    /// Milliseconds so far, busy and free, as of the last interval.
    before: (u64, u64),
}

struct Caller {
    stream: usize,
    queue: usize,
    interval: usize,
}

/// The day being played.
pub struct Play<'a> {
    scenario: &'a Scenario,
    acd: Acd,
    now: Now,
    begins: Instant,
    ends: Instant,
    events: BinaryHeap<Reverse<(Instant, Event)>>,
    /// Each kind of chance has its own generator, so that another staff meets the same callers.
    arrivals: Vec<Chance>,
    people: Chance,
    persons: BTreeMap<AgentId, Person>,
    callers: BTreeMap<InteractionId, Caller>,
    engaged: BTreeMap<EngagementId, (AgentId, usize)>,
    next: u64,
    played: Played,
}

impl<'a> Play<'a> {
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let minutes = |time: u16| Duration::from_secs(u64::from(time) * 60);
        let midnight = Instant::from_micros(1_000_000);
        let (begins, ends) = (midnight + minutes(scenario.from.minutes()), midnight + minutes(scenario.to.minutes()));
        let mut chance = Chance::from_number(seed);
        let mut acd = Acd::new(chance.fork()).without_journal();
        let now = Now { mono: begins, wall: Wall(0) + begins.since(midnight) };
        acd.settings(now, scenario.settings());
        let people = chance.fork();
        let arrivals = scenario.streams.iter().map(|_| chance.fork()).collect();
        let length = u64::from(scenario.interval_mins) * 60;
        let intervals = ends.since(begins).as_secs().div_ceil(length).max(1);
        let row = vec![Cell::default(); usize::try_from(intervals).unwrap_or(1)];
        let mut play = Self {
            scenario,
            acd,
            now,
            begins,
            ends,
            events: BinaryHeap::new(),
            arrivals,
            people,
            persons: BTreeMap::new(),
            callers: BTreeMap::new(),
            engaged: BTreeMap::new(),
            next: 1,
            played: Played { cells: vec![row; scenario.queues.len()], calls: 0 },
        };
        play.hire(midnight);
        for stream in 0..scenario.streams.len() {
            play.expect_call(stream, begins);
        }
        for interval in 1..=intervals {
            play.at(begins + Duration::from_secs(interval * length), Event::Interval);
        }
        play
    }

    fn hire(&mut self, midnight: Instant) {
        let mut id = 0;
        let clock = |time: crate::acd::ClockTime| midnight + Duration::from_secs(u64::from(time.minutes()) * 60);
        for (group, place) in self.scenario.groups.iter().zip(0..) {
            let number = |key: &str| self.scenario.queues.iter().position(|queue| queue.key == key);
            let queues: Vec<usize> = group.queues.iter().filter_map(|place| number(place.queue())).collect();
            for _ in 0..group.count {
                id += 1;
                let agent = AgentId(id);
                let (answer, queues) = (group.answer, queues.clone());
                let person = Person { answer, queues, group: place, duty: Duty::Off, before: (0, 0) };
                self.persons.insert(agent, person);
                self.at(self.begins, Event::Duty(agent));
                for span in group.shifts.iter().chain(&group.breaks) {
                    self.at(clock(span.from), Event::Duty(agent));
                    self.at(clock(span.to), Event::Duty(agent));
                }
            }
        }
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.events.push(Reverse((at, event)));
    }

    fn after(&mut self, secs: f64, event: Event) {
        self.at(self.now.mono + Duration::from_secs_f64(secs.clamp(0.0, 1e7)), event);
    }

    /// The next call of a stream after `from`: a Poisson process whose rate follows the curve.
    fn expect_call(&mut self, stream: usize, from: Instant) {
        let (Some(it), Some(chance)) = (self.scenario.streams.get(stream), self.arrivals.get_mut(stream)) else {
            return;
        };
        let mut at = from;
        while at < self.ends {
            let (rate, until) = rate_at(it, at.since(Instant::from_micros(1_000_000)));
            let until = until.map_or(self.ends, |until| Instant::from_micros(1_000_000) + until).min(self.ends);
            if rate > 0.0 {
                let gap = -(1.0 - chance.unit()).ln() / rate * 3_600.0;
                let next = at + Duration::from_secs_f64(gap.min(1e7));
                if next < until {
                    self.events.push(Reverse((next, Event::Calls(stream))));
                    return;
                }
            }
            at = until;
        }
    }

    /// Plays to the end of the next interval; `None` when the day is over. Tells how much of it is done, from 0 to 1.
    pub fn step(&mut self) -> Option<f64> {
        loop {
            let next = self.events.peek().map(|Reverse((at, _))| *at)?;
            let timer = self.acd.poll_timeout().unwrap_or(Instant::FAR);
            if timer <= next {
                self.move_to(timer);
                self.acd.handle_timeout(self.now);
                self.hear();
                continue;
            }
            let Reverse((at, event)) = self.events.pop()?;
            self.move_to(at);
            self.on(event);
            self.hear();
            if event == Event::Interval {
                let all = self.ends.since(self.begins).as_secs_f64();
                let done = self.now.mono.since(self.begins).as_secs_f64() / all;
                return (done < 1.0).then_some(done);
            }
        }
    }

    /// The whole day.
    pub fn finish(mut self) -> Played {
        while self.step().is_some() {}
        self.played
    }

    fn move_to(&mut self, at: Instant) {
        let at = at.max(self.now.mono);
        self.now = Now { wall: self.now.wall_of(at), mono: at };
    }

    fn on(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Duty(agent) => self.take_up(agent),
            Event::HangsUp(engagement) => {
                self.acd.handle_ended(now, engagement, PartEnd::Customer);
                self.wrap_up(engagement);
            }
            Event::WrapsUpEnough(engagement) => {
                if let Some((agent, _)) = self.engaged.get(&engagement).copied() {
                    let _ = self.acd.finish_wrap_up(now, agent, Some(engagement), Actor::Agent(agent));
                }
            }
            Event::Answers(offer) => {
                self.acd.handle_answered(now, offer);
            }
            Event::GivesUp(interaction) => self.acd.handle_customer_gone(now, interaction),
            Event::Calls(stream) => self.call(stream),
            Event::Interval => self.count_agents(),
        }
    }

    fn call(&mut self, stream: usize) {
        let now = self.now;
        self.expect_call(stream, now.mono);
        let Some(it) = self.scenario.streams.get(stream) else { return };
        let Some(queue) = self.scenario.queues.iter().position(|queue| queue.key == it.queue) else { return };
        let interaction = InteractionId(self.next);
        self.next += 1;
        self.played.calls += 1;
        let interval = self.interval(now.mono);
        self.callers.insert(interaction, Caller { stream, queue, interval });
        let number = self.acd_queue(queue);
        let enqueue = Enqueue {
            priority: it.priority,
            skills: it
                .skills
                .iter()
                .map(|(skill, level)| NeededSkill { skill: skill.clone(), level: *level })
                .collect(),
            ..Enqueue::inbound(interaction, number, Private::default())
        };
        if let Some(patience) = it.patience
            && let Some(chance) = self.arrivals.get_mut(stream)
        {
            let secs = patience.draw(chance);
            self.after(secs, Event::GivesUp(interaction));
        }
        if let Err(outcome) = self.acd.enqueue(now, enqueue) {
            self.leave(interaction, queue, &outcome, 0);
        }
    }

    fn acd_queue(&self, queue: usize) -> QueueId {
        QueueId(queue as u64 + 1)
    }

    fn interval(&self, at: Instant) -> usize {
        let length = u64::from(self.scenario.interval_mins) * 60;
        usize::try_from(at.since(self.begins).as_secs() / length).unwrap_or(0)
    }

    /// What happens after the last interval counts there.
    fn count(&mut self, queue: usize, interval: usize, count: impl FnOnce(&mut Cell)) {
        let Some(row) = self.played.cells.get_mut(queue) else { return };
        let last = row.len().saturating_sub(1);
        if let Some(cell) = row.get_mut(interval.min(last)) {
            count(cell);
        }
    }

    fn hear(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            match output {
                Output::Offer(offer) => self.ring(&offer),
                // There is nobody else in a scenario.
                Output::Decide(it) => {
                    let nothing = Verdict::Nothing(Undecided::Away);
                    self.acd.handle_decided(self.now, it.interaction, it.decision, nothing);
                }
                Output::Connect { interaction, engagement, agent, .. } => self.connect(interaction, engagement, agent),
                Output::Entered { interaction, queue, .. } => {
                    let queue = usize::try_from(queue.0 - 1).unwrap_or(0);
                    if let Some(caller) = self.callers.get_mut(&interaction) {
                        caller.queue = queue;
                    }
                }
                Output::Left { interaction, queue, outcome, wait_ms, .. } => {
                    self.leave(interaction, usize::try_from(queue.0 - 1).unwrap_or(0), &outcome, wait_ms);
                }
                Output::EngagementEnded(summary) => {
                    let interval = self.interval(self.now.mono);
                    self.engaged.remove(&summary.engagement);
                    if let Some(queue) = summary.queue {
                        self.count(usize::try_from(queue.0 - 1).unwrap_or(0), interval, |cell| {
                            cell.tally.handled += 1;
                            cell.tally.talk_ms += summary.talk_ms;
                            cell.tally.wrap_up_ms += summary.wrap_up_ms;
                        });
                    }
                }
                Output::Entry(_)
                | Output::Decided { .. }
                | Output::Nobody { .. }
                | Output::Work { .. }
                | Output::Announce { .. }
                | Output::Withdraw { .. }
                | Output::OfferEnded { .. }
                | Output::Span(_)
                | Output::Agent(_)
                | Output::Member(_)
                | Output::Queue(_)
                | Output::Notice(_) => {}
            }
        }
    }

    fn ring(&mut self, offer: &Offer) {
        let Some(person) = self.persons.get(&offer.agent) else {
            return self.acd.handle_failed(self.now, offer.offer, OfferFault::Unreachable);
        };
        let secs = person.answer.draw(&mut self.people);
        self.acd.handle_progress(self.now, offer.offer);
        self.after(secs, Event::Answers(offer.offer));
    }

    fn connect(&mut self, interaction: InteractionId, engagement: EngagementId, agent: AgentId) {
        let Some(caller) = self.callers.get(&interaction) else { return };
        let stream = caller.stream;
        self.engaged.insert(engagement, (agent, stream));
        self.acd.handle_connected(self.now, engagement);
        let talk = self.scenario.streams.get(stream).map_or(Length::None, |it| it.talk);
        let secs = talk.draw(&mut self.people);
        self.after(secs, Event::HangsUp(engagement));
    }

    fn wrap_up(&mut self, engagement: EngagementId) {
        let Some((_, stream)) = self.engaged.get(&engagement).copied() else { return };
        let length = self.scenario.streams.get(stream).map_or(Length::None, |it| it.wrap_up);
        // Without a length of its own the queue's limit ends it.
        if length != Length::None {
            let secs = length.draw(&mut self.people);
            self.after(secs, Event::WrapsUpEnough(engagement));
        }
    }

    fn leave(&mut self, interaction: InteractionId, queue: usize, outcome: &Outcome, wait_ms: u64) {
        let Some(rules) = self.scenario.queues.get(queue) else { return };
        let (target, short) = (u64::from(rules.service_level_secs) * 1_000, u64::from(rules.short_secs) * 1_000);
        let interval = self.callers.get(&interaction).map_or(0, |caller| caller.interval);
        if !matches!(outcome, Outcome::Overflowed(_) | Outcome::ExitKey(_) | Outcome::TransferredInWait) {
            self.callers.remove(&interaction);
        }
        let in_target = u64::from(wait_ms <= target);
        self.count(queue, interval, |cell| cell.left(outcome, wait_ms, in_target, u64::from(wait_ms <= short)));
    }
    /// What the agents did in the interval that ends here.
    fn count_agents(&mut self) {
        let interval = self.interval(self.now.mono).saturating_sub(1);
        let mut sums = vec![(0, 0); self.scenario.queues.len()];
        for (agent, person) in &mut self.persons {
            let Some(times) = self.acd.times_of(self.now, *agent) else { continue };
            let (mut busy, mut free) = (0, 0);
            for it in times {
                match it.status {
                    Status::Busy | Status::Dialing | Status::Ringing | Status::WrapUp => busy += it.ms,
                    Status::Ready => free += it.ms,
                    Status::Offline | Status::Banned | Status::Dnd | Status::NotReady => {}
                }
            }
            for queue in &person.queues {
                if let Some((all_busy, all_free)) = sums.get_mut(*queue) {
                    *all_busy += busy - person.before.0;
                    *all_free += free - person.before.1;
                }
            }
            person.before = (busy, free);
        }
        for (queue, (busy, free)) in sums.into_iter().enumerate() {
            self.count(queue, interval, |cell| {
                cell.busy_ms += busy;
                cell.free_ms += free;
            });
        }
    }
}

/// Calls per hour so long after midnight, and when that changes.
fn rate_at(stream: &CallStream, since_midnight: Duration) -> (f64, Option<Duration>) {
    let begins = |minutes: u16| Duration::from_secs(u64::from(minutes) * 60);
    let rate = stream.arrivals.iter().rev().find(|it| begins(it.from.minutes()) <= since_midnight);
    let next = stream.arrivals.iter().map(|it| begins(it.from.minutes())).find(|from| *from > since_midnight);
    (rate.map_or(0.0, |it| it.per_hour), next)
}
