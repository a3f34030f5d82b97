//! The ground floor: ids, time, numbers, addresses of programs elsewhere, secrets, timers, chance. Uses nothing of the
//! house; anyone may use it.

mod chance;
mod circle;
mod endpoint;
mod ids;
mod map;
mod network;
mod number;
mod private;
mod time;
mod timers;

pub use chance::{Chance, in_weighted_order};
pub use circle::way_round;
pub use endpoint::Endpoint;
pub use ids::*;
pub use map::{FastMap, FastSet, KeyedMap, keyed_map};
pub use network::{Cidr, network_of};
pub use number::{DIALLED_MAX, Dialled, Extension, KEY_EXPECTED, NUMBER_DIGITS_MAX, Number, is_key};
pub use private::Private;
pub use time::{Instant, Now, Wall};
pub use timers::Timers;
