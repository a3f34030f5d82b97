//! Who waits, and whom an agent serves.

use std::collections::BTreeSet;

use super::super::{
    super::{EngagementRecord, Entry, Outcome, WaitingRecord, WithdrawCause, WrapUpRecord},
    Acd, Timer,
    engagements::{Engagement, Phase},
    queue::{PLAIN, WaitPhase, Waiting},
};
use crate::base::{EngagementId, InteractionId, Now, OfferId};

impl Acd {
    pub(super) fn waiting_entry(&self, id: InteractionId) -> Option<Entry> {
        let it = self.waiting.get(&id)?;
        Some(Entry::Waiting(Box::new(WaitingRecord {
            interaction: id,
            queue: it.queue,
            kind: it.kind,
            priority: it.priority,
            arrived: it.arrived,
            entered: it.entered,
            call: it.call,
            caller: it.caller.clone(),
            skills: it.skills.clone(),
            opened: it.opened,
            preferred: it.preferred,
            tried: it.tried.to_vec(),
            relaxed: it.relaxed,
        })))
    }

    pub(super) fn restore_waiting(&mut self, now: Now, record: WaitingRecord, live: &BTreeSet<InteractionId>) {
        let id = record.interaction;
        let lives = live.contains(&id);
        self.admit(
            now,
            Waiting {
                interaction: id,
                queue: record.queue,
                kind: record.kind,
                order: self.policies.wait_order,
                priority: record.priority,
                arrived: record.arrived,
                entered: record.entered,
                expires: None,
                call: record.call,
                caller: record.caller,
                skills: record.skills,
                opened: record.opened,
                preferred: record.preferred,
                tried: record.tried.into(),
                offers: Default::default(),
                phase: WaitPhase::Open,
                pool: PLAIN,
                wanting: false,
                deciding: Default::default(),
                step_due: false,
                unfit_since: None,
                expired: false,
                alone: false,
                relaxed: record.relaxed,
            },
        );
        if !lives {
            self.leave(now, id, Outcome::SystemError, WithdrawCause::CustomerGone);
        }
    }

    pub(super) fn engagement_entry(&self, now: Now, id: EngagementId) -> Option<Entry> {
        let it = self.engagements.get(&id)?;
        let chosen = self.agents.get(&it.agent).map(|agent| agent.on(it.channel).chosen);
        Some(Entry::Engagement(Box::new(EngagementRecord {
            engagement: id,
            agent: it.agent,
            interaction: it.interaction,
            call: it.call,
            caller: it.caller.clone(),
            queue: it.queue,
            kind: it.kind,
            channel: it.channel,
            accepted: it.accepted,
            connected: it.connected,
            wrap_up: match it.phase {
                Phase::WrapUp { since, until, target, extended } => {
                    let until = until.map(|until| self.wall_of(now, until));
                    Some(WrapUpRecord { since, until, target, extended })
                }
                Phase::Connecting | Phase::Live => None,
            },
            talk_ms: it.talk_ms,
            end: it.end,
            was_ready: it.was_ready && chosen == Some(it.chosen),
            work: it.work.clone(),
        })))
    }

    pub(super) fn restore_engagement(&mut self, now: Now, record: EngagementRecord, live: &BTreeSet<InteractionId>) {
        let id = record.engagement;
        self.next_id = self.next_id.max(id.0 + 1);
        let phase = match record.wrap_up {
            Some(WrapUpRecord { since, until, target, extended }) => {
                let until = until.map(|until| self.mono_of(now, until));
                Some(Phase::WrapUp { since, until, target, extended })
            }
            None if record.connected.is_some() && live.contains(&record.interaction) => Some(Phase::Live),
            None => None,
        };
        let rules = match record.queue {
            Some(queue) => self.queues.get(&queue).map(|queue| queue.rules.clone()).unwrap_or_default(),
            None => self.direct_rules(),
        };
        let (Some(phase), Some(agent)) = (phase, self.agents.get_mut(&record.agent)) else {
            self.unsaved.engagements.insert(id);
            return;
        };
        let state = agent.on_mut(record.channel);
        match phase {
            Phase::Connecting | Phase::Live => state.live.push(id),
            Phase::WrapUp { until, .. } => {
                state.wrapping.push(id);
                if let Some(until) = until {
                    self.timers.set(Timer::WrapUp(id), until);
                }
            }
        }
        let engagement = Engagement {
            id,
            agent: record.agent,
            interaction: record.interaction,
            call: record.call,
            caller: record.caller,
            queue: record.queue,
            kind: record.kind,
            channel: record.channel,
            offer: OfferId(0),
            offered: now.mono,
            offer_until: now.mono,
            rings_at: None,
            accepted: record.accepted,
            connected: record.connected,
            phase,
            talk_ms: record.talk_ms,
            end: record.end,
            was_ready: record.was_ready,
            chosen: state.chosen,
            work: record.work,
            rules,
        };
        self.engagements.insert(id, engagement);
        if let Some(agent) = self.agents.get_mut(&record.agent) {
            // The same as before: its time goes on.
            let view = agent.view(record.channel);
            agent.on_mut(record.channel).shown.activity = view.activity;
        }
    }
}
