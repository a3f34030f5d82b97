//! Which dialogs we have let through, and what a request inside one must be like.
//!
//! A way in a Record-Route is seen by everybody on its side of us. Alone it would let whoever saw one call go by send what he
//! likes to the hop that it names, for ever. So a request inside a dialog goes on only while that dialog lives, between
//! the two tags that opened it, to the side that did not send it, and to an address that this one has called its own.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use super::way::{Onward, Side};
use crate::{
    base::{Instant, KeyedMap, keyed_map},
    wire::sip::{Message, Method, Name, NameAddr, Uri},
};

/// Dialogs let through that are not over; an INVITE that would open one more gets 503. At about 500 octets each this is 20 MB.
pub const DIALOGS_MAX: usize = 40_000;

/// Tags of those who may have answered one INVITE; who rings beyond that can't send anything by us.
const TAGS_MAX: usize = 64;

/// Addresses that somebody in a call is known by; of more the one that was named longest ago is forgotten.
const ADDRESSES_MAX: usize = 4;

/// How long after a BYE another request may come: a BYE that was challenged, or the other side's own.
const LATE: Duration = Duration::from_secs(32);

/// Call-ID and the caller's tag.
type Key = (Box<str>, Box<str>);

/// What is known of the sides of a call that was let through.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sides {
    caller: Addresses,
    /// Those who were called and said something: several, where it rings at several.
    called: Vec<Called>,
}

/// One of those who were called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Called {
    tag: Box<str>,
    addresses: Addresses,
}

/// The Contacts of somebody, that is what the Request-URI of a request to him may be (see [`address`]). The last named is last.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Addresses(VecDeque<Box<str>>);

struct Dialog {
    sides: Sides,
    over: Option<Instant>,
}

/// All dialogs that were let through.
pub(super) struct Dialogs {
    by_key: KeyedMap<Key, Dialog>,
    /// Those that are over, in that order.
    over: VecDeque<(Instant, Key)>,
}

impl Addresses {
    /// True when that was news.
    fn note(&mut self, contact: Option<&str>) -> bool {
        let address = contact.and_then(|contact| Some(address(NameAddr::parse(contact).ok()?.uri_text)));
        let Some(address) = address else { return false };
        let known = self.0.iter().position(|known| *known == address);
        if let Some(known) = known {
            self.0.remove(known);
        } else if self.0.len() >= ADDRESSES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(address);
        known.is_none()
    }
}

impl Sides {
    /// Somebody who was called has said something. True when that was news.
    fn note_tag(&mut self, tag: &str) -> bool {
        let is_new = self.called.len() < TAGS_MAX && !self.called.iter().any(|called| *called.tag == *tag);
        if is_new {
            self.called.push(Called { tag: tag.into(), addresses: Addresses::default() });
        }
        is_new
    }

    /// Somebody who was called wants to be addressed so. True when that was news.
    fn note_called(&mut self, tag: Option<&str>, contact: Option<&str>) -> bool {
        let known = self.called.iter_mut().find(|called| tag == Some(&*called.tag));
        known.is_some_and(|called| called.addresses.note(contact))
    }

    /// Whether that is an address of one side, when the other one asks for it.
    fn is_of(&self, side: Side, called_tag: &str, address: &str) -> bool {
        let Some(called) = self.called.iter().find(|called| *called.tag == *called_tag) else { return false };
        let addresses = match side {
            Side::Caller => &self.caller,
            Side::Called => &called.addresses,
        };
        addresses.0.iter().any(|known| **known == *address)
    }
}

impl Dialogs {
    pub fn new() -> Self {
        Self { by_key: keyed_map(), over: VecDeque::new() }
    }

    /// An INVITE is let through that opens a dialog, or more of one. False when there is no room.
    pub fn open(&mut self, now: Instant, invite: &Message) -> bool {
        self.forget_old(now);
        let key = key(invite, invite.from_tag());
        if !self.by_key.contains_key(&key) && self.by_key.len() >= DIALOGS_MAX {
            return false;
        }
        let dialog = self.by_key.entry(key).or_insert_with(|| Dialog { sides: Sides::default(), over: None });
        dialog.over = None;
        dialog.sides.caller.note(invite.header(Name::Contact));
        true
    }

    /// An answer: who else speaks, and where he wants to be addressed (12.1.1, 12.2.1.2). True when that was news.
    pub fn note_answer(&mut self, answer: &Message) -> bool {
        if !refreshes(answer) {
            return false;
        }
        let contact = answer.header(Name::Contact);
        if let Some(sides) = self.of(answer, answer.from_tag()) {
            let heard = answer.to_tag().is_some_and(|tag| sides.note_tag(tag));
            return sides.note_called(answer.to_tag(), contact) || heard;
        }
        self.of(answer, answer.to_tag()).is_some_and(|sides| sides.caller.note(contact))
    }

    /// A request inside a dialog that may go on, and came from where that side is (12.2.2). True when that was news.
    pub fn note_request(&mut self, request: &Message, from: Side) -> bool {
        if !refreshes(request) {
            return false;
        }
        let contact = request.header(Name::Contact);
        match from {
            Side::Caller => self.of(request, request.from_tag()).is_some_and(|sides| sides.caller.note(contact)),
            Side::Called => {
                let sides = self.of(request, request.to_tag());
                sides.is_some_and(|sides| sides.note_called(request.from_tag(), contact))
            }
        }
    }

    fn of(&mut self, message: &Message, caller_tag: Option<&str>) -> Option<&mut Sides> {
        self.by_key.get_mut(&key(message, caller_tag)).map(|dialog| &mut dialog.sides)
    }

    /// Whether a request inside a dialog may go on that way. Which side sent it, its tags tell; the way must lead to the other
    /// one, or a side could play both, and have its own address called from here.
    pub fn admit(&self, now: Instant, request: &Message, onward: &Onward) -> bool {
        let (Some(from), Some(to)) = (request.from_tag(), request.to_tag()) else { return false };
        let (caller, called) = match onward.to {
            Side::Called => (from, to),
            Side::Caller => (to, from),
        };
        let dialog = self.by_key.get(&key(request, Some(caller)));
        let lives = |dialog: &&Dialog| dialog.over.is_none_or(|over| now.since(over) < LATE);
        let address = address(&onward.target);
        dialog.filter(lives).is_some_and(|dialog| dialog.sides.is_of(onward.to, called, &address))
    }

    pub fn sides(&self, call_id: &str, caller_tag: &str) -> Option<&Sides> {
        self.by_key.get(&(call_id.into(), caller_tag.into())).map(|dialog| &dialog.sides)
    }

    /// What an earlier process let through.
    pub fn restore(&mut self, call_id: &str, caller_tag: &str, sides: Sides) {
        if self.by_key.len() < DIALOGS_MAX {
            self.by_key.insert((call_id.into(), caller_tag.into()), Dialog { sides, over: None });
        }
    }

    /// The call is over: what is still on its way may come.
    pub fn end(&mut self, now: Instant, call_id: &str, caller_tag: &str) {
        let key = (call_id.into(), caller_tag.into());
        if let Some(dialog) = self.by_key.get_mut(&key).filter(|dialog| dialog.over.is_none()) {
            dialog.over = Some(now);
            self.over.push_back((now, key));
        }
        self.forget_old(now);
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((over, key)) = self.over.pop_front_if(|(over, _)| now.since(*over) >= LATE) {
            // Opened again by the same INVITE with credentials, it is not the one that was over.
            if self.by_key.get(&key).is_some_and(|dialog| dialog.over == Some(over)) {
                self.by_key.remove(&key);
            }
        }
    }
}

/// Its Contact says where its sender wants to be addressed from now on.
fn refreshes(message: &Message) -> bool {
    matches!(message.cseq().method, Method::Invite | Method::Update)
}

fn key(message: &Message, caller_tag: Option<&str>) -> Key {
    (message.call_id().into(), caller_tag.unwrap_or_default().into())
}

/// What is compared of a Request-URI and a Contact: parameters are written anew by many.
fn address(uri: &str) -> Box<str> {
    match Uri::parse(uri) {
        Ok(uri) if uri.is_sip() => {
            let host = uri.host.to_string().to_ascii_lowercase();
            format!("{}@{host}:{}", uri.user_decoded(), uri.port.unwrap_or_default()).into()
        }
        Ok(_) | Err(_) => uri.into(),
    }
}
