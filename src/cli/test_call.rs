//! `strowger test-call`: a caller of our own over loopback, who speaks and says what he heard.

mod heard;

use std::{
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use super::{Failed, TestCall, environment};
use crate::{
    base::{Chance, FlowId, Instant, Now},
    engine::Input,
    media::{Codec, Country, Listener, Sound, built_in, wav},
    net::{Net, StreamLimits},
    server::{Clock, find_server, seed},
    settings::ListenerKind,
    sip::{Body, Ended, Event, Invite, Output, Party, Path, Stack, StackSettings, Transport, UsageId},
    wire::{
        rtp::Header,
        sdp::{Format, Media, Session},
        sip::{Name, reason_phrase},
    },
};
use heard::{Ear, Sort, told};

/// Samples and octets of one packet: 20 ms of G.711.
const PACKET: usize = 160;
const PACKET_TIME: Duration = Duration::from_millis(20);

/// A switch that says nothing at all by then is not there.
const SILENT_TIME: Duration = Duration::from_secs(5);

/// After our BYE, for the answer to it.
const GOODBYE_TIME: Duration = Duration::from_millis(500);

/// The largest packet that is looked at.
const PACKET_MAX: usize = 2_048;

pub fn test_call(call: &TestCall) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let limits = StreamLimits { total_max: 1, per_ip_max: 1, idle_time: call.length() };
    let mut net = Net::new(runtime.handle().clone(), limits, FlowId(1))?;
    let bound = net.listen(Transport::Udp, call.from).map_err(|why| taken(call.from, &why))?;
    let rtp = UdpSocket::bind(SocketAddr::new(call.from.ip(), 0))?;
    rtp.set_nonblocking(true)?;
    let stack = Stack::new(StackSettings::default(), Chance::from_seed(seed()?));
    let clock = Clock::start();
    let began = clock.mono();
    let mut caller = Caller::new(net, stack, rtp, clock, began);
    let (server, country) = called(call)?;
    caller.invite(call, server, bound.address)?;
    println!("ringing {} at {server} from {} …", call.number, call.from);
    caller.run(call.length());
    if let Some(path) = &call.record {
        let written = fs::write(path, wav::write(&Sound::from_samples(caller.listener.samples())));
        written.map_err(|why| format!("{}: {why}", path.display()))?;
    }
    caller.report(country)
}

/// Where the switch of the main file hears SIP over UDP, or what was said instead; and whose tones it has, which nobody knows
/// of one elsewhere.
fn called(call: &TestCall) -> Result<(SocketAddr, Country), Failed> {
    if let Some(server) = call.server {
        return Ok((server, Country::default()));
    }
    let file = &call.config.config;
    let hint = "hint: name one: --server ADDRESS:PORT";
    let settings = find_server(file, &environment()).map_err(|why| format!("{why}\n    {hint}"))?;
    let listener = settings.sip.listen.iter().find(|listener| listener.kind == ListenerKind::Udp);
    let listener = listener.ok_or_else(|| format!("{}: no listener over UDP\n    {hint}", file.display()))?;
    let mut address = listener.address;
    if address.ip().is_unspecified() {
        // Every address of this machine, so the one that is always there.
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    Ok((address, settings.rtp.tones))
}

fn taken(address: SocketAddr, why: &io::Error) -> String {
    format!("can't call from {address}: {why}\n    hint: choose an address that a trunk names: --from ADDRESS:PORT")
}

/// What happened when, since the INVITE.
#[derive(Default)]
struct Story {
    answered_100: bool,
    ringing: Option<Duration>,
    answered: Option<Duration>,
    first_sound: Option<Duration>,
    ended: Option<(Duration, String)>,
    refused: Option<(u16, String)>,
    /// Nothing listens where the call went.
    deaf: bool,
}

struct Caller {
    net: Net,
    stack: Stack,
    rtp: UdpSocket,
    clock: Clock,
    began: Instant,
    usage: Option<UsageId>,
    /// Where our sound goes, once they have said so.
    remote: Option<SocketAddr>,
    voice: Vec<u8>,
    sent: u32,
    ssrc: u32,
    listener: Listener,
    story: Story,
}

impl Caller {
    fn new(net: Net, stack: Stack, rtp: UdpSocket, clock: Clock, began: Instant) -> Self {
        let voice = built_in::hello().octets(Codec::Pcmu).to_vec();
        let ssrc = seed().map_or(1, |seed| u32::from_ne_bytes([seed[0], seed[1], seed[2], seed[3]]));
        let (listener, story) = (Listener::new(), Story::default());
        Self { net, stack, rtp, clock, began, usage: None, remote: None, voice, sent: 0, ssrc, listener, story }
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn since(&self) -> Duration {
        self.clock.mono().since(self.began)
    }

    fn invite(&mut self, call: &TestCall, server: SocketAddr, local: SocketAddr) -> Result<(), Failed> {
        let path = Path { transport: Transport::Udp, local, remote: server, flow: None };
        let rtp = self.rtp.local_addr()?;
        let mut offer = Session::new(rtp.ip(), 1, 1);
        let formats = [Format::new(0, "PCMU", 8_000), Format::telephone_event(101, 8_000)];
        offer.media.push(Media::audio(rtp.port(), formats));
        let uri = format!("sip:{}@{server}", call.number);
        let from = Party::named("strowger test-call", format!("sip:{}@{local}", call.caller));
        let mut invite = Invite::new(path, uri.clone(), from, Party::new(uri));
        invite.contact_user.clone_from(&call.caller);
        invite.body = Some(Body::sdp(offer.to_bytes()));
        self.usage = Some(self.stack.invite(self.now(), invite));
        self.carry();
        Ok(())
    }

    /// Until either side hangs up, or nobody answers.
    fn run(&mut self, length: Duration) {
        let mut tick = self.clock.mono();
        let mut hang_up = self.began + length;
        let mut over = false;
        loop {
            let now = self.clock.mono();
            if now >= tick {
                self.hear();
                self.speak();
                tick += PACKET_TIME;
            }
            if self.stack.poll_timeout().is_some_and(|until| until <= now) {
                self.stack.handle_timeout(self.now());
                self.carry();
            }
            let silent = !self.story.answered_100 && now >= self.began + SILENT_TIME;
            if (over && now >= hang_up) || self.story.refused.is_some() || silent {
                return;
            }
            if !over && (self.story.ended.is_some() || now >= hang_up) {
                if self.story.ended.is_none() {
                    self.hang_up();
                }
                (over, hang_up) = (true, now + GOODBYE_TIME);
            }
            self.wait(tick.min(hang_up));
        }
    }

    fn wait(&mut self, until: Instant) {
        let length = until.since(self.clock.mono());
        self.net.wait(Some(length), || false);
        self.net.receive(self.clock.mono());
        while let Some(input) = self.net.next_input() {
            // Nothing else comes from the sockets of a caller over UDP.
            if let Input::Sip { path, message } = input {
                self.story.answered_100 |= !message.is_request();
                self.stack.handle_message(self.now(), path, message);
            } else if let Input::Unreachable { transport, remote } = input {
                self.stack.handle_unreachable(self.now(), transport, remote);
            }
            self.carry();
        }
        self.net.flush();
    }

    fn hang_up(&mut self) {
        let now = self.now();
        if let Some(usage) = self.usage {
            if self.story.answered.is_some() {
                self.stack.bye(now, usage, None);
            } else {
                self.stack.cancel(now, usage, None);
            }
        }
        self.carry();
        self.story.ended.get_or_insert((self.since(), String::from("we hung up")));
    }

    /// Carries out what the stack wants.
    fn carry(&mut self) {
        while let Some(output) = self.stack.poll_output() {
            match output {
                Output::Send { path, bytes, .. } => self.net.send(path, bytes),
                Output::Event(event) => self.on_event(event),
            }
        }
        self.net.flush();
    }

    fn on_event(&mut self, event: Event) {
        let since = self.since();
        match event {
            Event::Provisional { status, body, .. } => {
                if status >= 180 {
                    self.story.ringing.get_or_insert(since);
                }
                self.learn(body.as_ref());
            }
            Event::Answered { body, .. } => {
                self.story.answered = Some(since);
                self.learn(body.as_ref());
            }
            Event::Rejected { status, response, .. } => {
                let reason = response.as_ref().map_or(reason_phrase(status), |response| response.reason_phrase());
                // An INVITE that we cancelled ends so (RFC 3261 9.1); nobody refused anything.
                if status == 487 && self.story.ended.is_some() {
                    return;
                }
                if response.is_none() && status == 503 {
                    self.story.deaf = true;
                }
                let warning = response.as_ref().and_then(|response| response.header(Name::Warning));
                let said = warning.map_or_else(|| reason.to_owned(), |warning| format!("{reason}; {warning}"));
                self.story.refused = Some((status, said));
            }
            Event::SdpOffer { usage, body, .. } => {
                self.learn(body.as_ref());
                self.stack.respond_offer(self.now(), usage, 488, None);
            }
            Event::Ended { why, .. } => {
                self.story.ended = Some((since, why_told(&why)));
            }
            Event::Cancelled { .. }
            | Event::Acked { .. }
            | Event::AckMissing { .. }
            | Event::OfferTakenBack { .. }
            | Event::OfferAnswered { .. }
            | Event::RefreshDue { .. }
            | Event::Renewed { .. }
            | Event::Info { .. }
            | Event::Invite { .. }
            | Event::Request { .. }
            | Event::Subscribe { .. }
            | Event::NotifyDue { .. }
            | Event::SubscriptionEnded { .. }
            | Event::Through(_)
            | Event::Response { .. } => {}
        }
    }

    fn learn(&mut self, body: Option<&Body>) {
        let Some(session) = body.filter(|body| body.is_sdp()).and_then(|body| Session::parse(&body.bytes).ok()) else {
            return;
        };
        let Some(media) = session.media.first() else { return };
        self.remote = session.address(media).map(|ip| SocketAddr::new(ip, media.port)).filter(|to| to.port() != 0);
    }

    fn hear(&mut self) {
        let mut packet = [0; PACKET_MAX];
        while let Ok((length, _)) = self.rtp.recv_from(&mut packet) {
            let now = self.clock.mono();
            if self.listener.hear(now, packet.get(..length).unwrap_or_default()) {
                self.story.first_sound.get_or_insert(now.since(self.began));
            }
        }
    }

    /// One packet of the voice, again and again.
    fn speak(&mut self) {
        let Some(remote) = self.remote.filter(|_| self.story.answered.is_some() && self.story.ended.is_none()) else {
            return;
        };
        let mut packet = [0; crate::wire::rtp::HEADER_BYTES + PACKET];
        let mut header =
            Header::new(0, self.sent as u16, self.sent.wrapping_mul(PACKET as u32), self.ssrc, PACKET as u16);
        header.marker = self.sent == 0;
        header.write(&mut packet);
        let from = self.sent as usize * PACKET;
        let voice = self.voice.iter().cycle().skip(from % self.voice.len().max(1));
        for (octet, spoken) in packet.iter_mut().skip(crate::wire::rtp::HEADER_BYTES).zip(voice) {
            *octet = *spoken;
        }
        self.sent = self.sent.wrapping_add(1);
        // What the network does not take is lost, as RTP may be.
        let _ = self.rtp.send_to(&packet, remote);
    }

    fn report(&self, country: Country) -> Result<(), Failed> {
        let Story { answered_100, ringing, answered, first_sound, ended, refused, deaf } = &self.story;
        if *deaf {
            return Err("nothing listens there\n    hint: does the switch run, and is --server its UDP address?".into());
        }
        if let Some((status, said)) = refused {
            return Err(refusal(*status, said).into());
        }
        if !answered_100 {
            return Err("no answer at all: does the switch run, and is --server its UDP address?".into());
        }
        let line = |what: &str, when: &Option<Duration>| match when {
            Some(when) => println!("  {what:12} after {:.3} s", when.as_secs_f64()),
            None => println!("  {what:12} never"),
        };
        line("ringing", ringing);
        line("answered", answered);
        line("first sound", first_sound);
        let stretches = Ear::new(country).judge(self.listener.samples());
        println!("  heard        {}", if stretches.is_empty() { String::from("nothing") } else { told(&stretches) });
        println!(
            "  packets      {} came, longest wait {} ms, {} out of order or lost; {} sent",
            self.listener.packets,
            self.listener.longest_wait.as_millis(),
            self.listener.sequence_breaks,
            self.sent,
        );
        if let Some((when, why)) = ended {
            println!("  ended        after {:.1} s: {why}", when.as_secs_f64());
        }
        if answered.is_none() {
            return Err("nobody answered in that time; --seconds waits longer".into());
        }
        let someone = stretches.iter().find(|stretch| stretch.sort == Sort::Other);
        match someone {
            Some(_) => println!(
                "Something else than silence, ringback and the built-in music was heard: an agent, or an announcement, a menu \
                 or a music of the centre's own. Which of them can't be told from here; --record FILE keeps it."
            ),
            None => println!("No agent was heard. Register a phone (the banner says how), answer, and try again."),
        }
        Ok(())
    }
}

fn why_told(why: &Ended) -> String {
    String::from(match why {
        Ended::Bye { reason: None } => "they hung up",
        Ended::Bye { reason: Some(reason) } => return format!("they hung up ({reason})"),
        Ended::Timeout => "no answer inside the call",
        Ended::SessionExpired => "the session was not refreshed",
        Ended::Unreachable => "the switch is gone",
        Ended::FlowClosed => "the connection closed",
    })
}

fn refusal(status: u16, said: &str) -> String {
    let hint = match status {
        401 | 403 | 407 => {
            "\n    hint: the switch takes calls without a password from a trunk's address alone (--from)"
        }
        404 => "\n    hint: no number, user or group of the centre has this name",
        _ => "",
    };
    format!("refused: {status} {said}{hint}")
}
