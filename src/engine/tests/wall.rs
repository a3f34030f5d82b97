use std::{net::SocketAddr, time::Duration};

use super::world::{CARRIER, World, centre};
use crate::{
    acd,
    base::{QueueId, Wall},
    engine::{Entry, Happened},
};

fn carrier() -> SocketAddr {
    CARRIER.parse().unwrap()
}

/// OP-10, QE-17: where the wall clock is set, doors go by it within a second; no wait is longer or shorter for it.
#[test]
fn op_10_doors_go_by_a_clock_that_was_set() {
    let hours = "key = 'morning'\ntime_zone = 'UTC'
        hours = [{ days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from = '11:00', to = '12:00' }]";
    let mut settings = centre();
    settings.acd.calendars.push(toml::from_str(hours).unwrap());
    let queue = settings.acd.queues.get_mut(&QueueId(1)).unwrap();
    (queue.hours, queue.closing_lets_go, queue.max_wait_secs) = (Some("morning".into()), true, 60);
    let mut world = World::with(58, settings);
    // The town's clock begins at 11:06:40.
    assert_eq!(world.now.wall.0 % 86_400_000, 40_000_000);
    let is_open = |world: &World| world.engine.snapshot(world.now).acd.queues[0].open;
    let set = |world: &mut World, by: i64| {
        world.now.wall.0 += by * 60_000;
        world.pass(Duration::from_secs(1));
    };
    assert!(is_open(&world));
    world.call(carrier(), "+351210000001", "800");
    world.pass(Duration::from_secs(5));
    set(&mut world, 60);
    assert!(!is_open(&world) && world.is_ended(carrier()));
    assert_eq!(world.records[0].queue.as_ref().unwrap().outcome, "closed");
    set(&mut world, -60);
    assert!(is_open(&world));
    world.call(carrier(), "+351210000001", "800");
    world.pass(Duration::from_secs(30));
    set(&mut world, 40);
    world.pass(Duration::from_millis(28_900));
    assert!(is_open(&world) && !world.is_ended(carrier()));
    world.pass(Duration::from_millis(200));
    assert!(world.is_ended(carrier()));
    assert_eq!(world.records[1].queue.as_ref().unwrap().outcome, "expired");
    world.assert_nothing_left();
}

/// OP-10, AP-05: where the wall clock is set, pages are told, and what stands there since before is shown by the clock as it is
/// now: as long ago as it was. So the journal has it from then on.
#[test]
fn op_10_what_stands_is_shown_by_a_clock_that_was_set() {
    let mut world = World::new(59);
    world.call(carrier(), "+351210000001", "800");
    world.pass(Duration::from_secs(5));
    let shown = |world: &World| {
        let acd = world.engine.snapshot(world.now).acd;
        let ago = |since: Wall| world.now.wall.0 - since.0;
        let agents = acd.agents.iter().map(|agent| ago(agent.since));
        agents.chain(acd.queues[0].waiting.iter().map(|waiting| ago(waiting.arrived))).collect::<Vec<_>>()
    };
    let before = shown(&world);
    assert!(before.len() >= 2 && before[before.len() - 1] == 5_000, "{before:?}");
    for by_ms in [7_200_000, -10_800_000] {
        let before = shown(&world);
        world.now.wall.0 += by_ms;
        world.pass(Duration::from_secs(1));
        let after: Vec<_> = before.iter().map(|ago| ago + 1_000).collect();
        assert_eq!(shown(&world), after);
        assert!(world.live.iter().any(|event| event.what == Happened::ClockSet { by_ms }), "{by_ms}");
        let kept = world.journal.iter().rev().find_map(|(_, entry)| match entry {
            Entry::Acd(acd::Entry::Waiting(it)) => Some(it.arrived),
            _ => None,
        });
        assert_eq!(Some(world.now.wall.0 - kept.unwrap().0), after.last().copied(), "journal");
    }
}

/// OP-10, SW-01, OP-01: a phone stays registered as long as it was granted where the wall clock is set, and over a restart after
/// that; it was not for two hours too long, nor too short.
#[test]
fn op_10_a_phone_stays_registered_where_the_clock_is_set() {
    for by_ms in [7_200_000, -7_200_000] {
        let mut world = World::new(315);
        world.phone("rui", 6002);
        let left = |world: &World| {
            let devices = world.engine.devices();
            let expires = devices.iter().find(|device| device.contact.contains(":6002")).and_then(|it| it.expires);
            expires.map(|until| until.0 - world.now.wall.0)
        };
        let granted = left(&world).unwrap();
        world.pass(Duration::from_secs(60));
        world.now.wall.0 += by_ms;
        world.pass(Duration::from_secs(1));
        assert_eq!(left(&world), Some(granted - 61_000));
        world.restart(centre());
        assert_eq!(left(&world), Some(granted - 61_000), "after a restart");
        world.pass(Duration::from_millis((granted - 61_000).unsigned_abs()) + Duration::from_secs(1));
        assert_eq!(left(&world), None);
    }
}
