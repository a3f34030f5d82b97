//! How far a supervisor's rights reach: all queues, or those that the settings give him (SV-09). Administrators are never
//! limited.

use std::collections::BTreeSet;

use crate::{
    api::{
        Api, Problem, Signed,
        live::{CallView, Sight},
    },
    base::{AgentId, CallId, QueueId},
    store::Role,
};

pub struct Scope {
    /// Ids and keys; `None`: all queues.
    only: Option<BTreeSet<(QueueId, String)>>,
}

impl Api {
    /// What somebody who is signed in may see of the whole.
    pub fn sight(&self, signed: &Signed) -> Sight {
        Sight::of(signed.user.role, signed.user.user, &self.handle.centre())
    }
}

impl Scope {
    /// Of somebody who needs a supervisor's rights.
    pub fn of(api: &Api, signed: &Signed) -> Result<Self, Problem> {
        signed.needs(Role::Supervisor)?;
        let centre = api.handle.centre();
        let limits = match signed.user.role {
            Role::Supervisor => centre.supervised.get(&signed.user.user),
            Role::Agent | Role::Admin => None,
        };
        let key = |queue: &QueueId| centre.acd.queues.get(queue).map(|settings| (*queue, settings.key.clone()));
        Ok(Self { only: limits.map(|queues| queues.iter().filter_map(key).collect()) })
    }

    /// What belongs to no queue and no agent.
    pub fn all(&self) -> Result<(), Problem> {
        self.check(|_| false, "You supervise some queues only.")
    }

    pub fn queue(&self, queue: QueueId) -> Result<(), Problem> {
        self.check(|only| only.iter().any(|(id, _)| *id == queue), "You don't supervise this queue.")
    }

    /// An agent whom the settings assign to one of the queues. One who is logged in for a time is not theirs: any
    /// supervisor may have done that.
    pub async fn agent(&self, api: &Api, agent: AgentId) -> Result<(), Problem> {
        if self.only.is_none() {
            return Ok(());
        }
        let view = api.view().await?;
        let queues = view.agents.get(&agent).map(|agent| agent.queues.as_slice()).unwrap_or_default();
        let is_his = |only: &BTreeSet<(QueueId, String)>| {
            queues.iter().any(|member| !member.temporary && has(only, &member.queue))
        };
        self.check(is_his, "You supervise no queue of this agent.")
    }

    /// A call that came through one of the queues; one that came through none, if it is of an agent of theirs.
    pub async fn call(&self, api: &Api, call: CallId) -> Result<(), Problem> {
        if self.only.is_none() {
            return Ok(());
        }
        let view = api.view().await?;
        // One that is over is so for everybody.
        let Some(live) = view.calls.get(&call) else { return Ok(()) };
        if live.queue.is_none() {
            for agent in live.agent_id.iter().chain(&live.direct) {
                if self.agent(api, *agent).await.is_ok() {
                    return Ok(());
                }
            }
        }
        self.check(|only| is_through(only, live), "You don't supervise this call.")
    }

    /// Who waits in one of the queues.
    pub async fn interaction(&self, api: &Api, interaction: u64) -> Result<(), Problem> {
        if self.only.is_none() {
            return Ok(());
        }
        let (view, id) = (api.view().await?, interaction.to_string());
        let waits = view.queues.values().find(|queue| queue.callers.iter().any(|caller| caller.interaction == id));
        let Some(queue) = waits else { return Ok(()) };
        self.check(|only| has(only, &queue.queue), "You don't supervise this queue.")
    }

    /// The record of a call that came through this queue, or through none.
    pub fn record(&self, queue: Option<QueueId>) -> Result<(), Problem> {
        let is_his = |only: &BTreeSet<(QueueId, String)>| only.iter().any(|(id, _)| Some(*id) == queue);
        self.check(is_his, "You don't supervise the queue of this call.")
    }

    /// Those to which he is limited.
    pub fn queues(&self) -> Option<Vec<QueueId>> {
        self.only.as_ref().map(|only| only.iter().map(|(id, _)| *id).collect())
    }

    /// What a list shows him.
    pub fn shows(&self, call: &CallView) -> bool {
        self.only.as_ref().is_none_or(|only| is_through(only, call))
    }

    fn check(
        &self,
        holds: impl FnOnce(&BTreeSet<(QueueId, String)>) -> bool,
        why: &'static str,
    ) -> Result<(), Problem> {
        if self.only.as_ref().is_none_or(holds) { Ok(()) } else { Err(Problem::forbidden(why)) }
    }
}

fn has(only: &BTreeSet<(QueueId, String)>, queue: &str) -> bool {
    only.iter().any(|(_, key)| key == queue)
}

fn is_through(only: &BTreeSet<(QueueId, String)>, call: &CallView) -> bool {
    call.queue.as_deref().is_some_and(|queue| has(only, queue))
}
