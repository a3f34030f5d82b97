//! Agents, and their places in queues.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{
    super::{
        AgentRecord, BanRecord, Channel, ChannelRecord, DirectKind, DirectRecord, Entry, MemberRecord, MemberState,
        Pending, Reason, ReasonSettings, ShownRecord,
    },
    Acd, Timer,
    agent::{Ban, Direct, DirectPhase, Member},
    members::temporary_order,
    reload::{known, with_known_reason},
};
use crate::base::{AgentId, CallId, Now, QueueId, Wall};

impl Acd {
    pub(super) fn agent_entry(&self, now: Now, agent: AgentId) -> Option<Entry> {
        let it = self.agents.get(&agent)?;
        let channels = it.settings.channels.iter().map(|channel| {
            let state = it.on(*channel);
            ChannelRecord {
                channel: *channel,
                selection: state.selection.clone(),
                since: state.since,
                actor: state.actor,
                pending: state.pending.clone(),
                over_activity: state.over_activity,
                shown: Some(ShownRecord {
                    status: state.shown.status,
                    reason: state.shown.reason.clone(),
                    since: state.shown_since,
                }),
            }
        });
        let direct = it.channels.iter().flat_map(|channel| &channel.direct);
        let direct = direct.filter(|direct| direct.phase == DirectPhase::Talking);
        let direct = direct.map(|Direct { call, kind, since, out, .. }| DirectRecord {
            call: *call,
            kind: *kind,
            since: *since,
            out: *out,
        });
        let (times, counted) = it.clock.counted();
        Some(Entry::Agent(Box::new(AgentRecord {
            times,
            counted: Some(counted),
            agent,
            online: it.online,
            page: it.page,
            offline_reason: it.offline_reason.clone(),
            leaves_for: it.leaves_for.clone(),
            dnd: it.dnd,
            locked: it.locked,
            channels: channels.collect(),
            direct: direct.collect(),
            missed: it.missed,
            banned: it.ban.map(|ban| match ban {
                Ban::Until(until) => BanRecord::Until(self.wall_of(now, until)),
                Ban::UntilManual => BanRecord::UntilManual,
            }),
            not_before: it.not_before.map(|until| self.wall_of(now, until)),
            idle_since: it.idle_since,
            handled: it.handled,
            since: it.on(Channel::Voice).shown_since,
            today: it.today,
        })))
    }

    pub(super) fn restore_agent(
        &mut self,
        now: Now,
        record: AgentRecord,
        live: &BTreeSet<(AgentId, CallId, DirectKind)>,
    ) {
        let at = self.at(now);
        let ban = record.banned.map(|ban| match ban {
            BanRecord::Until(until) => Ban::Until(self.mono_of(now, until)),
            BanRecord::UntilManual => Ban::UntilManual,
        });
        let not_before = record.not_before.map(|until| self.mono_of(now, until));
        let removed = |reason: Option<Reason>, reasons: &BTreeMap<Reason, ReasonSettings>| {
            reason.map(|reason| known(reason, reasons))
        };
        let Some(agent) = self.agents.get_mut(&record.agent) else { return };
        agent.online = record.online;
        agent.page = record.page;
        agent.offline_reason = record.offline_reason;
        agent.leaves_for = record.leaves_for;
        agent.dnd = record.dnd;
        agent.locked = record.locked;
        agent.missed = record.missed;
        agent.idle_since = record.idle_since;
        agent.handled = record.handled;
        agent.today = record.today;
        agent.clock.restore(record.times, record.counted.unwrap_or(at));
        agent.ban = ban;
        agent.not_before = not_before;
        let mut shown = BTreeMap::new();
        for saved in record.channels {
            shown.extend(saved.shown.map(|shown| (saved.channel, shown)));
            let state = agent.on_mut(saved.channel);
            state.selection = with_known_reason(saved.selection, &self.reasons);
            state.since = saved.since;
            state.actor = saved.actor;
            state.over_activity = saved.over_activity;
            state.pending = saved.pending.map(|pending| match pending {
                Pending::NotReady { reason } => Pending::NotReady { reason: removed(reason, &self.reasons) },
                Pending::LogOff => Pending::LogOff,
            });
        }
        let his = live.iter().filter(|(whose, ..)| *whose == record.agent);
        agent.on_mut(Channel::Voice).direct =
            his.map(|(_, call, kind)| go_on(&record.direct, *call, *kind, at)).collect();
        for channel in Channel::ALL {
            let mut view = agent.view(channel);
            let mut since = record.since;
            // What has changed since then is told, with its moment, once everything is back.
            if let Some(ShownRecord { status, reason, since: began }) = shown.remove(&channel) {
                (view.status, view.reason, since) = (status, reason, began);
            }
            let state = agent.on_mut(channel);
            (state.shown, state.shown_since) = (view, since);
        }
        if let Some(Ban::Until(until)) = ban {
            self.timers.set(Timer::Ban(record.agent), until);
        }
        if let Some(until) = not_before {
            self.timers.set(Timer::NotBefore(record.agent), until);
        }
    }

    pub(super) fn member_entry(&self, agent: AgentId, queue: QueueId) -> Option<Entry> {
        let member = self.agents.get(&agent)?.members.get(&queue)?;
        Some(Entry::Member(MemberRecord {
            agent,
            queue,
            state: member.state.clone(),
            temporary: !member.assigned,
            paused_by_all: member.paused_by_all,
            leaving: member.leaving,
            device: member.chosen.clone(),
            joined: member.joined,
            calls_today: member.calls,
            talk_ms_today: member.talk_ms,
        }))
    }

    pub(super) fn restore_member(&mut self, record: MemberRecord) {
        let MemberRecord { agent, queue, state, temporary, paused_by_all, leaving, joined, device, .. } = record;
        let (assigned, tier, order) = self.assignment(agent, queue);
        let settled = self.device_in(agent, queue);
        if !assigned && !temporary {
            // The settings took it away while we were down.
            return;
        }
        let order = if assigned { order } else { temporary_order(joined) };
        let state = match state {
            MemberState::Paused { reason } => {
                MemberState::Paused { reason: reason.map(|reason| known(reason, &self.reasons)) }
            }
            MemberState::LoggedOut | MemberState::Active => state,
        };
        self.next_joined = self.next_joined.max(joined + 1);
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let Some(line) = self.queues.get_mut(&queue) else { return };
        line.members.insert(agent);
        let member = it.members.entry(queue).or_insert_with(|| Member::new(assigned, state.clone(), joined, order));
        member.state = state;
        member.assigned = assigned;
        (member.tier, member.order, member.joined) = (tier, order, joined);
        (member.settled, member.chosen) = (settled, device);
        (member.paused_by_all, member.leaving) = (paused_by_all, leaving);
        (member.calls, member.talk_ms) = (record.calls_today, record.talk_ms_today);
    }
}

/// A direct call that outlived its process, with what the journal knows of it.
fn go_on(kept: &[DirectRecord], call: CallId, kind: DirectKind, at: Wall) -> Direct {
    let known = kept.iter().find(|kept| kept.call == call).copied();
    let DirectRecord { kind, since, out, .. } = known.unwrap_or(DirectRecord { call, kind, since: at, out: false });
    Direct { call, kind, phase: DirectPhase::Talking, since, out }
}
