//! Where each address-of-record is now (RFC 3261 10.3, 3327, 3581, 3608, 5626 without GRUU).
//!
//! Who may register what is asked before: what enters here is authenticated.

mod binding;
mod request;

use std::{borrow::Cow, collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    base::{FlowId, Instant, KeyedMap, Now, Timers, keyed_map},
    sip::{Headers, Path},
    wire::sip::Message,
};

pub use binding::{Binding, BindingChange};
use request::{Ask, Wanted};

/// Devices of one address-of-record. A person has a desk phone, two softphones and a page; more is a flood.
pub const BINDINGS_MAX: usize = 10;

/// Devices of all; the next gets 503. At 1 KB each this is half a gigabyte.
pub const REGISTRAR_MAX: usize = 500_000;

/// Seconds that a flow may be silent before it is taken for gone (RFC 5626 4.4): what phones are told, who then send their
/// keep-alives a little more often.
pub const FLOW_TIMER: u32 = 120;

/// Bounds of a registration's life, in seconds, and what devices are told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RegistrarSettings {
    /// Shorter wishes get 423.
    pub expires_min: u32,
    /// Longer wishes are cut.
    pub expires_max: u32,
    /// For those without a wish.
    pub expires_default: u32,
    /// Seconds between signs of life on a flow.
    pub flow_timer: u32,
    /// The way that a device's own requests are to take, nearest first (RFC 3608).
    pub service_route: Vec<String>,
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        Self {
            expires_min: 60,
            expires_max: 3600,
            expires_default: 3600,
            flow_timer: FLOW_TIMER,
            service_route: Vec::new(),
        }
    }
}

/// What a REGISTER did.
#[derive(Clone, PartialEq, Debug)]
pub struct Registered {
    pub changed: Vec<BindingChange>,
    /// For the 200: one Contact line per binding, the preferred first, and Path lines back.
    pub headers: Headers,
}

/// Why a REGISTER changed nothing, and the answer to give.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterFault {
    pub status: u16,
    pub reason: &'static str,
    /// Min-Expires of a 423.
    pub headers: Headers,
}

impl RegisterFault {
    fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, headers: Vec::new() }
    }
}

/// The bindings of all addresses-of-record. Pure; after `handle_timeout` sleep until `poll_timeout`.
pub struct Registrar {
    settings: RegistrarSettings,
    aors: KeyedMap<Box<str>, SmallVec<[Slot; 2]>>,
    bindings: Vec<Option<Box<Binding>>>,
    free: Vec<Slot>,
    expiry: Timers<Slot>,
    flows: BTreeSet<(FlowId, Slot)>,
    /// Where their REGISTERs came from.
    sources: BTreeSet<(IpAddr, Slot)>,
    count: usize,
    /// Whose turn it is in `next_round`.
    turn: usize,
}

/// Where a binding lies.
type Slot = u32;

impl Registrar {
    pub fn new(settings: RegistrarSettings) -> Self {
        Self {
            settings,
            aors: keyed_map(),
            bindings: Vec::new(),
            free: Vec::new(),
            expiry: Timers::new(),
            flows: BTreeSet::new(),
            sources: BTreeSet::new(),
            count: 0,
            turn: 0,
        }
    }

    /// A REGISTER for `aor` (any key that the floor above uses for it) that came on `path`. All or nothing.
    pub fn register(
        &mut self,
        now: Now,
        aor: &str,
        request: &Message,
        path: Path,
    ) -> Result<Registered, RegisterFault> {
        let changed = match Ask::read(request, &self.settings)? {
            Ask::Query => Vec::new(),
            Ask::RemoveAll => self.remove_all(aor, request)?,
            Ask::Change(wanted) => self.change(now, aor, request, path, &wanted)?,
        };
        let mut headers = self.contact_lines(now, aor);
        headers.extend(request::granted_lines(request, &changed, &self.settings));
        Ok(Registered { changed, headers })
    }

    /// The bindings of `aor`: highest q first, then the latest registered. Unreachable ones come last: they may be back.
    pub fn bindings(&self, aor: &str) -> Vec<&Binding> {
        let slots = self.aors.get(aor).map(SmallVec::as_slice).unwrap_or_default();
        let mut found: Vec<&Binding> = slots.iter().filter_map(|slot| self.at(*slot)).collect();
        found.sort_by_key(|binding| {
            (!binding.reachable, std::cmp::Reverse(binding.q), std::cmp::Reverse(binding.refreshed))
        });
        found
    }

    /// All bindings, in a fixed order, for checkpoints and pages.
    pub fn all(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter_map(Option::as_deref)
    }

    /// Whether any device registered from there.
    pub fn is_at_home(&self, source: IpAddr) -> bool {
        self.sources.range((source, 0)..=(source, Slot::MAX)).next().is_some()
    }

    /// Whether a device of this address registered from there.
    pub fn is_users_home(&self, aor: &str, source: IpAddr) -> bool {
        self.is_at_home(source) && self.bindings(aor).iter().any(|binding| binding.path.remote.ip() == source)
    }

    /// The next so many of all bindings, in turn, each once in a round.
    pub fn next_round(&mut self, count: usize) -> Vec<&Binding> {
        let places = self.bindings.len();
        let from = if self.turn < places { self.turn } else { 0 };
        let (mut found, mut at) = (Vec::with_capacity(count.min(self.count)), from);
        for _ in 0..places {
            if found.len() >= count {
                break;
            }
            found.extend(self.bindings.get(at).and_then(Option::as_deref));
            at = (at + 1) % places;
        }
        self.turn = at;
        found
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Brings back a binding from the journal; one that has expired meanwhile goes with the next `handle_timeout`.
    pub fn restore(&mut self, now: Now, binding: Binding) {
        let known = self.slots(&binding.aor).into_iter().find(|slot| {
            self.at(*slot).is_some_and(|old| {
                (&old.contact, &old.instance, old.reg_id) == (&binding.contact, &binding.instance, binding.reg_id)
            })
        });
        match known {
            Some(slot) => self.put(now, slot, binding),
            None if self.count < REGISTRAR_MAX => {
                self.insert(now, binding);
            }
            None => {}
        }
    }

    /// Takes a binding away by its contact and, where it has several flows, its connection.
    pub fn remove(&mut self, aor: &str, contact: &str, flow: Option<FlowId>) -> Option<BindingChange> {
        let slot = self.slot_of(aor, contact, flow)?;
        self.take(slot).map(BindingChange::Removed)
    }

    /// Takes what has expired.
    pub fn handle_timeout(&mut self, now: Now) -> Vec<BindingChange> {
        let mut gone = Vec::new();
        while let Some(slot) = self.expiry.take_due(now.mono) {
            gone.extend(self.take(slot).map(BindingChange::Expired));
        }
        gone
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.expiry.next()
    }

    /// Whose devices are reached over a connection; the first of them.
    pub fn aor_of_flow(&self, flow: FlowId) -> Option<&str> {
        let (_, slot) = self.flows.range((flow, 0)..=(flow, Slot::MAX)).next()?;
        self.at(*slot).map(|binding| &*binding.aor)
    }

    /// A connection ended: nobody can be called over it any more.
    pub fn flow_closed(&mut self, flow: FlowId) -> Vec<BindingChange> {
        let slots: Vec<Slot> = self.flows.range((flow, 0)..=(flow, Slot::MAX)).map(|(_, slot)| *slot).collect();
        slots.into_iter().filter_map(|slot| self.take(slot)).map(BindingChange::Removed).collect()
    }

    /// Marks a binding that did not answer at all, or (`true`) one that answered again; the binding stays until it
    /// expires. `None` when nothing changed.
    pub fn mark_reachable(
        &mut self,
        aor: &str,
        contact: &str,
        flow: Option<FlowId>,
        reachable: bool,
    ) -> Option<BindingChange> {
        let slot = self.slot_of(aor, contact, flow)?;
        let binding = self.bindings.get_mut(slot as usize)?.as_deref_mut()?;
        if binding.reachable == reachable {
            return None;
        }
        binding.reachable = reachable;
        Some(BindingChange::Reachability(binding.clone()))
    }

    fn slot_of(&self, aor: &str, contact: &str, flow: Option<FlowId>) -> Option<Slot> {
        let is_it = |binding: &Binding| &*binding.contact == contact && (flow.is_none() || binding.path.flow == flow);
        self.slots(aor).into_iter().find(|slot| self.at(*slot).is_some_and(is_it))
    }

    fn remove_all(&mut self, aor: &str, request: &Message) -> Result<Vec<BindingChange>, RegisterFault> {
        let slots = self.slots(aor);
        if slots.iter().filter_map(|slot| self.at(*slot)).any(|binding| binding.is_newer_than(request)) {
            return Err(RegisterFault::new(500, "CSeq Out Of Order"));
        }
        Ok(slots.into_iter().filter_map(|slot| self.take(slot)).map(BindingChange::Removed).collect())
    }

    fn change(
        &mut self,
        now: Now,
        aor: &str,
        request: &Message,
        path: Path,
        wanted: &[Wanted<'_>],
    ) -> Result<Vec<BindingChange>, RegisterFault> {
        let replaced: Vec<SmallVec<[Slot; 2]>> = wanted.iter().map(|want| self.replaced_by(aor, want, path)).collect();
        let old = replaced.iter().flatten();
        if old.filter_map(|slot| self.at(*slot)).any(|binding| binding.is_newer_than(request)) {
            return Err(RegisterFault::new(500, "CSeq Out Of Order"));
        }
        let fresh = wanted.iter().zip(&replaced).filter(|(want, old)| want.expires > 0 && old.is_empty()).count();
        if fresh > 0 && self.slots(aor).len() + fresh > BINDINGS_MAX {
            return Err(RegisterFault::new(403, "Too Many Contacts"));
        }
        if self.count + fresh > REGISTRAR_MAX {
            return Err(RegisterFault::new(503, "Registrar Full"));
        }
        let mut changed = Vec::with_capacity(wanted.len());
        for (want, old) in wanted.iter().zip(replaced) {
            self.apply(now, want.binding(now, aor, request, path), want.expires, old, &mut changed);
        }
        Ok(changed)
    }

    fn apply(
        &mut self,
        now: Now,
        mut binding: Binding,
        expires: u32,
        old: SmallVec<[Slot; 2]>,
        changed: &mut Vec<BindingChange>,
    ) {
        let mut old = old.into_iter();
        let kept = if expires > 0 { old.next().filter(|slot| self.at(*slot).is_some()) } else { None };
        changed.extend(old.filter_map(|slot| self.take(slot)).map(BindingChange::Removed));
        match kept {
            Some(slot) => {
                let before = self.at(slot);
                binding.since = before.map_or(binding.since, |before| before.since);
                let moved = before.is_some_and(|before| before.contact != binding.contact);
                if moved {
                    changed.extend(before.cloned().map(BindingChange::Removed));
                }
                changed.push(if moved {
                    BindingChange::Added(binding.clone())
                } else {
                    BindingChange::Refreshed(binding.clone())
                });
                self.put(now, slot, binding);
            }
            None if expires > 0 => {
                changed.push(BindingChange::Added(binding.clone()));
                self.insert(now, binding);
            }
            None => {}
        }
    }

    /// What a wanted contact takes the place of: the same URI, the same instance, or the same user at the same source
    /// host (a phone that restarted behind a new port).
    fn replaced_by(&self, aor: &str, want: &Wanted<'_>, path: Path) -> SmallVec<[Slot; 2]> {
        let same = |slot: &Slot| self.at(*slot).is_some_and(|old| want.replaces(old, path));
        self.slots(aor).into_iter().filter(same).collect()
    }

    fn contact_lines(&self, now: Now, aor: &str) -> Headers {
        let line = |binding: &Binding| (Cow::Borrowed("Contact"), binding.contact_line(now));
        self.bindings(aor).into_iter().map(line).collect()
    }

    fn slots(&self, aor: &str) -> SmallVec<[Slot; 2]> {
        self.aors.get(aor).cloned().unwrap_or_default()
    }

    fn at(&self, slot: Slot) -> Option<&Binding> {
        self.bindings.get(slot as usize)?.as_deref()
    }

    fn insert(&mut self, now: Now, binding: Binding) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.bindings.push(None);
            // REGISTRAR_MAX keeps the count far below the type's end.
            u32::try_from(self.bindings.len() - 1).unwrap_or(u32::MAX)
        });
        match self.aors.get_mut(&*binding.aor) {
            Some(slots) => slots.push(slot),
            None => {
                self.aors.insert(binding.aor.clone(), SmallVec::from_slice(&[slot]));
            }
        }
        self.count += 1;
        self.put(now, slot, binding);
    }

    fn put(&mut self, now: Now, slot: Slot, binding: Binding) {
        if let Some(old) = self.at(slot).map(|old| old.path) {
            self.unlist(slot, old);
        }
        if let Some(flow) = binding.path.flow {
            self.flows.insert((flow, slot));
        }
        self.sources.insert((binding.path.remote.ip(), slot));
        self.expiry.set(slot, now.mono_of(binding.expires));
        if let Some(place) = self.bindings.get_mut(slot as usize) {
            *place = Some(Box::new(binding));
        }
    }

    fn unlist(&mut self, slot: Slot, path: Path) {
        if let Some(flow) = path.flow {
            self.flows.remove(&(flow, slot));
        }
        self.sources.remove(&(path.remote.ip(), slot));
    }

    fn take(&mut self, slot: Slot) -> Option<Binding> {
        let binding = *self.bindings.get_mut(slot as usize)?.take()?;
        self.expiry.cancel(slot);
        self.unlist(slot, binding.path);
        if let Some(slots) = self.aors.get_mut(&binding.aor) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.aors.remove(&binding.aor);
            }
        }
        self.free.push(slot);
        self.count -= 1;
        Some(binding)
    }
}

#[cfg(test)]
mod tests;
