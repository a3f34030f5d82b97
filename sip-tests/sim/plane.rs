//! The media plane without sockets: two workers' cores and their ports.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use strowger::{
    base::{Chance, ClipId, Instant, StreamId},
    media::{
        Command, Core, Country, Event, PROTECTION_BYTES_MAX, Port, Sound, Verdict,
        link::{Doors, Fingerprint},
        spoken,
        tape::Reel,
    },
};

use super::{
    centre::{MUSIC, SWITCH},
    page::keys_of,
    sound::Voice,
};

/// What the switch says by itself, read once for all worlds.
pub static SPOKEN: LazyLock<BTreeMap<ClipId, Arc<Sound>>> =
    LazyLock::new(|| spoken::clips().map(|(clip, sound)| (clip, Arc::new(sound))).collect());

/// Two seconds of the music, which is a voice of its own.
static MUSIC_SOUND: LazyLock<Arc<Sound>> =
    LazyLock::new(|| Arc::new(Sound::from_samples(&Voice::MUSIC.samples(16_000))));

const WORKERS: u16 = 2;

/// Pairs of each worker: enough for the busiest story, few enough to be used again and again.
const PORTS: u16 = 200;

/// The same for browsers' legs; here each has a number of its own.
const DOORS: u16 = 40;

const FIRST_PORT: u16 = 16_384;

/// A datagram to be sent: from, to, what.
pub type Packet = (SocketAddr, SocketAddr, Vec<u8>);

pub struct Plane {
    workers: Vec<Core>,
    /// Which worker a stream and its port are on: a join brings two together.
    streams: HashMap<StreamId, u16>,
    ports: HashMap<u16, u16>,
    sent: Vec<Packet>,
}

impl Plane {
    pub fn new(chance: &mut Chance) -> Self {
        let workers = (0..WORKERS).map(|_| Core::new(Country::default(), chance.fork())).collect();
        Self { workers, streams: HashMap::new(), ports: HashMap::new(), sent: Vec::new() }
    }

    pub fn ports() -> Vec<Port> {
        (0..WORKERS * PORTS).map(port).collect()
    }

    pub fn doors() -> Doors {
        let first = WORKERS * PORTS;
        Doors {
            fingerprint: Fingerprint([9; 32]),
            ports: (first..first + WORKERS * DOORS).map(port).collect(),
            others: vec![Vec::new(); usize::from(WORKERS)],
        }
    }

    pub fn load_music(&mut self, now: Instant) {
        let spoken = SPOKEN.iter().map(|(clip, sound)| (*clip, Arc::clone(sound)));
        for (clip, sound) in spoken.chain([(MUSIC, Arc::clone(&MUSIC_SOUND))]) {
            for worker in &mut self.workers {
                worker.handle_command(now, Command::LoadClip { clip, sound: Arc::clone(&sound) });
            }
        }
    }

    pub fn handle_command(&mut self, now: Instant, worker: u16, command: Command) {
        let stream = command.stream();
        let worker = stream.and_then(|stream| self.streams.get(&stream).copied()).unwrap_or(worker);
        match &command {
            Command::Open { stream, port, .. } => {
                self.streams.insert(*stream, port.worker);
                self.ports.insert(port.index, port.worker);
            }
            Command::Close { stream } => {
                self.streams.remove(stream);
            }
            Command::Join { b, .. } => self.gather(now, *b, worker),
            Command::Mix { matrix } => matrix.streams().skip(1).for_each(|other| self.gather(now, other, worker)),
            Command::Update { .. }
            | Command::Record { .. }
            | Command::Part { .. }
            | Command::Play { .. }
            | Command::Stop { .. }
            | Command::SendDtmf { .. }
            | Command::Judge { .. }
            | Command::LoadClip { .. }
            | Command::DropClip { .. } => {}
        }
        let link = if let Command::Open { stream, form, .. } | Command::Update { stream, form, .. } = &command {
            form.link.clone().map(|link| (*stream, link))
        } else {
            None
        };
        let core = &mut self.workers[usize::from(worker)];
        core.handle_command(now, command);
        if let Some((stream, link)) = link
            && let Some(port) = core.port(stream)
        {
            core.handle_way(port.index, link.candidates.first().copied(), None);
            core.handle_keys(port.index, keys_of(&link));
        }
    }

    fn gather(&mut self, now: Instant, stream: StreamId, to: u16) {
        let Some(from) = self.streams.get(&stream).copied().filter(|from| *from != to) else { return };
        let Some(port) = self.workers[usize::from(from)].port(stream) else { return };
        let moved = self.workers[usize::from(from)].release(stream).expect("it has a port there");
        self.workers[usize::from(to)].adopt(now, moved);
        self.streams.insert(stream, to);
        self.ports.insert(port.index, to);
    }

    pub fn handle_packet(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, mut packet: Vec<u8>) {
        let Some(number) = to.port().checked_sub(FIRST_PORT) else { return };
        let (index, is_rtcp) = (number / 2, number % 2 == 1);
        if index >= WORKERS * (PORTS + DOORS) {
            return;
        }
        let worker = self.ports.get(&index).copied().unwrap_or(port(index).worker);
        let core = &mut self.workers[usize::from(worker)];
        if is_rtcp {
            return core.handle_rtcp(now, index, from, &mut packet);
        }
        let len = packet.len();
        packet.resize(len + PROTECTION_BYTES_MAX, 0);
        match core.handle_packet(now, index, from, &mut packet, len) {
            Verdict::Nothing => {}
            Verdict::Forward { index, to, len, .. } => {
                packet.truncate(len);
                self.sent.push((port(index).rtp, to, packet));
            }
            Verdict::Pieces { index, to, .. } => {
                while let Some(piece) = core.poll_piece() {
                    self.sent.push((port(index).rtp, to, piece.to_vec()));
                }
            }
        }
    }

    pub fn handle_tick(&mut self, now: Instant) {
        for core in &mut self.workers {
            core.handle_tick(now, &mut |out| {
                let from = if out.is_rtcp { port(out.index).rtcp() } else { port(out.index).rtp };
                self.sent.push((from, out.to, out.packet.to_vec()));
            });
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.workers.iter().filter_map(Core::poll_timeout).min()
    }

    /// What is to be sent, and what the engine is to be told.
    pub fn take(&mut self) -> (Vec<Packet>, Vec<Event>) {
        let events = self.workers.iter_mut().flat_map(|core| std::iter::from_fn(|| core.poll_event())).collect();
        (std::mem::take(&mut self.sent), events)
    }

    /// Tapes that are to be written.
    pub fn reels(&mut self, now: Instant) -> Vec<Reel> {
        let due = self.workers.iter_mut().enumerate().filter(|(_, core)| core.has_tape(now));
        due.map(|(worker, core)| Reel { worker: worker as u16, at: now, tape: core.take_tape() }).collect()
    }

    /// Nobody takes it now.
    pub fn put_back(&mut self, now: Instant, reel: Reel) {
        self.workers[usize::from(reel.worker)].put_tape_back(now, reel.tape);
    }

    pub fn streams(&self) -> usize {
        self.workers.iter().map(Core::len).sum()
    }
}

fn port(index: u16) -> Port {
    let ip = SWITCH.parse::<SocketAddr>().unwrap().ip();
    Port { worker: index % WORKERS, index, rtp: SocketAddr::new(ip, FIRST_PORT + 2 * index) }
}
