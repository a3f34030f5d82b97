//! The names of one kind: each once, each found again by whoever refers to it.

use std::collections::BTreeMap;

use crate::{
    base::{KEY_EXPECTED, is_key},
    settings::{
        fault::{At, Mark, Report},
        near,
    },
};

/// Names → ids. The id is made of the name, so that it is the same on every start and after every reordering: the
/// journal speaks of ids.
pub(super) struct Book<Id> {
    kind: &'static str,
    by_key: BTreeMap<String, (Id, Mark)>,
    keys: BTreeMap<u64, String>,
}

/// Ids stay below 2^48, so that every reader of JSON holds them exactly.
const ID_BITS: u32 = 48;

impl<Id: Copy + From<u64>> Book<Id> {
    pub fn new(kind: &'static str) -> Self {
        Self { kind, by_key: BTreeMap::new(), keys: BTreeMap::new() }
    }

    /// Enters a name; a name already taken is a fault.
    pub fn add(&mut self, report: &Report<'_>, key: &str, mark: Mark) -> Option<Id> {
        if !is_key(key) {
            report.fault(mark, format!("key: expected {KEY_EXPECTED}, found {key:?}"), None);
            report.spoil(self.kind);
            return None;
        }
        if let Some((_, earlier)) = self.by_key.get(key) {
            let hint = format!("it is there already at {}", report.line_of(*earlier));
            report.fault(mark, format!("{} \"{key}\" is given twice", self.kind), Some(hint));
            return None;
        }
        let number = number_of(key);
        if let Some(other) = self.keys.insert(number, key.to_owned()) {
            let hint = Some(String::from("choose another name"));
            report.fault(mark, format!("{} \"{key}\" has the same id as \"{other}\" by bad luck", self.kind), hint);
            return None;
        }
        let id = Id::from(number);
        self.by_key.insert(key.to_owned(), (id, mark));
        Some(id)
    }

    /// The id of a name that another entry refers to; an unknown one is a fault.
    pub fn find(&self, report: &Report<'_>, wanted: &At<String>, what: &str) -> Option<Id> {
        let found = self.by_key.get(&wanted.value).map(|(id, _)| *id);
        if found.is_none() && !report.is_spoilt(self.kind) {
            let hint = near::hint(&wanted.value, self.by_key.keys().map(String::as_str))
                .or_else(|| Some(format!("there is no {} yet", self.kind)));
            report.fault(wanted.mark, format!("{what}: no {} is called \"{}\"", self.kind, wanted.value), hint);
        }
        found
    }

    /// Where a name was entered; the files' beginning for one that wasn't.
    pub fn mark_of(&self, key: &str) -> Mark {
        self.by_key.get(key).map(|(_, mark)| *mark).unwrap_or_default()
    }
}

/// FNV-1a, folded to [`ID_BITS`]; never zero.
fn number_of(key: &str) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    ((hash >> ID_BITS) ^ (hash & ((1 << ID_BITS) - 1))).max(1)
}
