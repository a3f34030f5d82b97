//! Stories of two stacks, or of one stack and a hand-written peer, over a seeded bad line with a hand-moved clock.

// A test that looks for one event says so by passing over all others.
#![allow(clippy::wildcard_enum_match_arm)]

mod calls;
mod early;
mod forks;
mod hostile;
mod offers;
mod proxy;
mod races;
mod sessions;
mod ways;
pub(super) mod world;
