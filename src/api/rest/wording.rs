//! What serde finds wrong with a request, in the words of the API: fields and values, no types of ours.

use serde_json::Value;

use crate::api::Problem;

/// What a JSON value is, for people.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The refusal for a fault that reads `path: what is wrong at line 1 column 2`.
pub fn of(fault: &str) -> Problem {
    let fault = fault.rsplit_once(" at line ").map_or(fault, |(fault, _)| fault);
    let (path, what) = match fault.split_once(": ") {
        Some((path, what)) if !path.contains([' ', '`']) => (path, what),
        _ => ("", fault),
    };
    let place = if path.is_empty() { "The value".to_owned() } else { format!("`{path}`") };
    if let Some(field) = what.strip_prefix("missing field ") {
        return Problem::bad_request(format!("{field} is missing."));
    }
    if let Some(field) = what.strip_prefix("duplicate field ") {
        return Problem::bad_request(format!("{field} is given twice."));
    }
    if let Some((field, known)) = what.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", ")) {
        return Problem::bad_request(format!("There is no field {field} here.")).hint(listed("Fields are", known));
    }
    if let Some((word, known)) = what.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", ")) {
        return Problem::bad_request(format!("{place} can't be {word}.")).hint(listed("It is one of", known));
    }
    for start in ["invalid type: ", "invalid value: "] {
        if let Some((given, expected)) = what.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected ")) {
            return Problem::bad_request(format!("{place} must be {}, not {}.", wanted(expected), had(given)));
        }
    }
    let numbers = ["invalid digit", "invalid float", "number too", "cannot parse integer", "cannot parse float"];
    if numbers.iter().any(|start| what.starts_with(start)) {
        return Problem::bad_request(format!("{place} must be a number that fits."));
    }
    if what.starts_with("provided string was not `true`") {
        return Problem::bad_request(format!("{place} must be true or false."));
    }
    Problem::bad_request(format!("{place} can't be understood: {what}."))
}

/// ``expected one of `a`, `b` `` as a hint.
fn listed(start: &str, known: &str) -> String {
    let known = known.strip_prefix("expected ").unwrap_or(known);
    let known = known.strip_prefix("one of ").unwrap_or(known);
    match known {
        "there are no fields" => "It takes no fields.".to_owned(),
        _ => format!("{start} {}.", known.replace("` or `", "`, `")),
    }
}

/// What serde expected.
fn wanted(expected: &str) -> &str {
    const NUMBERS: [&str; 12] = ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64"];
    let is = |starts: &[&str]| starts.iter().any(|start| expected.starts_with(start));
    if NUMBERS.contains(&expected) {
        "a number that fits"
    } else if expected == "a boolean" {
        "true or false"
    } else if is(&["a string", "string", "a borrowed string", "enum", "variant identifier"]) {
        "a text"
    } else if is(&["a sequence", "sequence", "tuple"]) {
        "a list"
    } else if is(&["struct", "a map", "map", "internally tagged", "adjacently tagged"]) {
        "an object"
    } else {
        expected
    }
}

/// What serde was given instead.
fn had(given: &str) -> String {
    let value = given.split('`').nth(1);
    match (given, value) {
        ("null" | "unit" | "unit value", _) => "null".to_owned(),
        ("sequence", _) => "a list".to_owned(),
        ("map", _) => "an object".to_owned(),
        (_, Some(value)) => value.to_owned(),
        (text, None) => text.strip_prefix("string ").unwrap_or(text).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_the_words_of_the_api() {
        for (fault, detail, hint) in [
            ("missing field `do` at line 1 column 2", "`do` is missing.", ""),
            (
                "unknown field `x`, expected `held` at line 1 column 4",
                "There is no field `x` here.",
                "Fields are `held`.",
            ),
            ("unknown field `x`, expected `a` or `b`", "There is no field `x` here.", "Fields are `a`, `b`."),
            (
                "status: unknown variant `x`, expected one of `ready`, `not_ready`, `log_off`",
                "`status` can't be `x`.",
                "It is one of `ready`, `not_ready`, `log_off`.",
            ),
            ("held: invalid type: integer `1`, expected a boolean", "`held` must be true or false, not 1.", ""),
            ("level: invalid type: null, expected a string", "`level` must be a text, not null.", ""),
            ("n: invalid value: integer `-1`, expected u32", "`n` must be a number that fits, not -1.", ""),
            ("q: invalid type: string \"x\", expected a sequence", "`q` must be a list, not \"x\".", ""),
            ("limit: invalid digit found in string", "`limit` must be a number that fits.", ""),
        ] {
            let problem = of(fault);
            assert_eq!((problem.detail.as_ref(), problem.hint.as_ref()), (detail, hint), "{fault}");
        }
    }
}
