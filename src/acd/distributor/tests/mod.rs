//! Stories about agents and callers, on a hand-moved clock.

mod agents;
mod announce;
mod counters;
mod day;
mod decisions;
mod draining;
mod estimate;
mod fits;
mod journal;
mod leaving;
mod members;
mod midnight;
mod model;
mod offers;
mod overrides;
mod preferred;
mod presence;
mod queues;
mod races;
mod regressions;
mod rings;
mod room;
mod rules;
mod score;
mod selection;
mod stories;
mod table;
mod timeline;
mod too_long;
mod unpicked;
mod wall;
mod work;
mod wrap_up;

use room::Room;
