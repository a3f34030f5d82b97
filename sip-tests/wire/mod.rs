//! The wire floor against its own promises: whatever the bytes no panic, what is written reads back, and where another
//! parser accepts a message it reads the same in it.

pub mod corpus;
mod differential;
mod media;
mod mutation;
mod properties;
mod round_trip;
