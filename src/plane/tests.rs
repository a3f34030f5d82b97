//! The workers on real loopback sockets. Every wait is on a socket or a channel and bounded.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    time::Duration,
};

use super::*;
use crate::{
    base::{PlayId, SegmentId},
    media::{
        Codec, Form, Gain, Listener, Matrix, Play, PortPool, Remote, Source, Standing, Tone,
        tape::{Reel, Taping, What},
        tone_snr_db,
    },
    wire::rtp::Header,
};

const PATIENCE: Duration = Duration::from_secs(5);

struct World {
    plane: Plane,
    ports: Vec<Port>,
    events: Receiver<Event>,
    epoch: std::time::Instant,
}

impl World {
    fn start(workers: usize) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), workers)
    }

    fn start_at(address: IpAddr, workers: usize) -> Self {
        Self::start_with(address, workers, None)
    }

    fn start_with(address: IpAddr, workers: usize, tapes: Option<SyncSender<Reel>>) -> Self {
        #[allow(clippy::disallowed_methods, reason = "the shell's clock")]
        let epoch = std::time::Instant::now();
        let settings = PlaneSettings {
            address,
            ports: free_range(),
            browsers: None,
            workers: Some(workers),
            country: Country::Neutral,
            seed: [7; 32],
            tapes,
        };
        let (tell, events) = channel();
        let clock = move || Instant::from_micros(1_000_000 + epoch.elapsed().as_micros() as u64);
        let (plane, bound) = Plane::start(&settings, clock, move |event| _ = tell.send(event)).expect("starts");
        Self { plane, ports: bound.ports, events, epoch }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.epoch.elapsed().as_micros() as u64)
    }

    fn open(&mut self, id: u64, port: Port, phone: &UdpSocket) -> StreamId {
        let remote = Some(Remote::new(phone.local_addr().expect("bound")));
        let (stream, form) = (StreamId(id), Form::plain(Codec::Pcmu));
        let standing = Box::new(Standing::begin(&mut Chance::from_number(id)));
        self.plane.send(Command::Open { stream, port, remote, form, standing }).expect("taken");
        stream
    }

    fn await_event(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event");
            if wanted(&event) {
                return event;
            }
        }
    }
}

/// A range of its own for every test, 16 pairs; of four such for every process, below those that the kernel gives away.
fn free_range() -> RangeInclusive<u16> {
    use std::sync::atomic::AtomicU16;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_240 + (std::process::id() % 40) as u16 * 128 + NEXT.fetch_add(32, Ordering::Relaxed);
    first..=first + 31
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    socket.set_read_timeout(Some(PATIENCE)).expect("bounded");
    socket
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x55; 172];
    Header::new(0, sequence, u32::from(sequence) * 160, 0xabcd, 160).write(&mut packet);
    packet
}

fn receive(phone: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_000];
    let (len, from) = phone.recv_from(&mut buffer).expect("a packet in time");
    (buffer[..len].to_vec(), from)
}

/// Speaks until the other hears: commands and packets race.
fn speak_until_heard(from: &UdpSocket, to: SocketAddr, ear: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    ear.set_read_timeout(Some(Duration::from_millis(50))).expect("bounded");
    let mut buffer = [0; 2_000];
    let heard = (0..100u16).find_map(|sequence| {
        from.send_to(&packet(sequence), to).expect("sent");
        ear.recv_from(&mut buffer).ok()
    });
    let (len, whence) = heard.expect("heard in time");
    ear.set_read_timeout(Some(PATIENCE)).expect("bounded");
    (buffer[..len].to_vec(), whence)
}

/// The same in a mix, whose silence is heard too.
fn speak_until_understood(from: &UdpSocket, to: SocketAddr, ear: &UdpSocket) {
    ear.set_read_timeout(Some(Duration::from_millis(20))).expect("bounded");
    let mut buffer = [0; 2_000];
    let understood = (0..250u16).any(|sequence| {
        let mut loud = packet(sequence);
        for (at, octet) in loud[12..].iter_mut().enumerate() {
            *octet = if at / 4 % 2 == 0 { 0x80 } else { 0x00 };
        }
        from.send_to(&loud, to).expect("sent");
        let len = ear.recv_from(&mut buffer).map_or(0, |(len, _)| len);
        buffer.get(12..len).is_some_and(|sound| sound.iter().filter(|octet| **octet & 0x70 == 0).count() > 40)
    });
    ear.set_read_timeout(Some(PATIENCE)).expect("bounded");
    assert!(understood, "not heard in time");
}

/// SW-07: two phones through real sockets; each hears the port that it knows, and a stranger nothing.
#[test]
fn two_phones_through_real_sockets() {
    let mut world = World::start(1);
    let (ana, rui, stranger) = (phone(), phone(), phone());
    let (port_a, port_b) = (world.ports[0], world.ports[1]);
    let a = world.open(1, port_a, &ana);
    let b = world.open(2, port_b, &rui);
    world.plane.send(Command::Join { a, b }).expect("taken");
    let (heard, from) = speak_until_heard(&ana, port_a.rtp, &rui);
    assert_eq!(from, port_b.rtp);
    assert_eq!((heard.len(), &heard[12..]), (172, &packet(0)[12..]));
    let (_, from) = speak_until_heard(&rui, port_b.rtp, &ana);
    assert_eq!(from, port_a.rtp);
    // The stranger sits on the same host: allowed to be learnt only once Ana is silent.
    stranger.send_to(&packet(9), port_a.rtp).expect("sent");
    world.plane.send(Command::Close { stream: a }).expect("taken");
    world.plane.send(Command::Close { stream: b }).expect("taken");
    let Event::Closed { stats, .. } = world.await_event(|event| matches!(event, Event::Closed { .. })) else {
        panic!("not closed")
    };
    assert!(stats.packets_received >= 1 && stats.packets_sent >= 1);
}

/// SW-12, QE-04: a tone is played in step over a real socket.
#[test]
fn a_tone_arrives_in_step() {
    let mut world = World::start(1);
    let ana = phone();
    let stream = world.open(1, world.ports[0], &ana);
    let play =
        Play { id: PlayId(1), source: Source::Tone(Tone::Ringback), repeat: true, over: false, with_talk: false };
    world.plane.send(Command::Play { stream, play }).expect("taken");
    let mut ear = Listener::new();
    for _ in 0..40 {
        let (packet, _) = receive(&ana);
        ear.hear(world.now(), &packet);
    }
    assert_eq!((ear.sequence_breaks, ear.timestamp_breaks, ear.ssrc_changes), (0, 0, 0));
    assert!(tone_snr_db(ear.between(100, 700), 425.0) > 25.0);
    world.plane.send(Command::Stop { stream, play: PlayId(1) }).expect("taken");
    world.await_event(|event| matches!(event, Event::Finished { .. }));
}

/// SW-07: a join across workers brings both streams to one; the port finds home after its call.
#[test]
fn a_join_across_workers_moves_a_stream() {
    let mut world = World::start(2);
    let (ana, rui) = (phone(), phone());
    let (port_a, port_b) = (world.ports[0], world.ports[1]);
    assert_ne!(port_a.worker, port_b.worker);
    for round in 0..3 {
        let a = world.open(round * 2 + 1, port_a, &ana);
        let b = world.open(round * 2 + 2, port_b, &rui);
        world.plane.send(Command::Join { a, b }).expect("taken");
        assert_eq!(speak_until_heard(&ana, port_a.rtp, &rui).1, port_b.rtp);
        assert_eq!(speak_until_heard(&rui, port_b.rtp, &ana).1, port_a.rtp);
        world.plane.send(Command::Join { a: b, b: a }).expect("taken");
        assert_eq!(speak_until_heard(&ana, port_a.rtp, &rui).1, port_b.rtp);
        for stream in [a, b] {
            world.plane.send(Command::Close { stream }).expect("taken");
            world.await_event(|event| matches!(event, Event::Closed { stream: closed, .. } if *closed == stream));
        }
    }
    // Both ports are served at home again.
    let a = world.open(100, port_a, &ana);
    ana.send_to(&packet(1), port_a.rtp).expect("sent");
    world.await_event(|event| *event == Event::Heard { stream: a });
}

/// OP-08: the pool is what could be bound, every port once, ready before the first call.
#[test]
fn the_pool_is_what_could_be_bound() {
    let range = free_range();
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, *range.start() + 2)).expect("binds");
    let settings = PlaneSettings {
        address: Ipv4Addr::LOCALHOST.into(),
        ports: range.clone(),
        browsers: None,
        workers: Some(2),
        country: Country::Portugal,
        seed: [1; 32],
        tapes: None,
    };
    let (plane, bound) = Plane::start(&settings, || Instant::ZERO, |_| {}).expect("starts");
    let ports = bound.ports;
    assert_eq!((plane.workers(), ports.len()), (2, 15));
    assert!(ports.iter().all(|port| port.rtp != taken.local_addr().expect("bound") && port.rtp.port() % 2 == 0));
    let mut pool = PortPool::new(ports);
    assert_eq!(std::iter::from_fn(|| pool.take(Instant::ZERO, None)).count(), 15);
    drop(plane);
    UdpSocket::bind((Ipv4Addr::LOCALHOST, *range.start())).expect("the ports are free again");
    let settings = PlaneSettings { address: Ipv4Addr::new(203, 0, 113, 1).into(), ..settings };
    assert!(Plane::start(&settings, || Instant::ZERO, |_| {}).is_err(), "not our address");
}

/// SW-10: legs opened on three different workers hear each other in one mix, again and again, while others join.
#[test]
fn sw_10_legs_of_different_workers_are_mixed() {
    let mut world = World::start(3);
    let phones = [phone(), phone(), phone()];
    let port = |worker: u16, nth: usize| {
        world.ports.iter().filter(|port| port.worker == worker).nth(nth).copied().expect("ports for each")
    };
    let ports = [port(0, 0), port(1, 0), port(2, 0)];
    let spare = [port(1, 1), port(2, 1), port(0, 1)];
    for round in 0..4 {
        let id = |leg: usize| StreamId(round * 10 + leg as u64 + 1);
        for (leg, phone) in phones.iter().enumerate() {
            world.open(id(leg).0, ports[leg], phone);
            world.open(id(leg + 3).0, spare[leg], phone);
        }
        // Streams on their way cross each other.
        let legs = [0, 1, 2].map(|leg| (id(leg), true));
        world.plane.send(Command::Join { a: id(3), b: id(4) }).expect("taken");
        world.plane.send(Command::Mix { matrix: Box::new(Matrix::new(&legs, |_, _| Gain::UNITY)) }).expect("taken");
        world.plane.send(Command::Join { a: id(5), b: id(3) }).expect("taken");
        for (speaker, listener) in [(0, 1), (1, 2), (2, 0)] {
            speak_until_understood(&phones[speaker], ports[speaker].rtp, &phones[listener]);
        }
        for leg in 0..6 {
            world.plane.send(Command::Close { stream: id(leg) }).expect("taken");
            world.await_event(|event| matches!(event, Event::Closed { stream, .. } if *stream == id(leg)));
        }
    }
}

/// SW-07: bound to `::`, a phone of either family is heard, by the addresses that both know, and so is each by the other.
#[test]
fn sw_07_both_families_at_one_port() {
    let mut world = World::start_at(Ipv6Addr::UNSPECIFIED.into(), 1);
    let (one, other) = (phone(), UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("binds"));
    let ports = [world.ports[0], world.ports[1]];
    let streams = [world.open(1, ports[0], &one), world.open(2, ports[1], &other)];
    world.plane.send(Command::Join { a: streams[0], b: streams[1] }).expect("taken");
    let (to_one, to_other): (SocketAddr, SocketAddr) =
        ((Ipv4Addr::LOCALHOST, ports[0].rtp.port()).into(), (Ipv6Addr::LOCALHOST, ports[1].rtp.port()).into());
    let (heard, whence) = speak_until_heard(&one, to_one, &other);
    assert_eq!((heard.len(), whence), (172, to_other));
    let (heard, whence) = speak_until_heard(&other, to_other, &one);
    assert_eq!((heard.len(), whence), (172, to_one));
}

/// SW-07, RFC 4961: bound to every address, what a leg is sent leaves from the one that its phone was told, relayed and
/// played.
#[test]
fn sw_07_sound_leaves_from_the_address_that_was_told() {
    for bound in [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()] {
        let mut world = World::start_at(bound, 1);
        let (one, other) = (phone(), phone());
        let ours: [IpAddr; 2] = [[127, 0, 0, 2].into(), [127, 0, 0, 3].into()];
        let ports = [world.ports[0], world.ports[1]];
        let told = |place: usize| SocketAddr::new(ours[place], ports[place].rtp.port());
        for (place, phone) in [&one, &other].into_iter().enumerate() {
            let stream = world.open(place as u64 + 1, ports[place], phone);
            let form = Form { local: Some(ours[place]), ..Form::plain(Codec::Pcmu) };
            let remote = Some(Remote::new(phone.local_addr().expect("bound")));
            world.plane.send(Command::Update { stream, remote, form }).expect("taken");
        }
        world.plane.send(Command::Join { a: StreamId(1), b: StreamId(2) }).expect("taken");
        let (heard, whence) = speak_until_heard(&one, told(0), &other);
        assert_eq!((heard.len(), whence), (172, told(1)), "{bound}");
        let play =
            Play { id: PlayId(1), source: Source::Tone(Tone::Busy), repeat: true, over: false, with_talk: false };
        world.plane.send(Command::Play { stream: StreamId(1), play }).expect("taken");
        assert_eq!(receive(&one).1, told(0), "{bound}");
    }
}

/// RC-01, RC-03: a recorded leg that goes to another worker loses nothing of what it has said on the first: that comes to be
/// written before the end, which the other tells.
#[test]
fn rc_01_a_move_between_workers_loses_nothing() {
    let (tapes, reels) = sync_channel(64);
    let mut world = World::start_with(Ipv4Addr::LOCALHOST.into(), 2, Some(tapes));
    let port = |worker: u16, nth: usize| {
        world.ports.iter().filter(|port| port.worker == worker).nth(nth).copied().expect("ports for each")
    };
    let (at_new, at_old, stays) = (port(0, 0), port(1, 0), port(1, 1));
    let phones = [phone(), phone(), phone()];
    world.open(1, at_old, &phones[0]);
    // Keeps the old worker from emptying its tape for want of streams.
    world.open(2, stays, &phones[1]);
    world.open(3, at_new, &phones[2]);
    let (stream, segment) = (StreamId(1), SegmentId(5));
    let taping = Taping::Begin { segment, path: "a".into(), swapped: false };
    world.plane.send(Command::Record { stream, taping }).expect("taken");
    (0..3).for_each(|sequence| _ = phones[0].send_to(&packet(sequence), at_old.rtp).expect("sent"));
    world.await_event(|event| *event == Event::Heard { stream });
    world.plane.send(Command::Join { a: StreamId(3), b: stream }).expect("taken");
    for stream in [stream, StreamId(3)] {
        world.plane.send(Command::Close { stream }).expect("taken");
    }
    let (mut sounds, mut has_ended) = (0, false);
    while !has_ended {
        let reel = reels.recv_timeout(PATIENCE).expect("a tape in time");
        for piece in &reel.tape.pieces {
            sounds += usize::from(matches!(piece.what, What::Sound { .. }));
            has_ended |= matches!(piece.what, What::Ends);
        }
    }
    assert!(sounds >= 1, "the end came first");
}
