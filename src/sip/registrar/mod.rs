//! Where each address-of-record is now (RFC 3261 10.3, 3327, 3581, 3608, 5626 without GRUU).
//!
//! Who may register what is asked before: what enters here is authenticated.

mod binding;
mod request;

use std::{
    borrow::Cow,
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    base::{FlowId, Instant, KeyedMap, Now, Timers, Wall, keyed_map, network_of},
    sip::{Headers, Path},
    wire::sip::Message,
};

pub use binding::{Binding, BindingChange};
use request::{Ask, Kinship, Wanted};

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
    aors: KeyedMap<Box<str>, Slots>,
    /// Shared with the checkpoints that hold them; one that changes is copied then.
    bindings: Vec<Option<Arc<Binding>>>,
    free: Vec<Slot>,
    expiry: Timers<Slot>,
    flows: BTreeSet<(FlowId, Slot)>,
    /// Where their REGISTERs came from.
    sources: BTreeSet<(SocketAddr, Slot)>,
    count: usize,
    /// Whose turn it is in `next_round`.
    turn: usize,
}

/// Where a binding lies.
type Slot = u32;

type Slots = SmallVec<[Slot; 2]>;

/// The bindings that a wanted contact has to do with.
#[derive(Default)]
struct Kin {
    /// It takes the place of these.
    same: Slots,
    /// Whether of these too, they have to be asked.
    unclear: Slots,
}

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
    pub fn all(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.bindings.iter().flatten()
    }

    /// Whether any device registered from the network that counts as one source with this address (`network_of`).
    pub fn is_at_home(&self, source: IpAddr) -> bool {
        let first = network_of(source);
        let last = match first {
            IpAddr::V4(_) => first,
            IpAddr::V6(network) => IpAddr::V6((u128::from(network) | u128::from(u64::MAX)).into()),
        };
        let places = (SocketAddr::new(first, 0), 0)..=(SocketAddr::new(last, u16::MAX), Slot::MAX);
        self.sources.range(places).next().is_some()
    }

    /// Whether any device registered from exactly there.
    pub fn is_known(&self, remote: SocketAddr) -> bool {
        let remote = plain(remote);
        self.sources.range((remote, 0)..=(remote, Slot::MAX)).next().is_some()
    }

    /// Whether a device of this address-of-record registered from that network.
    pub fn is_users_home(&self, aor: &str, source: IpAddr) -> bool {
        let is_there = |binding: &&Binding| network_of(binding.path.remote.ip()) == network_of(source);
        self.is_at_home(source) && self.bindings(aor).iter().any(is_there)
    }

    /// The next so many of all bindings, in turn, each once in a round.
    pub fn next_round(&mut self, count: usize) -> Vec<Arc<Binding>> {
        let places = self.bindings.len();
        let from = if self.turn < places { self.turn } else { 0 };
        let (mut found, mut at) = (Vec::with_capacity(count.min(self.count)), from);
        for _ in 0..places {
            if found.len() >= count {
                break;
            }
            found.extend(self.bindings.get(at).cloned().flatten());
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
    pub fn restore(&mut self, now: Now, binding: Arc<Binding>) {
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

    /// The wall clock was set: each binding lasts as long as it would have. Since when one is contested is a name, and stays.
    pub fn wall_was_set(&mut self, by_ms: i64) {
        for binding in self.bindings.iter_mut().flatten() {
            let binding = Arc::make_mut(binding);
            for at in [&mut binding.expires, &mut binding.since, &mut binding.refreshed] {
                *at = at.set_by(by_ms);
            }
        }
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
        let binding = self.bindings.get_mut(slot as usize)?.as_mut()?;
        if binding.reachable == reachable {
            return None;
        }
        Arc::make_mut(binding).reachable = reachable;
        Some(BindingChange::Reachability(Arc::clone(binding)))
    }

    /// What came of asking a device that is contested since then: it lives, and is another one than that which registered, or
    /// it is gone. `None` when it has refreshed its registration meanwhile.
    pub fn end_contest(
        &mut self,
        (aor, contact, flow): (&str, &str, Option<FlowId>),
        since: Wall,
        lives: bool,
    ) -> Option<BindingChange> {
        let slot = self.slot_of(aor, contact, flow)?;
        let binding = self.bindings.get_mut(slot as usize)?.as_mut()?;
        if binding.contested != Some(since) {
            return None;
        }
        if !lives {
            return self.take(slot).map(BindingChange::Removed);
        }
        let changed = Arc::make_mut(binding);
        changed.contested = None;
        let was_reachable = std::mem::replace(&mut changed.reachable, true);
        let binding = Arc::clone(binding);
        Some(if was_reachable { BindingChange::Contest(binding) } else { BindingChange::Reachability(binding) })
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
        let mut kin = self.kin_of(aor, request, path, wanted);
        let old = kin.iter().flat_map(|kin| &kin.same);
        if old.filter_map(|slot| self.at(*slot)).any(|binding| binding.is_newer_than(request)) {
            return Err(RegisterFault::new(500, "CSeq Out Of Order"));
        }
        let is_fresh = |(want, kin): &(&Wanted<'_>, &Kin)| want.expires > 0 && kin.same.is_empty();
        let mut fresh = wanted.iter().zip(&kin).filter(is_fresh).count();
        let known = self.slots(aor).len();
        if fresh == 1
            && known + fresh > BINDINGS_MAX
            && let Some(kin) = kin.iter_mut().find(|kin| !kin.unclear.is_empty())
        {
            // No room for both: likelier than so many devices on one host is one that restarted.
            kin.same.extend(self.oldest(&kin.unclear));
            fresh = 0;
        }
        if fresh > 0 && known + fresh > BINDINGS_MAX {
            return Err(RegisterFault::new(403, "Too Many Contacts"));
        }
        if self.count + fresh > REGISTRAR_MAX {
            return Err(RegisterFault::new(503, "Registrar Full"));
        }
        let mut changed = Vec::with_capacity(wanted.len());
        for (want, kin) in wanted.iter().zip(kin) {
            self.apply(now, want.binding(now, aor, request, path), want.expires, kin, &mut changed);
        }
        Ok(changed)
    }

    /// What each wanted contact is to the bindings that there are. What one of them names is that one's alone, and nobody's
    /// place is taken twice.
    fn kin_of(&self, aor: &str, request: &Message, path: Path, wanted: &[Wanted<'_>]) -> Vec<Kin> {
        let mut all: Vec<Kin> = wanted.iter().map(|_| Kin::default()).collect();
        for slot in self.slots(aor) {
            let Some(old) = self.at(slot) else { continue };
            let is_named = wanted.iter().any(|want| want.names(old));
            for (want, kin) in wanted.iter().zip(&mut all).filter(|(want, _)| !is_named || want.names(old)) {
                match want.kinship(old, request, path) {
                    Kinship::Same => {
                        kin.same.push(slot);
                        break;
                    }
                    Kinship::Unclear => kin.unclear.push(slot),
                    Kinship::None => {}
                }
            }
        }
        all
    }

    fn oldest(&self, slots: &[Slot]) -> Option<Slot> {
        slots.iter().copied().min_by_key(|slot| self.at(*slot).map(|binding| binding.refreshed))
    }

    fn apply(&mut self, now: Now, mut binding: Binding, expires: u32, kin: Kin, changed: &mut Vec<BindingChange>) {
        let mut old = kin.same.into_iter();
        let kept = if expires > 0 { old.next().filter(|slot| self.at(*slot).is_some()) } else { None };
        changed.extend(old.filter_map(|slot| self.take(slot)).map(BindingChange::Removed));
        match kept {
            Some(slot) => {
                let before = self.bindings.get(slot as usize).and_then(Option::as_ref);
                binding.since = before.map_or(binding.since, |before| before.since);
                let moved = before.is_some_and(|before| before.contact != binding.contact);
                if moved {
                    changed.extend(before.cloned().map(BindingChange::Removed));
                }
                let binding = Arc::new(binding);
                let change = if moved { BindingChange::Added } else { BindingChange::Refreshed };
                changed.push(change(Arc::clone(&binding)));
                self.put(now, slot, binding);
            }
            None if expires > 0 => {
                // First, so that no journal ends between the two.
                changed.extend(kin.unclear.into_iter().filter_map(|slot| self.contest(now, slot)));
                let binding = Arc::new(binding);
                changed.push(BindingChange::Added(Arc::clone(&binding)));
                self.insert(now, binding);
            }
            None => {}
        }
    }

    /// One that is contested already is being asked.
    fn contest(&mut self, now: Now, slot: Slot) -> Option<BindingChange> {
        let binding = self.bindings.get_mut(slot as usize)?.as_mut().filter(|of| of.contested.is_none())?;
        Arc::make_mut(binding).contested = Some(now.wall);
        Some(BindingChange::Contest(Arc::clone(binding)))
    }

    fn contact_lines(&self, now: Now, aor: &str) -> Headers {
        let line = |binding: &Binding| (Cow::Borrowed("Contact"), binding.contact_line(now));
        self.bindings(aor).into_iter().map(line).collect()
    }

    fn slots(&self, aor: &str) -> Slots {
        self.aors.get(aor).cloned().unwrap_or_default()
    }

    fn at(&self, slot: Slot) -> Option<&Binding> {
        self.bindings.get(slot as usize)?.as_deref()
    }

    fn insert(&mut self, now: Now, binding: Arc<Binding>) {
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

    fn put(&mut self, now: Now, slot: Slot, binding: Arc<Binding>) {
        if let Some(old) = self.at(slot).map(|old| old.path) {
            self.unlist(slot, old);
        }
        if let Some(flow) = binding.path.flow {
            self.flows.insert((flow, slot));
        }
        self.sources.insert((plain(binding.path.remote), slot));
        self.expiry.set(slot, now.mono_of(binding.expires));
        if let Some(place) = self.bindings.get_mut(slot as usize) {
            *place = Some(binding);
        }
    }

    fn unlist(&mut self, slot: Slot, path: Path) {
        if let Some(flow) = path.flow {
            self.flows.remove(&(flow, slot));
        }
        self.sources.remove(&(plain(path.remote), slot));
    }

    fn take(&mut self, slot: Slot) -> Option<Arc<Binding>> {
        let binding = self.bindings.get_mut(slot as usize)?.take()?;
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

/// An address and its port, without what IPv6 sockets know beside them.
fn plain(remote: SocketAddr) -> SocketAddr {
    SocketAddr::new(remote.ip(), remote.port())
}

#[cfg(test)]
mod tests;
