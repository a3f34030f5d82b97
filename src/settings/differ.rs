//! What two texts say otherwise, key by key.

use toml::{Table, Value};

use super::{fault::Places, server};

/// The server's keys outside of sections; the others of a main file describe the centre.
const PLAIN: [&str; 3] = ["realm", "data_dir", "include"];

/// Keys of the server whose values are not shown.
const SECRET: [(&str, &str); 4] =
    [("http", "metrics_token"), ("store", "database"), ("hep", "key"), ("notify", "secret")];

/// One line for each key of the server that two main files write otherwise; empty when nothing changes. What is secret is
/// named, never shown.
pub fn server_difference(old: &Places, new: &Places) -> Vec<String> {
    let (old, new) = (old.main_table(), new.main_table());
    let plain = |root: &Table| -> Table {
        let ours = root.iter().filter(|(key, _)| PLAIN.contains(&key.as_str()));
        ours.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let section = |root: &Table, name: &str| root.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
    let mut lines = changes("main file", &plain(&old), &plain(&new), |_| false);
    for name in server::SECTIONS {
        let is_secret = |key: &str| SECRET.contains(&(name, key));
        lines.extend(changes(&format!("[{name}]"), &section(&old, name), &section(&new, name), is_secret));
    }
    lines
}

/// One line for each key of an entry that differs, in their order.
pub(super) fn changes(name: &str, old: &Table, new: &Table, is_secret: impl Fn(&str) -> bool) -> Vec<String> {
    let mut keys: Vec<&String> = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
    keys.sort();
    let show = |value: Option<&Value>| value.map_or_else(|| String::from("default"), Value::to_string);
    let line = |key: &String| {
        if is_secret(key) {
            return format!("~ {name}: {key} changes");
        }
        format!("~ {name}: {key} {} → {}", show(old.get(key)), show(new.get(key)))
    };
    keys.into_iter().filter(|key| old.get(*key) != new.get(*key)).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Source, fault::Places};

    #[test]
    fn keys_of_the_server_are_compared_and_secrets_kept() {
        let places = |text: &str| Places::new(vec![Source::new("strowger.toml", text)]);
        let old = places(
            "realm = \"a\"\n[rtp]\nports = \"20000-20999\"\n[http]\nmetrics_token = \"old\"\n[[user]]\nkey = \"x\"",
        );
        let new = places("realm = \"a\"\n[rtp]\nports = \"30000-30999\"\nworkers = 2\n[http]\nmetrics_token = \"new\"");
        assert_eq!(
            server_difference(&old, &new),
            [
                "~ [http]: metrics_token changes",
                "~ [rtp]: ports \"20000-20999\" → \"30000-30999\"",
                "~ [rtp]: workers default → 2",
            ]
        );
        assert!(server_difference(&old, &old).is_empty());
    }
}
