//! Digits that travel in INFO (SW-11): read in both forms, and written to who wants them so.

use smallvec::SmallVec;

use super::{Fact, Switch, leg::Leg, quirks::Digits};
use crate::{
    base::{LegId, Now, StreamId},
    media::Command,
    sip::{Body, Reply, Request, TransactionId, UsageId},
    wire::sip::{Message, Method},
};

const RELAY: &str = "application/dtmf-relay";
const PLAIN: &str = "application/dtmf";

/// A digit's length where nobody says one.
const USUAL_MILLIS: u32 = 160;

impl Switch {
    /// INFO inside a call: a digit, or headers alone.
    pub(super) fn on_info(&mut self, now: Now, usage: UsageId, transaction: TransactionId, request: &Message) {
        let kind = request.content_type().unwrap_or_default();
        let status = match (self.leg_of(usage), read_digit(kind, request.body())) {
            (None, _) => 481,
            (Some(leg), Some((digit, millis, form))) => {
                self.on_info_digit(now, leg, digit, millis, form);
                200
            }
            // An empty INFO is a sign of life, nothing more (RFC 6086 in its oldest use).
            (Some(leg), None) if request.body().is_empty() => {
                self.pass_info(now, leg, request);
                200
            }
            (Some(_), None) => 415,
        };
        let reply = Reply::new(status);
        let reply = if status == 415 { reply.header("Accept", format!("{RELAY}, {PLAIN}")) } else { reply };
        self.stack.reply(now, transaction, reply);
    }

    fn on_info_digit(&mut self, now: Now, id: LegId, digit: char, millis: u32, form: Digits) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let call = leg.call;
        if leg.info_digits.replace(form) != Some(form) {
            if leg.media.open {
                // From now on it may get them so too, and then not as tones.
                self.open_media(id);
            }
            self.fact(Fact::Changed { call });
        }
        for other in self.hearers_of_digits(id) {
            if !self.send_info_digit(now, other, digit, millis)
                && let Some(leg) = self.legs.get(&other)
            {
                let (worker, stream) = (leg.media.port.worker, leg.media.stream);
                self.command(worker, Command::SendDtmf { stream, digit, millis });
            }
        }
        self.fact(Fact::Dtmf { call, leg: id, digit, millis });
    }

    /// From the media workers, which pass telephone-events and tones by themselves.
    pub(super) fn on_heard_digit(&mut self, now: Now, stream: StreamId, digit: char, millis: u32) {
        let Some(leg) = self.streams.get(&stream).and_then(|leg| self.legs.get(leg)) else { return };
        let (call, id) = (leg.call, leg.id);
        let others: SmallVec<[LegId; 2]> = self.hearers_of_digits(id);
        for other in others {
            self.send_info_digit(now, other, digit, millis);
        }
        self.fact(Fact::Dtmf { call, leg: id, digit, millis });
    }

    /// False: this leg wants no INFO.
    fn send_info_digit(&mut self, now: Now, id: LegId, digit: char, millis: u32) -> bool {
        let Some(leg) = self.legs.get(&id) else { return false };
        let Some(usage) = leg.signalling.usage() else { return false };
        let body = match leg.digits_by_info(self.stack.takes_info(usage)) {
            None | Some(Digits::Rtp) => return false,
            Some(Digits::InfoRelay) => Body::new(RELAY, format!("Signal={digit}\r\nDuration={millis}\r\n")),
            Some(Digits::InfoPlain) => Body::new(PLAIN, digit.to_string()),
        };
        self.stack.info(now, usage, body);
        true
    }

    /// Whether a leg's digits go by INFO: then none are made for it as events or tones.
    pub(super) fn gets_digits_by_info(&self, leg: &Leg) -> bool {
        let takes = leg.signalling.usage().is_some_and(|usage| self.stack.takes_info(usage));
        leg.digits_by_info(takes).is_some_and(|form| form != Digits::Rtp)
    }

    fn pass_info(&mut self, now: Now, id: LegId, request: &Message) {
        let Some(from) = self.legs.get(&id) else { return };
        let Some(peer) = from.peer.and_then(|peer| self.legs.get(&peer)).filter(|peer| peer.is_up()) else { return };
        let Some(usage) = peer.signalling.usage() else { return };
        let mut info = Request::inside(Method::Info, usage);
        info.headers = self.passing(from, request);
        info.headers.retain(|(name, _)| peer.media.quirks.passes(name));
        if !info.headers.is_empty() {
            self.stack.request(now, info);
        }
    }
}

impl Leg {
    /// How it wants digits that don't come with its sound; `takes`: it says that it takes INFO.
    fn digits_by_info(&self, takes: bool) -> Option<Digits> {
        match self.media.quirks.digits {
            // Who has no telephone-events and sends INFO wants INFO.
            Digits::Rtp => {
                let events = self.media.agreed.as_ref().is_some_and(|agreed| agreed.has_events());
                self.info_digits.filter(|_| takes && !events)
            }
            wanted @ (Digits::InfoRelay | Digits::InfoPlain) => Some(wanted),
        }
    }
}

/// `application/dtmf-relay` (`Signal=5`, `Duration=160`) or `application/dtmf` (`5`).
fn read_digit(content_type: &str, body: &[u8]) -> Option<(char, u32, Digits)> {
    let text = std::str::from_utf8(body).ok()?;
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let (signal, duration, form) = if kind.eq_ignore_ascii_case(RELAY) {
        let value = |wanted: &str| {
            text.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        (value("Signal")?, value("Duration"), Digits::InfoRelay)
    } else if kind.eq_ignore_ascii_case(PLAIN) {
        (text.trim(), None, Digits::InfoPlain)
    } else {
        return None;
    };
    let digit = match signal {
        "10" => '*',
        "11" => '#',
        _ => signal.chars().next().filter(|_| signal.len() == 1)?.to_ascii_uppercase(),
    };
    let millis = duration.and_then(|text| text.parse::<u32>().ok()).unwrap_or(USUAL_MILLIS).clamp(40, 5_000);
    matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D').then_some((digit, millis, form))
}
