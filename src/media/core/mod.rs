//! One worker's streams.

mod beside;
mod ears;
mod link;
mod mix;
mod packets;
mod stream;
mod taping;
#[cfg(test)]
mod tests;
mod ticks;
mod udptl;

use std::{collections::VecDeque, sync::Arc};

pub use packets::Verdict;
pub use stream::Stream;
pub use ticks::Outgoing;

use super::wheel::{Wake, Wheel};
use super::{
    Codec, Command, Country, End, Event, Form, Matrix, Play, Player, Port, Remote, SEQUENCE_CLIPS_MAX, Sound, Source,
    Standing, Tones, cut::Pieces, tape::Tape,
};
use crate::base::{Chance, ClipId, FastMap, Instant, PlayId, StreamId};

/// Clips known at a time; more are not loaded. A centre has some hundreds.
pub const CLIPS_MAX: usize = 10_000;

/// All streams of one media worker. Pure: it owns no socket, clock or thread.
///
/// Hand every datagram of a port to [`handle_packet`](Self::handle_packet) or [`handle_rtcp`](Self::handle_rtcp) and send
/// what it says; after every call drain [`poll_event`](Self::poll_event), then sleep until
/// [`poll_timeout`](Self::poll_timeout) and call [`handle_tick`](Self::handle_tick). `now` never goes backwards.
#[derive(Debug)]
pub struct Core {
    streams: Vec<Option<Box<Stream>>>,
    vacant: Vec<u32>,
    by_id: FastMap<StreamId, u32>,
    /// By port number, the place of its stream.
    by_port: Vec<u32>,
    clips: FastMap<ClipId, Arc<Sound>>,
    tones: Tones,
    wheel: Wheel,
    mixes: mix::Mixes,
    sweep: ticks::Sweep,
    /// Streams of which it is judged who has picked up, for a closer look.
    judged: Vec<StreamId>,
    /// Streams that hear a clip along with their talk.
    accompanied: Vec<StreamId>,
    tape: Tape,
    /// Of the packet that was cut up last.
    pieces: Pieces,
    events: VecDeque<Event>,
    chance: Chance,
    strays: u64,
}

/// No stream.
const NOBODY: u32 = u32::MAX;

impl Core {
    pub fn new(country: Country, chance: Chance) -> Self {
        Self {
            streams: Vec::new(),
            vacant: Vec::new(),
            by_id: FastMap::default(),
            by_port: Vec::new(),
            clips: FastMap::default(),
            tones: Tones::of(country),
            wheel: Wheel::new(),
            mixes: mix::Mixes::default(),
            sweep: ticks::Sweep::default(),
            judged: Vec::new(),
            accompanied: Vec::new(),
            tape: Tape::default(),
            pieces: Pieces::default(),
            events: VecDeque::new(),
            chance,
            strays: 0,
        }
    }

    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Open { stream, port, remote, form, standing } => {
                self.open(now, (stream, port), remote, form, *standing);
            }
            Command::Update { stream, remote, form } => self.update(now, stream, remote, form),
            Command::Join { a, b } if a == b => {}
            Command::Join { a, b } => self.arrange(now, &Matrix::pair(a, b)),
            Command::Mix { matrix } => self.arrange(now, &matrix),
            Command::Part { stream } => self.part(stream),
            Command::Play { stream, play } => self.play(now, stream, play),
            Command::Stop { stream, play } => self.stop(stream, play, End::Stopped),
            Command::SendDtmf { stream, digit, millis } => self.send_dtmf(now, stream, digit, millis),
            Command::Judge { stream, settings } => self.judge(now, stream, *settings),
            Command::Record { stream, taping } => self.record(now, stream, taping),
            Command::Close { stream } => self.close(now, stream),
            Command::LoadClip { clip, sound } => {
                if self.clips.len() < CLIPS_MAX || self.clips.contains_key(&clip) {
                    self.clips.insert(clip, sound);
                }
            }
            Command::DropClip { clip } => {
                self.clips.remove(&clip);
            }
        }
        self.settle(now);
    }

    /// What the engine should hear of.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Streams open.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn contains(&self, stream: StreamId) -> bool {
        self.by_id.contains_key(&stream)
    }

    /// Datagrams that came to ports without a stream.
    pub const fn strays(&self) -> u64 {
        self.strays
    }

    /// The port of a stream.
    pub fn port(&self, stream: StreamId) -> Option<Port> {
        Some(self.stream(*self.by_id.get(&stream)?)?.port)
    }

    /// Takes a stream out, parted, so that another worker's core can [`adopt`](Self::adopt) it.
    pub fn release(&mut self, stream: StreamId) -> Option<Box<Stream>> {
        self.part(stream);
        self.remove(stream)
    }

    /// Goes on with a stream that another worker's core released.
    pub fn adopt(&mut self, now: Instant, mut stream: Box<Stream>) {
        stream.egress.is_queued = false;
        let (id, port) = (stream.id, stream.port);
        self.close(now, id);
        if stream.ear.as_ref().is_some_and(|ear| ear.judges()) {
            self.judged.push(id);
        }
        if stream.hears_clip_with_talk() {
            self.accompany(id);
        }
        self.insert(port, id, stream);
        self.queue(now, id);
    }

    fn open(
        &mut self,
        now: Instant,
        (id, port): (StreamId, Port),
        remote: Option<Remote>,
        form: Form,
        standing: Standing,
    ) {
        self.close(now, id);
        let holder =
            self.by_port.get(usize::from(port.index)).and_then(|place| self.stream(*place)).map(|held| held.id);
        if let Some(holder) = holder {
            self.close(now, holder);
        }
        let stream = Box::new(Stream::new(now, id, port, remote, form, standing, &mut self.chance));
        self.insert(port, id, stream);
        self.sweep.begin(now);
    }

    fn update(&mut self, now: Instant, id: StreamId, remote: Option<Remote>, form: Form) {
        let Some(stream) = self.find(id) else {
            return;
        };
        stream.ingress.update(now, remote, &form);
        let is_recoded = stream.form.codec != form.codec;
        if form.link.is_none() {
            // Else ICE says which.
            stream.local = form.local;
        }
        if is_recoded || !form.may_say(stream.says) {
            stream.says = form.codec;
        }
        stream.form = form;
        stream.rekey();
        stream.tune_ear(now);
        if stream.form.codec == Codec::T38 {
            // Its sound goes on some time, and not where it stood.
            stream.egress.pause_relay();
        }
        let is_ours = stream.form.codec.is_ours();
        let players = stream.egress.player.as_ref().filter(|_| !is_ours).map(|player| (player.id, player.over()));
        let beside = stream.egress.beside.as_ref().filter(|_| !is_ours).and_then(|beside| beside.id());
        for play in players.into_iter().flat_map(|(beneath, over)| [over, Some(beneath)]).chain([beside]).flatten() {
            self.stop(id, play, End::Unplayable);
        }
        if is_recoded {
            self.recode(now, id);
        }
    }

    fn part(&mut self, id: StreamId) {
        self.leave_mix(id);
        let Some(stream) = self.find(id) else {
            return;
        };
        stream.egress.pause_relay();
        let partner = std::mem::replace(&mut stream.partner, NOBODY);
        if let Some(partner) = self.stream_mut(partner) {
            partner.partner = NOBODY;
            partner.egress.pause_relay();
        }
    }

    fn play(&mut self, now: Instant, id: StreamId, play: Play) {
        let sounds: Vec<Arc<Sound>> = match &play.source {
            Source::Clip(clip) | Source::From { clip, .. } => self.clips.get(clip).cloned().into_iter().collect(),
            Source::Tone(tone) => vec![self.tones.sound(*tone).clone()],
            Source::Sequence(clips) => {
                clips.iter().take(SEQUENCE_CLIPS_MAX).filter_map(|clip| self.clips.get(clip).cloned()).collect()
            }
        };
        let Some(stream) = self.find(id) else {
            return;
        };
        let player = Player::new(play.id, sounds, play.repeat).filter(|_| stream.form.codec.is_ours());
        let player = match play.source {
            Source::From { millis, .. } => player.and_then(|player| player.begun_at(millis)),
            Source::Clip(_) | Source::Tone(_) | Source::Sequence(_) => player,
        };
        let player = player.map(|mut player| {
            player.with_talk = play.with_talk;
            player
        });
        let beside =
            stream.egress.beside.as_ref().filter(|_| play.over && player.is_some()).and_then(|beside| beside.id());
        let replaced = match (player, &mut stream.egress.player) {
            (None, _) => Some((play.id, End::Unplayable)),
            (Some(player), Some(beneath)) if play.over => beneath.lay_over(player).map(|old| (old, End::Replaced)),
            (Some(mut player), old) => {
                // A clip that is heard with the talk is heard over music too, when that comes.
                let clip = old.take_if(|old| old.with_talk && !play.over);
                if let Some(over) = clip.or_else(|| old.as_mut().and_then(Player::uncover)) {
                    player.lay_over(over);
                }
                old.replace(player).map(|old| (old.id, End::Replaced))
            }
        };
        if let Some((play, end)) = replaced {
            self.events.push_back(Event::Finished { stream: id, play, end });
        }
        if let Some(beside) = beside {
            self.stop_beside(id, beside, End::Replaced);
        }
        if play.with_talk {
            self.accompany(id);
            self.settle(now);
        }
        self.queue(now, id);
    }

    fn stop(&mut self, id: StreamId, play: PlayId, end: End) {
        let Some(stream) = self.find(id) else {
            return;
        };
        let Some(player) =
            stream.egress.player.as_mut().filter(|player| player.id == play || player.over() == Some(play))
        else {
            self.stop_beside(id, play, end);
            return;
        };
        if player.id == play {
            stream.egress.player = player.uncover();
        } else {
            player.uncover();
        }
        self.events.push_back(Event::Finished { stream: id, play, end });
    }

    fn send_dtmf(&mut self, now: Instant, id: StreamId, digit: char, millis: u32) {
        if let Some(stream) = self.find(id)
            && !stream.form.digits_elsewhere
            && stream.egress.digits.push(digit, millis)
        {
            self.queue(now, id);
        }
    }

    fn close(&mut self, now: Instant, id: StreamId) {
        let Some(mut stream) = self.release(id) else {
            return;
        };
        if let Some(tap) = stream.tap.take() {
            tap.end(now, &mut self.tape);
        }
        let player = stream.egress.player.take();
        let players = player.map(|player| [player.over(), Some(player.id)]).into_iter().flatten().flatten();
        for play in players.chain(stream.egress.beside.take().and_then(|beside| beside.id())) {
            self.events.push_back(Event::Finished { stream: id, play, end: End::Stopped });
        }
        self.events.extend(stream.ear.as_mut().and_then(|ear| Some(ears::told(id, ear.hang_up()?))));
        self.events.push_back(Event::Closed { stream: id, stats: Box::new(stream.stats()) });
    }

    /// Puts a stream that makes frames into the wheel.
    fn queue(&mut self, now: Instant, id: StreamId) {
        let Some(place) = self.by_id.get(&id) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(*place as usize).and_then(Option::as_mut) else {
            return;
        };
        if stream.egress.is_busy() && !stream.egress.is_queued {
            stream.egress.begin(now, &stream.form);
            stream.egress.is_queued = true;
            // A new one: a wake-up left in another worker's wheel, or in this one's, means nothing any more.
            stream.egress.ticket = stream.egress.ticket.wrapping_add(1);
            self.wheel.push(now, stream.egress.due, (Wake::Stream(id), stream.egress.ticket));
        }
    }

    fn insert(&mut self, port: Port, id: StreamId, stream: Box<Stream>) {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.streams.push(None);
            // A stream needs a port, and there are fewer than 65536 of them.
            (self.streams.len() - 1) as u32
        });
        self.streams[place as usize] = Some(stream);
        self.by_id.insert(id, place);
        let index = usize::from(port.index);
        if self.by_port.len() <= index {
            self.by_port.resize(index + 1, NOBODY);
        }
        self.by_port[index] = place;
    }

    fn remove(&mut self, id: StreamId) -> Option<Box<Stream>> {
        let place = self.by_id.remove(&id)?;
        let stream = self.streams.get_mut(place as usize)?.take()?;
        self.vacant.push(place);
        if let Some(entry) = self.by_port.get_mut(usize::from(stream.port.index)) {
            *entry = NOBODY;
        }
        Some(stream)
    }

    fn find(&mut self, id: StreamId) -> Option<&mut Stream> {
        let place = *self.by_id.get(&id)?;
        self.stream_mut(place)
    }

    fn stream(&self, place: u32) -> Option<&Stream> {
        self.streams.get(place as usize)?.as_deref()
    }

    fn stream_mut(&mut self, place: u32) -> Option<&mut Stream> {
        self.streams.get_mut(place as usize)?.as_deref_mut()
    }
}
