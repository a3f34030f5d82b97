//! What serde says of a faulty entry, in the words of the files.

use super::near;

/// Types as serde names them, and as a person would.
const TYPES: [(&str, &str); 13] = [
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number from 0 up"),
    ("usize", "a whole number from 0 up"),
    ("i32", "a whole number"),
    ("i64", "a whole number"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("a boolean", "true or false"),
    ("a string", "a text in \"quotes\""),
    ("a sequence", "a list [..]"),
    ("a map", "a table { key = value }"),
];

/// The key that is said to be missing.
pub(super) fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// The problem and a hint. `key`: whose value it is about, `taken`: keys that are known beside those that serde knows.
pub(super) fn ours(message: &str, key: Option<&str>, taken: &[&'static str]) -> (String, Option<String>) {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let (wrong, known) = listed(rest);
        let hint = near::hint(wrong, known.iter().copied().chain(taken.iter().copied()));
        return (format!("unknown key \"{wrong}\""), hint);
    }
    if let Some(key) = missing(message) {
        return (format!("\"{key}\" is missing"), Some(format!("add {key} = …")));
    }
    let of_key = key.map_or_else(String::new, |key| format!("{key}: "));
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (wrong, known) = listed(rest);
        let hint = near::nearest(wrong, known.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
        let known: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
        return (format!("{of_key}expected one of {}, found \"{wrong}\"", known.join(", ")), hint);
    }
    if message == "wanted string or table" {
        return (format!("{of_key}expected a word in \"quotes\" or a table {{ key = value }}"), None);
    }
    let found = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = found.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return (format!("{of_key}{message}"), None);
    };
    let expected = TYPES.iter().find(|(theirs, _)| *theirs == expected).map_or(expected, |(_, ours)| ours);
    (format!("{of_key}expected {expected}, found {}", found.replace('`', "")), None)
}

/// "wrong`, expected one of `a`, `b`": the first, and the others.
fn listed(rest: &str) -> (&str, Vec<&str>) {
    let mut words = rest.split('`').step_by(2);
    let wrong = words.next().unwrap_or_default();
    (wrong, words.filter(|word| !word.is_empty()).collect())
}
