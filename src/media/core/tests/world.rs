//! Phones around a core and a hand-moved clock.

use std::{f64::consts::TAU, net::SocketAddr, time::Duration};

use super::super::{
    super::{
        Codec, Listener, Remote, Stats, Wishes,
        codec::{Decoder, Encoder, FRAME, PACKET_SAMPLES_MAX},
        g711,
        srtp::{Secure, TAIL_MAX},
        tone_snr_db,
    },
    *,
};
use crate::wire::rtp::Header;

/// Two phones, the core between them.
pub struct World {
    pub core: Core,
    pub now: Instant,
    pub phones: Vec<Phone>,
    pub events: Vec<Event>,
    /// Reports the core sent, by phone.
    pub reports: Vec<(usize, Vec<u8>)>,
}

/// A phone that speaks a tone every 20 ms and keeps what it hears.
pub struct Phone {
    pub addr: SocketAddr,
    pub stream: StreamId,
    pub port: Port,
    pub codec: Codec,
    pub hz: f64,
    pub speaks: bool,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub spoken: usize,
    pub ear: Listener,
    pub heard: Vec<Header>,
    /// For codecs that the ear doesn't know; what it hears then, at 16 kHz.
    pub guard: Option<Secure>,
    pub mouth: Option<Encoder>,
    pub wide_ear: Option<Decoder>,
    pub wide: Vec<i16>,
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn form(codec: Codec) -> Form {
    Form { silence: Some(Duration::from_secs(60)), ..Form::plain(codec) }
}

impl World {
    /// Phones of these codecs; each has its stream open, none is joined.
    pub fn with(codecs: &[Codec]) -> Self {
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
                guard: None,
                mouth: None,
                wide_ear: None,
                wide: Vec::new(),
            };
            let phone = phone.speaking(*codec);
            let (stream, remote) = (phone.stream, Some(Remote::new(phone.addr)));
            world.phones.push(phone);
            let standing = Box::new(Standing::begin(&mut Chance::from_number(stream.0)));
            world.tell(Command::Open { stream, port, remote, form: form(*codec), standing });
        }
        world
    }

    /// A bridged call between two phones.
    pub fn call(codecs: [Codec; 2]) -> Self {
        let mut world = Self::with(&codecs);
        world.join(0, 1);
        world
    }

    pub fn tell(&mut self, command: Command) {
        self.core.handle_command(self.now, command);
        self.collect();
    }

    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.phones[a].stream, self.phones[b].stream);
        self.tell(Command::Join { a, b });
    }

    pub fn play(&mut self, phone: usize, id: u64, source: Source, repeat: bool) {
        let stream = self.phones[phone].stream;
        self.tell(Command::Play {
            stream,
            play: Play { id: PlayId(id), source, repeat, over: false, with_talk: false },
        });
    }

    pub fn stop(&mut self, phone: usize, id: u64) {
        let stream = self.phones[phone].stream;
        self.tell(Command::Stop { stream, play: PlayId(id) });
    }

    pub fn update(&mut self, phone: usize, form: Form) {
        let phone = &self.phones[phone];
        let (stream, remote) = (phone.stream, Some(Remote::new(phone.addr)));
        self.tell(Command::Update { stream, remote, form });
    }

    pub fn collect(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.core.poll_event()));
    }

    /// Runs millisecond by millisecond; phones speak 7 ms apart.
    pub fn run(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now += Duration::from_millis(1);
            for place in 0..self.phones.len() {
                let phase = self.now.as_micros() / 1_000 % 20;
                if self.phones[place].speaks && phase == place as u64 * 7 % 20 {
                    self.speak(place);
                }
            }
            if self.core.poll_timeout().is_some_and(|due| due <= self.now) {
                self.tick();
            }
            self.collect();
        }
    }

    pub fn tick(&mut self) {
        let (now, mut sent) = (self.now, Vec::new());
        self.core.handle_tick(now, &mut |out| sent.push((out.is_rtcp, out.to, out.packet.to_vec())));
        for (is_rtcp, to, packet) in sent {
            let place = self.phones.iter().position(|phone| phone.addr == to || Remote::new(phone.addr).rtcp == to);
            let place = place.expect("sent to a phone");
            if is_rtcp {
                let mut packet = packet;
                if let Some(guard) = &mut self.phones[place].guard {
                    let len = guard.unprotect_rtcp(&mut packet).expect("authentic");
                    packet.truncate(len);
                }
                self.reports.push((place, packet));
            } else {
                self.phones[place].hear(now, &packet);
            }
        }
    }

    pub fn speak(&mut self, place: usize) {
        let packet = self.phones[place].packet();
        self.send(place, packet);
    }

    pub fn send(&mut self, place: usize, mut packet: Vec<u8>) -> Verdict {
        if let Some(guard) = &mut self.phones[place].guard {
            let len = packet.len();
            packet.resize(len + TAIL_MAX, 0);
            let len = guard.protect(&mut packet, len).expect("room");
            packet.truncate(len);
        }
        let from = self.phones[place].addr;
        self.send_from(place, from, packet)
    }

    pub fn send_from(&mut self, place: usize, from: SocketAddr, mut packet: Vec<u8>) -> Verdict {
        let verdict = {
            let len = packet.len();
            packet.resize(len + TAIL_MAX, 0);
            self.core.handle_packet(self.now, self.phones[place].port.index, from, &mut packet, len)
        };
        let (way, packets) = match verdict {
            Verdict::Nothing => (None, Vec::new()),
            Verdict::Forward { index, to, len, .. } => (Some((index, to)), vec![packet[..len].to_vec()]),
            Verdict::Pieces { index, to, .. } => {
                let pieces = std::iter::from_fn(|| self.core.poll_piece().map(<[u8]>::to_vec));
                (Some((index, to)), pieces.collect())
            }
        };
        if let Some(other) = self.phones.iter_mut().find(|phone| way == Some((phone.port.index, phone.addr))) {
            packets.iter().for_each(|packet| other.hear(self.now, packet));
        }
        self.collect();
        verdict
    }

    pub fn event_packet(&mut self, place: usize, code: u8, started: u32, duration: u16, is_end: bool) {
        let phone = &mut self.phones[place];
        let [high, low] = duration.to_be_bytes();
        let mut packet = vec![0x80; 12];
        packet.extend([code, if is_end { 0x8a } else { 0x0a }, high, low]);
        phone.sequence = phone.sequence.wrapping_add(1);
        let header = phone.header(101, started);
        header.write(&mut packet);
        self.send(place, packet);
    }

    pub fn close(&mut self, place: usize) -> Stats {
        self.tell(Command::Close { stream: self.phones[place].stream });
        let closed = self.events.pop();
        let Some(Event::Closed { stats, .. }) = closed else { panic!("{closed:?} instead of the figures") };
        *stats
    }
}

impl Phone {
    pub fn header(&self, payload_type: u8, timestamp: u32) -> Header {
        Header::new(payload_type, self.sequence, timestamp, self.ssrc, 0)
    }

    pub fn speaking(self, codec: Codec) -> Self {
        let is_wide = matches!(codec, Codec::G722 | Codec::Opus);
        let mouth = Encoder::new(codec, Wishes::default()).filter(|_| is_wide);
        Self { codec, mouth, wide_ear: Decoder::new(codec).filter(|_| is_wide), ..self }
    }

    pub fn packet(&mut self) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.codec.clock_hz() / 50);
        if let Some(mouth) = &mut self.mouth {
            let sound = (self.spoken..self.spoken + FRAME)
                .map(|at| ((TAU * self.hz * at as f64 / 16_000.0).sin() * 8_000.0) as i16)
                .collect::<Vec<i16>>();
            self.spoken += FRAME;
            mouth.push(&sound);
            let mut packet = [0x80; 12 + 480];
            let len = 12 + mouth.packet(20, &mut packet[12..]).expect("a packet");
            self.header(self.codec.static_payload_type().unwrap_or(96), self.timestamp).write(&mut packet);
            return packet[..len].to_vec();
        }
        let mut packet = vec![0x80; 12];
        self.header(self.codec.static_payload_type().unwrap_or(96), self.timestamp).write(&mut packet);
        packet.extend((self.spoken..self.spoken + 160).map(|at| {
            let sample = ((TAU * self.hz * at as f64 / 8_000.0).sin() * 8_000.0) as i16;
            if self.codec == Codec::Pcma { g711::encode_alaw(sample) } else { g711::encode_ulaw(sample) }
        }));
        self.spoken += 160;
        packet
    }

    /// A packet of that codec, whatever it usually speaks; for one that has spoken in no other way.
    pub fn packet_in(&mut self, codec: Codec, mouth: &mut Encoder) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(codec.clock_hz() / 50);
        let wave = |at: usize| ((TAU * self.hz * at as f64 / 16_000.0).sin() * 8_000.0) as i16;
        mouth.push(&(self.spoken..self.spoken + FRAME).map(wave).collect::<Vec<i16>>());
        self.spoken += FRAME;
        let mut packet = [0x80; 12 + 480];
        let len = 12 + mouth.packet(20, &mut packet[12..]).expect("a packet");
        self.header(codec.static_payload_type().unwrap_or(96), self.timestamp).write(&mut packet);
        packet[..len].to_vec()
    }

    pub fn hear(&mut self, now: Instant, packet: &[u8]) {
        let mut opened = packet.to_vec();
        let len = self.guard.as_mut().map(|guard| guard.unprotect(&mut opened).expect("authentic"));
        let packet = &opened[..len.unwrap_or(packet.len())];
        let header = Header::read(packet).expect("RTP");
        let wanted = self.codec.static_payload_type().unwrap_or(96);
        assert!([wanted, 101].contains(&header.payload_type), "{header:?}");
        self.heard.push(header);
        if let Some(ear) = self.wide_ear.as_mut().filter(|_| header.payload_type == wanted) {
            let mut made = [0; PACKET_SAMPLES_MAX];
            let count = ear.decode(self.codec, &packet[header.payload()], &mut made);
            return self.wide.extend(&made[..count]);
        }
        assert!(self.ear.hear(now, packet));
    }

    /// The tone's power against all else in the second before the last tenth, in dB; by either ear.
    pub fn hears_db(&self, hz: f64) -> f64 {
        let last = |samples: &[i16], rate: usize| {
            let end = samples.len().saturating_sub(rate / 10);
            samples[end.saturating_sub(rate)..end].to_vec()
        };
        if self.wide_ear.is_some() {
            // The measure knows 8 kHz: half of what it is told.
            tone_snr_db(&last(&self.wide, 16_000), hz / 2.0)
        } else {
            tone_snr_db(&last(self.ear.samples(), 8_000), hz)
        }
    }

    /// One SSRC, sequence numbers one by one, timestamps that never go back.
    pub fn assert_continuous(&self) {
        for pair in self.heard.windows(2) {
            assert_eq!(pair[0].ssrc, pair[1].ssrc);
            assert_eq!(pair[0].sequence.wrapping_add(1), pair[1].sequence, "{pair:?}");
            assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 8_000 * 60, "{pair:?}");
        }
    }
}

pub fn music(hz: f64, millis: usize) -> Arc<Sound> {
    let samples: Vec<i16> =
        (0..millis * 8).map(|at| ((TAU * hz * at as f64 / 8_000.0).sin() * 8_000.0) as i16).collect();
    Arc::new(Sound::from_samples(&samples))
}
