//! Stories on one engine with phones around it.

#![allow(clippy::wildcard_enum_match_arm)]

mod accounts;
mod calls;
mod certified;
mod coming_back;
mod crossings;
mod devices;
mod early;
mod extensions;
mod forwarding;
mod forwards;
mod habits;
mod holds;
mod identity;
mod invariants;
mod lamps;
mod leaving;
mod messages;
mod passing;
mod presence_table;
mod queue;
mod refusals;
mod restarts;
mod servers;
mod trunks;
mod wall;
mod watching;
pub mod world;
mod writer;
