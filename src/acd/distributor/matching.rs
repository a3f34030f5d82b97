//! The pairing: each turn ends with everything handed out that can be.
//!
//! Before a turn nobody who may be asked faces an interaction that he may be offered (I4). So only what the turn
//! touched can make a new pair: interactions that now want somebody, agents who can now be asked, and queues that may ask
//! elsewhere about one more. They are taken in the order of the interactions (weight, priority, arrival, id), by looking
//! at the heads of the lines alone.

use std::{cmp::Reverse, collections::BinaryHeap};

use smallvec::SmallVec;

use super::{
    super::{Candidate, Output, RING_ALL_MAX, Strategy, WHY_CANDIDATES_MAX, Why, WhyNobody},
    Acd, millis,
    queue::{AgentKey, Pool, Queue, WaitKey, WaitPhase, Waiting, lowest_tier},
};
use crate::base::{AgentId, InteractionId, Now, QueueId, Wall};

/// Order over all queues: the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turnstile {
    weight: Reverse<u64>,
    key: WaitKey,
}

/// What came of looking for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Agent,
    /// Somebody elsewhere, who is to say which agent.
    Elsewhere,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seeker {
    Interaction(InteractionId),
    Agent(AgentId),
    /// A queue that may have somebody elsewhere asked about more.
    Asking(QueueId),
}

impl Acd {
    /// Hands out what can be handed out, looks after empty queues, checks what was touched, and journals it.
    pub(super) fn settle(&mut self, now: Now) {
        self.settle_turn(now);
        while self.look_at_others(now) || self.forget_drained(now) {
            self.settle_turn(now);
        }
        for id in std::mem::take(&mut self.turn.entered) {
            self.tell_nobody(id);
        }
        self.check_touched(now);
        self.save(now);
    }

    fn settle_turn(&mut self, now: Now) {
        while !self.turn.is_settled() {
            self.refresh_stale(now);
            self.open_rings(now);
            self.pair(now);
            for queue in std::mem::take(&mut self.turn.queues) {
                self.check_empty(now, queue);
            }
        }
    }

    /// One who entered and is offered to nobody learns why.
    fn tell_nobody(&mut self, id: InteractionId) {
        let is_alone = |it: &&Waiting| it.offers.is_empty() && !it.deciding.is_asked();
        let Some(it) = self.waiting.get(&id).filter(is_alone) else { return };
        let Some((queue, pool)) = self.queues.get(&it.queue).and_then(|line| Some((line, line.pools.get(&it.pool)?)))
        else {
            return;
        };
        let why = WhyNobody {
            excluded: queue.excluded(),
            unfit: unfit(queue, pool),
            vetoed: self.barred(queue, pool, it),
            delayed: it.phase == WaitPhase::Delayed,
        };
        self.outputs.push_back(Output::Nobody { interaction: id, queue: queue.id, why });
    }

    fn pair(&mut self, now: Now) {
        let at = self.at(now);
        let turn = &mut self.turn;
        let wanting = std::mem::take(&mut turn.wanting).into_iter().map(Seeker::Interaction);
        let agents = std::mem::take(&mut turn.agents).into_iter().map(Seeker::Agent);
        let asking = std::mem::take(&mut turn.asking).into_iter().map(Seeker::Asking);
        let seekers = wanting.chain(agents).chain(asking);
        let placed = seekers.filter_map(|seeker| Some(Reverse((self.sought(seeker, at)?.0, seeker))));
        let mut heap: BinaryHeap<_> = placed.collect();
        while let Some(Reverse((place, seeker))) = heap.pop() {
            // What was sought may have gone meanwhile; the next is never better.
            let Some((best, id)) = self.sought(seeker, at) else { continue };
            if best > place {
                heap.push(Reverse((best, seeker)));
                continue;
            }
            if self.ask(now, id) == Asked::Nobody || matches!(seeker, Seeker::Interaction(_)) {
                continue;
            }
            if let Some((next, _)) = self.sought(seeker, at) {
                heap.push(Reverse((next, seeker)));
            }
        }
    }

    /// The interaction that a seeker would have next, and where it stands.
    fn sought(&self, seeker: Seeker, at: Wall) -> Option<(Turnstile, InteractionId)> {
        match seeker {
            Seeker::Interaction(id) => Some((self.place_of(id, at)?, id)),
            Seeker::Agent(agent) => self.best_for(agent, at),
            Seeker::Asking(queue) => self.next_due(queue, at),
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
                let Some(line) = queue.pools.get(pool).filter(|line| line.need.admits(agent, member.tier)) else {
                    continue;
                };
                let may_ask = self.may_ask(queue, *pool);
                let takes = |key: &&WaitKey| self.takes(key.interaction, agent.id, member.tier, may_ask);
                let Some(first) = line.wanting.iter().find(takes) else { continue };
                let place = turnstile(queue, *first, at);
                if best.is_none_or(|(best, _)| place < best) {
                    best = Some((place, first.interaction));
                }
            }
        }
        best
    }

    /// Whether an interaction would take an agent: none who is ruled out, none before somebody elsewhere may be asked
    /// where that must be, and while some ring at once, only one of their tier or a lower one.
    pub(super) fn takes(&self, id: InteractionId, agent: AgentId, tier: u16, may_ask: bool) -> bool {
        let Some(it) = self.waiting.get(&id).filter(|it| !it.deciding.vetoed.contains(&agent)) else { return false };
        if self.must_be_decided(it) {
            return may_ask;
        }
        self.ringing_tier(it).is_none_or(|ringing| tier <= ringing)
    }

    /// Agents who could be asked, but for a veto.
    pub(super) fn barred(&self, queue: &Queue, pool: &Pool, it: &Waiting) -> u32 {
        let barred = it.deciding.vetoed.iter().filter(|agent| self.key_in(queue, pool, **agent).is_some());
        u32::try_from(barred.count()).unwrap_or(u32::MAX)
    }

    fn ringing_tier(&self, it: &Waiting) -> Option<u16> {
        let queue = self.queues.get(&it.queue)?;
        if queue.rules.strategy != Strategy::RingAll || !queue.rules.rings.is_empty() {
            return None;
        }
        it.offers.iter().filter_map(|offer| self.offers.get(offer)).map(|offer| offer.tier).max()
    }

    /// Offers an interaction to whom its queue's strategy chooses, or asks elsewhere first.
    pub(super) fn ask(&mut self, now: Now, id: InteractionId) -> Asked {
        let Some(it) = self.waiting.get(&id).filter(|it| it.wanting) else { return Asked::Nobody };
        if self.must_be_decided(it) {
            return if self.put_dilemma(now, id) { Asked::Elsewhere } else { Asked::Nobody };
        }
        let ringing = self.ringing_tier(it);
        let Some(queue) = self.queues.get(&it.queue) else { return Asked::Nobody };
        let Some(pool) = queue.pools.get(&it.pool) else { return Asked::Nobody };
        let named = it.deciding.named().and_then(|agent| self.key_in(queue, pool, agent));
        let choice = match named.filter(|key| !it.deciding.vetoed.contains(&key.agent)) {
            Some(key) => Some(named_choice(queue, pool, it, key)),
            None => choose(&mut self.chance, queue, pool, it, ringing),
        };
        let Some(Choice { chosen, rank, first }) = choice else { return Asked::Nobody };
        let (strategy, at) = (queue.rules.strategy, self.at(now));
        let all = u32::try_from(pool.routable.len()).unwrap_or(u32::MAX);
        let candidates = all.saturating_sub(self.barred(queue, pool, it));
        let first: Vec<Candidate> = first.iter().map(|key| candidate(strategy, key, at)).collect();
        let (excluded, unfit) = (queue.excluded(), unfit(queue, pool));
        let (queue, many) = (queue.id, chosen.len() > 1);
        let is_named = named.is_some_and(|named| chosen.first() == Some(&named));
        let decided = self.waiting.get_mut(&id).and_then(|it| {
            it.alone |= is_named;
            it.deciding.take()
        });
        for (key, place) in chosen.iter().zip(1..) {
            let why = Why {
                strategy,
                agent: key.agent,
                rank: if many { place } else { rank },
                candidates,
                first: first.clone(),
                excluded: excluded.clone(),
                unfit,
                assigned: None,
                decided: decided.clone(),
            };
            if matches!(strategy, Strategy::RoundRobin | Strategy::OrderedRoundRobin)
                && let Some(queue) = self.queues.get_mut(&queue)
            {
                queue.pointer = Some((key.order, key.agent));
            }
            self.make_offer(now, id, key.agent, key.tier, why);
        }
        Asked::Agent
    }
}

/// Free members whom the interactions of a pool can't have.
pub(super) fn unfit(queue: &Queue, pool: &Pool) -> u32 {
    queue.routable().saturating_sub(u32::try_from(pool.routable.len()).unwrap_or(u32::MAX))
}

type Keys = SmallVec<[AgentKey; 8]>;

/// Whom to ask, the rank of the first of them, and who came first in the order.
struct Choice {
    chosen: Keys,
    rank: u32,
    first: Keys,
}

/// Whom somebody elsewhere has named.
fn named_choice(queue: &Queue, pool: &Pool, it: &Waiting, named: AgentKey) -> Choice {
    let order = queue.first(pool, usize::MAX, &it.deciding.vetoed);
    let place = order.iter().position(|key| key.agent == named.agent).map_or(order.len(), |at| at + 1);
    let first = order.into_iter().take(WHY_CANDIDATES_MAX).collect();
    Choice { chosen: SmallVec::from_slice(&[named]), rank: u32::try_from(place).unwrap_or(u32::MAX), first }
}

/// Whom the queue's strategy chooses.
fn choose(
    chance: &mut crate::base::Chance,
    queue: &Queue,
    pool: &Pool,
    it: &Waiting,
    ringing: Option<u16>,
) -> Option<Choice> {
    let tried = it.tried.len();
    let barred = &it.deciding.vetoed;
    let open = pool.routable.iter().filter(|key| !barred.contains(&key.agent));
    let mut order = match queue.rules.strategy {
        Strategy::RingAll => {
            let room = RING_ALL_MAX.saturating_sub(it.offers.len());
            let reach = ringing.or_else(|| reach_of_all(queue, open.clone(), it));
            let may = |key: &&AgentKey| reach.is_none_or(|tier| key.tier <= tier);
            let chosen: Keys = open.filter(may).take(room).copied().collect();
            if chosen.is_empty() {
                return None;
            }
            let first = chosen.iter().take(WHY_CANDIDATES_MAX).copied().collect();
            return Some(Choice { chosen, rank: 1, first });
        }
        Strategy::Random => by_chance(chance, lowest_tier(open), |_| 1, it),
        Strategy::WeightedRandom => by_chance(chance, open, tier_weight, it),
        Strategy::LongestIdle
        | Strategy::RoundRobin
        | Strategy::OrderedRoundRobin
        | Strategy::FewestCalls
        | Strategy::LeastTalk
        | Strategy::LeastOccupied
        | Strategy::Linear
        | Strategy::RingProgressive
        | Strategy::SkillsBest => queue.first(pool, WHY_CANDIDATES_MAX + tried, barred),
    };
    if tried > 0 {
        // Those who missed or declined this one come after all who did not.
        order.sort_by_key(|key| it.tried.contains(&key.agent));
    }
    order.truncate(WHY_CANDIDATES_MAX);
    let winner = *order.first()?;
    Some(Choice { chosen: SmallVec::from_slice(&[winner]), rank: 1, first: order })
}

/// Up to which tier all ring at once: as far as the queue's rings let in; without any the lowest tier, and the next above it
/// where nobody there took the call.
fn reach_of_all<'a>(queue: &Queue, open: impl Iterator<Item = &'a AgentKey> + Clone, it: &Waiting) -> Option<u16> {
    if !queue.rules.rings.is_empty() {
        return None;
    }
    let fresh = open.clone().find(|key| !it.tried.contains(&key.agent));
    fresh.or_else(|| open.clone().next()).map(|key| key.tier)
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

pub(super) fn turnstile(queue: &Queue, key: WaitKey, at: Wall) -> Turnstile {
    Turnstile { weight: Reverse(queue.weight(at)), key }
}

/// What the strategy compared, in words' units.
pub(super) fn candidate(strategy: Strategy, key: &AgentKey, at: Wall) -> Candidate {
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
