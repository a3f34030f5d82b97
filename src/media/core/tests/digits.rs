//! Digits through a core.

use std::time::Duration;

use super::{
    super::*,
    world::{World, form},
};
use crate::media::{Codec, PayloadTypes, tone_peak};

/// SW-11: a digit through the relay keeps its length and gets the other side's payload type; it is told once.
#[test]
fn a_digit_passes_and_is_told_once() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcma]);
    let told = Form { telephone_event: Some(PayloadTypes { send: 101, receive: 96 }), ..form(Codec::Pcma) };
    world.update(1, told);
    world.run(200);
    world.phones[0].speaks = false;
    let started = world.phones[0].timestamp;
    for (step, is_end) in [(1, false), (2, false), (3, false), (4, true), (4, true), (4, true)] {
        world.event_packet(0, 5, started, step * 160, is_end);
        world.run(20);
    }
    world.phones[0].timestamp = started.wrapping_add(960);
    world.phones[0].speaks = true;
    world.run(500);
    let stream = world.phones[0].stream;
    let digits: Vec<_> = world.events.iter().filter(|event| matches!(event, Event::Dtmf { .. })).collect();
    assert_eq!(digits, [&Event::Dtmf { stream, digit: '5', millis: 80 }]);
    assert_eq!(world.phones[1].ear.digits, "5");
    world.phones[1].assert_continuous();
}

/// SW-11: a sender whose time begins anew, in one stream of packets or with other numbers, is heard pressing at once.
#[test]
fn sw_11_digits_outlive_a_new_time_base() {
    for leap in [0, 20_000] {
        let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
        let press = |world: &mut World, code| {
            let started = world.phones[0].timestamp;
            for (duration, is_end) in [(160, false), (320, false), (480, true), (480, true), (480, true)] {
                world.event_packet(0, code, started, duration, is_end);
                world.now += Duration::from_millis(20);
            }
        };
        world.phones[0].timestamp = 100_000;
        world.run(300);
        press(&mut world, 1);
        world.phones[0].timestamp = 5_000;
        world.phones[0].sequence = world.phones[0].sequence.wrapping_add(leap);
        world.run(200);
        press(&mut world, 2);
        world.run(200);
        let told = |event: &Event| if let Event::Dtmf { digit, .. } = event { Some(*digit) } else { None };
        assert_eq!(world.events.iter().filter_map(told).collect::<String>(), "12", "{leap}");
        assert_eq!(world.phones[1].ear.digits, "12", "{leap}: and so it is relayed");
    }
}

/// SW-11: a leg without telephone-event hears the digit as its two tones.
#[test]
fn a_digit_becomes_tones_where_it_must() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.update(1, Form { telephone_event: None, ..form(Codec::Pcmu) });
    world.run(200);
    world.phones[0].speaks = false;
    let started = world.phones[0].timestamp;
    for step in 1..=5u16 {
        world.event_packet(0, 5, started, step * 160, step == 5);
        world.run(20);
    }
    let from = world.phones[1].ear.heard_ms() as usize;
    world.run(200);
    let tones = world.phones[1].ear.between(from, from + 80);
    assert!(tone_peak(tones, 770.0) > 2_500.0 && tone_peak(tones, 1_336.0) > 2_500.0);
    assert_eq!(world.phones[1].ear.digits, "");
    world.phones[1].assert_continuous();
}
