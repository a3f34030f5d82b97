//! The media half of a phone's call: it speaks its tone, and listens.

use std::{collections::VecDeque, net::SocketAddr};

use strowger::{
    base::Instant,
    media::{PROTECTION_BYTES_MAX, Secure},
};

use super::fax::Fax;
use super::keys::{self, Key};
use super::sdp::{Abilities, Described, Flow};
use crate::sim::{
    sound::{Ear, FRAME, Voice},
    speech::{Coding, Speech},
};

/// When a phone speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Talk {
    #[default]
    Always,
    /// A quarter of a second in every two seconds: enough to be judged by, and cheap over a long day.
    Sparsely,
    /// It has lost its microphone, its network or its battery.
    Never,
}

/// Packets in one spell of sparse talk, and the pause after it.
const SPELL: u64 = 14;
const SPELL_EVERY: u64 = 100;

/// Packets of one digit: 100 ms, then the end three times (RFC 4733 2.5.1.4).
const DIGIT_PACKETS: u16 = 5;

#[derive(Debug)]
pub struct Media {
    pub rtp: SocketAddr,
    pub voice: Voice,
    pub talk: Talk,
    pub ear: Ear,
    /// Digits heard as telephone-event.
    pub digits: String,
    /// RTCP that came to the port of RTP.
    pub reports: Vec<Vec<u8>>,
    /// Their latest description.
    pub theirs: Option<Described>,
    /// What we may do, as settled last.
    pub flow: Flow,
    pub remote: Option<SocketAddr>,
    /// What it speaks now, and the payload type of that.
    pub law: Option<(u8, Coding)>,
    /// Payload types of telephone-event: theirs to send with, ours to receive.
    pub event: (Option<u8>, Option<u8>),
    pub session: (u64, u64),
    /// Of a browser, or of a phone with keys: nothing goes in the clear.
    pub guard: Option<Secure>,
    /// Packets that its keys did not open, or that came under a number twice.
    pub unopened: usize,
    /// Its own, of a phone with keys.
    key: Option<Key>,
    /// In place of the voice.
    pub fax: Option<Fax>,
    pressed: Vec<(char, u16)>,
    /// To be said in the voice's place.
    said: VecDeque<i16>,
    last_digit: Option<u32>,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    frames: u64,
    speech: Option<Speech>,
}

impl Media {
    pub fn new(rtp: SocketAddr, voice: Voice, talk: Talk, draw: u64) -> Self {
        Self {
            rtp,
            voice,
            talk,
            ear: Ear::default(),
            digits: String::new(),
            reports: Vec::new(),
            theirs: None,
            flow: Flow::SendRecv,
            remote: None,
            law: None,
            event: (None, None),
            session: (draw >> 33, 1),
            guard: None,
            unopened: 0,
            key: None,
            fax: None,
            pressed: Vec::new(),
            said: VecDeque::new(),
            last_digit: None,
            ssrc: draw as u32,
            sequence: (draw >> 40) as u16,
            timestamp: (draw >> 17) as u32,
            frames: 0,
            speech: None,
        }
    }

    /// Takes the other side's description; `ours` is what we answered or offered with.
    pub fn settle(&mut self, theirs: &Described, abilities: &Abilities, flow: Flow) {
        let common = theirs.codecs.iter().find(|(_, coding)| abilities.codecs.iter().any(|(_, own)| own == coding));
        if let Some(common) = common.copied()
            && self.law != Some(common)
        {
            self.law = Some(common);
            self.speech = Some(Speech::new(common.1, self.voice));
        }
        self.fax = None;
        self.theirs = Some(theirs.clone());
        self.remote = theirs.rtp.or(self.remote);
        self.event.0 = theirs.event;
        self.flow = flow;
        if let Some(ours) = self.key {
            let theirs = theirs.key.expect("who offers keys is answered with keys, and asked with them");
            keys::agree(&mut self.guard, ours, theirs);
        }
    }

    /// Its description, with a key if it has one.
    pub fn described(&mut self, text: String, is_secure: bool) -> String {
        if is_secure {
            let octet = self.ssrc as u8;
            let key = *self.key.get_or_insert_with(|| std::array::from_fn(|at| octet.wrapping_add(at as u8)));
            return keys::protected(&text, &key);
        }
        text
    }

    /// Its next description brings another key, as that of many a desk phone does.
    pub fn changes_key(&mut self) {
        self.key = self.key.map(|key| key.map(|octet| octet.wrapping_add(101)));
    }

    /// Its numbers go on from that.
    pub const fn counts_from(&mut self, sequence: u16) {
        self.sequence = sequence;
    }

    /// What it sends as.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn press(&mut self, digit: char) {
        self.pressed.push((digit, 0));
    }

    pub fn utter(&mut self, samples: impl IntoIterator<Item = i16>) {
        self.said.extend(samples);
    }

    /// The packet of the next 20 ms, if there is something to say.
    pub fn speak(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        if let Some(fax) = &mut self.fax {
            return fax.next(self.voice.0 as u8);
        }
        let (to, mut packet) = self.say()?;
        if let Some(guard) = &mut self.guard {
            let len = packet.len();
            packet.resize(len + PROTECTION_BYTES_MAX, 0);
            let len = guard.protect(&mut packet, len)?;
            packet.truncate(len);
        }
        Some((to, packet))
    }

    fn say(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (payload_type, coding) = self.law?;
        let remote = self.remote?;
        let frame = self.frames;
        self.frames += 1;
        let timestamp = self.timestamp.wrapping_add((frame * u64::from(coding.step())) as u32);
        if let Some(packet) = self.digit(timestamp) {
            return Some((remote, packet));
        }
        if !self.said.is_empty() && self.flow.sends() {
            let said = &mut self.said;
            let octets = self.speech.as_mut()?.write(|| said.pop_front().unwrap_or(0));
            return Some((remote, self.packet(payload_type, frame == 0, timestamp, &octets)));
        }
        let speaks = match self.talk {
            Talk::Always => true,
            Talk::Sparsely => frame % SPELL_EVERY < SPELL,
            Talk::Never => false,
        };
        if !speaks || !self.flow.sends() {
            return None;
        }
        let octets = self.speech.as_mut()?.voice(self.voice, frame * FRAME as u64);
        Some((remote, self.packet(payload_type, frame == 0, timestamp, &octets)))
    }

    fn digit(&mut self, timestamp: u32) -> Option<Vec<u8>> {
        let payload_type = self.event.0?;
        let (digit, sent) = self.pressed.first_mut()?;
        let (code, step) = ("0123456789*#ABCD".find(*digit)? as u8, *sent);
        *sent += 1;
        let is_end = step >= DIGIT_PACKETS;
        let duration = (step.min(DIGIT_PACKETS - 1) + 1) * FRAME as u16;
        // One event keeps the timestamp of its start.
        let start = timestamp.wrapping_sub(u32::from(step) * FRAME as u32);
        if step >= DIGIT_PACKETS + 2 {
            self.pressed.remove(0);
        }
        let volume = if is_end { 0x80 | 10 } else { 10 };
        let [high, low] = duration.to_be_bytes();
        Some(self.packet(payload_type, step == 0, start, &[code, volume, high, low]))
    }

    fn packet(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }

    pub fn hear(&mut self, now: Instant, packet: &[u8]) {
        if let Some(fax) = &mut self.fax {
            // The last of the sound: a machine would take it for a datagram far ahead.
            let is_rtp = packet.len() > 12 && packet[0] == 0x80;
            return fax.got.extend((!is_rtp).then(|| packet.to_vec()));
        }
        let mut opened = packet.to_vec();
        let packet = match &mut self.guard {
            None => packet,
            Some(guard) => match guard.unprotect(&mut opened) {
                Some(len) => &opened[..len],
                None => return self.unopened += 1,
            },
        };
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3, payload @ ..] = packet else { return };
        if first >> 6 != 2 {
            return;
        }
        if (192..=223).contains(second) {
            return self.reports.push(packet.to_vec());
        }
        let payload_type = second & 0x7f;
        let sequence = u16::from_be_bytes([*s0, *s1]);
        let timestamp = u32::from_be_bytes([*t0, *t1, *t2, *t3]);
        let ssrc = u32::from_be_bytes([*r0, *r1, *r2, *r3]);
        if self.event.1 == Some(payload_type) && payload.len() == 4 {
            if payload[1] & 0x80 != 0 && self.last_digit != Some(timestamp) {
                self.last_digit = Some(timestamp);
                self.digits.extend("0123456789*#ABCD".chars().nth(usize::from(payload[0])));
            }
            self.ear.hear(now, ssrc, sequence, Vec::new());
            return;
        }
        let coding = match (payload_type, self.law) {
            (_, Some((number, coding))) if number == payload_type => coding,
            (0, _) => Coding::Mu,
            (8, _) => Coding::A,
            (other, _) => return self.ear.strange_payload_types.push(other),
        };
        let known = self.speech.as_mut().filter(|_| self.law.is_some_and(|law| law.1 == coding));
        let samples = match known {
            Some(speech) => speech.read(payload, coding),
            // What came before the description that changed it.
            None => Speech::new(coding, self.voice).read(payload, coding),
        };
        self.ear.hear(now, ssrc, sequence, samples);
    }
}
