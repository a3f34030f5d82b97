//! The simulated world: a switch's engine and media cores between simulated phones, carriers, a network that loses and
//! reorders, and a disk that forgets what it has not written. One seed, one hand-moved clock, no sockets.

mod centre;
mod disk;
mod handles;
mod link;
mod nat;
mod outputs;
mod page;
mod plane;
mod settle;
mod shelf;
mod sound;
mod speech;
mod step;
mod ua;
mod world;

pub use centre::{SUPPORT, millis, secs};
pub use handles::{Agent, Call, Party, Phone};
pub use link::Link;
pub use nat::PUBLIC;
pub use page::Page;
pub use plane::SPOKEN;
pub use sound::{Voice, mu_law};
pub use speech::Coding;
pub use step::Way;
pub use ua::{Abilities, End, FaxHabit, Habit, HoldForm, Talk};
pub use world::World;
