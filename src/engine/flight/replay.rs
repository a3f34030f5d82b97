//! Goes through a recording again.

use bytes::Bytes;

use super::{
    Broken, Digest, digest,
    frame::{Frame, Frames},
};
use crate::{
    base::Now,
    engine::{Emitted, Engine, Input},
};

/// One input, before and after the engine had it.
#[derive(Debug)]
pub enum Step<'a> {
    /// The engine is about to get it: what is not followed by [`Step::Done`] has killed it.
    Begins { number: u64, now: Now, input: &'a Input },
    /// `input` has been moved into the engine; what came out, and what had come out when it was recorded.
    Done { number: u64, outputs: &'a [Emitted], recorded: &'a [Digest] },
    /// Left out, as was wanted.
    Skipped { number: u64 },
}

/// How a recording is gone through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Play<'a> {
    /// Numbers of inputs to leave out.
    pub skip: &'a [u64],
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Played {
    pub inputs: u64,
    pub outputs: u64,
    /// Inputs that made something else than was recorded, and the first of them.
    pub differ: u64,
    pub first: Option<u64>,
    /// Recorded from the engine's birth on: everything must come out again. Else calls that lived at the base go on as
    /// they would after a restart.
    pub whole: bool,
}

/// Plays a recording to its end. Inputs are numbered from 1; those before a base are none.
pub fn replay(recording: Bytes, play: Play<'_>, mut tell: impl FnMut(Step<'_>)) -> Result<Played, Broken> {
    let mut frames = Frames::new(recording).peekable();
    let (mut engine, mut is_based) = match frames.next().transpose()? {
        Some(Frame::Birth(birth)) => (Engine::new(birth.settings, birth.seed, birth.now), birth.is_based),
        Some(_) | None => return Err(Broken { at: 0, why: String::from("it does not begin with an engine's birth") }),
    };
    let mut played = Played { whole: !is_based, ..Played::default() };
    while let Some(frame) = frames.next().transpose()? {
        match frame {
            Frame::Birth(_) | Frame::Told(_) => {}
            Frame::Base { now, entries } => engine.stand_in(now, entries),
            Frame::Bearings(bearings) => {
                drain(&mut engine, &mut Vec::new());
                engine.take_up(*bearings);
                is_based = false;
            }
            Frame::Input(now, input) if is_based => engine.handle(now, input),
            Frame::Input(now, input) => {
                played.inputs += 1;
                let number = played.inputs;
                let recorded = match frames.next_if(|next| matches!(next, Ok(Frame::Told(_)))) {
                    Some(Ok(Frame::Told(recorded))) => recorded,
                    Some(_) | None => Vec::new(),
                };
                if play.skip.contains(&number) {
                    tell(Step::Skipped { number });
                    continue;
                }
                tell(Step::Begins { number, now, input: &input });
                engine.handle(now, input);
                let mut outputs = Vec::new();
                drain(&mut engine, &mut outputs);
                played.outputs += outputs.len() as u64;
                if !same(&outputs, &recorded) {
                    played.differ += 1;
                    played.first.get_or_insert(number);
                }
                tell(Step::Done { number, outputs: &outputs, recorded: &recorded });
            }
        }
    }
    Ok(played)
}

fn same(outputs: &[Emitted], recorded: &[Digest]) -> bool {
    outputs.iter().map(digest).eq(recorded.iter().copied())
}

fn drain(engine: &mut Engine, outputs: &mut Vec<Emitted>) {
    while let Some(output) = engine.poll_output() {
        outputs.push(output);
    }
}
