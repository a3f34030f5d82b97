//! strowger: a SIP/RTP switch with a built-in automatic call distributor.
//!
//! The floors are declared top-down; each may use only those declared before it (a test of the house checks that).
//! The floors above the line are pure: no socket, clock, thread, lock or randomness of their own.

pub mod base;
