//! Who is shown as calling, to whom (TK-08): RFC 3323, RFC 3325, and what is told of forwards and transfers.

use super::{Engine, sip_in::Identity};
use crate::{
    base::{CallId, Dialled, Number, Private, TrunkId, UserId},
    sip::Headers,
    switch::{
        ANONYMOUS, Asserts, Caller, CallerIdRule, IdentityHeader, LegParty, Presentation, Target, Trunk, User,
        escape_user,
    },
    wire::sip::{Message, Name, NameAddr},
};

/// Characters of a caller's name that are kept. Phones show about thirty; the rest is only a way to fill our memory.
const DISPLAY_MAX: usize = 64;

impl Engine {
    /// Who calls, as far as it is believed. `hides`: what the caller dialled for it; `None` when he dialled nothing.
    pub(super) fn caller(&self, identity: &Identity, request: &Message, hides: Option<bool>) -> (LegParty, Caller) {
        match identity {
            // What a phone says of itself in P-Asserted-Identity or P-Preferred-Identity is not asked: it is known.
            Identity::User(id) => {
                let hidden = hides.unwrap_or_else(|| asks_to_hide(request));
                (LegParty::User(*id), self.shown_user(*id, hidden))
            }
            Identity::Trunk(id) => (LegParty::Trunk(*id), self.caller_of_trunk(*id, request)),
        }
    }

    fn caller_of_trunk(&self, id: TrunkId, request: &Message) -> Caller {
        let trunk = self.directory.trunks.get(&id);
        let asserted = trunk.filter(|trunk| trunk.identity.trusted).and_then(|_| asserted(request));
        let from = request.from().ok().filter(|from| !is_anonymous(from));
        let hidden = match privacy(request) {
            Privacy::Asked => true,
            Privacy::Declined => asserted.is_none() && from.is_none(),
            Privacy::Unsaid => from.is_none(),
        };
        let shown = asserted.as_ref().or(from.as_ref());
        let number = shown.map(|party| party.uri.user_decoded()).unwrap_or_default();
        let number = number.split(';').next().unwrap_or_default();
        let number = trunk.map_or_else(|| number.into(), |trunk| trunk.numbering.caller_in(number));
        let is_believed = trunk.is_some_and(|trunk| trunk.identity.trusted);
        let number = Dialled::new(&number).map(String::from);
        // What would be read as a colleague's address is nobody's: outside he has a number.
        let number = number.filter(|number| is_believed || self.directory.router.user(number).is_none());
        let number = number.unwrap_or_else(|| ANONYMOUS.to_owned());
        let display = shown.and_then(|party| party.display.as_deref()).map(readable).filter(|name| !name.is_empty());
        Caller { display, number: Private::new(number), hidden, looked_up: None }
    }

    /// A user as he is shown to others.
    pub(super) fn shown_user(&self, user: UserId, hidden: bool) -> Caller {
        let user = self.directory.users.get(&user);
        let name = user.map_or("", |user| internal_name(user));
        let display = user.map(|user| user.display.reveal().clone()).filter(|display| !display.is_empty());
        Caller { display, number: Private::new(name.to_owned()), hidden, looked_up: None }
    }

    /// What a trunk sees of who calls: the number of the route, of the trunk, of the queue that the call comes from, of
    /// the user by whose rights it leaves, or the caller's own; the first that there is.
    pub(super) fn presentation(&self, call: CallId, trunk: &Trunk) -> Presentation {
        let note = self.notes.get(&call);
        let user = match self.rights(call) {
            Some(LegParty::User(user)) => self.directory.users.get(&user),
            Some(LegParty::Trunk(_)) | None => None,
        };
        let calls_himself = self
            .switch
            .call(call)
            .is_some_and(|sight| user.is_some_and(|user| sight.party() == LegParty::User(user.id)));
        // Whoever is told of the forwarding sees the caller; anyone else would take him for a forgery.
        let forwarding = trunk.identity.forwarding;
        let stands_in = calls_himself || !(forwarding.diversion || forwarding.history);
        let of_user = || user.filter(|_| stands_in).and_then(|user| user.number.as_ref());
        let of_trunk = match &trunk.caller_id {
            CallerIdRule::Pass => None,
            CallerIdRule::Fixed(number) => Some(number),
        };
        let of_queue =
            || note.and_then(|note| note.behind_queue()).and_then(|queue| self.directory.queue_number(queue));
        let chosen = note.and_then(|note| note.caller_id.as_ref()).or(of_trunk).or_else(of_queue).or_else(of_user);
        let own = || self.switch.call(call).map(|sight| sight.shown().number.reveal().as_str());
        let number = chosen.map(Number::as_str).or_else(own);
        let says_otherwise = note.is_some_and(|note| note.shows_number);
        let hidden = user.is_some_and(|user| user.hides_number) && !says_otherwise && !self.is_urgent(call);
        presented(trunk, number, hidden)
    }

    /// The same for somebody whom a user brings into a call: it is the user who calls.
    pub(super) fn presentation_of(&self, by: UserId, trunk: &Trunk) -> Presentation {
        let user = self.directory.users.get(&by);
        let of_trunk = match &trunk.caller_id {
            CallerIdRule::Pass => None,
            CallerIdRule::Fixed(number) => Some(number),
        };
        let number = of_trunk.or_else(|| user.and_then(|user| user.number.as_ref()));
        presented(trunk, number.map(Number::as_str), user.is_some_and(|user| user.hides_number))
    }

    /// What a trunk is told of who sent the call there (RFC 5806, RFC 7044, RFC 3892): a number of ours that the outside
    /// knows, or nothing.
    pub(super) fn forwarding_headers(&self, call: CallId, trunk: &Trunk, target: &Target) -> Headers {
        let mut headers = Headers::new();
        let wanted = trunk.identity.forwarding;
        let Some(note) = self.notes.get(&call) else { return headers };
        let referred = note.transfer.as_ref().map(|transfer| transfer.user);
        let Some(by) = note.forwarded_by.or(referred).and_then(|user| self.directory.users.get(&user)) else {
            return headers;
        };
        let fixed = match &trunk.caller_id {
            CallerIdRule::Pass => None,
            CallerIdRule::Fixed(number) => Some(number),
        };
        let Some(number) = by.number.as_ref().or(fixed) else { return headers };
        let number = trunk.numbering.caller_out(number.as_str());
        let uri = format!("sip:{}@{}", escape_user(&number), target.domain);
        let forwarded = note.forwarded_by.is_some();
        if wanted.diversion {
            let reason = if forwarded { "unconditional" } else { "unknown" };
            let privacy = if by.hides_number { "full" } else { "off" };
            let value = format!("<{uri}>;reason={reason};counter={};privacy={privacy}", note.forwards.max(1));
            headers.push(("Diversion".into(), value));
        }
        if wanted.history {
            let privacy = if by.hides_number { "?Privacy=history" } else { "" };
            let cause = if forwarded { ";cause=302" } else { "" };
            let to = format!("sip:{}@{}{cause}", escape_user(target.address.reveal()), target.domain);
            headers.push(("History-Info".into(), format!("<{uri}{privacy}>;index=1, <{to}>;index=1.1;mp=1")));
        }
        if wanted.referred_by && referred.is_some() && !by.hides_number {
            headers.push(("Referred-By".into(), format!("<{uri}>")));
        }
        headers
    }
}

/// What a trunk sees of a number, told in its own way.
pub(super) fn presented(trunk: &Trunk, number: Option<&str>, hidden: bool) -> Presentation {
    let identity = &trunk.identity;
    let asserts = match (identity.told_in, identity.trusted) {
        (IdentityHeader::Asserted, false) => Asserts::Never,
        // Whoever asks for the other two is told in confidence by that.
        (IdentityHeader::Asserted, true) | (IdentityHeader::Preferred | IdentityHeader::RemoteParty, _) => {
            Asserts::Always
        }
    };
    Presentation {
        number: number.map(|number| trunk.numbering.caller_out(number).into_owned()),
        hidden,
        withholds_name: !identity.passes_names,
        asserts,
        told_in: identity.told_in,
        from_user: identity.from.user.clone(),
    }
}

/// The name by which colleagues know a user.
pub(super) fn internal_name(user: &User) -> &str {
    user.extension.as_ref().unwrap_or(&user.name).as_str()
}

/// Whom a trusted peer vouches for: the first identity that names somebody (RFC 3325 9.1); what it would only prefer
/// counts where it asserts nothing, and the older Remote-Party-ID where it does neither.
fn asserted(request: &Message) -> Option<NameAddr<'_>> {
    let of = |name| request.list(name).filter_map(|value| NameAddr::parse(value).ok());
    let all = of(Name::PAssertedIdentity).chain(of(Name::PPreferredIdentity)).chain(remote_parties(request));
    let mut named = all.filter(|party| !is_anonymous(party));
    named.find(|party| party.uri.user.is_some_and(|user| !user.is_empty()))
}

/// The calling side in Remote-Party-ID.
fn remote_parties(request: &Message) -> impl Iterator<Item = NameAddr<'_>> {
    let all = request.list(Name::RemotePartyId).filter_map(|value| NameAddr::parse(value).ok());
    all.filter(|party| party.params.value("party").is_none_or(|side| side.eq_ignore_ascii_case("calling")))
}

/// What the caller says of his privacy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Privacy {
    Asked,
    /// `none`: not even where it would be the rule.
    Declined,
    Unsaid,
}

/// RFC 3323 4.2, RFC 3325 9.3. The switch stands between all headers, so that `header` and `session` are always met.
fn privacy(request: &Message) -> Privacy {
    let values = request.headers(Name::Privacy).flat_map(|line| line.split(';'));
    let mut told = Privacy::Unsaid;
    for value in values {
        match value.trim().to_ascii_lowercase().as_str() {
            "id" | "header" | "user" => return Privacy::Asked,
            "none" => told = Privacy::Declined,
            _ => {}
        }
    }
    let hides = |party: NameAddr<'_>| {
        let privacy = party.params.value("privacy").unwrap_or_default();
        privacy.split('-').next().is_some_and(|word| ["full", "uri"].iter().any(|one| word.eq_ignore_ascii_case(one)))
    };
    if told == Privacy::Unsaid && remote_parties(request).any(hides) { Privacy::Asked } else { told }
}

fn asks_to_hide(request: &Message) -> bool {
    match privacy(request) {
        Privacy::Asked => true,
        Privacy::Declined => false,
        Privacy::Unsaid => request.from().is_ok_and(|from| is_anonymous(&from)),
    }
}

/// What carriers write in place of a number that is withheld or that they do not know; it is nobody's number.
const WITHHELD: [&str; 5] = [ANONYMOUS, "unknown", "restricted", "unavailable", "withheld"];

/// RFC 3323 4.1.1.3, and what is written instead of it.
fn is_anonymous(party: &NameAddr<'_>) -> bool {
    let host = party.uri.host.to_string();
    host.eq_ignore_ascii_case("anonymous.invalid")
        || party.uri.user.is_some_and(|user| WITHHELD.iter().any(|word| user.eq_ignore_ascii_case(word)))
}

/// A name as it may be shown: nothing that moves a cursor, ends a line or turns the writing around.
fn readable(name: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean = name.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c));
    clean.take(DISPLAY_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TK-08: a caller's name can't break out of where it is shown.
    #[test]
    fn tk_08_a_name_is_made_readable() {
        assert_eq!(readable("Ana\r\nVia: x\u{202e}drow\u{7f}"), "Ana  Via: xdrow");
        assert_eq!(readable(&"ã".repeat(200)).chars().count(), DISPLAY_MAX);
    }
}
