//! One caller's way through menus. Pure: what happened goes in, what is to be done comes out.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    record::MenuEnd,
    settings::{Line, Menu, Way},
};

/// Menus that one caller comes through. Whoever presses on and on is let go.
pub const COURSE_MAX: u16 = 200;

/// What a caller is known by, typed or looked up: names, and characters of each value.
pub const KNOWN_MAX: usize = 32;
pub const VALUE_MAX: usize = 256;

/// Characters of a caller's name.
const NAME_MAX: usize = 64;

/// How long nobody but a caller's own agent is asked, where the service does not say, and at most.
const OWNER_SECS: u32 = 20;
const OWNER_SECS_MAX: u32 = 3_600;

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    /// Say this; `said` when it is over.
    Say(Vec<Line>),
    /// Say no more.
    Hush,
    /// A key within the menu's time, or `late`.
    Listen,
    /// Ask this service; `answered` with what it says.
    Ask(String),
    /// This is how the menu ended, and where it leads.
    Go(MenuEnd, Way),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The prompt is being said.
    Says,
    /// What was wrong is being said; the prompt comes again.
    Corrects,
    Listens,
    Asks,
    /// The way out has been told.
    Done,
}

#[derive(Clone, Debug)]
pub struct Course {
    pub menu: Arc<Menu>,
    state: State,
    tried: u8,
    typed: String,
    entered: u16,
    pub last_key: Option<char>,
    pub known: BTreeMap<String, String>,
    pub priority: Option<i32>,
    pub skills: BTreeMap<String, u8>,
    /// What the caller is called.
    pub name: Option<String>,
    /// Whose customer he is: that agent is asked first, for so many seconds.
    pub owner: Option<(String, u32)>,
}

impl Course {
    pub fn new(menu: Arc<Menu>) -> Self {
        Self {
            menu,
            state: State::Done,
            tried: 0,
            typed: String::new(),
            entered: 0,
            last_key: None,
            known: BTreeMap::new(),
            priority: None,
            skills: BTreeMap::new(),
            name: None,
            owner: None,
        }
    }

    /// Comes to a menu, the first or the next. Nothing: he has come through too many.
    pub fn enter(&mut self, menu: Arc<Menu>) -> Option<Vec<Act>> {
        self.entered += 1;
        if self.entered > COURSE_MAX {
            return None;
        }
        self.come_to(menu);
        Some(self.begin())
    }

    fn come_to(&mut self, menu: Arc<Menu>) {
        self.priority = menu.priority.or(self.priority);
        self.skills.extend(menu.skills.clone());
        self.menu = menu;
        self.tried = 0;
    }

    /// Hears nothing and presses at once: what a queue's menu offers holds between its tellings too.
    pub fn press_at_once(&mut self, menu: Arc<Menu>, key: char) -> Vec<Act> {
        self.entered += 1;
        self.come_to(menu);
        self.take(key)
    }

    fn begin(&mut self) -> Vec<Act> {
        self.typed.clear();
        if self.menu.say.is_empty() {
            return self.await_answer();
        }
        self.state = State::Says;
        vec![Act::Say(self.menu.say.clone())]
    }

    fn await_answer(&mut self) -> Vec<Act> {
        if let Some(service) = self.menu.look_up.clone() {
            self.state = State::Asks;
            return vec![Act::Ask(service)];
        }
        if self.menu.takes_keys() {
            self.state = State::Listens;
            return vec![Act::Listen];
        }
        self.go(MenuEnd::Said, self.menu.to.clone())
    }

    /// A way that the settings leave out leads to the end of the call: they are checked for that.
    fn go(&mut self, end: MenuEnd, way: Option<Way>) -> Vec<Act> {
        self.state = State::Done;
        vec![Act::Go(end, way.unwrap_or(Way::Out(crate::acd::Onward::HangUp)))]
    }

    /// What was being said is over.
    pub fn said(&mut self) -> Vec<Act> {
        match self.state {
            State::Says => self.await_answer(),
            State::Corrects => self.begin(),
            State::Listens | State::Asks | State::Done => Vec::new(),
        }
    }

    pub fn key(&mut self, key: char) -> Vec<Act> {
        let mut acts = match self.state {
            State::Says if !self.menu.cut => return Vec::new(),
            State::Says | State::Corrects => vec![Act::Hush],
            State::Listens => Vec::new(),
            State::Asks | State::Done => return Vec::new(),
        };
        acts.extend(if self.menu.takes_keys() { self.take(key) } else { self.await_answer() });
        acts
    }

    fn take(&mut self, key: char) -> Vec<Act> {
        self.last_key = Some(key);
        self.state = State::Listens;
        let Some(collect) = self.menu.collect.clone() else {
            let way = self.menu.keys.get(key.encode_utf8(&mut [0; 4])).cloned();
            return match way {
                Some(way) => self.go(MenuEnd::Pressed { key }, Some(way)),
                None => self.again(MenuEnd::Wrong),
            };
        };
        if key == collect.end && self.typed.len() >= usize::from(collect.least) {
            return self.collected(collect.name);
        }
        if !key.is_ascii_digit() {
            return self.again(MenuEnd::Wrong);
        }
        self.typed.push(key);
        if self.typed.len() >= usize::from(collect.most) {
            return self.collected(collect.name);
        }
        vec![Act::Listen]
    }

    fn collected(&mut self, name: String) -> Vec<Act> {
        let typed = std::mem::take(&mut self.typed);
        let digits = u8::try_from(typed.len()).unwrap_or(u8::MAX);
        self.know(name.clone(), typed);
        self.go(MenuEnd::Typed { name, digits }, self.menu.to.clone())
    }

    /// No key came in time.
    pub fn late(&mut self) -> Vec<Act> {
        if self.state != State::Listens {
            return Vec::new();
        }
        match self.menu.collect.clone() {
            // Who stops typing has typed all.
            Some(collect) if self.typed.len() >= usize::from(collect.least) => self.collected(collect.name),
            Some(_) if !self.typed.is_empty() => self.again(MenuEnd::Wrong),
            Some(_) | None => self.again(MenuEnd::Silent),
        }
    }

    /// Told so, and once more from the beginning, until it is enough.
    fn again(&mut self, why: MenuEnd) -> Vec<Act> {
        self.tried += 1;
        if self.tried >= self.menu.tries {
            return self.go(why, self.menu.otherwise.clone());
        }
        let clip = if why == MenuEnd::Wrong { &self.menu.wrong } else { &self.menu.silent };
        let Some(clip) = clip.clone() else { return self.begin() };
        self.typed.clear();
        self.state = State::Corrects;
        vec![Act::Say(vec![Line::Clip(clip)])]
    }

    /// The service has answered, or has not: why not.
    pub fn answered(&mut self, answer: Result<LookedUp, String>) -> Vec<Act> {
        if self.state != State::Asks {
            return Vec::new();
        }
        let LookedUp { branch, priority, skills, name, owner, attributes } = match answer {
            Ok(answer) => answer,
            Err(why) => return self.go(MenuEnd::Unanswered { why }, self.menu.otherwise.clone()),
        };
        let way = branch.as_ref().map_or(self.menu.to.as_ref(), |branch| self.menu.answers.get(branch)).cloned();
        let Some(way) = way else {
            let why = format!("it names the branch \"{}\", which this menu has not", branch.unwrap_or_default());
            return self.go(MenuEnd::Unanswered { why }, self.menu.otherwise.clone());
        };
        self.priority = priority.or(self.priority);
        self.skills.extend(skills);
        self.name = name.or(self.name.take());
        self.owner = owner.or(self.owner.take());
        attributes.into_iter().for_each(|(name, value)| self.know(name, value));
        self.go(MenuEnd::Answered { branch }, Some(way))
    }

    fn know(&mut self, name: String, value: String) {
        if self.known.len() < KNOWN_MAX || self.known.contains_key(&name) {
            self.known.insert(name, value);
        }
    }
}

/// What a service says of a caller; everything may be left out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LookedUp {
    /// One of the menu's `answers`; without it the menu's `to`.
    pub branch: Option<String>,
    pub priority: Option<i32>,
    pub skills: BTreeMap<String, u8>,
    pub name: Option<String>,
    /// The agent who is asked first in queues, by his key, and for how many seconds.
    pub owner: Option<(String, u32)>,
    pub attributes: BTreeMap<String, String>,
}

impl LookedUp {
    /// Reads an answer; what is there and not as it should be makes it none, in words.
    pub fn read(status: u16, json: &Value) -> Result<Self, String> {
        if !(200..300).contains(&status) {
            return Err(format!("it answered with status {status}"));
        }
        let empty = serde_json::Map::new();
        let answer = match json {
            Value::Null => &empty,
            Value::Object(answer) => answer,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(String::from("its answer is not a JSON object"));
            }
        };
        let given = |key: &str| answer.get(key).filter(|value| !value.is_null());
        let text = |key: &'static str| match given(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(tidy(text, NAME_MAX))),
            Some(_) => Err(format!("\"{key}\" is not a text")),
        };
        let mut read = Self { branch: text("branch")?, name: text("name")?, ..Self::default() };
        read.name = read.name.filter(|name| !name.is_empty());
        if let Some(value) = given("priority") {
            let priority = value.as_i64().and_then(|it| i32::try_from(it).ok());
            read.priority = Some(priority.ok_or("\"priority\" is not a whole number")?);
        }
        if let Some(agent) = text("agent")?.filter(|agent| !agent.is_empty()) {
            let secs = match given("agent_secs") {
                None => OWNER_SECS,
                Some(value) => value
                    .as_u64()
                    .and_then(|secs| u32::try_from(secs).ok())
                    .filter(|secs| (1..=OWNER_SECS_MAX).contains(secs))
                    .ok_or("\"agent_secs\" is not 1 to 3600")?,
            };
            read.owner = Some((agent, secs));
        }
        if let Some(value) = given("skills") {
            let skills = value.as_object().ok_or("\"skills\" is not an object of levels")?;
            for (skill, level) in skills.iter().take(KNOWN_MAX) {
                let level = level.as_u64().and_then(|it| u8::try_from(it).ok()).filter(|it| (1..=10).contains(it));
                read.skills.insert(skill.clone(), level.ok_or("\"skills\" has a level that is not 1 to 10")?);
            }
        }
        if let Some(value) = given("attributes") {
            let attributes = value.as_object().ok_or("\"attributes\" is not an object of texts")?;
            for (name, value) in attributes.iter().take(KNOWN_MAX) {
                let value = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                        return Err(String::from("\"attributes\" has a value that is neither text nor number"));
                    }
                };
                read.attributes.insert(tidy(name, NAME_MAX), tidy(&value, VALUE_MAX));
            }
        }
        Ok(read)
    }
}

/// What may be shown and written on: no line breaks, and not endless.
fn tidy(text: &str, most: usize) -> String {
    text.chars().filter(|it| !it.is_control()).take(most).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::menus::settings::Collect;

    fn menu(change: impl FnOnce(&mut Menu)) -> Arc<Menu> {
        let mut menu = Menu { say: vec![Line::Clip("hello".into())], ..Menu::default() };
        change(&mut menu);
        Arc::new(menu)
    }

    fn way(text: &str) -> Way {
        text.parse().unwrap()
    }

    fn entered(menu: &Arc<Menu>) -> Course {
        let mut course = Course::new(Arc::clone(menu));
        course.enter(Arc::clone(menu)).unwrap();
        course
    }

    fn gone(acts: &[Act]) -> Option<(MenuEnd, String)> {
        acts.iter().find_map(|act| match act {
            Act::Go(end, way) => Some((end.clone(), way.to_string())),
            Act::Say(_) | Act::Hush | Act::Listen | Act::Ask(_) => None,
        })
    }

    /// QE-18: a key cuts what is said and leads on; a wrong one is told, and after the last try it goes otherwise.
    #[test]
    fn keys_lead_on() {
        let menu = menu(|menu| {
            menu.keys = [("1".to_owned(), way("queue:sales"))].into();
            menu.wrong = Some("sorry".into());
            menu.tries = 2;
            menu.otherwise = Some(way("hangup"));
        });
        let mut course = entered(&menu);
        let acts = course.key('1');
        assert_eq!(acts[0], Act::Hush);
        assert_eq!(gone(&acts), Some((MenuEnd::Pressed { key: '1' }, "queue:sales".into())));
        assert!(course.key('1').is_empty() && course.late().is_empty() && course.said().is_empty(), "it is over");

        let mut course = entered(&menu);
        assert_eq!(course.said(), [Act::Listen]);
        assert_eq!(course.key('9'), [Act::Say(vec![Line::Clip("sorry".into())])]);
        assert_eq!(course.said(), [Act::Say(menu.say.clone())], "the prompt again");
        course.said();
        assert_eq!(gone(&course.late()), Some((MenuEnd::Silent, "hangup".into())));
    }

    /// QE-18: digits end by their number, their key or a pause; fewer than are wanted don't count.
    #[test]
    fn digits_are_collected() {
        let menu = menu(|menu| {
            menu.cut = false;
            menu.collect = Some(Collect { name: "account".into(), least: 2, most: 4, end: '#' });
            (menu.to, menu.otherwise) = (Some(way("queue:a")), Some(way("queue:b")));
            menu.tries = 1;
        });
        let typed = |keys: &str| {
            let mut course = entered(&menu);
            assert!(course.key('7').is_empty(), "what must be heard is not cut");
            course.said();
            let mut acts = Vec::new();
            keys.chars().for_each(|key| acts.extend(if key == ' ' { course.late() } else { course.key(key) }));
            (gone(&acts).map(|(end, _)| end), course.known.get("account").cloned().unwrap_or_default())
        };
        let all = |digits| Some(MenuEnd::Typed { name: "account".into(), digits });
        assert_eq!(typed("1234"), (all(4), "1234".into()));
        assert_eq!(typed("12#"), (all(2), "12".into()));
        assert_eq!(typed("123 "), (all(3), "123".into()));
        assert_eq!(typed("1#").0, Some(MenuEnd::Wrong));
        assert_eq!(typed("1 ").0, Some(MenuEnd::Wrong));
        assert_eq!(typed(" ").0, Some(MenuEnd::Silent));
        assert_eq!(typed("12").0, None);
    }

    /// QE-18: a service's answer sets what it names and picks a branch; one that can't be understood is none, and says why.
    #[test]
    fn an_answer_is_read_strictly() {
        let menu = menu(|menu| {
            menu.say.clear();
            menu.look_up = Some("crm".into());
            menu.answers = [("vip".to_owned(), way("queue:vip"))].into();
            (menu.to, menu.otherwise) = (Some(way("queue:a")), Some(way("queue:b")));
        });
        let answered = |json: Value| {
            let mut course = entered(&menu);
            let acts = course.answered(LookedUp::read(200, &json));
            (gone(&acts).unwrap().1, course)
        };
        let (to, course) = answered(serde_json::json!({
            "branch": "vip", "priority": 7, "skills": { "pt": 3 }, "name": "Ana\r\nSousa", "attributes": { "debt": 12 }
        }));
        assert_eq!((to.as_str(), course.priority, course.skills["pt"]), ("queue:vip", Some(7), 3));
        assert_eq!((course.name.as_deref(), course.known["debt"].as_str()), (Some("AnaSousa"), "12"));
        assert_eq!(answered(Value::Null).0, "queue:a");
        for wrong in [
            serde_json::json!({ "branch": "nowhere", "priority": 9 }),
            serde_json::json!({ "branch": 1 }),
            serde_json::json!({ "agent": "ana", "agent_secs": 0 }),
            serde_json::json!({ "priority": "high" }),
            serde_json::json!({ "skills": { "pt": 11 } }),
            serde_json::json!({ "attributes": { "a": [] } }),
            serde_json::json!([]),
        ] {
            let (to, course) = answered(wrong);
            assert_eq!((to.as_str(), course.priority), ("queue:b", None));
        }
        assert!(LookedUp::read(503, &Value::Null).unwrap_err().contains("503"));
    }

    /// QE-18: who presses on and on comes to an end.
    #[test]
    fn nobody_goes_round_for_ever() {
        let menu = menu(|menu| menu.to = Some(way("menu:a")));
        let mut course = Course::new(Arc::clone(&menu));
        let rounds = (0..1_000).take_while(|_| course.enter(Arc::clone(&menu)).is_some()).count();
        assert_eq!(rounds, usize::from(COURSE_MAX));
    }
}
