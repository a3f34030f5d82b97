//! `[headers]`, and what a `[[trunk]]` says of its habits (TK-10).

use std::sync::Arc;

use toml::{Table, Value};

use super::{
    Reading,
    dump::{text, texts, word_of},
};
use crate::{
    media::Codec,
    settings::{
        fault::At,
        read::{Section, or},
    },
    switch::{ADDED_HEADERS_MAX, Digits, HEADER_PATTERNS_MAX, HeaderPattern, HeaderRules, Quirks},
};

const DIGITS: [(&str, Digits); 3] =
    [("rtp", Digits::Rtp), ("info", Digits::InfoRelay), ("info_plain", Digits::InfoPlain)];

const CODECS: [(&str, Codec); 5] =
    [("pcmu", Codec::Pcmu), ("pcma", Codec::Pcma), ("g722", Codec::G722), ("g729", Codec::G729), ("opus", Codec::Opus)];

/// `[headers]`.
pub(super) fn read_headers(reading: &Reading<'_, '_>) -> HeaderRules {
    let mut chosen: Option<At<HeaderRules>> = None;
    for root in reading.roots {
        let section = root.table("headers");
        if let Some(read) = rules(&section, "pass") {
            if let Some(earlier) = &chosen {
                let hint = Some(format!("the other is at {}", reading.report.line_of(earlier.mark)));
                section.fault(read.mark, "pass is given twice", hint);
            }
            chosen = Some(read);
        }
        section.finish();
    }
    or(chosen, HeaderRules::default())
}

fn rules(section: &Section<'_>, key: &'static str) -> Option<At<HeaderRules>> {
    let names = section.texts(key)?;
    let mark = section.mark_of(key).unwrap_or(section.mark());
    if names.len() > HEADER_PATTERNS_MAX {
        section.fault(mark, format!("{key}: at most {HEADER_PATTERNS_MAX} names"), None);
    }
    let read = |name: &At<String>| match HeaderPattern::new(&name.value) {
        Ok(pattern) => Some(pattern),
        Err(problem) => {
            section.fault(name.mark, format!("{key}: \"{}\": {problem}", name.value), None);
            None
        }
    };
    Some(At::new(HeaderRules(names.iter().filter_map(read).collect()), mark))
}

pub(super) fn read_quirks(section: &Section<'_>) -> Arc<Quirks> {
    let off = |key: &'static str| section.flag(key).is_some_and(|at| !at.value);
    let codecs = section.texts("codecs").unwrap_or_default();
    let codec = |name: &At<String>| {
        let known = CODECS.iter().find(|(word, _)| name.value.eq_ignore_ascii_case(word)).map(|(_, codec)| *codec);
        if known.is_none() {
            let hint = crate::settings::near::hint(&name.value, CODECS.map(|(word, _)| word));
            section.fault(name.mark, format!("codecs: \"{}\" is none that can be chosen", name.value), hint);
        }
        known
    };
    let ptime = section.whole("ptime_ms", 10..=60).filter(|at| {
        let fits = at.value % 10 == 0;
        if !fits {
            section.fault(at.mark, "ptime_ms: expected 10, 20, 30, 40, 50 or 60", None);
        }
        fits
    });
    let progress = [("pass", false), ("ring", true)];
    Arc::new(Quirks {
        codecs: codecs.iter().filter_map(codec).collect(),
        ptime_ms: ptime.map(|at| at.value as u16),
        digits: or(section.one_of("dtmf", &DIGITS), Digits::default()),
        no_reliable: off("reliable_progress"),
        no_update: off("update"),
        no_session_timer: off("session_timer"),
        rings_for_progress: or(section.one_of("progress", &progress), false),
        pass: rules(section, "pass_headers").map(|at| at.value),
        add: added(section),
        datagram_max: section.whole("udp_max_bytes", 500..=65_000).map(|at| at.value as u16),
    })
}

/// `add_headers = ["X-Site: Lisbon"]`
fn added(section: &Section<'_>) -> Vec<(String, String)> {
    let lines = section.texts("add_headers").unwrap_or_default();
    if lines.len() > ADDED_HEADERS_MAX {
        let mark = section.mark_of("add_headers").unwrap_or(section.mark());
        section.fault(mark, format!("add_headers: at most {ADDED_HEADERS_MAX} lines"), None);
    }
    let expected = "\"Name: value\" with a header that is not the switch's own";
    let read = |line: &At<String>| section.parse_by(line, "add_headers", expected, header).map(|at| at.value);
    lines.iter().filter_map(read).collect()
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let (name, value) = (name.trim_end(), value.trim());
    let clean = !value.is_empty() && value.len() <= 512 && !value.chars().any(char::is_control);
    (clean && HeaderPattern::may_be_added(name)).then(|| (name.to_owned(), value.to_owned()))
}

/// `[headers]`; `None` when it says nothing.
pub(super) fn headers_table(headers: &HeaderRules) -> Option<Table> {
    (*headers != HeaderRules::default()).then(|| {
        let mut table = Table::new();
        put_rules(&mut table, "pass", headers);
        table
    })
}

fn put_rules(table: &mut Table, key: &str, rules: &HeaderRules) {
    texts(table, key, rules.0.iter().map(|pattern| pattern.as_str().to_owned()));
}

pub(super) fn put_quirks(table: &mut Table, quirks: &Quirks) {
    if !quirks.codecs.is_empty() {
        texts(table, "codecs", quirks.codecs.iter().map(|codec| word_of(&CODECS, codec).to_owned()));
    }
    if let Some(ptime) = quirks.ptime_ms {
        table.insert("ptime_ms".into(), Value::Integer(ptime.into()));
    }
    if quirks.digits != Digits::default() {
        text(table, "dtmf", word_of(&DIGITS, &quirks.digits));
    }
    let off = [
        ("reliable_progress", quirks.no_reliable),
        ("update", quirks.no_update),
        ("session_timer", quirks.no_session_timer),
    ];
    for (key, _) in off.into_iter().filter(|(_, off)| *off) {
        table.insert(key.into(), Value::Boolean(false));
    }
    if quirks.rings_for_progress {
        text(table, "progress", "ring");
    }
    if let Some(rules) = &quirks.pass {
        put_rules(table, "pass_headers", rules);
    }
    if !quirks.add.is_empty() {
        texts(table, "add_headers", quirks.add.iter().map(|(name, value)| format!("{name}: {value}")));
    }
    if let Some(most) = quirks.datagram_max {
        table.insert("udp_max_bytes".into(), Value::Integer(most.into()));
    }
}
