//! Devices in whose place another may have registered: one phone that restarted behind a new port, or two on one host? The
//! older is asked, and rung like any other meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Engine, drive::Timer};
use crate::{
    base::{FlowId, LegId, Now, UserId, Wall},
    sip::{TransactionId, registrar::Binding},
};

/// Devices asked at once. The others wait for the next round of questions to silent devices.
const ASKED_MAX: usize = 1_000;

/// Who has been asked and has not answered yet.
#[derive(Default)]
pub(super) struct Contests {
    asked: BTreeMap<TransactionId, Contest>,
}

struct Contest {
    aor: Box<str>,
    contact: Box<str>,
    flow: Option<FlowId>,
    /// When it began: a later one is another.
    since: Wall,
}

impl Engine {
    /// Asks a contested device whether it is still there, unless too many are asked already. One to which no way leads that
    /// may be used is gone.
    pub(super) fn ask_contested(&mut self, now: Now, binding: &Binding) {
        let Some(since) = binding.contested else { return };
        if self.contests.asked.len() >= ASKED_MAX {
            return self.watch_the_silent(now);
        }
        let (aor, contact, flow) = (binding.aor.clone(), binding.contact.clone(), binding.path.flow);
        let contest = Contest { aor, contact, flow, since };
        match self.send_options(now, binding) {
            Some(asked) => {
                self.contests.asked.insert(asked, contest);
                self.timers.set(Timer::ContestLate(asked), now.mono + self.settings.times.device_dead_time);
            }
            None => self.end_contest(now, &contest, false),
        }
    }

    /// Whose turn has not come yet.
    pub(super) fn ask_the_contested(&mut self, now: Now) {
        let asked: BTreeSet<(&str, &str)> =
            self.contests.asked.values().map(|contest| (&*contest.aor, &*contest.contact)).collect();
        let waits = |of: &&Arc<Binding>| of.contested.is_some() && !asked.contains(&(&*of.aor, &*of.contact));
        // One more than can be asked, so that there is another round.
        let mut waiting: Vec<Arc<Binding>> = self.registrar.all().filter(waits).take(ASKED_MAX + 1).cloned().collect();
        waiting.sort_by(|one, other| (&one.aor, &one.contact).cmp(&(&other.aor, &other.contact)));
        for binding in waiting {
            self.ask_contested(now, &binding);
        }
    }

    /// Any answer shows that it is another device, but the one that says that its connection is gone. False: it was asked
    /// something else.
    pub(super) fn on_contest_answer(&mut self, now: Now, asked: TransactionId, heard: Option<u16>) -> bool {
        let Some(contest) = self.contests.asked.remove(&asked) else { return false };
        self.timers.cancel(Timer::ContestLate(asked));
        self.end_contest(now, &contest, heard.is_some_and(|status| status != 430));
        true
    }

    pub(super) fn on_contest_late(&mut self, now: Now, asked: TransactionId) {
        if let Some(contest) = self.contests.asked.remove(&asked) {
            self.end_contest(now, &contest, false);
        }
    }

    /// A phone that rings is there, whatever it makes of OPTIONS.
    pub(super) fn on_phone_rings(&mut self, now: Now, user: UserId, leg: LegId) {
        let Some(contact) = self.switch.called_at(leg) else { return };
        let name = self.directory.users.get(&user).map_or("", |user| user.name.as_str());
        let heard = |binding: &&Binding| binding.contested.is_some() && &*binding.contact == contact;
        let heard: Vec<Binding> = self.registrar.bindings(name).into_iter().filter(heard).cloned().collect();
        for Binding { aor, contact, path, contested, .. } in heard {
            let Some(since) = contested else { continue };
            self.end_contest(now, &Contest { aor, contact, flow: path.flow, since }, true);
        }
    }

    fn end_contest(&mut self, now: Now, contest: &Contest, lives: bool) {
        let change = self.registrar.end_contest((&contest.aor, &contest.contact, contest.flow), contest.since, lives);
        self.on_bindings(now, change.into_iter().collect());
    }
}
