//! Which header lines go from one leg of a call to the other, and which never do.
//!
//! Both legs are dialogs of their own: what passes is what the settings list, in an INVITE, its answers, INFO and BYE. What
//! the switch writes itself, and whatever says who stands behind it, passes on nobody's wish.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use super::{LegParty, Switch, Target, escape_user, leg::Leg};
use crate::{
    base::{CallId, LegId},
    sip::Headers,
    wire::sip::{Message, Name, NameAddr, list, quoted},
};

/// Header lines that pass with one message. More is cut: nobody needs it, and it would multiply a flood.
pub const PASSED_HEADERS_MAX: usize = 16;

/// Octets of them all.
pub const PASSED_BYTES_MAX: usize = 4_096;

/// Names that a list may hold; each is one header or, with a `*` at its end, all that begin so.
pub const HEADER_PATTERNS_MAX: usize = 64;

/// Headers of the table of names that may be listed. All others of it are the switch's own affair.
const PASSABLE: [Name; 18] = [
    Name::UserToUser,
    Name::Diversion,
    Name::HistoryInfo,
    Name::Identity,
    Name::SessionId,
    Name::Subject,
    Name::Priority,
    Name::AlertInfo,
    Name::CallInfo,
    Name::ErrorInfo,
    Name::Date,
    Name::InReplyTo,
    Name::Organization,
    Name::AcceptLanguage,
    Name::AcceptContact,
    Name::RejectContact,
    Name::RequestDisposition,
    Name::AnswerMode,
];

/// Headers that say where a call has been.
pub(super) const HISTORIES: [Name; 2] = [Name::Diversion, Name::HistoryInfo];

/// Beginnings of further names that never pass: what a network says to itself, what belongs to a body, a hop or to us.
const KEPT_BACK: [&str; 7] = ["P-", "Proxy-", "Content-", "Security-", "X-Strowger-", "Max-Breadth", "Recv-Info"];

/// The name of a header, or, with a `*` at its end, the beginning of names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderPattern(Box<str>);

/// Which headers pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeaderRules(pub Vec<HeaderPattern>);

impl Default for HeaderRules {
    fn default() -> Self {
        let usual = ["User-to-User", "X-*", "Diversion", "History-Info", "Identity", "Session-ID"];
        Self(usual.into_iter().filter_map(|name| HeaderPattern::new(name).ok()).collect())
    }
}

impl HeaderPattern {
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let head = text.strip_suffix('*').unwrap_or(text);
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%_+'`~".contains(&b);
        if head.is_empty() || head.len() > 64 || !head.bytes().all(token) {
            return Err("expected a header's name such as \"User-to-User\", or the beginning of names: \"X-*\"");
        }
        if head.len() == text.len() && !may_pass(head) {
            return Err("this header is the switch's own affair and never passes");
        }
        Ok(Self(text.into()))
    }

    /// Whether a header of that name may be put into what is sent to a trunk: what passes, and what networks say to
    /// each other.
    pub fn may_be_added(name: &str) -> bool {
        let network = starts_with(name, "P-") && Name::of(name.as_bytes()) == Name::Other;
        !name.ends_with('*') && (Self::new(name).is_ok() || network && Self::new(&format!("{name}*")).is_ok())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(head) => starts_with(name, head),
            None => {
                let known = Name::of(name.as_bytes());
                self.0.eq_ignore_ascii_case(name) || known != Name::Other && Name::of(self.0.as_bytes()) == known
            }
        }
    }
}

impl HeaderRules {
    pub fn lists(&self, name: &str) -> bool {
        may_pass(name) && self.0.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether both legs of a call say the same of who talks with whom (RFC 7989).
    pub fn correlates(&self) -> bool {
        self.lists(Name::SessionId.as_str())
    }

    /// What passes of a message. Who sent a call here before is told by a request alone.
    pub fn of(&self, message: &Message) -> Headers {
        let mut rest = PASSED_BYTES_MAX;
        let fits = |(name, known, _): &(&str, Name, &str)| {
            let told = message.is_request() || !matches!(known, Name::Diversion | Name::HistoryInfo | Name::Identity);
            *known != Name::SessionId && told && self.lists(name)
        };
        let lines = message.lines().filter(fits).take(PASSED_HEADERS_MAX);
        lines
            .take_while(|(name, _, value)| {
                let len = name.len() + value.len();
                let room = len <= rest;
                rest = rest.saturating_sub(len);
                room
            })
            .map(|(name, known, value)| {
                let name = if known == Name::Other { name.to_owned().into() } else { Cow::Borrowed(known.as_str()) };
                (name, value.to_owned())
            })
            .collect()
    }
}

impl Switch {
    /// What a leg's peer sent is handled; whoever is told of it meanwhile is told what passes of it.
    pub(super) fn with_passing(&mut self, leg: LegId, message: Option<&Message>, then: impl FnOnce(&mut Self)) {
        let from = self.legs.get(&leg).zip(message);
        self.passing = from.map(|(from, message)| (from.call, leg, self.passing(from, message)));
        then(self);
        self.passing = None;
    }

    /// Somebody who was rung refused: the caller hears it later, if nobody else takes the call.
    pub(super) fn note_refusal(&mut self, leg: LegId, response: Option<&Message>) {
        let Some(from) = self.legs.get(&leg) else { return };
        let (id, headers) = (from.call, response.map(|response| self.passing(from, response)).unwrap_or_default());
        if let Some(call) = self.calls.get_mut(&id) {
            call.refused = headers;
        }
    }

    /// For a leg that hears of the end of the one whose message is being handled. Guests and supervisors are not asked.
    pub(super) fn passing_to(&self, to: &Leg) -> Headers {
        let Some((call, from, headers)) = self.passing.as_ref().filter(|_| to.guest.is_none()) else {
            return Headers::new();
        };
        if *call != to.call || *from == to.id {
            return Headers::new();
        }
        headers.iter().filter(|(name, _)| to.media.quirks.passes(name)).cloned().collect()
    }

    pub(super) fn passing_to_caller(&self, call: CallId) -> Headers {
        let caller = self.calls.get(&call).and_then(|call| self.legs.get(&call.caller_leg));
        caller.map(|caller| self.passing_to(caller)).unwrap_or_default()
    }

    /// What passes of a message that a leg's peer sent.
    pub(super) fn passing(&self, from: &Leg, message: &Message) -> Headers {
        let mut headers = self.headers.of(message);
        headers.retain(|(name, _)| from.media.quirks.passes(name));
        headers
    }
}

/// Whether a target is told where a call from there has been, by a header of [`HISTORIES`].
pub(super) fn is_told(history: Name, from: LegParty, target: &Target) -> bool {
    let wanted = match target.party {
        LegParty::User(_) => true,
        LegParty::Trunk(_) if history == Name::Diversion => target.forwarding.diversion,
        LegParty::Trunk(_) => target.forwarding.history,
    };
    wanted && matches!(from, LegParty::Trunk(_))
}

/// Of what passes from a caller, what this target gets. Where a call has been is believed of trunks alone, told to those
/// who may know, and without the addresses of those who said so.
pub(super) fn onward(passed: &Headers, from: LegParty, target: &Target, own: &Headers) -> Headers {
    let mut told = Headers::new();
    for (name, value) in passed.iter().filter(|(name, _)| target.quirks.passes(name)) {
        let known = Name::of(name.as_bytes());
        if !HISTORIES.contains(&known) {
            told.push((name.clone(), value.clone()));
            continue;
        }
        // Numbering two histories into one is not ours to do: the newer one stands.
        let ours = known == Name::HistoryInfo && own.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        if !ours && is_told(known, from, target) {
            let value = without_places(value, &target.domain);
            told.extend(value.map(|value| (name.clone(), value)));
        }
    }
    told
}

/// A list of addresses whose hosts are all ours; `None` when nothing of it can be read.
fn without_places(value: &str, domain: &str) -> Option<String> {
    let line = list(value).filter_map(|one| {
        let party = NameAddr::parse(one).ok()?;
        let display = party.display.as_deref().map(|name| format!("{} ", quoted(name)));
        let user = party.uri.user_decoded();
        let params = party.params.as_str();
        let parted = if params.is_empty() { "" } else { ";" };
        let cause = party.uri.params.value("cause").filter(|cause| cause.bytes().all(|b| b.is_ascii_digit()));
        let cause = cause.map(|cause| format!(";cause={cause}")).unwrap_or_default();
        let display = display.unwrap_or_default();
        Some(format!("{display}<sip:{}@{domain}{cause}>{parted}{params}", escape_user(&user)))
    });
    let line = line.collect::<Vec<_>>().join(", ");
    (!line.is_empty()).then_some(line)
}

fn may_pass(name: &str) -> bool {
    let known = Name::of(name.as_bytes());
    if known == Name::Other {
        return !KEPT_BACK.iter().any(|head| starts_with(name, head));
    }
    PASSABLE.contains(&known)
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

impl TryFrom<String> for HeaderPattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<HeaderPattern> for String {
    fn from(pattern: HeaderPattern) -> Self {
        pattern.0.into()
    }
}

impl fmt::Debug for HeaderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-02: what the switch writes itself, and what says who stands behind it, can't even be listed.
    #[test]
    fn sw_02_some_headers_never_pass() {
        let ours =
            ["Via", "v", "Contact", "Record-Route", "From", "Call-ID", "P-Asserted-Identity", "Privacy", "Allow"];
        for name in
            ours.into_iter().chain(["Authorization", "Proxy-Authorization", "User-Agent", "Content-Type", "Path"])
        {
            assert!(HeaderPattern::new(name).is_err(), "{name}");
        }
        let all = HeaderRules(vec![HeaderPattern::new("P*").unwrap(), HeaderPattern::new("X-*").unwrap()]);
        for name in ["P-Access-Network-Info", "Path", "Privacy", "X-Strowger-Queue", "x-strowger-offer", "Proxy-Status"]
        {
            assert!(!all.lists(name), "{name}");
        }
        assert!(all.lists("Priority") && all.lists("x-account"));
        let usual = HeaderRules::default();
        assert!(usual.lists("y") && usual.lists("user-TO-user") && usual.correlates() && !usual.lists("Subject"));
        assert!(HeaderPattern::may_be_added("P-Charge-Info") && !HeaderPattern::may_be_added("P-Asserted-Identity"));
        for bad in ["", "*", "X Y", "X-\r\n", "Subject:"] {
            assert!(HeaderPattern::new(bad).is_err(), "{bad:?}");
        }
    }

    /// TK-08: where a call has been is told without the addresses of those who said so.
    #[test]
    fn tk_08_a_history_names_no_places() {
        let hidden = |value: &str| without_places(value, "pbx.example").unwrap_or_default();
        assert_eq!(
            hidden("\"Lisbon\" <sip:+351210000009@10.0.0.5:5070;user=phone>;reason=no-answer;counter=1"),
            "\"Lisbon\" <sip:+351210000009@pbx.example>;reason=no-answer;counter=1"
        );
        assert_eq!(
            hidden("<sip:a@10.0.0.1?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@10.0.0.2;cause=302>;index=1.1;mp=1"),
            "<sip:a@pbx.example>;index=1, <sip:b@pbx.example;cause=302>;index=1.1;mp=1"
        );
        assert_eq!(without_places("nonsense", "pbx.example"), None);
    }
}
