//! The one integration-test binary: the house's own order, the simulated world, and the stories played in it.

mod program;
mod tidy;
mod torture;
mod wire;
