//! Asking a running switch of this machine, through its API and by the token that only its owner can read.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};

use super::{Failed, Shown, environment};
use crate::server::{Door, find_server};

/// A reload reads files and sounds.
const WAIT: Duration = Duration::from_secs(60);

/// Of one answer: a hundred thousand registrations.
const ANSWER_MAX: u64 = 64 << 20;

/// Width of one column at most.
const COLUMN_MAX: usize = 48;

pub fn show(file: &Path, what: Shown, as_json: bool) -> Result<(), Failed> {
    let (list, columns): (&str, &[&str]) = match what {
        Shown::Calls => (
            "calls",
            &["call", "direction", "stage", "caller", "dialled", "parties", "queue", "agent", "began", "answered"],
        ),
        Shown::Agents => ("agents", &["agent", "status", "reason", "activity", "since", "reachable", "name"]),
        Shown::Queues => ("queues", &["queue", "waiting", "longest_since", "logged_in", "routable", "open", "name"]),
        Shown::Registrations => ("registrations", &["user", "contact", "user_agent", "since", "expires", "reachable"]),
        Shown::Subscriptions => ("subscriptions", &["watched", "event", "watcher", "expires", "remote", "kept"]),
        Shown::Trunks => ("trunks", &["key", "reachable", "registration", "registered_until", "calls"]),
    };
    let answer = ask(file, "GET", list, "")?;
    if as_json {
        println!("{answer:#}");
        return Ok(());
    }
    let rows = answer.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    print!("{}", table(columns, &rows));
    Ok(())
}

pub fn set_log(file: &Path, level: &str) -> Result<(), Failed> {
    ask(file, "PUT", "log", &json!({ "level": level }).to_string())?;
    println!("done");
    Ok(())
}

pub fn reload(file: &Path) -> Result<(), Failed> {
    let answer = ask(file, "POST", "reload", "")?;
    let lines = |key: &str| {
        let lines = answer.get(key).and_then(Value::as_array).into_iter().flatten();
        lines.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    for change in lines("changes") {
        println!("{change}");
    }
    for section in lines("needs_restart") {
        println!("! {section} has changed and counts from the next start on");
    }
    println!("read again");
    Ok(())
}

pub fn drain(file: &Path) -> Result<(), Failed> {
    ask(file, "POST", "drain", "")?;
    println!("no new calls; it ends when the present ones have ended");
    Ok(())
}

pub fn save_flight(file: &Path) -> Result<(), Failed> {
    let answer = ask(file, "POST", "flight", "")?;
    println!("{}", answer.get("file").and_then(Value::as_str).unwrap_or_default());
    Ok(())
}

/// `filter` has one key that is not null.
pub fn trace(file: &Path, mut filter: Value) -> Result<(), Failed> {
    if let Some(keys) = filter.as_object_mut() {
        keys.retain(|_, value| !value.is_null());
    }
    ask(file, "POST", "traces", &filter.to_string())?;
    println!("traced to the log from now on");
    Ok(())
}

pub fn end_traces(file: &Path) -> Result<(), Failed> {
    ask(file, "DELETE", "traces", "")?;
    println!("nothing is traced any more");
    Ok(())
}

pub fn save_trace(file: &Path, to: &Path, call: Option<&str>) -> Result<(), Failed> {
    let query = call.map(|call| format!("?call={}", escaped(call))).unwrap_or_default();
    let pcap = send(file, "GET", &format!("traces/pcap{query}"), "")?;
    fs::write(to, &pcap).map_err(|why| format!("{}: {why}", to.display()))?;
    println!("{} bytes written to {}", pcap.len(), to.display());
    Ok(())
}

/// As a query writes it.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// One request; the answer is JSON.
fn ask(file: &Path, method: &str, path: &str, body: &str) -> Result<Value, Failed> {
    let answer = send(file, method, path, body)?;
    Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
}

/// One request; the answer of anything but 2xx is an error in the API's own words.
fn send(file: &Path, method: &str, path: &str, body: &str) -> Result<Vec<u8>, Failed> {
    let server = find_server(file, &environment())?;
    let Door { address, token } = Door::read(Path::new(&server.data_dir))?;
    let mut stream = TcpStream::connect_timeout(&address, WAIT).map_err(|why| format!("{address}: {why}"))?;
    stream.set_read_timeout(Some(WAIT))?;
    let request = format!(
        "{method} /api/v1/{path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        token.reveal(),
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").ok_or("no answer")? + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        return Ok(body);
    }
    let value: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let word = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Err(word("detail").or_else(|| word("title")).unwrap_or_else(|| format!("refused with {status}")).into())
}

/// Columns as wide as what stands in them.
fn table(columns: &[&str], rows: &[Value]) -> String {
    let header: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(|row| columns.iter().map(|column| cell(column, row.get(*column))).collect()))
        .collect();
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cell(column: &str, value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::from("-"),
        Some(Value::Number(millis)) if is_time(column) => clock(millis.as_i64().unwrap_or(0)),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parties)) if column == "parties" => parties_told(parties),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => other.to_string(),
    };
    // What a phone sent is shown on somebody's terminal.
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(COLUMN_MAX).collect()
}

/// Who is in a call now: `+351210000001, ana`; who is still rung in brackets.
fn parties_told(parties: &[Value]) -> String {
    let told = parties.iter().map(|party| {
        let name = party.get("name").and_then(Value::as_str).unwrap_or("?");
        if party.get("answered") == Some(&Value::Bool(true)) { name.to_owned() } else { format!("({name})") }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn is_time(column: &str) -> bool {
    matches!(column, "began" | "answered" | "since" | "expires" | "longest_since" | "registered_until")
}

/// Local time of day.
fn clock(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%d.%m. %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_what_stands_in_it() {
        let rows =
            [json!({ "user": "ana", "contact": "sip:ana@\u{1b}[31m", "reachable": true }), json!({ "user": null })];
        let text = table(&["user", "contact", "reachable"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "user  contact        reachable");
        assert_eq!(lines[1], "ana   sip:ana@?[31m  true");
        assert_eq!(lines[2], "-     -              -");
        let parties =
            json!({ "parties": [{ "name": "+351210000001", "answered": true }, { "name": "ana", "answered": false }] });
        assert_eq!(table(&["parties"], &[parties]).lines().nth(1), Some("+351210000001, (ana)"));
    }
}
