//! The loop: what is on its way arrives, what is due is woken, what the switch says is carried out.

use std::{
    cell::Cell,
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use strowger::{
    acd::{EngagementSummary, Rule, StatusSpan},
    base::{Chance, Instant, LegId, Now, PageId, UserId, Wall},
    engine::{
        Answer, CallRecord, Centre, Emitted, Engine, EngineSettings, Event, Input, PageSays, PageTold, Question,
        Refused, RequestId, SegmentRecord, SegmentReport,
        flight::{Base, Recorder, digest},
    },
    media,
    sip::{Path, Transport},
    wire::sip::Message,
};

use super::{
    Link, centre,
    disk::Disk,
    nat::Nat,
    page::PageCall,
    plane::Plane,
    shelf::Shelf,
    ua::{Talk, Ua},
};

/// Which way a datagram goes, seen from the switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    In,
    Out,
}

/// A packet's worth of speech, and a tick of the plane.
const FRAME_TIME: Duration = Duration::from_millis(20);

/// Messages kept to be shown when a story fails.
const TRACE_MAX: usize = 120;

type Loss = Box<dyn FnMut(Way, &str) -> bool>;

/// What is on its way.
pub(super) enum Due {
    ToSwitch { from: SocketAddr, bytes: Vec<u8> },
    ToPhone { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    RtpToSwitch { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    RtpToPhone { to: SocketAddr, bytes: Vec<u8> },
    FromPage { page: PageId, user: UserId, says: PageSays },
    Wake(usize),
    Speech,
    Told { run: u32, event: media::Event },
    Segment { run: u32, report: SegmentReport },
    Written { run: u32 },
}

pub(super) struct Sim {
    pub seed: u64,
    pub chance: Chance,
    pub link: Link,
    pub nat: Option<Nat>,
    pub clock: Instant,
    /// The wall clock was set forward by so many milliseconds, or back.
    pub wall_set_by: i64,
    pub due: BinaryHeap<Reverse<(Instant, u64)>>,
    pub what: HashMap<u64, Due>,
    pub number: u64,
    pub uas: Vec<Ua>,
    /// Live connections of pages so far, and whose each is.
    pub pages: u64,
    pub page_uas: BTreeMap<PageId, usize>,
    pub page_legs: BTreeMap<LegId, PageCall>,
    pub told: Vec<(PageId, PageTold)>,
    /// Certificates of browsers so far.
    pub prints: u8,
    pub places: HashMap<SocketAddr, usize>,
    pub wakes: Vec<Option<Instant>>,
    pub voices: Rc<Cell<u64>>,
    pub engine: Option<Engine>,
    /// What the present life of the switch went through.
    pub flight: Option<Recorder>,
    /// Octets of that which are kept; none: it is not recorded.
    pub flight_octets: usize,
    /// Counts the lives of the switch; what an earlier one began never reaches a later one.
    pub run: u32,
    /// The engine's clock at its birth, and the world's then: every run has another.
    pub birth: (Instant, Instant),
    pub centre: Centre,
    pub is_centre_new: bool,
    pub plane: Plane,
    pub disk: Disk,
    pub losses: Vec<Loss>,
    pub is_talking: bool,
    pub records: Vec<CallRecord>,
    pub engagements: Vec<EngagementSummary>,
    pub spans: Vec<StatusSpan>,
    pub segments: Vec<SegmentRecord>,
    pub shelf: Shelf,
    pub events: Vec<Event>,
    pub rules: BTreeMap<Rule, u64>,
    pub sequence: Option<u64>,
    pub replies: BTreeMap<RequestId, Result<Answer, Refused>>,
    pub requests: u64,
    /// What services were asked, for a story to answer.
    pub questions: Vec<Question>,
    pub trace: VecDeque<String>,
    /// Off in long days: the whole is then judged now and then instead of at every step.
    pub is_strict: bool,
    pub keeps_events: bool,
}

impl Sim {
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::from_number(seed);
        let clock = Instant::from_micros(1_000_000);
        Self {
            seed,
            link: Link::default(),
            nat: None,
            clock,
            wall_set_by: 0,
            due: BinaryHeap::new(),
            what: HashMap::new(),
            number: 0,
            uas: Vec::new(),
            pages: 0,
            page_uas: BTreeMap::new(),
            page_legs: BTreeMap::new(),
            told: Vec::new(),
            prints: 0,
            places: HashMap::new(),
            wakes: Vec::new(),
            voices: Rc::new(Cell::new(0)),
            engine: None,
            flight: None,
            flight_octets: 64 << 20,
            run: 0,
            birth: (clock, clock),
            centre: centre::centre(),
            is_centre_new: false,
            plane: Plane::new(&mut chance),
            disk: Disk::default(),
            losses: Vec::new(),
            is_talking: false,
            records: Vec::new(),
            engagements: Vec::new(),
            spans: Vec::new(),
            segments: Vec::new(),
            shelf: Shelf::default(),
            events: Vec::new(),
            rules: BTreeMap::new(),
            sequence: None,
            replies: BTreeMap::new(),
            requests: 0,
            questions: Vec::new(),
            trace: VecDeque::new(),
            is_strict: true,
            keeps_events: true,
            chance: chance.fork(),
        }
    }

    pub fn now(&self) -> Now {
        let (engine, world) = self.birth;
        let millis = i64::try_from(self.clock.as_micros() / 1_000).unwrap();
        let wall = Wall::from_millis(1_795_000_000_000 + millis + self.wall_set_by);
        Now { mono: engine + self.clock.since(world), wall }
    }

    pub(super) fn add(&mut self, name: &str, address: SocketAddr) -> usize {
        let switch = self.nat.map_or_else(|| centre::SWITCH.parse().unwrap(), |nat| nat.switch(address));
        let mut ua = Ua::new(name, address, switch, Rc::clone(&self.voices), self.chance.fork());
        if !self.is_strict {
            ua.talk = Talk::Sparsely;
        }
        self.uas.push(ua);
        self.wakes.push(None);
        self.places.insert(address, self.uas.len() - 1);
        self.uas.len() - 1
    }

    pub(super) fn push(&mut self, at: Instant, what: Due) {
        self.number += 1;
        self.due.push(Reverse((at, self.number)));
        self.what.insert(self.number, what);
    }

    /// Puts something on the wire.
    pub(super) fn send(&mut self, due: impl Fn() -> Due, is_reliable: bool) {
        if is_reliable {
            let at = self.clock + self.link.delay;
            return self.push(at, due());
        }
        let delays: Vec<Duration> = self.link.carry(&mut self.chance).collect();
        for delay in delays {
            let at = self.clock + delay;
            self.push(at, due());
        }
    }

    pub(super) fn is_lost(&mut self, way: Way, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let mut lost = false;
        for loss in &mut self.losses {
            lost |= loss(way, &text);
        }
        lost
    }

    pub(super) fn note(&mut self, arrow: &str, peer: SocketAddr, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().next().unwrap_or_default();
        let cseq = text.lines().find(|line| line.starts_with("CSeq")).unwrap_or_default();
        self.trace.push_back(format!("{:>12?} {arrow} {peer:<16} {line}  ({cseq})", self.clock));
        if self.trace.len() > TRACE_MAX {
            self.trace.pop_front();
        }
    }

    // The switch.

    /// What the switch has lived through so far, before it dies.
    pub(super) fn count_rules(&mut self) {
        let Some(engine) = &self.engine else { return };
        for (rule, count) in engine.rule_hits() {
            *self.rules.entry(rule).or_default() += count;
        }
    }

    pub(super) fn start(&mut self) {
        self.birth = (Instant::from_micros(self.chance.below(1 << 40)), self.clock);
        let (settings, seed, now) = (engine_settings(self.nat), self.chance.bytes(), self.now());
        let recorded = self.flight_octets > 0;
        self.flight = recorded.then(|| Recorder::new(self.flight_octets, &settings, seed, now));
        self.engine = Some(Engine::new(settings, seed, now));
        self.is_centre_new = false;
        self.plane.load_music(now.mono);
        self.feed(Input::Settings(Box::new(self.centre.clone())));
        self.feed(Input::Restore(self.disk.read()));
        self.feed(Input::Ports(Plane::ports()));
        self.feed(Input::Doors(Plane::doors()));
        self.feed(Input::Restored);
    }

    /// Tells the switch of new settings before anything else happens.
    pub(super) fn refresh(&mut self) {
        if self.is_centre_new && self.engine.is_some() {
            self.is_centre_new = false;
            self.feed(Input::Settings(Box::new(self.centre.clone())));
        }
    }

    pub(super) fn feed(&mut self, input: Input) {
        let now = self.now();
        let Some(engine) = &mut self.engine else { return };
        if let Some(flight) = &mut self.flight {
            flight.input(now, &input);
        }
        engine.handle(now, input);
        let mut emitted = Vec::new();
        while let Some(one) = engine.poll_output() {
            emitted.push(one);
        }
        if let Some(flight) = &mut self.flight {
            flight.told(&emitted.iter().map(digest).collect::<Vec<_>>());
            if flight.wants_base(engine.is_calm()) {
                let settings = engine_settings(self.nat);
                flight.rebase(Base { now, settings, entries: engine.checkpoint(now), bearings: engine.mark() });
            }
        }
        if self.is_strict {
            self.judge();
        }
        for one in emitted {
            if let Some(one) = self.disk.hold(one) {
                self.on_output(one.output);
            }
        }
    }

    /// The whole holds together.
    pub fn judge(&self) {
        let Some(engine) = &self.engine else { return };
        let broken = engine.check_invariants();
        assert!(broken.is_empty(), "at {:?}: {broken:?}", self.clock);
    }

    // The phones.

    pub fn act<T>(&mut self, ua: usize, act: impl FnOnce(&mut Ua, Instant) -> T) -> T {
        self.refresh();
        let done = act(&mut self.uas[ua], self.clock);
        self.after(ua);
        done
    }

    /// Sends what a phone has to say, and notes when it wants to be woken.
    pub(super) fn after(&mut self, ua: usize) {
        let from = self.uas[ua].sip;
        for (to, bytes) in self.uas[ua].take_sent() {
            self.note("->", from, &bytes);
            if !self.is_lost(Way::In, &bytes) {
                let to = self.nat.map_or(Some(to), |nat| nat.carry(from, to)).map(|to| to.to_string());
                assert_eq!(to.as_deref(), Some(centre::SWITCH));
                self.send(|| Due::ToSwitch { from, bytes: bytes.clone() }, false);
            }
        }
        let wake = self.uas[ua].poll_timeout().filter(|at| *at < Instant::FAR);
        if let Some(at) = wake
            && self.wakes[ua].is_none_or(|known| at < known)
        {
            self.wakes[ua] = Some(at);
            self.push(at.max(self.clock), Due::Wake(ua));
        }
        if !self.is_talking && self.uas[ua].calls.iter().any(|call| call.talks()) {
            self.is_talking = true;
            self.push(self.clock + FRAME_TIME, Due::Speech);
        }
    }

    pub(super) fn speak(&mut self) {
        self.is_talking = false;
        for ua in 0..self.uas.len() {
            for call in 0..self.uas[ua].calls.len() {
                if !self.uas[ua].calls[call].talks() {
                    continue;
                }
                self.is_talking = true;
                let media = &mut self.uas[ua].calls[call].media;
                let from = media.rtp;
                if let Some((to, bytes)) = media.speak()
                    && !self.uas[ua].is_dead
                {
                    self.send(|| Due::RtpToSwitch { from, to, bytes: bytes.clone() }, false);
                }
            }
        }
        if self.is_talking {
            self.push(self.clock + FRAME_TIME, Due::Speech);
        }
    }

    // Time.

    /// A deadline of the switch's in the world's time.
    pub(super) fn world_time(&self, due: Option<Instant>) -> Option<Instant> {
        let (engine, world) = self.birth;
        due.filter(|due| *due < Instant::FAR).map(|due| (world + due.since(engine)).max(self.clock))
    }

    /// Lets the next thing happen, if it does so before `until`; else moves the clock there.
    pub(super) fn step(&mut self, until: Instant) -> bool {
        self.refresh();
        let engine = self.engine.as_ref().and_then(Engine::poll_timeout);
        let (engine, plane) = (self.world_time(engine), self.world_time(self.plane.poll_timeout()));
        let due = self.due.peek().map(|Reverse((at, _))| *at);
        let next = [due, engine, plane].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= until) else {
            self.clock = self.clock.max(until);
            return false;
        };
        self.clock = self.clock.max(next);
        if due == Some(next) {
            let what = self.due.pop().and_then(|Reverse((_, number))| self.what.remove(&number));
            what.into_iter().for_each(|what| self.happen(what));
        } else if plane == Some(next) {
            let now = self.now().mono;
            self.plane.handle_tick(now);
            self.drain_plane();
        } else {
            self.feed(Input::Tick);
        }
        true
    }

    pub(super) fn happen(&mut self, what: Due) {
        match what {
            Due::ToSwitch { from, bytes } => self.arrive(from, bytes),
            Due::ToPhone { from, to, bytes } => {
                if let Some(ua) = self.places.get(&to).copied() {
                    self.uas[ua].handle_datagram(self.clock, from, &bytes);
                    self.after(ua);
                }
            }
            Due::RtpToSwitch { from, to, bytes } => {
                let now = self.now().mono;
                let Some(to) = self.nat.map_or(Some(to), |nat| nat.carry(from, to)) else { return };
                self.plane.handle_packet(now, from, to, bytes);
                self.drain_plane();
            }
            Due::RtpToPhone { to, bytes } => self.hear(to, &bytes),
            Due::FromPage { page, user, says } => self.hear_page(page, user, says),
            Due::Wake(ua) => {
                self.wakes[ua] = None;
                self.uas[ua].handle_timeout(self.clock);
                self.after(ua);
            }
            Due::Speech => self.speak(),
            Due::Told { run, event } if run == self.run => self.feed(Input::Media(event)),
            Due::Segment { run, report } if run == self.run => self.feed(Input::Segment(report)),
            Due::Written { run } if run == self.run => {
                for Emitted { output, .. } in self.disk.commit() {
                    self.on_output(output);
                }
            }
            Due::Told { .. } | Due::Segment { .. } | Due::Written { .. } => {}
        }
    }

    pub(super) fn arrive(&mut self, from: SocketAddr, bytes: Vec<u8>) {
        let local = centre::SWITCH.parse().unwrap();
        let path = Path { transport: Transport::Udp, local, remote: from, flow: None };
        match Message::parse(bytes.into()) {
            Ok(message) => self.feed(Input::Sip { path, message }),
            Err(malformed) => {
                if let Some(answer) = malformed.answer() {
                    self.on_send(path, &answer);
                }
            }
        }
    }

    pub(super) fn hear(&mut self, to: SocketAddr, bytes: &[u8]) {
        let clock = self.clock;
        // Each phone of a host has two thousand ports.
        let place = SocketAddr::new(to.ip(), 5_060 + to.port().saturating_sub(20_000) / 2_000);
        let Some(ua) = self.places.get(&place).copied() else { return };
        if self.uas[ua].is_dead {
            return;
        }
        let hearer = self.uas[ua].calls.iter_mut().rev().find(|call| call.media.rtp == to && !call.is_over());
        if let Some(call) = hearer {
            call.media.hear(clock, bytes);
        }
    }
}

fn engine_settings(nat: Option<Nat>) -> EngineSettings {
    let mut settings = centre::engine_settings();
    nat.inspect(|nat| nat.tell(&mut settings));
    settings
}
