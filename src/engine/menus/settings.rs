//! A menu as the settings give it: something is said, then a key, several keys or a service decides where it goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{
    acd::Onward,
    base::{MenuId, way_round},
    engine::settings::language_of,
    media::spoken::Language,
};

/// Menus of one centre.
pub const MENUS_MAX: usize = 1_000;

/// Things said in a row.
pub const LINES_MAX: usize = 16;

/// Keys of one answer.
pub const TYPED_MAX: u8 = 32;

/// Levels of a skill, as agents have them.
const LEVEL_MAX: u8 = 10;

/// `[[menu]]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Menu {
    pub id: MenuId,
    pub key: String,
    /// What is said, one behind the other.
    pub say: Vec<Line>,
    /// A key cuts it.
    pub cut: bool,
    pub language: Language,
    /// Callers whose number begins so are spoken to in another.
    pub languages: BTreeMap<String, Language>,
    /// Whoever comes here counts so in queues from now on.
    pub priority: Option<i32>,
    /// And needs an agent who has these.
    pub skills: BTreeMap<String, u8>,
    /// One key decides.
    pub keys: BTreeMap<String, Way>,
    /// Or several are wanted.
    pub collect: Option<Collect>,
    /// Or a service is asked, by its key.
    pub look_up: Option<String>,
    /// Where the branch leads that it names.
    pub answers: BTreeMap<String, Way>,
    /// How long a key is waited for, each time.
    pub key_secs: u32,
    /// How often it is tried until it is given up.
    pub tries: u8,
    /// A clip for who pressed what leads nowhere.
    pub wrong: Option<String>,
    /// A clip for who pressed nothing.
    pub silent: Option<String>,
    /// Where it goes on from what was said, typed, or looked up.
    pub to: Option<Way>,
    /// And from who pressed nothing right, or a service that did not answer.
    pub otherwise: Option<Way>,
    /// And from a person, group or number that it led to, when nobody answers there.
    pub unanswered: Option<Way>,
}

impl Default for Menu {
    fn default() -> Self {
        Self {
            id: MenuId(0),
            key: String::new(),
            say: Vec::new(),
            cut: true,
            language: Language::default(),
            languages: BTreeMap::new(),
            priority: None,
            skills: BTreeMap::new(),
            keys: BTreeMap::new(),
            collect: None,
            look_up: None,
            answers: BTreeMap::new(),
            key_secs: 5,
            tries: 3,
            wrong: None,
            silent: None,
            to: None,
            otherwise: None,
            unanswered: None,
        }
    }
}

/// Several keys, kept under a name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    pub name: String,
    #[serde(default = "one")]
    pub least: u8,
    pub most: u8,
    /// The key that ends them: `*` or `#`.
    #[serde(default = "hash")]
    pub end: char,
}

const fn one() -> u8 {
    1
}

const fn hash() -> char {
    '#'
}

/// One thing said: a clip by its key, or `digits:NAME` and `number:NAME`, what was typed or looked up under a name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Line {
    Clip(String),
    Digits(String),
    Number(String),
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        match text.split_once(':') {
            Some(("digits", name)) => Self::Digits(name.to_owned()),
            Some(("number", name)) => Self::Number(name.to_owned()),
            _ => Self::Clip(text),
        }
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        match line {
            Line::Clip(key) => key,
            Line::Digits(name) => format!("digits:{name}"),
            Line::Number(name) => format!("number:{name}"),
        }
    }
}

/// Where a menu leads: another menu, out of the menus, or back to the queue in which its caller waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Way {
    Menu(String),
    Out(Onward),
    /// He waits on, in his place.
    Stay,
}

impl Way {
    /// What a fault says is expected.
    pub const EXPECTED: &str = "expected \"menu:KEY\", \"queue:KEY\", \"user:KEY\", \"group:KEY\", \"number:NUMBER\", \
                                \"clip:KEY\", \"hangup\" or, for a menu of a queue, \"stay\"";
}

impl FromStr for Way {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "stay" => Ok(Self::Stay),
            Some(("menu", key)) if !key.is_empty() => Ok(Self::Menu(key.to_owned())),
            _ => text.parse().map(Self::Out).map_err(|_| Self::EXPECTED),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Menu(key) => write!(f, "menu:{key}"),
            Self::Out(onward) => write!(f, "{onward}"),
            Self::Stay => f.write_str("stay"),
        }
    }
}

impl TryFrom<String> for Way {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Way> for String {
    fn from(way: Way) -> Self {
        way.to_string()
    }
}

impl Menu {
    /// The longest beginning of the caller's number counts.
    pub fn language_for(&self, number: &str) -> Language {
        language_of(&self.languages, self.language, number)
    }

    /// Whether the caller is asked for keys.
    pub fn takes_keys(&self) -> bool {
        !self.keys.is_empty() || self.collect.is_some()
    }

    /// All ways out of it, each with the key of the settings that names it.
    pub fn ways(&self) -> impl Iterator<Item = (&'static str, &Way)> {
        let by_key = self.keys.values().map(|way| ("keys", way));
        by_key
            .chain(self.ways_without_key().filter(|(name, _)| *name != "to" || self.collect.is_none()))
            .chain(self.to.iter().filter(|_| self.collect.is_some()).map(|way| ("to", way)))
            .chain(self.unanswered.iter().filter(|_| !self.rings_without_key()).map(|way| ("unanswered", way)))
    }

    /// Those that a caller is led who never touches a key.
    pub fn ways_without_key(&self) -> impl Iterator<Item = (&'static str, &Way)> {
        let unanswered = self.unanswered.iter().filter(|_| self.rings_without_key());
        self.first_without_key().chain(unanswered.map(|way| ("unanswered", way)))
    }

    fn first_without_key(&self) -> impl Iterator<Item = (&'static str, &Way)> {
        let answers = self.answers.values().map(|way| ("answers", way));
        let to = self.to.iter().filter(|_| !self.takes_keys()).map(|way| ("to", way));
        answers.chain(to).chain(self.otherwise.iter().map(|way| ("otherwise", way)))
    }

    /// Whether somebody may be rung for a caller who never touches a key.
    fn rings_without_key(&self) -> bool {
        self.first_without_key()
            .any(|(_, way)| matches!(way, Way::Out(Onward::User(_) | Onward::Group(_) | Onward::Number(_))))
    }

    /// What is wrong with it by itself: the key of the settings, what is wrong, and what helps.
    pub fn faults(&self) -> Vec<(&'static str, String, &'static str)> {
        let mut faults = Vec::new();
        let mut wrong = |key, problem: &str, hint| faults.push((key, problem.to_owned(), hint));
        let kinds = [!self.keys.is_empty(), self.collect.is_some(), self.look_up.is_some()];
        if kinds.iter().filter(|is| **is).count() > 1 {
            wrong("keys", "a menu has keys, or collects, or looks up: one of them", "let one lead to the other");
        }
        let asks = kinds.contains(&true);
        if asks && self.otherwise.is_none() {
            wrong("otherwise", "where does it go on when nothing comes?", "otherwise = \"queue:support\"");
        }
        if !asks && self.otherwise.is_some() {
            wrong("otherwise", "nothing is asked here that could stay away", "to = \"…\" instead");
        }
        if self.keys.is_empty() && self.to.is_none() {
            wrong("to", "where does it go on?", "to = \"queue:support\", or keys = { 1 = \"queue:support\" }");
        }
        if !self.keys.is_empty() && self.to.is_some() {
            wrong("to", "its keys say where it goes on", "otherwise = \"…\" is for who presses none");
        }
        if self.look_up.is_none() && !self.answers.is_empty() {
            wrong("answers", "nobody is asked here", "look_up = \"KEY\" of a [[service]]");
        }
        if self.unanswered == Some(Way::Stay) {
            let hint = "unanswered = \"queue:support\"";
            wrong("unanswered", "whoever was led out of the queue waits there no more", hint);
        }
        let is_key = |text: &str| matches!(text.as_bytes(), [b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D']);
        if self.keys.keys().any(|key| !is_key(key)) {
            wrong("keys", "each is one key of a telephone: 0 to 9, * or #", "keys = { 1 = \"…\", \"*\" = \"…\" }");
        }
        if let Some(collect) = &self.collect {
            if !(1..=collect.most).contains(&collect.least) || collect.most > TYPED_MAX {
                wrong("collect", "expected 1 ≤ least ≤ most ≤ 32", "collect = { name = \"account\", most = 8 }");
            }
            if !matches!(collect.end, '*' | '#') {
                wrong("collect", "end is * or #", "collect = { name = \"account\", most = 8, end = \"#\" }");
            }
        }
        if self.say.len() > LINES_MAX {
            wrong("say", "more than 16 things in a row", "let one menu lead to the next");
        }
        if !(1..=60).contains(&self.key_secs) {
            wrong("key_secs", "expected 1 to 60 seconds", "key_secs = 5");
        }
        if !(1..=20).contains(&self.tries) {
            wrong("tries", "expected 1 to 20", "tries = 3");
        }
        if self.skills.values().any(|level| !(1..=LEVEL_MAX).contains(level)) {
            wrong("skills", "expected levels from 1 to 10", "skills = { pt = 3 }");
        }
        faults
    }
}

/// How menus lead from one back to itself without anybody pressing a key.
pub fn menus_round<'a>(menus: &'a [Menu], start: &'a str) -> Option<Vec<&'a str>> {
    way_round(start, |at| {
        let menu = menus.iter().find(|menu| menu.key == at);
        menu.into_iter().flat_map(Menu::ways_without_key).filter_map(|(_, way)| match way {
            Way::Menu(to) => Some(to.as_str()),
            Way::Out(_) | Way::Stay => None,
        })
    })
}

/// The menus that can be come to from these, themselves among them.
pub fn reached<'a>(menus: &'a [Menu], from: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut left: Vec<&str> = from.collect();
    let mut found = BTreeSet::new();
    while let Some(key) = left.pop() {
        if !found.insert(key) {
            continue;
        }
        let menu = menus.iter().find(|menu| menu.key == key);
        left.extend(menu.into_iter().flat_map(Menu::ways).filter_map(|(_, way)| match way {
            Way::Menu(to) => Some(to.as_str()),
            Way::Out(_) | Way::Stay => None,
        }));
    }
    found
}
