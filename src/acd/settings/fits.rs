//! Which agents a queue's interactions may have, as an expression on both (RT-03):
//! `skill.sales >= 3 and (agent != "rui" or not caller starts_with "+351")`. Pure: reads text, asks values.
//!
//! ```text
//! any  = all *("or" all)          all = one *("and" one)        one = "not" one | "(" any ")" | test
//! test = attribute op value       op  = == != < <= > >= starts_with     value = number | "text"
//! ```
//!
//! What is known of an interaction is put in once, when it enters ([`Fits::given`]); what is left speaks of agents alone,
//! is equal for interactions that want the same, and is judged only when an agent changes.

use std::collections::BTreeMap;

use super::{AgentSettings, QueueSettings};
use crate::acd::InteractionKind;

/// Octets of one expression.
const FITS_LENGTH_MAX: usize = 1_024;

/// Brackets and `not` within each other.
const FITS_DEPTH_MAX: usize = 16;

/// What `kind` may be: those that wait in queues.
const KINDS: [&str; 3] =
    [InteractionKind::Inbound.word(), InteractionKind::Callback.word(), InteractionKind::Campaign.word()];

/// An expression, or what is left of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fits {
    #[default]
    Always,
    Never,
    Not(Box<Fits>),
    All(Vec<Fits>),
    Any(Vec<Fits>),
    Number(NumberOf, Op, i64),
    Text(TextOf, Op, String),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NumberOf {
    /// The agent's level; 0 where he has none.
    Skill(String),
    Priority,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextOf {
    Agent,
    Caller,
    Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    StartsWith,
}

/// What is known of an agent.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    pub key: &'a str,
    pub skills: &'a BTreeMap<String, u8>,
}

/// What is known of an interaction.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub caller: &'a str,
    pub kind: &'a str,
    pub priority: i64,
}

/// What is wrong with an expression: where it begins to be (in characters, from 1), and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitsFault {
    pub at: usize,
    pub hint: String,
}

impl Fits {
    pub fn read(text: &str) -> Result<Self, FitsFault> {
        if text.len() > FITS_LENGTH_MAX {
            return Err(FitsFault { at: 1, hint: format!("expected at most {FITS_LENGTH_MAX} octets") });
        }
        let mut reader = Reader { words: words(text)?, next: 0, end: text.chars().count() + 1 };
        let read = reader.any(0)?;
        match reader.words.get(reader.next) {
            None => Ok(read),
            Some((at, _)) => Err(FitsFault { at: *at, hint: "expected `and`, `or` or the end".into() }),
        }
    }

    /// What is left of it for one interaction.
    pub fn given(&self, task: Task<'_>) -> Self {
        let number = |of: &NumberOf| match of {
            NumberOf::Skill(_) => None,
            NumberOf::Priority => Some(task.priority),
        };
        let text = |of: TextOf| match of {
            TextOf::Agent => None,
            TextOf::Caller => Some(task.caller),
            TextOf::Kind => Some(task.kind),
        };
        self.fold(&number, &text)
    }

    /// Whether it holds for an agent, whatever the interaction: `None` where that depends.
    pub fn holds(&self, who: Who<'_>) -> Option<bool> {
        match self {
            Self::Always => Some(true),
            Self::Never => Some(false),
            Self::Not(inner) => inner.holds(who).map(|holds| !holds),
            Self::All(parts) => decided(parts, who, false),
            Self::Any(parts) => decided(parts, who, true),
            Self::Number(NumberOf::Skill(skill), op, value) => {
                Some(op.compares(&who.skills.get(skill).map_or(0, |level| i64::from(*level)), value))
            }
            Self::Text(TextOf::Agent, op, value) => Some(op.meets(who.key, value)),
            Self::Number(NumberOf::Priority, ..) | Self::Text(TextOf::Caller | TextOf::Kind, ..) => None,
        }
    }

    /// What can be seen to be wrong with it, where these are the centre's agents: the skills, keys and kinds it names.
    pub(super) fn faults(&self, agents: &BTreeMap<&str, &AgentSettings>) -> Vec<String> {
        let mut faults = Vec::new();
        match self {
            Self::Number(NumberOf::Skill(skill), ..) => {
                if agents.values().all(|agent| !agent.skills.contains_key(skill)) {
                    faults.push(format!("no agent has the skill `{skill}`"));
                }
            }
            Self::Text(TextOf::Agent, Op::Equal | Op::Unequal, key) if !agents.contains_key(key.as_str()) => {
                faults.push(format!("there is no agent `{key}`"));
            }
            Self::Text(TextOf::Kind, Op::Equal | Op::Unequal, kind) if !KINDS.contains(&kind.as_str()) => {
                faults.push(format!("`{kind}` is none of {}", KINDS.join(", ")));
            }
            Self::Not(inner) => faults.extend(inner.faults(agents)),
            Self::All(parts) | Self::Any(parts) => faults.extend(parts.iter().flat_map(|part| part.faults(agents))),
            Self::Always | Self::Never | Self::Number(..) | Self::Text(..) => {}
        }
        faults
    }

    fn fold<'a>(&self, number: &dyn Fn(&NumberOf) -> Option<i64>, text: &dyn Fn(TextOf) -> Option<&'a str>) -> Self {
        let so = |so: bool| if so { Self::Always } else { Self::Never };
        match self {
            Self::Always => Self::Always,
            Self::Never => Self::Never,
            Self::Not(inner) => match inner.fold(number, text) {
                Self::Always => Self::Never,
                Self::Never => Self::Always,
                rest @ (Self::Not(_) | Self::All(_) | Self::Any(_) | Self::Number(..) | Self::Text(..)) => {
                    Self::Not(Box::new(rest))
                }
            },
            Self::All(parts) => {
                joined(parts.iter().map(|it| it.fold(number, text)), &Self::Never, Self::Always, Self::All)
            }
            Self::Any(parts) => {
                joined(parts.iter().map(|it| it.fold(number, text)), &Self::Always, Self::Never, Self::Any)
            }
            Self::Number(of, op, value) => number(of).map_or_else(|| self.clone(), |is| so(op.compares(&is, value))),
            Self::Text(of, op, value) => text(*of).map_or_else(|| self.clone(), |is| so(op.meets(is, value))),
        }
    }
}

/// One part that is `so` decides; else all must be known.
fn decided(parts: &[Fits], who: Who<'_>, so: bool) -> Option<bool> {
    let mut known = true;
    for part in parts {
        match part.holds(who) {
            Some(holds) if holds == so => return Some(so),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!so)
}

/// What is wrong with a queue's expression, where these are the centre's agents.
pub(super) fn faults(queue: &QueueSettings, agents: &BTreeMap<&str, &AgentSettings>) -> Vec<String> {
    if queue.fits.is_empty() {
        return Vec::new();
    }
    let fits = match Fits::read(&queue.fits) {
        Ok(fits) => fits,
        Err(fault) => return vec![format!("at character {}: {}", fault.at, fault.hint)],
    };
    let mut faults = fits.faults(agents);
    let members: Vec<_> = queue.members.iter().filter_map(|member| agents.get(member.agent.as_str())).collect();
    let never = |agent: &&&AgentSettings| fits.holds(Who { key: &agent.key, skills: &agent.skills }) == Some(false);
    if faults.is_empty() && !members.is_empty() && members.iter().all(never) {
        faults.push(String::from("no member could ever be asked: it holds for none of them"));
    }
    faults
}

/// Parts under one word: `strong` decides alone, those like `weak` say nothing. Order and repetition mean nothing, so that
/// what is the same becomes equal.
fn joined(parts: impl Iterator<Item = Fits>, strong: &Fits, weak: Fits, join: fn(Vec<Fits>) -> Fits) -> Fits {
    let mut left: Vec<Fits> = parts.filter(|part| *part != weak).collect();
    if left.contains(strong) {
        return strong.clone();
    }
    left.sort();
    left.dedup();
    match left.len() {
        0 => weak,
        1 => left.remove(0),
        _ => join(left),
    }
}

impl Op {
    fn meets(self, is: &str, value: &str) -> bool {
        if self == Self::StartsWith { is.starts_with(value) } else { self.compares(&is, &value) }
    }

    fn compares<T: Ord>(self, is: &T, value: &T) -> bool {
        match self {
            Self::Equal => is == value,
            Self::Unequal => is != value,
            Self::Less => is < value,
            Self::AtMost => is <= value,
            Self::More => is > value,
            Self::AtLeast => is >= value,
            Self::StartsWith => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Name(String),
    Sign(&'static str),
    Number(i64),
    Text(String),
}

/// The two-character signs before their beginnings.
const SIGNS: [&str; 8] = ["==", "!=", "<=", ">=", "<", ">", "(", ")"];

fn words(text: &str) -> Result<Vec<(usize, Word)>, FitsFault> {
    let (mut words, mut rest, mut at) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let (word, taken) = if first.is_whitespace() {
            (None, first.len_utf8())
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Some(Word::Sign(sign)), sign.len())
        } else if first == '"' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find('"').ok_or_else(|| FitsFault { at, hint: "this text has no end: add a \"".into() })?;
            (Some(Word::Text(inner.get(..end).unwrap_or_default().into())), end + 2)
        } else {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or_default();
            if name.is_empty() {
                return Err(FitsFault { at, hint: format!("`{first}` has no meaning here; texts stand in \"…\"") });
            }
            let is_number = name.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
            let number = || name.parse().map_err(|_| FitsFault { at, hint: format!("`{name}` is not a whole number") });
            (Some(if is_number { Word::Number(number()?) } else { Word::Name(name.into()) }), end)
        };
        words.extend(word.map(|word| (at, word)));
        let (passed, left) = rest.split_at(taken);
        (rest, at) = (left, at + passed.chars().count());
    }
    Ok(words)
}

struct Reader {
    words: Vec<(usize, Word)>,
    next: usize,
    end: usize,
}

impl Reader {
    fn at(&self) -> usize {
        self.words.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn fault<T>(&self, hint: impl Into<String>) -> Result<T, FitsFault> {
        Err(FitsFault { at: self.at(), hint: hint.into() })
    }

    fn take(&mut self) -> Option<Word> {
        let word = self.words.get(self.next).map(|(_, word)| word.clone());
        self.next += usize::from(word.is_some());
        word
    }

    /// Goes on if this word is next.
    fn takes(&mut self, wanted: &str) -> bool {
        let is = match self.words.get(self.next) {
            Some((_, Word::Name(name))) => name == wanted,
            Some((_, Word::Sign(sign))) => *sign == wanted,
            Some((_, Word::Number(_) | Word::Text(_))) | None => false,
        };
        self.next += usize::from(is);
        is
    }

    fn any(&mut self, depth: usize) -> Result<Fits, FitsFault> {
        let mut parts = vec![self.all(depth)?];
        while self.takes("or") {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts.into_iter(), &Fits::Always, Fits::Never, Fits::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Fits, FitsFault> {
        let mut parts = vec![self.one(depth)?];
        while self.takes("and") {
            parts.push(self.one(depth)?);
        }
        Ok(joined(parts.into_iter(), &Fits::Never, Fits::Always, Fits::All))
    }

    fn one(&mut self, depth: usize) -> Result<Fits, FitsFault> {
        if depth >= FITS_DEPTH_MAX {
            return self.fault(format!("expected at most {FITS_DEPTH_MAX} brackets and `not` within each other"));
        }
        if self.takes("not") {
            return Ok(Fits::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes("(") {
            let inner = self.any(depth + 1)?;
            return if self.takes(")") { Ok(inner) } else { self.fault("expected `)`") };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Fits, FitsFault> {
        const KNOWN: &str = "expected skill.NAME, agent, caller, kind or priority";
        let begin = self.next;
        let name = match self.take() {
            Some(Word::Name(name)) => name,
            Some(Word::Sign(_) | Word::Number(_) | Word::Text(_)) | None => {
                self.next = begin;
                return self.fault(KNOWN);
            }
        };
        let text = match name.as_str() {
            "agent" => Some(TextOf::Agent),
            "caller" => Some(TextOf::Caller),
            "kind" => Some(TextOf::Kind),
            _ => None,
        };
        let number = match (name.as_str(), name.strip_prefix("skill.")) {
            ("priority", _) => Some(NumberOf::Priority),
            (_, Some(skill)) if !skill.is_empty() => Some(NumberOf::Skill(skill.into())),
            _ => None,
        };
        if text.is_none() && number.is_none() {
            self.next = begin;
            return self.fault(format!("`{name}` is not known: {KNOWN}"));
        }
        let op = self.op(text.is_some())?;
        let value = self.next;
        match (text, number, self.take()) {
            (Some(of), _, Some(Word::Text(text))) => Ok(Fits::Text(of, op, text)),
            (None, Some(of), Some(Word::Number(number))) => Ok(Fits::Number(of, op, number)),
            (text, ..) => {
                self.next = value;
                let wanted = if text.is_some() { "a text in \"…\"" } else { "a whole number" };
                self.fault(format!("`{name}` is compared with {wanted}"))
            }
        }
    }

    fn op(&mut self, text: bool) -> Result<Op, FitsFault> {
        const NUMBERS: [(&str, Op); 6] = [
            ("==", Op::Equal),
            ("!=", Op::Unequal),
            ("<", Op::Less),
            ("<=", Op::AtMost),
            (">", Op::More),
            (">=", Op::AtLeast),
        ];
        const TEXTS: [(&str, Op); 3] = [("==", Op::Equal), ("!=", Op::Unequal), ("starts_with", Op::StartsWith)];
        let known: &[(&str, Op)] = if text { &TEXTS } else { &NUMBERS };
        for (word, op) in known {
            if self.takes(word) {
                return Ok(*op);
            }
        }
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        self.fault(format!("expected one of {}", words.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, caller: &str, agent: (&str, &[(&str, u8)])) -> Option<bool> {
        let skills: BTreeMap<String, u8> = agent.1.iter().map(|(skill, level)| ((*skill).into(), *level)).collect();
        let task = Task { caller, kind: "inbound", priority: 2 };
        Fits::read(text).unwrap().given(task).holds(Who { key: agent.0, skills: &skills })
    }

    #[test]
    fn means_what_it_says() {
        let ana: (&str, &[(&str, u8)]) = ("ana", &[("sales", 4), ("pt", 2)]);
        for (text, wanted) in [
            ("skill.sales >= 3", true),
            ("skill.sales > 4 or agent == \"ana\" and skill.es == 0", true),
            ("(skill.sales > 4 or agent == \"ana\") and skill.es != 0", false),
            ("not caller starts_with \"+351\" or skill.pt >= 2", true),
            ("not (caller starts_with \"+351\" and kind == \"inbound\")", false),
            ("priority < 3 and priority <= 2 and not priority > 2", true),
        ] {
            assert_eq!(holds(text, "+351910000000", ana), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_known_of_the_task_is_put_in_once() {
        let fits =
            Fits::read("caller starts_with \"+351\" and skill.pt >= 3 or not caller starts_with \"+351\"").unwrap();
        let task = |caller| Task { caller, kind: "inbound", priority: 0 };
        assert_eq!(fits.given(task("+34911")), Fits::Always);
        assert_eq!(fits.given(task("+35121")), Fits::read("skill.pt >= 3").unwrap());
        assert_eq!(fits.given(task("+35122")), fits.given(task("+35121")));
        assert_eq!(
            Fits::read("skill.a > 1 and skill.b > 1"),
            Fits::read("skill.b > 1 and skill.a > 1 and skill.b > 1")
        );
    }

    #[test]
    fn faults_have_their_place() {
        for (text, at, hint) in [
            ("", 1, "expected skill.NAME"),
            ("skill.pt >= ", 13, "compared with a whole number"),
            ("skill.pt >= \"3\"", 13, "compared with a whole number"),
            ("agent > \"a\"", 7, "expected one of == != starts_with"),
            ("skil.pt > 1", 1, "`skil.pt` is not known"),
            ("(skill.pt > 1", 14, "expected `)`"),
            ("skill.pt > 1 skill.es > 1", 14, "expected `and`"),
            ("caller == \"x", 11, "has no end"),
            ("skill.pt > 99999999999999999999", 12, "not a whole number"),
            ("é == $", 6, "no meaning"),
        ] {
            let fault = Fits::read(text).unwrap_err();
            assert!(fault.at == at && fault.hint.contains(hint), "{text}: {fault:?}");
        }
        let deep = format!("{}skill.a > 1{}", "(".repeat(17), ")".repeat(17));
        assert!(Fits::read(&deep).unwrap_err().hint.contains("at most 16"));
        assert!(Fits::read(&"a".repeat(2_000)).unwrap_err().hint.contains("1024"));
        // Whatever is given: an answer, never a panic.
        let parts = ["(", ")", "not ", "and ", "or ", "skill.a", "==", "<", "\"", "é", "-", "-1", "1.", "agent", " "];
        let mut seed = 7_usize;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(parts[(seed >> 33) % parts.len()]);
            }
            drop(Fits::read(&text));
        }
    }
}
