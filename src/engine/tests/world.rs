//! A small town: one engine, phones and a carrier as SIP stacks of their own, a hand-moved clock, no loss.

mod phones;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use phones::Phone;

use crate::{
    acd,
    base::{AgentId, Extension, GroupId, Instant, Now, OfferId, PageId, Private, QueueId, TrunkId, UserId, Wall},
    engine::{
        Actor, Alarm, Answer, CallRecord, Centre, Devices, Emitted, Engine, EngineSettings, Entry, EntryId, Event,
        GateOrder, Happened, Input, Listener, Output, PageTold, Record, Refused, Request, RequestId,
    },
    media::{self, Command},
    sip::{self, Path, Reply, Transport, digest::Ha1},
    switch::{Destination, Group, GroupStrategy, Pattern, Role, Route, Side, Source, Trunk, TrunkDestination, User},
    wire::sip::{Message, Method},
};

pub const SWITCH: &str = "127.0.0.1:5060";
pub const CARRIER: &str = "127.0.0.1:5080";
pub const REALM: &str = "strowger.test";

pub struct World {
    pub engine: Engine,
    pub now: Now,
    pub phones: BTreeMap<SocketAddr, Phone>,
    pub records: Vec<CallRecord>,
    pub live: Vec<Event>,
    pub journal: Vec<(EntryId, Entry)>,
    pub commands: Vec<Command>,
    pub replies: Vec<(RequestId, Result<Answer, Refused>)>,
    /// Everything the switch sent, with what it waits for.
    pub sent: Vec<(SocketAddr, Message, Option<EntryId>)>,
    /// Everything the switch was sent.
    pub heard: Vec<(SocketAddr, Message)>,
    pub alarms: Vec<Alarm>,
    pub drained: bool,
    pub gate: Vec<GateOrder>,
    /// What telephones in pages were told.
    pub told: Vec<(PageId, PageTold)>,
    /// Names that the switch wants looked up.
    pub lookups: Vec<sip::Lookup>,
    /// Packets to these addresses vanish.
    pub dead: Vec<SocketAddr>,
}

pub fn centre() -> Centre {
    let mut centre = Centre::default();
    for (id, (name, extension)) in [("ana", "201"), ("rui", "202"), ("eva", "203"), ("max", "204")].iter().enumerate() {
        centre.users.push(User {
            extension: Extension::new(extension),
            display: Private::new(format!("Dona {name}")),
            ha1: Some(Ha1::new(name, REALM, &format!("pw-{name}"))),
            role: Role::Agent,
            ..User::new(UserId(id as u64 + 1), Extension::new(name).unwrap())
        });
    }
    for (id, strategy) in [(1, GroupStrategy::Simultaneous), (2, GroupStrategy::Sequential)] {
        centre.groups.push(Group {
            id: GroupId(id),
            name: Extension::new(&format!("group{id}")).unwrap(),
            strategy,
            members: vec![UserId(1), UserId(2)],
            ring_time: Duration::from_secs(15),
        });
    }
    centre.trunks.push(Trunk {
        sources: vec![Source { network: "127.0.0.1/32".parse().unwrap(), port: Some(5080) }],
        destination: Some(TrunkDestination {
            host: "127.0.0.1".to_owned(),
            port: Some(5080),
            transport: Some(Transport::Udp),
        }),
        calls_max: Some(50),
        ..Trunk::new(TrunkId(1), "carrier")
    });
    let route =
        |pattern: &str, from, destination| Route { from, ..Route::new(Pattern::new(pattern).unwrap(), destination) };
    centre.routes.push(route("9000", Side::Users, Destination::Trunk(TrunkId(1))));
    centre.routes.push(route("800", Side::Anyone, Destination::Queue(QueueId(1))));
    // Eva and Max answer the queue; Ana and Rui are plain users.
    for (id, key) in [(1, "eva"), (2, "max")] {
        let agent = acd::AgentSettings {
            key: key.to_owned(),
            device_presence: Some(acd::DevicePresence::Ready),
            ..Default::default()
        };
        centre.acd.agents.insert(AgentId(id), agent);
    }
    let queue = acd::QueueSettings {
        key: "support".to_owned(),
        name: "Support".to_owned(),
        members: vec![acd::MemberSettings::new("eva"), acd::MemberSettings::new("max")],
        ..Default::default()
    };
    centre.acd.queues.insert(QueueId(1), queue);
    centre
}

/// Forty pairs, on two workers.
fn ports() -> Input {
    let ports = (0..40).map(|index| media::Port {
        worker: index % 2,
        index,
        rtp: SocketAddr::new("127.0.0.1".parse().unwrap(), 20_000 + 2 * index),
    });
    Input::Ports(ports.collect())
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::with(seed, centre())
    }

    pub fn with(seed: u64, centre: Centre) -> Self {
        Self::with_devices(seed, centre, Devices::default())
    }

    pub fn with_devices(seed: u64, centre: Centre, devices: Devices) -> Self {
        println!("seed {seed}");
        let now = Now { mono: Instant::from_micros(1_000_000), wall: Wall(1_795_000_000_000) };
        let settings = EngineSettings {
            realm: REALM.to_owned(),
            listeners: vec![Listener {
                transport: Transport::Udp,
                local: SWITCH.parse().unwrap(),
                advertised: None,
                media_address: None,
                inside: Vec::new(),
            }],
            devices,
            ..EngineSettings::plain()
        };
        let mut seeds = [0; 32];
        seeds[..8].copy_from_slice(&seed.to_le_bytes());
        let mut world = Self {
            engine: Engine::new(settings, seeds, now),
            now,
            phones: BTreeMap::new(),
            records: Vec::new(),
            live: Vec::new(),
            journal: Vec::new(),
            commands: Vec::new(),
            replies: Vec::new(),
            sent: Vec::new(),
            heard: Vec::new(),
            alarms: Vec::new(),
            drained: false,
            gate: Vec::new(),
            told: Vec::new(),
            lookups: Vec::new(),
            dead: Vec::new(),
        };
        world.input(Input::Settings(Box::new(centre)));
        world.input(ports());
        world.add_phone(CARRIER, "");
        world
    }

    /// The process dies; the next one begins with what the journal has.
    pub fn restart(&mut self, centre: Centre) {
        let entries = self.journal.iter().map(|(_, entry)| entry.clone()).collect();
        self.engine = Engine::new(self.engine.settings.clone(), [self.journal.len() as u8; 32], self.now);
        self.input(Input::Settings(Box::new(centre)));
        self.input(ports());
        self.input(Input::Restore(entries));
        self.input(Input::Restored);
    }

    pub fn request(&mut self, request: Request) -> Result<Answer, Refused> {
        let id = RequestId(self.replies.len() as u64 + 1);
        self.input(Input::Request { id, actor: Actor::Api, request });
        let at = self.replies.iter().position(|(other, _)| *other == id).expect("every request has a reply");
        self.replies[at].1.clone()
    }

    pub fn offer(&self) -> Option<OfferId> {
        self.live.iter().rev().find_map(|event| match &event.what {
            Happened::Offer(offer) => Some(offer.offer),
            _ => None,
        })
    }

    pub fn status(&self, agent: u64) -> acd::Status {
        self.engine.acd.status(AgentId(agent), acd::Channel::Voice).expect("an agent").status
    }

    pub fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        self.settle();
    }

    /// Bytes as they come from a socket.
    pub fn packet(&mut self, from: SocketAddr, bytes: &[u8]) {
        let path = Path { transport: Transport::Udp, local: SWITCH.parse().unwrap(), remote: from, flow: None };
        let message = Message::parse(bytes::Bytes::copy_from_slice(bytes)).expect("it parses");
        self.input(Input::Sip { path, message });
    }

    /// Carries messages until everybody is silent.
    pub fn settle(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(Emitted { output, after, .. }) = self.engine.poll_output() {
                quiet = false;
                self.on_output(output, after);
            }
            let wrong = self.engine.check_invariants();
            assert!(wrong.is_empty(), "{wrong:#?}");
            let mut mail = Vec::new();
            for phone in self.phones.values_mut() {
                while let Some(output) = phone.stack.poll_output() {
                    match output {
                        sip::Output::Send { path, bytes, .. } => mail.push((path.flipped(), bytes)),
                        sip::Output::Event(sip::Event::Request { transaction, request, .. })
                            if request.method() == Some(&Method::Options) =>
                        {
                            phone.stack.reply(self.now, transaction, Reply::new(200));
                        }
                        sip::Output::Event(event) => phone.events.push_back(event),
                    }
                }
            }
            for (path, bytes) in mail {
                quiet = false;
                if self.dead.contains(&path.remote) {
                    continue;
                }
                let message = Message::parse(bytes).expect("phones write well");
                self.heard.push((path.remote, message.clone()));
                self.engine.handle(self.now, Input::Sip { path, message });
            }
            if quiet {
                return;
            }
        }
    }

    fn on_output(&mut self, output: Output, after: Option<EntryId>) {
        match output {
            Output::Send { path, bytes } => {
                let message = Message::parse(bytes).expect("the switch writes well");
                self.sent.push((path.remote, message.clone(), after));
                let now = self.now;
                if let Some(phone) =
                    self.phones.get_mut(&path.remote).filter(|phone| !self.dead.contains(&phone.address))
                {
                    phone.stack.handle_message(now, path.flipped(), message);
                }
            }
            Output::Media { command, .. } => {
                if let Command::Close { stream } = command {
                    let stats = Box::default();
                    self.engine.handle(self.now, Input::Media(media::Event::Closed { stream, stats }));
                }
                self.commands.push(command);
            }
            Output::Journal { id, entry } => self.journal.push((id, entry)),
            Output::Record(Record::Call(record)) => self.records.push(*record),
            Output::Record(Record::Engagement(_) | Record::Segment(_) | Record::Status(_)) => {}
            Output::Live(event) => self.live.push(event),
            Output::Reply { id, result } => self.replies.push((id, result)),
            Output::Drained => self.drained = true,
            Output::Alarm(alarm) => self.alarms.push(alarm),
            Output::Resolve { lookup, .. } => self.lookups.push(lookup),
            Output::Mend { .. } | Output::Ask(_) => {}
            Output::Gate(order) => self.gate.push(order),
            Output::Page { page, told } => self.told.push((page, told)),
        }
    }

    /// Lets time pass, stopping at every deadline of anybody.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while self.now.mono < end {
            let deadlines = self.phones.values().map(|phone| phone.stack.poll_timeout());
            let next = deadlines.chain([self.engine.poll_timeout()]).flatten().min();
            let next = next.unwrap_or(end).min(end).max(self.now.mono);
            self.now.wall = self.now.wall_of(next);
            self.now.mono = next;
            let now = self.now;
            for phone in self.phones.values_mut() {
                if phone.stack.poll_timeout().is_some_and(|until| until <= now.mono) {
                    phone.stack.handle_timeout(now);
                }
            }
            self.engine.handle(now, Input::Tick);
            self.settle();
        }
    }

    /// After the transactions' last timers nothing is left of any call.
    pub fn assert_nothing_left(&mut self) {
        self.pass(Duration::from_secs(40));
        let counts = self.engine.switch.counts();
        let left = (counts.calls, counts.legs, counts.rings, counts.closing, counts.timers);
        assert_eq!(left, (0, 0, 0, 0, 0), "{counts:?}");
        assert_eq!(counts.ports_free, counts.ports_total, "{counts:?}");
        assert_eq!((counts.stack.transactions, counts.stack.usages), (0, 0), "{counts:?}");
        let engine = &self.engine;
        assert!(engine.notes.is_empty() && engine.waiting.is_empty() && engine.offers.is_empty());
        assert!(engine.rings.is_empty() && engine.engagements.is_empty() && engine.direct.is_empty());
    }

    pub fn joins(&self) -> usize {
        self.commands.iter().filter(|command| matches!(command, Command::Join { .. })).count()
    }

    /// Requests of a method that the switch sent there.
    pub fn sent_to(&self, at: SocketAddr, method: &Method) -> Vec<&Message> {
        let fits =
            |(to, message, _): &&(SocketAddr, Message, Option<EntryId>)| *to == at && message.method() == Some(method);
        self.sent.iter().filter(fits).map(|(_, message, _)| message).collect()
    }
}

impl Path {
    /// As the other end sees it.
    fn flipped(self) -> Self {
        Self { local: self.remote, remote: self.local, ..self }
    }
}
