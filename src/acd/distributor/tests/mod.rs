//! Stories about agents and callers, on a hand-moved clock.

mod room;
mod stories;

use room::Room;
