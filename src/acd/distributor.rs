//! The distributor itself.

use std::collections::{BTreeSet, VecDeque};

use super::{
    Actor, AgentSnapshot, Channel, Enqueue, Entry, Factor, OfferFault, Outcome, Output, Reason, Refused, Selection,
    Settings, Snapshot, StatusView,
};
use crate::base::{AgentId, CallId, Chance, EngagementId, Instant, InteractionId, Now, OfferId, QueueId};

/// All agents and queues of one centre. Pure: it owns no socket, clock or task.
///
/// After every command and `handle_*`, drain `poll_output` until `None`, then call `handle_timeout` at
/// `poll_timeout`. `now` never goes backwards. An unknown or outdated id in a fact is no error: the fact is late and
/// nothing happens.
#[derive(Debug)]
pub struct Acd {
    outputs: VecDeque<Output>,
}

/// When a logging-out of a queue takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutWhen {
    /// When what he does for that queue is over.
    After,
    /// Now; a call goes on without the membership.
    Now,
}

/// How much longer a wrap-up shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extension {
    /// By the queue's step.
    Step,
    /// Until it is finished by hand.
    Indefinite,
}

/// Something that must never be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `I1` to `I8`.
    pub invariant: &'static str,
    pub what: String,
}

/// Everybody's part in one waiting interaction, asked for by people.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Explanation {
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub position: u32,
    /// In the order in which they would be asked; then those held back.
    pub members: Vec<MemberReason>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MemberReason {
    pub agent: AgentId,
    /// From 1 for those who could be asked.
    pub rank: Option<u32>,
    /// What holds him back.
    pub held_back: Vec<Factor>,
    pub status: StatusView,
}

impl Acd {
    pub fn new(_chance: Chance) -> Self {
        Self { outputs: VecDeque::new() }
    }

    /// Takes over new settings, which [`Settings::check`] found good. What is gone ends gently (rule 35).
    pub fn settings(&mut self, _now: Now, _settings: Settings) {}

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    pub fn handle_timeout(&mut self, _now: Now) {}

    /// A page signs in.
    pub fn sign_in(&mut self, _now: Now, _agent: AgentId, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    pub fn sign_out(&mut self, _now: Now, _agent: AgentId, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    pub fn force_offline(&mut self, _now: Now, _agent: AgentId, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    pub fn select(
        &mut self,
        _now: Now,
        _agent: AgentId,
        _channel: Channel,
        _selection: Selection,
        _actor: Actor,
    ) -> Result<(), Refused> {
        Ok(())
    }

    pub fn set_dnd(&mut self, _now: Now, _agent: AgentId, _on: bool, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    /// Logs in to a queue; a membership that the settings don't assign is temporary.
    pub fn login(&mut self, _now: Now, _agent: AgentId, _queue: QueueId, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    /// Logs out of one queue, or of all.
    pub fn logout(
        &mut self,
        _now: Now,
        _agent: AgentId,
        _queue: Option<QueueId>,
        _when: LogoutWhen,
        _actor: Actor,
    ) -> Result<(), Refused> {
        Ok(())
    }

    /// Pauses one membership, or all that are active.
    pub fn pause(
        &mut self,
        _now: Now,
        _agent: AgentId,
        _queue: Option<QueueId>,
        _reason: Option<Reason>,
        _actor: Actor,
    ) -> Result<(), Refused> {
        Ok(())
    }

    /// Resumes one membership, or exactly those that were paused together.
    pub fn resume(
        &mut self,
        _now: Now,
        _agent: AgentId,
        _queue: Option<QueueId>,
        _actor: Actor,
    ) -> Result<(), Refused> {
        Ok(())
    }

    /// Finishes one wrap-up, or all of the agent's.
    pub fn finish_wrap_up(
        &mut self,
        _now: Now,
        _agent: AgentId,
        _engagement: Option<EngagementId>,
        _actor: Actor,
    ) -> Result<(), Refused> {
        Ok(())
    }

    pub fn extend_wrap_up(
        &mut self,
        _now: Now,
        _agent: AgentId,
        _engagement: Option<EngagementId>,
        _by: Extension,
        _actor: Actor,
    ) -> Result<(), Refused> {
        Ok(())
    }

    /// The agent chose a disposition: he may finish now.
    pub fn dispose(&mut self, _now: Now, _engagement: EngagementId, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    /// Accepted at the page; the same as `handle_answered`, but a late one is refused with words.
    pub fn accept(&mut self, _now: Now, _offer: OfferId, _actor: Actor) -> Result<EngagementId, Refused> {
        Err(Refused::unknown("no_offer", "this offer is over"))
    }

    pub fn decline(&mut self, _now: Now, _offer: OfferId, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    /// Takes a waiting interaction out of the queue.
    pub fn withdraw(&mut self, _now: Now, _interaction: InteractionId, _actor: Actor) -> Result<(), Refused> {
        Ok(())
    }

    pub fn reprioritise(
        &mut self,
        _now: Now,
        _interaction: InteractionId,
        _priority: i32,
        _actor: Actor,
    ) -> Result<(), Refused> {
        Ok(())
    }

    /// A device of the agent's can be reached now (registered, or registered again), or no longer can.
    pub fn handle_device(&mut self, _now: Now, _agent: AgentId, _reachable: bool) {}

    /// The agent's page is there, or is gone (its live socket opened or closed).
    pub fn handle_session(&mut self, _now: Now, _agent: AgentId, _open: bool) {}

    /// An interaction enters a queue, or is refused at once with its outcome (no `Left` follows then).
    pub fn enqueue(&mut self, _now: Now, _enqueue: Enqueue) -> Result<(), Outcome> {
        Ok(())
    }

    pub fn handle_customer_gone(&mut self, _now: Now, _interaction: InteractionId) {}

    /// A key pressed while waiting; tells whether it took the caller out.
    pub fn handle_exit_key(&mut self, _now: Now, _interaction: InteractionId, _key: char) -> bool {
        false
    }

    /// A device gave a provisional response.
    pub fn handle_progress(&mut self, _now: Now, _offer: OfferId) {}

    /// A device answered. `None`: too late, the offer is over; hang up on it.
    pub fn handle_answered(&mut self, _now: Now, _offer: OfferId) -> Option<EngagementId> {
        None
    }

    pub fn handle_failed(&mut self, _now: Now, _offer: OfferId, _fault: OfferFault) {}

    /// Customer and agent are bridged; or the customer of an agent-first interaction answered.
    pub fn handle_connected(&mut self, _now: Now, _engagement: EngagementId) {}

    /// The winner's leg died before the bridge (rule 16b).
    pub fn handle_winner_lost(&mut self, _now: Now, _engagement: EngagementId) {}

    /// The interaction is over for this agent: hung up on either side, or transferred away (rule 26).
    pub fn handle_ended(&mut self, _now: Now, _engagement: EngagementId) {}

    /// A call that comes through no queue wants to ring the agent. Refused: answer busy.
    pub fn handle_direct_ringing(&mut self, _now: Now, _agent: AgentId, _call: CallId) -> Result<(), Refused> {
        Ok(())
    }

    /// The agent dials out. Refused: answer 403.
    pub fn handle_direct_dialing(&mut self, _now: Now, _agent: AgentId, _call: CallId) -> Result<(), Refused> {
        Ok(())
    }

    /// The direct call is answered; or one is found on his phone (rule 37).
    pub fn handle_direct_busy(&mut self, _now: Now, _agent: AgentId, _call: CallId) {}

    pub fn handle_direct_ended(&mut self, _now: Now, _agent: AgentId, _call: CallId) {}

    /// Place in the queue, from 1.
    pub fn position(&self, _interaction: InteractionId) -> Option<u32> {
        None
    }

    pub fn status(&self, _agent: AgentId, _channel: Channel) -> Option<StatusView> {
        None
    }

    /// One agent's part of the snapshot.
    pub fn agent_snapshot(&self, _now: Now, _agent: AgentId) -> Option<AgentSnapshot> {
        None
    }

    pub fn snapshot(&self, now: Now) -> Snapshot {
        Snapshot { at: now.wall, agents: Vec::new(), queues: Vec::new(), repairs_total: 0 }
    }

    /// Why a waiting interaction waits, or whom it would be offered to.
    pub fn explain(&self, _now: Now, _interaction: InteractionId) -> Option<Explanation> {
        None
    }

    /// Rebuilds from the journal (rule 39), before or after the first `settings`. `live` names the interactions whose
    /// calls live on; the others end as `system_error`.
    pub fn restore(&mut self, _now: Now, _entries: impl IntoIterator<Item = Entry>, _live: &BTreeSet<InteractionId>) {}

    /// All that `restore` needs.
    pub fn checkpoint(&self, _now: Now) -> Vec<Entry> {
        Vec::new()
    }

    pub fn check_invariants(&self) -> Vec<Violation> {
        Vec::new()
    }

    /// Mends what `check_invariants` finds; tells how much it was.
    pub fn repair(&mut self, _now: Now) -> usize {
        0
    }

    pub fn repairs_total(&self) -> u64 {
        0
    }
}
