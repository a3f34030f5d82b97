//! What is dialled, in the words of whoever dials it, and whether he may (TK-07, SW-20).

use std::time::Duration;

use super::{Alarm, Engine};
use crate::{
    base::{CallId, Dialled, FastMap, Instant, Now, UserId},
    switch::{Destination, LegParty, Routed},
    wire::sip::Message,
};

/// The time in which a class counts the calls of each of its users.
const BUDGET_TIME: Duration = Duration::from_secs(3_600);

/// Outside calls of users whose class bounds them: when the hour began, and how many since. One entry a user at most.
#[derive(Default)]
pub(super) struct Budgets(FastMap<UserId, (Instant, u32)>);

impl Budgets {
    /// One more call. False: that would be one too many.
    fn spend(&mut self, now: Instant, user: UserId, most: u32) -> bool {
        let (began, count) = self.0.entry(user).or_insert((now, 0));
        if now.since(*began) >= BUDGET_TIME {
            (*began, *count) = (now, 0);
        }
        let room = *count < most;
        *count += u32::from(room);
        room
    }

    /// Users who are gone from the settings are forgotten.
    pub fn keep(&mut self, is_there: impl Fn(&UserId) -> bool) {
        self.0.retain(|user, _| is_there(user));
    }
}

/// What somebody dialled.
pub(super) struct Read {
    pub number: Dialled,
    /// He asked to be hidden, or shown, for this call.
    pub hides: Option<bool>,
}

impl Engine {
    /// A dialled user part as a number of ours, where the dialler's rules know it. `None` when nobody could dial that.
    pub(super) fn read_dialled(&self, by: LegParty, text: &str) -> Option<Read> {
        // Parameters of a number (RFC 3966) are not dialled.
        let text = text.split(';').next().unwrap_or_default();
        let (number, hides) = match by {
            LegParty::User(_) => self.directory.dial_plan.read(text),
            LegParty::Trunk(trunk) => match self.directory.trunks.get(&trunk) {
                Some(trunk) => (trunk.numbering.called_in(text), None),
                None => (text.into(), None),
            },
        };
        Some(Read { number: Dialled::new(&number)?, hides })
    }

    /// Where what somebody dialled leads him, inside a call that is going on: a transfer, a redirection.
    pub(super) fn route_dialled(&self, by: LegParty, text: &str) -> Option<Routed> {
        let read = self.read_dialled(by, text)?;
        self.directory.router.route(by, read.number.as_str())
    }

    /// Whether somebody may be led there at all (SW-20). Inside the house everybody may; outside, deny lists and his class
    /// decide.
    pub(super) fn is_allowed(&self, by: LegParty, routed: &Routed) -> bool {
        if !leaves(routed) || self.is_for_help(routed) {
            return true;
        }
        let plan = &self.directory.dial_plan;
        let class = match by {
            LegParty::User(user) => self.directory.users.get(&user).and_then(|user| user.class),
            LegParty::Trunk(_) => None,
        };
        let class = class.and_then(|class| plan.class(class));
        !plan.is_barred(&routed.number) && class.is_none_or(|class| plan.class_allows(class, &routed.number))
    }

    /// The same at the moment when the call leaves: it counts against who has the say in it.
    pub(super) fn may_leave(&mut self, now: Now, call: CallId, routed: &Routed) -> bool {
        let Some(by) = self.rights(call) else { return false };
        if !self.is_allowed(by, routed) {
            return false;
        }
        let (LegParty::User(id), false) = (by, self.is_urgent(call)) else { return true };
        let Some(user) = self.directory.users.get(&id) else { return true };
        let class = user.class.and_then(|class| self.directory.dial_plan.class(class));
        let Some(most) = class.and_then(|class| class.calls_per_hour) else { return true };
        let name = user.name.to_string();
        let room = !leaves(routed) || self.budgets.spend(now.mono, id, most);
        if !room {
            self.alarm(now, Alarm::DialledTooMuch { user: name });
        }
        room
    }

    /// Whether the class of who calls bounds how often he is led outside.
    pub(super) fn is_counted(&self, by: LegParty, routed: &Routed) -> bool {
        let LegParty::User(user) = by else { return false };
        let class = self.directory.users.get(&user).and_then(|user| user.class);
        let class = class.and_then(|class| self.directory.dial_plan.class(class));
        leaves(routed) && class.is_some_and(|class| class.calls_per_hour.is_some())
    }

    /// Whether somebody is led to help outside.
    pub(super) fn is_for_help(&self, routed: &Routed) -> bool {
        leaves(routed) && self.directory.dial_plan.is_emergency(&routed.number)
    }

    /// Whether a call is one for help: no limit stands in its way.
    pub(super) fn is_urgent(&self, call: CallId) -> bool {
        self.notes.get(&call).is_some_and(|note| note.urgent)
    }

    /// Whether an INVITE asks for help, by whoever sends it. What it may do is for others to judge.
    pub(super) fn asks_for_help(&self, request: &Message) -> bool {
        let plan = &self.directory.dial_plan;
        !plan.emergency.is_empty()
            && request.request_uri().is_ok_and(|uri| plan.is_emergency(&plan.read(&uri.user_decoded()).0))
    }
}

/// Whether somebody is led out of the house.
fn leaves(routed: &Routed) -> bool {
    matches!(routed.destination, Destination::Trunk(_) | Destination::Trunks(_))
}
