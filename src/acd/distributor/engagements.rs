//! Engagements: from the accept through talk and wrap-up to what comes after.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        Actor, Channel, DeviceChoice, Disposition, DispositionRule, EngagementSummary, InteractionKind, OfferEnd,
        Outcome, Output, PartEnd, Pending, QueueSettings, Reason, Rule, Selection, WithdrawCause, Work,
    },
    Acd, Timer, millis,
    offers::Ringing,
    queue::WaitPhase,
    seconds,
    table::{Event, Step},
    wrap_up::WrapUp,
};
use crate::base::{AgentId, CallId, EngagementId, Instant, InteractionId, Now, OfferId, Private, QueueId, Wall};

/// From an accept in the last moment of ringing to the bridge; more than any leg needs.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// One agent's handling of one interaction.
#[derive(Debug)]
pub(super) struct Engagement {
    pub id: EngagementId,
    pub agent: AgentId,
    pub interaction: InteractionId,
    /// The call that it is, and who called: for records and for the page once the call is over.
    pub call: Option<CallId>,
    pub caller: Private<String>,
    /// None: a wrap-up after a call that came through no queue.
    pub queue: Option<QueueId>,
    pub kind: InteractionKind,
    pub channel: Channel,
    pub offer: OfferId,
    pub offered: Instant,
    pub offer_until: Instant,
    /// Where it still rings: he accepted at his page, and has not picked up his phone yet.
    pub rings_at: Option<DeviceChoice>,
    pub accepted: Wall,
    pub connected: Option<Wall>,
    pub phase: Phase,
    pub talk_ms: u64,
    /// How the talk ended.
    pub end: Option<PartEnd>,
    /// The selection was Ready at the accept; and how often he had chosen by then.
    pub was_ready: bool,
    pub chosen: u32,
    pub work: Work,
    /// The queue's rules as they were at the accept: its own wrap-up applies, whatever else he serves.
    pub rules: Arc<QueueSettings>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accepted; the customer is being bridged, or dialled.
    Connecting,
    Live,
    WrapUp {
        since: Wall,
        /// None: until somebody ends it.
        until: Option<Instant>,
        /// None: no length was set.
        target: Option<Wall>,
        extended: u32,
    },
}

impl Acd {
    pub(super) fn begin_engagement(&mut self, now: Now, id: EngagementId, ringing: &Ringing, kind: InteractionKind) {
        let Some(agent) = self.agents.get(&ringing.agent) else { return };
        let Some(line) = self.queues.get(&ringing.queue) else { return };
        let Some(waiting) = self.waiting.get(&ringing.interaction) else { return };
        let state = agent.on(ringing.channel);
        let engagement = Engagement {
            id,
            agent: ringing.agent,
            interaction: ringing.interaction,
            call: waiting.call,
            caller: waiting.caller.clone(),
            queue: Some(ringing.queue),
            kind,
            channel: ringing.channel,
            offer: ringing.offer,
            offered: ringing.made,
            offer_until: ringing.until,
            rings_at: None,
            accepted: self.at(now),
            connected: None,
            phase: Phase::Connecting,
            talk_ms: 0,
            end: None,
            was_ready: state.selection.is_ready(),
            chosen: state.chosen,
            work: Work::default(),
            rules: Arc::clone(&line.rules),
        };
        if !kind.agent_first() {
            self.timers.set(Timer::Connect(id), ringing.until.max(now.mono + CONNECT_TIME));
        }
        self.engagements.insert(id, engagement);
        self.unsaved.engagements.insert(id);
    }

    /// The agent's phone is up, and he and the customer are told something first: the bridge comes within that time.
    pub fn handle_briefing(&mut self, now: Now, engagement: EngagementId, time: Duration) {
        if self.engagements.get(&engagement).is_some_and(|it| it.phase == Phase::Connecting) {
            self.timers.set(Timer::Connect(engagement), now.mono + time);
        }
    }

    /// He accepted at his page, and picks up his phone now.
    pub fn handle_picked_up(&mut self, engagement: EngagementId) {
        if let Some(it) = self.engagements.get_mut(&engagement) {
            it.rings_at = None;
        }
    }

    /// Accepted at the page, and nobody picked up the phone: as if its leg had died.
    pub(super) fn on_connect_over(&mut self, now: Now, engagement: EngagementId) {
        self.give_up_winner(now, engagement, WithdrawCause::NoAnswer);
    }

    /// What he accepted at his page rings where nothing can be heard any more, at this device or at all of them: as if its
    /// leg had died.
    pub(super) fn give_up_unpicked(&mut self, now: Now, agent: AgentId, device: Option<&DeviceChoice>) {
        let Some(it) = self.agents.get(&agent) else { return };
        let held = it.channels.iter().flat_map(|channel| channel.live.iter().chain(&channel.dialing));
        let unpicked = held.filter_map(|id| self.engagements.get(id)).filter(|it| {
            it.phase == Phase::Connecting
                && it.rings_at.as_ref().is_some_and(|at| device.is_none_or(|device| at == device))
        });
        let unpicked: Vec<_> = unpicked.map(|it| it.id).collect();
        for engagement in unpicked {
            self.give_up_winner(now, engagement, WithdrawCause::Unreachable);
        }
    }

    fn give_up_winner(&mut self, now: Now, engagement: EngagementId, cause: WithdrawCause) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        let (offer, agent, interaction) = (it.offer, it.agent, it.interaction);
        self.outputs.push_back(Output::Withdraw { offer, agent, interaction, cause });
        self.lose_winner(now, engagement);
    }

    /// Customer and agent are bridged; or the customer of an agent-first interaction answered (rule 23).
    pub fn handle_connected(&mut self, now: Now, engagement: EngagementId) {
        let at = self.at(now);
        let Some(it) = self.engagements.get_mut(&engagement) else { return };
        if it.phase != Phase::Connecting {
            return;
        }
        it.phase = Phase::Live;
        it.connected = Some(at);
        it.rings_at = None;
        self.timers.cancel(Timer::Connect(engagement));
        let (agent, channel, interaction, kind) = (it.agent, it.channel, it.interaction, it.kind);
        // Not before: what his phone did not take was answered by nobody, in his figures as in the queue's.
        if let Some(it) = self.agents.get_mut(&agent) {
            it.today.answered += 1;
            self.unsaved.agents.insert(agent);
        }
        self.offer_settled(now, engagement, OfferEnd::Accepted);
        self.unsaved.engagements.insert(engagement);
        if kind.agent_first() {
            self.change(now, agent, Actor::System, Rule::DialAnswered, |agent| {
                let state = agent.on_mut(channel);
                state.dialing.retain(|held| *held != engagement);
                state.live.push(engagement);
            });
        }
        self.remember_talk(now, engagement);
        self.leave(now, interaction, Outcome::Answered, WithdrawCause::Elsewhere);
        self.settle(now);
    }

    fn offer_settled(&mut self, now: Now, engagement: EngagementId, end: OfferEnd) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        let Some(queue) = it.queue else { return };
        let ring_ms = millis(now.mono.since(it.offered));
        let (offer, agent, interaction) = (it.offer, it.agent, it.interaction);
        self.outputs.push_back(Output::OfferEnded { offer, agent, interaction, queue, end, ring_ms });
    }

    /// The winner's leg died before the bridge (rule 16b): the interaction is back in its place, for others before
    /// him; a missed call only if the ring time had passed.
    pub fn handle_winner_lost(&mut self, now: Now, engagement: EngagementId) {
        self.lose_winner(now, engagement);
        self.settle(now);
    }

    fn lose_winner(&mut self, now: Now, engagement: EngagementId) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        if it.phase != Phase::Connecting {
            return;
        }
        let (agent, channel, interaction) = (it.agent, it.channel, it.interaction);
        let late = now.mono >= it.offer_until;
        let missed_max = it.rules.missed_max;
        let Step::Do(_) = self.step(agent, channel, Event::WinnerLost) else { return };
        self.forget_engagement(now, engagement, OfferEnd::Dump, Rule::WinnerLost);
        if late {
            if let Some(agent) = self.agents.get_mut(&agent) {
                agent.missed += 1;
            }
            self.check_missed(now, agent, channel, missed_max);
        }
        self.after(now, agent, None, Actor::System);
        self.note_tried(interaction, agent);
        if let Some(waiting) = self.waiting.get_mut(&interaction) {
            waiting.phase = WaitPhase::Open;
        }
        self.back_in_place(now, interaction);
    }

    /// The customer left while the bridge was being made: no talk, no wrap-up.
    pub(super) fn drop_connection(&mut self, now: Now, engagement: EngagementId, cause: WithdrawCause) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        let (agent, rule) = (it.agent, if it.kind.agent_first() { Rule::DialFailed } else { Rule::OfferGone });
        if it.rings_at.is_some() {
            let (offer, interaction) = (it.offer, it.interaction);
            self.outputs.push_back(Output::Withdraw { offer, agent, interaction, cause });
        }
        self.forget_engagement(now, engagement, OfferEnd::of(cause), rule);
        self.after(now, agent, None, Actor::System);
    }

    fn forget_engagement(&mut self, now: Now, engagement: EngagementId, end: OfferEnd, rule: Rule) {
        self.offer_settled(now, engagement, end);
        self.timers.cancel(Timer::Connect(engagement));
        let Some(it) = self.engagements.remove(&engagement) else { return };
        self.unsaved.engagements.insert(engagement);
        self.change(now, it.agent, Actor::System, rule, |agent| {
            let state = agent.on_mut(it.channel);
            state.live.retain(|held| *held != engagement);
            state.dialing.retain(|held| *held != engagement);
        });
        if let Some(queue) = it.queue {
            self.leave_if_leaving(now, it.agent, queue);
        }
    }

    /// The interaction is over for this agent: hung up on either side, or transferred away (rule 26). Before the
    /// bridge it is the customer who is gone.
    pub fn handle_ended(&mut self, now: Now, engagement: EngagementId, end: PartEnd) {
        let Some(it) = self.engagements.get(&engagement) else { return };
        match it.phase {
            Phase::Connecting => {
                self.leave(now, it.interaction, Outcome::AbandonedRinging, WithdrawCause::CustomerGone)
            }
            Phase::Live => {
                if let Step::Do(rule) = self.step(it.agent, it.channel, Event::InteractionEnded) {
                    self.end_talk(now, engagement, rule, Some(end));
                }
            }
            Phase::WrapUp { .. } => {}
        }
        self.settle(now);
    }

    pub(super) fn end_talk(&mut self, now: Now, engagement: EngagementId, rule: Rule, end: Option<PartEnd>) {
        let at = self.at(now);
        let Some(it) = self.engagements.get_mut(&engagement) else { return };
        it.end = end;
        let (agent, channel, queue) = (it.agent, it.channel, it.queue);
        it.talk_ms = it.connected.map_or(0, |connected| millis(at.since(connected)));
        let talk_ms = it.talk_ms;
        let wrap_up = self.wrap_up_of(engagement);
        if let Some(member) = queue.and_then(|queue| self.member_mut(agent, queue)) {
            member.calls += 1;
            member.talk_ms += talk_ms;
        }
        if let Some(queue) = queue {
            self.unsaved.members.insert((agent, queue));
        }
        if let (Some(WrapUp { secs, limited }), Some(it)) = (wrap_up, self.engagements.get_mut(&engagement)) {
            let until = limited.then(|| now.mono + seconds(secs));
            let target = (secs > 0).then(|| at + seconds(secs));
            it.phase = Phase::WrapUp { since: at, until, target, extended: 0 };
            if let Some(until) = until {
                self.timers.set(Timer::WrapUp(engagement), until);
            }
        }
        self.unsaved.engagements.insert(engagement);
        self.change(now, agent, Actor::System, rule, |agent| {
            agent.today.talk_ms += talk_ms;
            let state = agent.on_mut(channel);
            state.live.retain(|held| *held != engagement);
            if wrap_up.is_some() {
                state.wrapping.push(engagement);
            }
        });
        if let Some(queue) = queue {
            self.leave_if_leaving(now, agent, queue);
        }
        if wrap_up.is_none() {
            self.close(now, engagement, rule, Actor::System);
        }
    }

    /// An engagement is wholly over.
    pub(super) fn close(&mut self, now: Now, engagement: EngagementId, rule: Rule, actor: Actor) {
        let at = self.at(now);
        let Some(mut it) = self.engagements.remove(&engagement) else { return };
        self.timers.cancel(Timer::WrapUp(engagement));
        self.unsaved.engagements.insert(engagement);
        if it.rules.disposition == DispositionRule::Required {
            it.work.disposition.get_or_insert_with(Disposition::none);
        }
        let (wrap_up_ms, extended) = match it.phase {
            Phase::WrapUp { since, extended, .. } => (millis(at.since(since)), extended),
            Phase::Connecting | Phase::Live => (0, 0),
        };
        if let Some(line) = it.queue.and_then(|queue| self.queues.get_mut(&queue)) {
            // All three at once: the average of handling is theirs.
            line.today.talk_ms += it.talk_ms;
            line.today.wrap_up_ms += wrap_up_ms;
            line.today.handled += 1;
            line.took(it.talk_ms + wrap_up_ms);
            self.unsaved.queues.insert(line.id);
        }
        self.change(now, it.agent, actor, rule, |agent| {
            agent.today.wrap_up_ms += wrap_up_ms;
            agent.idle_since = at;
            agent.handled = true;
            agent.on_mut(it.channel).wrapping.retain(|held| *held != engagement);
        });
        self.outputs.push_back(Output::EngagementEnded(Box::new(EngagementSummary {
            engagement,
            agent: it.agent,
            interaction: it.interaction,
            call: it.call,
            queue: it.queue,
            kind: it.kind,
            accepted: it.accepted,
            ended: at,
            talk_ms: it.talk_ms,
            wrap_up_ms,
            extended,
            end: it.end,
            work: it.work.clone(),
            actor,
        })));
        self.after(now, it.agent, Some(&it), actor);
    }

    /// Rule 31, whenever a channel has become idle: first what was asked for, then the lost session, then what the
    /// queue wants after an engagement.
    pub(super) fn after(&mut self, now: Now, agent: AgentId, engagement: Option<&Engagement>, actor: Actor) {
        let channel = engagement.map_or(Channel::Voice, |engagement| engagement.channel);
        let Some(it) = self.agents.get(&agent) else { return };
        if it.at(channel) != super::table::At::Idle {
            return;
        }
        let state = it.on(channel);
        let (pending, lost, everything_idle) = (state.pending.clone(), it.lost, it.idle());
        let untouched = engagement.filter(|was| was.was_ready && was.chosen == state.chosen && was.channel == channel);
        let next = untouched.and_then(|was| Self::next_selection(&was.rules.next_status));
        let over = state.over_activity;
        match pending {
            Some(Pending::NotReady { reason }) => {
                self.choose_after(now, agent, channel, Selection::NotReady { reason });
            }
            Some(Pending::LogOff) if everything_idle => {
                let reason = it.leaves_for.clone();
                self.go_offline(now, agent, reason, Rule::After, actor);
                return;
            }
            Some(Pending::LogOff) => {}
            None if lost => {}
            None => {
                if let Some(selection) = next {
                    self.choose_after(now, agent, channel, selection);
                } else if over {
                    self.change(now, agent, Actor::System, Rule::After, |agent| {
                        agent.on_mut(channel).over_activity = false;
                    });
                } else {
                    self.hit(Rule::After);
                }
            }
        }
        if lost && everything_idle {
            self.go_offline(now, agent, Some(Reason::lost()), Rule::After, Actor::System);
        }
    }

    fn choose_after(&mut self, now: Now, agent: AgentId, channel: Channel, selection: Selection) {
        let at = self.at(now);
        self.change(now, agent, Actor::System, Rule::After, |agent| {
            let state = agent.on_mut(channel);
            state.pending = None;
            state.over_activity = false;
            state.choose(selection, Actor::System, at);
        });
    }
}
