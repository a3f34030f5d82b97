//! Ways out of a line that lead on: overflow chains, exit keys, and what people do with those who wait.

use super::{
    super::{
        Actor, Enqueue, Entry, GIVEN_UP_MAX, GivenUp, NeededSkill, Onward, Outcome, Output, Refused, Task, Why,
        WithdrawCause,
    },
    Acd,
    queue::{Need, PLAIN, Queue, WaitKey, WaitPhase, Waiting},
    seconds,
};
use crate::base::{AgentId, EngagementId, InteractionId, Now, Private, QueueId};

impl Acd {
    /// Why a queue does not take a newcomer now.
    pub(super) fn refusal(&self, now: Now, enqueue: &Enqueue) -> Option<Outcome> {
        let Some(line) = self.queues.get(&enqueue.queue) else { return Some(Outcome::SystemError) };
        if enqueue.returns {
            return None;
        }
        let rules = &line.rules;
        if !line.is_open(now.wall) {
            return Some(Outcome::Closed);
        }
        if line.line.len() >= rules.max_waiting {
            return Some(Outcome::Full);
        }
        if line.empty_by(line.join_unless, line.first_tier()) {
            return Some(Outcome::NoAgents);
        }
        let too_long = || {
            let arrived = enqueue.arrived.unwrap_or_else(|| self.at(now));
            let place =
                line.place(WaitKey::new(self.policies.wait_order, enqueue.priority, arrived, enqueue.interaction));
            line.estimate_ms(place, self.free_for(line, enqueue))
                .is_some_and(|ewt| ewt > u64::from(rules.max_ewt_secs) * 1_000)
        };
        (rules.max_ewt_secs > 0 && too_long()).then_some(Outcome::EwtExceeded)
    }

    /// Agents who could be asked now for one who has not entered yet.
    fn free_for(&self, line: &Queue, enqueue: &Enqueue) -> usize {
        let (caller, kind) = (enqueue.caller.reveal(), enqueue.kind.word());
        let fits = line.fits.given(Task { caller, kind, priority: i64::from(enqueue.priority) });
        let need = Need { skills: enqueue.skills.clone(), fits, ..Need::default() };
        if need.is_plain() {
            return line.free_of(PLAIN);
        }
        let free = line.pools.get(&PLAIN).into_iter().flat_map(|plain| &plain.routable);
        free.filter(|key| self.agents.get(&key.agent).is_some_and(|it| need.admits(it, key.tier))).count()
    }

    /// The first step of a queue's chain, after one that was tried, that takes the interaction.
    fn next_step(&mut self, now: Now, from: QueueId, after: Option<&Onward>, enqueue: &Enqueue) -> Option<Onward> {
        self.recount_stale();
        let chain = &self.queues.get(&from)?.rules.overflow;
        let tried = after.map_or(0, |after| chain.iter().position(|to| to == after).map_or(chain.len(), |at| at + 1));
        let takes = |to: &&Onward| match to {
            Onward::Queue(key) => self.queue_of(key).is_some_and(|queue| {
                let there = Enqueue { queue, ..enqueue.clone() };
                self.refusal(now, &there).is_none()
            }),
            Onward::User(_)
            | Onward::Group(_)
            | Onward::Number(_)
            | Onward::Menu(_)
            | Onward::Clip(_)
            | Onward::HangUp => true,
        };
        chain.iter().skip(tried).find(takes).cloned()
    }

    fn queue_of(&self, key: &str) -> Option<QueueId> {
        self.queue_keys.get(key).copied()
    }

    /// An interaction comes before a queue: it enters there, or where the queue's chain leads. `Err` is its outcome, and
    /// with `Overflowed` where it goes.
    pub(super) fn present(&mut self, now: Now, enqueue: Enqueue) -> Result<(), Outcome> {
        self.recount_stale();
        let from = enqueue.queue;
        let Some(refused) = self.refusal(now, &enqueue) else {
            if let Some(line) = self.queues.get_mut(&from) {
                line.today.entered += 1;
            }
            self.unsaved.queues.insert(from);
            self.enter(now, enqueue);
            return Ok(());
        };
        if let Some(line) = self.queues.get_mut(&from) {
            line.today.refused += 1;
            self.unsaved.queues.insert(from);
        }
        match self.next_step(now, from, None, &enqueue) {
            None => Err(refused),
            Some(to) => self.follow(now, from, to, enqueue, 0),
        }
    }

    /// Goes on to a step of a chain that takes the interaction.
    fn follow(&mut self, now: Now, from: QueueId, to: Onward, enqueue: Enqueue, wait_ms: u64) -> Result<(), Outcome> {
        let queue = match &to {
            Onward::Queue(key) => self.queue_of(key),
            Onward::User(_)
            | Onward::Group(_)
            | Onward::Number(_)
            | Onward::Menu(_)
            | Onward::Clip(_)
            | Onward::HangUp => None,
        };
        let Some(queue) = queue else { return Err(Outcome::Overflowed(to)) };
        let interaction = enqueue.interaction;
        let arrived = Some(enqueue.arrived.unwrap_or_else(|| self.at(now)));
        let outcome = Outcome::Overflowed(to.clone());
        let onward = Some(to);
        self.outputs.push_back(Output::Left { interaction, queue: from, outcome, agent: None, wait_ms, onward });
        self.present(now, Enqueue { queue, arrived, returns: false, ..enqueue })
    }

    /// A step of a chain outside the queues came to nothing: the next one. `Err`: where it leads, or that the chain is
    /// at its end.
    pub fn overflow_further(
        &mut self,
        now: Now,
        from: QueueId,
        after: &Onward,
        enqueue: Enqueue,
    ) -> Result<(), Option<Onward>> {
        let Some(to) = self.next_step(now, from, Some(after), &enqueue) else { return Err(None) };
        let result = self.follow(now, from, to, enqueue, 0);
        self.settle(now);
        match result {
            Ok(()) => Ok(()),
            Err(Outcome::Overflowed(to)) => Err(Some(to)),
            Err(_) => Err(None),
        }
    }

    /// The queue does not keep it longer: it goes where the chain leads, or leaves with this outcome.
    pub(super) fn let_go(&mut self, now: Now, id: InteractionId, outcome: Outcome, cause: WithdrawCause) {
        let Some(it) = self.waiting.get(&id) else { return };
        let (from, enqueue) = (it.queue, again(it));
        match self.next_step(now, from, None, &enqueue) {
            None => self.leave(now, id, outcome, cause),
            Some(to) => {
                let outcome = Outcome::Overflowed(to.clone());
                self.leave_for(now, id, outcome, cause, Some(to));
            }
        }
    }

    /// Leaves one line for somewhere else; another queue is entered at once.
    pub(super) fn leave_for(
        &mut self,
        now: Now,
        id: InteractionId,
        outcome: Outcome,
        cause: WithdrawCause,
        onward: Option<Onward>,
    ) {
        let Some(it) = self.waiting.get(&id) else { return };
        let mut enqueue = again(it);
        let queue = match &onward {
            Some(Onward::Queue(key)) => self.queue_of(key),
            Some(
                Onward::User(_)
                | Onward::Group(_)
                | Onward::Number(_)
                | Onward::Menu(_)
                | Onward::Clip(_)
                | Onward::HangUp,
            )
            | None => None,
        };
        self.leave_onward(now, id, outcome, cause, onward);
        let Some(queue) = queue else { return };
        enqueue.queue = queue;
        if let Err(outcome) = self.present(now, enqueue) {
            let onward = if let Outcome::Overflowed(to) = &outcome { Some(to.clone()) } else { None };
            self.outputs.push_back(Output::Left { interaction: id, queue, outcome, agent: None, wait_ms: 0, onward });
        }
    }

    /// A key pressed while waiting; tells whether it took the caller out.
    pub fn handle_exit_key(&mut self, now: Now, interaction: InteractionId, key: char) -> bool {
        let Some(it) = self.waiting.get(&interaction) else { return false };
        let to = self.queues.get(&it.queue).and_then(|line| line.rules.exit_keys.get(key.encode_utf8(&mut [0; 4])));
        let Some(to) = to.cloned() else { return false };
        if matches!(it.phase, WaitPhase::Connecting(_)) {
            return false;
        }
        self.leave_for(now, interaction, Outcome::ExitKey(key), WithdrawCause::CustomerGone, Some(to));
        self.settle(now);
        true
    }

    /// The caller chose another way, by a key or by what is known of him. One who is being connected stays.
    pub fn leave_by_choice(&mut self, now: Now, interaction: InteractionId, key: Option<char>, to: Onward) {
        if self.waits(interaction).is_err() {
            return;
        }
        let outcome = key.map_or_else(|| Outcome::Overflowed(to.clone()), Outcome::ExitKey);
        self.leave_for(now, interaction, outcome, WithdrawCause::CustomerGone, Some(to));
        self.settle(now);
    }

    /// Moves a waiting interaction to another queue, where it keeps its arrival. The other queue's entry rules don't
    /// hold for it, only its door and its bound.
    pub fn move_to(&mut self, now: Now, id: InteractionId, queue: QueueId, _actor: Actor) -> Result<(), Refused> {
        self.may_be_taken(id)?;
        let line = self.queue(queue)?;
        if !line.is_open(now.wall) {
            return Err(Refused::not_now("closed", format!("{} is closed", self.queue_name(queue))));
        }
        if line.line.len() >= line.rules.max_waiting {
            return Err(Refused::not_now("full", format!("{} is full", self.queue_name(queue))));
        }
        let onward = Onward::Queue(line.rules.key.as_str().into());
        let Some(it) = self.waiting.get(&id).filter(|it| it.queue != queue) else { return Ok(()) };
        let enqueue = Enqueue { queue, ..again(it) };
        self.leave_onward(now, id, Outcome::TransferredInWait, WithdrawCause::Withdrawn, Some(onward));
        if let Some(line) = self.queues.get_mut(&queue) {
            line.today.entered += 1;
        }
        self.unsaved.queues.insert(queue);
        self.enter(now, enqueue);
        self.settle(now);
        Ok(())
    }

    /// Offers a waiting interaction to one agent. A supervisor may do so whatever the agent's selection, skills and
    /// memberships are; he must be there and free. A colleague may where both belong to the queue and the other could be
    /// asked anyhow.
    pub fn assign(&mut self, now: Now, id: InteractionId, agent: AgentId, actor: Actor) -> Result<(), Refused> {
        if let Actor::Agent(by) = actor {
            let queue = self.waits(id)?.queue;
            self.check_member(by, queue)?;
            self.check_member(agent, queue)?;
            self.recount_stale();
            let member = self.agents.get(&agent).and_then(|it| it.members.get(&queue));
            if !member.is_some_and(|member| member.held_back.is_empty()) {
                return Err(Refused::not_now("occupied", format!("{} can't be asked now", self.agent_name(agent))));
            }
        }
        self.give_to(now, id, agent, actor)
    }

    fn check_member(&self, agent: AgentId, queue: QueueId) -> Result<(), Refused> {
        if self.agent(agent)?.members.contains_key(&queue) {
            return Ok(());
        }
        Err(Refused::not_allowed("not_assigned", self.not_of(agent, queue)))
    }

    /// What it rang at before stops.
    fn give_to(&mut self, now: Now, id: InteractionId, agent: AgentId, actor: Actor) -> Result<(), Refused> {
        let it = self.waits(id)?;
        let (queue, old) = (it.queue, it.offers.clone());
        let line = self.queue(queue)?;
        let (channel, strategy) = (line.rules.channel, line.rules.strategy);
        let him = self.agent(agent)?;
        let free = him.at(channel) == super::table::At::Idle && him.reachable(channel);
        if !him.settings.channels.contains(&channel) {
            return Err(Refused::not_allowed("no_channel", format!("{} has no such channel", self.agent_name(agent))));
        }
        if !free || him.dnd {
            return Err(Refused::not_now("occupied", format!("{} can't be asked now", self.agent_name(agent))));
        }
        self.forget_question(now, id);
        for offer in old {
            let asked = self.offers.get(&offer).map(|ringing| ringing.agent);
            self.end_offer(
                now,
                offer,
                super::super::OfferEnd::CancelledWithdrawn,
                Some(WithdrawCause::Withdrawn),
                actor,
            );
            if let Some(asked) = asked {
                self.after(now, asked, None, actor);
            }
        }
        if let Some(it) = self.waiting.get_mut(&id) {
            (it.alone, it.phase) = (true, WaitPhase::Open);
        }
        let why = Why {
            strategy,
            agent,
            rank: 1,
            candidates: 1,
            first: Vec::new(),
            excluded: Vec::new(),
            unfit: 0,
            assigned: Some(actor),
            decided: None,
        };
        self.make_offer(now, id, agent, 0, why);
        self.settle(now);
        Ok(())
    }

    /// An agent takes a waiting interaction of one of his queues: it is offered to him and accepted at once, and his
    /// phone rings for it.
    pub fn pull(&mut self, now: Now, id: InteractionId, agent: AgentId) -> Result<EngagementId, Refused> {
        let queue = self.waits(id)?.queue;
        self.check_member(agent, queue)?;
        self.give_to(now, id, agent, Actor::Agent(agent))?;
        let offer = self.waiting.get(&id).and_then(|it| it.offers.first().copied());
        let offer = offer
            .ok_or_else(|| Refused::not_now("occupied", format!("{} can't be asked now", self.agent_name(agent))))?;
        self.accept(now, offer, Actor::Agent(agent))
    }

    /// The arrival of one who gave up a moment ago, or was cut off, and calls again (QE-13).
    pub(super) fn regain(&mut self, now: Now, enqueue: &mut Enqueue) {
        let at = self.at(now);
        let Some(line) = self.queues.get_mut(&enqueue.queue) else { return };
        let within = seconds(line.rules.resume_secs);
        line.given_up.retain(|gone| at.since(gone.left) <= within);
        if enqueue.returns || !is_known(&enqueue.caller) {
            return;
        }
        if let Some(found) = line.given_up.iter().position(|gone| gone.caller == enqueue.caller)
            && let Some(gone) = line.given_up.remove(found)
        {
            enqueue.arrived = Some(enqueue.arrived.map_or(gone.arrived, |own| own.min(gone.arrived)));
            self.entries.push_back(Entry::CameBack { queue: gone.queue, caller: gone.caller });
        }
    }

    /// Remembers for a while who gave up or was cut off, where the queue gives places back.
    pub(super) fn remember_place(&mut self, now: Now, it: &Waiting) {
        let left = self.at(now);
        let Some(line) = self.queues.get_mut(&it.queue) else { return };
        if line.rules.resume_secs == 0 || !is_known(&it.caller) {
            return;
        }
        if line.given_up.len() >= GIVEN_UP_MAX {
            line.given_up.pop_front();
        }
        let gone = GivenUp { queue: it.queue, caller: it.caller.clone(), arrived: it.arrived, left };
        self.entries.push_back(Entry::GaveUp(gone.clone()));
        line.given_up.push_back(gone);
    }
}

/// A number by which one can be known again.
pub(super) fn is_known(caller: &Private<String>) -> bool {
    !matches!(caller.reveal().as_str(), "" | "anonymous")
}

/// What would bring it into a line again, in its place.
fn again(it: &Waiting) -> Enqueue {
    let skills: Vec<NeededSkill> = it.skills.clone();
    Enqueue {
        interaction: it.interaction,
        queue: it.queue,
        kind: it.kind,
        priority: it.priority,
        arrived: Some(it.arrived),
        call: it.call,
        caller: it.caller.clone(),
        skills,
        preferred: None,
        returns: false,
    }
}
