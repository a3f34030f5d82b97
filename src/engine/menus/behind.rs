//! Behind a menu: whom it led to somebody who does not answer goes on where that menu says.

use super::{MenuEnd, MenuStep, STEPS_MAX, Way};
use crate::{
    acd::Onward,
    base::{CallId, Now},
    engine::Engine,
};

impl Engine {
    /// A menu leads a caller to somebody who is rung.
    pub(super) fn remember_menu(&mut self, call: CallId, to: &Onward) {
        let rings = matches!(to, Onward::User(_) | Onward::Group(_) | Onward::Number(_));
        let course = self.in_menus.get(&call).map(|at| &at.course).filter(|course| course.menu.unanswered.is_some());
        let course = course.filter(|_| rings).cloned();
        if let Some(note) = self.notes.get_mut(&call) {
            note.behind = course.map(Box::new);
        }
    }

    /// Nobody answered there. False: no menu says where it goes on.
    pub(in crate::engine) fn go_on_behind_menu(&mut self, now: Now, call: CallId) -> bool {
        let at = self.switch.time_in(call, now);
        let Some(note) = self.notes.get_mut(&call) else { return false };
        let Some(course) = note.behind.take() else { return false };
        let Some(way) = course.menu.unanswered.clone() else { return false };
        if note.menus.len() >= STEPS_MAX {
            note.menus.pop();
        }
        let end = Some((MenuEnd::NobodyAnswered, way.clone()));
        note.menus.push(MenuStep { at, menu: course.menu.key.clone(), end });
        match way {
            Way::Menu(key) => {
                let Some(menu) = self.directory.menu_of(&key) else { return false };
                self.begin_course(now, call, *course, None);
                self.come_to_menu(now, call, menu);
            }
            Way::Out(to) => self.lead_to(now, call, &to),
            // Refused when the settings were read: nobody waits in a queue any more.
            Way::Stay => return false,
        }
        true
    }
}
