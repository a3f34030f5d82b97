//! A user's devices as targets of a call: which are rung, in which order, and how else each can be reached.

use std::{collections::BTreeMap, sync::Arc};

use super::{Engine, Refused, UsedDevice};
use crate::{
    acd::{self, Actor, DeviceChoice},
    base::{AgentId, Now, Private, QueueId, UserId},
    sip::registrar::Binding,
    switch::{Forwarding, LegParty, Presentation, SipWay, Target, User, Way},
};

impl Engine {
    /// A user's devices, all at once: those that can be reached; if none can, all of them, since a call may find one awake
    /// again.
    pub(super) fn user_targets(&self, user: &User) -> Vec<Target> {
        self.user_phases(user).into_iter().flatten().collect()
    }

    /// The same one after the other as their q wants it, the most preferred first; equals ring together (RFC 3261 16.6).
    pub(super) fn user_phases(&self, user: &User) -> Vec<Vec<Target>> {
        let pages: Vec<Target> = self.page_ways(user.id).map(|way| self.target(user, way)).collect();
        let mut phases: Vec<Vec<Target>> = Vec::new();
        let mut preference = None;
        for (first, target) in self.phones(user, !pages.is_empty()) {
            match phases.last_mut().filter(|_| preference == Some(first.q)) {
                Some(phase) => phase.push(target),
                None => phases.push(vec![target]),
            }
            preference = Some(first.q);
        }
        // A page is where he looks: it rings at once.
        match phases.first_mut() {
            Some(first) => first.extend(pages),
            None if !pages.is_empty() => phases.push(pages),
            None => {}
        }
        phases
    }

    /// Where an offer rings (QM-10). One after the other only as long as nobody can be reached.
    pub(super) fn offered_phases(&self, user: &User, device: &DeviceChoice) -> Vec<Vec<Target>> {
        let pages: Vec<Target> = self.page_ways(user.id).map(|way| self.target(user, way)).collect();
        let phones = self.phones(user, !pages.is_empty());
        let only = |fits: &dyn Fn(&Binding) -> bool| -> Vec<Target> {
            phones.iter().filter(|(phone, _)| fits(phone)).map(|(_, target)| target.clone()).collect()
        };
        let phases = match device {
            DeviceChoice::All => vec![self.user_targets(user)],
            DeviceChoice::Web => vec![pages],
            DeviceChoice::Phone => vec![only(&|_| true)],
            DeviceChoice::Named(name) => vec![only(&|phone| is_named(phone, name))],
            DeviceChoice::LastActive => self.last_used_first(user, pages, &phones),
        };
        phases.into_iter().filter(|phase| !phase.is_empty()).collect()
    }

    /// The device that he used last, and then the others; those alone where that one is not there.
    fn last_used_first(&self, user: &User, pages: Vec<Target>, phones: &[(&Binding, Target)]) -> Vec<Vec<Target>> {
        let is_last = |phone: &Binding| self.last_used.is(user.id, &UsedDevice::of(phone));
        let at_page = self.last_used.is(user.id, &UsedDevice::Web);
        let (last, others): (Vec<_>, Vec<_>) = phones.iter().partition(|(phone, _)| is_last(phone));
        let targets = |phones: Vec<&(&Binding, Target)>| -> Vec<Target> {
            phones.into_iter().map(|(_, target)| target.clone()).collect()
        };
        let (mut first, mut rest) = (targets(last), targets(others));
        if at_page {
            first.extend(pages)
        } else {
            rest.extend(pages)
        }
        if !first.is_empty() && !rest.is_empty() {
            // So that the others have rung before the offer is given up for want of a sign of life.
            first.iter_mut().for_each(|target| target.dead_time /= 2);
        }
        vec![first, rest]
    }

    /// Whether an offer would ring somewhere.
    fn is_reachable_at(&self, user: &User, device: &DeviceChoice) -> bool {
        let any_phone = |fits: &dyn Fn(&Binding) -> bool| {
            self.registrar.bindings(user.name.as_str()).into_iter().any(|phone| phone.reachable && fits(phone))
        };
        match device {
            DeviceChoice::LastActive | DeviceChoice::All => self.is_reachable(user.id),
            DeviceChoice::Web => self.pages.is_reachable(user.id),
            DeviceChoice::Phone => any_phone(&|_| true),
            DeviceChoice::Named(name) => any_phone(&|phone| is_named(phone, name)),
        }
    }

    /// Tells the distributor whether a device that a membership pins can be reached, when that changes. Of an agent whom it
    /// does not know yet there is nothing to tell.
    pub(super) fn tell_pin(&mut self, now: Now, user: UserId, agent: AgentId, device: DeviceChoice) {
        if !device.is_pinned() || !self.acd.knows(agent) {
            return;
        }
        let reachable = self.directory.users.get(&user).is_some_and(|user| self.is_reachable_at(user, &device));
        let key = (agent, device);
        if self.reachable_pins.contains(&key) != reachable {
            self.acd.handle_pinned(now, agent, &key.1, reachable);
            match reachable {
                true => drop(self.reachable_pins.insert(key)),
                false => drop(self.reachable_pins.remove(&key)),
            }
        }
    }

    /// What the distributor was told of agents whom it has forgotten since: with new settings they may come back, and then
    /// it knows nothing of their devices.
    pub(super) fn forget_told(&mut self) {
        self.reachable.retain(|agent, _| self.acd.knows(*agent));
        self.reachable_pins.retain(|(agent, _)| self.acd.knows(*agent));
    }

    /// What new settings pin, before they count: nobody is taken for unreachable in between.
    pub(super) fn tell_new_pins(&mut self, now: Now, settings: &acd::Settings) {
        let by_key: BTreeMap<&str, AgentId> =
            settings.agents.iter().map(|(agent, settings)| (settings.key.as_str(), *agent)).collect();
        for member in settings.queues.values().flat_map(|queue| &queue.members) {
            let Some(agent) = by_key.get(member.agent.as_str()).copied() else { continue };
            let Some(user) = self.directory.user_of(agent).map(|user| user.id) else { continue };
            self.tell_pin(now, user, agent, member.device.clone());
        }
    }

    /// Somebody chooses where a queue's offers ring.
    pub(super) fn set_device(
        &mut self,
        now: Now,
        agent: AgentId,
        queue: QueueId,
        device: Option<DeviceChoice>,
        actor: Actor,
    ) -> Result<(), Refused> {
        if let (Some(device), Some(user)) = (&device, self.directory.user_of(agent).map(|user| user.id)) {
            self.tell_pin(now, user, agent, device.clone());
        }
        self.acd.set_device(now, agent, queue, device, actor)?;
        // Of the settings', too, when that is what counts again.
        if let Some(user) = self.directory.user_of(agent).map(|user| user.id) {
            self.tell_device(now, user);
        }
        Ok(())
    }

    /// A user's phones that can be reached, the most preferred first; if none can and there is no page, all of them.
    /// Several flows lead to one device: it rings once, and the others are there for when that fails (RFC 5626 7).
    fn phones(&self, user: &User, has_page: bool) -> Vec<(&Binding, Target)> {
        let bindings = self.registrar.bindings(user.name.as_str());
        let some_reachable = has_page || bindings.iter().any(|binding| binding.reachable);
        let mut wanted: Vec<&Binding> =
            bindings.into_iter().filter(|binding| binding.reachable || !some_reachable).collect();
        let mut phones = Vec::new();
        while !wanted.is_empty() {
            let first = wanted.remove(0);
            let is_same = |other: &&Binding| first.reg_id.is_some() && first.instance == other.instance;
            let (same, others): (Vec<&Binding>, Vec<&Binding>) = wanted.into_iter().partition(is_same);
            wanted = others;
            let Some(mut target) = self.device_target(user, first) else { continue };
            target.spares = same.into_iter().filter_map(|binding| self.device_target(user, binding)).collect();
            phones.push((first, target));
        }
        phones
    }

    fn device_target(&self, user: &User, binding: &Binding) -> Option<Target> {
        let way = SipWay {
            path: self.path_to(binding)?,
            uri: binding.contact.to_string(),
            route_set: binding.route.iter().map(|route| route.to_string()).collect(),
            credentials: None,
        };
        Some(self.target(user, Way::Sip(way)))
    }

    fn target(&self, user: &User, way: Way) -> Target {
        Target {
            party: LegParty::User(user.id),
            way,
            domain: self.settings.realm.as_str().into(),
            called_at: self.settings.realm.as_str().into(),
            address: Private::new(user.name.as_str().to_owned()),
            dead_time: self.settings.times.device_dead_time,
            shown: Presentation::default(),
            quirks: Arc::default(),
            forwarding: Forwarding::default(),
            spares: Vec::new(),
        }
    }
}

/// Whether a choice of devices takes in a phone.
pub(super) fn rings_at(choice: &DeviceChoice, phone: &Binding) -> bool {
    match choice {
        DeviceChoice::LastActive | DeviceChoice::All | DeviceChoice::Phone => true,
        DeviceChoice::Web => false,
        DeviceChoice::Named(name) => is_named(phone, name),
    }
}

/// Whether a phone goes by a name that the settings give.
fn is_named(phone: &Binding, name: &str) -> bool {
    let calls_itself = phone.user_agent.as_deref().and_then(|agent| agent.get(..name.len()));
    calls_itself.is_some_and(|beginning| beginning.eq_ignore_ascii_case(name))
        || phone
            .instance
            .as_deref()
            .is_some_and(|instance| instance.trim_matches(['<', '>']).eq_ignore_ascii_case(name))
}
