//! One waiting line, and the lists from which the next pair is found without looking at everybody.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound::{Excluded, Included, Unbounded},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    super::{
        AgentSettings, Calendar, Door, Factor, Factors, Fits, GivenUp, InteractionKind, NeededSkill, Preferred,
        QueueCounters, QueueSettings, Ring, Strategy, WaitOrder, Who,
    },
    agent::Agent,
    decision::Deciding,
    millis,
    sticky::LastAgents,
};
use crate::base::{AgentId, CallId, EngagementId, Instant, InteractionId, OfferId, Private, QueueId, Wall};

/// Place in the line: by the centre's order, then arrival, then id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaitKey {
    /// What the order compares, so turned that who goes first is least.
    pub rank: i64,
    pub arrived: Wall,
    pub interaction: InteractionId,
}

/// A point of a score is a minute.
const SCORE_POINT_MS: i64 = 60_000;

impl WaitKey {
    pub fn new(order: WaitOrder, priority: i32, arrived: Wall, interaction: InteractionId) -> Self {
        let rank = match order {
            WaitOrder::Priority => -i64::from(priority),
            // All waits grow alike, so that a score's order never changes while it grows.
            WaitOrder::Score => arrived.0.saturating_sub(i64::from(priority) * SCORE_POINT_MS),
        };
        Self { rank, arrived, interaction }
    }
}

/// Place among those who may be asked: tier, what the strategy compares, order of membership, id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AgentKey {
    pub tier: u16,
    pub measure: i64,
    pub then: i64,
    pub order: u64,
    pub agent: AgentId,
}

impl AgentKey {
    /// Before everybody in the tier.
    const fn floor(tier: u16) -> Self {
        Self { tier, measure: i64::MIN, then: i64::MIN, order: 0, agent: AgentId(0) }
    }
}

/// What an interaction demands of an agent at its present ring. Interactions that demand the same share a [`Pool`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub skills: Vec<NeededSkill>,
    /// What is left of the queue's expression, the interaction known.
    pub fits: Fits,
    /// None: every tier.
    pub tier_max: Option<u16>,
    /// Nobody else, for the time being.
    pub only: Option<AgentId>,
}

impl Need {
    pub fn is_plain(&self) -> bool {
        self.skills.is_empty() && self.fits == Fits::Always && self.tier_max.is_none() && self.only.is_none()
    }

    pub fn admits(&self, agent: &Agent, tier: u16) -> bool {
        let AgentSettings { key, skills, .. } = &agent.settings;
        self.only.is_none_or(|only| only == agent.id)
            && self.tier_max.is_none_or(|most| tier <= most)
            && self.skills.iter().all(|need| skills.get(&need.skill).is_some_and(|level| *level >= need.level))
            && self.fits.holds(Who { key, skills }) == Some(true)
    }

    /// How well somebody suits: his levels by what the queue finds each worth. What is needed and not weighed counts
    /// once.
    pub fn score(&self, prefer: &BTreeMap<String, u32>, skills: &BTreeMap<String, u8>) -> i64 {
        let level = |skill: &str| skills.get(skill).map_or(0, |level| i64::from(*level));
        let unweighed = self.skills.iter().filter(|need| !prefer.contains_key(&need.skill));
        let weighed: i64 = prefer.iter().map(|(skill, weight)| level(skill) * i64::from(*weight)).sum();
        weighed + unweighed.map(|need| level(&need.skill)).sum::<i64>()
    }
}

/// Interactions with the same need, and the agents who meet it.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub need: Need,
    /// Those who would take one more agent now.
    pub wanting: BTreeSet<WaitKey>,
    /// Those who could be asked now.
    pub routable: BTreeSet<AgentKey>,
    /// Interactions that hold on to the pool.
    pub users: u32,
}

pub(super) type PoolId = u32;

/// The pool without any need; always there.
pub(super) const PLAIN: PoolId = 0;

#[derive(Debug)]
pub(super) struct Queue {
    pub id: QueueId,
    pub rules: Arc<QueueSettings>,
    /// Whom its interactions may have.
    pub fits: Fits,
    pub join_unless: Factors,
    pub leave_when: Factors,
    /// Everybody who waits, those with an agent ringing or being connected included.
    pub line: BTreeSet<WaitKey>,
    /// The same by arrival alone.
    pub arrivals: BTreeSet<(Wall, InteractionId)>,
    pub pools: BTreeMap<PoolId, Pool>,
    /// Pools whose interactions nobody who is there may have, as it was told last.
    pub unserved: BTreeSet<PoolId>,
    /// Those about whom somebody elsewhere is being asked.
    pub asking: BTreeSet<InteractionId>,
    /// The first of each pool that would take somebody.
    pub heads: BTreeSet<(WaitKey, PoolId)>,
    pub next_pool: PoolId,
    pub members: BTreeSet<AgentId>,
    /// How many members are held back by each set of factors, tier by tier.
    pub standings: SmallVec<[((Factors, u16), u32); 8]>,
    /// Of these, who is logged in, tier by tier.
    pub logged_in: BTreeMap<u16, u32>,
    /// Agents who work for it, in parts of [`WHOLE_AGENT`](super::estimate::WHOLE_AGENT).
    pub staffed: u64,
    /// What an interaction takes, and what people waited, lately.
    pub handle_ms: Option<u64>,
    pub waited_ms: Option<u64>,
    pub calendar: Option<Calendar>,
    pub door: Door,
    /// As it was told last.
    pub open: bool,
    /// Gone from the settings: nobody new comes in, and it is forgotten when it is over for all who were in it.
    pub removed: bool,
    /// Who gave up lately, where that counts; the oldest first.
    pub given_up: VecDeque<GivenUp>,
    pub last_agents: LastAgents,
    /// Whom round-robin asked last.
    pub pointer: Option<(u64, AgentId)>,
    /// Since when nobody is left, by the leave rule.
    pub empty_since: Option<Instant>,
    pub today: QueueCounters,
    /// The number of that day, in the queue's zone.
    pub day: i32,
}

impl Queue {
    pub fn new(id: QueueId, rules: QueueSettings) -> Self {
        let mut queue = Self {
            id,
            rules: Arc::default(),
            fits: Fits::Always,
            join_unless: Factors::NONE,
            leave_when: Factors::NONE,
            line: BTreeSet::new(),
            arrivals: BTreeSet::new(),
            pools: BTreeMap::from([(PLAIN, Pool::default())]),
            unserved: BTreeSet::new(),
            asking: BTreeSet::new(),
            heads: BTreeSet::new(),
            next_pool: PLAIN + 1,
            members: BTreeSet::new(),
            standings: SmallVec::new(),
            logged_in: BTreeMap::new(),
            staffed: 0,
            handle_ms: None,
            waited_ms: None,
            calendar: None,
            door: Door::Hours,
            open: true,
            removed: false,
            given_up: VecDeque::new(),
            last_agents: LastAgents::default(),
            pointer: None,
            empty_since: None,
            today: QueueCounters::default(),
            day: 0,
        };
        queue.take_rules(rules);
        queue
    }

    pub fn take_rules(&mut self, rules: QueueSettings) {
        self.pointer = self.pointer.and_then(|pointer| self.follow(pointer, &rules));
        // Settings were read before they got here; what can't be read, nobody may have.
        self.fits = if rules.fits.is_empty() { Fits::Always } else { Fits::read(&rules.fits).unwrap_or(Fits::Never) };
        self.join_unless = rules.join_unless.iter().collect();
        self.leave_when = rules.leave_when.iter().collect();
        if rules.last_agent.secs == 0 {
            self.last_agents.clear();
        }
        self.rules = Arc::new(rules);
    }

    /// The settings know it no more. Who waits keeps his place and is served by who belongs to it, as long as somebody does;
    /// without anybody, they go on as the queue's chain says.
    pub fn drain(&mut self) {
        self.removed = true;
        let mut rules = QueueSettings::clone(&self.rules);
        rules.leave_when.insert(Factor::LoggedOut);
        self.take_rules(rules);
    }

    pub fn stand_in_line(&mut self, key: WaitKey) {
        self.line.insert(key);
        self.arrivals.insert((key.arrived, key.interaction));
    }

    pub fn leave_line(&mut self, key: &WaitKey) {
        self.line.remove(key);
        self.arrivals.remove(&(key.arrived, key.interaction));
    }

    /// Its weight among the queues: heavier, where it ages, the longer anybody in it has waited. The same for all in the
    /// line, whose order among themselves is that of the line.
    pub fn weight(&self, at: Wall) -> u64 {
        let ageing = u64::from(self.rules.weight_ageing_secs) * 1000;
        let longest = self.arrivals.first().map_or(0, |(arrived, _)| millis(at.since(*arrived)));
        u64::from(self.rules.weight) + longest.checked_div(ageing).unwrap_or(0)
    }

    /// Where a round-robin goes on under other rules. Joining orders stay; in the order of the settings it is whoever
    /// was asked last, or the nearest before him who is still there.
    fn follow(&self, pointer: (u64, AgentId), new: &QueueSettings) -> Option<(u64, AgentId)> {
        let old = &self.rules;
        if old.strategy != new.strategy {
            return None;
        }
        if old.strategy != Strategy::OrderedRoundRobin {
            return Some(pointer);
        }
        let asked = usize::try_from(pointer.0).unwrap_or(usize::MAX).saturating_add(1);
        let mut before = old.members.iter().take(asked).rev();
        let order = before.find_map(|asked| new.members.iter().position(|member| member.agent == asked.agent))?;
        // Whoever has that order in the new settings: the highest id stands behind everybody with it.
        Some((u64::try_from(order).unwrap_or(u64::MAX), AgentId(u64::MAX)))
    }

    /// Each member, or the lack of any, is held back by one of these; by his tier where only those up to `most` count.
    pub fn empty_by(&self, factors: Factors, most: Option<u16>) -> bool {
        let by_tier = |tier: u16| factors.has(Factor::Tier) && most.is_some_and(|most| tier > most);
        !factors.is_empty() && self.standings.iter().all(|((set, tier), _)| set.meets(factors) || by_tier(*tier))
    }

    /// Up to which tier agents are asked at once; `None`: all.
    pub fn first_tier(&self) -> Option<u16> {
        self.rules.rings.first().filter(|ring| ring.after_secs == 0)?;
        self.rules.rings.get(self.opened(1).saturating_sub(1)).and_then(|ring| ring.tier)
    }

    /// Whether somebody waits for tiers in which nobody is logged in.
    pub fn is_narrow(&self) -> bool {
        let lowest = self.logged_in.keys().next();
        let vain = |pool: &Pool| pool.users > 0 && pool.need.tier_max.as_ref() < lowest;
        self.pools.values().any(|pool| pool.need.tier_max.is_some() && vain(pool))
    }

    /// How many rings are open to one to whom `opened` are: those behind a ring that would be waited for in vain too.
    pub fn opened(&self, opened: usize) -> usize {
        let rings = &self.rules.rings;
        let Some((lowest, _)) = self.logged_in.first_key_value().filter(|_| self.rules.no_agent_no_wait) else {
            return opened;
        };
        let Some(last) = opened.checked_sub(1) else { return opened };
        let empty = |ring: &&Ring| ring.tier.is_some_and(|most| most < *lowest);
        (opened + rings.iter().skip(last).take_while(empty).count()).min(rings.len())
    }

    /// Enters an interaction among those of its pool that would take somebody, or takes it out.
    pub fn set_wanting(&mut self, id: PoolId, key: WaitKey, wanting: bool) {
        let Some(pool) = self.pools.get_mut(&id) else { return };
        let before = pool.wanting.first().copied();
        if wanting {
            pool.wanting.insert(key);
        } else {
            pool.wanting.remove(&key);
        }
        let after = pool.wanting.first().copied();
        if before != after {
            before.map(|head| self.heads.remove(&(head, id)));
            after.map(|head| self.heads.insert((head, id)));
        }
    }

    pub fn count(&mut self, held_back: Factors, tier: u16, by: i32) {
        let standing = (held_back, tier);
        let at = match self.standings.iter().position(|(known, _)| *known == standing) {
            Some(at) => at,
            None => {
                self.standings.push((standing, 0));
                self.standings.len() - 1
            }
        };
        if let Some((_, count)) = self.standings.get_mut(at) {
            *count = count.saturating_add_signed(by);
            if *count == 0 {
                self.standings.swap_remove(at);
            }
        }
        if !held_back.has(Factor::LoggedOut) {
            let logged_in = self.logged_in.entry(tier).or_default();
            *logged_in = logged_in.saturating_add_signed(by);
            if *logged_in == 0 {
                self.logged_in.remove(&tier);
            }
        }
    }

    /// Forgets whom it has counted, to count everybody anew.
    pub fn count_nobody(&mut self) {
        self.standings.clear();
        self.logged_in.clear();
    }

    pub fn routable(&self) -> u32 {
        self.standings.iter().filter(|((set, _), _)| set.is_empty()).map(|(_, count)| *count).sum()
    }

    pub fn logged_in(&self) -> u32 {
        self.logged_in.values().sum()
    }

    /// Members who can't be asked, under the first thing that holds each back.
    pub fn excluded(&self) -> Vec<(Factor, u32)> {
        let mut counts: BTreeMap<Factor, u32> = BTreeMap::new();
        for ((set, _), count) in &self.standings {
            if let Some(first) = set.iter().next() {
                *counts.entry(first).or_default() += count;
            }
        }
        counts.into_iter().collect()
    }

    /// The first `most` who may be asked, in the order of the strategy, chance aside; those barred left out.
    pub fn first(&self, pool: &Pool, most: usize, barred: &[AgentId]) -> SmallVec<[AgentKey; 8]> {
        let may_be = |key: &&AgentKey| !barred.contains(&key.agent);
        let open = pool.routable.iter().filter(may_be);
        match self.rules.strategy {
            Strategy::RoundRobin | Strategy::OrderedRoundRobin => match self.pointer {
                Some(pointer) => {
                    let round = after_pointer(&pool.routable, pointer, most.saturating_add(barred.len()));
                    round.iter().filter(may_be).take(most).copied().collect()
                }
                None => open.take(most).copied().collect(),
            },
            Strategy::RingAll if self.rules.rings.is_empty() => lowest_tier(open).take(most).copied().collect(),
            Strategy::RingAll
            | Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::LeastOccupied
            | Strategy::Random
            | Strategy::WeightedRandom
            | Strategy::Linear
            | Strategy::RingProgressive
            | Strategy::SkillsBest => open.take(most).copied().collect(),
        }
    }
}

/// All in the lowest tier that has anybody, of agents in the order of their tiers.
pub(super) fn lowest_tier<'a>(open: impl Iterator<Item = &'a AgentKey>) -> impl Iterator<Item = &'a AgentKey> {
    let mut tier = None;
    open.take_while(move |key| *tier.get_or_insert(key.tier) == key.tier)
}

/// Tier by tier, each from the member after the pointer round to the pointer.
fn after_pointer(
    routable: &BTreeSet<AgentKey>,
    (order, agent): (u64, AgentId),
    most: usize,
) -> SmallVec<[AgentKey; 8]> {
    let mut found = SmallVec::new();
    let mut next = routable.first().map(|key| key.tier);
    while let Some(tier) = next {
        let floor = AgentKey::floor(tier);
        let pointer = AgentKey { tier, measure: 0, then: 0, order, agent };
        let top = match tier.checked_add(1) {
            Some(above) => Excluded(AgentKey::floor(above)),
            None => Unbounded,
        };
        let later = routable.range((Excluded(pointer), top));
        let sooner = routable.range((Included(floor), Included(pointer)));
        found.extend(later.chain(sooner).take(most - found.len()).copied());
        if found.len() >= most {
            break;
        }
        next = routable.range((top, Unbounded)).next().map(|key| key.tier);
        if top == Unbounded {
            break;
        }
    }
    found
}

/// One interaction in the line.
#[derive(Debug)]
pub(super) struct Waiting {
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub kind: InteractionKind,
    /// The centre's, as long as it stands in line.
    pub order: WaitOrder,
    pub priority: i32,
    pub arrived: Wall,
    pub entered: Wall,
    pub expires: Option<Instant>,
    /// The call that it is, for records.
    pub call: Option<CallId>,
    pub caller: Private<String>,
    pub skills: Vec<NeededSkill>,
    /// So many of the queue's rings are open to it, some before their time; beside those whose time has come.
    pub opened: usize,
    pub preferred: Option<Preferred>,
    /// Who missed or declined it: asked again only after everybody else.
    pub tried: SmallVec<[AgentId; 2]>,
    pub offers: SmallVec<[OfferId; 1]>,
    pub phase: WaitPhase,
    pub pool: PoolId,
    pub wanting: bool,
    /// What somebody elsewhere says of who shall get it.
    pub deciding: Deciding,
    /// For ring-progressive: one more agent is due.
    pub step_due: bool,
    /// Nobody who is there may have it.
    pub unfit_since: Option<Instant>,
    /// The wait is over as soon as the present offer ends.
    pub expired: bool,
    /// For one agent, by hand or by a word from elsewhere: nobody else is asked beside him.
    pub alone: bool,
    /// What it needed nobody had: any member may have it now.
    pub relaxed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitPhase {
    /// Not yet to be offered, by the queue's member delay.
    Delayed,
    Open,
    Connecting(EngagementId),
}

impl Waiting {
    pub fn key(&self) -> WaitKey {
        WaitKey::new(self.order, self.priority, self.arrived, self.interaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tier: u16, order: u64) -> AgentKey {
        AgentKey { tier, measure: 0, then: 0, order, agent: AgentId(order) }
    }

    #[test]
    fn round_robin_goes_round_within_each_tier() {
        let routable: BTreeSet<_> = [key(0, 1), key(0, 3), key(0, 5), key(2, 2), key(2, 4)].into();
        let orders = |pointer, most| -> Vec<u64> {
            after_pointer(&routable, (pointer, AgentId(pointer)), most).iter().map(|key| key.order).collect()
        };
        assert_eq!(orders(3, 9), [5, 1, 3, 4, 2]);
        assert_eq!(orders(5, 9), [1, 3, 5, 2, 4]);
        assert_eq!(orders(0, 2), [1, 3]);
        let top: BTreeSet<_> = [key(u16::MAX, 1), key(u16::MAX, 2)].into();
        assert_eq!(after_pointer(&top, (1, AgentId(1)), 9).len(), 2);
    }
}
