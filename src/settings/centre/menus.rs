//! `[[menu]]`: the shape is the engine's; here is what it may name, and that nobody is led round in it.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{Reading, dump::without_defaults};
use crate::{
    acd::{Onward, UnfitRule},
    base::MenuId,
    engine::{Line, MENUS_MAX, Menu, Way, menus_round, reached},
    settings::{
        fault::{At, Mark},
        near,
        read::Section,
    },
    switch::{Destination, Route},
};

/// A menu and where its keys were written.
pub(super) struct MenuDraft {
    menu: Menu,
    mark: Mark,
    marks: BTreeMap<&'static str, Mark>,
}

impl MenuDraft {
    pub(super) fn menu(&self) -> &Menu {
        &self.menu
    }

    /// Where its name stands.
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    fn mark_of(&self, key: &str) -> Mark {
        self.marks.get(key).copied().unwrap_or(self.mark)
    }
}

const KEYS: [&str; 13] = [
    "say",
    "keys",
    "collect",
    "look_up",
    "answers",
    "key_secs",
    "tries",
    "wrong",
    "silent",
    "to",
    "otherwise",
    "unanswered",
    "skills",
];

impl Reading<'_, '_> {
    pub(super) fn read_menus(&mut self) -> Vec<MenuDraft> {
        let mut drafts = Vec::new();
        for section in self.tables("menu") {
            if let Some(draft) = self.read_menu(section) {
                drafts.push(draft);
            }
        }
        if let Some(draft) = drafts.get(MENUS_MAX) {
            self.report.fault(draft.mark, format!("more than {MENUS_MAX} menus"), None);
        }
        drafts
    }

    fn read_menu(&mut self, mut section: Section<'_>) -> Option<MenuDraft> {
        let key = self.named(&mut section, "menu")?;
        if let Some(mark) = section.mark_of("id") {
            section.fault(mark, format!("menu \"{}\": unknown key \"id\"", key.value), None);
        }
        let marks = KEYS.iter().filter_map(|name| Some((*name, section.mark_of(name)?))).collect();
        let menu: Menu = self.rest(section, "menu")?;
        let id: MenuId = self.menus.add(self.report, &key.value, key.mark)?;
        Some(MenuDraft { menu: Menu { id, key: key.value, ..menu }, mark: key.mark, marks })
    }

    /// After everything that a menu may name.
    pub(super) fn check_menus(&self, drafts: &[MenuDraft], acd: &crate::acd::Settings) {
        let menus: Vec<Menu> = drafts.iter().map(|draft| draft.menu.clone()).collect();
        for draft in drafts {
            let menu = &draft.menu;
            for (key, problem, hint) in menu.faults() {
                let problem = format!("menu \"{}\": {key}: {problem}", menu.key);
                self.report.fault(draft.mark_of(key), problem, Some(hint.to_owned()));
            }
            for line in &menu.say {
                if let Line::Clip(clip) = line {
                    self.check_clip(&At::new(clip.clone(), draft.mark_of("say")), "say");
                }
            }
            for (key, clip) in [("wrong", &menu.wrong), ("silent", &menu.silent)] {
                if let Some(clip) = clip {
                    self.check_clip(&At::new(clip.clone(), draft.mark_of(key)), key);
                }
            }
            if let Some(service) = &menu.look_up {
                let name = At::new(service.clone(), draft.mark_of("look_up"));
                self.services.find(self.report, &name, "look_up");
            }
            for (key, way) in menu.ways() {
                self.check_way(way, draft.mark_of(key), key);
            }
            self.check_skills(draft, acd);
            self.check_skills_in_queues(draft, acd);
            if let Some(path) = menus_round(&menus, &menu.key) {
                let problem = format!("menu \"{}\" goes round without a key: {}", menu.key, path.join(" → "));
                let hint = "let to, answers or otherwise lead out of the circle, at last to a queue or \"hangup\"";
                self.report.fault(draft.mark, problem, Some(hint.to_owned()));
            }
        }
    }

    fn check_way(&self, way: &Way, mark: Mark, what: &str) {
        match way {
            Way::Menu(key) => drop(self.menus.find(self.report, &At::new(key.clone(), mark), what)),
            Way::Out(Onward::Queue(key)) => {
                self.queues.find(self.report, &At::new(key.to_string(), mark), what);
            }
            Way::Out(onward) => self.check_onward(onward, mark, what),
            Way::Stay => {}
        }
    }

    /// Who needs a skill that nobody has waits for nobody.
    fn check_skills(&self, draft: &MenuDraft, acd: &crate::acd::Settings) {
        for (skill, level) in &draft.menu.skills {
            let had = acd.agents.values().flat_map(|agent| agent.skills.keys());
            let best = acd.agents.values().filter_map(|agent| agent.skills.get(skill)).max();
            if let Some(best) = best.filter(|best| *best < level) {
                let problem = format!("menu \"{}\": skills: no agent has {skill} {level}", draft.menu.key);
                let hint = Some(format!("the best has {best}"));
                self.report.fault(draft.mark_of("skills"), problem, hint);
            }
            if best.is_none() {
                let problem = format!("menu \"{}\": skills: no agent has the skill \"{skill}\"", draft.menu.key);
                let hint = near::hint(skill, had.map(String::as_str).collect::<Vec<_>>());
                self.report.fault(draft.mark_of("skills"), problem, hint);
            }
        }
    }

    /// Who needs a skill that somebody has waits in vain where none of the queue's members has it, and it stays needed.
    fn check_skills_in_queues(&self, draft: &MenuDraft, acd: &crate::acd::Settings) {
        let led = |way: &Way| if let Way::Out(Onward::Queue(key)) = way { Some(key.clone()) } else { None };
        let led: BTreeSet<_> = draft.menu.ways().filter_map(|(_, way)| led(way)).collect();
        let by_key = |key: &str| acd.agents.values().find(|agent| agent.key == key);
        for queue in acd.queues.values().filter(|queue| led.iter().any(|key| **key == *queue.key)) {
            if queue.members.is_empty() || queue.unfit.then == UnfitRule::Relax {
                continue;
            }
            let dropped = |skill: &str| queue.rings.iter().any(|ring| ring.drop_skills.contains(skill));
            let members: Vec<_> = queue.members.iter().filter_map(|member| by_key(&member.agent)).collect();
            for (skill, level) in draft.menu.skills.iter().filter(|(skill, _)| !dropped(skill)) {
                let best = members.iter().filter_map(|agent| agent.skills.get(skill)).max();
                let is_there =
                    acd.agents.values().any(|agent| agent.skills.get(skill).is_some_and(|have| have >= level));
                if is_there && best.is_none_or(|best| best < level) {
                    let problem = format!(
                        "menu \"{}\": skills: nobody in queue \"{}\" has {skill} {level}",
                        draft.menu.key, queue.key
                    );
                    let best =
                        best.map_or("none of its members has it".to_owned(), |best| format!("its best has {best}"));
                    let hint = Some(format!(
                        "{best}; a ring with drop_skills, or unfit = {{ then = \"relax\" }}, lets go of it"
                    ));
                    self.report.fault(draft.mark_of("skills"), problem, hint);
                }
            }
        }
    }

    /// Only who waits in a queue can stay there.
    pub(super) fn check_stays(&self, drafts: &[MenuDraft], routes: &[Route], acd: &crate::acd::Settings) {
        let menus: Vec<Menu> = drafts.iter().map(|draft| draft.menu.clone()).collect();
        let dialled = routes.iter().filter_map(|route| match route.destination {
            Destination::Menu(id) => menus.iter().find(|menu| menu.id == id).map(|menu| menu.key.as_str()),
            Destination::User(_)
            | Destination::Group(_)
            | Destination::Trunk(_)
            | Destination::Trunks(_)
            | Destination::Queue(_)
            | Destination::Clip(_) => None,
        });
        // Who was led here out of a queue waits no more, either.
        let led = acd.queues.values().flat_map(|queue| queue.overflow.iter().chain(queue.exit_keys.values()));
        let led = led.filter_map(|to| if let Onward::Menu(key) = to { Some(&**key) } else { None });
        let dialled = reached(&menus, dialled.chain(led));
        for draft in drafts.iter().filter(|draft| dialled.contains(draft.menu.key.as_str())) {
            if let Some((key, _)) = draft.menu.ways().find(|(_, way)| **way == Way::Stay) {
                let problem = format!(
                    "menu \"{}\": {key}: \"stay\" where nobody waits: a number or a queue's chain leads here",
                    draft.menu.key
                );
                let hint = Some(String::from("name a queue, or make a menu of its own for those who wait"));
                self.report.fault(draft.mark_of(key), problem, hint);
            }
        }
    }

    /// The menus that queues have, each known.
    pub(super) fn check_waiting_menu(&self, voice: Option<&String>, mark: Mark) {
        if let Some(key) = voice {
            self.menus.find(self.report, &At::new(key.clone(), mark), "voice.menu");
        }
    }
}

pub(super) fn finished(drafts: Vec<MenuDraft>) -> Vec<Menu> {
    drafts.into_iter().map(|draft| draft.menu).collect()
}

/// The same back.
pub(super) fn table(menu: &Menu) -> Table {
    let mut table = without_defaults(menu, &Menu::default());
    table.remove("id");
    table.insert("key".into(), Value::from(menu.key.as_str()));
    table
}
