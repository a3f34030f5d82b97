//! `[[agent]]`, `[[queue]]`, `[[reason]]` and `[policies]`: the shapes are those of `acd`.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{BUILT_IN_WORD, Reading, people::UserDraft};
use crate::{
    acd::{
        self, AgentSettings, CalendarSettings, DispositionSettings, MemberSettings, Onward, Policies, QueueSettings,
        ReasonSettings, TagSettings,
    },
    base::{ClipId, Number, QueueId},
    engine::{QueueVoice, Spoken, WaitingSound, WatchSettings},
    media::spoken::Language,
    settings::{
        fault::{At, Mark},
        near,
        read::{Marks, Section},
    },
    switch::{Role, Router},
};

/// Where each entry of `acd` was written and what its keys have, for the faults that `acd` itself finds: `agents.ana`,
/// `queues.support.rings`.
type Places = BTreeMap<String, Mark>;

/// While one of these can't be read, what `acd` misses in the others may be just that.
const KINDS: [&str; 7] = ["user", "agent", "queue", "calendar", "reason", "disposition", "tag"];

pub(super) const WAITING_SOUNDS: [(&str, WaitingSound); 4] = [
    ("hold_music", WaitingSound::HoldMusic),
    ("ringback", WaitingSound::Ringback),
    ("ringback_when_offered", WaitingSound::RingbackWhenOffered),
    ("silence", WaitingSound::Silence),
];

impl Reading<'_, '_> {
    pub(super) fn read_acd(&mut self, users: &mut [UserDraft]) -> (acd::Settings, Vec<QueueVoice>) {
        let mut places = Places::new();
        let mut settings = acd::Settings::default();
        self.read_agents(&mut settings, &mut places, users);
        let voices = self.read_queues(&mut settings, &mut places);
        self.read_reasons(&mut settings, &mut places);
        self.read_work(&mut settings, &mut places);
        self.read_calendars(&mut settings, &mut places);
        self.read_policies(&mut settings, &mut places);
        self.hand_over_faults(&settings, &places);
        (settings, voices)
    }

    fn read_agents(&mut self, settings: &mut acd::Settings, places: &mut Places, users: &mut [UserDraft]) {
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        for (index, draft) in users.iter().enumerate() {
            by_name.insert(draft.user.name.as_str().to_owned(), index);
        }
        for mut section in self.tables("agent") {
            let Some(keys) = self.keys(&mut section, "agent") else { continue };
            let marks = section.marks().named_at(keys.mark);
            let Some(form) = self.rest::<AgentSettings>(section, "agent") else { continue };
            for key in keys.value {
                let Some(id) = self.agents.add(self.report, &key, keys.mark) else { continue };
                let user = At::new(form.user.clone().unwrap_or_else(|| key.clone()), keys.mark);
                let found = self.users.find(self.report, &user, "an agent answers with a user's phones");
                if found.is_some()
                    && let Some(draft) = by_name.get(&user.value).and_then(|index| users.get_mut(*index))
                {
                    self.make_agent(draft, &user);
                }
                note(places, &format!("agents.{key}"), &marks);
                settings.agents.insert(id, AgentSettings { key, ..form.clone() });
            }
        }
    }

    fn make_agent(&self, draft: &mut UserDraft, user: &At<String>) {
        if draft.is_agent {
            let problem = format!("user \"{}\" answers for two agents", user.value);
            self.report.fault(user.mark, problem, Some(String::from("give each agent a user of its own")));
        }
        draft.is_agent = true;
        draft.user.role = draft.user.role.max(Role::Agent);
    }

    fn read_queues(&mut self, settings: &mut acd::Settings, places: &mut Places) -> Vec<QueueVoice> {
        let mut voices = Vec::new();
        for mut section in self.tables("queue") {
            let Some(key) = self.named(&mut section, "queue") else { continue };
            let waiting = section.one_of("waiting", &WAITING_SOUNDS);
            let music = section.text("hold_music");
            let caller_id = section.parsed_by("caller_id", "a number such as +351210000001", Number::new);
            let spoken = self.read_spoken(&section);
            let marks = section.marks().named_at(key.mark);
            let Some(form) = self.rest::<QueueSettings>(section, "queue") else { continue };
            let id: Option<QueueId> = self.queues.add(self.report, &key.value, key.mark);
            for clip in &form.announce.periodic {
                self.check_clip(&At::new(clip.clone(), marks.of("announce")), "announce.periodic");
            }
            let music = music.map(|key| (self.clips.find(self.report, &key, "hold_music"), key));
            if let Some(decision) = form.decision.as_ref().filter(|decision| !decision.service.is_empty()) {
                let service = At::new(decision.service.clone(), marks.of("decision"));
                self.services.find(self.report, &service, "decision.service");
            }
            let members = self.members(form.members, marks.of("members"));
            form.overflow.iter().for_each(|to| self.check_onward(to, marks.of("overflow"), "overflow"));
            form.exit_keys.values().for_each(|to| self.check_onward(to, marks.of("exit_keys"), "exit_keys"));
            note(places, &format!("queues.{}", key.value), &marks);
            let Some(id) = id else { continue };
            let waiting = waiting_sound(waiting, music.as_ref().and_then(|(clip, _)| *clip));
            let caller_id = caller_id.map(|at| at.value);
            if waiting.is_some() || caller_id.is_some() || spoken != Spoken::default() {
                voices.push(QueueVoice { queue: id, waiting: waiting.unwrap_or_default(), caller_id, spoken });
            }
            let hold_music = music.map(|(_, key)| key.value);
            settings.queues.insert(id, QueueSettings { key: key.value, members, hold_music, ..form });
        }
        voices.sort_by_key(|voice| voice.queue);
        voices
    }

    /// `[queue.voice]`.
    fn read_spoken(&self, section: &Section<'_>) -> Spoken {
        let mut voice = section.table("voice");
        voice.name_it(String::from("[queue.voice]"));
        let mark = voice.mark();
        let voice_menu = voice.mark_of("menu").unwrap_or(mark);
        let Some(spoken) = voice.whole_as::<Spoken>() else { return Spoken::default() };
        for (what, clip) in
            [("welcome", &spoken.welcome), ("connecting", &spoken.connecting), ("whisper", &spoken.whisper)]
        {
            if let Some(clip) = clip {
                self.check_clip(&At::new(clip.clone(), mark), what);
            }
        }
        self.check_waiting_menu(spoken.menu.as_ref(), voice_menu);
        let is_beginning = |text: &String| {
            let digits = text.strip_prefix('+').unwrap_or(text);
            (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if let Some(wrong) = spoken.languages.keys().find(|text| !is_beginning(text)) {
            let hint = Some(String::from("languages = { \"+34\" = \"es\", \"+351\" = \"pt\" }"));
            section.fault(mark, format!("languages: \"{wrong}\" is not the beginning of a number"), hint);
        }
        spoken
    }

    /// A clip of the centre's, or a sentence that is there in every language.
    pub(super) fn check_clip(&self, key: &At<String>, what: &str) {
        let Some(word) = key.value.strip_prefix(BUILT_IN_WORD) else {
            self.clips.find(self.report, key, what);
            return;
        };
        if Language::ALL.iter().any(|language| language.clip(word).is_none()) {
            let problem = format!("{what}: nothing built in is called \"{word}\" in every language");
            let hint = Some(String::from("built-in:welcome, built-in:thanks or built-in:connecting"));
            self.report.fault(key.mark, problem, hint);
        }
    }

    fn members(&self, forms: Vec<MemberSettings>, mark: Mark) -> Vec<MemberSettings> {
        let mut members = Vec::new();
        for form in forms {
            for name in self.expand_all(&[At::new(form.agent.clone(), mark)]) {
                if self.agents.find(self.report, &name, "members").is_some() {
                    members.push(MemberSettings { agent: name.value, ..form.clone() });
                }
            }
        }
        members
    }

    /// Queues are checked by `acd`, numbers once the routes are known.
    pub(super) fn check_onward(&self, to: &Onward, mark: Mark, what: &str) {
        match to {
            Onward::User(key) => drop(self.users.find(self.report, &At::new(key.to_string(), mark), what)),
            Onward::Group(key) => drop(self.groups.find(self.report, &At::new(key.to_string(), mark), what)),
            Onward::Menu(key) => drop(self.menus.find(self.report, &At::new(key.to_string(), mark), what)),
            Onward::Clip(key) => drop(self.clips.find(self.report, &At::new(key.to_string(), mark), what)),
            Onward::Queue(_) | Onward::Number(_) | Onward::HangUp => {}
        }
        self.onward.borrow_mut().push(At::new(to.clone(), mark));
    }

    /// Numbers that queues lead to must lead somewhere themselves.
    pub(super) fn check_numbers_onward(&self, router: &Router) {
        for At { value, mark } in self.onward.borrow().iter() {
            if let Onward::Number(number) = value
                && router.route_out(number).is_none()
            {
                let hint = Some(String::from("add a [[number]] that it matches, from = \"users\" or \"anyone\""));
                self.report.fault(*mark, format!("no number leads on for \"{number}\""), hint);
            }
        }
    }

    fn read_calendars(&self, settings: &mut acd::Settings, places: &mut Places) {
        for (marks, calendar) in self.listed::<CalendarSettings>("calendar") {
            note(places, &format!("calendars.{}", calendar.key), &marks);
            settings.calendars.push(calendar);
        }
    }

    fn read_reasons(&self, settings: &mut acd::Settings, places: &mut Places) {
        for (marks, reason) in self.listed::<ReasonSettings>("reason") {
            note(places, &format!("reasons.{}", reason.key), &marks);
            settings.reasons.push(reason);
        }
    }

    /// What agents may write of an interaction.
    fn read_work(&self, settings: &mut acd::Settings, places: &mut Places) {
        for (marks, disposition) in self.listed::<DispositionSettings>("disposition") {
            note(places, &format!("dispositions.{}", disposition.key), &marks);
            settings.dispositions.push(disposition);
        }
        for (marks, tag) in self.listed::<TagSettings>("tag") {
            note(places, &format!("tags.{}", tag.key), &marks);
            settings.tags.push(tag);
        }
    }

    /// Every `[[kind]]` that can be read.
    fn listed<T: DeserializeOwned>(&self, kind: &'static str) -> Vec<(Marks, T)> {
        let mut all = Vec::new();
        for mut section in self.tables(kind) {
            section.name_it(format!("[[{kind}]]"));
            let marks = section.marks();
            match section.whole_as() {
                Some(entry) => all.push((marks, entry)),
                None => self.report.spoil(kind),
            }
        }
        all
    }

    fn read_policies(&self, settings: &mut acd::Settings, places: &mut Places) {
        if let Some((marks, policies)) = self.only_table::<Policies>("policies") {
            note(places, "policies", &marks);
            settings.policies = policies;
        }
    }

    /// `[watching]`.
    pub(super) fn read_watching(&self) -> WatchSettings {
        self.only_table("watching").map(|(_, settings)| settings).unwrap_or_default()
    }

    /// A table that stands once in all files.
    fn only_table<T: DeserializeOwned>(&self, key: &'static str) -> Option<(Marks, T)> {
        let mut found: Option<(Marks, Option<T>)> = None;
        for root in self.roots {
            let has = root.has(key);
            let section = root.table(key);
            if !has {
                continue;
            }
            let marks = section.marks();
            if let Some((earlier, _)) = found {
                let hint = Some(format!("the other is at {}", self.report.line_of(earlier.entry)));
                section.fault(marks.entry, format!("[{key}] is given twice"), hint);
            }
            found = Some((marks, section.whole_as::<T>()));
        }
        found.and_then(|(marks, value)| Some((marks, value?)))
    }

    /// What `acd` finds wrong, at the place where it was written.
    fn hand_over_faults(&self, settings: &acd::Settings, places: &Places) {
        if KINDS.iter().any(|kind| self.report.is_spoilt(kind)) {
            return;
        }
        for fault in settings.check() {
            let mut place = fault.place.as_str();
            let mark = loop {
                if let Some(mark) = places.get(place) {
                    break *mark;
                }
                match place.rsplit_once('.') {
                    Some((shorter, _)) => place = shorter,
                    None => break Mark::default(),
                }
            };
            let unknown = fault.unknown.as_ref();
            let hint = unknown.and_then(|(name, known)| near::hint(name, known.iter().map(String::as_str)));
            self.report.fault(mark, fault.to_string(), hint);
        }
    }
}

/// Where an entry is, and each of its keys.
fn note(places: &mut Places, entry: &str, marks: &Marks) {
    places.insert(entry.to_owned(), marks.entry);
    places.extend(marks.keys().map(|(key, mark)| (format!("{entry}.{key}"), mark)));
}

fn waiting_sound(waiting: Option<At<WaitingSound>>, music: Option<ClipId>) -> Option<WaitingSound> {
    match (waiting.map(|at| at.value), music) {
        (Some(WaitingSound::HoldMusic) | None, Some(clip)) => Some(WaitingSound::Clip(clip)),
        (sound, _) => sound,
    }
}

/// A table as one of `acd`'s own types; what serde says becomes a fault with a place.
impl<'a> Section<'a> {
    pub(super) fn rest<T: DeserializeOwned>(self) -> Option<T> {
        let known = self.taken();
        self.deserialize(&known)
    }

    fn whole_as<T: DeserializeOwned>(self) -> Option<T> {
        self.deserialize(&[])
    }
}
