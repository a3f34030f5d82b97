//! What two texts say otherwise, key by key.

use toml::{Table, Value};

use super::{
    fault::{Places, Source},
    load::server_as_read,
    server,
};

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
        let (mut before, after) = (section(&old, name), section(&new, name));
        agree(name, &mut before, &after, &new);
        lines.extend(changes(&format!("[{name}]"), &before, &after, is_secret));
    }
    lines
}

/// Has `old` say what `new` says wherever the two come to the same: a line that writes out a default changes nothing.
fn agree(name: &str, old: &mut Table, new: &Table, root: &Table) {
    let ours = root.iter().filter(|(key, _)| PLAIN.contains(&key.as_str()) || server::SECTIONS.contains(&key.as_str()));
    let ours: Table = ours.map(|(key, value)| (key.clone(), value.clone())).collect();
    let comes_to = |section: Table| {
        let mut root = ours.clone();
        root.insert(name.to_owned(), Value::Table(section));
        server_as_read(Source::new("", root.to_string()), &[]).0
    };
    let put = |section: &mut Table, key: &str, value: Option<&Value>| match value {
        Some(value) => drop(section.insert(key.to_owned(), value.clone())),
        None => drop(section.remove(key)),
    };
    let keys: Vec<String> =
        old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).cloned().collect();
    let wanted = comes_to(new.clone());
    for key in keys {
        let mut as_before = new.clone();
        put(&mut as_before, &key, old.get(&key));
        if comes_to(as_before) == wanted {
            put(old, &key, new.get(&key));
        }
    }
}

/// A line of a difference as a log may hold it: what changes, and neither from what nor to what, since that may be somebody's
/// name or number.
pub fn without_values(line: &str) -> &str {
    let named = line.strip_prefix("~ ").and_then(|_| line.split_once("\": ").or_else(|| line.split_once("]: ")));
    let named = named.or_else(|| line.split_once(": "));
    let Some((_, change)) = named else { return line };
    let key = change.split(' ').next().unwrap_or_default();
    &line[..line.len() - change.len() + key.len()]
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

    /// OP-09: names and numbers of people don't get into the log when settings change.
    #[test]
    fn op_09_the_log_is_told_what_changes_and_not_to_what() {
        for (line, told) in [
            ("~ user \"ana\": number default → \"+351912345678\"", "~ user \"ana\": number"),
            ("~ user \"a: b\": name \"x: y\" → \"z\"", "~ user \"a: b\": name"),
            ("~ [http]: metrics_token changes", "~ [http]: metrics_token"),
            ("~ main file: include default → [\"a\"]", "~ main file: include"),
            ("+ user \"ana\"", "+ user \"ana\""),
        ] {
            assert_eq!(without_values(line), told);
        }
    }

    /// OP-06: who writes a default out has changed nothing.
    #[test]
    fn a_default_that_is_written_out_is_no_change() {
        let places = |text: &str| Places::new(vec![Source::new("strowger.toml", text)]);
        let (short, long) =
            (places("realm = \"a\"\n[sip]\ndns = []"), places("realm = \"a\"\n[limits]\ncalls_max = 10000"));
        assert!(server_difference(&short, &long).is_empty());
        let other = places("realm = \"a\"\n[limits]\ncalls_max = 9999");
        assert_eq!(server_difference(&short, &other), ["~ [limits]: calls_max default → 9999"]);
    }
}
