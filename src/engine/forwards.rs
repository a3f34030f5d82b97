//! Redirections (RFC 3261 8.1.3.4, CH-15): a phone or a carrier answers 302, and the call goes where that leads, if whoever
//! said so could have dialled it.

use super::{Engine, identity::internal_name};
use crate::{
    base::{CallId, Now, TrunkId},
    sip::Transport,
    switch::{Cause, Destination, LegParty, Moved, escape_user},
    wire::sip::Uri,
};

/// Redirections of one call; the next is not followed. Phones that point at each other stop here.
const FORWARDS_MAX: u8 = 5;

impl Engine {
    /// Follows a redirection to the first of its contacts that leads somewhere. False when none does.
    pub(super) fn follow(&mut self, now: Now, call: CallId, moved: Moved) -> bool {
        if let Some(note) = self.notes.get_mut(&call) {
            note.elsewhere = Some(moved);
        }
        self.follow_next(now, call)
    }

    /// The call was not put through where a redirection led: its next contact, unless somebody was reached there.
    pub(super) fn follow_elsewhere(&mut self, now: Now, call: CallId, cause: Cause) -> bool {
        matches!(cause.sip, 408 | 430 | 480 | 500..=599) && self.follow_next(now, call)
    }

    fn follow_next(&mut self, now: Now, call: CallId) -> bool {
        let Some(note) = self.notes.get_mut(&call).filter(|note| note.forwards < FORWARDS_MAX) else { return false };
        let Some(mut moved) = note.elsewhere.take() else { return false };
        note.forwards += 1;
        while !moved.to.is_empty() {
            let to = moved.to.remove(0);
            if let Some(note) = self.notes.get_mut(&call) {
                note.elsewhere = Some(moved.clone());
            }
            if self.follow_to(now, call, moved.by, &to) {
                return true;
            }
        }
        false
    }

    fn follow_to(&mut self, now: Now, call: CallId, by: LegParty, to: &str) -> bool {
        let Ok(uri) = Uri::parse(to) else { return false };
        let number = uri.user_decoded();
        match by {
            LegParty::User(user) => {
                if !uri.scheme.eq_ignore_ascii_case("tel") && !self.is_ours_to(user, &uri) {
                    return false;
                }
                let Some(routed) = self.route_dialled(by, &number) else { return false };
                if !self.is_allowed(by, &routed) {
                    return false;
                }
                // Back to himself would only be redirected again.
                if routed.destination == Destination::User(user) {
                    return false;
                }
                if let Some(note) = self.notes.get_mut(&call) {
                    note.forwarded_by = Some(user);
                }
                self.switch.tell_forwarded(now, call);
                self.direct_to(now, call, routed);
                true
            }
            LegParty::Trunk(trunk) if self.is_at(trunk, &uri) => {
                let Some(dialled) = self.read_dialled(by, &number) else { return false };
                self.ring_trunk(now, call, trunk, dialled.number.into());
                true
            }
            LegParty::Trunk(_) => false,
        }
    }

    /// Whether a carrier's redirection stays with that carrier: our calls go to nobody whom we don't know.
    fn is_at(&self, trunk: TrunkId, uri: &Uri<'_>) -> bool {
        let destination = self.directory.trunks.get(&trunk).and_then(|trunk| trunk.destination.as_ref());
        destination.is_some_and(|destination| {
            let host = uri.host.to_string();
            let known = host.trim_matches(['[', ']']).eq_ignore_ascii_case(destination.host.trim_matches(['[', ']']));
            let default = destination.transport.unwrap_or(Transport::Udp).default_port();
            known && uri.port.unwrap_or(default) == destination.port.unwrap_or(default)
        })
    }

    /// The value of Diversion for whom is rung after a redirection (RFC 5806).
    pub(super) fn diverted_by(&self, call: CallId) -> Option<String> {
        let user = self.notes.get(&call)?.forwarded_by?;
        let user = self.directory.users.get(&user)?;
        let name = internal_name(user);
        Some(format!("<sip:{}@{}>;reason=unconditional", escape_user(name), self.settings.realm))
    }
}
