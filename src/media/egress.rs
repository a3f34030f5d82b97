//! What a leg hears: one SSRC with continuous sequence numbers and timestamps for its whole life, whoever speaks.

mod relayed;

use std::{sync::Arc, time::Duration};

use super::{
    Codec, Form, Standing,
    beside::Beside,
    codec::{Encoder, FRAME},
    cut::Cut,
    digits::{Opens, SEGMENT, Sending, Step},
    g711,
    past::Past,
    player::{Grain, Player},
    srtp::TAIL_MAX,
    tones,
};
use crate::{
    base::{Instant, PlayId},
    wire::rtp::{HEADER_BYTES, Header},
};
use relayed::Relayed;

/// The longest packet that we make ourselves, in milliseconds.
const FRAME_MILLIS_MAX: u16 = 60;

/// Frames sent at once after a late tick; what is older is left out, and the timestamps say so.
const CATCH_UP_FRAMES_MAX: u32 = 3;

/// What was heard so lately has something to follow on it.
const JOINT_TIME_MAX: Duration = Duration::from_millis(100);

/// Octets of the largest packet that we make ourselves, and what protects it.
pub const OWN_PACKET_BYTES_MAX: usize = OWN_PLAIN_BYTES_MAX + TAIL_MAX;

const OWN_PLAIN_BYTES_MAX: usize = HEADER_BYTES + FRAME_MILLIS_MAX as usize * 8;

/// A leg's sending half.
#[derive(Debug)]
pub struct Egress {
    pub ssrc: u32,
    /// Of the last packet sent.
    sequence: u16,
    /// Where the last packet began on the leg's own time line, and how much of it it covered.
    timestamp: u32,
    length: u32,
    sent_at: Option<Instant>,
    feed: Feed,
    pub packets: u64,
    pub octets: u64,
    pub player: Option<Player>,
    /// A clip that is heard along with the talk, in a mix.
    pub beside: Option<Box<Beside>>,
    pub digits: Sending,
    /// A digit as tones, for a leg without telephone-event.
    digit_tones: Option<Player>,
    event_timestamp: u32,
    /// The next packet follows on something else, and must not begin with a click.
    eases_in: bool,
    /// The mix that comes next begins with the end of what was relayed: it follows on it already.
    is_primed: bool,
    /// What was relayed since has gone past the encoder: what that remembers is not what the leg's decoder does.
    is_stale: bool,
    /// Of G.722, whose decoder can't be told to begin anew; an Opus decoder takes a new beginning as one.
    past: Past,
    /// Where what the leg heard last stood at its end, where that can be read off it.
    level: i16,
    /// For what is not relayed, on a leg that has been sent such.
    encoder: Option<Box<Encoder>>,
    /// When our own next frame goes out.
    pub due: Instant,
    /// Of the wake-up that the stream waits for, while its `is_queued`.
    pub ticket: u32,
    pub is_queued: bool,
}

/// Where the last packet came from.
#[derive(Debug)]
enum Feed {
    Idle,
    Relay(Relayed),
    /// Players and digits; the timestamp of the next frame.
    Own {
        next: u32,
        begins: bool,
    },
}

/// What a tick of our own frames gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// So many octets to send.
    Packet(usize),
    /// Nothing this time.
    Quiet,
    /// That player came to its end; ask again.
    Finished(PlayId),
    /// Nothing more to make.
    Done,
}

impl Egress {
    pub fn new(standing: &Standing) -> Self {
        Self {
            ssrc: standing.ssrc,
            sequence: (standing.index & 0xffff) as u16,
            timestamp: standing.timestamp,
            length: 0,
            sent_at: None,
            feed: Feed::Idle,
            packets: 0,
            octets: 0,
            player: None,
            beside: None,
            digits: Sending::default(),
            digit_tones: None,
            event_timestamp: 0,
            eases_in: false,
            is_primed: false,
            is_stale: false,
            past: Past::default(),
            level: 0,
            encoder: None,
            due: Instant::ZERO,
            ticket: 0,
            is_queued: false,
        }
    }

    /// Of the last packet sent.
    pub const fn numbers(&self) -> (u16, u32) {
        (self.sequence, self.timestamp)
    }

    /// Does the leg hear what we make, so that nothing is relayed to it?
    pub fn is_busy(&self) -> bool {
        self.player.is_some() || self.digit_tones.is_some() || !self.digits.is_idle()
    }

    /// Our own frames begin: right behind what the leg heard last.
    pub fn begin(&mut self, now: Instant, form: &Form) {
        if matches!(self.feed, Feed::Own { .. }) && self.due > now {
            return;
        }
        let frame = Duration::from_millis(u64::from(frame_millis(form)));
        self.due = self.sent_at.map_or(now, |sent_at| (sent_at + frame).max(now));
    }

    /// Makes our next frame into `packet`. `due` moves on by one frame, and so does what is played, even while the leg
    /// can't be sent anything.
    pub fn frame(
        &mut self,
        now: Instant,
        form: &Form,
        is_open: bool,
        packet: &mut [u8; OWN_PACKET_BYTES_MAX],
    ) -> Frame {
        if !self.is_busy() {
            self.pause_own();
            return Frame::Done;
        }
        let millis = frame_millis(form);
        let samples = usize::from(millis) * 8;
        let length = u32::from(millis) * (form.codec.clock_hz() / 1_000);
        self.keep_up(now, millis, samples, length);
        let (next, begins) = match self.feed {
            Feed::Own { next, begins } => (next, begins),
            Feed::Idle | Feed::Relay(_) => (self.follow_on(now, form), true),
        };
        self.catch_up(form);
        let level = self.level_at(now);
        if let Some(player) = &mut self.player {
            player.follow(level, begins);
        }
        let made = self.make(form, is_open, next, begins, &mut packet[..HEADER_BYTES + samples]);
        if let Frame::Finished(_) = made {
            self.feed = Feed::Own { next, begins };
            return made;
        }
        self.due += Duration::from_millis(u64::from(millis));
        let is_sent = matches!(made, Frame::Packet(_));
        self.feed = Feed::Own { next: next.wrapping_add(length), begins: !is_sent && begins };
        if is_sent {
            (self.timestamp, self.length, self.sent_at) = (next, length, Some(now));
        }
        made
    }

    /// Takes a frame of a mix for this leg, and makes a packet into `packet` when there is enough for one; tells its
    /// octets. What we play goes first.
    pub fn mixed(
        &mut self,
        now: Instant,
        form: &Form,
        is_open: bool,
        sound: &mut [i16; FRAME],
        packet: &mut [u8; OWN_PACKET_BYTES_MAX],
    ) -> Option<usize> {
        if self.is_busy() {
            self.encoder(form)?.clear();
            self.is_primed = false;
            return None;
        }
        self.catch_up(form);
        let millis = coded_millis(form);
        let follows = if form.codec.is_g711() { None } else { self.level_at(now).filter(|_| self.begins_mix()) };
        let encoder = self.encoder(form)?;
        if let Some(level) = follows.filter(|_| encoder.is_empty()) {
            ease_in(sound, level);
        }
        encoder.push(sound);
        let len = HEADER_BYTES + encoder.packet(millis, &mut packet[HEADER_BYTES..OWN_PLAIN_BYTES_MAX])?;
        let length = u32::from(millis) * (form.codec.clock_hz() / 1_000);
        let (next, begins) = match self.feed {
            Feed::Own { next, begins } => (next, begins),
            Feed::Idle | Feed::Relay(_) => (self.follow_on(now, form), true),
        };
        self.feed = Feed::Own { next: next.wrapping_add(length), begins: !is_open && begins };
        if !is_open {
            return None;
        }
        let level = self.level_at(now);
        (self.timestamp, self.length, self.sent_at) = (next, length, Some(now));
        self.eases_in |= begins && !std::mem::take(&mut self.is_primed) && level.is_some();
        self.join(form.codec, level, &mut packet[HEADER_BYTES..len]);
        if !form.codec.is_g711() {
            self.level = sound[FRAME - 1];
        }
        self.head_sound(form, next, begins, &mut packet[..len]);
        Some(len)
    }

    /// Has a clip be heard along with the talk.
    pub fn lay_beside(&mut self, player: Player) {
        match &mut self.beside {
            Some(beside) => beside.play(player),
            None => self.beside = Some(Box::new(Beside::new(player))),
        }
    }

    /// Lays such a clip over a frame of the talk; tells which has ended. What we play goes first, and it rests.
    pub fn accompany(&mut self, talk: &mut [i32; FRAME]) -> Option<PlayId> {
        if self.is_busy() {
            return None;
        }
        let ended = self.beside.as_mut()?.lay(talk);
        if self.beside.as_ref().is_some_and(|beside| beside.is_over()) {
            self.beside = None;
        }
        ended
    }

    /// What is mixed next follows on something else.
    fn begins_mix(&self) -> bool {
        !matches!(self.feed, Feed::Own { .. }) && !self.is_primed
    }

    /// Where what the leg hears stands now: nothing was heard for longer than a packet takes, `None`.
    fn level_at(&self, now: Instant) -> Option<i16> {
        self.sent_at.filter(|sent_at| now.since(*sent_at) <= JOINT_TIME_MAX).map(|_| self.level)
    }

    /// Has a packet begin where what was heard before it stood, if it follows on something else.
    fn join(&mut self, codec: Codec, level: Option<i16>, payload: &mut [u8]) {
        if std::mem::take(&mut self.eases_in) {
            g711::ease_in(payload, codec, level.unwrap_or(0));
        }
        self.level = payload.last().map_or(0, |octet| g711::level(codec, *octet));
    }

    /// The leg was relayed what ended so, and a mix goes on from there.
    pub fn prime(&mut self, form: &Form, past: &[i16]) {
        if self.is_busy() {
            // What plays goes on.
            return;
        }
        if let Some(encoder) = self.encoder(form) {
            encoder.prime(past);
            (self.is_primed, self.is_stale) = (true, false);
        }
    }

    /// Where the leg has heard what did not come from its encoder, that is brought to where the leg's decoder stands.
    fn catch_up(&mut self, form: &Form) {
        if !form.codec.has_memory() || !std::mem::take(&mut self.is_stale) {
            return;
        }
        let past = if form.codec == Codec::G722 { self.past.sound() } else { Vec::new() };
        self.level = past.last().copied().unwrap_or(0);
        if let Some(encoder) = self.encoder(form) {
            encoder.prime(&past);
        }
    }

    /// The relay goes on where a mix stopped.
    pub fn ease_in(&mut self) {
        self.eases_in = true;
    }

    /// No mix feeds the leg any more.
    pub fn pause_mix(&mut self) {
        if !self.is_busy() {
            self.pause_own();
        }
    }

    fn encoder(&mut self, form: &Form) -> Option<&mut Encoder> {
        if !self.encoder.as_ref().is_some_and(|encoder| encoder.suits(form.codec, form.wishes)) {
            self.encoder = Encoder::new(form.codec, form.wishes).map(Box::new);
        }
        self.encoder.as_deref_mut()
    }

    /// The timestamp of a sender report made now.
    pub fn timestamp_at(&self, now: Instant, clock_hz: u32) -> u32 {
        let since = self.sent_at.map_or(Duration::ZERO, |sent_at| now.since(sent_at));
        self.timestamp.wrapping_add(units(since, clock_hz))
    }

    /// Sent anything since?
    pub fn has_sent_since(&self, since: Instant) -> bool {
        self.sent_at.is_some_and(|sent_at| sent_at >= since)
    }

    /// What the relay brings next is a new beginning, not a loss.
    pub fn pause_relay(&mut self) {
        if matches!(self.feed, Feed::Relay(_)) {
            self.feed = Feed::Idle;
        }
    }

    fn pause_own(&mut self) {
        if matches!(self.feed, Feed::Own { .. }) {
            self.feed = Feed::Idle;
        }
    }

    /// The timestamp of what follows the last packet: right behind it, or as many whole frames later as time has
    /// passed.
    fn follow_on(&self, now: Instant, form: &Form) -> u32 {
        let Some(sent_at) = self.sent_at else {
            return self.timestamp;
        };
        let frame = 20 * (form.codec.clock_hz() / 1_000);
        let passed = units(now.since(sent_at), form.codec.clock_hz());
        let whole = (passed.wrapping_add(frame / 2) / frame).wrapping_mul(frame);
        self.timestamp.wrapping_add(whole.max(self.length))
    }

    /// A tick that comes far too late leaves out what can't be made up for.
    fn keep_up(&mut self, now: Instant, millis: u16, samples: usize, length: u32) {
        let behind = now.since(self.due).as_millis() / u128::from(millis);
        let missed = u32::try_from(behind).unwrap_or(u32::MAX).saturating_sub(CATCH_UP_FRAMES_MAX);
        if missed == 0 {
            return;
        }
        self.due += Duration::from_millis(u64::from(millis)) * missed;
        if let Some(player) = &mut self.player {
            // Half a day late at most; a loop finds its place again anyway.
            player.skip(samples.saturating_mul(missed.min(1 << 21) as usize));
        }
        if let Feed::Own { next, .. } = &mut self.feed {
            *next = next.wrapping_add(length.wrapping_mul(missed));
        }
    }

    fn make(&mut self, form: &Form, is_open: bool, timestamp: u32, begins: bool, packet: &mut [u8]) -> Frame {
        if self.digit_tones.is_none()
            && let Some(types) = form.telephone_event
            && let Some(step) = self.digits.step(u32::from(frame_millis(form)), form.event_hz)
        {
            return match step {
                Step::Event { payload, opens } => {
                    match opens {
                        Opens::Nothing => {}
                        Opens::Digit => self.event_timestamp = timestamp,
                        Opens::Segment => self.event_timestamp = self.event_timestamp.wrapping_add(SEGMENT),
                    }
                    if is_open { self.event(types.send, payload, opens == Opens::Digit, packet) } else { Frame::Quiet }
                }
                Step::Pause => Frame::Quiet,
            };
        }
        if self.digit_tones.is_none() && form.telephone_event.is_none() {
            self.digit_tones = self
                .digits
                .take()
                .and_then(|(digit, millis)| Player::new(PlayId(0), [Arc::new(tones::dtmf(digit, millis)?)], false));
        }
        if let Some(ended) = self.player.as_mut().and_then(Player::take_ended) {
            return Frame::Finished(ended);
        }
        let (_, payload) = packet.split_at_mut(HEADER_BYTES);
        let made = if form.codec.is_g711() {
            self.narrow(form.codec, is_open, payload)
        } else {
            self.wide(form, is_open, payload)
        };
        let len = match made {
            Ok(len) => len,
            Err(instead) => return instead,
        };
        let packet = &mut packet[..HEADER_BYTES + len];
        self.head_sound(form, timestamp, begins, packet);
        Frame::Packet(packet.len())
    }

    /// A packet's octets of what plays, in a law of G.711.
    fn narrow(&mut self, codec: Codec, is_open: bool, payload: &mut [u8]) -> Result<usize, Frame> {
        self.fill(codec, is_open, payload)?;
        self.level = payload.last().map_or(0, |octet| g711::level(codec, *octet));
        Ok(payload.len())
    }

    /// The same in a codec that is wide; tells how many octets there are.
    fn wide(&mut self, form: &Form, is_open: bool, payload: &mut [u8]) -> Result<usize, Frame> {
        let mut pairs = [[0; 2]; FRAME_MILLIS_MAX as usize * 8];
        let pairs = &mut pairs[..payload.len()];
        self.fill(form.codec, is_open, pairs)?;
        self.level = pairs.last().map_or(0, |pair| pair[1]);
        let encoder = self.encoder(form).ok_or(Frame::Quiet)?;
        encoder.clear();
        encoder.push(pairs.as_flattened());
        encoder.packet(frame_millis(form), payload).ok_or(Frame::Quiet)
    }

    /// What plays for as long as `sound` takes, silence behind its end; or what is to be told instead.
    fn fill<G: Grain>(&mut self, codec: Codec, is_open: bool, sound: &mut [G]) -> Result<(), Frame> {
        let filled = match (&mut self.digit_tones, &mut self.player) {
            (Some(tones), _) => match tones.fill(codec, sound) {
                0 => {
                    self.digit_tones = None;
                    return Err(Frame::Quiet);
                }
                filled => filled,
            },
            (None, Some(player)) => match player.fill(codec, sound) {
                0 => {
                    let id = player.id;
                    self.player = None;
                    self.eases_in = true;
                    return Err(Frame::Finished(id));
                }
                filled => filled,
            },
            (None, None) => return Err(Frame::Quiet),
        };
        if !is_open {
            return Err(Frame::Quiet);
        }
        sound[filled..].fill(G::new(codec, 0));
        Ok(())
    }

    fn event(&mut self, payload_type: u8, payload: [u8; 4], first: bool, packet: &mut [u8]) -> Frame {
        let len = HEADER_BYTES + payload.len();
        packet[HEADER_BYTES..len].copy_from_slice(&payload);
        self.head(payload_type, self.event_timestamp, first, &mut packet[..len]);
        self.count(len, 1);
        Frame::Packet(len)
    }

    /// Our own packets are as long as the leg wants them, but for a codec or a mix that makes none so short.
    fn head_sound(&mut self, form: &Form, timestamp: u32, marker: bool, packet: &mut [u8]) {
        self.head(form.payload.send, timestamp, marker, packet);
        let pieces = Cut::of(form, packet.len() - HEADER_BYTES).map_or(1, |cut| cut.pieces);
        self.sequence = self.sequence.wrapping_add(pieces - 1);
        self.count(packet.len(), pieces);
    }

    fn head(&mut self, payload_type: u8, timestamp: u32, marker: bool, packet: &mut [u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = Header::new(payload_type, self.sequence, timestamp, self.ssrc, 0);
        header.marker = marker;
        header.write(packet);
    }

    /// A datagram of fax has passed.
    pub fn count_udptl(&mut self, len: usize) {
        self.packets += 1;
        self.octets += len as u64;
    }

    fn count(&mut self, len: usize, pieces: u16) {
        self.packets += u64::from(pieces);
        self.octets += (len - HEADER_BYTES) as u64;
    }
}

/// The first 5 ms go over into `sound` from what stood at `level`.
fn ease_in(sound: &mut [i16; FRAME], level: i16) {
    let count = FRAME as i32 / 4;
    for (at, sample) in (0..count).zip(sound) {
        *sample = ((i32::from(*sample) * at + i32::from(level) * (count - at)) / count) as i16;
    }
}

fn frame_millis(form: &Form) -> u16 {
    if form.codec.is_g711() { form.ptime_ms.clamp(10, FRAME_MILLIS_MAX) } else { coded_millis(form) }
}

/// Whole frames of a mix, and lengths that every codec has.
fn coded_millis(form: &Form) -> u16 {
    match form.ptime_ms {
        0..=39 => 20,
        40..=59 => 40,
        _ => 60,
    }
}

fn units(length: Duration, clock_hz: u32) -> u32 {
    // Wraps as timestamps do.
    (length.as_micros() * u128::from(clock_hz) / 1_000_000) as u32
}
