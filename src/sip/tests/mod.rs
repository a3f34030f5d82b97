//! Stories of two stacks, or of one stack and a hand-written peer, over a seeded bad line with a hand-moved clock.

mod calls;
mod forks;
mod hostile;
mod offers;
mod races;
mod sessions;
mod world;
