//! What a decision of the distributor costs: from an event that makes a match possible to the offer, with everything
//! that belongs to it (status event, journal entries, timers, why).
//!
//! `cargo bench --bench matching` prints the time of a decision, p50 and p99, for centres of several sizes. Three
//! events make matches: a call comes while agents are free, an agent becomes free while calls wait, and the full turn
//! of both.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant as Clock},
};

use strowger::{
    acd::{
        Acd, AgentSettings, DevicePresence, Enqueue, MemberSettings, NeededSkill, Output, PartEnd, Policies,
        QueueSettings, Settings,
    },
    base::{AgentId, Chance, EngagementId, Instant, InteractionId, Now, OfferId, Private, QueueId, Wall},
};

/// Queues that each agent serves where there are many.
const QUEUES_EACH: u64 = 8;

/// Decisions measured for each size.
const ROUNDS: usize = 20_000;

struct Centre {
    acd: Acd,
    now: Now,
    queues: u64,
    skills: bool,
    next: u64,
    chance: Chance,
    talks: Vec<EngagementId>,
}

fn settings(agents: u64, queues: u64) -> Settings {
    let mut members: BTreeMap<u64, Vec<MemberSettings>> = BTreeMap::new();
    let mut settings = Settings {
        policies: Policies { device_presence: DevicePresence::Ready, ..Policies::default() },
        ..Settings::default()
    };
    for agent in 0..agents {
        let key = format!("a{agent}");
        for n in 0..QUEUES_EACH.min(queues) {
            members.entry((agent * 7 + n * 61) % queues).or_default().push(MemberSettings::new(key.clone()));
        }
        let skills = BTreeMap::from([(format!("s{}", agent % 5), 5), ("all".to_owned(), 1 + (agent % 10) as u8)]);
        settings.agents.insert(AgentId(agent), AgentSettings { key, skills, ..AgentSettings::default() });
    }
    for queue in 0..queues {
        let members = members.remove(&queue).unwrap_or_default();
        settings
            .queues
            .insert(QueueId(queue), QueueSettings { key: format!("q{queue}"), members, ..QueueSettings::default() });
    }
    settings
}

impl Centre {
    /// So many agents, all talking, and so many calls that wait.
    fn new(agents: u64, waiting: u64, queues: u64, skills: bool) -> Self {
        let now = Now { mono: Instant::from_micros(1_000_000), wall: Wall(1_767_600_000_000) };
        let mut acd = Acd::new(Chance::from_number(7));
        acd.settings(now, settings(agents, queues));
        let mut centre = Self { acd, now, queues, skills, next: 1, chance: Chance::from_number(9), talks: Vec::new() };
        for agent in 0..agents {
            centre.acd.handle_device(centre.now, AgentId(agent), true);
            centre.pass(1);
        }
        while (centre.talks.len() as u64) < agents {
            let before = centre.talks.len();
            (0..agents).for_each(|_| centre.call());
            centre.pick_up();
            if centre.talks.len() == before {
                break;
            }
        }
        centre.drain_line();
        (0..waiting).for_each(|_| centre.call());
        centre.pick_up();
        centre
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono += Duration::from_millis(ms);
        self.now.wall = self.now.wall + Duration::from_millis(ms);
    }

    /// Everybody who waits hangs up: the filling is over.
    fn drain_line(&mut self) {
        let snapshot = self.acd.snapshot(self.now);
        for waiting in snapshot.queues.iter().flat_map(|queue| &queue.waiting) {
            self.acd.handle_customer_gone(self.now, waiting.interaction);
        }
        self.offers();
    }

    fn enqueue(&mut self) -> Enqueue {
        let id = InteractionId(self.next);
        self.next += 1;
        let queue = QueueId(self.chance.below(self.queues));
        let skills = if self.skills {
            vec![NeededSkill { skill: format!("s{}", self.chance.below(5)), level: 3 }]
        } else {
            Vec::new()
        };
        Enqueue { skills, ..Enqueue::inbound(id, queue, Private::new("+351210000001".to_owned())) }
    }

    fn call(&mut self) {
        let enqueue = self.enqueue();
        let _ = black_box(self.acd.enqueue(self.now, enqueue));
        self.pass(1);
    }

    /// Drains the outputs; the offers among them.
    fn offers(&mut self) -> Vec<OfferId> {
        let mut offers = Vec::new();
        while let Some(output) = self.acd.poll_output() {
            if let Output::Offer(offer) = &output {
                offers.push(offer.offer);
            }
            black_box(output);
        }
        offers
    }

    fn pick_up(&mut self) {
        for offer in self.offers() {
            if let Some(engagement) = self.acd.handle_answered(self.now, offer) {
                self.acd.handle_connected(self.now, engagement);
                self.talks.push(engagement);
            }
        }
        self.offers();
    }

    /// A random talk ends, which frees its agent: what he is offered, and what that took.
    fn agent_free(&mut self) -> Option<Duration> {
        let at = self.chance.below(self.talks.len() as u64) as usize;
        if self.talks.is_empty() {
            return None;
        }
        let engagement = self.talks.swap_remove(at);
        self.pass(5);
        let clock = now();
        self.acd.handle_ended(self.now, engagement, PartEnd::Customer);
        let offers = self.offers();
        let took = clock.elapsed();
        for offer in &offers {
            if let Some(engagement) = self.acd.handle_answered(self.now, *offer) {
                self.acd.handle_connected(self.now, engagement);
                self.talks.push(engagement);
            }
        }
        self.offers();
        (!offers.is_empty()).then_some(took)
    }

    /// A call comes: to whom it is offered, and what that took.
    fn call_comes(&mut self) -> Option<Duration> {
        let enqueue = self.enqueue();
        self.pass(5);
        let clock = now();
        let _ = black_box(self.acd.enqueue(self.now, enqueue));
        let offers = self.offers();
        let took = clock.elapsed();
        for offer in &offers {
            if let Some(engagement) = self.acd.handle_answered(self.now, *offer) {
                self.acd.handle_connected(self.now, engagement);
                self.talks.push(engagement);
            }
        }
        self.offers();
        (!offers.is_empty()).then_some(took)
    }
}

#[allow(clippy::disallowed_methods)] // A bench may look at the clock.
fn now() -> Clock {
    Clock::now()
}

fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 - 1.0) * share) as usize;
    times.get(at).map_or(f64::NAN, |time| time.as_nanos() as f64 / 1000.0)
}

/// An agent becomes free while calls wait.
fn freed(agents: u64, waiting: u64, queues: u64, skills: bool) -> Vec<Duration> {
    let mut centre = Centre::new(agents, waiting, queues, skills);
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        times.extend(centre.agent_free());
        // Keeps the line as long as it was.
        centre.call();
        centre.pick_up();
    }
    times
}

/// A call comes while half the agents are free.
fn called(agents: u64, queues: u64, skills: bool) -> Vec<Duration> {
    let mut centre = Centre::new(agents, 0, queues, skills);
    for _ in 0..agents / 2 {
        centre.agent_free();
    }
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        times.extend(centre.call_comes());
        centre.agent_free();
    }
    times
}

fn main() {
    println!("decision in µs: event in, offer and journal entries out (1 core, {ROUNDS} rounds each)");
    println!(
        "{:>7} {:>8} {:>7} {:>7} | {:>9} {:>9} | {:>9} {:>9}",
        "agents", "waiting", "queues", "skills", "freed p50", "p99", "call p50", "p99"
    );
    for queues in [1, 500] {
        for skills in [false, true] {
            for agents in [100, 1_000, 10_000] {
                for waiting in [10, 500, 10_000] {
                    let mut free = freed(agents, waiting, queues, skills);
                    let mut call = called(agents, queues, skills);
                    println!(
                        "{agents:>7} {waiting:>8} {queues:>7} {:>7} | {:>9.2} {:>9.2} | {:>9.2} {:>9.2}",
                        if skills { "yes" } else { "no" },
                        percentile(&mut free, 0.50),
                        percentile(&mut free, 0.99),
                        percentile(&mut call, 0.50),
                        percentile(&mut call, 0.99),
                    );
                }
            }
        }
    }
}
