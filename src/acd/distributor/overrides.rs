//! What supervisors choose for an agent (rule 33, SEMANTICS 2.4).

use super::{
    super::{Actor, Channel, Refused, Rule, Selection},
    Acd,
};
use crate::base::{AgentId, Now};

/// How far a supervisor's choice goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Force {
    /// Ready also ends do-not-disturb.
    pub force: bool,
    /// The agent may not choose otherwise until a supervisor chooses again.
    pub locked: bool,
}

impl Acd {
    /// A supervisor's choice for one channel of an agent, or for all.
    pub fn set_status(
        &mut self,
        now: Now,
        agent: AgentId,
        channel: Option<Channel>,
        selection: Selection,
        how: Force,
        actor: Actor,
    ) -> Result<(), Refused> {
        if !actor.overrides() {
            return Err(Refused::not_allowed("supervisors_only", "only supervisors choose for others"));
        }
        let ready = selection.is_ready();
        match channel {
            Some(channel) => self.select(now, agent, channel, selection, actor)?,
            None => self.select_all(now, agent, selection, actor)?,
        }
        let ends_dnd = ready && how.force && self.agent(agent)?.dnd;
        self.change(now, agent, actor, Rule::Override, |agent| {
            agent.locked = how.locked;
            agent.dnd &= !ends_dnd;
        });
        self.settle(now);
        Ok(())
    }

    /// An agent's own choice, unless a supervisor has chosen for good.
    pub(super) fn may_choose(&self, agent: AgentId, actor: Actor) -> Result<(), Refused> {
        match actor {
            Actor::Agent(_) if self.agent(agent)?.locked => {
                Err(Refused::not_now("locked", "a supervisor chose this status and locked it"))
            }
            Actor::Agent(_) | Actor::Supervisor(_) | Actor::Admin(_) | Actor::System | Actor::Api => Ok(()),
        }
    }
}
