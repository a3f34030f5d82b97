//! Pictures for people: snapshots and explanations. Nothing here changes anything.

use std::collections::BTreeSet;

use super::{
    super::{
        AgentSnapshot, Channel, EngagementSnapshot, MemberSnapshot, OfferSnapshot, QueueSnapshot, Snapshot, Status,
        StatusTime, StatusView, WaitingSnapshot,
    },
    Acd, Explanation, KeptFor, MemberReason, Timer,
    agent::{Agent, Ban},
    decision::Stage,
    engagements::Phase,
    millis,
    queue::{Need, Queue, WaitPhase},
    seconds,
};
use crate::base::{AgentId, InteractionId, Now, QueueId, Wall};

impl Acd {
    pub fn status(&self, agent: AgentId, channel: Channel) -> Option<StatusView> {
        Some(self.agents.get(&agent)?.view(channel))
    }

    pub fn snapshot(&self, now: Now) -> Snapshot {
        let agents: BTreeSet<_> = self.agents.keys().copied().collect();
        let queues: BTreeSet<_> = self.queues.keys().copied().collect();
        self.told(Snapshot {
            at: self.at(now),
            agents: agents.into_iter().filter_map(|agent| self.seen(now, agent)).collect(),
            queues: queues.into_iter().filter_map(|queue| self.queue_snapshot(queue)).collect(),
            repairs_total: self.repairs,
        })
    }

    /// One agent's part of the snapshot.
    pub fn agent_snapshot(&self, now: Now, agent: AgentId) -> Option<AgentSnapshot> {
        self.told(self.seen(now, agent))
    }

    fn seen(&self, now: Now, agent: AgentId) -> Option<AgentSnapshot> {
        let it = self.agents.get(&agent)?;
        let state = it.on(it.main_channel());
        let view = it.view(it.main_channel());
        let members = it.members.iter().map(|(queue, member)| MemberSnapshot {
            queue: *queue,
            state: member.state.clone(),
            temporary: !member.assigned,
            tier: member.tier,
            device: member.device().clone(),
        });
        let at = self.at(now);
        Some(AgentSnapshot {
            agent,
            key: it.settings.key.clone(),
            name: named(&it.settings.name, &it.settings.key),
            status: view.status,
            reason: view.reason,
            activity: view.activity,
            pending: view.pending,
            selection: state.selection.clone(),
            since: state.shown_since,
            until: self.until(now, it, view.status),
            online: it.online,
            reachable: it.reachable(Channel::Voice),
            dnd: it.dnd,
            locked: it.locked,
            missed: it.missed,
            offers: self.offers_of(now, it),
            engagements: self.engagements_of(now, it),
            queues: members.collect(),
            times: it.clock.times(state.shown.status, state.shown.reason.as_ref(), state.shown_since, at),
            occupancy: it.clock.occupancy(state.shown.status, state.shown_since, at),
            inactive_until: self
                .timers
                .deadline(&Timer::Inactive(agent))
                .filter(|_| it.prompted)
                .map(|until| self.wall_of(now, until)),
            today: it.today,
        })
    }

    /// How long an agent has been in each status today.
    pub fn times_of(&self, now: Now, agent: AgentId) -> Option<Vec<StatusTime>> {
        let it = self.agents.get(&agent)?;
        let state = it.on(it.main_channel());
        Some(it.clock.times(state.shown.status, state.shown.reason.as_ref(), state.shown_since, self.at(now)))
    }

    fn until(&self, now: Now, agent: &Agent, status: Status) -> Option<Wall> {
        match (status, agent.ban) {
            (Status::Banned, Some(Ban::Until(until))) => Some(self.wall_of(now, until)),
            (Status::WrapUp, _) => {
                let ends = self.engagements_of(now, agent).into_iter().filter_map(|it| it.wrap_up_until);
                ends.max()
            }
            (
                Status::Offline
                | Status::Ringing
                | Status::Dialing
                | Status::Busy
                | Status::Banned
                | Status::Dnd
                | Status::NotReady
                | Status::Ready,
                _,
            ) => None,
        }
    }

    fn offers_of(&self, now: Now, agent: &Agent) -> Vec<OfferSnapshot> {
        let offers = agent.channels.iter().flat_map(|channel| &channel.offers);
        let offers = offers.filter_map(|offer| self.offers.get(offer)).map(|it| OfferSnapshot {
            offer: it.offer,
            interaction: it.interaction,
            queue: it.queue,
            made: self.wall_of(now, it.made),
            until: self.wall_of(now, it.until),
        });
        offers.collect()
    }

    fn engagements_of(&self, now: Now, agent: &Agent) -> Vec<EngagementSnapshot> {
        let held = agent.channels.iter().flat_map(|it| it.live.iter().chain(&it.dialing).chain(&it.wrapping));
        let held = held.filter_map(|id| self.engagements.get(id)).map(|it| {
            let (since, until, target) = match it.phase {
                Phase::WrapUp { since, until, target, .. } => {
                    (Some(since), until.map(|until| self.wall_of(now, until)), target)
                }
                Phase::Connecting | Phase::Live => (None, None, None),
            };
            EngagementSnapshot {
                engagement: it.id,
                interaction: it.interaction,
                queue: it.queue,
                channel: it.channel,
                kind: it.kind,
                accepted: it.accepted,
                connected: it.connected,
                wrap_up_since: since,
                wrap_up_until: until,
                wrap_up_target: target,
                call: it.call,
                caller: it.caller.clone(),
                mark_done: it.rules.mark_done,
                disposition: it.rules.disposition,
                work: it.work.clone(),
            }
        });
        held.collect()
    }

    fn queue_snapshot(&self, queue: QueueId) -> Option<QueueSnapshot> {
        let it = self.queues.get(&queue)?;
        let waiting = it.line.iter().zip(1..).filter_map(|(key, position)| {
            let waiting = self.waiting.get(&key.interaction)?;
            let ringing = waiting.offers.iter().filter_map(|offer| self.offers.get(offer)).map(|it| it.agent);
            Some(WaitingSnapshot {
                ewt_ms: it.estimate_ms(position, it.free_of(waiting.pool)),
                interaction: key.interaction,
                position,
                priority: waiting.priority,
                arrived: waiting.arrived,
                caller: waiting.caller.clone(),
                ringing: ringing.collect(),
                connecting: matches!(waiting.phase, WaitPhase::Connecting(_)),
            })
        });
        Some(QueueSnapshot {
            queue,
            key: it.rules.key.clone(),
            name: named(&it.rules.name, &it.rules.key),
            waiting: waiting.collect(),
            logged_in: it.logged_in(),
            routable: it.routable(),
            open: it.open,
            door: it.door,
            ewt_ms: self.estimate_for_newcomer_ms(queue),
            today: it.today,
        })
    }

    /// How long a queue's offers ring at most, in seconds; 0 where it has no such queue.
    pub fn ring_secs(&self, queue: QueueId) -> u32 {
        self.queues.get(&queue).map_or(0, |queue| queue.rules.ring_secs)
    }

    /// Why a waiting interaction waits: everybody's part in it. Looks at the whole queue; for people who ask.
    pub fn explain(&self, now: Now, interaction: InteractionId) -> Option<Explanation> {
        let it = self.waiting.get(&interaction)?;
        let queue = self.queues.get(&it.queue)?;
        let pool = queue.pools.get(&it.pool)?;
        let vetoed = &it.deciding.vetoed;
        let asked = queue.first(pool, usize::MAX, vetoed);
        let mut members: Vec<_> = asked
            .iter()
            .zip(1..)
            .filter_map(|(key, rank)| self.member_reason(queue, &pool.need, key.agent, (Some(rank), false)))
            .collect();
        let ranked: BTreeSet<_> = asked.iter().map(|key| key.agent).collect();
        let others = queue.members.difference(&ranked);
        members.extend(
            others.filter_map(|agent| self.member_reason(queue, &pool.need, *agent, (None, vetoed.contains(agent)))),
        );
        let position = self.position(interaction)?;
        let waited_ms = millis(self.at(now).since(it.entered));
        let asking = match &it.deciding.stage {
            Stage::Asked { service, .. } => Some(service.clone()),
            Stage::Due | Stage::Given(_) => None,
        };
        let kept_for = pool
            .need
            .only
            .zip(it.preferred)
            .map(|(agent, preferred)| KeptFor { agent, until: self.shown(it.entered + seconds(preferred.secs)) });
        Some(Explanation { interaction, queue: it.queue, position, waited_ms, asking, kept_for, members })
    }

    fn member_reason(
        &self,
        queue: &Queue,
        need: &Need,
        agent: AgentId,
        (rank, vetoed): (Option<u32>, bool),
    ) -> Option<MemberReason> {
        let it = self.agents.get(&agent)?;
        let member = it.members.get(&queue.id)?;
        let any_tier = Need { tier_max: None, only: None, ..need.clone() };
        Some(MemberReason {
            agent,
            rank,
            held_back: member.held_back.iter().collect(),
            unfit: !any_tier.admits(it, member.tier),
            tier_not_open: need.tier_max.is_some_and(|most| member.tier > most),
            vetoed,
            status: it.view(queue.rules.channel),
        })
    }
}

fn named(name: &str, key: &str) -> String {
    if name.is_empty() { key.into() } else { name.into() }
}
