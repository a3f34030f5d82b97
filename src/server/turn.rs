//! The loop: one thread reads the sockets, drives the engine and writes what comes out.

mod leaving;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use leaving::Leaving;
use tokio_util::sync::CancellationToken;

use super::{
    Order, TraceOrder,
    asking::Ask,
    call_log,
    clock::Clock,
    flight::{Flight, Why},
    gauges::Gauges,
    handle::Handle,
    held::{Held, Pass},
    notices::Notices,
    pulse::Pulse,
    reload::Change,
    sockets::{Sockets, trunk_sources},
};
use crate::{
    acd::Notice,
    api::EngineHandle as _,
    base::{Instant, Private},
    engine::{
        Alarm, Centre, Engine, Entry, EntryId, GateOrder, Happened, Input, Output, Record, ServiceEvent, ServiceTurn,
        flight::{Digest, digest},
    },
    media,
    net::{Inbox, Net, unkept},
    plane,
    sip::{Lookup, Path, Transport},
    store::{Journal, Report, recordings::Recorder},
};

/// Messages handled before the sockets are read again: what they answer leaves together, and no socket waits longer
/// than these take (some milliseconds).
const TURN_INPUTS_MAX: usize = 128;

/// Fresh randomness for the engine at least so often.
const SEED_TIME: Duration = Duration::from_secs(600);

/// Where media commands go.
pub type MediaSink = Box<dyn FnMut(u16, media::Command) + Send>;

/// Names to look up, and where the answer goes.
pub type Resolve = Box<dyn Fn(Lookup, Vec<Transport>) + Send>;

/// Why the loop ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// No call was left.
    Drained,
    /// Calls were left when the time was up.
    TimeIsUp,
    /// Asked to end at once.
    Told,
}

/// Everything that the engine's thread owns.
pub struct Loop {
    pub engine: Engine,
    pub net: Net,
    pub sockets: Sockets,
    pub inbox: Inbox<Order>,
    pub journal: Journal<Entry, Record>,
    pub media: MediaSink,
    /// What the media workers do.
    pub meter: plane::Meter,
    /// Behind the media: it ends when nobody records any more.
    pub recorder: Recorder,
    pub resolve: Resolve,
    pub ask: Ask,
    pub notices: Notices,
    pub handle: Arc<Handle>,
    pub clock: Clock,
    pub pulse: Pulse,
    pub flight: Option<Flight>,
    /// What the engine is told before anything else.
    pub first: Vec<Input>,
    pub records_wake: Arc<tokio::sync::Notify>,
    /// Whoever carries records to the database is to finish: [`Order::Carried`] follows.
    pub records_end: CancellationToken,
    pub state: State,
}

/// What the loop remembers from turn to turn.
#[derive(Default)]
pub struct State {
    held: Held,
    /// Of what came out of the present input.
    digests: Vec<Digest>,
    orders: VecDeque<Order>,
    gauges: Gauges,
    seeded: Instant,
    drain_until: Option<Instant>,
    ended: Option<Ended>,
    /// No call is left, after [`Input::Drain`].
    drained: bool,
    /// The database has all records, or takes no more.
    carried: bool,
    /// What the end waits for.
    leaving: Option<Leaving>,
}

impl Loop {
    /// Runs until drained or told to end.
    pub fn run(mut self) -> Ended {
        for input in std::mem::take(&mut self.first) {
            self.pulse.turn_begins(self.clock.now().mono);
            self.handle_input(input);
        }
        self.pulse.set_restored();
        self.net.flush();
        self.journal.flush();
        loop {
            self.sleep();
            let now = self.clock.now();
            self.pulse.turn_begins(now.mono);
            self.net.stamp(now);
            self.net.receive(now.mono);
            self.net.close_idle(|flow| self.engine.is_in_use(flow));
            self.take_orders();
            self.take_messages();
            self.on_time();
            self.net.flush();
            self.journal.flush();
            if let Some(ended) = self.state.ended
                && self.has_left(ended)
            {
                self.say_goodbye();
                return ended;
            }
        }
    }

    fn sleep(&mut self) {
        let now = self.clock.mono();
        let state = &self.state;
        let end = state.leaving.map(Leaving::until).or(state.drain_until);
        let own = [self.engine.poll_timeout(), end, state.gauges.due(), self.sockets.due(), state.held.due()];
        let until = own.into_iter().flatten().min();
        self.pulse.loop_sleeps();
        let inbox = &self.inbox;
        self.net.wait(until.map(|until| until.since(now)), || !inbox.is_empty());
    }

    fn take_orders(&mut self) {
        let mut orders = std::mem::take(&mut self.state.orders);
        self.inbox.take(&mut orders);
        for order in orders.drain(..) {
            match order {
                Order::Input(input) => {
                    self.note_names(&input);
                    self.handle_input(input);
                }
                Order::Journal(report) => self.on_report(report),
                Order::Trace(order) => self.on_trace(order),
                Order::Clip(clip, Some(sound)) => (self.media)(0, media::Command::LoadClip { clip, sound }),
                Order::Clip(clip, None) => (self.media)(0, media::Command::DropClip { clip }),
                Order::Change(change) => self.on_change(*change),
                Order::Drain { time } => {
                    tracing::info!(seconds = time.as_secs(), "no new calls; ending when the present ones have ended");
                    self.state.drain_until = Some(self.clock.mono() + time);
                    self.pulse.set_draining();
                    self.handle_input(Input::Drain);
                }
                Order::End => {
                    self.state.ended.get_or_insert(Ended::Told);
                }
                Order::Carried => self.state.carried = true,
            }
        }
        self.state.orders = orders;
    }

    /// What a carrier's host is called, for its certificate.
    fn note_names(&mut self, input: &Input) {
        if let Input::Resolved { lookup, servers, .. } = input {
            for server in servers.iter().filter(|server| server.transport == Transport::Tls) {
                self.net.name(server.address, &lookup.host);
            }
        }
    }

    fn take_messages(&mut self) {
        for _ in 0..TURN_INPUTS_MAX {
            let Some(input) = self.net.next_input() else { return };
            self.handle_input(input);
        }
    }

    fn handle_input(&mut self, input: Input) {
        let now = self.clock.now();
        if self.flight.as_ref().is_some_and(|flight| !flight.input(now, &input)) {
            return;
        }
        self.engine.handle(now, input);
        self.drain_outputs(now.mono);
        if let Some(flight) = &self.flight {
            flight.told(now, &mut self.engine, &self.state.digests);
            self.state.digests.clear();
        }
    }

    fn on_time(&mut self) {
        let now = self.clock.now();
        if self.engine.poll_timeout().is_some_and(|until| until <= now.mono) {
            self.handle_input(Input::Tick);
        }
        if now.mono.since(self.state.seeded) >= SEED_TIME {
            self.state.seeded = now.mono;
            if let Ok(seed) = super::seed() {
                self.handle_input(Input::Seed(seed));
            }
        }
        self.on_overdue(now.mono);
        if self.state.drain_until.is_some_and(|until| until <= now.mono) && self.state.ended.is_none() {
            self.state.ended = Some(Ended::TimeIsUp);
        }
        if self.sockets.look(now.mono, &mut self.net) {
            self.tell_listeners();
        }
        let published = self.state.gauges.publish(now, &self.engine, &mut self.net, self.state.held.len());
        if published {
            self.state.gauges.publish_media(self.meter.counts());
        }
        if published {
            self.net.rest(now.mono);
        }
        if published && self.engine.counts().calls == 0 && self.sockets.close_retired(&mut self.net) {
            self.tell_listeners();
        }
    }

    /// New settings: the sockets first, because they may fail; then nothing can any more.
    fn on_change(&mut self, change: Change) {
        let Change { server, centre, clips, clips_gone, tls, done } = change;
        if let Err(error) = self.sockets.follow(&server, &mut self.net) {
            let _ = done.send(Err(error.to_string()));
            return;
        }
        self.net.set_tls(tls);
        self.net.set_origins(server.sip.origins.as_slice().into());
        self.net.set_scanners(&server.sip.scanners);
        self.net.limit_calls(server.limits.invite_rate_max, trunk_sources(&centre));
        self.tell_listeners();
        for (clip, sound) in clips {
            (self.media)(0, media::Command::LoadClip { clip, sound });
        }
        self.handle.set_centre(Arc::clone(&centre));
        self.handle_input(Input::Settings(Box::new(Centre::clone(&centre))));
        for clip in clips_gone {
            (self.media)(0, media::Command::DropClip { clip });
        }
        let _ = done.send(Ok(()));
    }

    fn on_trace(&mut self, order: TraceOrder) {
        // Whoever asked may have gone.
        match order {
            TraceOrder::Start(filter, told) => drop(told.send(self.net.start_trace(filter))),
            TraceOrder::Stop => self.net.stop_trace(),
            TraceOrder::Take(call, told) => drop(told.send(self.net.traced(self.clock.now(), call.as_deref()))),
        }
    }

    fn tell_listeners(&mut self) {
        self.handle_input(Input::Listeners(self.sockets.listeners()));
    }

    fn drain_outputs(&mut self, now: Instant) {
        while let Some(emitted) = self.engine.poll_output() {
            if self.flight.is_some() {
                self.state.digests.push(digest(&emitted));
            }
            let pass = self.state.held.pass(now, emitted);
            self.on_pass(pass);
        }
    }

    fn on_pass(&mut self, pass: Pass) {
        match pass {
            Pass::Now(output) => self.perform(output),
            Pass::Later { hurried: true } => self.journal.hurry(),
            Pass::Later { hurried: false } => {}
            Pass::Never(output) => self.refuse(output),
        }
    }

    /// A disk that neither writes nor refuses.
    fn on_overdue(&mut self, now: Instant) {
        let overdue = self.state.held.overdue(now);
        if !overdue.is_empty() {
            self.journal_fails("nothing has been written for seconds");
            overdue.into_iter().for_each(|pass| self.on_pass(pass));
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Send { path, bytes } => self.send(path, bytes),
            Output::Media { worker, command } => (self.media)(worker, command),
            Output::Journal { id, entry } => {
                if self.journal.append(id.0, self.clock.now().wall, entry).is_err() {
                    self.journal_fails("its waiting list is full");
                }
            }
            Output::Record(record) => {
                call_log::tell_record(&record, || self.handle.centre());
                self.state.gauges.count_quality(&record);
                if self.journal.record(self.clock.now().wall, record).is_err() {
                    metrics::counter!("records_lost_total").increment(1);
                }
            }
            Output::Live(event) => {
                call_log::tell_event(&event.what);
                if let Happened::Notice(Notice::Override(it)) = &event.what {
                    (self.notices)(it);
                }
                self.handle.tell(event);
            }
            Output::Reply { id, result } => self.handle.reply(id, result),
            Output::Page { page, told } => self.handle.tell_page(page, told),
            Output::Resolve { lookup, able } => (self.resolve)(lookup, able),
            Output::Ask(question) => (self.ask)(question),
            Output::Mend { segment, path } => {
                if !self.recorder.mend(segment, path) {
                    // The next start asks again.
                    metrics::counter!("recordings_unfinished_total").increment(1);
                }
            }
            Output::Gate(order) => self.on_gate(order),
            Output::Alarm(alarm) => {
                on_alarm(&alarm);
                if let (Some(flight), Alarm::Invariant { what, .. }) = (&self.flight, alarm) {
                    flight.save(Why::Invariant(what));
                }
            }
            Output::Drained => {
                self.state.drained = true;
                self.state.ended.get_or_insert(Ended::Drained);
            }
        }
    }

    fn on_gate(&mut self, order: GateOrder) {
        let now = self.clock.mono();
        if let GateOrder::Ban { source, user, until } = &order {
            metrics::counter!("sip_bans_total").increment(1);
            let (user, seconds) =
                (user.as_deref().map(|user| Private::new(user.to_owned())), until.since(now).as_secs());
            match user {
                Some(user) => tracing::warn!(%source, %user, seconds, "banned for guessing this user's password"),
                None => tracing::warn!(%source, seconds, "banned for guessing many users' passwords"),
            }
        }
        self.net.obey(now, order);
    }

    fn send(&mut self, path: Path, bytes: Bytes) {
        self.net.send(path, bytes);
    }

    /// The promise can't be kept: whoever asked is told so.
    fn refuse(&mut self, output: Output) {
        metrics::counter!("promises_refused_total").increment(1);
        match output {
            Output::Reply { id, .. } => self.handle.refuse(id),
            Output::Send { path, bytes } => {
                if let Some(refusal) = unkept(bytes) {
                    self.send(path, refusal);
                }
            }
            Output::Live(_) => {}
            Output::Media { .. }
            | Output::Journal { .. }
            | Output::Record(_)
            | Output::Page { .. }
            | Output::Resolve { .. }
            | Output::Ask(_)
            | Output::Mend { .. }
            | Output::Gate(_)
            | Output::Alarm(_)
            | Output::Drained => self.perform(output),
        }
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Written(up_to) => {
                self.journal_works();
                for output in self.state.held.written(EntryId(up_to)) {
                    self.perform(output);
                }
            }
            Report::Failing { why } => self.journal_fails(&why),
            Report::Recovered => self.journal_works(),
            Report::CheckpointDue { .. } => {
                let now = self.clock.now();
                let entries = self.engine.checkpoint(now);
                self.journal.checkpoint(now.wall, entries);
            }
            Report::RecordsWaiting => self.records_wake.notify_one(),
        }
    }

    fn journal_fails(&mut self, why: &str) {
        if self.pulse.journal_works() {
            tracing::error!(why, "the journal can't be written: calls go on, nothing new is promised");
        }
        self.state.held.set_failing(true);
        self.pulse.set_journal(false);
    }

    fn journal_works(&mut self) {
        if self.state.held.is_failing() {
            tracing::warn!("the journal can be written again");
            self.state.held.set_failing(false);
            self.pulse.set_journal(true);
        }
    }
}

fn on_alarm(alarm: &Alarm) {
    match alarm {
        Alarm::PortsExhausted => tracing::error!("no RTP port is free: calls are refused"),
        Alarm::TableFull(table) => tracing::error!(table, "a table is full"),
        Alarm::Invariant { what, repaired: true } => tracing::error!(what, "an invariant was broken and repaired"),
        Alarm::Invariant { what, repaired: false } => {
            tracing::error!(what, "an invariant is broken; calls go on, and this is told once");
        }
        Alarm::Unserved { queue, skills, waiting } => {
            let skills = skills.join(", ");
            tracing::warn!(queue, skills, waiting, "nobody is logged in who may have those who wait");
        }
        Alarm::RecordingFails { why } => {
            tracing::error!(why, "calls go on, but what should be recorded of them is lost");
            metrics::counter!("recordings_failed_total").increment(1);
        }
        Alarm::Service(ServiceEvent { service, turn }) => on_service_turn(service, turn),
        Alarm::Trunk { name, up: false } => tracing::warn!(trunk = name, "the trunk does not answer"),
        Alarm::Trunk { name, up: true } => tracing::info!(trunk = name, "the trunk answers again"),
        Alarm::TrunkUnregistered { name, status, .. } => {
            tracing::warn!(trunk = name, status, "the carrier does not register us");
        }
        Alarm::Circle { dialled } => {
            tracing::error!(
                dialled,
                "this number leads in a circle: its calls are ended; see what its destination leads to"
            );
        }
        Alarm::DialledTooMuch { user } => tracing::warn!(user, "no more outside calls in this hour"),
        Alarm::WrongCredentials { source } => tracing::warn!(%source, "wrong credentials, again and again"),
    }
}

fn on_service_turn(service: &str, turn: &ServiceTurn) {
    let resting = metrics::gauge!("service_rests", "service" => service.to_owned());
    match turn {
        ServiceTurn::Rests { unanswered, why, seconds } => {
            resting.set(1.0);
            tracing::warn!(
                service,
                unanswered,
                why,
                seconds,
                "a service gives no answers: nobody waits for it for now"
            );
        }
        ServiceTurn::AskedAgain { unanswered, spared, seconds } => {
            resting.set(0.0);
            tracing::info!(service, unanswered, spared, seconds, "a service is asked again");
        }
    }
}
