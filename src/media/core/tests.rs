//! Stories of one worker: phones around a core, a hand-moved clock, tones as voices.

use std::{f64::consts::TAU, net::SocketAddr, time::Duration};

use super::{
    super::{Codec, Listener, PayloadTypes, Remote, Stats, Tone, g711, longest_quiet_ms, tone_peak, tone_snr_db, wav},
    *,
};
use crate::wire::rtp::Header;

/// Two phones, the core between them.
struct World {
    core: Core,
    now: Instant,
    phones: Vec<Phone>,
    events: Vec<Event>,
    /// Reports the core sent, by phone.
    reports: Vec<(usize, Vec<u8>)>,
}

/// A phone that speaks a tone every 20 ms and keeps what it hears.
struct Phone {
    addr: SocketAddr,
    stream: StreamId,
    port: Port,
    codec: Codec,
    hz: f64,
    speaks: bool,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    spoken: usize,
    ear: Listener,
    heard: Vec<Header>,
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn form(codec: Codec) -> Form {
    Form { silence: Some(Duration::from_secs(60)), ..Form::plain(codec) }
}

impl World {
    /// Phones of these codecs; each has its stream open, none is joined.
    fn with(codecs: &[Codec]) -> Self {
        let core = Core::new(Country::Neutral, Chance::from_number(7));
        let now = Instant::from_micros(1_000_000_000);
        let mut world = Self { core, now, phones: Vec::new(), events: Vec::new(), reports: Vec::new() };
        for (place, codec) in codecs.iter().enumerate() {
            let port = Port {
                worker: 0,
                index: place as u16 * 3,
                rtp: SocketAddr::from(([192, 0, 2, 1], 20_000 + place as u16 * 2)),
            };
            let phone = Phone {
                addr: SocketAddr::from(([198, 51, 100, 10 + place as u8], 4_000)),
                stream: StreamId(100 + place as u64),
                port,
                codec: *codec,
                hz: 400.0 + 300.0 * place as f64,
                speaks: true,
                ssrc: 0x1111 * (place as u32 + 1),
                sequence: 65_500,
                timestamp: u32::MAX - 3_000,
                spoken: 0,
                ear: Listener::new(),
                heard: Vec::new(),
            };
            let (stream, remote) = (phone.stream, Some(Remote::new(phone.addr)));
            world.phones.push(phone);
            world.tell(Command::Open { stream, port, remote, form: form(*codec) });
        }
        world
    }

    /// A bridged call between two phones.
    fn call(codecs: [Codec; 2]) -> Self {
        let mut world = Self::with(&codecs);
        world.join(0, 1);
        world
    }

    fn tell(&mut self, command: Command) {
        self.core.handle_command(self.now, command);
        self.collect();
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.phones[a].stream, self.phones[b].stream);
        self.tell(Command::Join { a, b });
    }

    fn play(&mut self, phone: usize, id: u64, source: Source, repeat: bool) {
        let stream = self.phones[phone].stream;
        self.tell(Command::Play { stream, play: Play { id: PlayId(id), source, repeat } });
    }

    fn stop(&mut self, phone: usize, id: u64) {
        let stream = self.phones[phone].stream;
        self.tell(Command::Stop { stream, play: PlayId(id) });
    }

    fn update(&mut self, phone: usize, form: Form) {
        let phone = &self.phones[phone];
        let (stream, remote) = (phone.stream, Some(Remote::new(phone.addr)));
        self.tell(Command::Update { stream, remote, form });
    }

    fn collect(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.core.poll_event()));
    }

    /// Runs millisecond by millisecond; phones speak 7 ms apart.
    fn run(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now += Duration::from_millis(1);
            for place in 0..self.phones.len() {
                let phase = self.now.as_micros() / 1_000 % 20;
                if self.phones[place].speaks && phase == place as u64 * 7 {
                    self.speak(place);
                }
            }
            if self.core.poll_timeout().is_some_and(|due| due <= self.now) {
                self.tick();
            }
            self.collect();
        }
    }

    fn tick(&mut self) {
        let (now, mut sent) = (self.now, Vec::new());
        self.core.handle_tick(now, &mut |out| sent.push((out.is_rtcp, out.to, out.packet.to_vec())));
        for (is_rtcp, to, packet) in sent {
            let place = self.phones.iter().position(|phone| phone.addr == to || Remote::new(phone.addr).rtcp == to);
            let place = place.expect("sent to a phone");
            if is_rtcp {
                self.reports.push((place, packet));
            } else {
                self.phones[place].hear(now, &packet);
            }
        }
    }

    fn speak(&mut self, place: usize) {
        let packet = self.phones[place].packet();
        self.send(place, packet);
    }

    fn send(&mut self, place: usize, packet: Vec<u8>) -> Verdict {
        let from = self.phones[place].addr;
        self.send_from(place, from, packet)
    }

    fn send_from(&mut self, place: usize, from: SocketAddr, mut packet: Vec<u8>) -> Verdict {
        let verdict = self.core.handle_packet(self.now, self.phones[place].port.index, from, &mut packet);
        if let Verdict::Forward { index, to, len } = verdict
            && let Some(other) = self.phones.iter_mut().find(|phone| phone.port.index == index)
            && other.addr == to
        {
            other.hear(self.now, &packet[..len]);
        }
        self.collect();
        verdict
    }

    fn event_packet(&mut self, place: usize, code: u8, started: u32, duration: u16, is_end: bool) {
        let phone = &mut self.phones[place];
        let [high, low] = duration.to_be_bytes();
        let mut packet = vec![0x80; 12];
        packet.extend([code, if is_end { 0x8a } else { 0x0a }, high, low]);
        phone.sequence = phone.sequence.wrapping_add(1);
        let header = phone.header(101, started);
        header.write(&mut packet);
        self.send(place, packet);
    }

    fn close(&mut self, place: usize) -> Stats {
        self.tell(Command::Close { stream: self.phones[place].stream });
        let closed = self.events.pop();
        let Some(Event::Closed { stats, .. }) = closed else { panic!("{closed:?} instead of the figures") };
        *stats
    }
}

impl Phone {
    fn header(&self, payload_type: u8, timestamp: u32) -> Header {
        Header::new(payload_type, self.sequence, timestamp, self.ssrc, 0)
    }

    fn packet(&mut self) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        let mut packet = vec![0x80; 12];
        self.header(self.codec.static_payload_type().unwrap_or(96), self.timestamp).write(&mut packet);
        packet.extend((self.spoken..self.spoken + 160).map(|at| {
            let sample = ((TAU * self.hz * at as f64 / 8_000.0).sin() * 8_000.0) as i16;
            if self.codec == Codec::Pcma { g711::encode_alaw(sample) } else { g711::encode_ulaw(sample) }
        }));
        self.spoken += 160;
        packet
    }

    fn hear(&mut self, now: Instant, packet: &[u8]) {
        let header = Header::read(packet).expect("RTP");
        let wanted = self.codec.static_payload_type().unwrap_or(96);
        assert!([wanted, 101].contains(&header.payload_type), "{header:?}");
        self.heard.push(header);
        assert!(self.ear.hear(now, packet));
    }

    /// One SSRC, sequence numbers one by one, timestamps that never go back.
    fn assert_continuous(&self) {
        for pair in self.heard.windows(2) {
            assert_eq!(pair[0].ssrc, pair[1].ssrc);
            assert_eq!(pair[0].sequence.wrapping_add(1), pair[1].sequence, "{pair:?}");
            assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 8_000 * 60, "{pair:?}");
        }
    }
}

fn music(hz: f64, millis: usize) -> Arc<Sound> {
    let samples: Vec<i16> =
        (0..millis * 8).map(|at| ((TAU * hz * at as f64 / 8_000.0).sin() * 8_000.0) as i16).collect();
    Arc::new(Sound::from_samples(&samples))
}

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

/// SW-07: bleed. A stranger's packets reach nobody and get nothing, they are only counted.
#[test]
fn a_stranger_is_neither_heard_nor_answered() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    let mut forged = world.phones[0].packet();
    assert_eq!(world.send_from(0, addr("203.0.113.9:4000"), forged.clone()), Verdict::Nothing);
    world.run(500);
    let heard = world.phones[1].heard.len();
    for _ in 0..50 {
        assert_eq!(world.send_from(0, addr("203.0.113.9:4000"), forged.clone()), Verdict::Nothing);
        forged[3] = forged[3].wrapping_add(1);
    }
    assert_eq!(world.phones[1].heard.len(), heard);
    world.run(500);
    world.phones[1].assert_continuous();
    assert_eq!(world.close(0).strangers, 51);
    assert_eq!(world.close(1).strangers, 0);
}

/// SW-07: a phone whose NAT gave it a new port is followed after two seconds, heard and answered there.
#[test]
fn a_phone_behind_nat_is_followed() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.phones[0].addr = addr("198.51.100.10:7777");
    world.run(500);
    assert!(!world.phones[0].heard.is_empty(), "learnt beside the SDP's port");
    world.phones[0].addr = addr("198.51.100.10:8888");
    world.run(1_000);
    let before = world.phones[0].heard.len();
    world.run(1_500);
    assert!(world.phones[0].heard.len() > before + 20, "followed");
    assert!(world.phones.iter().all(|phone| phone.ear.ssrc_changes == 0));
}

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

/// SW-07: loss, reordering and doubling pass through as they are: the listener's buffer judges, no number is invented.
#[test]
fn loss_and_disorder_pass_through() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.phones.iter_mut().for_each(|phone| phone.speaks = false);
    let packets: Vec<Vec<u8>> = (0..10).map(|_| world.phones[0].packet()).collect();
    for place in [0, 1, 3, 2, 4, 4, 6, 9] {
        world.send(0, packets[place].clone());
    }
    let first = world.phones[1].heard[0];
    let steps: Vec<u16> =
        world.phones[1].heard.iter().map(|header| header.sequence.wrapping_sub(first.sequence)).collect();
    assert_eq!(steps, [0, 1, 3, 2, 4, 4, 6, 9]);
    let times = world.phones[1].heard.iter().map(|header| header.timestamp.wrapping_sub(first.timestamp) / 160);
    assert!(times.eq([0, 1, 3, 2, 4, 4, 6, 9]));
    let stats = world.close(0);
    assert_eq!((stats.packets_received, stats.lost, stats.late), (8, 2, 2));
}

/// SW-07: extension, contributing sources and padding of one leg don't reach the other.
#[test]
fn only_the_payload_crosses() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(100);
    let mut packet = world.phones[0].packet();
    let payload = packet.split_off(12);
    packet[0] = 0x80 | 0x20 | 0x10 | 2;
    packet.extend([9; 8]);
    packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
    packet.extend(&payload);
    packet.extend([0, 0, 0, 4]);
    let mut bytes = packet.clone();
    let verdict = world.core.handle_packet(world.now, 0, world.phones[0].addr, &mut bytes);
    let Verdict::Forward { len, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!((len, bytes[0]), (172, 0x80));
    assert_eq!(bytes[12..172], payload[..]);
}

/// SW-07: whatever comes in, cut and flipped, nothing breaks and nobody hears garbage of another payload type.
#[test]
fn malformed_packets_are_counted_and_dropped() {
    let mut world = World::call([Codec::Pcmu, Codec::Pcmu]);
    world.run(100);
    world.phones.iter_mut().for_each(|phone| phone.speaks = false);
    let whole = world.phones[0].packet();
    for cut in 0..12 {
        assert_eq!(world.send(0, whole[..cut].to_vec()), Verdict::Nothing);
    }
    for first in 0..=255u8 {
        for cut in [12, 13, 16, 40, whole.len()] {
            let mut torn = whole[..cut].to_vec();
            torn[0] = first;
            world.send(0, torn);
        }
    }
    let mut other = whole.clone();
    other[1] = 34;
    assert_eq!(world.send(0, other), Verdict::Nothing);
    let mut chance = Chance::from_number(11);
    for _ in 0..20_000 {
        let mut torn = whole[..chance.below(40) as usize + 1].to_vec();
        for _ in 0..chance.below(5) {
            let place = chance.below(torn.len() as u64) as usize;
            torn[place] = chance.below(256) as u8;
        }
        let mut report = torn.clone();
        world.core.handle_packet(world.now, 0, world.phones[0].addr, &mut torn);
        report[0] = 0x81;
        world.core.handle_rtcp(world.now, 0, world.phones[0].addr, &report);
    }
    assert!(world.close(0).malformed > 12);
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
        world.core.handle_rtcp(world.now, world.phones[1].port.index, from, &report);
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
    let mut world = World::with(&[Codec::Pcmu, Codec::Opus]);
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

/// SW-12: WAV files of the sorts people have become sound; torn ones are refused or read as far as they go.
#[test]
fn wav_files_are_read() {
    let sound = music(1_000.0, 500);
    let file = wav::write(&sound);
    let again = wav::read(&file).expect("our own");
    assert_eq!(again.octets(Codec::Pcmu), sound.octets(Codec::Pcmu));
    for cut in 0..file.len() {
        let _ = wav::read(&file[..cut]);
    }
    let pcm = |rate: u32, channels: u16, samples: &[i16]| {
        let body: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend([0; 4]);
        file.extend([0, 0, 16, 0]);
        file.extend(b"data");
        file.extend((body.len() as u32).to_le_bytes());
        file.extend(body);
        file
    };
    let sine = |rate: f64, hz: f64| {
        (0..8_000).map(|at| ((TAU * hz * f64::from(at) / rate).sin() * 9_000.0) as i16).collect::<Vec<i16>>()
    };
    let stereo: Vec<i16> = sine(16_000.0, 500.0).into_iter().flat_map(|sample| [sample, sample]).collect();
    for file in [pcm(8_000, 1, &sine(8_000.0, 500.0)), pcm(16_000, 1, &sine(16_000.0, 500.0)), pcm(16_000, 2, &stereo)]
    {
        let samples: Vec<i16> = wav::read(&file).expect("a usual file").samples().collect();
        assert!(tone_snr_db(&samples[100..3_900], 500.0) > 30.0);
        assert!((8_500.0..9_500.0).contains(&tone_peak(&samples[100..3_900], 500.0)));
    }
    let folded: Vec<i16> = wav::read(&pcm(16_000, 1, &sine(16_000.0, 7_000.0))).expect("a file").samples().collect();
    assert!(tone_peak(&folded[100..3_900], 1_000.0) < 300.0, "7 kHz must not fold down to 1");
    assert!(matches!(wav::read(&pcm(44_100, 1, &[0])), Err(wav::WavError::Format { rate: 44_100, .. })));
    assert!(matches!(wav::read(&pcm(8_000, 0, &[0])), Err(wav::WavError::Format { channels: 0, .. })));
    assert_eq!(wav::read(b"OggS"), Err(wav::WavError::NotWav));
}
