//! Out to the journal and back.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        AgentRecord, BanRecord, Channel, ChannelRecord, EngagementRecord, Entry, GivenUp, MemberRecord, MemberState,
        Outcome, QueueCounters, QueueRecord, Reason, Rule, Spoke, WaitingRecord, WithdrawCause, WrapUpRecord,
    },
    Acd, Actor, Timer,
    agent::{Ban, Member},
    engagements::{Engagement, Phase},
    queue::{PLAIN, WaitPhase, Waiting},
};
use crate::base::{AgentId, EngagementId, InteractionId, Now, OfferId, QueueId};

/// What this turn changed and the journal does not know yet.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub agents: BTreeSet<AgentId>,
    pub members: BTreeSet<(AgentId, QueueId)>,
    pub queues: BTreeSet<QueueId>,
    pub waiting: BTreeSet<InteractionId>,
    pub engagements: BTreeSet<EngagementId>,
    left: Vec<Entry>,
}

impl Unsaved {
    pub fn left(&mut self, interaction: InteractionId, queue: QueueId, outcome: Outcome) {
        self.left.push(Entry::Left { interaction, queue, outcome });
    }
}

/// Interactions whose calls outlived their process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alive {
    /// The caller is there and waits.
    pub waiting: BTreeSet<InteractionId>,
    /// He and an agent hear each other.
    pub talking: BTreeSet<InteractionId>,
}

/// The last word on each subject.
#[derive(Default)]
struct Folded {
    agents: BTreeMap<AgentId, AgentRecord>,
    members: BTreeMap<(AgentId, QueueId), MemberRecord>,
    queues: BTreeMap<QueueId, QueueRecord>,
    waiting: BTreeMap<InteractionId, WaitingRecord>,
    given_up: BTreeMap<(QueueId, String), GivenUp>,
    spoke: BTreeMap<(QueueId, String), Spoke>,
    engagements: BTreeMap<EngagementId, EngagementRecord>,
    day: i32,
    /// Where it is not the centre's.
    queue_days: BTreeMap<QueueId, i32>,
}

impl Folded {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Agent(it) => drop(self.agents.insert(it.agent, *it)),
            Entry::Member(it) => drop(self.members.insert((it.agent, it.queue), it)),
            Entry::MemberGone { agent, queue } => drop(self.members.remove(&(agent, queue))),
            Entry::Queue(it) => drop(self.queues.insert(it.queue, *it)),
            Entry::Waiting(it) => drop(self.waiting.insert(it.interaction, *it)),
            // He may be in another queue by now.
            Entry::Left { interaction, queue, .. } => {
                if self.waiting.get(&interaction).is_some_and(|it| it.queue == queue) {
                    self.waiting.remove(&interaction);
                }
            }
            Entry::GaveUp(it) => drop(self.given_up.insert((it.queue, it.caller.reveal().clone()), it)),
            Entry::CameBack { queue, caller } => drop(self.given_up.remove(&(queue, caller.reveal().clone()))),
            Entry::Spoke(it) => drop(self.spoke.insert((it.queue, it.caller.reveal().clone()), it)),
            Entry::Engagement(it) => drop(self.engagements.insert(it.engagement, *it)),
            Entry::EngagementGone { engagement } => drop(self.engagements.remove(&engagement)),
            Entry::Day { day } => self.turn_to(day),
            Entry::QueueDay { queue, day } => self.turn_queue_to(queue, day),
        }
    }

    fn turn_to(&mut self, day: i32) {
        if day == self.day {
            return;
        }
        self.day = day;
        for agent in self.agents.values_mut() {
            agent.today = Default::default();
            (agent.times, agent.counted) = (Vec::new(), None);
        }
        // Journals of before queues had days of their own.
        let others: Vec<_> = self.queues.keys().filter(|queue| !self.queue_days.contains_key(queue)).copied().collect();
        others.into_iter().for_each(|queue| self.begin_queue_day(queue));
    }

    fn turn_queue_to(&mut self, queue: QueueId, day: i32) {
        let before = self.queue_days.insert(queue, day).unwrap_or(self.day);
        if before != day {
            self.begin_queue_day(queue);
        }
    }

    fn begin_queue_day(&mut self, queue: QueueId) {
        for member in self.members.values_mut().filter(|member| member.queue == queue) {
            (member.calls_today, member.talk_ms_today) = (0, 0);
        }
        let carried = self.waiting.values().filter(|waiting| waiting.queue == queue).count();
        if let Some(record) = self.queues.get_mut(&queue) {
            let entered = u32::try_from(carried).unwrap_or(u32::MAX);
            record.today = QueueCounters { entered, ..QueueCounters::default() };
        }
    }
}

impl Acd {
    /// Rebuilds from the journal (rule 39), before or after the first `settings`. `alive` names the interactions whose
    /// calls live on; the others end as `system_error`. Nobody is busy afterwards without a live call, and nobody
    /// rings: who waited is offered again.
    pub fn restore(&mut self, now: Now, entries: impl IntoIterator<Item = Entry>, alive: &Alive) {
        let entries: Vec<_> = entries.into_iter().collect();
        if self.anchor.is_none() {
            self.limbo = Some((entries, alive.clone()));
            return;
        }
        let mut folded = Folded { day: self.day, ..Folded::default() };
        entries.into_iter().for_each(|entry| folded.add(entry));
        folded.turn_to(self.day);
        for queue in self.queues.values() {
            folded.turn_queue_to(queue.id, queue.day);
        }
        let Folded { agents, members, queues, waiting, given_up, spoke, engagements, .. } = folded;
        for record in queues.into_values() {
            if let Some(queue) = self.queues.get_mut(&record.queue) {
                (queue.pointer, queue.today, queue.door) = (record.pointer, record.today, record.door);
                (queue.handle_ms, queue.waited_ms) = (record.handle_ms, record.waited_ms);
            }
        }
        let mut given_up: Vec<_> = given_up.into_values().collect();
        given_up.sort_by_key(|gone| gone.left);
        for gone in given_up {
            if let Some(queue) = self.queues.get_mut(&gone.queue).filter(|queue| queue.rules.resume_secs > 0) {
                queue.given_up.push_back(gone);
            }
        }
        let mut spoke: Vec<_> = spoke.into_values().collect();
        spoke.sort_by_key(|spoke| spoke.at);
        spoke.into_iter().for_each(|spoke| self.restore_talk(spoke));
        let doors: BTreeSet<_> = self.queues.keys().copied().collect();
        for queue in doors {
            self.watch_door(now, queue, Actor::System);
        }
        for record in agents.into_values() {
            self.restore_agent(now, record);
        }
        for record in members.into_values() {
            self.restore_member(record);
        }
        for record in engagements.into_values() {
            self.restore_engagement(now, record, &alive.talking);
        }
        for record in waiting.into_values() {
            self.restore_waiting(now, record, &alive.waiting);
        }
        // A journal torn within a turn may count somebody of whom it knows no more.
        for queue in self.queues.values_mut() {
            let line = u32::try_from(queue.line.len()).unwrap_or(u32::MAX);
            queue.today.entered = line + queue.today.ended();
        }
        self.relist_all();
        let everybody: BTreeSet<_> = self.agents.keys().copied().collect();
        for agent in everybody {
            self.change(now, agent, Actor::System, Rule::Boot, |_| {});
            self.after(now, agent, None, Actor::System);
            self.watch_presence(now, agent);
            self.watch_length(now, agent);
            self.watch_activity(now, agent);
        }
        self.settle(now);
    }

    fn restore_agent(&mut self, now: Now, record: AgentRecord) {
        let at = self.at(now);
        let ban = record.banned.map(|ban| match ban {
            BanRecord::Until(until) => Ban::Until(self.mono_of(now, until)),
            BanRecord::UntilManual => Ban::UntilManual,
        });
        let not_before = record.not_before.map(|until| self.mono_of(now, until));
        let removed = |reason: Option<Reason>, reasons: &BTreeMap<Reason, super::ReasonSettings>| {
            reason.map(|reason| super::reload::known(reason, reasons))
        };
        let Some(agent) = self.agents.get_mut(&record.agent) else { return };
        agent.online = record.online;
        agent.page = record.page;
        agent.offline_reason = record.offline_reason;
        agent.dnd = record.dnd;
        agent.locked = record.locked;
        agent.missed = record.missed;
        agent.idle_since = record.idle_since;
        agent.handled = record.handled;
        agent.today = record.today;
        agent.clock.restore(record.times, record.counted.unwrap_or(at));
        agent.ban = ban;
        agent.not_before = not_before;
        for saved in record.channels {
            let state = agent.on_mut(saved.channel);
            state.selection = super::reload::with_known_reason(saved.selection, &self.reasons);
            state.since = saved.since;
            state.actor = saved.actor;
            state.over_activity = saved.over_activity;
            state.pending = saved.pending.map(|pending| match pending {
                super::super::Pending::NotReady { reason } => {
                    super::super::Pending::NotReady { reason: removed(reason, &self.reasons) }
                }
                super::super::Pending::LogOff => super::super::Pending::LogOff,
            });
        }
        for channel in Channel::ALL {
            let view = agent.view(channel);
            let state = agent.on_mut(channel);
            state.shown = view;
            state.shown_since = record.since;
        }
        if let Some(Ban::Until(until)) = ban {
            self.timers.set(Timer::Ban(record.agent), until);
        }
        if let Some(until) = not_before {
            self.timers.set(Timer::NotBefore(record.agent), until);
        }
    }

    fn restore_member(&mut self, record: MemberRecord) {
        let MemberRecord { agent, queue, state, temporary, paused_by_all, leaving, joined, device, .. } = record;
        let (assigned, tier, order) = self.assignment(agent, queue);
        let settled = self.device_in(agent, queue);
        if !assigned && !temporary {
            // The settings took it away while we were down.
            return;
        }
        let order = if assigned { order } else { super::members::temporary_order(joined) };
        let state = match state {
            MemberState::Paused { reason } => {
                MemberState::Paused { reason: reason.map(|reason| super::reload::known(reason, &self.reasons)) }
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

    fn restore_engagement(&mut self, now: Now, record: EngagementRecord, live: &BTreeSet<InteractionId>) {
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
        let rules = record.queue.and_then(|queue| self.queues.get(&queue)).map(|queue| queue.rules.clone());
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
            accepted: record.accepted,
            connected: record.connected,
            phase,
            talk_ms: record.talk_ms,
            was_ready: record.was_ready,
            chosen: state.chosen,
            work: record.work,
            rules: rules.unwrap_or_default(),
        };
        self.engagements.insert(id, engagement);
        if let Some(agent) = self.agents.get_mut(&record.agent) {
            // The same as before: its time goes on.
            let view = agent.view(record.channel);
            agent.on_mut(record.channel).shown = view;
        }
    }

    fn restore_waiting(&mut self, now: Now, record: WaitingRecord, live: &BTreeSet<InteractionId>) {
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

    /// Writes what this turn changed.
    pub(super) fn save(&mut self, now: Now) {
        let unsaved = std::mem::take(&mut self.unsaved);
        if !self.journals {
            self.entries.clear();
            return;
        }
        let Unsaved { agents, members, queues, waiting, engagements, left } = unsaved;
        for queue in queues {
            let entry = self.queue_entry(queue);
            self.entries.extend(entry);
        }
        for id in waiting {
            let entry = self.waiting_entry(id);
            self.entries.extend(entry);
        }
        for engagement in engagements {
            let entry = self.engagement_entry(now, engagement);
            self.entries.push_back(entry.unwrap_or(Entry::EngagementGone { engagement }));
        }
        self.entries.extend(left);
        for (agent, queue) in members {
            let entry = self.member_entry(agent, queue);
            self.entries.push_back(entry.unwrap_or(Entry::MemberGone { agent, queue }));
        }
        for agent in agents {
            let entry = self.agent_entry(now, agent);
            self.entries.extend(entry);
        }
    }

    /// All that `restore` needs.
    pub fn checkpoint(&self, now: Now) -> Vec<Entry> {
        let mut entries = vec![Entry::Day { day: self.day }];
        let days: BTreeMap<_, _> = self.queues.values().map(|queue| (queue.id, queue.day)).collect();
        entries.extend(days.into_iter().map(|(queue, day)| Entry::QueueDay { queue, day }));
        let agents: BTreeSet<_> = self.agents.keys().copied().collect();
        let queues: BTreeSet<_> = self.queues.keys().copied().collect();
        let waiting: BTreeSet<_> = self.waiting.keys().copied().collect();
        let engagements: BTreeSet<_> = self.engagements.keys().copied().collect();
        entries.extend(agents.iter().filter_map(|agent| self.agent_entry(now, *agent)));
        for agent in &agents {
            let members = self.agents.get(agent).into_iter().flat_map(|agent| agent.members.keys());
            entries.extend(members.filter_map(|queue| self.member_entry(*agent, *queue)));
        }
        entries.extend(queues.iter().filter_map(|queue| self.queue_entry(*queue)));
        entries.extend(waiting.iter().filter_map(|id| self.waiting_entry(*id)));
        let given_up = queues.iter().filter_map(|queue| self.queues.get(queue)).flat_map(|queue| &queue.given_up);
        entries.extend(given_up.cloned().map(Entry::GaveUp));
        let lines = queues.iter().filter_map(|queue| self.queues.get(queue));
        entries.extend(lines.flat_map(super::queue::Queue::talks).map(Entry::Spoke));
        entries.extend(engagements.iter().filter_map(|id| self.engagement_entry(now, *id)));
        entries
    }

    fn agent_entry(&self, now: Now, agent: AgentId) -> Option<Entry> {
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
            }
        });
        let (times, counted) = it.clock.counted();
        Some(Entry::Agent(Box::new(AgentRecord {
            times,
            counted: Some(counted),
            agent,
            online: it.online,
            page: it.page,
            offline_reason: it.offline_reason.clone(),
            dnd: it.dnd,
            locked: it.locked,
            channels: channels.collect(),
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

    fn member_entry(&self, agent: AgentId, queue: QueueId) -> Option<Entry> {
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

    fn queue_entry(&self, queue: QueueId) -> Option<Entry> {
        let it = self.queues.get(&queue)?;
        Some(Entry::Queue(Box::new(QueueRecord {
            queue,
            pointer: it.pointer,
            door: it.door,
            handle_ms: it.handle_ms,
            waited_ms: it.waited_ms,
            today: it.today,
        })))
    }

    fn waiting_entry(&self, id: InteractionId) -> Option<Entry> {
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
            preferred: it.preferred,
            tried: it.tried.to_vec(),
            relaxed: it.relaxed,
        })))
    }

    fn engagement_entry(&self, now: Now, id: EngagementId) -> Option<Entry> {
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
            was_ready: it.was_ready && chosen == Some(it.chosen),
            work: it.work.clone(),
        })))
    }
}
