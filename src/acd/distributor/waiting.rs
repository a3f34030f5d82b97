//! Interactions in line: how they come in, how their place is kept, how they leave.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::{
    super::{
        Actor, Enqueue, Fits, InteractionKind, NeededSkill, OfferEnd, Onward, Outcome, Output, Refused, Task,
        TimeoutPriority, WithdrawCause,
    },
    Acd, Timer,
    agent::Member,
    estimate::average,
    millis,
    queue::{Need, PLAIN, WaitPhase, Waiting},
    seconds,
};
use crate::{
    acd::Strategy,
    base::{InteractionId, Now, QueueId},
};

impl Acd {
    /// An interaction enters a queue, or another by the queue's chain; `Entered` says which. `Err`: its outcome; with
    /// `Overflowed` it goes on to where that says. No `Left` follows then.
    pub fn enqueue(&mut self, now: Now, mut enqueue: Enqueue) -> Result<(), Outcome> {
        if self.waiting.contains_key(&enqueue.interaction) {
            return Err(Outcome::SystemError);
        }
        if self.queues.get(&enqueue.queue).is_some_and(|line| line.open != line.is_open(now.wall)) {
            self.watch_door(now, enqueue.queue, Actor::System);
        }
        self.regain(now, &mut enqueue);
        let result = self.present(now, enqueue);
        self.settle(now);
        result
    }

    pub(super) fn enter(&mut self, now: Now, enqueue: Enqueue) {
        let Enqueue { interaction, queue, kind, priority, arrived, call, caller, skills, preferred, returns: _ } =
            enqueue;
        let at = self.at(now);
        let arrived = arrived.unwrap_or(at).min(at);
        let preferred = preferred.or_else(|| self.last_agent(queue, &caller, at));
        self.turn.entered.push(interaction);
        self.outputs.push_back(Output::Entered { interaction, queue, priority, arrived, caller: caller.clone() });
        self.admit(
            now,
            Waiting {
                interaction,
                queue,
                kind,
                order: self.policies.wait_order,
                priority,
                arrived,
                entered: at,
                expires: None,
                call,
                caller,
                skills,
                opened: 0,
                preferred,
                tried: SmallVec::new(),
                offers: SmallVec::new(),
                phase: WaitPhase::Open,
                pool: PLAIN,
                wanting: false,
                deciding: Default::default(),
                step_due: false,
                unfit_since: None,
                expired: false,
                alone: false,
                relaxed: false,
            },
        );
    }

    /// Puts an interaction in line, new or out of the journal, and starts its timers.
    pub(super) fn admit(&mut self, now: Now, mut waiting: Waiting) {
        let (id, queue) = (waiting.interaction, waiting.queue);
        let waited = self.at(now).since(waiting.entered);
        let Some(line) = self.queues.get_mut(&queue) else { return };
        let rules = &line.rules;
        if rules.max_wait_secs > 0 {
            let expires = now.mono + seconds(rules.max_wait_secs).saturating_sub(waited);
            waiting.expires = Some(expires);
            self.timers.set(Timer::MaxWait(id), expires);
        }
        if waited < seconds(rules.member_delay_secs) {
            waiting.phase = WaitPhase::Delayed;
        }
        line.stand_in_line(waiting.key());
        self.waiting.insert(id, waiting);
        self.unsaved.waiting.insert(id);
        self.turn.queues.insert(queue);
        self.watch_unfit(now, queue);
        self.widen(now, id);
        self.begin_telling(now, id);
    }

    pub(super) fn on_widen(&mut self, now: Now, interaction: InteractionId) {
        self.widen(now, interaction);
    }

    /// Finds the circle of agents that is open to an interaction by now, and when the next opens.
    pub(super) fn widen(&mut self, now: Now, id: InteractionId) {
        let Some(it) = self.waiting.get(&id) else { return };
        let Some(line) = self.queues.get(&it.queue) else { return };
        let waited = self.at(now).since(it.entered);
        let mut next = None;
        let mut later = |at: std::time::Duration| {
            if waited < at {
                next = Some(next.map_or(at, |soonest: std::time::Duration| soonest.min(at)));
            }
        };
        let delay = seconds(line.rules.member_delay_secs);
        later(delay);
        let delayed = waited < delay;
        let task = Task { caller: it.caller.reveal(), kind: it.kind.word(), priority: i64::from(it.priority) };
        let fits = if it.relaxed { Fits::Always } else { line.fits.given(task) };
        let mut need = Need { skills: it.skills.clone(), fits, ..Need::default() };
        if let Some(ring) = line.rules.rings.first() {
            // Before the first ring's time only the skills count; its own limits begin with it.
            later(seconds(ring.after_secs));
        }
        for (ring, place) in line.rules.rings.iter().zip(0..) {
            later(seconds(ring.after_secs));
            if waited >= seconds(ring.after_secs) || place < it.opened {
                need.tier_max = ring.tier;
                need.skills.retain(|skill| !ring.drop_skills.contains(&skill.skill));
            }
        }
        if let Some(preferred) = it.preferred {
            later(seconds(preferred.secs));
            if waited < seconds(preferred.secs) && self.may_serve(preferred.agent, it.queue) {
                need.only = Some(preferred.agent);
            }
        }
        if let Some(next) = next {
            self.timers.set(Timer::Widen(id), now.mono + (next - waited));
        }
        if need.tier_max.is_some() {
            self.turn.narrow.insert(id);
        }
        self.open_to(id, need, delayed);
    }

    /// Opens rings before their time where those that are open have nobody logged in (`no_agent_no_wait`). Costs nothing
    /// but for who has come, whose ring's time has come, and where the last of the lowest tiers has gone.
    pub(super) fn open_rings(&mut self, now: Now) {
        let mut narrow = std::mem::take(&mut self.turn.narrow);
        let unmanned = std::mem::take(&mut self.turn.unmanned);
        let lines = unmanned.into_iter().filter_map(|queue| self.queues.get(&queue)).filter(|line| line.is_narrow());
        narrow.extend(lines.flat_map(|line| &line.line).map(|key| key.interaction));
        for id in narrow {
            let Some(it) = self.waiting.get(&id) else { continue };
            let Some(line) = self.queues.get(&it.queue) else { continue };
            let waited = self.at(now).since(it.entered);
            let by_time = line.rules.rings.iter().take_while(|ring| waited >= seconds(ring.after_secs)).count();
            let before = by_time.max(it.opened);
            let opened = line.opened(before);
            if opened > before {
                if let Some(it) = self.waiting.get_mut(&id) {
                    it.opened = opened;
                }
                self.unsaved.waiting.insert(id);
                self.widen(now, id);
                self.turn.narrow.remove(&id);
            }
        }
    }

    /// Under other rings only their time counts again.
    pub(super) fn close_rings(&mut self, queue: QueueId) {
        let line: Vec<_> = self.queues.get(&queue).into_iter().flat_map(|line| &line.line).collect();
        for id in line.into_iter().map(|key| key.interaction) {
            if let Some(it) = self.waiting.get_mut(&id).filter(|it| it.opened > 0) {
                it.opened = 0;
                self.unsaved.waiting.insert(id);
            }
        }
    }

    /// The preferred agent is there at all: otherwise waiting for him makes no sense.
    pub(super) fn may_serve(&self, agent: crate::base::AgentId, queue: QueueId) -> bool {
        let member = self.agents.get(&agent).filter(|agent| agent.online);
        member.and_then(|agent| agent.members.get(&queue)).is_some_and(Member::is_in)
    }

    fn open_to(&mut self, id: InteractionId, need: Need, delayed: bool) {
        let Some(it) = self.waiting.get(&id) else { return };
        let (queue, old) = (it.queue, it.pool);
        let pool = if need.is_plain() { PLAIN } else { self.pool_for(queue, need) };
        if old != PLAIN && old == pool {
            // Found again: it was counted twice.
            self.leave_pool(queue, pool);
        } else if old != pool {
            self.set_wanting(id, false);
            if old != PLAIN {
                self.leave_pool(queue, old);
            }
        }
        if let Some(it) = self.waiting.get_mut(&id) {
            it.pool = pool;
            if it.phase == WaitPhase::Delayed && !delayed {
                it.phase = WaitPhase::Open;
            }
        }
        // Its question, if there is one, counts in another pool from now on.
        if old != pool && self.queues.get(&queue).is_some_and(|queue| !queue.asking.is_empty()) {
            self.turn.asking.insert(queue);
        }
        self.watch_whether_served(id);
        self.update_wanting(id);
    }

    /// Whether it would take one more agent now.
    pub(super) fn update_wanting(&mut self, id: InteractionId) {
        let Some(it) = self.waiting.get(&id) else { return };
        let Some(line) = self.queues.get(&it.queue) else { return };
        let more = match line.rules.strategy {
            Strategy::RingAll => it.offers.len() < super::super::RING_ALL_MAX,
            Strategy::RingProgressive => it.offers.is_empty() || it.step_due,
            Strategy::LongestIdle
            | Strategy::RoundRobin
            | Strategy::OrderedRoundRobin
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::LeastOccupied
            | Strategy::Random
            | Strategy::WeightedRandom
            | Strategy::Linear
            | Strategy::SkillsBest => it.offers.is_empty(),
        };
        let more = more && (it.offers.is_empty() || !it.alone);
        self.set_wanting(id, it.phase == WaitPhase::Open && more && !it.expired && !it.deciding.is_asked());
    }

    fn set_wanting(&mut self, id: InteractionId, wanting: bool) {
        let Some(it) = self.waiting.get_mut(&id) else { return };
        it.wanting = wanting;
        let key = it.key();
        if let Some(line) = self.queues.get_mut(&it.queue) {
            line.set_wanting(it.pool, key, wanting);
            if wanting {
                self.turn.wanting.insert(id);
            }
        }
    }

    pub(super) fn on_progress_step(&mut self, id: InteractionId) {
        if let Some(it) = self.waiting.get_mut(&id) {
            it.step_due = true;
        }
        self.update_wanting(id);
    }

    /// The customer hung up, or went elsewhere.
    pub fn handle_customer_gone(&mut self, now: Now, interaction: InteractionId) {
        let Some(it) = self.waiting.get(&interaction) else { return };
        let waited = self.at(now).since(it.entered);
        let short = self.queues.get(&it.queue).is_some_and(|line| waited <= seconds(line.rules.short_secs));
        let ringing = !it.offers.is_empty() || matches!(it.phase, WaitPhase::Connecting(_));
        let outcome = match (ringing, short) {
            (true, _) => Outcome::AbandonedRinging,
            (false, true) => Outcome::AbandonedShort,
            (false, false) => Outcome::Abandoned,
        };
        self.leave(now, interaction, outcome, WithdrawCause::CustomerGone);
        self.settle(now);
    }

    /// Nobody waits any longer: the switch is about to end. False: it did not wait.
    pub fn shut_down(&mut self, now: Now, interaction: InteractionId) -> bool {
        let waits = self.waiting.contains_key(&interaction);
        self.leave(now, interaction, Outcome::Shutdown, WithdrawCause::Withdrawn);
        self.settle(now);
        waits
    }

    /// Takes a waiting interaction out of the queue.
    pub fn withdraw(&mut self, now: Now, interaction: InteractionId, actor: Actor) -> Result<(), Refused> {
        self.may_be_taken(interaction)?;
        self.leave(now, interaction, Outcome::Withdrawn(actor), WithdrawCause::Withdrawn);
        self.settle(now);
        Ok(())
    }

    /// Changes a waiting interaction's priority; its arrival stays.
    pub fn reprioritise(
        &mut self,
        now: Now,
        interaction: InteractionId,
        priority: i32,
        _actor: Actor,
    ) -> Result<(), Refused> {
        self.waits(interaction)?;
        self.replace(interaction, |it| it.priority = priority);
        // The queue's expression may speak of it.
        self.widen(now, interaction);
        self.settle(now);
        Ok(())
    }

    /// Changes what a waiting interaction needs of an agent; it keeps its place. Whoever rings already may take it.
    pub fn require(&mut self, now: Now, interaction: InteractionId, skills: Vec<NeededSkill>) {
        if self.waits(interaction).is_err() {
            return;
        }
        self.replace(interaction, |it| it.skills = skills);
        self.widen(now, interaction);
        self.settle(now);
    }

    /// Any member may have it.
    pub(super) fn needs_no_skill(&mut self, now: Now, interaction: InteractionId) {
        self.replace(interaction, |it| {
            it.skills.clear();
            it.relaxed = true;
        });
        self.widen(now, interaction);
    }

    /// Takes over the centre's order for all who wait.
    pub(super) fn reorder(&mut self) {
        let order = self.policies.wait_order;
        let others = self.waiting.values().filter(|it| it.order != order).map(|it| it.interaction);
        let others: BTreeSet<_> = others.collect();
        for interaction in others {
            self.replace(interaction, |it| it.order = order);
        }
    }

    /// Takes one out of its line and puts it in again, changed.
    fn replace(&mut self, interaction: InteractionId, change: impl FnOnce(&mut Waiting)) {
        self.set_wanting(interaction, false);
        if let Some(it) = self.waiting.get_mut(&interaction)
            && let Some(line) = self.queues.get_mut(&it.queue)
        {
            line.leave_line(&it.key());
            change(it);
            line.stand_in_line(it.key());
        }
        self.unsaved.waiting.insert(interaction);
        self.update_wanting(interaction);
    }

    pub(super) fn waits(&self, interaction: InteractionId) -> Result<&Waiting, Refused> {
        let it = self.waiting.get(&interaction);
        let it = it.ok_or_else(|| Refused::unknown("not_waiting", format!("{interaction} does not wait")))?;
        match it.phase {
            WaitPhase::Connecting(_) => {
                Err(Refused::not_now("connecting", format!("{interaction} is being connected")))
            }
            WaitPhase::Delayed | WaitPhase::Open => Ok(it),
        }
    }

    /// Whoever waits; also one whom an agent accepted at his page and has not picked up his phone for.
    pub(super) fn may_be_taken(&self, interaction: InteractionId) -> Result<&Waiting, Refused> {
        match self.waiting.get(&interaction) {
            Some(it) if self.is_unpicked(it) => Ok(it),
            Some(_) | None => self.waits(interaction),
        }
    }

    fn is_unpicked(&self, it: &Waiting) -> bool {
        let WaitPhase::Connecting(engagement) = it.phase else { return false };
        self.engagements.get(&engagement).is_some_and(|it| it.rings_at.is_some())
    }

    /// The longest wait is over. While an agent rings, the queue says which gives way; while the bridge is being made,
    /// the wait does.
    pub(super) fn on_max_wait(&mut self, now: Now, id: InteractionId) {
        let Some(it) = self.waiting.get_mut(&id) else { return };
        let rings = !it.offers.is_empty();
        let offer_first =
            self.queues.get(&it.queue).is_some_and(|line| line.rules.timeout_priority == TimeoutPriority::Conf);
        if matches!(it.phase, WaitPhase::Connecting(_)) || rings && offer_first {
            it.expired = true;
            return self.update_wanting(id);
        }
        self.let_go(now, id, Outcome::Expired, WithdrawCause::Withdrawn);
    }

    /// Back in its place after an offer or a failed connection, to be offered again at once.
    pub(super) fn back_in_place(&mut self, now: Now, id: InteractionId) {
        let Some(it) = self.waiting.get_mut(&id) else { return };
        if it.offers.is_empty() && it.expired {
            self.let_go(now, id, Outcome::Expired, WithdrawCause::Withdrawn);
            return;
        }
        if it.offers.is_empty() && self.queues.get(&it.queue).is_some_and(super::queue::Queue::lets_go) {
            // It closed while somebody was asked.
            self.let_go(now, id, Outcome::Closed, WithdrawCause::Withdrawn);
            return;
        }
        if it.offers.is_empty() {
            it.step_due = false;
            it.alone = false;
            it.deciding.rings_no_more();
            self.timers.cancel(Timer::Progress(id));
        }
        self.watch_whether_served(id);
        let Some(it) = self.waiting.get(&id) else { return };
        let queue = it.queue;
        self.turn.queues.insert(queue);
        self.update_wanting(id);
        self.begin_telling(now, id);
    }

    /// The one way out of a line: offers are withdrawn, a connection that was being made is dropped without wrap-up,
    /// and the outcome is counted once.
    pub(super) fn leave(&mut self, now: Now, id: InteractionId, outcome: Outcome, cause: WithdrawCause) {
        self.leave_onward(now, id, outcome, cause, None);
    }

    pub(super) fn leave_onward(
        &mut self,
        now: Now,
        id: InteractionId,
        outcome: Outcome,
        cause: WithdrawCause,
        onward: Option<Onward>,
    ) {
        self.forget_question(now, id);
        let Some(it) = self.waiting.get(&id) else { return };
        let (offers, phase) = (it.offers.clone(), it.phase);
        for offer in offers {
            let ringing_at = self.offers.get(&offer).map(|ringing| ringing.agent);
            self.end_offer(now, offer, OfferEnd::of(cause), Some(cause), Actor::System);
            if let Some(agent) = ringing_at {
                self.after(now, agent, None, Actor::System);
            }
        }
        let mut agent = None;
        if let WaitPhase::Connecting(engagement) = phase {
            agent = self.engagements.get(&engagement).map(|engagement| engagement.agent);
            if outcome != Outcome::Answered {
                self.drop_connection(now, engagement, cause);
            }
        }
        self.set_wanting(id, false);
        let Some(it) = self.waiting.remove(&id) else { return };
        self.stop_telling(id);
        for timer in [Timer::MaxWait(id), Timer::Widen(id), Timer::Progress(id), Timer::Vetoed(id)] {
            self.timers.cancel(timer);
        }
        let waited = self.at(now).since(it.entered);
        if let Some(line) = self.queues.get_mut(&it.queue) {
            line.leave_line(&it.key());
            line.today.left(&outcome, waited, &line.rules);
            if outcome == Outcome::Answered {
                line.waited_ms = Some(average(line.waited_ms, millis(waited)));
            }
        }
        // A restart that he did not outlive threw him out.
        let thrown_out = outcome == Outcome::SystemError;
        if thrown_out || matches!(outcome, Outcome::Abandoned | Outcome::AbandonedShort | Outcome::AbandonedRinging) {
            self.remember_place(now, &it);
        }
        if it.pool != PLAIN {
            self.leave_pool(it.queue, it.pool);
        }
        self.turn.wanting.remove(&id);
        self.unsaved.queues.insert(it.queue);
        self.unsaved.left(id, it.queue, outcome.clone());
        let wait_ms = millis(waited);
        self.outputs.push_back(Output::Left { interaction: id, queue: it.queue, outcome, agent, wait_ms, onward });
    }

    /// After a change among the members: who waits where nobody is left, leaves, at once or after the queue's patience.
    pub(super) fn check_empty(&mut self, now: Now, id: QueueId) {
        let Some(line) = self.queues.get_mut(&id) else { return };
        let timer = Timer::Empty(id);
        if line.line.is_empty() || !line.empty_by(line.leave_when, line.first_tier()) {
            line.empty_since = None;
            self.timers.cancel(timer);
            return;
        }
        let since = *line.empty_since.get_or_insert(now.mono);
        let until = since + seconds(line.rules.leave_after_secs);
        if until > now.mono {
            self.timers.set(timer, until);
        } else {
            self.everybody_leaves(now, id);
        }
    }

    pub(super) fn on_empty(&mut self, now: Now, queue: QueueId) {
        self.check_empty(now, queue);
    }

    /// But those at whom an agent rings, or who are being connected, or who have not waited long enough for it.
    fn everybody_leaves(&mut self, now: Now, queue: QueueId) {
        let at = self.at(now);
        let Some(line) = self.queues.get(&queue) else { return };
        let alone = |it: &&Waiting| it.offers.is_empty() && !matches!(it.phase, WaitPhase::Connecting(_));
        let all = line.line.iter().filter_map(|key| self.waiting.get(&key.interaction)).filter(alone);
        let least = seconds(line.rules.leave_min_wait_secs);
        let (leaving, staying): (Vec<_>, Vec<_>) = all.partition(|it| at.since(it.entered) >= least);
        let leaving: Vec<_> = leaving.into_iter().map(|it| it.interaction).collect();
        if let Some(longest) = staying.into_iter().map(|it| at.since(it.entered)).max() {
            self.timers.set(Timer::Empty(queue), now.mono + (least - longest));
        }
        for id in leaving {
            self.let_go(now, id, Outcome::NoAgents, WithdrawCause::Withdrawn);
        }
    }

    /// Place in the queue, from 1.
    pub fn position(&self, interaction: InteractionId) -> Option<u32> {
        let it = self.waiting.get(&interaction)?;
        Some(self.queues.get(&it.queue)?.place(it.key()))
    }
}

impl InteractionKind {
    /// Whether the queue wants a wrap-up after it.
    pub(super) fn wraps_up(self, rules: &crate::acd::QueueSettings) -> bool {
        rules.acw_types.contains(&self)
    }
}
