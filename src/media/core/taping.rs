//! Recording: which legs are put on this worker's tape.

use super::{
    super::{
        Codec, Form,
        tape::{Tap, Tape, Taping},
    },
    Core,
};
use crate::base::{Instant, StreamId};

impl Core {
    pub(super) fn record(&mut self, now: Instant, id: StreamId, taping: Taping) {
        let place = self.by_id.get(&id).copied().unwrap_or(super::NOBODY);
        let stream = self.streams.get_mut(place as usize).and_then(Option::as_deref_mut);
        let tape = &mut self.tape;
        let Some(stream) = stream else {
            if let Taping::Begin { segment, path, swapped } = taping {
                // The leg is gone: its file is empty.
                Tap::begin(now, tape, &Form::plain(Codec::Pcmu), segment, path, swapped).end(now, tape);
            }
            return;
        };
        match taping {
            Taping::Begin { segment, path, swapped } => {
                if let Some(old) = stream.tap.take() {
                    old.end(now, tape);
                }
                stream.tap = Some(Tap::begin(now, tape, &stream.form, segment, path, swapped));
            }
            Taping::Pause { cut } => {
                if let Some(tap) = &mut stream.tap {
                    tap.pause(now, tape, cut);
                }
            }
            Taping::Resume => {
                if let Some(tap) = &mut stream.tap {
                    tap.resume(now, tape);
                }
            }
            Taping::End => {
                if let Some(tap) = stream.tap.take() {
                    tap.end(now, tape);
                }
            }
        }
    }

    /// The worker ends: so does what is recorded.
    pub fn end_tapes(&mut self, now: Instant) {
        for stream in self.streams.iter_mut().flatten() {
            if let Some(tap) = stream.tap.take() {
                tap.end(now, &mut self.tape);
            }
        }
    }

    /// Whether what was recorded should be handed on. With no stream left nobody will ask again.
    pub fn has_tape(&self, now: Instant) -> bool {
        self.tape.is_due(now) || (self.is_empty() && !self.tape.is_empty())
    }

    pub fn take_tape(&mut self) -> Tape {
        std::mem::take(&mut self.tape)
    }

    /// Nobody could take it: it goes on, and is offered again later.
    pub fn put_tape_back(&mut self, now: Instant, tape: Tape) {
        debug_assert!(self.tape.is_empty(), "nothing was recorded since");
        self.tape = tape.put_off(now);
    }
}
