//! Menus (QE-18): what a caller hears and presses before a queue has him, and while he waits in one.
//!
//! `settings` is what a menu is, `course` the pure machine of one caller's way through them, `record` what remains of it.
//! Here the machine's acts become clips, timers, questions and destinations. A caller in a queue hears his menu over the
//! music and keeps his place until it leads out; whoever answers him ends it.

mod behind;
mod course;
mod record;
mod settings;

pub use course::COURSE_MAX;
pub use record::{MenuEnd, MenuStep, STEPS_MAX};
pub use settings::{Collect, LINES_MAX, Line, MENUS_MAX, Menu, TYPED_MAX, Way, menus_round, reached};

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) use self::course::Course;
use self::course::{Act, LookedUp};
use super::{Engine, Said, Unsaid, asking::Asker, drive::Timer, note::Note, told::Purpose};
use crate::{
    acd::{Actor, NeededSkill, Onward},
    base::{AskId, CallId, ClipId, InteractionId, LegId, MenuId, Now, PlayId, Wall},
    media::{Source, spoken},
    switch::{Cause, EndedBy},
};

/// What is said in one go takes no longer: a lost end of it must not leave a caller in silence.
const SAY_TIME_MAX: Duration = Duration::from_secs(330);

/// How soon a queue's menu is tried again when something else is being said.
const AGAIN_TIME: Duration = Duration::from_secs(2);

/// A caller in a menu.
pub(super) struct InMenu {
    course: Course,
    /// He waits in a queue meanwhile.
    waits: Option<InteractionId>,
    since: Wall,
    play: Option<PlayId>,
    ask: Option<AskId>,
}

/// What the journal keeps of a caller in a menu: another process begins that menu again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptMenu {
    menu: String,
    known: BTreeMap<String, String>,
    priority: Option<i32>,
    skills: BTreeMap<String, u8>,
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<(String, u32)>,
}

impl Engine {
    /// A call comes to a menu from outside of them.
    pub(super) fn enter_menu(&mut self, now: Now, call: CallId, menu: MenuId) {
        let Some(menu) = self.directory.menus.get(&menu).cloned() else {
            return self.refuse_call(now, call, Cause::NOT_FOUND);
        };
        self.switch.answer(now, call);
        self.on_transferred(now, call);
        self.begin_course(now, call, Course::new(Arc::clone(&menu)), None);
        self.come_to_menu(now, call, menu);
    }

    fn begin_course(&mut self, now: Now, call: CallId, course: Course, waits: Option<InteractionId>) {
        self.forget_course(call);
        self.in_menus.insert(call, InMenu { course, waits, since: now.wall, play: None, ask: None });
    }

    fn come_to_menu(&mut self, now: Now, call: CallId, menu: Arc<Menu>) {
        let Some(at) = self.in_menus.get_mut(&call) else { return };
        at.since = now.wall;
        let key = menu.key.clone();
        let acts = at.course.enter(menu);
        self.tell_menu(now, call, key);
        self.keep_call_later(now, call);
        self.changed(now, call);
        match acts {
            Some(acts) => self.act_in_menu(now, call, acts),
            None => self.lead_out(now, call, Onward::HangUp),
        }
    }

    /// Into the record: the last step gives way when there is no room.
    fn tell_menu(&mut self, now: Now, call: CallId, menu: String) {
        let at = self.switch.time_in(call, now);
        let Some(note) = self.notes.get_mut(&call) else { return };
        if note.menus.len() >= STEPS_MAX {
            note.menus.pop();
        }
        note.menus.push(MenuStep { at, menu, end: None });
    }

    fn act_in_menu(&mut self, now: Now, call: CallId, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Say(lines) => self.say_in_menu(now, call, &lines),
                Act::Hush => self.hush_menu(call),
                Act::Listen => {
                    let Some(at) = self.in_menus.get(&call) else { return };
                    let time = Duration::from_secs(at.course.menu.key_secs.into());
                    self.timers.set(Timer::MenuLate(call), now.mono + time);
                }
                Act::Ask(service) => self.look_up(now, call, &service),
                Act::Go(end, way) => self.leave_menu(now, call, end, way),
            }
        }
    }

    fn say_in_menu(&mut self, now: Now, call: CallId, lines: &[Line]) {
        let clips = self.menu_clips(call, lines);
        let Some(at) = self.in_menus.get(&call) else { return };
        let source = Source::Sequence(clips);
        let play = match (&source, at.waits, self.switch.caller_leg(call)) {
            (Source::Sequence(clips), ..) if clips.is_empty() => None,
            (_, Some(_), Some(leg)) => self.switch.play_over(leg, source),
            (_, None, Some(_)) => self.switch.play_once(call, source),
            (_, _, None) => None,
        };
        let Some(at) = self.in_menus.get_mut(&call) else { return };
        at.play = play;
        match play {
            Some(play) => {
                self.plays.insert((call, play), Purpose::Menu);
                self.timers.set(Timer::MenuLate(call), now.mono + SAY_TIME_MAX);
            }
            // Nothing of it can be said any more.
            None => {
                let acts = at.course.said();
                self.act_in_menu(now, call, acts);
            }
        }
    }

    /// The clips of what is said, in the caller's language.
    fn menu_clips(&self, call: CallId, lines: &[Line]) -> Vec<ClipId> {
        let (Some(at), Some(sight)) = (self.in_menus.get(&call), self.switch.call(call)) else { return Vec::new() };
        let language = at.course.menu.language_for(sight.shown().number.reveal());
        let value = |name: &String| at.course.known.get(name).map(String::as_str).unwrap_or_default();
        let mut clips = Vec::new();
        for line in lines {
            match line {
                Line::Clip(key) => clips.extend(self.directory.clip_in(key, language)),
                Line::Digits(name) => {
                    let digits = value(name).chars().filter(char::is_ascii_digit);
                    clips.extend(digits.filter_map(|digit| language.clip(digit.encode_utf8(&mut [0; 4]))));
                }
                Line::Number(name) => {
                    let words = value(name).parse().map(|number| spoken::number(language, number)).unwrap_or_default();
                    clips.extend(words.into_iter().filter_map(|word| language.clip(word)));
                }
            }
        }
        clips
    }

    fn hush_menu(&mut self, call: CallId) {
        let Some(at) = self.in_menus.get_mut(&call) else { return };
        let (Some(play), waits) = (at.play.take(), at.waits) else { return };
        self.plays.remove(&(call, play));
        match self.switch.caller_leg(call).filter(|_| waits.is_some()) {
            Some(leg) => self.switch.stop_clip(leg),
            None => self.switch.stop_playing(call),
        }
    }

    fn look_up(&mut self, now: Now, call: CallId, service: &str) {
        let (Some(at), Some(sight)) = (self.in_menus.get(&call), self.switch.call(call)) else { return };
        let waits = at.waits.and_then(|interaction| self.waiting.get(&interaction));
        let queue = waits.and_then(|waiting| self.directory.queue_key(waiting.queue));
        let question = json!({
            "call": call,
            "menu": at.course.menu.key,
            "caller": sight.caller().visible_number().reveal(),
            "dialled": sight.dialled().to_string(),
            "queue": queue,
            "known": at.course.known,
        });
        let asked = self.directory.service_of(service).ok_or(Unsaid::NoService);
        let asked = asked.and_then(|service| self.ask_service(now, service, &question, (Asker::Menu(call), None)));
        match asked {
            Ok(ask) => {
                self.timers.cancel(Timer::MenuLate(call));
                if let Some(at) = self.in_menus.get_mut(&call) {
                    at.ask = Some(ask);
                }
            }
            Err(why) => self.on_looked_up(now, call, Err(why)),
        }
    }

    /// A service has answered, or has not.
    pub(super) fn on_looked_up(&mut self, now: Now, call: CallId, said: Result<Said, Unsaid>) {
        let Some(at) = self.in_menus.get_mut(&call) else { return };
        at.ask = None;
        let answer = match said {
            Ok(said) => LookedUp::read(said.status, &said.json),
            Err(why) => Err(why.to_string()),
        };
        let acts = at.course.answered(answer);
        self.act_in_menu(now, call, acts);
    }

    /// What was being said in a menu is over.
    pub(super) fn on_menu_said(&mut self, now: Now, call: CallId, play: PlayId) {
        let Some(at) = self.in_menus.get_mut(&call).filter(|at| at.play == Some(play)) else { return };
        at.play = None;
        self.timers.cancel(Timer::MenuLate(call));
        let acts = at.course.said();
        self.act_in_menu(now, call, acts);
    }

    /// No key has come in time, or no end of what was said.
    pub(super) fn on_menu_late(&mut self, now: Now, call: CallId) {
        let Some(at) = self.in_menus.get_mut(&call) else { return };
        let acts = match at.play {
            Some(_) => {
                self.hush_menu(call);
                self.in_menus.get_mut(&call).map(|at| at.course.said()).unwrap_or_default()
            }
            None => at.course.late(),
        };
        self.act_in_menu(now, call, acts);
    }

    /// A key of who may be in a menu. True: it was for that.
    pub(super) fn on_menu_key(&mut self, now: Now, call: CallId, leg: LegId, key: char) -> bool {
        if self.switch.caller_leg(call) != Some(leg) {
            return false;
        }
        let Some(at) = self.in_menus.get_mut(&call) else { return false };
        let acts = at.course.key(key);
        self.act_in_menu(now, call, acts);
        true
    }

    /// A menu has led on.
    fn leave_menu(&mut self, now: Now, call: CallId, end: MenuEnd, way: Way) {
        self.timers.cancel(Timer::MenuLate(call));
        if let Some(step) = self.notes.get_mut(&call).and_then(|note| note.menus.last_mut()) {
            step.end = Some((end, way.clone()));
        }
        match way {
            Way::Menu(key) => match self.directory.menu_of(&key) {
                Some(menu) => self.come_to_menu(now, call, menu),
                None => self.lead_out(now, call, Onward::HangUp),
            },
            Way::Out(to) => self.lead_out(now, call, to),
            Way::Stay => self.stay(now, call),
        }
    }

    /// Out of the menus, and out of the queue if he waits in one.
    fn lead_out(&mut self, now: Now, call: CallId, to: Onward) {
        let Some(at) = self.in_menus.get(&call) else { return };
        let (waits, key) = (at.waits, at.course.last_key);
        self.remember_menu(call, &to);
        let Some(interaction) = waits else {
            self.take_over(call);
            self.forget_course(call);
            self.keep_call_later(now, call);
            return self.lead_to(now, call, &to);
        };
        let queue = self.waiting.get(&interaction).and_then(|waiting| self.directory.queue_key(waiting.queue));
        if queue.is_some_and(|queue| to == Onward::Queue(queue.into())) {
            return self.stay(now, call);
        }
        self.take_over(call);
        self.forget_course(call);
        self.want(now, call, interaction);
        self.acd.leave_by_choice(now, interaction, key, to);
    }

    /// He waits on in the queue, with what the menu has found out; it comes again after the queue's pause.
    fn stay(&mut self, now: Now, call: CallId) {
        let Some(interaction) = self.in_menus.get(&call).and_then(|at| at.waits) else {
            self.forget_course(call);
            return self.switch.end_call(now, call, Cause::NORMAL, EndedBy::Switch);
        };
        self.take_over(call);
        self.forget_course(call);
        self.want(now, call, interaction);
        let every = self.waiting.get(&interaction).map(|waiting| self.directory.spoken(waiting.queue).menu_every_secs);
        if let Some(every) = every.filter(|every| *every > 0) {
            self.timers.set(Timer::MenuDue(call), now.mono + Duration::from_secs(every.into()));
        }
        self.changed(now, call);
    }

    /// What the menus have found out, into the call.
    fn take_over(&mut self, call: CallId) {
        let (Some(at), Some(note)) = (self.in_menus.get(&call), self.notes.get_mut(&call)) else { return };
        note.priority = at.course.priority.or(note.priority);
        note.owner = at.course.owner.clone().or(note.owner.take());
        let needed = |(skill, level): (&String, &u8)| NeededSkill { skill: skill.clone(), level: *level };
        note.skills.retain(|it| !at.course.skills.contains_key(&it.skill));
        note.skills.extend(at.course.skills.iter().map(needed));
        if let Some(name) = at.course.name.clone() {
            self.switch.name_caller(call, name);
        }
    }

    /// And into its place in the queue.
    fn want(&mut self, now: Now, call: CallId, interaction: InteractionId) {
        let Some(note) = self.notes.get(&call) else { return };
        let (priority, skills) = (note.priority, note.skills.clone());
        if let Some(waiting) = self.waiting.get_mut(&interaction) {
            waiting.priority = priority.unwrap_or(waiting.priority);
        }
        if let Some(priority) = priority {
            // One who is being connected wants nothing any more.
            let _ = self.acd.reprioritise(now, interaction, priority, Actor::System);
        }
        if !skills.is_empty() {
            self.acd.require(now, interaction, skills);
        }
    }

    /// Somebody waits in a queue that has a menu.
    pub(super) fn await_menu(&mut self, now: Now, call: CallId, interaction: InteractionId) {
        let Some(waiting) = self.waiting.get(&interaction) else { return };
        let spoken = self.directory.spoken(waiting.queue);
        if spoken.menu.is_some() {
            let first = Duration::from_secs(spoken.menu_first_secs.into());
            self.timers.set(Timer::MenuDue(call), now.mono + first);
        }
    }

    /// The menu of the queue in which a call waits, if it can be offered now.
    fn waiting_menu(&self, call: CallId) -> Option<(InteractionId, Option<Arc<Menu>>)> {
        let note = self.notes.get(&call).filter(|note| !note.connected)?;
        let interaction = note.interaction?;
        let queue = self.waiting.get(&interaction)?.queue;
        let menu = self.directory.menu_of(self.directory.spoken(queue).menu.as_deref()?)?;
        Some((interaction, Some(menu).filter(|_| note.engagement.is_none())))
    }

    /// It is time for the menu of a queue.
    pub(super) fn on_menu_due(&mut self, now: Now, call: CallId) {
        let Some((interaction, menu)) = self.waiting_menu(call) else { return };
        let of_call = (call, PlayId(0))..=(call, PlayId(u64::MAX));
        let is_told = self.plays.range(of_call).next().is_some();
        match menu.filter(|_| !is_told && !self.in_menus.contains_key(&call)) {
            Some(menu) => {
                self.begin_course(now, call, Course::new(Arc::clone(&menu)), Some(interaction));
                self.come_to_menu(now, call, menu);
            }
            None => self.timers.set(Timer::MenuDue(call), now.mono + AGAIN_TIME),
        }
    }

    /// A key of somebody who waits: his queue's menu holds while it is not said, too.
    pub(super) fn press_waiting_menu(&mut self, now: Now, call: CallId, key: char) {
        let Some((interaction, Some(menu))) = self.waiting_menu(call) else { return };
        if !menu.keys.contains_key(key.encode_utf8(&mut [0; 4])) {
            return;
        }
        self.tell_menu(now, call, menu.key.clone());
        let mut course = Course::new(Arc::clone(&menu));
        let acts = course.press_at_once(menu, key);
        self.begin_course(now, call, course, Some(interaction));
        self.act_in_menu(now, call, acts);
    }

    /// Whether a caller hears his menu: nothing else is said meanwhile.
    pub(super) fn is_in_menu(&self, call: CallId) -> bool {
        self.in_menus.contains_key(&call)
    }

    /// He is in no menu any more, wherever he is.
    pub(super) fn forget_course(&mut self, call: CallId) {
        self.hush_menu(call);
        let Some(at) = self.in_menus.remove(&call) else { return };
        self.timers.cancel(Timer::MenuLate(call));
        if let Some(ask) = at.ask {
            self.forget_ask(ask);
        }
    }

    /// The call is over.
    pub(super) fn forget_menus(&mut self, call: CallId) {
        self.forget_course(call);
        self.timers.cancel(Timer::MenuDue(call));
    }

    /// The menu, and since when, for pages.
    pub(super) fn menu_view(&self, call: CallId) -> Option<(String, Wall)> {
        self.in_menus.get(&call).map(|at| (at.course.menu.key.clone(), at.since))
    }

    /// For the journal. Who waits in a queue is kept as that.
    pub(super) fn kept_menu(&self, call: CallId) -> Option<KeptMenu> {
        let Course { menu, known, priority, skills, name, owner, .. } =
            &self.in_menus.get(&call).filter(|at| at.waits.is_none())?.course;
        Some(KeptMenu {
            menu: menu.key.clone(),
            known: known.clone(),
            priority: *priority,
            skills: skills.clone(),
            name: name.clone(),
            owner: owner.clone(),
        })
    }

    /// A caller of the last process hears his menu from its beginning. False: the settings have it no more.
    pub(super) fn resume_menu(&mut self, now: Now, call: CallId, kept: KeptMenu) -> bool {
        let Some(menu) = self.directory.menu_of(&kept.menu) else { return false };
        let mut course = Course::new(Arc::clone(&menu));
        (course.known, course.priority, course.skills, course.name) =
            (kept.known, kept.priority, kept.skills, kept.name);
        course.owner = kept.owner;
        // It goes on where it stood: that is one step of the record.
        if let Some(note) = self.notes.get_mut(&call) {
            note.menus.pop_if(|step| step.end.is_none());
        }
        self.begin_course(now, call, course, None);
        self.come_to_menu(now, call, menu);
        true
    }
}

impl Note {
    /// What the menus wanted of a queue.
    pub(super) fn wanted(&self) -> (i32, Vec<NeededSkill>) {
        (self.priority.unwrap_or(0), self.skills.clone())
    }
}
