//! The flight recorder: what went into the engine since a state that can be made again, and how to go through it again.
//!
//! Pure: a [`Recorder`] turns inputs into octets and keeps a bounded number of them; [`replay`] makes an engine of the
//! same settings and generators, gives it the same inputs at the same times and compares what comes out with what came
//! out then. Whoever writes a recording to a disk seals it: keys and passwords are in it, because without them nothing
//! would happen again.

mod bearings;
mod digest;
mod frame;
mod recorder;
mod replay;

#[cfg(test)]
mod tests;

pub use bearings::Bearings;
pub use digest::{Digest, digest};
pub use frame::Broken;
use frame::RECORDING_VERSION;
pub use recorder::{Base, PIECE_OCTETS, RECORDER_OCTETS_MIN, Recorder, Recording};
pub use replay::{Play, Played, Step, replay};
