//! What goes into the engine and what comes out.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    BlindFailed, Centre, ClipPlay, ConsultStep, Entry, EntryId, Event, PageSays, PageTold, Question, Record, Said,
    SegmentReport, Snapshot, Supervision, Unsaid, WatchView,
};
use crate::{
    acd::{self, Actor, Refused},
    base::{
        AgentId, AskId, CallId, EngagementId, FlowId, Instant, InteractionId, LegId, OfferId, PageId, QueueId,
        SegmentId, ServiceId, UserId, Wall,
    },
    media,
    sip::{Lookup, Path, Server, Transport},
    switch::Listener,
    wire::sip::Message,
};

/// Everything that can happen to the engine.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "nearly all of them are messages, and a box for each would cost more")]
pub enum Input {
    /// A parsed message from a socket. A recording has its octets.
    #[serde(skip)]
    Sip {
        path: Path,
        message: Message,
    },
    /// Whoever made a connection has shown a certificate of these domains, in small letters, by an authority that we trust.
    Certified {
        flow: FlowId,
        source: IpAddr,
        domains: Vec<String>,
    },
    /// A stream connection ended.
    FlowClosed(FlowId),
    /// The network said that nobody listens there (ICMP, connection refused).
    Unreachable {
        transport: Transport,
        remote: SocketAddr,
    },
    /// From the media workers.
    Media(media::Event),
    /// From whoever writes recordings.
    Segment(SegmentReport),
    /// RTP ports that the plane has bound, in addition to those it told before.
    Ports(Vec<media::Port>),
    /// What the plane has for browsers' legs.
    Doors(media::link::Doors),
    Settings(Box<Centre>),
    /// The sockets have changed: those for new calls first, then those that are only there for old ones.
    Listeners(Vec<Listener>),
    /// What the journal holds, in order; before anything else but `Settings`, in as many pieces as suit.
    Restore(Vec<Entry>),
    /// The journal has been read to its end.
    Restored,
    Request {
        id: RequestId,
        actor: Actor,
        request: Request,
    },
    /// A page's live connection opened or ended.
    Session {
        agent: AgentId,
        open: bool,
    },
    /// A word of a page about its telephone; who is signed in there has been checked.
    Page {
        page: PageId,
        user: UserId,
        says: PageSays,
    },
    /// Fresh randomness from the system.
    Seed([u8; 32]),
    /// The answer to [`Output::Resolve`]; without servers when the name leads nowhere.
    Resolved {
        lookup: Lookup,
        servers: Vec<Server>,
        /// For how long that is good.
        lasts: Duration,
    },
    /// The end of an [`Output::Ask`]: what was said, or why nothing was.
    Answered {
        ask: AskId,
        said: Result<Said, Unsaid>,
    },
    /// Take no new calls, let the present ones end; `Output::Drained` follows.
    Drain,
    /// Nothing happened but time.
    Tick,
}

/// An output and what must be written first.
#[derive(Debug)]
pub struct Emitted {
    pub output: Output,
    /// Hold the output until the store reports this entry written.
    pub after: Option<EntryId>,
    /// It promises nothing: no haste, and what can't be written does not keep it for ever.
    pub patient: bool,
}

/// Everything the engine does to the world.
#[derive(Debug)]
pub enum Output {
    Send {
        path: Path,
        bytes: Bytes,
    },
    Media {
        worker: u16,
        command: media::Command,
    },
    Journal {
        id: EntryId,
        entry: Entry,
    },
    /// An ended call or engagement, for the database.
    Record(Record),
    /// The last process died over this recording: finish its file and tell of it.
    Mend {
        segment: SegmentId,
        path: String,
    },
    /// For pages and webhooks, numbered without gaps.
    Live(Event),
    Reply {
        id: RequestId,
        result: Result<Answer, Refused>,
    },
    /// For a page: about its telephone.
    Page {
        page: PageId,
        told: PageTold,
    },
    /// Look up a trunk's name; the answer comes as [`Input::Resolved`].
    Resolve {
        lookup: Lookup,
        /// Transports that we can send on.
        able: Vec<Transport>,
    },
    /// Ask a program elsewhere; the answer comes as [`Input::Answered`]. After its time the engine goes on without.
    Ask(Question),
    /// For the gate before the engine.
    Gate(GateOrder),
    /// Something an operator should look at.
    Alarm(Alarm),
    /// After [`Input::Drain`]: no call is left.
    Drained,
}

/// What the gate before the engine should know of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GateOrder {
    /// A device is registered from exactly there: no limit, no ban until then.
    Known {
        remote: SocketAddr,
        until: Instant,
    },
    Unknown {
        remote: SocketAddr,
    },
    /// Wrong credentials again and again: not heard until then, as this user or, without one, at all.
    Ban {
        source: IpAddr,
        user: Option<Box<str>>,
        until: Instant,
    },
}

/// The SIP that an operator wants to see as it is on the wire. The engine itself traces nothing.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceFilter {
    /// In From, To or the Request-URI.
    Number(String),
    /// A Call-ID.
    Call(String),
    /// The peer's address.
    Source(IpAddr),
}

/// Chosen by who asks; comes back with the reply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// What pages and the API may ask. Whether the actor may is judged by the API (role) and by the distributor (rules).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    SignIn {
        agent: AgentId,
    },
    SignOut {
        agent: AgentId,
    },
    Select {
        agent: AgentId,
        channel: acd::Channel,
        selection: acd::Selection,
    },
    /// The same for all his channels.
    SelectAll {
        agent: AgentId,
        selection: acd::Selection,
    },
    /// A supervisor's choice for one channel, or for all.
    SetStatus {
        agent: AgentId,
        channel: Option<acd::Channel>,
        selection: acd::Selection,
        how: acd::Force,
    },
    Dnd {
        agent: AgentId,
        on: bool,
    },
    /// Receive new interactions on all channels, or none at all.
    Receive {
        agent: AgentId,
        on: bool,
    },
    /// Somebody sits at the agent's page.
    Active {
        agent: AgentId,
    },
    /// Ends his session whatever he does; calls go on to their end.
    ForceOffline {
        agent: AgentId,
    },
    /// A queue that the settings don't assign him is joined for the time being. All of them, or none.
    LogIn {
        agent: AgentId,
        queues: Vec<QueueId>,
    },
    /// Without a queue: all of them.
    LogOut {
        agent: AgentId,
        queue: Option<QueueId>,
        now: bool,
    },
    Pause {
        agent: AgentId,
        queue: Option<QueueId>,
        reason: Option<acd::Reason>,
    },
    Resume {
        agent: AgentId,
        queue: Option<QueueId>,
    },
    /// Which of his devices rings for a queue of his; without one the one that the settings say.
    SetDevice {
        agent: AgentId,
        queue: QueueId,
        device: Option<acd::DeviceChoice>,
    },
    Accept {
        agent: AgentId,
        offer: OfferId,
    },
    Decline {
        agent: AgentId,
        offer: OfferId,
    },
    FinishWrapUp {
        agent: AgentId,
        engagement: Option<EngagementId>,
    },
    ExtendWrapUp {
        agent: AgentId,
        engagement: Option<EngagementId>,
        by: acd::Extension,
    },
    /// The agent writes down a disposition, tags or notes.
    Write {
        agent: AgentId,
        engagement: EngagementId,
        change: acd::WorkChange,
    },
    /// He is done with an interaction, and says what he is next.
    MarkDone {
        agent: AgentId,
        engagement: EngagementId,
        next: Option<acd::Selection>,
    },
    /// Takes a waiting interaction out of its queue; its call ends.
    Withdraw {
        interaction: InteractionId,
    },
    SetPriority {
        interaction: InteractionId,
        priority: i32,
    },
    /// Another queue, with the arrival kept.
    Move {
        interaction: InteractionId,
        queue: QueueId,
    },
    /// Offers a waiting interaction to this agent alone.
    Assign {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// An agent takes a waiting interaction of one of his queues; his phone rings for it.
    Pull {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// Opens or closes a queue by hand, or leaves it to its hours again.
    SetDoor {
        queue: QueueId,
        door: acd::Door,
    },
    /// Rings somebody for a live call, by the rights of a user: a number as he would dial it.
    #[serde(alias = "add_party")]
    AddLeg {
        call: CallId,
        by: UserId,
        to: String,
    },
    /// Ends one leg; two who are left talk on.
    #[serde(alias = "drop_party")]
    DropLeg {
        call: CallId,
        leg: LegId,
    },
    /// Nobody hears a leg, or all do again.
    #[serde(alias = "mute_party")]
    MuteLeg {
        call: CallId,
        leg: LegId,
        muted: bool,
    },
    /// The others hear a leg so many decibels louder than it is, or quieter: [`Gain::DB`](media::Gain::DB).
    SetGain {
        call: CallId,
        leg: LegId,
        gain_db: i8,
    },
    /// Listens to an answered leg: a person or a machine.
    JudgeAnswer {
        call: CallId,
        leg: LegId,
        settings: media::AnswerSettings,
    },
    /// Passes an agent's partner on; `failed`: what becomes of whom nobody takes, where that is not the centre's rule.
    Transfer {
        call: CallId,
        by: UserId,
        to: String,
        failed: Option<BlindFailed>,
    },
    /// The agent's partner hears music, or both talk on.
    Hold {
        call: CallId,
        held: bool,
    },
    /// Rings somebody whom the agent asks in private.
    Consult {
        call: CallId,
        by: UserId,
        to: String,
    },
    /// Goes on from there.
    ConsultStep {
        call: CallId,
        step: ConsultStep,
    },
    /// A supervisor comes into a live call, or changes how he is in it.
    Supervise {
        call: CallId,
        user: UserId,
        mode: Supervision,
    },
    /// He leaves it.
    EndSupervision {
        call: CallId,
        user: UserId,
    },
    /// A call's recording rests, or goes on.
    RestRecording {
        call: CallId,
        rests: bool,
    },
    /// An agent's clip in a call of a queue or campaign.
    PlayClip {
        call: CallId,
        play: ClipPlay,
    },
    StopClip {
        call: CallId,
    },
    /// Ends a whole call.
    HangUp {
        call: CallId,
    },
    /// Why an interaction waits, or whom it would be offered to.
    Explain {
        interaction: InteractionId,
    },
    /// Everything but the devices.
    Snapshot,
    /// The same with the devices, of which there may be many thousands.
    SnapshotWithDevices,
    /// Who watches whom (RFC 6665).
    Subscriptions,
    /// Puts a question to a service, to see what it says; the reply comes with its answer.
    TryService {
        service: ServiceId,
        question: serde_json::Value,
    },
}

impl Request {
    /// The call that is another one afterwards, and goes on.
    pub(super) const fn changed_call(&self) -> Option<CallId> {
        if let Self::AddLeg { call, .. }
        | Self::DropLeg { call, .. }
        | Self::Transfer { call, .. }
        | Self::Hold { call, .. }
        | Self::Consult { call, .. }
        | Self::ConsultStep { call, .. }
        | Self::MuteLeg { call, .. }
        | Self::SetGain { call, .. }
        | Self::Supervise { call, .. }
        | Self::EndSupervision { call, .. } = self
        {
            Some(*call)
        } else {
            None
        }
    }
}

/// What a request gives back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done,
    Snapshot(Box<Snapshot>),
    Explanation(Box<acd::Explanation>),
    Subscriptions(Vec<WatchView>),
    Said(Said),
}

/// Something an operator should look at; the same is told at most once a second.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// No RTP port was free for a call.
    PortsExhausted,
    /// A table was full: which one.
    TableFull(&'static str),
    /// An invariant was broken: what was found. One that could not be repaired is told once.
    Invariant { what: String, repaired: bool },
    /// Wrong credentials from one source, again and again.
    WrongCredentials { source: IpAddr },
    /// A user's class lets him begin no more outside calls in this hour: forgotten forwarding, or toll fraud.
    DialledTooMuch { user: String },
    /// Who dialled this was led in a circle of numbers, menus or queues: his call was ended.
    Circle { dialled: String },
    /// Calls go on, but some of what should be recorded is lost.
    RecordingFails { why: String },
    /// So many wait in a queue to which nobody is logged in who has these skills; without any, nobody at all.
    Unserved { queue: String, skills: Vec<String>, waiting: u32 },
    /// A program elsewhere is not asked for a while, or is again.
    Service(super::ServiceEvent),
    /// A trunk answers no more, or again.
    Trunk { name: String, up: bool },
    /// A carrier does not register us; `until` then the last registration holds.
    TrunkUnregistered { name: String, status: u16, until: Option<Wall> },
}
