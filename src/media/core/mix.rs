//! Sound that is decoded: legs of a bridge, each hearing the others as the matrix says and never itself.
//!
//! Two who hear each other as it is are relayed where their codecs allow. When a third comes, their voices are decoded
//! beside the relay for a moment first, so that the mix goes on where the relay stops; when he has left, the relay takes
//! over in the next pause of the talk.

use std::time::Duration;

use smallvec::SmallVec;

use super::{
    super::{
        Codec, End, Event, Gain, Matrix,
        codec::{self, FRAME},
        egress::OWN_PACKET_BYTES_MAX,
        voice::Voice,
        wheel::Wake,
    },
    Core, NOBODY, Outgoing,
};
use crate::base::{Instant, StreamId};

const FRAME_TIME: Duration = Duration::from_millis(20);

/// Frames that are made up for after a late tick; what is older is left out.
const CATCH_UP_MAX: u32 = 3;

/// How long relayed legs are decoded before their mix begins: two packets of each.
const WARMING: Duration = Duration::from_millis(40);

/// How long a mix that is not needed any more waits for a pause.
const ENDING_FRAMES_MAX: u32 = 10;

/// The mixes of one worker, by their places.
#[derive(Debug, Default)]
pub struct Mixes {
    mixes: Vec<Option<Box<Mix>>>,
    tickets: u32,
    /// What each member says in this frame.
    said: Vec<Said>,
}

#[derive(Debug)]
struct Mix {
    members: SmallVec<[Member; 4]>,
    phase: Phase,
    due: Instant,
    ticket: u32,
    /// A clip that a member heard along with the talk is over: perhaps it is not needed any more.
    is_changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Some of them are relayed to each other until the first frame.
    Warming,
    Mixing,
    /// The two that are left could be relayed, since so many frames.
    Ending(u32),
}

#[derive(Debug)]
struct Member {
    /// Of the stream.
    place: u32,
    sends_digits: bool,
    /// By the index of the other member.
    hears: SmallVec<[Level; 4]>,
    /// What somebody who left was just saying, dying away.
    tail: Option<Box<[i32; FRAME]>>,
}

/// How loud somebody is heard; it never jumps.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// At the end of the last frame.
    now: i32,
    wanted: i32,
    /// His digits are passed on, whether he is heard or not.
    is_told: bool,
}

#[derive(Clone, Debug)]
struct Said {
    is_silent: bool,
    sound: [i16; FRAME],
}

/// Samples below this are a pause.
const QUIET: u16 = 64;

impl Mixes {
    /// Those in that mix who are sent the digits of one of them.
    pub fn hearers_of_digits(&self, mix: u32, presser: u32) -> SmallVec<[u32; 4]> {
        let Some(mix) = self.find(mix) else { return SmallVec::new() };
        let Some(at) = mix.index(presser).filter(|at| mix.members[*at].sends_digits) else { return SmallVec::new() };
        let hears = |member: &&Member| member.hears.get(at).is_some_and(|level| level.is_told);
        mix.members.iter().filter(hears).map(|member| member.place).collect()
    }

    fn find(&self, mix: u32) -> Option<&Mix> {
        self.mixes.get(mix as usize)?.as_deref()
    }

    fn take(&mut self, mix: u32) -> Option<Box<Mix>> {
        self.mixes.get_mut(mix as usize)?.take()
    }

    fn put(&mut self, place: u32, mix: Box<Mix>) {
        if let Some(slot) = self.mixes.get_mut(place as usize) {
            *slot = Some(mix);
        }
    }

    fn insert(&mut self, mix: Mix) -> u32 {
        let place = self.mixes.iter().position(Option::is_none).unwrap_or_else(|| {
            self.mixes.push(None);
            self.mixes.len() - 1
        });
        self.mixes[place] = Some(Box::new(mix));
        // Each has members, and a worker has fewer than 65536 streams.
        place as u32
    }
}

impl Mix {
    fn index(&self, place: u32) -> Option<usize> {
        self.members.iter().position(|member| member.place == place)
    }

    /// How loud one hears another now, by their places.
    fn heard(&self, listener: u32, speaker: u32) -> i32 {
        let (Some(listener), Some(speaker)) = (self.index(listener), self.index(speaker)) else { return 0 };
        self.members[listener].hears.get(speaker).map_or(0, |level| level.now)
    }

    /// Everybody's place and level as the matrix wants it; who was here before keeps what he hears now.
    fn seat(&mut self, matrix: &Matrix, places: &[(u32, usize)]) {
        let wanted = |listener: usize, speaker: usize| i32::from(matrix.gain(listener, speaker).parts());
        let seats: SmallVec<[Member; 4]> = places
            .iter()
            .map(|(place, row)| Member {
                place: *place,
                sends_digits: matrix.seats().get(*row).is_some_and(|seat| seat.sends_digits),
                hears: places
                    .iter()
                    .map(|(other, column)| Level {
                        now: self.heard(*place, *other),
                        wanted: wanted(*row, *column),
                        is_told: matrix.is_told(*row, *column),
                    })
                    .collect(),
                tail: self.index(*place).and_then(|at| self.members[at].tail.take()),
            })
            .collect();
        self.members = seats;
    }

    /// Two who hear each other as it is.
    fn is_plain_pair(&self) -> bool {
        let unity = i32::from(Gain::UNITY.parts());
        let hears = |listener: usize, speaker: usize| {
            self.members[listener].sends_digits
                && self.members[listener].hears.get(speaker).is_some_and(|level| level.wanted == unity)
        };
        self.members.len() == 2 && hears(0, 1) && hears(1, 0)
    }
}

impl Level {
    /// Adds what was said, sample by sample at a level that goes evenly from what it was to what it shall be.
    fn add(&mut self, said: &Said, sum: &mut [i32; FRAME]) {
        if said.is_silent {
            // It rises when there is something to hear.
            self.now = self.now.min(self.wanted);
            return;
        }
        let (from, to) = (self.now, self.wanted);
        self.now = to;
        match (from, to) {
            (0, 0) => {}
            (256, 256) => sum.iter_mut().zip(&said.sound).for_each(|(sum, sample)| *sum += i32::from(*sample)),
            _ => {
                for (at, (sum, sample)) in sum.iter_mut().zip(&said.sound).enumerate() {
                    let level = from + (to - from) * (at as i32 + 1) / FRAME as i32;
                    *sum += i32::from(*sample) * level / 256;
                }
            }
        }
    }
}

impl Core {
    /// Brings legs together as the matrix says. They leave whatever they were in with others.
    pub(super) fn arrange(&mut self, now: Instant, matrix: &Matrix) {
        let places: SmallVec<[(u32, usize); 4]> = matrix
            .streams()
            .enumerate()
            .filter_map(|(row, stream)| Some((self.by_id.get(&stream).copied()?, row)))
            .collect();
        let is_here = |place: u32| places.iter().any(|(here, _)| *here == place);
        let known = places.iter().find_map(|(place, _)| {
            let mix = self.stream(*place)?.mix;
            (mix != NOBODY).then_some(mix)
        });
        for (place, _) in &places {
            let Some(stream) = self.stream(*place) else { continue };
            let (id, partner, mix) = (stream.id, stream.partner, stream.mix);
            if (partner != NOBODY && !is_here(partner)) || (mix != NOBODY && Some(mix) != known) {
                self.part(id);
            }
        }
        if let Some(mix) = known {
            let gone = self.mixes.find(mix).into_iter().flat_map(|mix| mix.members.iter().map(|member| member.place));
            let gone: SmallVec<[u32; 4]> = gone.filter(|place| !is_here(*place)).collect();
            gone.into_iter().for_each(|place| self.unseat(mix, place));
        }
        if let [(one, _), (other, _)] = places[..]
            && known.is_none()
            && matrix.is_plain_pair()
            && !self.needs_mixing(one, other)
        {
            return self.relay(one, other);
        }
        if places.len() < 2 {
            return;
        }
        let mix = known.unwrap_or_else(|| self.begin_mix(now, &places));
        self.seat(mix, matrix, &places);
        self.reconsider(mix);
    }

    /// Two legs whose codecs are ours and differ, or one of whom says something in another or hears a clip along with the
    /// other.
    fn needs_mixing(&self, one: u32, other: u32) -> bool {
        let (Some(one), Some(other)) = (self.stream(one), self.stream(other)) else { return false };
        let is_accompanied = one.egress.beside.is_some() || other.egress.beside.is_some();
        let is_ours = one.form.codec.is_ours() && other.form.codec.is_ours();
        is_ours && (is_accompanied || !one.says.reaches(other.form.codec) || !other.says.reaches(one.form.codec))
    }

    fn is_fax(&self, place: u32) -> bool {
        self.stream(place).is_some_and(|stream| stream.form.codec == Codec::T38)
    }

    fn relay(&mut self, one: u32, other: u32) {
        for (place, partner) in [(one, other), (other, one)] {
            if let Some(stream) = self.stream_mut(place) {
                stream.partner = partner;
            }
        }
    }

    /// An empty mix, whose first frame waits for those who are relayed to each other now.
    fn begin_mix(&mut self, now: Instant, places: &[(u32, usize)]) -> u32 {
        let is_relayed = |(place, _): &(u32, usize)| self.stream(*place).is_some_and(|stream| stream.partner != NOBODY);
        let warms = places.iter().any(is_relayed);
        let (phase, wait) = if warms { (Phase::Warming, WARMING) } else { (Phase::Mixing, FRAME_TIME) };
        self.mixes.tickets = self.mixes.tickets.wrapping_add(1);
        let (due, ticket) = (now + wait, self.mixes.tickets);
        let mix = self.mixes.insert(Mix { members: SmallVec::new(), phase, due, ticket, is_changed: false });
        self.wheel.push(now, due, (Wake::Mix(mix), ticket));
        mix
    }

    fn seat(&mut self, place: u32, matrix: &Matrix, places: &[(u32, usize)]) {
        let Some(mut mix) = self.mixes.take(place) else { return };
        mix.seat(matrix, places);
        for (member, _) in places {
            if let Some(stream) = self.stream_mut(*member).filter(|stream| stream.mix != place) {
                stream.mix = place;
                stream.voice = Voice::new(stream.form.codec).map(Box::new);
            }
        }
        self.mixes.put(place, mix);
    }

    /// Whether a mix is still needed, now that something about it has changed.
    pub(super) fn reconsider(&mut self, place: u32) {
        let Some(mut mix) = self.mixes.take(place) else { return };
        let is_needed = match mix.members[..] {
            // Fax waits for no pause.
            [ref one, ref other] if self.is_fax(one.place) || self.is_fax(other.place) => {
                self.dissolve(&mix);
                return self.relay(one.place, other.place);
            }
            [ref one, ref other] => !mix.is_plain_pair() || self.needs_mixing(one.place, other.place),
            [_] | [] => return self.dissolve(&mix),
            [..] => true,
        };
        mix.phase = match (mix.phase, is_needed) {
            // They are relayed as it is.
            (Phase::Warming, false) => return self.dissolve(&mix),
            (Phase::Mixing, false) => Phase::Ending(0),
            (Phase::Ending(_), true) => Phase::Mixing,
            (phase, _) => phase,
        };
        self.mixes.put(place, mix);
    }

    /// Lets the members go; those who are relayed still are.
    fn dissolve(&mut self, mix: &Mix) {
        for member in &mix.members {
            if let Some(stream) = self.stream_mut(member.place) {
                (stream.mix, stream.voice) = (NOBODY, None);
                stream.egress.pause_mix();
            }
        }
    }

    /// A stream leaves the mix that it is in.
    pub(super) fn leave_mix(&mut self, id: StreamId) {
        let Some(place) = self.by_id.get(&id).copied() else { return };
        let Some(mix) = self.stream(place).map(|stream| stream.mix).filter(|mix| *mix != NOBODY) else { return };
        self.unseat(mix, place);
        self.reconsider(mix);
    }

    /// Takes one out; what he was saying dies away in the next frame of those who heard it.
    fn unseat(&mut self, place: u32, member: u32) {
        let Some(mut mix) = self.mixes.take(place) else { return };
        let Some(at) = mix.index(member) else { return self.mixes.put(place, mix) };
        let mut last = [0; FRAME];
        let mut speaks = false;
        if let Some(stream) = self.stream_mut(member) {
            let voice = stream.voice.take();
            speaks = mix.phase != Phase::Warming && voice.is_some_and(|mut voice| voice.frame(&mut last));
            stream.mix = NOBODY;
            stream.egress.pause_mix();
        }
        mix.members.remove(at);
        for other in &mut mix.members {
            let level = other.hears.remove(at).now;
            if speaks && level > 0 {
                let tail = other.tail.get_or_insert_with(|| Box::new([0; FRAME]));
                for (at, (tail, sample)) in tail.iter_mut().zip(&last).enumerate() {
                    *tail += i32::from(*sample) * level / 256 * (FRAME - at) as i32 / FRAME as i32;
                }
            }
        }
        self.mixes.put(place, mix);
    }

    /// A leg has another codec now: whoever it is with may need decoding, or none any more.
    pub(super) fn recode(&mut self, now: Instant, id: StreamId) {
        let Some(place) = self.by_id.get(&id).copied() else { return };
        let Some(stream) = self.stream_mut(place) else { return };
        if stream.mix != NOBODY {
            stream.voice = Voice::new(stream.form.codec).map(Box::new);
        }
        self.match_codecs(now, place);
    }

    /// A leg goes on in another of the codecs that it may speak.
    #[cold]
    pub(super) fn says_in(&mut self, now: Instant, place: u32, codec: Codec) {
        let Some(stream) = self.stream_mut(place) else { return };
        stream.says = codec;
        stream.tune_ear(now);
        self.match_codecs(now, place);
    }

    fn match_codecs(&mut self, now: Instant, place: u32) {
        let Some(stream) = self.stream(place) else { return };
        let (id, mix, partner) = (stream.id, stream.mix, stream.partner);
        if mix != NOBODY {
            return self.reconsider(mix);
        }
        let Some(other) = self.stream(partner).map(|other| other.id) else { return };
        if self.needs_mixing(place, partner) {
            self.part(id);
            self.arrange(now, &Matrix::pair(id, other));
        }
    }

    /// One frame of a mix, or more after a late tick.
    pub(super) fn mix(&mut self, now: Instant, place: u32, ticket: u32, send: &mut dyn FnMut(Outgoing<'_>)) {
        if self.mixes.find(place).is_none_or(|mix| mix.ticket != ticket) {
            return;
        }
        let Some(mut mix) = self.mixes.take(place) else { return };
        if mix.phase == Phase::Warming {
            self.take_over(now, &mut mix);
            mix.phase = Phase::Mixing;
        }
        if now.since(mix.due) > FRAME_TIME * CATCH_UP_MAX {
            mix.due = now;
        }
        while mix.due <= now {
            if self.mix_frame(now, &mut mix, send) {
                self.dissolve(&mix);
                if let [one, other] = &mix.members[..] {
                    self.relay(one.place, other.place);
                }
                return;
            }
            mix.due += FRAME_TIME;
        }
        let (due, is_changed) = (mix.due, std::mem::take(&mut mix.is_changed));
        self.mixes.put(place, mix);
        self.wheel.push(now, due, (Wake::Mix(place), ticket));
        if is_changed {
            self.reconsider(place);
        }
    }

    /// The mix goes on where the relay stops.
    fn take_over(&mut self, now: Instant, mix: &mut Mix) {
        for at in 0..mix.members.len() {
            let Some(stream) = self.stream_mut(mix.members[at].place) else { continue };
            let partner = std::mem::replace(&mut stream.partner, NOBODY);
            stream.egress.pause_relay();
            let past = stream.voice.as_deref_mut().and_then(|voice| voice.go_on(now));
            let Some(listener) = mix.index(partner) else { continue };
            if let Some(level) = mix.members[listener].hears.get_mut(at) {
                level.now = i32::from(Gain::UNITY.parts());
            }
            if let (Some(past), Some(partner)) = (past, self.stream_mut(partner)) {
                partner.egress.prime(&partner.form, &past);
            }
        }
    }

    /// True when it was the last: the relay is to go on.
    fn mix_frame(&mut self, now: Instant, mix: &mut Mix, send: &mut dyn FnMut(Outgoing<'_>)) -> bool {
        let mut said = std::mem::take(&mut self.mixes.said);
        said.resize(mix.members.len().max(said.len()), Said { is_silent: true, sound: [0; FRAME] });
        for (member, said) in mix.members.iter().zip(&mut said) {
            let voice = self.stream_mut(member.place).and_then(|stream| stream.voice.as_deref_mut());
            said.is_silent = !voice.is_some_and(|voice| voice.frame(&mut said.sound));
        }
        let is_last = match &mut mix.phase {
            Phase::Warming | Phase::Mixing => false,
            Phase::Ending(frames) => {
                *frames += 1;
                let is_pause = |said: &Said| said.is_silent || said.sound.iter().all(|at| at.unsigned_abs() < QUIET);
                *frames > ENDING_FRAMES_MAX || said.iter().take(2).all(is_pause)
            }
        };
        let mut packet = [0; OWN_PACKET_BYTES_MAX];
        for member in &mut mix.members {
            let mut sum = member.tail.take().map_or([0; FRAME], |tail| *tail);
            member.hears.iter_mut().zip(&said).for_each(|(level, said)| level.add(said, &mut sum));
            let Some(stream) = self.streams.get_mut(member.place as usize).and_then(Option::as_deref_mut) else {
                continue;
            };
            if stream.egress.beside.is_some() {
                let ended = stream.egress.accompany(&mut sum);
                self.events.extend(ended.map(|play| Event::Finished { stream: stream.id, play, end: End::Played }));
                mix.is_changed |= stream.egress.beside.is_none();
            }
            let mut heard = sum.map(|sum| sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16);
            if is_last {
                ease_out(&mut heard, codec::delay(stream.form.codec));
                stream.egress.ease_in();
            }
            let to = stream.ingress.rule.target().filter(|_| stream.form.may_send);
            let made = stream.egress.mixed(now, &stream.form, to.is_some(), &mut heard, &mut packet);
            if let (Some(len), Some(tap)) = (made, &mut stream.tap)
                && tap.hears(now, &mut self.tape, &stream.form, &packet[..len])
            {
                self.events.push_back(Event::Untaped { stream: stream.id });
            }
            if let (Some(len), Some(to)) = (made, to) {
                stream.send(&mut self.pieces, &mut packet, len, to, send);
            }
        }
        self.mixes.said = said;
        is_last
    }
}

/// Dies away, all of it before the end: what comes last stays behind in an encoder's filter.
fn ease_out(sound: &mut [i16; FRAME], delay: usize) {
    let (count, end) = (FRAME / 4, FRAME - delay.min(FRAME / 2));
    sound[end..].fill(0);
    for (at, sample) in sound[end - count..end].iter_mut().enumerate() {
        *sample = (i32::from(*sample) * (count - at) as i32 / count as i32) as i16;
    }
}
