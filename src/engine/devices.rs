//! A user's devices as targets of a call: which are rung, in which order, and how else each can be reached.

use std::sync::Arc;

use super::Engine;
use crate::{
    base::Private,
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
        let bindings = self.registrar.bindings(user.name.as_str());
        let pages: Vec<Target> = self.page_ways(user.id).map(|way| self.target(user, way)).collect();
        let some_reachable = !pages.is_empty() || bindings.iter().any(|binding| binding.reachable);
        let mut wanted: Vec<&Binding> =
            bindings.into_iter().filter(|binding| binding.reachable || !some_reachable).collect();
        let mut phases: Vec<Vec<Target>> = Vec::new();
        let mut preference = None;
        while !wanted.is_empty() {
            let first = wanted.remove(0);
            // Several flows lead to one device: it rings once, and the others are there for when that fails (RFC 5626 7).
            let is_same = |other: &&Binding| first.reg_id.is_some() && first.instance == other.instance;
            let (same, others): (Vec<&Binding>, Vec<&Binding>) = wanted.into_iter().partition(is_same);
            wanted = others;
            let Some(mut target) = self.device_target(user, first) else { continue };
            target.spares = same.into_iter().filter_map(|binding| self.device_target(user, binding)).collect();
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
            address: Private::new(user.name.as_str().to_owned()),
            dead_time: self.settings.times.device_dead_time,
            shown: Presentation::default(),
            quirks: Arc::default(),
            forwarding: Forwarding::default(),
            spares: Vec::new(),
        }
    }
}
