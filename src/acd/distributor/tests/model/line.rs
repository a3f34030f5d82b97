//! Those who wait, in their order, and whom they are offered to.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use super::{Agent, Model, Ms, Wish, secs};
use crate::acd::{DeviceChoice, QueueSettings, Strategy, TimeoutPriority, UnfitRule, WaitOrder};

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Call {
    pub id: u64,
    pub queue: u64,
    pub priority: i32,
    pub arrived: Ms,
    /// The agent's side comes first, and the customer is dialled then.
    pub back: bool,
    pub skill: Option<(String, u8)>,
    /// Rings that are open to it, though perhaps not by time.
    pub opened: usize,
    pub tried: Vec<u64>,
    pub wish: Wish,
    /// Not asked for it until then.
    pub vetoed: Vec<u64>,
    pub veto_until: Option<Ms>,
    /// Then was while it rang: until it rings no more.
    pub veto_outlived: bool,
    /// Somebody elsewhere named the one at whom it rings.
    pub alone: bool,
    pub offers: Vec<Ring>,
    pub step_due: bool,
    pub next_step: Option<Ms>,
    /// Accepted by this agent, not bridged yet.
    pub connecting: Option<u64>,
    /// At his page, and it still rings at this device of his.
    pub unpicked: Option<DeviceChoice>,
    pub engagement: u64,
    pub connect_by: Option<Ms>,
    /// The end of the ring time that was left when it was accepted.
    pub rang_until: Ms,
    pub expired: bool,
    /// Nobody who is there may have it, since then; and it needs less for that.
    pub unfit_since: Option<Ms>,
    pub relaxed: bool,
    /// Bridged since.
    pub talking: Option<Ms>,
}

/// One ringing phone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Ring {
    pub offer: u64,
    pub agent: u64,
    pub until: Ms,
    /// Given up then, if the phone stays silent.
    pub dead: Option<Ms>,
    pub tier: u16,
    /// Which of his devices it is.
    pub device: DeviceChoice,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Wants {
    Anybody,
    Spanish,
    SpanishOrNotThree,
}

/// Tier, what the strategy compares, what it compares then, the order of membership.
type Rank = (u16, i64, i64, u64, u64);

impl Model {
    /// Looks at every call and every agent.
    pub fn pass(&mut self) {
        self.open_rings();
        self.serve_all();
        while self.leave_drained() {
            self.serve_all();
        }
        self.forget_drained();
        self.watch_unfit();
    }

    /// Since when those who wait have nobody who is there.
    fn watch_unfit(&mut self) {
        for id in self.calls.keys().copied().collect::<Vec<_>>() {
            let since = self.has_nobody(&self.calls[&id]).then(|| self.calls[&id].unfit_since.unwrap_or(self.now));
            self.calls.get_mut(&id).expect("a call").unfit_since = since;
        }
    }

    /// It needs somebody special, and nobody logged in may have it, not even when every ring is open.
    fn has_nobody(&self, call: &Call) -> bool {
        let rules = &self.queues[&call.queue];
        let (most, skill) = self.need(call);
        let special = most.is_some() || skill.is_some() || self.wants(call) != Wants::Anybody;
        let waits = call.talking.is_none() && call.connecting.is_none() && call.offers.is_empty();
        let at_last = Call { opened: rules.rings.len(), ..call.clone() };
        let mut here = self.agents.values().filter(|agent| agent.is_in(call.queue));
        special && waits && !here.any(|agent| self.fits(agent, &at_last))
    }

    /// So long it was so: it leaves, or needs nobody special any more.
    pub fn unfit_over(&mut self, id: u64) {
        let call = &self.calls[&id];
        let (has_nobody, then) = (self.has_nobody(call), self.queues[&call.queue].unfit.then);
        let it = self.calls.get_mut(&id).expect("a call");
        it.unfit_since = None;
        if has_nobody && then == UnfitRule::Relax {
            (it.relaxed, it.skill) = (true, None);
            self.saw("needs nobody special any more", true);
        } else if has_nobody {
            self.leave(id, "no_agents");
            self.saw("left because nobody was there who has the skill", true);
        }
    }

    /// A ring whose tiers have nobody logged in, where others have, is not waited for.
    fn open_rings(&mut self) {
        let waiting = self.calls.values().filter(|call| call.talking.is_none());
        for id in waiting.map(|call| call.id).collect::<Vec<_>>() {
            let call = &self.calls[&id];
            let (queue, rules) = (call.queue, Rc::clone(&self.queues[&call.queue]));
            let here = self.agents.values().filter(|agent| agent.is_in(queue));
            let Some(lowest) = here.map(|agent| agent.places[&queue].tier).min() else { continue };
            let mut open = self.open_to(call);
            let before = open;
            while rules.no_agent_no_wait
                && (1..rules.rings.len()).contains(&open)
                && rules.rings[open - 1].tier.is_some_and(|most| most < lowest)
            {
                open += 1;
            }
            if open > before {
                self.calls.get_mut(&id).expect("a call").opened = open;
            }
            self.saw("a ring was open before its time", open > before);
        }
    }

    /// So many rings are open to it.
    fn open_to(&self, call: &Call) -> usize {
        let rings = self.queues[&call.queue].rings.iter();
        rings.filter(|ring| call.arrived + secs(ring.after_secs) <= self.now).count().max(call.opened)
    }

    fn serve_all(&mut self) {
        let open = self.calls.values().filter(|call| call.connecting.is_none());
        let mut line: Vec<_> = open
            .map(|call| {
                let rules = &self.queues[&call.queue];
                let here = self.calls.values().filter(|it| it.queue == call.queue && it.talking.is_none());
                let longest = here.map(|it| self.now - it.arrived).max().unwrap_or(0);
                let aged = longest.checked_div(secs(rules.weight_ageing_secs)).unwrap_or(0);
                (u64::MAX - u64::from(rules.weight) - aged, self.standing(call), call.id)
            })
            .collect();
        line.sort();
        for (_, _, call) in line {
            self.serve(call);
        }
    }

    /// What goes before what in one line, arrival last.
    fn standing(&self, call: &Call) -> (i64, Ms) {
        let rank = match self.order {
            WaitOrder::Priority => -i64::from(call.priority),
            // A point of priority is worth a minute of waiting.
            WaitOrder::Score => call.arrived as i64 - i64::from(call.priority) * 60_000,
        };
        (rank, call.arrived)
    }

    /// Everybody in the queue's line, the first first.
    pub fn line_of(&self, queue: u64) -> Vec<u64> {
        let here = self.calls.values().filter(|call| call.queue == queue && call.talking.is_none());
        let mut line: Vec<_> = here.map(|call| (self.standing(call), call.id)).collect();
        line.sort();
        line.into_iter().map(|(_, call)| call).collect()
    }

    fn serve(&mut self, id: u64) {
        let call = &self.calls[&id];
        let rules = Rc::clone(&self.queues[&call.queue]);
        let many = rules.strategy == Strategy::RingAll || rules.strategy == Strategy::RingProgressive && call.step_due;
        if !call.offers.is_empty() && (!many || call.alone || call.expired) {
            return;
        }
        if self.asks_first(id) {
            return;
        }
        let call = &self.calls[&id];
        let pointer = self.pointers.get(&call.queue).copied();
        let asked = self.agents.values().filter(|agent| agent.may_be_asked(call.queue) && self.fits(agent, call));
        let asked = asked.filter(|agent| !call.vetoed.contains(&agent.id));
        let mut candidates: Vec<Rank> =
            asked.map(|agent| rank(agent, &rules, pointer, call, self.need(call).1)).collect();
        candidates.sort();
        let Some(lowest) = candidates.first().map(|rank| rank.0) else { return };
        let rivals = self.calls.values().filter(|it| it.connecting.is_none() && it.offers.is_empty()).count();
        self.decisions += 1;
        if candidates.len() > 1 || rivals > 1 {
            self.contested += 1;
        }
        let near: Vec<u64> = candidates.iter().filter(|rank| rank.0 == lowest).map(|rank| rank.4).collect();
        let all: Vec<u64> = candidates.iter().map(|rank| rank.4).collect();
        let named = match call.wish {
            Wish::Given(named) => named.filter(|agent| all.contains(agent)),
            Wish::Due | Wish::Asked(_) => None,
        };
        let chosen = if let Some(named) = named {
            self.drawn.get_mut(&id).and_then(VecDeque::pop_front);
            vec![named]
        } else if rules.strategy == Strategy::RingAll {
            // Whoever rings already says how far up the tiers others may join, and else who has not had his turn; but where
            // rings open tiers, they alone say it.
            let fresh = candidates.iter().find(|rank| !call.tried.contains(&rank.4)).map_or(lowest, |rank| rank.0);
            let most = call.offers.iter().map(|ring| ring.tier).max().unwrap_or(fresh);
            let most = if rules.rings.is_empty() { most } else { u16::MAX };
            candidates.iter().filter(|rank| rank.0 <= most).map(|rank| rank.4).collect()
        } else if rules.strategy == Strategy::Random {
            self.drawn_among(id, &near)
        } else if rules.strategy == Strategy::WeightedRandom {
            self.drawn_among(id, &all)
        } else {
            let first = all.iter().find(|agent| !call.tried.contains(agent));
            vec![*first.unwrap_or(&all[0])]
        };
        if !chosen.is_empty() {
            let call = self.calls.get_mut(&id).expect("a call");
            (call.wish, call.alone) = (Wish::Due, call.alone || named.is_some());
        }
        for agent in chosen {
            *self.chosen.entry(rules.strategy).or_default() += 1;
            self.offer(id, agent, &rules);
        }
    }

    /// Up to which tier it may be offered by now, and the skill that it needs.
    pub fn need<'a>(&self, call: &'a Call) -> (Option<u16>, Option<&'a (String, u8)>) {
        let rules = &self.queues[&call.queue];
        let open = rules.rings.iter().take(self.open_to(call));
        let dropped = |skill: &String| open.clone().any(|ring| ring.drop_skills.contains(skill));
        let most = open.clone().next_back().and_then(|ring| ring.tier);
        (most, call.skill.as_ref().filter(|(skill, _)| !dropped(skill)))
    }

    /// What the one expression of these days comes to for a call.
    pub fn wants(&self, call: &Call) -> Wants {
        match (call.relaxed || self.queues[&call.queue].fits.is_empty(), call.priority, call.back) {
            (true, ..) | (_, 3.., _) => Wants::Anybody,
            (_, _, true) => Wants::SpanishOrNotThree,
            (_, _, false) => Wants::Spanish,
        }
    }

    pub fn fits(&self, agent: &Agent, call: &Call) -> bool {
        let (most, skill) = self.need(call);
        let tier = most.is_none_or(|most| agent.places[&call.queue].tier <= most);
        let fits = match self.wants(call) {
            Wants::Anybody => true,
            Wants::Spanish => agent.skills.get("es").is_some_and(|level| *level >= 2),
            Wants::SpanishOrNotThree => agent.id != 3 || agent.skills.get("es").is_some_and(|level| *level >= 2),
        };
        tier && fits && skill.is_none_or(|(skill, level)| agent.skills.get(skill).is_some_and(|have| have >= level))
    }

    /// What the real one drew, if it could be drawn.
    fn drawn_among(&mut self, call: u64, urn: &[u64]) -> Vec<u64> {
        let tried = &self.calls[&call].tried;
        let fresh: Vec<u64> = urn.iter().copied().filter(|id| !tried.contains(id)).collect();
        let urn = if fresh.is_empty() { urn.to_vec() } else { fresh };
        let drawn = self.drawn.get_mut(&call).and_then(VecDeque::pop_front);
        urn.into_iter().filter(|id| Some(*id) == drawn).collect()
    }

    fn offer(&mut self, call: u64, agent: u64, rules: &QueueSettings) {
        let (now, offer) = (self.now, self.next_offer);
        self.next_offer += 1;
        let it = self.calls.get_mut(&call).expect("a call");
        let queue = it.queue;
        let place = self.agents[&agent].places[&queue].clone();
        let mut until = now + secs(rules.ring_secs);
        if rules.max_wait_secs > 0 && rules.timeout_priority == TimeoutPriority::App {
            until = until.min(it.arrived + secs(rules.max_wait_secs));
        }
        let dead = Some(now + secs(rules.device_dead_secs));
        let device = self.agents[&agent].rings_at(queue);
        it.offers.push(Ring { offer, agent, until, dead, tier: place.tier, device });
        it.step_due = false;
        if rules.strategy == Strategy::RingProgressive {
            it.next_step = Some(now + secs(rules.progressive_secs));
        }
        match rules.strategy {
            Strategy::RoundRobin => drop(self.pointers.insert(queue, (place.joined, agent))),
            Strategy::OrderedRoundRobin => drop(self.pointers.insert(queue, (place.order, agent))),
            Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::LeastOccupied
            | Strategy::Random
            | Strategy::WeightedRandom
            | Strategy::Linear
            | Strategy::RingAll
            | Strategy::RingProgressive
            | Strategy::SkillsBest => {}
        }
        self.change(agent, |agent| agent.offer = Some(offer));
        self.made.push((call, agent));
    }
}

/// What an agent's skills are worth: those that the queue weighs, and once the one that is needed besides.
fn score(agent: &Agent, prefer: &BTreeMap<String, u32>, needed: Option<&(String, u8)>) -> i64 {
    let mut score = 0;
    for (skill, level) in &agent.skills {
        let once = needed.is_some_and(|(needed, _)| needed == skill);
        score += i64::from(*level) * i64::from(*prefer.get(skill).unwrap_or(&u32::from(once)));
    }
    score
}

fn rank(
    agent: &Agent,
    rules: &QueueSettings,
    pointer: Option<(u64, u64)>,
    call: &Call,
    needed: Option<&(String, u8)>,
) -> Rank {
    let (place, strategy) = (&agent.places[&call.queue], rules.strategy);
    let order = if strategy == Strategy::RoundRobin { place.joined } else { place.order };
    let (first, then) = match strategy {
        Strategy::LongestIdle => (agent.idle_since as i64, 0),
        Strategy::FewestCalls => (i64::from(place.calls), 0),
        Strategy::LeastTalk => (place.talk as i64, 0),
        Strategy::LeastOccupied => (i64::from(agent.occupancy), 0),
        Strategy::SkillsBest => (-score(agent, &rules.prefer, needed), agent.idle_since as i64),
        Strategy::RoundRobin | Strategy::OrderedRoundRobin => {
            (i64::from(pointer.is_some_and(|pointer| (order, agent.id) <= pointer)), 0)
        }
        Strategy::Random
        | Strategy::WeightedRandom
        | Strategy::Linear
        | Strategy::RingAll
        | Strategy::RingProgressive => (0, 0),
    };
    (place.tier, first, then, order, agent.id)
}
