//! Reads a TOML table key by key, collecting every fault with its place instead of stopping at the first.

use std::{cell::RefCell, collections::BTreeMap, ops::RangeInclusive, str::FromStr, time::Duration};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    fault::{At, Mark, Report, Source},
    near, words,
};

/// Environment variables that override keys: name → its index among the sources and its text.
pub(super) type Environment<'a> = BTreeMap<&'a str, (usize, &'a str)>;

/// Where the text of one value came from.
enum Raw<'a> {
    Toml(&'a DeValue<'a>),
    Environment(&'a str),
}

/// A table being read. Keys never asked for are faults when the section is finished.
pub(super) struct Section<'a> {
    report: &'a Report<'a>,
    source: usize,
    table: Option<&'a DeTable<'a>>,
    mark: Mark,
    /// For messages: `[sip]`, `queue "support"`.
    what: String,
    environment: Option<(&'a Environment<'a>, String)>,
    asked: RefCell<Vec<&'static str>>,
}

/// The parsed table of one source; syntax errors go to the report.
pub(super) fn parse<'a>(sources: &'a [Source], index: usize, report: &Report<'a>) -> DeTable<'a> {
    let Some(source) = sources.get(index) else { return DeTable::new() };
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let byte = error.span().map_or(0, |span| span.start);
        let hint = Some(String::from("this is TOML: key = value, text in \"quotes\", [section] or [[list entry]]"));
        report.fault(Mark { source: index, byte }, error.message(), hint);
    }
    table.into_inner()
}

impl<'a> Section<'a> {
    pub fn root(report: &'a Report<'a>, source: usize, table: &'a DeTable<'a>) -> Self {
        let mark = Mark { source, byte: 0 };
        let what = String::from("the file");
        Self { report, source, table: Some(table), mark, what, environment: None, asked: RefCell::default() }
    }

    /// Environment variables named `prefix` + key in capitals come before what the file says.
    pub fn overridden_by(mut self, environment: &'a Environment<'a>, prefix: &str) -> Self {
        self.environment = Some((environment, prefix.to_owned()));
        self
    }

    pub fn mark(&self) -> Mark {
        self.mark
    }

    pub fn name_it(&mut self, what: String) {
        self.what = what;
    }

    pub fn fault(&self, mark: Mark, problem: impl Into<String>, hint: Option<String>) {
        self.report.fault(mark, problem, hint);
    }

    fn raw(&self, key: &'static str) -> Option<At<Raw<'a>>> {
        self.asked.borrow_mut().push(key);
        if let Some((environment, prefix)) = &self.environment {
            let name = format!("{prefix}{}", key.to_ascii_uppercase());
            if let Some((source, text)) = environment.get(name.as_str()) {
                return Some(At::new(Raw::Environment(text), Mark { source: *source, byte: 0 }));
            }
        }
        let (_, value) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        let mark = Mark { source: self.source, byte: value.span().start };
        Some(At::new(Raw::Toml(value.get_ref()), mark))
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.keys().any(|name| name.get_ref() == key))
    }

    fn expected(&self, mark: Mark, key: &str, expected: &str, found: &Raw<'_>) {
        let hint = Self::quotes(key, found);
        let found = match found {
            Raw::Toml(DeValue::String(text)) => format!("\"{text}\""),
            Raw::Toml(other) => format!("a value of type {}", other.type_str()),
            Raw::Environment(text) => format!("\"{text}\""),
        };
        self.report.fault(mark, format!("{key}: expected {expected}, found {found}"), hint);
    }

    /// A number, `true` or `false` in quotes is the commonest slip.
    fn quotes(key: &str, found: &Raw<'_>) -> Option<String> {
        let Raw::Toml(DeValue::String(text)) = found else { return None };
        let bare = text.parse::<u64>().is_ok() || matches!(text.as_ref(), "true" | "false");
        bare.then(|| format!("without quotes: {key} = {text}"))
    }

    pub fn missing(&self, key: &str, expected: &str) {
        let written = self.table.into_iter().flat_map(|table| table.keys()).map(|name| &**name.get_ref());
        let slip = near::nearest(key, written).map(|near| format!("did you mean {key} where it says {near}?"));
        let hint = Some(slip.unwrap_or_else(|| format!("add {key} = …")));
        self.report.fault(self.mark, format!("{}: \"{key}\" is missing: expected {expected}", self.what), hint);
    }

    pub fn text(&self, key: &'static str) -> Option<At<String>> {
        let raw = self.raw(key)?;
        match &raw.value {
            Raw::Toml(DeValue::String(text)) => Some(At::new(text.to_string(), raw.mark)),
            Raw::Environment(text) => Some(At::new((*text).to_owned(), raw.mark)),
            other @ Raw::Toml(_) => {
                self.expected(raw.mark, key, "a text in \"quotes\"", other);
                None
            }
        }
    }

    pub fn required_text(&self, key: &'static str, expected: &str) -> Option<At<String>> {
        if !self.has(key) && self.raw(key).is_none() {
            self.missing(key, expected);
        }
        self.text(key)
    }

    /// A text that `T` can read; `expected` says what that is.
    pub fn parsed<T: FromStr>(&self, key: &'static str, expected: &str) -> Option<At<T>> {
        self.parsed_by(key, expected, |text| text.parse().ok())
    }

    pub fn parsed_by<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<At<T>> {
        let text = self.text(key)?;
        self.parse_by(&text, key, expected, read)
    }

    pub fn parse_by<T>(
        &self,
        text: &At<String>,
        key: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<At<T>> {
        let value = read(text.value.trim());
        if value.is_none() {
            self.expected(text.mark, key, expected, &Raw::Environment(&text.value));
        }
        value.map(|value| At::new(value, text.mark))
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<At<T>> {
        let text = self.text(key)?;
        match words.iter().find(|(word, _)| *word == text.value) {
            Some((_, value)) => Some(At::new(*value, text.mark)),
            None => {
                let listed: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                let hint = near::nearest(&text.value, words.iter().map(|(word, _)| *word))
                    .map(|near| format!("did you mean \"{near}\"?"));
                let problem = format!("{key}: expected one of {}, found \"{}\"", listed.join(", "), text.value);
                self.report.fault(text.mark, problem, hint);
                None
            }
        }
    }

    pub fn flag(&self, key: &'static str) -> Option<At<bool>> {
        let raw = self.raw(key)?;
        match &raw.value {
            Raw::Toml(DeValue::Boolean(value)) => Some(At::new(*value, raw.mark)),
            Raw::Environment("true" | "1" | "on" | "yes") => Some(At::new(true, raw.mark)),
            Raw::Environment("false" | "0" | "off" | "no") => Some(At::new(false, raw.mark)),
            other @ (Raw::Toml(_) | Raw::Environment(_)) => {
                self.expected(raw.mark, key, "true or false", other);
                None
            }
        }
    }

    pub fn whole(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<At<u64>> {
        let raw = self.raw(key)?;
        let number = match &raw.value {
            Raw::Toml(DeValue::Integer(number)) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            Raw::Environment(text) => text.trim().parse().ok(),
            Raw::Toml(_) => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(At::new(number, raw.mark)),
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                let found = match &raw.value {
                    Raw::Toml(DeValue::Integer(number)) => Raw::Environment(number.as_str()),
                    Raw::Toml(other) => Raw::Toml(other),
                    Raw::Environment(text) => Raw::Environment(text),
                };
                self.expected(raw.mark, key, &expected, &found);
                None
            }
        }
    }

    /// A length of time in whole seconds.
    pub fn seconds(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<At<Duration>> {
        self.whole(key, range).map(|at| at.map(Duration::from_secs))
    }

    /// A list of texts, or one text alone; the environment separates them by commas.
    pub fn texts(&self, key: &'static str) -> Option<Vec<At<String>>> {
        let raw = self.raw(key)?;
        match &raw.value {
            Raw::Toml(DeValue::String(text)) => Some(vec![At::new(text.to_string(), raw.mark)]),
            Raw::Toml(DeValue::Array(items)) => {
                let mut texts = Vec::new();
                for item in items.iter() {
                    let mark = Mark { source: self.source, byte: item.span().start };
                    match item.get_ref() {
                        DeValue::String(text) => texts.push(At::new(text.to_string(), mark)),
                        other @ (DeValue::Integer(_)
                        | DeValue::Float(_)
                        | DeValue::Boolean(_)
                        | DeValue::Datetime(_)
                        | DeValue::Array(_)
                        | DeValue::Table(_)) => self.expected(mark, key, "a list of texts", &Raw::Toml(other)),
                    }
                }
                Some(texts)
            }
            Raw::Environment(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(items.map(|item| At::new(item.to_owned(), raw.mark)).collect())
            }
            other @ Raw::Toml(_) => {
                self.expected(raw.mark, key, "a list of texts", other);
                None
            }
        }
    }

    /// A list of pairs: `[["a", "b"], ["c", "d"]]`; an absent one is empty.
    pub fn pairs(&self, key: &'static str) -> Vec<At<(String, String)>> {
        let Some(raw) = self.raw(key) else { return Vec::new() };
        let Raw::Toml(DeValue::Array(items)) = &raw.value else {
            self.expected(raw.mark, key, "a list of pairs [\"from\", \"to\"]", &raw.value);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for item in items.iter() {
            let mark = Mark { source: self.source, byte: item.span().start };
            let texts = item.get_ref().as_array().map(|texts| {
                texts.iter().map(|text| text.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
            });
            match texts.flatten().and_then(|texts| <[String; 2]>::try_from(texts).ok()) {
                Some([from, to]) => pairs.push(At::new((from, to), mark)),
                None => self.expected(mark, key, "a pair [\"from\", \"to\"]", &Raw::Toml(item.get_ref())),
            }
        }
        pairs
    }

    /// `[key]`; an absent one reads like an empty one.
    pub fn table(&self, key: &'static str) -> Section<'a> {
        self.asked.borrow_mut().push(key);
        let environment = self
            .environment
            .as_ref()
            .map(|(environment, prefix)| (*environment, format!("{prefix}{}_", key.to_ascii_uppercase())));
        let found = self.table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
        let (table, mark) = match found {
            None => (None, self.mark),
            Some((_, value)) => {
                let mark = Mark { source: self.source, byte: value.span().start };
                let table = value.get_ref().as_table();
                if table.is_none() {
                    self.expected(mark, key, &format!("a section [{key}]"), &Raw::Toml(value.get_ref()));
                }
                (table, mark)
            }
        };
        let what = format!("[{key}]");
        Section { report: self.report, source: self.source, table, mark, what, environment, asked: RefCell::default() }
    }

    /// Every `[[key]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        self.asked.borrow_mut().push(key);
        let found = self.table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
        let Some((name, value)) = found else { return Vec::new() };
        let at = |span: std::ops::Range<usize>| Mark { source: self.source, byte: span.start };
        let DeValue::Array(items) = value.get_ref() else {
            let hint = Some(format!("write [[{key}]] with two brackets on each side"));
            self.report.fault(at(name.span()), format!("expected a list of [[{key}]] entries"), hint);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section {
                    report: self.report,
                    source: self.source,
                    table: Some(table),
                    mark: at(item.span()),
                    what: format!("[[{key}]]"),
                    environment: None,
                    asked: RefCell::default(),
                }),
                None => self.expected(at(item.span()), key, &format!("[[{key}]] entries"), &Raw::Toml(item.get_ref())),
            }
        }
        sections
    }

    /// Nothing more is read of it, and nothing more told.
    pub fn abandon(&mut self) {
        self.table = None;
    }

    /// What was never asked for is unknown.
    pub fn finish(self) {
        let Some(table) = self.table else { return };
        let asked = self.asked.borrow();
        for (name, _) in table.iter() {
            if !asked.iter().any(|known| known == name.get_ref()) {
                let mark = Mark { source: self.source, byte: name.span().start };
                let hint = near::hint(name.get_ref(), asked.iter().copied());
                self.report.fault(mark, format!("{}: unknown key \"{}\"", self.what, name.get_ref()), hint);
            }
        }
    }

    pub fn mark_of(&self, key: &str) -> Option<Mark> {
        let (_, value) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Mark { source: self.source, byte: value.span().start })
    }

    /// Where it begins, and where what each of its keys has.
    pub fn marks(&self) -> Marks {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        let mark = |value: &Spanned<DeValue<'_>>| Mark { source: self.source, byte: value.span().start };
        let keys = entries.map(|(name, value)| (name.get_ref().to_string(), mark(value))).collect();
        Marks { entry: self.mark, keys }
    }

    /// The keys asked for so far.
    pub fn taken(&self) -> Vec<&'static str> {
        self.asked.borrow().clone()
    }

    /// What is left when the keys in `taken` are left out, as a value that serde can read. serde stops at a fault: what
    /// has one is told with its place and left out, and the rest is read again.
    pub fn deserialize<T: DeserializeOwned>(self, taken: &[&'static str]) -> Option<T> {
        let left = self.table?.iter().filter(|(name, _)| !taken.iter().any(|key| key == name.get_ref()));
        let mut table: DeTable<'_> = left.map(|(name, value)| (name.clone(), value.clone())).collect();
        let span = self.mark.byte..self.mark.byte;
        let mut left_out: Vec<String> = Vec::new();
        loop {
            let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(value)) {
                Ok(value) => return left_out.is_empty().then_some(value),
                Err(error) => error,
            };
            if words::missing(error.message()).is_some_and(|key| left_out.iter().any(|out| out == key)) {
                return None;
            }
            let byte = error.span().map_or(self.mark.byte, |span| span.start);
            let faulty = table.iter().find(|(name, value)| (name.span().start..value.span().end).contains(&byte));
            let faulty = faulty.map(|(name, _)| name.get_ref().to_string());
            let (problem, hint) = words::ours(error.message(), faulty.as_deref(), taken);
            self.report.fault(Mark { source: self.source, byte }, format!("{}: {problem}", self.what), hint);
            let key = faulty?;
            table = table.into_iter().filter(|(name, _)| name.get_ref() != key.as_str()).collect();
            left_out.push(key);
        }
    }

    /// The keys asked for, as the environment would name them.
    pub fn asked_names(&self) -> Vec<String> {
        let prefix = self.environment.as_ref().map_or("", |(_, prefix)| prefix.as_str());
        self.asked.borrow().iter().map(|key| format!("{prefix}{}", key.to_ascii_uppercase())).collect()
    }
}

/// Places of an entry's parts, for faults that are found when it has been read.
pub struct Marks {
    pub entry: Mark,
    keys: BTreeMap<String, Mark>,
}

impl Marks {
    /// The entry is known by its name, which stands there.
    pub fn named_at(self, entry: Mark) -> Self {
        Self { entry, ..self }
    }

    /// Of a key that is not there, where the entry begins.
    pub fn of(&self, key: &str) -> Mark {
        self.keys.get(key).copied().unwrap_or(self.entry)
    }

    pub fn keys(&self) -> impl Iterator<Item = (&str, Mark)> {
        self.keys.iter().map(|(key, mark)| (key.as_str(), *mark))
    }
}

/// The value, or the default where none was given or it was faulty (the fault is in the report).
pub(super) fn or<T>(read: Option<At<T>>, default: T) -> T {
    read.map_or(default, |at| at.value)
}
