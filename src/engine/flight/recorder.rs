//! Keeps the last inputs, and where they began.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use bytes::Bytes;

use super::{
    Bearings, Digest, RECORDING_VERSION,
    frame::{self, Birth},
};
use crate::{
    base::{AgentId, FlowId, Now, PageId, UserId},
    engine::{EngineSettings, Entry, Input, PageSays},
};

/// Octets that are handed on as one.
pub const PIECE_OCTETS: usize = 64 << 10;

/// A piece is closed here: what an input and its answers usually add still fits into its memory.
const PIECE_FULL: usize = PIECE_OCTETS - 4_096;

/// Less would hold no call from its beginning to its end.
pub const RECORDER_OCTETS_MIN: usize = 4 * PIECE_OCTETS;

/// A state from which the inputs behind it can be played: what an engine would restart from.
#[derive(Debug)]
pub struct Base {
    pub now: Now,
    pub settings: EngineSettings,
    pub bearings: Bearings,
    pub entries: Vec<Entry>,
}

/// The inputs since one base.
#[derive(Debug)]
struct Stretch {
    /// `None`: from the engine's birth, whose frame comes first.
    base: Option<Arc<Base>>,
    /// What the engine was told once and for all before that, as frames: shared, since settings of many users are long.
    standing: Vec<Bytes>,
    sessions: Bytes,
    pieces: Vec<Bytes>,
    octets: usize,
}

/// Two stretches of inputs, each from a base of its own: when the second is half of what may be kept, the first is
/// forgotten and a third begins. So at least half of the room is always full of what happened last, and memory is
/// bounded by `octets_max` and two bases, each as large as the engine's own tables allow.
///
/// Call [`input`](Self::input) before the engine handles it, so that one which kills it is there, and
/// [`told`](Self::told) with the digests of what came out.
#[derive(Debug)]
pub struct Recorder {
    octets_max: usize,
    stretches: VecDeque<Stretch>,
    open: Vec<u8>,
    /// Memory for pieces to come.
    spare: Vec<Vec<u8>>,
    /// Where in it the last input begins.
    last: usize,
    standing: Standing,
    inputs: u64,
}

/// Inputs that hold until others of their kind come, as frames.
#[derive(Debug, Default)]
struct Standing {
    settings: Bytes,
    listeners: Bytes,
    doors: Bytes,
    /// All that came: each adds to the last.
    ports: Vec<Bytes>,
    /// Pages that are open.
    sessions: BTreeMap<AgentId, u32>,
    /// Those of them that are telephones.
    pages: BTreeMap<PageId, UserId>,
    /// Connections on which a certificate was shown, and for whom it is.
    certified: BTreeMap<FlowId, (IpAddr, Vec<String>)>,
}

impl Standing {
    fn note(&mut self, now: Now, input: &Input) {
        let place = match input {
            Input::Settings(_) => &mut self.settings,
            Input::Listeners(_) => &mut self.listeners,
            Input::Doors(_) => &mut self.doors,
            Input::Session { agent, open } => {
                let count = self.sessions.entry(*agent).or_default();
                *count = if *open { count.saturating_add(1) } else { count.saturating_sub(1) };
                self.sessions.retain(|_, count| *count > 0);
                return;
            }
            Input::Page { page, user, says } => {
                match says {
                    PageSays::On { .. } => _ = self.pages.insert(*page, *user),
                    PageSays::Off | PageSays::Gone => _ = self.pages.remove(page),
                    PageSays::Rings { .. }
                    | PageSays::Answer { .. }
                    | PageSays::HangUp { .. }
                    | PageSays::Hold { .. }
                    | PageSays::SdpOffer { .. }
                    | PageSays::Dial { .. } => {}
                }
                return;
            }
            Input::Certified { flow, source, domains } => {
                self.certified.insert(*flow, (*source, domains.clone()));
                return;
            }
            Input::FlowClosed(flow) => {
                self.certified.remove(flow);
                return;
            }
            Input::Ports(_) => return self.ports.push(one(now, input)),
            Input::Sip { .. }
            | Input::Unreachable { .. }
            | Input::Media(_)
            | Input::Segment(_)
            | Input::Restore(_)
            | Input::Restored
            | Input::Request { .. }
            | Input::Seed(_)
            | Input::Resolved { .. }
            | Input::Drain
            | Input::Answered { .. }
            | Input::Tick => return,
        };
        *place = one(now, input);
    }

    fn sessions(&self, now: Now) -> Bytes {
        let mut frames = Vec::new();
        for (agent, count) in &self.sessions {
            let opened = Input::Session { agent: *agent, open: true };
            (0..*count).for_each(|_| frame::write_input(&mut frames, now, &opened));
        }
        for (page, user) in &self.pages {
            frame::write_input(
                &mut frames,
                now,
                &Input::Page { page: *page, user: *user, says: PageSays::On { legs: Vec::new() } },
            );
        }
        for (flow, (source, domains)) in &self.certified {
            frame::write_input(
                &mut frames,
                now,
                &Input::Certified { flow: *flow, source: *source, domains: domains.clone() },
            );
        }
        Bytes::from(frames)
    }

    fn frames(&self) -> Vec<Bytes> {
        [&self.settings, &self.listeners, &self.doors].into_iter().chain(&self.ports).cloned().collect()
    }
}

/// The frame of one input.
fn one(now: Now, input: &Input) -> Bytes {
    let mut frame = Vec::new();
    frame::write_input(&mut frame, now, input);
    Bytes::from(frame.into_boxed_slice())
}

impl Recorder {
    /// From the engine's birth on: `settings`, `seed` and `now` are those that it is made with.
    pub fn new(octets_max: usize, settings: &EngineSettings, seed: [u8; 32], now: Now) -> Self {
        let mut first = Vec::new();
        frame::write_birth(
            &mut first,
            &Birth { version: RECORDING_VERSION, is_based: false, settings: settings.clone(), seed, now },
        );
        let birth = Stretch {
            base: None,
            standing: vec![Bytes::from(first)],
            sessions: Bytes::new(),
            pieces: Vec::new(),
            octets: 0,
        };
        Self {
            octets_max: octets_max.max(RECORDER_OCTETS_MIN),
            stretches: VecDeque::from([birth]),
            open: Vec::with_capacity(PIECE_OCTETS),
            spare: Vec::new(),
            last: 0,
            standing: Standing::default(),
            inputs: 0,
        }
    }

    /// Takes the memory that it will ever need, and touches it: nothing grows under load, and no page is fetched from the
    /// system while calls wait.
    pub fn take_room(&mut self) {
        let pieces = self.octets_max / PIECE_FULL + 1;
        self.spare.resize_with(pieces, || vec![u8::MAX; PIECE_OCTETS]);
    }

    pub fn input(&mut self, now: Now, input: &Input) {
        self.inputs += 1;
        self.standing.note(now, input);
        self.last = self.open.len();
        frame::write_input(&mut self.open, now, input);
    }

    /// The input that the engine had last, unless a piece has been closed since.
    pub fn last_input(&self) -> Option<(Now, Input)> {
        let last = Bytes::copy_from_slice(self.open.get(self.last..)?);
        match frame::Frames::new(last).next()?.ok()? {
            frame::Frame::Input(now, input) => Some((now, input)),
            frame::Frame::Birth(_) | frame::Frame::Base { .. } | frame::Frame::Bearings(_) | frame::Frame::Told(_) => {
                None
            }
        }
    }

    /// What came out of the last input.
    pub fn told(&mut self, digests: &[Digest]) {
        if !digests.is_empty() {
            frame::write_told(&mut self.open, digests);
        }
        if self.open.len() >= PIECE_FULL {
            self.close_piece();
        }
    }

    fn close_piece(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let mut next = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(PIECE_OCTETS));
        next.clear();
        let full = std::mem::replace(&mut self.open, next);
        if let Some(last) = self.stretches.back_mut() {
            last.octets += full.len();
            last.pieces.push(Bytes::from(full));
        }
    }

    /// The present stretch is half of what may be kept, or nearly so and the moment is good, because nothing rings that a
    /// base would not have: give it a [`rebase`](Self::rebase) before the next input.
    pub fn wants_base(&self, is_calm: bool) -> bool {
        let half = self.octets_max / 2;
        let enough = if is_calm { half / 4 * 3 } else { half };
        self.stretches.back().is_some_and(|last| last.octets + self.open.len() >= enough)
    }

    /// Begins a new stretch, and forgets the one before the last.
    pub fn rebase(&mut self, base: Base) {
        self.close_piece();
        if self.stretches.len() > 1 {
            let gone = self.stretches.pop_front().map(|gone| gone.pieces).unwrap_or_default();
            // One that somebody still writes to a disk goes its own way.
            self.spare.extend(gone.into_iter().filter(Bytes::is_unique).map(Vec::from));
        }
        let (standing, sessions) = (self.standing.frames(), self.standing.sessions(base.now));
        let base = Some(Arc::new(base));
        self.stretches.push_back(Stretch { base, standing, sessions, pieces: Vec::new(), octets: 0 });
    }

    /// Octets kept, without the bases.
    pub fn octets(&self) -> usize {
        self.stretches.iter().map(|stretch| stretch.octets).sum::<usize>() + self.open.len()
    }

    /// Inputs since the engine's birth.
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// What is kept now. Cheap: the octets are shared, and the base is written out when the recording is.
    pub fn recording(&mut self) -> Recording {
        self.close_piece();
        let first = self.stretches.front();
        Recording {
            base: first.and_then(|first| first.base.clone()),
            standing: first.map(|first| first.standing.clone()).unwrap_or_default(),
            sessions: first.map(|first| first.sessions.clone()).unwrap_or_default(),
            pieces: self.stretches.iter().flat_map(|stretch| stretch.pieces.iter().cloned()).collect(),
        }
    }
}

/// A recorder's inputs at one moment.
#[derive(Clone, Debug)]
pub struct Recording {
    base: Option<Arc<Base>>,
    standing: Vec<Bytes>,
    sessions: Bytes,
    pieces: Vec<Bytes>,
}

impl Recording {
    /// From the engine's birth, so that everything comes out again to the last octet.
    pub fn is_whole(&self) -> bool {
        self.base.is_none()
    }

    /// In pieces, first to last.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut head = Vec::new();
        if let Some(base) = &self.base {
            let birth = Birth {
                version: RECORDING_VERSION,
                is_based: true,
                settings: base.settings.clone(),
                // Everything that is drawn from it is put right by the bearings.
                seed: [0; 32],
                now: base.now,
            };
            frame::write_birth(&mut head, &birth);
            head.extend(self.standing.iter().flatten());
            frame::write_base(&mut head, base.now, &base.entries);
            head.extend_from_slice(&self.sessions);
            frame::write_bearings(&mut head, &base.bearings);
        } else {
            head.extend(self.standing.iter().flatten());
        }
        std::iter::once(Bytes::from(head)).chain(self.pieces.iter().cloned())
    }

    pub fn to_bytes(&self) -> Bytes {
        self.pieces().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use crate::engine::Engine;

    fn places(recorder: &Recorder) -> BTreeSet<*const u8> {
        let kept = recorder.stretches.iter().flat_map(|stretch| &stretch.pieces).map(|piece| piece.as_ptr());
        let spare = recorder.spare.iter().map(|spare| spare.as_ptr());
        kept.chain(spare).chain([recorder.open.as_ptr()]).collect()
    }

    /// What it takes at the start it takes again and again, however much goes in; what somebody still reads is not
    /// written over.
    #[test]
    fn a_recorder_lives_in_the_room_that_it_took() {
        let settings = EngineSettings::plain();
        let mut recorder = Recorder::new(RECORDER_OCTETS_MIN, &settings, [1; 32], Now::default());
        recorder.take_room();
        let room = places(&recorder);
        let mut engine = Engine::new(settings.clone(), [1; 32], Now::default());
        let (mut now, mut bases) = (Now::default(), 0);
        let mut read = None;
        while bases < 9 {
            now.mono += Duration::from_micros(1);
            recorder.input(now, &Input::Tick);
            recorder.told(&[7; 40]);
            if recorder.wants_base(true) {
                bases += 1;
                let (settings, entries) = (settings.clone(), Vec::new());
                recorder.rebase(Base { now, settings, entries, bearings: engine.mark() });
                if bases == 5 {
                    let recording = recorder.recording();
                    read = Some((recording.to_bytes(), recording));
                }
            }
            assert!(recorder.octets() <= RECORDER_OCTETS_MIN + PIECE_OCTETS);
            if read.is_none() {
                // No new one, and none given away: an allocator likes to give the same place again.
                assert_eq!(places(&recorder), room);
            }
        }
        let (before, recording) = read.unwrap();
        assert_eq!(recording.to_bytes(), before);
    }
}
