//! The overload gate: a bounded lane for each kind of message, so that a flood of one kind starves no other.

use std::{collections::VecDeque, time::Duration};

use crate::{
    base::Instant,
    sip::Path,
    wire::sip::{Message, Method},
};

/// What is held back for the engine at most, by kind. At some ten thousand messages a second each is far under a second
/// of work; what does not fit is dropped (SIP sends again) or, for a new call, answered 503.
pub const DIALOG_WAITING_MAX: usize = 8_192;
pub const REGISTER_WAITING_MAX: usize = 4_096;
pub const INVITE_WAITING_MAX: usize = 2_048;
pub const OTHER_WAITING_MAX: usize = 1_024;

/// Octets held in one lane: a flood of messages of 64 KB must not fill the memory.
pub const LANE_OCTETS_MAX: usize = 16 << 20;

/// The oldest input waits longer than this: the switch is overloaded and takes no new call. Well under T1 (500 ms), so
/// that answers still leave before phones send again.
pub const OVERLOAD_AGE: Duration = Duration::from_millis(150);

/// It is over again when the oldest waits less than this.
pub const RELIEF_AGE: Duration = Duration::from_millis(30);

/// Places that an empty lane keeps.
const SPARE_MAX: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lane {
    /// Responses and requests inside dialogs, ACK and CANCEL: what lets calls end.
    Dialog,
    /// REGISTER of a device that is registered from there, or of a trunk.
    KnownRegister,
    Register,
    /// A new call.
    Invite,
    Other,
}

impl Lane {
    pub const ALL: [Self; 5] = [Self::Dialog, Self::KnownRegister, Self::Register, Self::Invite, Self::Other];

    /// By the message alone: whoever knows its source puts a REGISTER into the lane of those who are known.
    pub fn of(message: &Message) -> Self {
        match message.method() {
            None | Some(Method::Ack | Method::Bye | Method::Cancel | Method::Prack) => Self::Dialog,
            Some(_) if message.to_tag().is_some() => Self::Dialog,
            Some(Method::Register) => Self::Register,
            Some(Method::Invite) => Self::Invite,
            Some(_) => Self::Other,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::KnownRegister => "known_register",
            Self::Register => "register",
            Self::Invite => "invite",
            Self::Other => "other",
        }
    }

    fn waiting_max(self) -> usize {
        match self {
            Self::Dialog => DIALOG_WAITING_MAX,
            Self::KnownRegister | Self::Register => REGISTER_WAITING_MAX,
            Self::Invite => INVITE_WAITING_MAX,
            Self::Other => OTHER_WAITING_MAX,
        }
    }

    /// Messages taken in a round before the next lane has its turn.
    fn share(self) -> u32 {
        match self {
            Self::Dialog => 16,
            Self::KnownRegister | Self::Register | Self::Invite => 4,
            Self::Other => 1,
        }
    }
}

struct Waiting {
    since: Instant,
    path: Path,
    message: Message,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    octets: usize,
}

/// What a lane says to a message.
#[expect(clippy::large_enum_variant, reason = "moved once or twice; a box would cost an allocation a message")]
#[derive(Debug)]
pub enum Admission {
    Taken,
    /// No room or no time; the message is given back so that a new call can be told so.
    Refused(Message),
}

/// All lanes. Messages of one lane come out in the order they came in.
#[derive(Default)]
pub struct Lanes {
    queues: [Queue; Lane::ALL.len()],
    turn: usize,
    left: u32,
    overloaded: bool,
}

impl Lanes {
    pub fn push(&mut self, now: Instant, lane: Lane, path: Path, message: Message) -> Admission {
        if lane == Lane::Invite && self.judge(now) {
            return Admission::Refused(message);
        }
        self.put(now, lane, path, message)
    }

    /// A copy of a call that was let in already: it goes in whatever the load, behind the calls, as far as there is room.
    pub fn push_copy(&mut self, now: Instant, path: Path, message: Message) -> Admission {
        self.put(now, Lane::Invite, path, message)
    }

    fn put(&mut self, now: Instant, lane: Lane, path: Path, message: Message) -> Admission {
        let queue = &mut self.queues[lane as usize];
        let octets = message.bytes().len();
        if queue.waiting.len() >= lane.waiting_max() || queue.octets + octets > LANE_OCTETS_MAX {
            return Admission::Refused(message);
        }
        queue.octets += octets;
        queue.waiting.push_back(Waiting { since: now, path, message });
        Admission::Taken
    }

    /// Gives back what a flood has taken.
    pub fn rest(&mut self) {
        for queue in self.queues.iter_mut().filter(|queue| queue.waiting.is_empty()) {
            if queue.waiting.capacity() > SPARE_MAX {
                queue.waiting.shrink_to(SPARE_MAX);
            }
        }
    }

    /// The next message, each lane by its share.
    pub fn pop(&mut self) -> Option<(Path, Message)> {
        for _ in 0..=Lane::ALL.len() {
            if self.left > 0 {
                let queue = &mut self.queues[self.turn];
                if let Some(next) = queue.waiting.pop_front() {
                    self.left -= 1;
                    queue.octets -= next.message.bytes().len();
                    return Some((next.path, next.message));
                }
            }
            self.turn = (self.turn + 1) % Lane::ALL.len();
            self.left = Lane::ALL[self.turn].share();
        }
        None
    }

    pub fn len(&self) -> usize {
        self.queues.iter().map(|queue| queue.waiting.len()).sum()
    }

    pub fn waiting(&self, lane: Lane) -> usize {
        self.queues[lane as usize].waiting.len()
    }

    /// How long the oldest has waited.
    pub fn age(&self, now: Instant) -> Duration {
        let oldest = self.queues.iter().filter_map(|queue| queue.waiting.front()).map(|waiting| waiting.since).min();
        oldest.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Whether the switch is overloaded: by the age of the oldest input, with a gap between on and off.
    pub fn judge(&mut self, now: Instant) -> bool {
        let mark = if self.overloaded { RELIEF_AGE } else { OVERLOAD_AGE };
        self.overloaded = self.age(now) > mark;
        self.overloaded
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::sip::Transport;

    fn path() -> Path {
        let (local, remote) = ("127.0.0.1:5060".parse().unwrap(), "127.0.0.1:5070".parse().unwrap());
        Path { transport: Transport::Udp, local, remote, flow: None }
    }

    fn message(method: &str, number: usize, to_tag: &str) -> Message {
        let text = format!(
            "{method} sip:800@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{number}\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:800@b>{to_tag}\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text.into_bytes())).unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn push(lanes: &mut Lanes, now: Instant, message: Message) -> Admission {
        lanes.push(now, Lane::of(&message), path(), message)
    }

    /// SW-18: however many new calls wait, a REGISTER and a BYE get their turn.
    #[test]
    fn a_flood_of_new_calls_starves_nobody() {
        let mut lanes = Lanes::default();
        for number in 0..INVITE_WAITING_MAX {
            assert!(matches!(push(&mut lanes, at(0), message("INVITE", number, "")), Admission::Taken));
        }
        assert!(matches!(push(&mut lanes, at(0), message("INVITE", 9_999, "")), Admission::Refused(_)));
        push(&mut lanes, at(0), message("REGISTER", 1, ""));
        push(&mut lanes, at(0), message("BYE", 2, ";tag=x"));
        let next: Vec<_> = (0..10).filter_map(|_| lanes.pop()).filter_map(|(_, m)| m.method().cloned()).collect();
        assert!(next.contains(&Method::Register), "{next:?}");
        assert!(next.contains(&Method::Bye), "{next:?}");
    }

    /// SW-18: forged in-dialog requests don't hold up registrations.
    #[test]
    fn forged_requests_fill_their_own_lane_only() {
        let mut lanes = Lanes::default();
        for number in 0..DIALOG_WAITING_MAX + 10 {
            push(&mut lanes, at(0), message("BYE", number, ";tag=guess"));
        }
        assert_eq!(lanes.waiting(Lane::Dialog), DIALOG_WAITING_MAX);
        push(&mut lanes, at(0), message("REGISTER", 1, ""));
        let place = (0..100).position(|_| lanes.pop().is_some_and(|(_, m)| m.method() == Some(&Method::Register)));
        assert!(place.is_some_and(|place| place <= 20), "{place:?}");
    }

    /// SW-18: however many strangers want to register, who is registered gets his turn.
    #[test]
    fn sw_18_strangers_dont_hold_up_known_devices() {
        let mut lanes = Lanes::default();
        for number in 0..REGISTER_WAITING_MAX + 10 {
            push(&mut lanes, at(0), message("REGISTER", number, ""));
        }
        let known = message("REGISTER", 99_999, "");
        assert!(matches!(lanes.push(at(0), Lane::KnownRegister, path(), known), Admission::Taken));
        let place = (0..100).position(|_| lanes.pop().is_some_and(|(_, m)| m.call_id() == "99999"));
        assert!(place.is_some_and(|place| place <= 8), "{place:?}");
    }

    /// SW-18: old inputs close the door for new calls, and for nothing else, until they are worked off.
    #[test]
    fn new_calls_are_refused_while_inputs_are_old() {
        let mut lanes = Lanes::default();
        push(&mut lanes, at(0), message("OPTIONS", 1, ""));
        assert!(matches!(push(&mut lanes, at(100), message("INVITE", 2, "")), Admission::Taken));
        assert!(matches!(push(&mut lanes, at(200), message("INVITE", 3, "")), Admission::Refused(_)));
        assert!(matches!(push(&mut lanes, at(200), message("REGISTER", 4, "")), Admission::Taken));
        while lanes.pop().is_some() {}
        assert!(matches!(push(&mut lanes, at(201), message("INVITE", 5, "")), Admission::Taken));
    }

    #[test]
    fn octets_are_bounded_and_given_back() {
        let mut lanes = Lanes::default();
        let size = message("OPTIONS", 1, "").bytes().len();
        lanes.queues[Lane::Other as usize].octets = LANE_OCTETS_MAX - size;
        assert!(matches!(push(&mut lanes, at(0), message("OPTIONS", 1, "")), Admission::Taken));
        assert!(matches!(push(&mut lanes, at(0), message("OPTIONS", 2, "")), Admission::Refused(_)));
        assert!(lanes.pop().is_some());
        assert_eq!(lanes.queues[Lane::Other as usize].octets, LANE_OCTETS_MAX - size);
    }
}
