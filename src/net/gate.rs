//! Who is let in: known sources are spared limits, guessers and scanners are not even heard, and a call that was admitted
//! once stays so.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use aho_corasick::AhoCorasick;

use crate::{
    base::{Instant, network_of},
    engine::GateOrder,
    wire::sip::{Message, Name},
};

/// Sources of registered devices remembered. When it is full, further ones have no privilege.
pub const KNOWN_MAX: usize = 131_072;

/// Bans at once; when as many stand, the ones that end first make room.
pub const BANS_MAX: usize = 16_384;

/// New calls remembered, in each of two halves. When one is full, it becomes the older half at once.
pub const ADMITTED_MAX: usize = 65_536;

/// Longer than anybody sends an INVITE again (Timer B).
const ADMITTED_TIME: Duration = Duration::from_secs(32);

/// So often an INVITE is sent again before its sender gives up: six times by Timer A (RFC 3261 17.1.1.2), and as often as
/// any other request for those who cap its pauses. Nobody hears further copies.
const COPIES_MAX: u8 = 11;

/// Scanners whose coming was logged lately; of further ones only the number is told.
const SCANNERS_MAX: usize = 256;

/// A scanner is logged at most so often.
const SCANNER_PAUSE: Duration = Duration::from_secs(300);

/// Beyond this a table that has become empty gives its memory back.
const SPARE_MAX: usize = 1_024;

/// A call that was let in.
#[derive(Clone, Copy, Default)]
struct Admitted {
    /// Copies that have come.
    copies: u8,
    /// It was refused by an answer that left nothing behind: each copy is answered anew.
    refused: bool,
}

/// What an INVITE is to those that were let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copy {
    /// A new call.
    None,
    /// Sent again after it was let in: no new call, however busy we are.
    Admitted,
    /// Sent again after it was refused: it is judged by the rate, like a new one.
    Refused,
    /// Sent more often than anybody does.
    TooMany,
}

#[derive(Default)]
pub struct Gate {
    known: HashMap<SocketAddr, Instant>,
    /// By source (`network_of` its address). Without a user: the whole source.
    bans: HashMap<(IpAddr, Option<Box<str>>), Instant>,
    admitted: [HashMap<u64, Admitted>; 2],
    turned: Instant,
    /// Words in User-Agent by which scanners give themselves away.
    scanners: Option<AhoCorasick>,
    seen: HashMap<IpAddr, Instant>,
    hash: RandomState,
}

impl Gate {
    pub fn set_scanners(&mut self, words: &[String]) {
        let words = words.iter().filter(|word| !word.is_empty());
        // Fails with more words than memory has octets for, which no settings hold.
        self.scanners = AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok();
    }

    /// What the engine has found out.
    pub fn obey(&mut self, now: Instant, order: GateOrder) {
        match order {
            GateOrder::Known { remote, until } => {
                if self.known.len() < KNOWN_MAX || self.known.contains_key(&remote) {
                    // Of several who are registered from there, he who is so for longest.
                    let known = self.known.entry(remote).or_insert(until);
                    *known = until.max(*known);
                }
            }
            GateOrder::Unknown { remote } => drop(self.known.remove(&remote)),
            GateOrder::Ban { source, user, until } => {
                if self.bans.len() >= BANS_MAX {
                    self.forget_bans(now);
                }
                self.bans.insert((network_of(source), user), until);
            }
        }
    }

    /// Makes room: what is over goes, and if that is nothing, the half that ends first.
    fn forget_bans(&mut self, now: Instant) {
        self.bans.retain(|_, until| *until > now);
        if self.bans.len() >= BANS_MAX {
            let mut ends: Vec<Instant> = self.bans.values().copied().collect();
            let middle = ends.len() / 2;
            let (_, middle, _) = ends.select_nth_unstable(middle);
            let middle = *middle;
            self.bans.retain(|_, until| *until > middle);
        }
    }

    /// A device is registered from exactly there.
    pub fn is_known(&self, now: Instant, remote: SocketAddr) -> bool {
        self.known.get(&remote).is_some_and(|until| *until > now)
    }

    /// Whether a request comes from a source that is banned, or banned for the user that it names.
    pub fn is_banned(&self, now: Instant, remote: SocketAddr, request: &Message) -> bool {
        if self.bans.is_empty() || !request.is_request() || self.is_known(now, remote) {
            return false;
        }
        let source = network_of(remote.ip());
        let stands = |user| self.bans.get(&(source, user)).is_some_and(|until| *until > now);
        stands(None) || request.from().is_ok_and(|from| stands(Some(from.uri.user_decoded().into())))
    }

    /// Whether a request gives itself away as a scanner's. True the second time: it is worth a line in the log.
    pub fn is_scanner(&mut self, now: Instant, remote: SocketAddr, request: &Message) -> Option<bool> {
        let agent = request.header(Name::UserAgent).filter(|_| request.is_request())?;
        if !self.scanners.as_ref().is_some_and(|words| words.is_match(agent)) || self.is_known(now, remote) {
            return None;
        }
        let source = network_of(remote.ip());
        let late = self.seen.get(&source).is_none_or(|seen| now.since(*seen) >= SCANNER_PAUSE);
        let room = self.seen.len() < SCANNERS_MAX || self.seen.contains_key(&source);
        if late && room {
            self.seen.insert(source, now);
        }
        Some(late && room)
    }

    /// A new call was let in: what comes of it again is too.
    pub fn note_admitted(&mut self, now: Instant, invite: &Message) {
        if now.since(self.turned) >= ADMITTED_TIME || self.admitted[0].len() >= ADMITTED_MAX {
            self.turned = now;
            self.admitted.swap(0, 1);
            self.admitted[0] = HashMap::new();
        }
        let mark = self.mark(invite);
        // One that comes again begins no new count.
        if !self.admitted.iter().any(|half| half.contains_key(&mark)) {
            self.admitted[0].insert(mark, Admitted::default());
        }
    }

    /// It was refused by this answer, which left nothing behind.
    pub fn note_refused(&mut self, answer: &Message) {
        let mark = self.mark(answer);
        if let Some(admitted) = self.admitted.iter_mut().find_map(|half| half.get_mut(&mark)) {
            admitted.refused = true;
        }
    }

    /// It was not let in after all.
    pub fn forget_admitted(&mut self, invite: &Message) {
        let mark = self.mark(invite);
        for half in &mut self.admitted {
            half.remove(&mark);
        }
    }

    /// What an INVITE is to those that were let in. Counts it.
    pub fn copy(&mut self, invite: &Message) -> Copy {
        let mark = self.mark(invite);
        let Some(admitted) = self.admitted.iter_mut().find_map(|half| half.get_mut(&mark)) else { return Copy::None };
        if admitted.copies >= COPIES_MAX {
            return Copy::TooMany;
        }
        admitted.copies += 1;
        if admitted.refused { Copy::Refused } else { Copy::Admitted }
    }

    /// The same for a request and the answers to it.
    fn mark(&self, message: &Message) -> u64 {
        let via = message.top_via().ok();
        let place = via.map(|via| (via.branch(), via.port));
        self.hash.hash_one((place, message.call_id(), message.cseq().number))
    }

    /// Once a second or so: what is over is forgotten, and its memory given back.
    pub fn rest(&mut self, now: Instant) {
        if now.since(self.turned) >= ADMITTED_TIME {
            self.turned = now;
            self.admitted.swap(0, 1);
            self.admitted[0] = HashMap::new();
        }
        self.bans.retain(|_, until| *until > now);
        self.seen.retain(|_, seen| now.since(*seen) < SCANNER_PAUSE);
        if self.bans.is_empty() && self.bans.capacity() > SPARE_MAX {
            self.bans.shrink_to_fit();
        }
    }

    /// Sources whose registration has run out without a word.
    pub fn forget_expired(&mut self, now: Instant) {
        self.known.retain(|_, until| *until > now);
        if self.known.capacity() > SPARE_MAX.max(4 * self.known.len()) {
            self.known.shrink_to_fit();
        }
    }

    pub fn bans(&self) -> usize {
        self.bans.len()
    }

    pub fn known(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn request(method: &str, user: &str, agent: &str, number: u32) -> Message {
        let text = format!(
            "{method} sip:800@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{number}\r\n\
             From: <sip:{user}@b>;tag=1\r\nTo: <sip:800@b>\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\n\
             User-Agent: {agent}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text.into_bytes())).unwrap()
    }

    fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    fn ban(source: &str, user: Option<&str>, until: u64) -> GateOrder {
        GateOrder::Ban { source: source.parse().unwrap(), user: user.map(Box::from), until: at(until) }
    }

    /// SW-19: a ban is on source and user, ends by itself, and never touches the address of a registered device.
    #[test]
    fn a_ban_hits_the_guesser_alone_and_ends() {
        let mut gate = Gate::default();
        let (bad, good) = ("203.0.113.9:5060".parse().unwrap(), "203.0.113.9:5070".parse().unwrap());
        gate.obey(at(0), ban("203.0.113.9", Some("ana"), 60));
        gate.obey(at(0), GateOrder::Known { remote: good, until: at(600) });
        let ana = request("REGISTER", "ana", "x", 1);
        assert!(gate.is_banned(at(1), bad, &ana));
        assert!(!gate.is_banned(at(1), good, &ana), "her own phone behind the same NAT");
        assert!(!gate.is_banned(at(1), bad, &request("REGISTER", "rui", "x", 2)));
        assert!(!gate.is_banned(at(1), "203.0.113.8:5060".parse().unwrap(), &ana));
        assert!(!gate.is_banned(at(60), bad, &ana), "it is over");
        gate.obey(at(60), ban("203.0.113.9", None, 90));
        assert!(gate.is_banned(at(61), bad, &request("OPTIONS", "x", "x", 3)));
        assert!(!gate.is_banned(at(61), good, &request("OPTIONS", "x", "x", 3)));
        gate.rest(at(90));
        assert_eq!(gate.bans(), 0);
    }

    /// Of two who are registered from one address, he counts who is so for longer.
    #[test]
    fn an_address_is_known_as_long_as_anybody_is() {
        let mut gate = Gate::default();
        let remote = "203.0.113.9:5070".parse().unwrap();
        gate.obey(at(0), GateOrder::Known { remote, until: at(600) });
        gate.obey(at(1), GateOrder::Known { remote, until: at(60) });
        assert!(gate.is_known(at(100), remote) && !gate.is_known(at(600), remote));
    }

    /// SW-19: a ban is on the whole /64 of IPv6, but for the addresses of registered devices.
    #[test]
    fn sw_19_a_ban_is_on_the_whole_64() {
        let mut gate = Gate::default();
        let of = |text: &str| text.parse().unwrap();
        let known = of("[2001:db8:0:1::5]:5060");
        gate.obey(at(0), ban("2001:db8:0:1::1", Some("ana"), 60));
        gate.obey(at(0), GateOrder::Known { remote: known, until: at(600) });
        let ana = request("REGISTER", "ana", "x", 1);
        assert!(gate.is_banned(at(1), of("[2001:db8:0:1::2]:5060"), &ana));
        assert!(!gate.is_banned(at(1), known, &ana), "her own phone beside the guesser");
        assert!(!gate.is_banned(at(1), of("[2001:db8:0:2::1]:5060"), &ana));
    }

    /// SW-19: however many are banned, the table is bounded.
    #[test]
    fn bans_are_bounded() {
        let mut gate = Gate::default();
        for number in 0..BANS_MAX as u32 + 10 {
            let source = IpAddr::from(number.to_be_bytes());
            let until = at(100 + u64::from(number));
            gate.obey(at(0), GateOrder::Ban { source, user: None, until });
            assert!(gate.bans() <= BANS_MAX);
        }
        let last = SocketAddr::new(IpAddr::from((BANS_MAX as u32 + 9).to_be_bytes()), 5060);
        assert!(gate.is_banned(at(1), last, &request("OPTIONS", "x", "x", 1)));
    }

    /// SW-19: scanners that give their name are not heard; each is worth one line in the log.
    #[test]
    fn a_scanner_is_known_by_its_name() {
        let mut gate = Gate::default();
        gate.set_scanners(&[String::from("Friendly-Scanner")]);
        let from = "203.0.113.9:5060".parse().unwrap();
        let scan = request("OPTIONS", "100", "friendly-scanner", 1);
        assert_eq!(gate.is_scanner(at(0), from, &scan), Some(true));
        assert_eq!(gate.is_scanner(at(1), from, &scan), Some(false));
        assert_eq!(gate.is_scanner(at(1), from, &request("OPTIONS", "100", "Linphone/5", 1)), None);
    }

    /// SW-18: an INVITE that comes again is no new call, until nobody sends it any more, or it has come too often.
    #[test]
    fn what_was_admitted_is_known_for_a_while() {
        let mut gate = Gate::default();
        let invite = request("INVITE", "ana", "x", 1);
        assert_eq!(gate.copy(&invite), Copy::None);
        gate.note_admitted(at(100), &invite);
        gate.rest(at(131));
        assert_eq!(gate.copy(&invite), Copy::Admitted);
        assert_eq!(gate.copy(&request("INVITE", "ana", "x", 2)), Copy::None);
        gate.rest(at(140));
        assert!((2..=COPIES_MAX).all(|_| gate.copy(&invite) == Copy::Admitted));
        assert_eq!(gate.copy(&invite), Copy::TooMany, "nobody sends so often");
        gate.rest(at(180));
        gate.rest(at(220));
        assert_eq!(gate.copy(&invite), Copy::None);
        gate.note_admitted(at(220), &invite);
        assert_eq!(gate.copy(&invite), Copy::Admitted);
        gate.note_refused(&invite);
        gate.note_admitted(at(220), &invite);
        assert!((2..=COPIES_MAX).all(|_| gate.copy(&invite) == Copy::Refused));
        assert_eq!(gate.copy(&invite), Copy::TooMany);
        for number in 0..3 * ADMITTED_MAX as u32 {
            gate.note_admitted(at(221), &request("INVITE", "ana", "x", number));
        }
        assert!(gate.admitted.iter().map(HashMap::len).sum::<usize>() <= 2 * ADMITTED_MAX);
    }
}
