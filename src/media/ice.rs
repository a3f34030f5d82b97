//! ICE (RFC 8445) for one leg with one local socket: which of the peer's addresses is believed, and which is used.
//!
//! An address is believed once a check with the leg's password came from it, or our own check was answered with the
//! peer's. Nothing else on the shared socket is looked at: no DTLS, no sound.

use std::{net::SocketAddr, time::Duration};

use smallvec::SmallVec;

use super::link::{CANDIDATES_MAX, Credentials, Link, Side};
use crate::{
    base::{Chance, Instant},
    wire::stun::{Class, Message, Role, TransactionId, Writer},
};

/// Addresses of a peer: those that it named, and those that it was seen at.
pub const WAYS_MAX: usize = CANDIDATES_MAX + 8;

/// Between two checks of ours (RFC 8445 14.2).
const PACE: Duration = Duration::from_millis(50);

/// Before a check is sent again, doubled each time (RFC 8489 6.2.1), and how often in all.
const RESEND: Duration = Duration::from_millis(250);
const TRIES_MAX: u8 = 7;

/// Between checks of the way in use (RFC 7675 5.1); legs drift apart by up to as much again.
const CONSENT_EVERY: Duration = Duration::from_millis(3_000);

/// Without any signed word for so long the peer is gone, and nothing is sent to it (RFC 7675 5.1).
pub const CONSENT: Duration = Duration::from_secs(30);

/// ICE of one leg. Pure: hand each signed message in, send what it says.
#[derive(Debug)]
pub struct Ice {
    ours: Credentials,
    theirs: Credentials,
    side: Side,
    /// Stands in each check of ours, so that its answer finds this leg among those that share the socket.
    mark: u16,
    tie_breaker: u64,
    ways: SmallVec<[Way; 4]>,
    /// The way that was chosen.
    chosen: Option<SocketAddr>,
    /// The last signed word of the peer, or the beginning.
    heard_at: Instant,
    next_check: Instant,
    consent_due: Instant,
}

/// One address of the peer.
#[derive(Clone, Copy, Debug)]
struct Way {
    remote: SocketAddr,
    /// A signed word came from it.
    is_believed: bool,
    /// The peer chose it, or we do.
    is_nominated: bool,
    /// The last signed word that came from there.
    heard_at: Instant,
    check: Check,
}

/// Where our own check of a way stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Check {
    Due,
    Sent { transaction: TransactionId, nominates: bool, tries: u8, again: Instant },
    Passed,
    Failed,
}

/// What came of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It is not signed as it must be, or answers nothing: as if it had not come.
    Nothing,
    /// The sender is the peer.
    Believed,
}

impl Ice {
    pub fn new(now: Instant, link: &Link, mark: u16, chance: &mut Chance) -> Self {
        let mut ice = Self {
            ours: link.ours.clone(),
            theirs: link.theirs.clone(),
            side: link.side,
            mark,
            tie_breaker: chance.word(),
            ways: SmallVec::new(),
            chosen: None,
            heard_at: now,
            next_check: now,
            consent_due: now,
        };
        ice.add_candidates(link);
        ice
    }

    /// The mark in the transaction of a check of ours.
    pub const fn mark_of(transaction: TransactionId) -> u16 {
        u16::from_be_bytes([transaction[0], transaction[1]])
    }

    /// Whether a new description means this very ICE, and not a restart.
    pub fn is_of(&self, link: &Link) -> bool {
        self.ours == link.ours && self.theirs == link.theirs
    }

    /// More addresses of the peer, for who checks them.
    pub fn add_candidates(&mut self, link: &Link) {
        if self.side == Side::Lite {
            return;
        }
        for remote in link.candidates.iter().take(CANDIDATES_MAX) {
            self.way(*remote);
        }
    }

    /// The way in use: what we send goes there.
    pub fn chosen(&self, now: Instant) -> Option<SocketAddr> {
        self.chosen.filter(|_| !self.is_lost(now))
    }

    /// The peer has said nothing for too long.
    pub fn is_lost(&self, now: Instant) -> bool {
        now.since(self.heard_at) >= CONSENT
    }

    /// Whether a signed word of the peer came from there.
    pub fn believes(&self, remote: SocketAddr) -> bool {
        self.ways.iter().any(|way| way.remote == remote && way.is_believed)
    }

    /// A STUN message from the socket; its answer is sent to where it came from.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, message: &Message<'_>) -> (Heard, Option<Writer>) {
        match message.class {
            Class::Request => self.on_check(now, from, message),
            Class::Success | Class::Error => (self.on_answer(now, from, message), None),
            Class::Indication => (Heard::Nothing, None),
        }
    }

    /// It has chosen no way yet, and may still.
    pub fn is_seeking(&self, now: Instant) -> bool {
        self.chosen.is_none() && !self.is_lost(now)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, or the way is lost; `None` once it is: then only a
    /// word of the peer changes anything.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let lost = self.heard_at + CONSENT;
        if now >= lost {
            return None;
        }
        if self.side == Side::Lite || self.ways.iter().all(|way| way.check == Check::Failed) {
            return Some(lost);
        }
        let due = |way: &Way| match way.check {
            Check::Due => Some(self.next_check),
            Check::Sent { again, .. } => Some(again.max(self.next_check)),
            Check::Passed => (self.chosen == Some(way.remote)).then_some(self.consent_due.max(self.next_check)),
            Check::Failed => None,
        };
        Some(self.ways.iter().filter_map(due).fold(lost, Instant::min))
    }

    /// The next check of ours, and where it goes.
    pub fn handle_timeout(&mut self, now: Instant, chance: &mut Chance) -> Option<(SocketAddr, Writer)> {
        if self.side == Side::Lite || now < self.next_check || self.is_lost(now) {
            return None;
        }
        let at = self.next_way(now)?;
        let is_consent = self.ways[at].check == Check::Passed && self.chosen == Some(self.ways[at].remote);
        let nominates = self.side == Side::Controlling && (is_consent || self.ways[at].is_nominated);
        let mut transaction: TransactionId = chance.bytes();
        transaction[..2].copy_from_slice(&self.mark.to_be_bytes());
        let way = &mut self.ways[at];
        let tries = match way.check {
            Check::Sent { tries, .. } => tries + 1,
            Check::Due | Check::Passed | Check::Failed => 1,
        };
        if tries > TRIES_MAX {
            way.check = Check::Failed;
            return None;
        }
        // A check that is sent again has its own number: then an answer tells which one it was (and nobody guesses it).
        way.check = Check::Sent { transaction, nominates, tries, again: now + RESEND * (1 << (tries - 1)) };
        self.next_check = now + PACE;
        let role = match self.side {
            Side::Controlling => Role::Controlling(self.tie_breaker),
            Side::Controlled | Side::Lite => Role::Controlled(self.tie_breaker),
        };
        let writer = Writer::new(Class::Request, transaction)
            .username(&self.theirs.fragment, &self.ours.fragment)
            .priority(PRIORITY_REFLEXIVE)
            .use_candidate(nominates)
            .role(role)
            .sign(self.theirs.password.reveal());
        Some((way.remote, writer))
    }

    /// A check of the peer (RFC 8445 7.3).
    fn on_check(&mut self, now: Instant, from: SocketAddr, message: &Message<'_>) -> (Heard, Option<Writer>) {
        let is_ours = message.fragments().is_some_and(|(ours, _)| ours == &*self.ours.fragment);
        if !is_ours || !message.is_signed_with(self.ours.password.reveal()) {
            return (Heard::Nothing, None);
        }
        let answer = |class| Writer::new(class, message.transaction);
        let is_contested = self.is_contested(message.role);
        let password = self.ours.password.reveal();
        if message.has_unknown {
            return (Heard::Nothing, Some(answer(Class::Error).error(420).sign(password)));
        }
        if is_contested {
            return (Heard::Nothing, Some(answer(Class::Error).error(487).sign(password)));
        }
        let reply = answer(Class::Success).mapped(from).sign(password);
        self.heard_at = now;
        let (side, chosen) = (self.side, self.chosen);
        let Some(way) = self.way_heard(from) else { return (Heard::Nothing, None) };
        (way.is_believed, way.heard_at) = (true, now);
        if way.check == Check::Failed {
            way.check = Check::Due;
        }
        let takes = message.use_candidate && side != Side::Controlling;
        way.is_nominated |= takes;
        // One that checks waits for its own check to pass, but does not leave the peer waiting for sound meanwhile.
        if takes && (side == Side::Lite || way.check == Check::Passed || chosen.is_none()) {
            self.chosen = Some(from);
        }
        (Heard::Believed, Some(reply))
    }

    /// Whether we insist on a part that the peer claims as well; else we leave it to it (RFC 8445 7.3.1.1).
    fn is_contested(&mut self, theirs: Option<Role>) -> bool {
        let (side, other) = match (self.side, theirs) {
            (Side::Controlling, Some(Role::Controlling(tie))) if self.tie_breaker >= tie => return true,
            (Side::Controlled, Some(Role::Controlled(tie))) if self.tie_breaker < tie => return true,
            (Side::Controlling, Some(Role::Controlling(_))) => (Side::Controlled, true),
            (Side::Controlled, Some(Role::Controlled(_))) => (Side::Controlling, true),
            (side, _) => (side, false),
        };
        if other {
            self.take_side(side);
        }
        false
    }

    /// An answer to a check of ours (RFC 8445 7.2.5).
    fn on_answer(&mut self, now: Instant, from: SocketAddr, message: &Message<'_>) -> Heard {
        let asked =
            |way: &&mut Way| matches!(way.check, Check::Sent { transaction, .. } if transaction == message.transaction);
        let Some(way) = self.ways.iter_mut().find(asked).filter(|way| way.remote == from) else {
            return Heard::Nothing;
        };
        if !message.is_signed_with(self.theirs.password.reveal()) {
            return Heard::Nothing;
        }
        if message.class == Class::Error {
            let lost_part = message.error == Some(487);
            way.check = if lost_part { Check::Due } else { Check::Failed };
            if lost_part {
                self.take_side(if self.side == Side::Controlling { Side::Controlled } else { Side::Controlling });
            }
            return Heard::Nothing;
        }
        let nominated = matches!(way.check, Check::Sent { nominates: true, .. }) || way.is_nominated;
        (way.check, way.is_believed, way.heard_at) = (Check::Passed, true, now);
        self.heard_at = now;
        self.consent_due = now + CONSENT_EVERY + Duration::from_millis(self.tie_breaker % 3_000);
        if nominated {
            self.chosen = Some(from);
        } else if self.must_nominate() && !self.ways.iter().any(|way| way.is_nominated) {
            self.nominate(from);
        }
        Heard::Believed
    }

    fn take_side(&mut self, side: Side) {
        self.side = side;
        self.ways.iter_mut().for_each(|way| way.is_nominated = false);
    }

    /// We choose, and have not yet.
    fn must_nominate(&self) -> bool {
        self.side == Side::Controlling && self.chosen.is_none()
    }

    /// The first that works is good enough: there is one socket of ours.
    fn nominate(&mut self, remote: SocketAddr) {
        if let Some(way) = self.ways.iter_mut().find(|way| way.remote == remote) {
            (way.is_nominated, way.check) = (true, Check::Due);
        }
    }

    /// Which way to check next: one that waits, else one whose check gets no answer, else the one in use.
    fn next_way(&self, now: Instant) -> Option<usize> {
        let due = self.ways.iter().position(|way| way.check == Check::Due);
        let resent = || self.ways.iter().position(|way| matches!(way.check, Check::Sent { again, .. } if again <= now));
        let at = due.or_else(resent);
        let in_use = |way: &Way| way.check == Check::Passed && self.chosen == Some(way.remote);
        at.or_else(|| self.ways.iter().position(in_use).filter(|_| now >= self.consent_due))
    }

    /// The way to an address that the peer has just been heard at. Where there are too many, the one that was heard longest
    /// ago goes: a NAT may give the peer new ports as often as it likes.
    fn way_heard(&mut self, remote: SocketAddr) -> Option<&mut Way> {
        if self.ways.len() >= WAYS_MAX && !self.ways.iter().any(|way| way.remote == remote) {
            let spare = self.ways.iter().enumerate().filter(|(_, way)| self.chosen != Some(way.remote));
            let (oldest, _) = spare.min_by_key(|(_, way)| way.heard_at)?;
            self.ways.remove(oldest);
        }
        self.way(remote)
    }

    /// The way to an address, new or known; `None` when there are too many.
    fn way(&mut self, remote: SocketAddr) -> Option<&mut Way> {
        let at = self.ways.iter().position(|way| way.remote == remote);
        let at = match at {
            Some(at) => at,
            None if self.ways.len() < WAYS_MAX => {
                let (is_believed, is_nominated) = (false, false);
                self.ways.push(Way { remote, is_believed, is_nominated, heard_at: Instant::ZERO, check: Check::Due });
                self.ways.len() - 1
            }
            None => return None,
        };
        self.ways.get_mut(at)
    }
}

/// Of the candidate that a peer learns from our checks (RFC 8445 5.1.2.1): type preference 110, the only address.
const PRIORITY_REFLEXIVE: u32 = 110 << 24 | 65_535 << 8 | 255;

#[cfg(test)]
mod tests;
