//! What supervisors choose for an agent (rule 33, SEMANTICS 2.4).

use super::{
    super::{
        Actor, Channel, MemberState, Notice, Output, Overridden, QueueStanding, Reason, Refused, Rule, Selection,
        Standing,
    },
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
        let (old, reason) = (self.stood(agent, actor), selection.reason().cloned());
        let ready = selection.is_ready();
        match channel {
            Some(channel) => self.choose(now, agent, channel, selection, actor)?,
            None => self.choose_all(now, agent, &selection, actor)?,
        }
        let ends_dnd = ready && how.force && self.agent(agent)?.dnd;
        self.change(now, agent, actor, Rule::Override, |agent| {
            agent.locked = how.locked;
            agent.dnd &= !ends_dnd;
        });
        self.tell_override(now, agent, actor, reason, old);
        self.settle(now);
        Ok(())
    }

    /// How an agent stands before somebody acts on his behalf; nothing where nobody does.
    pub(super) fn stood(&self, agent: AgentId, actor: Actor) -> Option<Standing> {
        let it = self.agents.get(&agent).filter(|_| actor.overrides())?;
        let queues = it.members.iter().map(|(queue, member)| QueueStanding {
            queue: *queue,
            state: if member.leaving { MemberState::LoggedOut } else { member.state.clone() },
        });
        Some(Standing { view: it.view(it.main_channel()), queues: queues.collect() })
    }

    /// SV-05: the agent learns who changed what. `old` is how he stood before.
    pub(super) fn tell_override(
        &mut self,
        now: Now,
        agent: AgentId,
        actor: Actor,
        reason: Option<Reason>,
        old: Option<Standing>,
    ) {
        let (Some(mut old), Some(mut new)) = (old, self.stood(agent, actor)) else { return };
        let before = old.queues.clone();
        old.queues.retain(|it| !new.queues.contains(it));
        new.queues.retain(|it| !before.contains(it));
        let it = Overridden { agent, actor, reason, old, new, at: self.at(now) };
        self.outputs.push_back(Output::Notice(Notice::Override(Box::new(it))));
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
