//! Which dialogs we have let through, and what a request inside one must be like.
//!
//! A way in a Record-Route is seen by everybody on its side of us. Alone it would let whoever saw one call go by send what he
//! likes to the hop that it names, for ever. So a request inside a dialog goes on only while that dialog lives, between
//! the two tags that opened it, and to an address that the other side has called its own.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    base::{Instant, KeyedMap, keyed_map},
    wire::sip::{Message, Method, Name, NameAddr, Uri},
};

/// Dialogs let through that are not over; an INVITE that would open one more gets 503. At about 500 octets each this is 20 MB.
pub const DIALOGS_MAX: usize = 40_000;

/// Tags of those who may have answered one INVITE; who rings beyond that can't send anything by us.
const TAGS_MAX: usize = 64;

/// Addresses that one side of a call is known by; of more the oldest is forgotten.
const ADDRESSES_MAX: usize = 16;

/// How long after a BYE another request may come: a BYE that was challenged, or the other side's own.
const LATE: Duration = Duration::from_secs(32);

/// Call-ID and the caller's tag.
type Key = (Box<str>, Box<str>);

/// What is known of the sides of a call that was let through.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sides {
    /// Tags of those who were called and said something.
    tags: Vec<Box<str>>,
    /// What the Request-URI of a request to them may be: see [`address`].
    called: Addresses,
    /// The same of a request to the caller.
    caller: Addresses,
}

/// The Contacts of a side, the oldest first.
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
        let Some(address) = address.filter(|address| !self.0.contains(address)) else { return false };
        if self.0.len() >= ADDRESSES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(address);
        true
    }
}

impl Sides {
    /// Somebody who was called has said something. True when that was news.
    fn note_tag(&mut self, tag: &str) -> bool {
        let is_new = self.tags.len() < TAGS_MAX && !self.tags.iter().any(|known| **known == *tag);
        if is_new {
            self.tags.push(tag.into());
        }
        is_new
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

    /// An answer, or a request inside that may go on: who else speaks, and where he wants to be addressed (12.2.1.1). True
    /// when that was news.
    pub fn note(&mut self, message: &Message) -> bool {
        if !matches!(message.cseq().method, Method::Invite | Method::Update) {
            return false;
        }
        let contact = message.header(Name::Contact);
        let (from, to) = (message.from_tag(), message.to_tag());
        let is_answer = !message.is_request();
        if let Some(Dialog { sides, .. }) = self.by_key.get_mut(&key(message, from)) {
            // Only answers tell of new tags: a request may name one that nobody has.
            let heard = is_answer && to.is_some_and(|tag| sides.note_tag(tag));
            return if is_answer { sides.called.note(contact) || heard } else { sides.caller.note(contact) };
        }
        let Some(Dialog { sides, .. }) = self.by_key.get_mut(&key(message, to)) else { return false };
        if is_answer { sides.caller.note(contact) } else { sides.called.note(contact) }
    }

    /// Whether a request inside a dialog with that Request-URI may go on.
    pub fn admit(&self, now: Instant, request: &Message, target: &str) -> bool {
        let (Some(from), Some(to)) = (request.from_tag(), request.to_tag()) else { return false };
        let target = address(target);
        let lives = |caller: &str| {
            let dialog = self.by_key.get(&key(request, Some(caller)));
            dialog.filter(|dialog| dialog.over.is_none_or(|over| now.since(over) < LATE)).map(|dialog| &dialog.sides)
        };
        let fits = |sides: &Sides, tag: &str, addresses: &Addresses| {
            sides.tags.iter().any(|known| **known == *tag) && addresses.0.contains(&target)
        };
        lives(from).is_some_and(|sides| fits(sides, to, &sides.called))
            || lives(to).is_some_and(|sides| fits(sides, from, &sides.caller))
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
