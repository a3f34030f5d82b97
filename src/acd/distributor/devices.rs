//! Where a queue's offers ring (QM-10): the device that a membership pins, and whether that can be reached.

use super::{
    super::{Actor, DeviceChoice, MemberEvent, OfferEnd, Output, Refused, WithdrawCause},
    Acd,
};
use crate::base::{AgentId, Now, OfferId, QueueId};

impl Acd {
    /// Whether it has an agent: one of the settings, or one who is gone from them and not done yet.
    pub fn knows(&self, agent: AgentId) -> bool {
        self.agents.contains_key(&agent)
    }

    /// A device that a membership pins can be reached now, or no longer can. To be told before `handle_device` of the
    /// same, and before a membership pins it.
    pub fn handle_pinned(&mut self, now: Now, agent: AgentId, device: &DeviceChoice, reachable: bool) {
        let Some(it) = self.agents.get_mut(&agent) else { return };
        let changed = match reachable {
            true => it.pinned.insert(device.clone()),
            false => it.pinned.remove(device),
        };
        if !changed {
            return;
        }
        self.refresh(agent);
        if !reachable {
            self.withdraw_offers_at(now, agent, device);
            self.give_up_unpicked(now, agent, Some(device));
        }
        self.settle(now);
    }

    /// Which device rings for one of his queues from the next offer on; `None`: the one that the settings say.
    pub fn set_device(
        &mut self,
        now: Now,
        agent: AgentId,
        queue: QueueId,
        device: Option<DeviceChoice>,
        actor: Actor,
    ) -> Result<(), Refused> {
        self.agent(agent)?;
        self.queue(queue)?;
        let at = self.at(now);
        let stranger = self.no_member(agent, queue);
        let member = self.member_mut(agent, queue).ok_or(stranger)?;
        let before = member.device().clone();
        member.chosen = device;
        let (device, temporary, state) = (member.device().clone(), !member.assigned, member.state.clone());
        if device != before {
            let (old, new) = (Some(state.clone()), Some(state));
            self.outputs.push_back(Output::Member(MemberEvent {
                agent,
                queue,
                actor,
                old,
                new,
                temporary,
                device,
                at,
            }));
        }
        self.unsaved.members.insert((agent, queue));
        self.refresh(agent);
        self.settle(now);
        Ok(())
    }

    /// The devices that memberships of an agent's pin.
    pub fn pinned_devices(&self, agent: AgentId) -> Vec<DeviceChoice> {
        let members = self.agents.get(&agent).into_iter().flat_map(|it| it.members.values());
        let mut pinned: Vec<_> = members.map(|member| member.device()).filter(|it| it.is_pinned()).cloned().collect();
        pinned.sort();
        pinned.dedup();
        pinned
    }

    /// What the settings say of a membership; a temporary one has no word of theirs.
    pub(super) fn device_in(&self, agent: AgentId, queue: QueueId) -> DeviceChoice {
        let (Some(it), Some(queue)) = (self.agents.get(&agent), self.queues.get(&queue)) else {
            return DeviceChoice::default();
        };
        let member = queue.rules.members.iter().find(|member| member.agent == it.settings.key);
        member.map(|member| member.device.clone()).unwrap_or_default()
    }

    /// They ring where nothing can be heard any more: as rule 37c, for one device.
    fn withdraw_offers_at(&mut self, now: Now, agent: AgentId, device: &DeviceChoice) {
        let Some(it) = self.agents.get(&agent) else { return };
        let offers = it.channels.iter().flat_map(|channel| channel.offers.iter().copied());
        let there: Vec<(OfferId, _)> = offers
            .filter_map(|offer| self.offers.get(&offer).filter(|ringing| ringing.device == *device))
            .map(|ringing| (ringing.offer, ringing.interaction))
            .collect();
        for (offer, interaction) in there {
            let (end, cause) = (OfferEnd::CancelledWithdrawn, WithdrawCause::Unreachable);
            self.end_offer(now, offer, end, Some(cause), Actor::System);
            self.after(now, agent, None, Actor::System);
            self.back_in_place(now, interaction);
        }
    }
}
