//! Sound that is decoded: legs whose codecs differ, each hearing the others and never itself.

use std::time::Duration;

use smallvec::SmallVec;

use super::{
    super::{codec::FRAME, egress::OWN_PACKET_BYTES_MAX, voice::Voice, wheel::Wake},
    Core, NOBODY, Outgoing,
};
use crate::base::{Instant, StreamId};

const FRAME_TIME: Duration = Duration::from_millis(20);

/// Frames that are made up for after a late tick; what is older is left out.
const CATCH_UP_MAX: u32 = 3;

/// The mixes of one worker, by their places.
#[derive(Debug, Default)]
pub struct Mixes {
    mixes: Vec<Option<Mix>>,
    tickets: u32,
    /// What each member says in this frame.
    said: Vec<[i16; FRAME]>,
}

#[derive(Debug)]
struct Mix {
    /// Places of streams.
    members: SmallVec<[u32; 4]>,
    due: Instant,
    ticket: u32,
}

impl Mixes {
    /// Is that stream in that mix?
    pub fn holds(&self, mix: u32, member: u32) -> bool {
        self.find(mix).is_some_and(|mix| mix.members.contains(&member))
    }

    /// All in that mix but one.
    pub fn others(&self, mix: u32, but: u32) -> SmallVec<[u32; 4]> {
        let members = self.find(mix).into_iter().flat_map(|mix| mix.members.iter().copied());
        members.filter(|member| *member != but).collect()
    }

    fn find(&self, mix: u32) -> Option<&Mix> {
        self.mixes.get(mix as usize)?.as_ref()
    }

    fn find_mut(&mut self, mix: u32) -> Option<&mut Mix> {
        self.mixes.get_mut(mix as usize)?.as_mut()
    }

    fn insert(&mut self, mix: Mix) -> u32 {
        let place = self.mixes.iter().position(Option::is_none).unwrap_or_else(|| {
            self.mixes.push(None);
            self.mixes.len() - 1
        });
        self.mixes[place] = Some(mix);
        // Each has members, and a worker has fewer than 65536 streams.
        place as u32
    }
}

impl Core {
    /// Brings two legs together that have no codec in common.
    pub(super) fn mix_pair(&mut self, now: Instant, pair: [u32; 2]) {
        self.mixes.tickets = self.mixes.tickets.wrapping_add(1);
        let (due, ticket) = (now + FRAME_TIME, self.mixes.tickets);
        let mix = self.mixes.insert(Mix { members: SmallVec::from_slice(&pair), due, ticket });
        for place in pair {
            if let Some(stream) = self.stream_mut(place) {
                stream.mix = mix;
                stream.voice = Voice::new(stream.form.codec).map(Box::new);
            }
        }
        self.wheel.push(now, due, (Wake::Mix(mix), ticket));
    }

    /// Ends the mix that a stream is in.
    pub(super) fn leave_mix(&mut self, id: StreamId) {
        let Some(stream) = self.find(id).filter(|stream| stream.mix != NOBODY) else { return };
        let mix = stream.mix as usize;
        for place in self.mixes.mixes.get_mut(mix).and_then(Option::take).into_iter().flat_map(|mix| mix.members) {
            if let Some(stream) = self.stream_mut(place) {
                (stream.mix, stream.voice) = (NOBODY, None);
                stream.egress.pause_mix();
            }
        }
    }

    /// A leg has another codec now: whoever it is with may need decoding, or none any more.
    pub(super) fn recode(&mut self, now: Instant, id: StreamId) {
        let Some(place) = self.by_id.get(&id).copied() else { return };
        let Some(stream) = self.stream(place) else { return };
        let partner = self.mixes.others(stream.mix, place).first().copied().unwrap_or(stream.partner);
        let Some(other) = self.stream(partner) else { return };
        let other = other.id;
        self.part(id);
        self.join(now, id, other);
    }

    /// One frame of a mix, or more after a late tick.
    pub(super) fn mix(&mut self, now: Instant, place: u32, ticket: u32, send: &mut dyn FnMut(Outgoing<'_>)) {
        let Some(mix) = self.mixes.find_mut(place).filter(|mix| mix.ticket == ticket) else { return };
        if now.since(mix.due) > FRAME_TIME * CATCH_UP_MAX {
            mix.due = now;
        }
        let (members, mut due) = (mix.members.clone(), mix.due);
        while due <= now {
            self.mix_frame(now, &members, send);
            due += FRAME_TIME;
        }
        if let Some(mix) = self.mixes.find_mut(place) {
            mix.due = due;
        }
        self.wheel.push(now, due, (Wake::Mix(place), ticket));
    }

    fn mix_frame(&mut self, now: Instant, members: &[u32], send: &mut dyn FnMut(Outgoing<'_>)) {
        let mut said = std::mem::take(&mut self.mixes.said);
        said.resize(members.len().max(said.len()), [0; FRAME]);
        for (place, sound) in members.iter().zip(&mut said) {
            let voice = self.stream_mut(*place).and_then(|stream| stream.voice.as_deref_mut());
            if !voice.is_some_and(|voice| voice.frame(sound)) {
                sound.fill(0);
            }
        }
        let mut packet = [0; OWN_PACKET_BYTES_MAX];
        for (listener, place) in members.iter().enumerate() {
            let mut heard = [0_i16; FRAME];
            for (_, sound) in said.iter().take(members.len()).enumerate().filter(|(speaker, _)| *speaker != listener) {
                for (sum, sample) in heard.iter_mut().zip(sound) {
                    *sum = sum.saturating_add(*sample);
                }
            }
            let Some(stream) = self.stream_mut(*place) else { continue };
            let to = stream.ingress.rule.target().filter(|_| stream.form.may_send);
            let made = stream.egress.mixed(now, &stream.form, to.is_some(), &heard, &mut packet);
            if let (Some(len), Some(to)) = (made.and_then(|len| stream.seal(&mut packet, len)), to) {
                send(Outgoing { index: stream.port.index, is_rtcp: false, to, packet: &packet[..len] });
            }
        }
        self.mixes.said = said;
    }
}
