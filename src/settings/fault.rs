//! What is wrong with a file, said so that it can be mended: file, line, column, what was expected, a hint.

use std::{cell::RefCell, collections::BTreeSet, fmt};

/// Faults listed in one run. Past this many the reader has lost the thread and the first ones say it all.
pub const FAULTS_MAX: usize = 100;

/// A text as the shell read it: a file, or one environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the operator knows it: `config/strowger.toml`, `STROWGER_SIP_LISTEN`.
    pub name: String,
    pub text: String,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// Where a value stands: which source, which byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    pub(super) source: usize,
    pub(super) byte: usize,
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub mark: Mark,
}

impl<T> At<T> {
    pub fn new(value: T, mark: Mark) -> Self {
        Self { value, mark }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), mark: self.mark }
    }
}

/// The texts that were read, for what is found wrong with them later: when a file that they name is opened.
#[derive(Clone)]
pub struct Places(Vec<Source>);

impl Places {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self(sources)
    }

    /// The main file as TOML; empty should it not be any.
    pub(super) fn main_table(&self) -> toml::Table {
        self.0.first().and_then(|source| source.text.parse().ok()).unwrap_or_default()
    }

    pub fn fault(&self, mark: Mark, problem: impl Into<String>, hint: Option<String>) -> Fault {
        let (file, line, column) = place(&self.0, mark);
        Fault { file, line, column, problem: problem.into(), hint }
    }
}

impl fmt::Debug for Places {
    /// Without the texts, which hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|source| &source.name)).finish()
    }
}

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    /// Counted from 1, as editors do.
    pub line: usize,
    /// Counted from 1 in characters.
    pub column: usize,
    pub problem: String,
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.problem)?;
        match &self.hint {
            Some(hint) => write!(f, "\n    hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Every fault of all files together, in the order of the files. Never empty as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}")?;
        }
        match self.0.len() {
            1 => write!(f, "1 error; nothing was changed"),
            many => write!(f, "{many} errors; nothing was changed"),
        }
    }
}

impl std::error::Error for Faults {}

/// Collects faults while texts are read.
#[derive(Debug)]
pub(super) struct Report<'a> {
    sources: &'a [Source],
    found: RefCell<Vec<(Mark, String, Option<String>)>>,
    /// Kinds of which an entry could not be read.
    spoilt: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Report<'a> {
    pub fn new(sources: &'a [Source]) -> Self {
        Self { sources, found: RefCell::default(), spoilt: RefCell::default() }
    }

    pub fn fault(&self, mark: Mark, problem: impl Into<String>, hint: Option<String>) {
        let mut found = self.found.borrow_mut();
        if found.len() < FAULTS_MAX {
            found.push((mark, problem.into(), hint));
        }
    }

    /// An entry of a kind could not be read: that another refers to one that isn't there may only follow from that, and
    /// is not told before this is mended.
    pub fn spoil(&self, kind: &'static str) {
        self.spoilt.borrow_mut().insert(kind);
    }

    pub fn is_spoilt(&self, kind: &str) -> bool {
        self.spoilt.borrow().contains(kind)
    }

    pub fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// `Ok` when nothing was found.
    pub fn finish(self) -> Result<(), Faults> {
        let mut found = self.found.into_inner();
        if found.is_empty() {
            return Ok(());
        }
        found.sort_by_key(|(mark, ..)| *mark);
        found.dedup();
        let faults = found.into_iter().map(|(mark, problem, hint)| {
            let (file, line, column) = place(self.sources, mark);
            Fault { file, line, column, problem, hint }
        });
        Err(Faults(faults.collect()))
    }

    /// `file:line`, for a fault that points at an earlier place.
    pub fn line_of(&self, mark: Mark) -> String {
        let (file, line, _) = place(self.sources, mark);
        format!("{file}:{line}")
    }
}

fn place(sources: &[Source], mark: Mark) -> (String, usize, usize) {
    let Some(source) = sources.get(mark.source) else { return (String::from("settings"), 1, 1) };
    let before = source.text.get(..mark.byte).unwrap_or(&source.text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (source.name.clone(), line, column)
}
