//! Ways that lead round through several kinds of places: queues whose chain goes on, menus that nobody presses a key in,
//! numbers that stand for either. Closed or full, they would lead a caller round (`Alarm::Circle` ends what changes of the
//! hour bring about).

use std::collections::BTreeMap;

use super::{Reading, menus::MenuDraft};
use crate::{
    acd::{self, Onward},
    base::way_round,
    engine::Way,
    switch::{Destination, Router},
};

/// Where each place leads who touches no key, both by names like `queue:KEY`.
struct Ways<'a> {
    next: BTreeMap<String, Vec<String>>,
    acd: &'a acd::Settings,
    menus: &'a [MenuDraft],
    router: &'a Router,
}

impl Ways<'_> {
    fn add(&mut self, place: String, to: Vec<&Onward>) {
        for onward in &to {
            if let Onward::Number(number) = onward {
                self.next.insert(onward.to_string(), self.place_of(number).into_iter().collect());
            }
        }
        self.next.insert(place, to.into_iter().map(ToString::to_string).collect());
    }

    /// The queue or menu that a number stands for.
    fn place_of(&self, number: &str) -> Option<String> {
        match self.router.route_out(number)?.destination {
            Destination::Queue(id) => self.acd.queues.get(&id).map(|queue| format!("queue:{}", queue.key)),
            Destination::Menu(id) => {
                self.menus.iter().map(MenuDraft::menu).find(|menu| menu.id == id).map(place_of_menu)
            }
            Destination::User(_)
            | Destination::Group(_)
            | Destination::Trunk(_)
            | Destination::Trunks(_)
            | Destination::Clip(_) => None,
        }
    }

    fn round(&self, start: &str) -> Option<Vec<&str>> {
        let (start, _) = self.next.get_key_value(start)?;
        way_round(start, |at| self.next.get(at).into_iter().flatten().map(String::as_str))
    }
}

fn place_of_menu(menu: &crate::engine::Menu) -> String {
    format!("menu:{}", menu.key)
}

fn leads_through(path: &[&str], kind: &str) -> bool {
    path.iter().any(|at| at.strip_prefix(kind).is_some_and(|rest| rest.starts_with(':')))
}

impl Reading<'_, '_> {
    /// Circles of queues alone are found by `acd`, those of menus alone where menus are checked; here are the others.
    pub(super) fn check_circles(&self, menus: &[MenuDraft], acd: &acd::Settings, router: &Router) {
        let mut ways = Ways { next: BTreeMap::new(), acd, menus, router };
        for queue in acd.queues.values() {
            ways.add(format!("queue:{}", queue.key), queue.overflow.iter().collect());
        }
        for menu in menus.iter().map(MenuDraft::menu) {
            let mut out = Vec::new();
            let mut on = Vec::new();
            for (_, way) in menu.ways_without_key() {
                match way {
                    Way::Out(onward) => out.push(onward),
                    Way::Menu(key) => on.push(format!("menu:{key}")),
                    Way::Stay => {}
                }
            }
            ways.add(place_of_menu(menu), out);
            ways.next.entry(place_of_menu(menu)).or_default().extend(on);
        }
        for draft in menus {
            let path = ways.round(&place_of_menu(draft.menu())).unwrap_or_default();
            if leads_through(&path, "queue") || leads_through(&path, "number") {
                let problem = format!("menu \"{}\" goes round without a key: {}", draft.menu().key, path.join(" → "));
                let hint = "who shall wait on in his queue hears its [queue.voice] menu, which leads back by \"stay\"";
                self.report.fault(draft.mark(), problem, Some(hint.to_owned()));
            }
        }
        for queue in acd.queues.values() {
            let path = ways.round(&format!("queue:{}", queue.key)).unwrap_or_default();
            if leads_through(&path, "number") && !leads_through(&path, "menu") {
                let problem = format!("queue \"{}\": overflow: it loops: {}", queue.key, path.join(" → "));
                let hint = "let the chain end elsewhere: with a user, a menu that takes keys, a clip or \"hangup\"";
                self.report.fault(self.queues.mark_of(&queue.key), problem, Some(hint.to_owned()));
            }
        }
    }
}
