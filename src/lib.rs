//! strowger: a SIP/RTP switch with a built-in automatic call distributor.
//!
//! The floors are declared top-down; each may use only those declared before it (a test of the house checks that).
//! The floors above the line are pure: no socket, clock, thread, lock or randomness of their own.

pub mod base;
pub mod wire;

pub mod sip;

pub mod media;

pub mod switch;

pub mod acd;

pub mod engine;

pub mod settings;

// Below this line stands the shell: it may wait, read clocks and touch the world.

pub mod net;

pub mod plane;

pub mod store;

pub mod api;

pub mod server;

pub mod cli;
