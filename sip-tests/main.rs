//! The one integration-test binary: the house's own order, the simulated world, and the stories played in it.

// A test is wrong where it unwraps wrongly, and says so by panicking.
#![allow(clippy::unwrap_used)]

mod program;
mod scenarios;
mod sim;
mod talk;
mod tidy;
mod torture;
mod wire;
