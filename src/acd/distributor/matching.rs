//! The pairing: each turn ends with everything handed out that can be.
//!
//! Before a turn nobody who may be asked faces an interaction that he may be offered (I4). So only what the turn
//! touched can make a new pair: interactions that now want somebody, and agents who can now be asked. They are taken
//! in the order of the interactions (weight, priority, arrival, id), by looking at the heads of the lines alone.

use std::{cmp::Reverse, collections::BinaryHeap};

use smallvec::SmallVec;

use super::{
    super::{Candidate, Output, RING_ALL_MAX, Strategy, WHY_CANDIDATES_MAX, Why, WhyNobody},
    Acd, millis,
    queue::{AgentKey, Pool, Queue, WaitKey, WaitPhase, Waiting, lowest_tier},
};
use crate::base::{AgentId, InteractionId, Now, Wall};

/// Order over all queues: the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turnstile {
    weight: Reverse<u64>,
    key: WaitKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seeker {
    Interaction(InteractionId),
    Agent(AgentId),
}

impl Acd {
    /// Hands out what can be handed out, looks after empty queues, checks what was touched, and journals it.
    pub(super) fn settle(&mut self, now: Now) {
        while !self.turn.is_settled() {
            self.refresh_stale(now);
            self.pair(now);
            for queue in std::mem::take(&mut self.turn.queues) {
                self.check_empty(now, queue);
            }
        }
        for id in std::mem::take(&mut self.turn.entered) {
            self.tell_nobody(id);
        }
        self.check_touched(now);
        self.save(now);
    }

    /// One who entered and is offered to nobody learns why.
    fn tell_nobody(&mut self, id: InteractionId) {
        let Some(it) = self.waiting.get(&id).filter(|it| it.offers.is_empty()) else { return };
        let Some((queue, pool)) = self.queues.get(&it.queue).and_then(|line| Some((line, line.pools.get(&it.pool)?)))
        else {
            return;
        };
        let why = WhyNobody {
            excluded: queue.excluded(),
            unfit: unfit(queue, pool),
            delayed: it.phase == WaitPhase::Delayed,
        };
        self.outputs.push_back(Output::Nobody { interaction: id, queue: queue.id, why });
    }

    fn pair(&mut self, now: Now) {
        let at = self.at(now);
        let mut heap = BinaryHeap::new();
        for id in std::mem::take(&mut self.turn.wanting) {
            if let Some(place) = self.place_of(id, at) {
                heap.push(Reverse((place, Seeker::Interaction(id))));
            }
        }
        for agent in std::mem::take(&mut self.turn.agents) {
            if let Some((place, _)) = self.best_for(agent, at) {
                heap.push(Reverse((place, Seeker::Agent(agent))));
            }
        }
        while let Some(Reverse((place, seeker))) = heap.pop() {
            match seeker {
                Seeker::Interaction(id) => self.ask(now, id),
                Seeker::Agent(agent) => {
                    // The best may have gone meanwhile; the next best is never better.
                    let Some((best, id)) = self.best_for(agent, at) else { continue };
                    if best > place {
                        heap.push(Reverse((best, seeker)));
                        continue;
                    }
                    let before = self.next_id;
                    self.ask(now, id);
                    if self.next_id == before {
                        continue;
                    }
                    if let Some((next, _)) = self.best_for(agent, at) {
                        heap.push(Reverse((next, seeker)));
                    }
                }
            }
        }
    }

    fn place_of(&self, id: InteractionId, at: Wall) -> Option<Turnstile> {
        let it = self.waiting.get(&id)?;
        if !it.wanting {
            return None;
        }
        let queue = self.queues.get(&it.queue)?;
        Some(turnstile(queue, it.key(), at))
    }

    /// The first interaction over all his queues that would take him. Looks at the heads of their lines, and no further
    /// in a queue than to the first that suits him.
    pub(super) fn best_for(&self, agent: AgentId, at: Wall) -> Option<(Turnstile, InteractionId)> {
        let agent = self.agents.get(&agent)?;
        let mut best: Option<(Turnstile, InteractionId)> = None;
        for (id, member) in agent.members.iter().filter(|(_, member)| member.held_back.is_empty()) {
            self.looks.at_one();
            let Some(queue) = self.queues.get(id) else { continue };
            for (head, pool) in &queue.heads {
                self.looks.at_one();
                if best.is_some_and(|(best, _)| best <= turnstile(queue, *head, at)) {
                    // Those behind it are no better.
                    break;
                }
                let Some(pool) = queue.pools.get(pool) else { continue };
                if !pool.need.admits(agent.id, member.tier, &agent.settings.skills) {
                    continue;
                }
                let Some(first) = pool.wanting.iter().find(|key| self.takes(key.interaction, member.tier)) else {
                    continue;
                };
                let place = turnstile(queue, *first, at);
                if best.is_none_or(|(best, _)| place < best) {
                    best = Some((place, first.interaction));
                }
            }
        }
        best
    }

    /// While some ring at once, only their tier or a lower one may join.
    pub(super) fn takes(&self, id: InteractionId, tier: u16) -> bool {
        let Some(it) = self.waiting.get(&id) else { return false };
        self.ringing_tier(it).is_none_or(|ringing| tier <= ringing)
    }

    fn ringing_tier(&self, it: &Waiting) -> Option<u16> {
        let queue = self.queues.get(&it.queue)?;
        if queue.rules.strategy != Strategy::RingAll {
            return None;
        }
        it.offers.iter().filter_map(|offer| self.offers.get(offer)).map(|offer| offer.tier).max()
    }

    /// Offers an interaction to whom its queue's strategy chooses.
    pub(super) fn ask(&mut self, now: Now, id: InteractionId) {
        let Some(it) = self.waiting.get(&id) else { return };
        if !it.wanting {
            return;
        }
        let ringing = self.ringing_tier(it);
        let Some(queue) = self.queues.get(&it.queue) else { return };
        let Some(pool) = queue.pools.get(&it.pool) else { return };
        let Some((chosen, first, candidates)) = choose(&mut self.chance, queue, pool, it, ringing) else { return };
        let strategy = queue.rules.strategy;
        let at = self.at(now);
        let first: Vec<_> = first.iter().map(|key| candidate(strategy, key, at)).collect();
        let (excluded, unfit) = (queue.excluded(), unfit(queue, pool));
        let queue = queue.id;
        for (key, rank) in chosen.iter().zip(1..) {
            let why = Why {
                strategy,
                agent: key.agent,
                rank: if chosen.len() > 1 { rank } else { 1 },
                candidates,
                first: first.clone(),
                excluded: excluded.clone(),
                unfit,
                assigned: None,
            };
            if matches!(strategy, Strategy::RoundRobin | Strategy::OrderedRoundRobin)
                && let Some(queue) = self.queues.get_mut(&queue)
            {
                queue.pointer = Some((key.order, key.agent));
            }
            self.make_offer(now, id, key.agent, key.tier, why);
        }
    }
}

/// Free members whom the interactions of a pool can't have.
fn unfit(queue: &Queue, pool: &Pool) -> u32 {
    queue.routable().saturating_sub(u32::try_from(pool.routable.len()).unwrap_or(u32::MAX))
}

type Keys = SmallVec<[AgentKey; 8]>;

/// Whom to ask, who came first in the order, and how many there were.
fn choose(
    chance: &mut crate::base::Chance,
    queue: &Queue,
    pool: &Pool,
    it: &Waiting,
    ringing: Option<u16>,
) -> Option<(Keys, Keys, u32)> {
    let candidates = u32::try_from(pool.routable.len()).unwrap_or(u32::MAX);
    let tried = it.tried.len();
    let mut order = match queue.rules.strategy {
        Strategy::RingAll => {
            let room = RING_ALL_MAX.saturating_sub(it.offers.len());
            let may = |key: &&AgentKey| ringing.is_none_or(|tier| key.tier <= tier);
            let all: Keys = lowest_tier(&pool.routable).filter(may).take(room).copied().collect();
            if all.is_empty() {
                return None;
            }
            let first = all.iter().take(WHY_CANDIDATES_MAX).copied().collect();
            return Some((all, first, candidates));
        }
        Strategy::Random => by_chance(chance, lowest_tier(&pool.routable), |_| 1, it),
        Strategy::WeightedRandom => by_chance(chance, pool.routable.iter(), tier_weight, it),
        Strategy::LongestIdle
        | Strategy::RoundRobin
        | Strategy::OrderedRoundRobin
        | Strategy::FewestCalls
        | Strategy::LeastTalk
        | Strategy::LeastOccupied
        | Strategy::Linear
        | Strategy::RingProgressive
        | Strategy::SkillsBest => queue.first(pool, WHY_CANDIDATES_MAX + tried),
    };
    if tried > 0 {
        // Those who missed or declined this one come after all who did not.
        order.sort_by_key(|key| it.tried.contains(&key.agent));
    }
    order.truncate(WHY_CANDIDATES_MAX);
    let winner = *order.first()?;
    Some((SmallVec::from_slice(&[winner]), order, candidates))
}

/// A higher tier is less likely.
fn tier_weight(key: &AgentKey) -> u64 {
    1_000_000 / (u64::from(key.tier) + 1)
}

/// Draws one, who comes first, before the others in their order. Looks at everybody: the draw must not depend on the
/// shape of a list.
fn by_chance<'a>(
    chance: &mut crate::base::Chance,
    routable: impl Iterator<Item = &'a AgentKey>,
    weight: impl Fn(&AgentKey) -> u64,
    it: &Waiting,
) -> Keys {
    let all: Vec<AgentKey> = routable.copied().collect();
    let fresh: Vec<AgentKey> = all.iter().filter(|key| !it.tried.contains(&key.agent)).copied().collect();
    let urn = if fresh.is_empty() { &all } else { &fresh };
    let mut draw = chance.below(urn.iter().map(&weight).sum());
    let drawn = urn.iter().find(|key| {
        let weight = weight(key);
        let hit = draw < weight;
        draw = draw.saturating_sub(weight);
        hit
    });
    let Some(drawn) = drawn.copied() else { return Keys::new() };
    let others = all.iter().filter(|key| key.agent != drawn.agent).copied();
    std::iter::once(drawn).chain(others).take(WHY_CANDIDATES_MAX + it.tried.len()).collect()
}

fn turnstile(queue: &Queue, key: WaitKey, at: Wall) -> Turnstile {
    Turnstile { weight: Reverse(queue.weight(at)), key }
}

/// What the strategy compared, in words' units.
fn candidate(strategy: Strategy, key: &AgentKey, at: Wall) -> Candidate {
    let idle = |since: i64| i64::try_from(millis(at.since(Wall(since)))).ok();
    let measure = match strategy {
        Strategy::LongestIdle => idle(key.measure),
        Strategy::FewestCalls | Strategy::LeastTalk | Strategy::LeastOccupied => Some(key.measure),
        Strategy::SkillsBest => Some(-key.measure),
        Strategy::RoundRobin
        | Strategy::OrderedRoundRobin
        | Strategy::Random
        | Strategy::WeightedRandom
        | Strategy::Linear
        | Strategy::RingAll
        | Strategy::RingProgressive => None,
    };
    Candidate { agent: key.agent, tier: key.tier, measure }
}
