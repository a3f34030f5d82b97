//! Stories of one worker: phones around a core, a hand-moved clock, tones as voices.

mod arriving;
mod beside;
mod cutting;
mod digits;
mod ears;
mod mixing;
mod secure;
mod taping;
mod transcoding;
mod udptl;
mod world;

use std::time::Duration;

use super::{
    super::{Codec, PayloadTypes, Remote, Tone, longest_quiet_ms, tone_peak, tone_snr_db},
    *,
};
use crate::wire::rtp::Header;
use world::{Phone, World, addr, form, music};

/// SW-07: both hear each other and not themselves, whatever law each speaks.
#[test]
fn two_phones_hear_each_other_and_not_themselves() {
    for codecs in
        [[Codec::Pcmu, Codec::Pcmu], [Codec::Pcma, Codec::Pcma], [Codec::Pcmu, Codec::Pcma], [Codec::Pcma, Codec::Pcmu]]
    {
        let mut world = World::call(codecs);
        world.run(2_000);
        for (ear, voice) in [(0, 700.0), (1, 400.0)] {
            let phone = &world.phones[ear];
            assert!(tone_snr_db(phone.ear.samples(), voice) > 30.0, "{codecs:?}");
            assert!(tone_peak(phone.ear.samples(), phone.hz) < 50.0, "{codecs:?}: hears itself");
            assert_eq!((phone.ear.longest_hole, phone.ear.ssrc_changes), (Duration::ZERO, 0));
            assert!(phone.heard.iter().all(|header| header.ssrc != 0x1111 && header.ssrc != 0x2222));
            phone.assert_continuous();
        }
    }
}

/// SW-07, SW-12, CH-02: relay, clip, relay, hold music, relay: one SSRC, no number left out, no gap beyond a frame.
#[test]
fn a_leg_hears_one_stream_whoever_speaks() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcma]);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 400) });
    world.run(503);
    world.play(0, 1, Source::Clip(ClipId(1)), false);
    world.run(711);
    world.play(0, 2, Source::Clip(ClipId(1)), true);
    world.run(1_402);
    let stream = world.phones[0].stream;
    world.tell(Command::SendDtmf { stream, digit: '7', millis: 100 });
    world.run(307);
    world.stop(0, 2);
    world.run(600);
    world.phones[1].ssrc = 0x9999;
    world.phones[1].sequence = 7;
    world.phones[1].timestamp = 123;
    world.run(500);
    let phone = &world.phones[0];
    phone.assert_continuous();
    assert!(phone.ear.longest_wait <= Duration::from_millis(40), "{:?}", phone.ear.longest_wait);
    assert!(phone.ear.longest_hole <= Duration::from_millis(200), "only the digit: {:?}", phone.ear.longest_hole);
    assert_eq!(phone.ear.digits, "7");
    let drift = i64::try_from(phone.ear.heard_ms()).expect("short") - (503 + 711 + 1_402 + 307 + 600 + 500);
    assert!(drift.abs() <= 60, "{drift} ms apart from the clock");
    assert!(tone_snr_db(phone.ear.between(100, 480), 700.0) > 25.0);
    assert!(tone_snr_db(phone.ear.between(560, 860), 1_000.0) > 25.0);
    assert!(tone_snr_db(phone.ear.between(1_000, 1_180), 700.0) > 25.0, "the caller is back after the clip");
    assert!(tone_peak(phone.ear.between(1_300, 2_500), 700.0) < 50.0, "music alone");
    assert!(world.events.contains(&Event::Finished { stream, play: PlayId(1), end: End::Played }));
    assert!(world.events.contains(&Event::Finished { stream, play: PlayId(2), end: End::Stopped }));
    world.phones[1].assert_continuous();
}

/// QE-04, SW-12: hold music goes round without a sample missing; measured on the samples.
#[test]
fn hold_music_loops_without_a_gap() {
    let mut world = World::with(&[Codec::Pcma]);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 333) });
    world.play(0, 1, Source::Clip(ClipId(1)), true);
    world.run(10_000);
    let ear = &world.phones[0].ear;
    assert_eq!((ear.timestamp_breaks, ear.sequence_breaks), (0, 0));
    assert!(ear.longest_wait <= Duration::from_millis(25), "{:?}", ear.longest_wait);
    assert!(ear.heard_ms() >= 9_960);
    assert_eq!(longest_quiet_ms(ear.samples(), 100), 0);
    // 333 ms of 1 kHz are whole waves: a joint that lost a sample would bend the tone.
    assert!(tone_snr_db(ear.samples(), 1_000.0) > 30.0);
}

/// CH-02: what the holder still sends does not reach the held leg, which hears the music alone; then both talk on.
#[test]
fn a_held_leg_hears_the_music_alone() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 500) });
    world.run(500);
    world.update(1, Form { may_receive: false, may_send: false, ..form(Codec::Pcmu) });
    world.play(0, 1, Source::Clip(ClipId(1)), true);
    let at_hold = world.phones[1].heard.len();
    world.run(1_000);
    assert_eq!(world.phones[1].heard.len(), at_hold, "the holder is sent nothing");
    world.stop(0, 1);
    world.run(300);
    assert_eq!(longest_quiet_ms(world.phones[0].ear.between(0, 1_450), 100), 0);
    let quiet_from = world.phones[0].heard.len();
    world.run(200);
    assert_eq!(world.phones[0].heard.len(), quiet_from, "the music is over, the holder unheard");
    world.update(1, form(Codec::Pcmu));
    world.run(500);
    for phone in &world.phones {
        phone.assert_continuous();
        assert!(phone.ear.longest_hole < Duration::from_millis(1_600));
    }
    assert!(tone_peak(world.phones[0].ear.between(600, 1_400), 700.0) < 50.0);
    let end = world.phones[0].ear.heard_ms() as usize;
    assert!(tone_snr_db(world.phones[0].ear.between(end - 300, end), 700.0) > 25.0);
    assert!(world.close(1).unheard > 40);
}

/// CH-02: a leg that holds in the old way, `c=0.0.0.0`, is sent nothing, and afterwards no number is missing.
#[test]
fn a_leg_without_an_address_misses_no_number() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(300);
    let stream = world.phones[0].stream;
    world.phones[0].speaks = false;
    world.tell(Command::Update { stream, remote: Some(Remote::new(addr("0.0.0.0:4000"))), form: form(Codec::Pcmu) });
    let heard = world.phones[0].heard.len();
    world.play(0, 1, Source::Tone(Tone::Busy), true);
    world.run(500);
    world.stop(0, 1);
    world.run(500);
    assert_eq!(world.phones[0].heard.len(), heard);
    world.update(0, form(Codec::Pcmu));
    world.run(300);
    assert!(world.phones[0].heard.len() > heard + 10);
    world.phones[0].assert_continuous();
}

/// Silence is told once, sound again too; RTCP counts as life; a leg that may not send is not watched.
#[test]
fn silence_is_noticed() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(200);
    let quiet = |world: &World| world.events.iter().filter(|event| matches!(event, Event::Silent { .. })).count();
    world.phones[1].speaks = false;
    for _ in 0..7 {
        world.run(10_000);
        let report = [0x80, 201, 0, 1, 0, 0, 0x22, 0x22];
        let from = Remote::new(world.phones[1].addr).rtcp;
        world.core.handle_rtcp(world.now, world.phones[1].port.index, from, &mut report.clone());
    }
    assert_eq!(quiet(&world), 0, "it still reports");
    world.run(62_000);
    assert_eq!(quiet(&world), 1);
    world.run(70_000);
    assert_eq!(quiet(&world), 1, "told once");
    let stream = world.phones[1].stream;
    world.events.clear();
    world.phones[1].speaks = true;
    world.run(100);
    assert_eq!(world.events, [Event::Heard { stream }]);
    world.phones[1].speaks = false;
    world.update(1, Form { silence: None, ..form(Codec::Pcmu) });
    world.run(120_000);
    assert_eq!(quiet(&world), 0);
}

/// SW-07: each leg gets reports about itself alone, from its own SSRC.
#[test]
fn reports_stay_on_their_leg() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(30_000);
    for (place, other) in [(0, 1), (1, 0)] {
        let phone = &world.phones[place];
        let reports: Vec<_> = world.reports.iter().filter(|(to, _)| *to == place).map(|(_, packet)| packet).collect();
        assert!((4..=10).contains(&reports.len()), "{}", reports.len());
        for report in reports {
            assert_eq!(report[1], 200);
            assert_eq!(report[4..8], phone.heard[0].ssrc.to_be_bytes());
            assert_eq!(report[28..32], phone.ssrc.to_be_bytes());
            let theirs = world.phones[other].ssrc.to_be_bytes();
            assert!(!report.windows(4).any(|window| window == theirs));
        }
    }
}

/// SW-07, SW-12: whatever happens to a call in whatever order, a leg hears one SSRC, numbers one by one, and a time line
/// that neither goes back nor leaves the clock.
#[test]
fn any_course_of_a_call_is_one_stream() {
    for seed in 0..24 {
        let mut chance = Chance::from_number(seed);
        let mut world = World::call([Codec::Pcmu, Codec::Pcma]);
        world.tell(Command::LoadClip { clip: ClipId(1), sound: music(1_000.0, 250) });
        let began = world.now;
        for step in 0..40 {
            let (place, other) = if chance.below(2) == 0 { (0, 1) } else { (1, 0) };
            let stream = world.phones[place].stream;
            match chance.below(9) {
                0 => world.play(place, step, Source::Clip(ClipId(1)), chance.below(2) == 0),
                1 => world.play(place, step, Source::Tone(Tone::Ringback), true),
                2 | 3 => (0..step).for_each(|id| world.stop(place, id)),
                4 => world.tell(Command::SendDtmf { stream, digit: '5', millis: 60 + chance.below(200) as u32 }),
                5 => world.phones[place].ssrc = chance.word() as u32,
                6 => world.update(place, Form { may_receive: chance.below(2) == 0, ..form(world.phones[place].codec) }),
                7 => world.tell(Command::Part { stream }),
                _ => world.join(place, other),
            }
            world.run(chance.below(400));
        }
        for phone in &world.phones {
            phone.assert_continuous();
            let (Some(first), Some(last)) = (phone.heard.first(), phone.heard.last()) else { continue };
            let told = i64::from(last.timestamp.wrapping_sub(first.timestamp)) / 8;
            let passed = world.now.since(began).as_millis() as i64;
            assert!(told <= passed + 500, "seed {seed}: {told} ms told, {passed} ms passed");
        }
    }
}

/// SW-12: a tick that comes late sends what it missed, within bounds, and the timestamps stay with the clock.
#[test]
fn a_late_tick_catches_up_boundedly() {
    let mut world = World::with(&[Codec::Pcmu]);
    world.phones[0].speaks = false;
    world.play(0, 1, Source::Tone(Tone::Busy), true);
    world.run(1_000);
    let before = *world.phones[0].heard.last().expect("music");
    world.now += Duration::from_millis(60);
    world.run(20);
    let heard = &world.phones[0].heard;
    assert_eq!(heard.last().expect("music").timestamp.wrapping_sub(before.timestamp) / 160, 4);
    let count = heard.len();
    world.now += Duration::from_secs(30);
    world.run(20);
    let heard = &world.phones[0].heard;
    assert!(heard.len() - count <= 8, "{}", heard.len() - count);
    let passed = heard.last().expect("music").timestamp.wrapping_sub(before.timestamp) / 160;
    assert!((1_500..=1_508).contains(&passed), "{passed}");
    world.phones[0].assert_continuous();
}

/// SW-12: a tone is what its country says; a clip that is not there says so.
#[test]
fn tones_sound_and_missing_clips_say_so() {
    let mut world = World::with(&[Codec::Pcmu, Codec::G729]);
    world.phones.iter_mut().for_each(|phone| phone.speaks = false);
    world.play(0, 1, Source::Tone(Tone::Ringback), true);
    world.run(6_500);
    let ear = &world.phones[0].ear;
    assert!(tone_snr_db(ear.between(50, 950), 425.0) > 25.0);
    assert!(tone_peak(ear.between(1_050, 4_950), 425.0) < 5.0);
    assert!(tone_snr_db(ear.between(5_050, 5_950), 425.0) > 25.0);
    world.play(0, 2, Source::Clip(ClipId(404)), true);
    world.play(1, 3, Source::Tone(Tone::Beep), false);
    let ends: Vec<_> = world.events.iter().filter(|event| matches!(event, Event::Finished { .. })).collect();
    let unplayable = |place: usize, id| Event::Finished {
        stream: StreamId(100 + place as u64),
        play: PlayId(id),
        end: End::Unplayable,
    };
    assert_eq!(ends, [&unplayable(0, 2), &unplayable(1, 3)]);
}

/// A stream that moves to another worker keeps its SSRC and numbers, its player and its source.
#[test]
fn a_stream_moves_to_another_worker() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(500);
    let (a, b) = (world.phones[0].stream, world.phones[1].stream);
    let mut there = Core::new(Country::Neutral, Chance::from_number(8));
    for id in [a, b] {
        there.adopt(world.now, world.core.release(id).expect("it is open"));
    }
    assert!(world.core.is_empty() && there.len() == 2);
    world.core = there;
    world.join(0, 1);
    world.run(500);
    world.phones.iter().for_each(Phone::assert_continuous);
    assert!(world.phones[0].ear.longest_wait <= Duration::from_millis(40));
}

#[test]
fn closed_is_closed() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.play(0, 1, Source::Tone(Tone::Ringback), true);
    world.run(500);
    let stats = world.close(0);
    assert_eq!((stats.packets_received, stats.lost, stats.malformed), (25, 0, 0));
    assert!(stats.packets_sent >= 24 && stats.first_heard < stats.last_heard);
    assert!(world.events.contains(&Event::Finished { stream: StreamId(100), play: PlayId(1), end: End::Stopped }));
    world.tell(Command::Close { stream: world.phones[0].stream });
    let before = world.core.strays();
    world.run(100);
    assert_eq!(world.core.strays() - before, 5);
    assert_eq!(world.close(1).packets_received, 30);
    assert_eq!(world.core.poll_timeout(), None);
}

/// SW-08, SW-07: a codec that we can't decode passes untouched under each leg's own number; comfort noise passes to a
/// leg that knows it, and to another it leaves no hole in the numbers.
#[test]
fn sw_08_what_we_cannot_decode_passes_untouched() {
    let foreign = Codec::named("iLBC", 8_000, 1).expect("a codec");
    for knows_noise in [true, false] {
        let mut world = World::with(&[foreign, foreign]);
        let noise = Some(PayloadTypes::both(13));
        let speaker = Form { payload: PayloadTypes { send: 97, receive: 98 }, comfort_noise: noise, ..form(foreign) };
        let listener = Form {
            payload: PayloadTypes { send: 120, receive: 98 },
            comfort_noise: noise.filter(|_| knows_noise),
            ..form(foreign)
        };
        world.update(0, speaker);
        world.update(1, listener);
        world.join(0, 1);
        let mut heard = Vec::new();
        for (step, (payload_type, payload)) in
            [(98, b"sound one".as_slice()), (13, b"\x40"), (98, b"sound two")].into_iter().enumerate()
        {
            world.now += Duration::from_millis(20);
            let from = world.phones[0].addr;
            let mut packet = vec![0x80; 12];
            Header::new(payload_type, 10 + step as u16, 160 * step as u32, 7, 0).write(&mut packet);
            packet.extend(payload);
            let verdict = {
                let len = packet.len();
                world.core.handle_packet(world.now, world.phones[0].port.index, from, &mut packet, len)
            };
            if let Verdict::Forward { len, .. } = verdict {
                let header = Header::read(&packet[..len]).expect("RTP");
                heard.push((header.payload_type, packet[12..len].to_vec(), header.sequence, header.timestamp));
            }
        }
        let numbers: Vec<u8> = heard.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, if knows_noise { vec![120, 13, 120] } else { vec![120, 120] });
        let (first, last) = (&heard[0], &heard[heard.len() - 1]);
        assert_eq!((first.1.as_slice(), last.1.as_slice()), (b"sound one".as_slice(), b"sound two".as_slice()));
        assert_eq!(last.2.wrapping_sub(first.2), heard.len() as u16 - 1, "no number is missing");
        assert_eq!(last.3.wrapping_sub(first.3), 320);
    }
}

/// SW-21: a phone that sends nothing for some seconds and goes on with its timestamps where they stood has no jitter; a
/// network that holds up every other packet has.
#[test]
fn sw_21_a_pause_is_no_jitter() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let mut world = World::call([codec, codec]);
        for _ in 0..5 {
            world.run(500);
            world.phones[0].speaks = false;
            world.run(600);
            world.phones[0].speaks = true;
        }
        for _ in 0..100 {
            world.now += Duration::from_millis(35);
            world.speak(1);
            world.now += Duration::from_millis(5);
            world.speak(1);
        }
        let (paused, shaken) = (world.close(0).jitter_us, world.close(1).jitter_us);
        assert!(paused < 2_000, "{codec:?}: {paused} us");
        assert!((5_000..20_000).contains(&shaken), "{codec:?}: {shaken} us");
    }
}

/// SW-21: the figures at close rate what the leg sent.
#[test]
fn sw_21_a_leg_is_rated_at_its_close() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    for step in 0..40 {
        world.run(100);
        // Every sixth packet is lost.
        world.phones[0].sequence = world.phones[0].sequence.wrapping_add(u16::from(step > 0));
    }
    let (lossy, good) = (world.close(0), world.close(1));
    let (lossy_mos, good_mos) = (lossy.mos.expect("packets"), good.mos.expect("packets"));
    assert!(good_mos > 4.2 && lossy_mos < good_mos - 0.5, "{lossy_mos} against {good_mos}");
}
