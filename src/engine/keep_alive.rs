//! Whether devices are still there: those that gave no sign of life are asked whether they are back, and, where the settings
//! want it, all of them are asked now and then.

use std::{sync::Arc, time::Duration};

use super::{Engine, devices::rings_at, drive::Timer};
use crate::{
    acd::DeviceChoice,
    base::{AgentId, FlowId, Now, UserId},
    sip::{self, Party, Path, Target, TransactionId, registrar::Binding},
    switch::LegParty,
    wire::sip::Method,
};

/// How often a device that gave no sign of life is asked again.
const PROBE_EVERY: Duration = Duration::from_secs(30);

/// Silent devices asked in one turn; each costs a dozen packets when it is really gone.
const PROBES_MAX: usize = 200;

/// Devices are not all asked in one moment, but every second some.
const STEP: Duration = Duration::from_secs(1);

/// Devices asked in one second. With more than this in a period, the period gets longer.
const ASKED_MAX: usize = 2_000;

impl Engine {
    /// A device gave no sign of life: it is not rung again until it registers anew or answers a probe, as long as there
    /// are others. One whose connection has failed at a proxy before it can't come back to us by itself: its binding goes
    /// (RFC 5626 11.5).
    pub(super) fn on_dead(
        &mut self,
        now: Now,
        party: LegParty,
        (contact, flow): (&str, Option<FlowId>),
        flow_failed: bool,
    ) {
        let LegParty::User(user) = party else { return };
        let Some(user) = self.directory.users.get(&user) else { return };
        let name = user.name.as_str();
        let change = if flow_failed {
            self.registrar.remove(name, contact, flow)
        } else {
            self.registrar.mark_reachable(name, contact, flow, false)
        };
        self.on_bindings(now, change.into_iter().collect());
        self.watch_the_silent(now);
    }

    /// An offer reached nobody at the devices that it rang. The distributor leaves them alone, and must hear of it when they
    /// register anew or answer a probe.
    pub(super) fn doubt_devices(&mut self, now: Now, agent: AgentId, rung: &DeviceChoice) {
        if let Some(user) = self.directory.user_of(agent).map(|user| user.id) {
            self.doubt(now, user, |binding| rings_at(rung, binding));
        }
    }

    /// The phone at the end of a path is not rung again until it registers anew or answers a probe.
    pub(super) fn doubt_phone(&mut self, now: Now, user: UserId, path: &Path) {
        self.doubt(now, user, |binding| binding.path.is_same_way(path));
    }

    fn doubt(&mut self, now: Now, user: UserId, which: impl Fn(&Binding) -> bool) {
        let name = self.directory.users.get(&user).map_or("", |user| user.name.as_str());
        let doubted = self.registrar.bindings(name).into_iter().filter(|binding| which(binding));
        let doubted: Vec<_> = doubted.map(|binding| (binding.contact.clone(), binding.path.flow)).collect();
        let changes = doubted
            .iter()
            .filter_map(|(contact, flow)| self.registrar.mark_reachable(name, contact, *flow, false))
            .collect();
        self.on_bindings(now, changes);
        self.watch_the_silent(now);
    }

    pub(super) fn watch_the_silent(&mut self, now: Now) {
        if self.timers.deadline(&Timer::Probe).is_none() {
            self.timers.set(Timer::Probe, now.mono + PROBE_EVERY);
        }
    }

    /// Asks devices that gave no sign of life whether they are back.
    pub(super) fn probe(&mut self, now: Now) {
        self.ask_the_contested(now);
        let mut dead: Vec<Arc<Binding>> = self
            .registrar
            .all()
            .filter(|of| !of.reachable && of.contested.is_none())
            .take(PROBES_MAX)
            .cloned()
            .collect();
        if !dead.is_empty() {
            self.timers.set(Timer::Probe, now.mono + PROBE_EVERY);
        }
        dead.sort_by(|one, other| (&one.aor, &one.contact).cmp(&(&other.aor, &other.contact)));
        for binding in &dead {
            self.ask(now, binding);
        }
    }

    /// Begins to ask all devices now and then, where the settings want it.
    pub(super) fn keep_devices_alive(&mut self, now: Now) {
        if !self.settings.devices.keep_alive.is_zero() {
            self.timers.set(Timer::KeepAlive, now.mono + STEP);
        }
    }

    /// Asks the share of all devices that falls to this second.
    pub(super) fn ask_some(&mut self, now: Now) {
        let steps = usize::try_from(self.settings.devices.keep_alive.as_secs()).unwrap_or(1).max(1);
        let share = self.registrar.len().div_ceil(steps).min(ASKED_MAX);
        let asked = self.registrar.next_round(share);
        for binding in asked.iter().filter(|binding| binding.reachable) {
            self.ask(now, binding);
        }
        self.timers.set(Timer::KeepAlive, now.mono + STEP);
    }

    fn ask(&mut self, now: Now, binding: &Binding) {
        if let Some(transaction) = self.send_options(now, binding) {
            self.probes.insert(transaction, (binding.aor.clone(), binding.contact.clone(), binding.path.flow));
        }
    }

    /// Asks a device for a sign of life. `None`: no way leads there that may be used.
    pub(super) fn send_options(&mut self, now: Now, binding: &Binding) -> Option<TransactionId> {
        let path = self.path_to(binding)?;
        let us = Party::new(format!("sip:{}", self.settings.realm));
        let them = Party::new(binding.contact.to_string());
        let mut request = sip::Request::outside(Method::Options, path, binding.contact.to_string(), us, them);
        if let Target::Outside(outside) = &mut request.target {
            outside.route_set = binding.route.iter().map(|route| route.to_string()).collect();
        }
        request.headers.push(("Accept".into(), "application/sdp".to_owned()));
        Some(self.switch.request(now, request))
    }

    /// Any answer is a sign of life but the one that says that its connection is gone; none at all is none.
    pub(super) fn on_probed(&mut self, now: Now, transaction: TransactionId, heard: Option<u16>) {
        let Some((aor, contact, flow)) = self.probes.remove(&transaction) else { return };
        let change = match heard {
            Some(430) => self.registrar.remove(&aor, &contact, flow),
            Some(_) => self.registrar.mark_reachable(&aor, &contact, flow, true),
            None => self.registrar.mark_reachable(&aor, &contact, flow, false),
        };
        self.on_bindings(now, change.into_iter().collect());
        if heard.is_none() {
            self.watch_the_silent(now);
        }
    }
}
