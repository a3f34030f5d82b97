//! MESSAGE (RFC 3428, SW-15): a text to a user's devices, to a carrier, to who is in the same call, or into the centre.
//!
//! It goes where a call from there would go, by the same rights; nothing is stored. To a user all devices get it, and the
//! sender hears as soon as one has it, or why none has.

use std::{collections::BTreeMap, time::Duration};

use super::{Engine, Happened, drive::Timer, sip_in::Identity};
use crate::{
    base::{CallId, FastMap, FlowId, Instant, LegId, Now, Private, QueueId, TrunkId, UserId},
    sip::{Body, Path, Reply, TransactionId},
    switch::{self, Caller, Destination, LegParty, Routed, Target, Text},
    wire::sip::{Message, Name},
};

/// Bytes of one text; RFC 3428 8 wants 1,300 where a network may be congested, but phones on TCP and WebSocket write more.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Texts on their way at once; the next gets 503.
const TEXTS_MAX: usize = 5_000;

/// Devices that get one text: those of a whole group.
const COPIES_MAX: usize = 100;

/// What one user may send in [`RATE_SECS`]; a person types less. The next gets 503.
const BY_USER_MAX: u32 = 20;

/// The same for a carrier, behind which are many.
const BY_TRUNK_MAX: u32 = 500;

const RATE_SECS: u64 = 10;

/// Whoever sends a text gives it up after 32 s and takes no answer any more; before that he is told that nobody took it.
const ANSWER_TIME: Duration = Duration::from_secs(25);

/// Headers that belong to a text and go with it.
const PASSED: [Name; 8] = [
    Name::ContentDisposition,
    Name::ContentLanguage,
    Name::Date,
    Name::Expires,
    Name::InReplyTo,
    Name::Priority,
    Name::Subject,
    Name::UserToUser,
];

/// What the centre itself can read.
const READABLE: &str = "text/plain";

/// Texts on their way.
#[derive(Default)]
pub(super) struct Texts {
    /// By the request that is to be answered.
    underway: BTreeMap<TransactionId, Underway>,
    copies: FastMap<TransactionId, Copy>,
    sent: BTreeMap<LegParty, Sent>,
}

/// A text that is to be answered.
struct Underway {
    copies: usize,
    answered: bool,
    /// The best refusal so far.
    refusal: Option<u16>,
}

impl Underway {
    /// What its sender is told now that one device has answered: the first that took it, or once all have refused.
    fn hears(&mut self, status: u16, heard: bool) -> Option<u16> {
        self.copies = self.copies.saturating_sub(1);
        if self.answered {
            return None;
        }
        if (200..300).contains(&status) {
            self.answered = true;
            return Some(status);
        }
        let refusal = told_as(status, heard);
        self.refusal = Some(self.refusal.map_or(refusal, |other| preferred(other, refusal)));
        self.refusal.filter(|_| self.copies == 0)
    }
}

/// A text to one device.
struct Copy {
    of: TransactionId,
    party: LegParty,
    contact: Box<str>,
    flow: Option<FlowId>,
}

/// What somebody has sent lately.
struct Sent {
    since: Instant,
    count: u32,
}

impl Texts {
    /// Whether one more is not too much.
    fn may(&mut self, now: Now, party: LegParty) -> bool {
        let most = match party {
            LegParty::User(_) => BY_USER_MAX,
            LegParty::Trunk(_) => BY_TRUNK_MAX,
        };
        let sent = self.sent.entry(party).or_insert(Sent { since: now.mono, count: 0 });
        if now.mono.since(sent.since).as_secs() >= RATE_SECS {
            *sent = Sent { since: now.mono, count: 0 };
        }
        sent.count = sent.count.saturating_add(1);
        sent.count <= most
    }

    pub fn len(&self) -> usize {
        self.underway.len()
    }
}

/// Where a text goes.
enum Way {
    Devices(Vec<Target>, Caller),
    /// Who is in the same call.
    Leg(LegId),
    Centre {
        queue: Option<QueueId>,
        call: Option<CallId>,
        caller: Caller,
    },
}

impl Engine {
    pub(super) fn on_message(
        &mut self,
        now: Now,
        transaction: TransactionId,
        request: &Message,
        path: Path,
        leg: Option<LegId>,
    ) {
        let judged = match leg {
            Some(leg) => self.judge_text_inside(now, request, leg),
            None => self.judge_text(now, request, path),
        };
        let sent = judged.and_then(|way| self.send_on(now, transaction, request, way));
        if let Err(reply) = sent {
            // Who is only asked to prove himself comes again.
            self.totals.texts_refused += u64::from(reply.status != 401);
            self.switch.reply(now, transaction, reply);
        }
    }

    /// Outside any call: who sends it, and where a call of his would go.
    fn judge_text(&mut self, now: Now, request: &Message, path: Path) -> Result<Way, Reply> {
        if self.has_passed(request, path.remote) {
            return Err(Reply::new(482).once());
        }
        let identity = self.identify(now, request, path, "MESSAGE")?;
        let (party, caller) = self.caller(&identity, request, None);
        if !self.texts.may(now, party) {
            return Err(Reply::new(503).header("Retry-After", RATE_SECS.to_string()));
        }
        let uri = request.request_uri().map_err(|_| Reply::new(400))?;
        let routed = self.route_dialled(party, &uri.user_decoded()).ok_or_else(|| Reply::new(404))?;
        if !self.is_allowed(party, &routed) {
            return Err(Reply::new(403));
        }
        self.way_of(now, &identity, routed, caller)
    }

    fn way_of(&mut self, now: Now, identity: &Identity, routed: Routed, caller: Caller) -> Result<Way, Reply> {
        let Routed { destination, number, .. } = routed;
        let targets = match destination {
            Destination::User(user) => self.devices_of(&[user]),
            Destination::Group(group) => {
                let members = self.directory.groups.get(&group).map(|group| group.members.clone());
                self.devices_of(&members.unwrap_or_default())
            }
            Destination::Trunk(trunk) => self.carrier(now, identity, &[trunk], &number)?,
            Destination::Trunks(group) => {
                let group = self.directory.trunk_groups.get(&group);
                let mut members = group.map(|group| group.members.clone()).unwrap_or_default();
                members.sort_by_key(|member| member.priority);
                let members: Vec<_> = members.into_iter().map(|member| member.trunk).collect();
                self.carrier(now, identity, &members, &number)?
            }
            Destination::Queue(queue) => return Ok(Way::Centre { queue: Some(queue), call: None, caller }),
            // A sentence that is played reads nothing.
            Destination::Clip(_) | Destination::Menu(_) => return Err(Reply::new(488)),
        };
        if targets.is_empty() { Err(Reply::new(480)) } else { Ok(Way::Devices(targets, caller)) }
    }

    fn devices_of(&self, users: &[UserId]) -> Vec<Target> {
        let users = users.iter().filter_map(|user| self.directory.users.get(user));
        let takes_texts = |target: &Target| matches!(target.way, switch::Way::Sip(_));
        users.flat_map(|user| self.user_targets(user)).filter(takes_texts).take(COPIES_MAX).collect()
    }

    /// The first of these trunks that takes it. Carriers send nothing to each other through us.
    fn carrier(
        &mut self,
        now: Now,
        identity: &Identity,
        trunks: &[TrunkId],
        number: &str,
    ) -> Result<Vec<Target>, Reply> {
        let Identity::User(user) = identity else { return Err(Reply::new(403)) };
        let target = trunks.iter().find_map(|trunk| self.trunk_target_of(now, *trunk, number, *user).ok());
        Ok(target.into_iter().collect())
    }

    /// In a call: to whoever hears the sender, or into the centre while nobody does.
    fn judge_text_inside(&mut self, now: Now, request: &Message, leg: LegId) -> Result<Way, Reply> {
        let sight = self.switch.leg(leg).ok_or_else(|| Reply::new(481))?;
        let (call, party) = (sight.call(), sight.party());
        if !self.texts.may(now, party) {
            return Err(Reply::new(503).header("Retry-After", RATE_SECS.to_string()));
        }
        if let Some(partner) = self.switch.partner(leg) {
            return Ok(Way::Leg(partner));
        }
        let identity = match party {
            LegParty::User(user) => Identity::User(user),
            LegParty::Trunk(trunk) => Identity::Trunk(trunk),
        };
        let (_, caller) = self.caller(&identity, request, None);
        let queue = self.notes.get(&call).and_then(|note| note.queue.as_ref()).map(|queue| queue.queue);
        Ok(Way::Centre { queue, call: Some(call), caller })
    }

    fn send_on(&mut self, now: Now, transaction: TransactionId, request: &Message, way: Way) -> Result<(), Reply> {
        if self.texts.underway.len() >= TEXTS_MAX {
            return Err(Reply::new(503).header("Retry-After", "5"));
        }
        let text = read_text(request)?;
        match way {
            Way::Centre { queue, call, caller } => self.take_in(now, transaction, &text, (queue, call, caller)),
            Way::Leg(leg) => {
                let party = self.switch.leg(leg).map(|sight| sight.party());
                let copy = self.switch.send_text_inside(now, leg, &text).zip(party);
                let (copy, party) = copy.ok_or_else(|| Reply::new(480))?;
                self.note_copy(now, transaction, copy, (party, "", None));
                Ok(())
            }
            Way::Devices(targets, caller) => {
                for target in &targets {
                    let Some(copy) = self.switch.send_text(now, target, &caller, &text) else { continue };
                    let switch::Way::Sip(way) = &target.way else { continue };
                    self.note_copy(now, transaction, copy, (target.party, &way.uri, way.path.flow));
                }
                Ok(())
            }
        }
    }

    fn note_copy(
        &mut self,
        now: Now,
        of: TransactionId,
        copy: TransactionId,
        (party, contact, flow): (LegParty, &str, Option<FlowId>),
    ) {
        self.texts.copies.insert(copy, Copy { of, party, contact: contact.into(), flow });
        self.timers.set(Timer::TextLate(of), now.mono + ANSWER_TIME);
        let underway = self.texts.underway.entry(of);
        underway.or_insert(Underway { copies: 0, answered: false, refusal: None }).copies += 1;
    }

    /// A text to a queue, or of a caller whom nobody hears yet, is told to pages and programs.
    fn take_in(
        &mut self,
        now: Now,
        transaction: TransactionId,
        text: &Text,
        (queue, call, caller): (Option<QueueId>, Option<CallId>, Caller),
    ) -> Result<(), Reply> {
        let kind = text.body.content_type.split(';').next().unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case(READABLE) {
            return Err(Reply::new(415).header("Accept", READABLE));
        }
        let words = std::str::from_utf8(&text.body.bytes).map_err(|_| Reply::new(400).reason("Not UTF-8"))?;
        let text = Private::new(words.to_owned());
        self.totals.texts += 1;
        self.live(now, Happened::Text { from: caller.visible_number(), queue, call, text });
        self.switch.reply(now, transaction, Reply::new(202));
        Ok(())
    }

    /// What a device said to a text. False: it was asked something else.
    pub(super) fn on_text_answer(&mut self, now: Now, copy: TransactionId, status: u16, heard: bool) -> bool {
        let Some(Copy { of, party, contact, flow }) = self.texts.copies.remove(&copy) else { return false };
        if !heard && !contact.is_empty() {
            self.on_dead(now, party, (&contact, flow), false);
        }
        let Some(underway) = self.texts.underway.get_mut(&of) else { return true };
        let told = underway.hears(status, heard);
        if underway.copies == 0 {
            self.texts.underway.remove(&of);
        }
        self.answer_text(now, of, told);
        true
    }

    pub(super) fn on_text_late(&mut self, now: Now, of: TransactionId) {
        let Some(underway) = self.texts.underway.get_mut(&of) else { return };
        let told = underway.refusal.unwrap_or(480);
        underway.answered = true;
        self.answer_text(now, of, Some(told));
    }

    fn answer_text(&mut self, now: Now, of: TransactionId, status: Option<u16>) {
        let Some(status) = status else { return };
        self.timers.cancel(Timer::TextLate(of));
        let count = if status < 300 { &mut self.totals.texts } else { &mut self.totals.texts_refused };
        *count += 1;
        self.switch.reply(now, of, Reply::new(status));
    }
}

/// What is passed on of a MESSAGE, if it may be.
fn read_text(request: &Message) -> Result<Text, Reply> {
    let max_forwards = request.max_forwards().unwrap_or(70).checked_sub(1).ok_or_else(|| Reply::new(483))?;
    let bytes = request.body_bytes();
    let content_type = request.header(Name::ContentType).filter(|_| !bytes.is_empty());
    let content_type = content_type.ok_or_else(|| Reply::new(400).reason("No Text"))?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(Reply::new(413));
    }
    if request.header(Name::ContentEncoding).is_some() {
        return Err(Reply::new(415).header("Accept-Encoding", "identity"));
    }
    let passed = PASSED.iter().filter_map(|name| Some((name.as_str().into(), request.header(*name)?.to_owned())));
    Ok(Text { body: Body::new(content_type.to_owned(), bytes), headers: passed.collect(), max_forwards })
}

/// A device's refusal as the sender hears it: that a device wants to be told who we are, or has moved, is our affair.
fn told_as(status: u16, heard: bool) -> u16 {
    match status {
        _ if !heard => 480,
        300..=399 | 401 | 407 | 408 => 480,
        status => status,
    }
}

/// Of two refusals the one that says more (RFC 3261 16.7): 6xx, then the lower class; and anything before "not here".
fn preferred(one: u16, other: u16) -> u16 {
    let rank = |status: u16| match status {
        600.. => 0,
        480 => 2,
        400..=499 => 1,
        _ => 3,
    };
    if rank(other) < rank(one) { other } else { one }
}
