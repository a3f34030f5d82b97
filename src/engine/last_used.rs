//! Which device each user used last: where he called from or picked up, or which came new. A queue's offer rings there
//! first (QM-10). The journal learns when it is another one than before.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Engine, Entry};
use crate::{
    base::{Now, UserId, Wall},
    sip::{Path, registrar::Binding},
    switch::LegParty,
    wire::sip::Message,
};

/// A page that is back within this time was loaded again, or lost its connection: nobody has taken to another device.
const PAGE_RELOADS: Duration = Duration::from_secs(30);

/// A device as it is known again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsedDevice {
    /// Whichever page he has.
    Web,
    /// By its instance, or its Contact where it has none.
    Phone(Arc<str>),
}

impl UsedDevice {
    pub(super) fn of(binding: &Binding) -> Self {
        Self::Phone(Arc::from(&**binding.instance.as_ref().unwrap_or(&binding.contact)))
    }
}

/// For users in the settings, one each.
#[derive(Default)]
pub(super) struct LastUsed {
    devices: BTreeMap<UserId, UsedDevice>,
    /// When the last page of a user left.
    pages_left: BTreeMap<UserId, Wall>,
    /// When this process took over, and all pages had left.
    begun: Option<Wall>,
}

impl LastUsed {
    pub fn is(&self, user: UserId, device: &UsedDevice) -> bool {
        self.devices.get(&user) == Some(device)
    }

    pub fn page_left(&mut self, now: Now, user: UserId) {
        self.pages_left.insert(user, now.wall);
    }

    pub fn kept(&self) -> impl Iterator<Item = Entry> + '_ {
        self.devices.iter().map(|(user, device)| Entry::Used { user: *user, device: device.clone() })
    }

    pub fn restore(&mut self, now: Now, devices: BTreeMap<UserId, UsedDevice>) {
        (self.devices, self.begun) = (devices, Some(now.wall));
    }

    /// Forgets users who are in the settings no more.
    pub fn keep(&mut self, is_known: impl Fn(&UserId) -> bool) {
        self.devices.retain(|user, _| is_known(user));
        self.pages_left.retain(|user, _| is_known(user));
    }

    fn is_reload(&self, now: Now, user: UserId) -> bool {
        let known_before = self.devices.contains_key(&user);
        let began = self.begun.filter(|_| known_before);
        let left = self.pages_left.get(&user).copied().max(began);
        left.is_some_and(|left| now.wall.since(left) < PAGE_RELOADS)
    }
}

impl Engine {
    pub(super) fn note_used(&mut self, user: UserId, device: UsedDevice) {
        if !self.last_used.is(user, &device) {
            self.last_used.devices.insert(user, device.clone());
            self.journal(Entry::Used { user, device });
        }
    }

    /// A phone at that Contact was picked up.
    pub(super) fn note_phone_used(&mut self, user: UserId, contact: &str) {
        let Some(name) = self.directory.users.get(&user).map(|user| user.name.clone()) else { return };
        let bindings = self.registrar.bindings(name.as_str());
        let device = bindings.into_iter().find(|binding| &*binding.contact == contact).map(UsedDevice::of);
        if let Some(device) = device {
            self.note_used(user, device);
        }
    }

    /// A page of the user's takes calls.
    pub(super) fn note_page_came(&mut self, now: Now, user: UserId) {
        if !self.last_used.is_reload(now, user) {
            self.note_used(user, UsedDevice::Web);
        }
    }

    /// Somebody calls: with the phone whose Contact the INVITE bears, or that registered from there.
    pub(super) fn note_caller_used(&mut self, party: LegParty, request: &Message, path: Path) {
        let LegParty::User(user) = party else { return };
        let Some(name) = self.directory.users.get(&user).map(|user| user.name.clone()) else { return };
        let bindings = self.registrar.bindings(name.as_str());
        let contact = request.contacts().flatten().next().map(|contact| contact.uri_text.to_owned());
        let same = |binding: &&&Binding| contact.as_deref() == Some(&*binding.contact);
        let near = |binding: &&&Binding| (binding.path.remote, binding.path.flow) == (path.remote, path.flow);
        let found = bindings.iter().find(same).or_else(|| bindings.iter().find(near));
        if let Some(device) = found.map(|binding| UsedDevice::of(binding)) {
            self.note_used(user, device);
        }
    }
}
