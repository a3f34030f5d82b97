//! REGISTER, and what it means for the agents whose devices these are.

use std::sync::Arc;

use super::{
    DeviceKind, DeviceView, Engine, Entry, GateOrder, Happened, KeptBinding, Output, UsedDevice, directory::Directory,
};
use crate::{
    base::{FlowId, LegId, Now, UserId},
    sip::{
        Mark, Path, Reply, TransactionId, Transport,
        registrar::{Binding, BindingChange},
    },
    switch::LegParty,
    wire::sip::Message,
};

/// Methods that we serve.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, \
                               PUBLISH, MESSAGE";

/// Extensions that we serve.
pub(super) const SUPPORTED: &str = "100rel, timer, replaces, norefersub";

impl Engine {
    /// SW-01. The 200, and every copy of it, leaves once the journal has what it confirms.
    pub(super) fn on_register(&mut self, now: Now, transaction: TransactionId, request: &Message, path: Path) {
        let reply = match self.register(now, request, path) {
            // Whatever it lists is written then, be it this request's doing or an earlier one's.
            Ok(reply) => reply.after(Mark::promise(self.last_entry().0)),
            Err(reply) => reply,
        };
        self.switch.reply(now, transaction, reply);
    }

    fn register(&mut self, now: Now, request: &Message, path: Path) -> Result<Reply, Reply> {
        let user = self.authenticate(now, request, path, "REGISTER")?;
        let name = match self.directory.users.get(&user) {
            Some(user) => user.name.clone(),
            None => return Err(Reply::new(403).once()),
        };
        let own = request.to().is_ok_and(|to| self.directory.router.user(&to.uri.user_decoded()) == Some(user));
        if !own {
            return Err(Reply::new(403).once());
        }
        if self.registrar.len() >= self.settings.limits.bindings_max
            && self.registrar.bindings(name.as_str()).is_empty()
        {
            return Err(Reply::new(503).header("Retry-After", "60").once());
        }
        match self.registrar.register(now, name.as_str(), request, path) {
            Ok(registered) => {
                self.totals.registrations += 1;
                self.on_bindings(now, registered.changed);
                let mut reply = Reply::new(200);
                reply.headers = registered.headers;
                Ok(reply)
            }
            Err(fault) => {
                let mut reply = Reply::new(fault.status).reason(fault.reason);
                reply.headers = fault.headers;
                Err(reply)
            }
        }
    }

    /// Bindings came, went or changed.
    pub(super) fn on_bindings(&mut self, now: Now, changes: Vec<BindingChange>) {
        for change in changes {
            let gone = change.is_gone();
            let binding = change.binding();
            if let BindingChange::Contest(binding) = &change {
                self.journal(Entry::Bound(self.kept_binding(binding)));
                self.ask_contested(now, binding);
                continue;
            }
            self.tell_gate(now, binding, gone);
            if !gone {
                self.resume_watches(now, binding);
            }
            if gone {
                self.homes.note(now.mono, binding.path.remote, &binding.aor);
            }
            let aor = binding.aor.clone();
            if let Some(user) = self.directory.router.user(&aor) {
                for leg in self.watching.legs_of(user) {
                    if !gone {
                        self.switch.reconnected(leg, binding.path, &binding.contact);
                    }
                    self.switch.forsake(leg, binding.path, gone || !binding.reachable);
                }
                let view = device(user, binding, gone);
                if let BindingChange::Added(binding) = &change {
                    self.note_used(user, UsedDevice::of(binding));
                }
                if !matches!(change, BindingChange::Refreshed(_)) {
                    self.watched_changed(now, user);
                    self.live(now, Happened::Device(view));
                }
            }
            let entry = if gone {
                Entry::Unbound { aor: aor.clone(), contact: binding.contact.clone(), reg_id: binding.reg_id }
            } else {
                Entry::Bound(self.kept_binding(binding))
            };
            self.journal(entry);
            if let Some(user) = self.directory.router.user(&aor) {
                self.tell_device(now, user);
            }
        }
    }

    /// A phone may have registered over its next connection before the last one ended: its calls go on there. A connection that
    /// another call uses, or that comes from elsewhere, is another phone's.
    pub(super) fn follow_to_other_flows(&mut self, closed: FlowId, legs: &[LegId]) {
        let mut ways = Vec::new();
        for leg in legs {
            let sight = self.switch.leg(*leg);
            let Some((LegParty::User(user), Some(was_at))) = sight.map(|leg| (leg.party(), leg.path())) else {
                continue;
            };
            let Some(user) = self.directory.users.get(&user) else { continue };
            for binding in self.registrar.bindings(user.name.as_str()) {
                let is_free = binding.path.flow.is_some_and(|flow| self.switch.legs_on(flow).is_empty());
                let is_near = binding.path.remote.ip() == was_at.remote.ip();
                if is_free && is_near && may_follow(binding.path, closed) {
                    ways.push((*leg, binding.refreshed, binding.path, binding.contact.clone()));
                }
            }
        }
        // Where he registered last, first.
        ways.sort_by_key(|(leg, refreshed, ..)| (*leg, std::cmp::Reverse(*refreshed)));
        let mut moved = None;
        for (leg, _, path, contact) in ways {
            if moved != Some(leg) && self.switch.reconnected(leg, path, &contact) {
                moved = Some(leg);
                self.switch.forsake(leg, path, false);
            }
        }
    }

    pub(super) fn kept_binding(&self, binding: &Arc<Binding>) -> KeptBinding {
        KeptBinding { binding: Arc::clone(binding), proof: self.directory.proof(&binding.aor) }
    }

    /// Whether a device of an earlier run may be called again. What an older switch wrote says nothing of passwords.
    pub(super) fn is_still_good(&self, kept: &KeptBinding) -> bool {
        self.directory.user(&kept.binding.aor).is_some()
            && kept.proof.is_none_or(|proof| self.directory.proof(&kept.binding.aor) == Some(proof))
    }

    /// Whoever has shown who he is, is spared limits while he is registered; the address, while anybody is from there.
    pub(super) fn tell_gate(&mut self, now: Now, binding: &Binding, gone: bool) {
        let remote = binding.path.remote;
        if !gone {
            self.emit(Output::Gate(GateOrder::Known { remote, until: now.mono_of(binding.expires) }));
        } else {
            self.forget_at_gate(now, remote);
        }
    }

    /// Somebody who was known there is no more; the address stays known while a device is registered from it, or a trunk there.
    pub(super) fn forget_at_gate(&mut self, now: Now, remote: std::net::SocketAddr) {
        if !self.tell_gate_of_lines(now, remote) && !self.registrar.is_known(remote) {
            self.emit(Output::Gate(GateOrder::Unknown { remote }));
        }
    }

    /// Tells the distributor whether a user's devices can be reached, when that changes.
    pub(super) fn tell_device(&mut self, now: Now, user: UserId) {
        let Some(agent) = self.directory.agent_of(user) else { return };
        for device in self.acd.pinned_devices(agent) {
            self.tell_pin(now, user, agent, device);
        }
        let reachable = self.is_reachable(user);
        if self.reachable.insert(agent, reachable).unwrap_or(false) != reachable {
            self.acd.handle_device(now, agent, reachable);
        }
    }

    /// The same for all agents, when settings or a restart may have changed who they are.
    pub(super) fn tell_devices(&mut self, now: Now) {
        let mut users: Vec<_> = self.directory.users.values().map(|user| (user.name.clone(), user.id)).collect();
        users.sort();
        for (_, user) in users {
            self.tell_device(now, user);
        }
    }

    /// Whether any device of a user would ring.
    pub(super) fn is_reachable(&self, user: UserId) -> bool {
        let name = self.directory.users.get(&user).map_or("", |user| user.name.as_str());
        self.pages.is_reachable(user) || self.registrar.bindings(name).iter().any(|binding| binding.reachable)
    }

    /// Devices of users who are in the settings no more, and those that came with a password which is none any more: they
    /// have to show the new one. Their calls go on.
    pub(super) fn forget_devices(&mut self, now: Now, old: &Directory) {
        let is_good = |name: &str| match (old.user(name), self.directory.user(name)) {
            (Some(old), Some(new)) => old.ha1 == new.ha1,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let gone = self.registrar.all().filter(|binding| !is_good(&binding.aor));
        let mut gone: Vec<_> =
            gone.map(|binding| (binding.aor.clone(), binding.contact.clone(), binding.path.flow)).collect();
        gone.sort();
        let changes =
            gone.iter().filter_map(|(aor, contact, flow)| self.registrar.remove(aor, contact, *flow)).collect();
        self.on_bindings(now, changes);
    }

    pub(super) fn devices(&self) -> Vec<DeviceView> {
        let mut views: Vec<DeviceView> = self
            .registrar
            .all()
            .filter_map(|binding| Some(device(self.directory.router.user(&binding.aor)?, binding, false)))
            .chain(self.page_views())
            .collect();
        views.sort_by(|one, other| (one.user, &one.contact).cmp(&(other.user, &other.contact)));
        views
    }
}

fn device(user: UserId, binding: &Binding, gone: bool) -> DeviceView {
    DeviceView {
        user,
        kind: DeviceKind::Phone,
        contact: binding.contact.to_string(),
        user_agent: binding.user_agent.as_deref().unwrap_or_default().to_owned(),
        since: binding.since,
        expires: (!gone).then_some(binding.expires),
        reachable: binding.reachable && !gone,
    }
}

/// Whether a connection may be the next one of a phone whose last has ended. Phones on WebSockets call themselves anew each time:
/// of them only one that came later.
pub(super) fn may_follow(path: Path, closed: FlowId) -> bool {
    path.flow.is_some_and(|flow| flow > closed || !matches!(path.transport, Transport::Ws | Transport::Wss))
}
