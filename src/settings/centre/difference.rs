//! What would change: two centres compared entry by entry, key by key.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{CentreFiles, dump::tables};
use crate::settings::differ::changes;

/// Keys whose values are not shown.
const SECRET_KEYS: [&str; 5] = ["password", "page_password", "ha1_md5", "ha1_sha256", "secret"];

/// One line for each entry that is new, gone or changed, in the order of kinds and names; empty when nothing changes.
/// Passwords and hashes are named, never shown.
pub fn difference(old: &CentreFiles, new: &CentreFiles) -> Vec<String> {
    let (old, new) = (entries(&tables(old)), entries(&tables(new)));
    let mut lines = Vec::new();
    for (name, entry) in &old {
        match new.get(name) {
            None => lines.push(format!("- {name}")),
            Some(now) => lines.extend(changes(name, entry, now, |key| SECRET_KEYS.contains(&key))),
        }
    }
    lines.extend(new.keys().filter(|name| !old.contains_key(*name)).map(|name| format!("+ {name}")));
    lines
}

/// `queue "support"` → its keys.
fn entries(root: &Table) -> BTreeMap<String, Table> {
    let mut entries = BTreeMap::new();
    let mut plain = Table::new();
    for (kind, value) in root {
        match value {
            Value::Array(items) => {
                for table in items.iter().filter_map(Value::as_table) {
                    entries.insert(name_of(kind, table), table.clone());
                }
            }
            Value::Table(table) => drop(entries.insert(format!("[{kind}]"), table.clone())),
            Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
                plain.insert(kind.clone(), value.clone());
            }
        }
    }
    entries.insert(String::from("centre"), plain);
    entries
}

fn name_of(kind: &str, table: &Table) -> String {
    let text = |key: &str| table.get(key).and_then(Value::as_str);
    match (text("key"), text("number"), text("from")) {
        (Some(key), ..) => format!("{kind} \"{key}\""),
        (None, Some(number), Some(from)) => format!("{kind} \"{number}\" from {from}"),
        (None, Some(number), None) => format!("{kind} \"{number}\""),
        (None, None, _) => kind.to_owned(),
    }
}
