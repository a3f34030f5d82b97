//! What two main files say of the server, compared key by key.

use toml::{Table, Value};

use super::fault::Places;

/// The sections that are the server's; the others of a main file describe the centre.
const SECTIONS: [&str; 10] = ["sip", "devices", "hep", "notify", "tls", "http", "rtp", "store", "limits", "log"];

/// The server's keys outside of sections.
const PLAIN: [&str; 3] = ["realm", "data_dir", "include"];

/// Keys whose values are not shown.
const SECRET: [(&str, &str); 4] =
    [("http", "metrics_token"), ("store", "database"), ("hep", "key"), ("notify", "secret")];

/// One line for each key that is written otherwise; empty when nothing changes. What is secret is named, never shown.
pub fn server_difference(old: &Places, new: &Places) -> Vec<String> {
    let (old, new) = (old.main_table(), new.main_table());
    let section = |root: &Table, name: &str| root.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
    let plain = |root: &Table| -> Table {
        root.iter()
            .filter(|(key, _)| PLAIN.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let mut lines = changes("", &plain(&old), &plain(&new));
    for name in SECTIONS {
        lines.extend(changes(name, &section(&old, name), &section(&new, name)));
    }
    lines
}

fn changes(section: &str, old: &Table, new: &Table) -> Vec<String> {
    let mut keys: Vec<&String> = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
    keys.sort();
    let place = if section.is_empty() { String::new() } else { format!("[{section}] ") };
    let show = |value: Option<&Value>| value.map_or_else(|| String::from("default"), Value::to_string);
    let line = |key: &String| {
        if SECRET.contains(&(section, key.as_str())) {
            return format!("~ {place}{key} changes");
        }
        format!("~ {place}{key}: {} → {}", show(old.get(key)), show(new.get(key)))
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
                "~ [http] metrics_token changes",
                "~ [rtp] ports: \"20000-20999\" → \"30000-30999\"",
                "~ [rtp] workers: default → 2",
            ]
        );
        assert!(server_difference(&old, &old).is_empty());
    }
}
