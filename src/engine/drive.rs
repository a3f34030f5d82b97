//! The engine itself: what goes where.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::{
    Alarm, Centre, Counts, Emitted, EngineSettings, Entry, EntryId, Event, Happened, Input, Output, Unsaid,
    asking::Asks,
    certified::Certified,
    contests::Contests,
    dial_plan::Budgets,
    directory::Directory,
    forwarded::Forwarded,
    holders::Holders,
    homes::Homes,
    invariants::SWEEP_EVERY,
    keep::Unkept,
    last_used::LastUsed,
    menus::InMenu,
    messages::Texts,
    note::Note,
    offers::Asked,
    pages::Pages,
    queue_calls::Waiting,
    recordings::Recordings,
    restore::Restoring,
    servers::Servers,
    thirds::Third,
    told::Purpose,
    trunks::Lines,
    watch::Guesses,
    watching::{WatchSettings, Watching},
};
use crate::{
    acd::{Acd, DeviceChoice},
    base::{
        AgentId, AskId, CallId, Chance, EngagementId, FastMap, FlowId, Instant, InteractionId, LegId, Now, OfferId,
        PlayId, Timers, TrunkId, UserId,
    },
    sip::{Advertised, Stack, StackSettings, TransactionId, digest::Verifier, registrar::Registrar},
    switch::{self, Listener, RingId, Switch, SwitchSettings, TrunkLoad, authority},
};

/// The same alarm is told at most so often.
const ALARM_PAUSE: Duration = Duration::from_secs(1);

/// Different ones of a kind in that time; whoever causes more of them must not fill the log.
const ALARMS_MAX: usize = 16;

/// All calls, agents and queues of one switch. Pure: it owns no socket, clock or task.
///
/// After every `handle`, drain `poll_output` until `None`, then sleep until `poll_timeout` and hand in `Input::Tick`.
/// `now` never goes backwards.
pub struct Engine {
    pub(super) settings: EngineSettings,
    pub(super) directory: Directory,
    pub(super) switch: Switch,
    pub(super) acd: Acd,
    pub(super) registrar: Registrar,
    pub(super) pages: Pages,
    pub(super) verifier: Verifier,
    pub(super) notes: FastMap<CallId, Note>,
    pub(super) waiting: FastMap<InteractionId, Waiting>,
    pub(super) offers: FastMap<OfferId, Asked>,
    pub(super) rings: FastMap<RingId, OfferId>,
    /// Who is rung for calls that talk already.
    pub(super) thirds: FastMap<RingId, Third>,
    pub(super) engagements: FastMap<EngagementId, CallId>,
    /// Clips that play, each with what it is for.
    pub(super) plays: BTreeMap<(CallId, PlayId), Purpose>,
    /// Live legs of agents outside queues, per call.
    pub(super) direct: BTreeMap<(CallId, AgentId), u32>,
    /// Whether an agent's devices can be reached, as the distributor was told.
    pub(super) reachable: FastMap<AgentId, bool>,
    /// The same of the devices that their memberships pin: those that can be.
    pub(super) reachable_pins: BTreeSet<(AgentId, DeviceChoice)>,
    pub(super) last_used: LastUsed,
    pub(super) trunk_load: TrunkLoad,
    pub(super) budgets: Budgets,
    pub(super) lines: Lines,
    pub(super) servers: Servers,
    pub(super) forwarded: Forwarded,
    pub(super) guesses: Guesses,
    pub(super) homes: Homes,
    pub(super) certified: Certified,
    pub(super) holders: Holders,
    /// Devices asked for a sign of life, and not heard yet: name, contact and connection.
    pub(super) probes: FastMap<TransactionId, (Box<str>, Box<str>, Option<FlowId>)>,
    pub(super) contests: Contests,
    pub(super) asks: Asks,
    /// Callers in menus. As many as there are calls.
    pub(super) in_menus: BTreeMap<CallId, InMenu>,
    pub(super) texts: Texts,
    pub(super) watching: Watching,
    pub(super) watch_settings: WatchSettings,
    pub(super) restoring: Option<Restoring>,
    pub(super) unkept: Unkept,
    pub(super) recordings: Recordings,
    pub(super) timers: Timers<Timer>,
    pub(super) draining: bool,
    drained: bool,
    pub(super) totals: Counts,
    /// Told lately.
    alarms: Vec<(Alarm, Instant)>,
    /// Invariants that are broken since an earlier sweep.
    pub(super) broken: BTreeSet<String>,
    last_entry: EntryId,
    sequence: u64,
    outputs: VecDeque<Emitted>,
}

/// Why the engine wakes up, beside what its parts want.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Timer {
    /// Look trunks' names up again.
    Resolve,
    /// Ask silent devices whether they are back.
    Probe,
    /// A device in whose place another may have registered has not answered.
    ContestLate(TransactionId),
    /// Ask some of all devices whether they are there.
    KeepAlive,
    /// Register at a carrier.
    TrunkRegister(TrunkId),
    /// See whether a carrier answers.
    TrunkHealth(TrunkId),
    /// Tell those who watch.
    Notify,
    /// What a phone has published of its user runs out.
    Published(UserId, u64),
    /// A text has had no answer for too long.
    TextLate(TransactionId),
    /// No key has come in a menu, or no end of what it said.
    MenuLate(CallId),
    /// Whoever waits in a queue is told its menu.
    MenuDue(CallId),
    /// A service has not answered in its time.
    AnswerLate(AskId),
    /// See whether everything that must hold does.
    Sweep,
    /// A clip that a caller waits for has played too long.
    PlayLate(CallId, PlayId),
    /// Whoever waits unanswered is told again that he does.
    StillEarly(CallId),
    /// What is told before a bridge takes too long.
    BriefingLate(OfferId),
    /// Somebody has been on hold for long.
    HoldLong(LegId),
    /// A page that is gone has had the time to come back.
    PageMissed(UserId),
    /// A phone that holds somebody is asked whether it is there.
    AskHolder(LegId),
    /// Write what changed in calls.
    Keep,
    /// A recording has rested long enough.
    ResumeRecording(CallId),
    /// A call that goes through us has had no end for longer than any may last.
    ForwardLong(CallId),
}

impl Engine {
    pub fn new(settings: EngineSettings, seed: [u8; 32], now: Now) -> Self {
        let mut chance = Chance::from_seed(seed);
        let stack = Stack::new(stack_settings(&settings), chance.fork());
        let switch = SwitchSettings {
            listeners: settings.listeners.clone(),
            times: settings.times,
            secures_tls: settings.secures_tls,
            calls_max: settings.limits.calls_max,
        };
        let guesses = Guesses::new(settings.limits.guesses_max, settings.limits.ban_time);
        let mut timers = Timers::new();
        timers.set(Timer::Sweep, now.mono + SWEEP_EVERY);
        let mut engine = Self {
            directory: Directory::new(&Centre::default()),
            switch: Switch::new(switch, stack, chance.fork(), now),
            acd: Acd::new(chance.fork()),
            registrar: Registrar::new(settings.devices.registration.clone()),
            pages: Pages::default(),
            verifier: Verifier::new(settings.realm.clone(), chance.fork()),
            settings,
            notes: FastMap::default(),
            waiting: FastMap::default(),
            offers: FastMap::default(),
            rings: FastMap::default(),
            thirds: FastMap::default(),
            engagements: FastMap::default(),
            plays: BTreeMap::new(),
            direct: BTreeMap::new(),
            reachable: FastMap::default(),
            reachable_pins: BTreeSet::new(),
            last_used: LastUsed::default(),
            trunk_load: TrunkLoad::default(),
            budgets: Budgets::default(),
            lines: Lines::default(),
            servers: Servers::default(),
            forwarded: Forwarded::default(),
            guesses,
            homes: Homes::default(),
            certified: Certified::default(),
            holders: Holders::default(),
            probes: FastMap::default(),
            contests: Contests::default(),
            asks: Asks::default(),
            in_menus: BTreeMap::new(),
            texts: Texts::default(),
            watching: Watching::default(),
            watch_settings: WatchSettings::default(),
            restoring: None,
            unkept: Unkept::default(),
            recordings: Recordings::default(),
            timers,
            draining: false,
            drained: false,
            totals: Counts::default(),
            alarms: Vec::new(),
            broken: BTreeSet::new(),
            last_entry: EntryId(0),
            sequence: 0,
            outputs: VecDeque::new(),
        };
        engine.verifier.ask_for_bodies(engine.settings.devices.sign_bodies);
        engine.keep_devices_alive(now);
        engine
    }

    /// Whether a registered phone, a call or another dialog depends on a connection, which may be silent then.
    pub fn is_in_use(&self, flow: FlowId) -> bool {
        self.registrar.aor_of_flow(flow).is_some() || self.switch.is_in_use(flow) || self.forwarded.is_in_use(flow)
    }

    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Sip { path, message } => self.switch.handle_message(now, path, message),
            Input::Certified { flow, source, domains } => self.certified.note(flow, source, domains),
            Input::FlowClosed(flow) => {
                self.certified.forget(flow);
                let (legs, watches) = (self.switch.legs_on(flow), self.switch.subscriptions_on(flow));
                self.switch.handle_flow_closed(now, flow);
                self.on_line_flow_closed(now, flow);
                let changes = self.registrar.flow_closed(flow);
                self.on_bindings(now, changes);
                self.follow_to_other_flows(flow, &legs);
                self.watches_follow(now, flow, &watches);
            }
            Input::Unreachable { transport, remote } => self.switch.handle_unreachable(now, transport, remote),
            Input::Media(event) => self.switch.handle_media(now, event),
            Input::Segment(report) => self.on_segment(now, report),
            Input::Ports(ports) => self.switch.handle_ports(ports),
            Input::Doors(doors) => self.switch.handle_doors(doors),
            Input::Settings(centre) => self.on_settings(now, *centre),
            Input::Listeners(listeners) => self.on_listeners(listeners),
            Input::Restore(entries) => self.on_restore(entries),
            Input::Restored => self.on_restored(now),
            Input::Request { id, actor, request } => self.on_request(now, id, actor, request),
            Input::Session { agent, open } => self.acd.handle_session(now, agent, open),
            Input::Page { page, user, says } => self.on_page(now, page, user, says),
            Input::Seed(seed) => {
                let chance = self.switch.chance();
                *chance = Chance::from_seed(mixed(seed, chance.bytes()));
            }
            Input::Resolved { lookup, servers, lasts } => self.on_resolved(now, lookup, servers, lasts),
            Input::Answered { ask, said } => self.on_answered(now, ask, said),
            Input::Drain => {
                self.draining = true;
                self.live(now, Happened::Draining);
            }
            Input::Tick => {}
        }
        self.on_time(now);
        self.settle(now);
        self.save_calls(now);
        self.answer_byes(now);
        if self.draining && !self.drained && self.switch.is_idle() {
            self.drained = true;
            self.emit(Output::Drained);
        }
    }

    pub fn poll_output(&mut self) -> Option<Emitted> {
        self.outputs.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let parts =
            [self.switch.poll_timeout(), self.acd.poll_timeout(), self.registrar.poll_timeout(), self.timers.next()];
        parts.into_iter().flatten().min()
    }

    fn on_time(&mut self, now: Now) {
        let is_due = |until: Option<Instant>| until.is_some_and(|until| until <= now.mono);
        if is_due(self.switch.poll_timeout()) {
            self.switch.handle_timeout(now);
        }
        if is_due(self.registrar.poll_timeout()) {
            let changes = self.registrar.handle_timeout(now);
            self.on_bindings(now, changes);
        }
        while let Some(timer) = self.timers.take_due(now.mono) {
            match timer {
                Timer::Resolve => self.resolve(),
                Timer::Probe => self.probe(now),
                Timer::ContestLate(asked) => self.on_contest_late(now, asked),
                Timer::KeepAlive => self.ask_some(now),
                Timer::TrunkRegister(trunk) => self.register_trunk(now, trunk),
                Timer::TrunkHealth(trunk) => self.check_trunk(now, trunk),
                Timer::Notify => self.tell_watchers(now),
                Timer::Published(user, tag) => self.on_publication_over(now, user, tag),
                Timer::TextLate(text) => self.on_text_late(now, text),
                Timer::MenuLate(call) => self.on_menu_late(now, call),
                Timer::MenuDue(call) => self.on_menu_due(now, call),
                Timer::AnswerLate(ask) => self.on_answered(now, ask, Err(Unsaid::TooLate)),
                Timer::Sweep => self.sweep(now),
                Timer::PlayLate(call, play) => self.on_played(now, call, play),
                Timer::StillEarly(call) => self.on_still_early(now, call),
                Timer::BriefingLate(offer) => self.end_briefing(now, offer),
                Timer::HoldLong(leg) => self.on_hold_long(now, leg),
                Timer::PageMissed(user) => self.on_page_missed(now, user),
                Timer::AskHolder(leg) => self.ask_holder(now, leg),
                Timer::Keep => self.on_keep_due(now),
                Timer::ResumeRecording(call) => self.on_rested_enough(now, call),
                Timer::ForwardLong(call) => self.on_forward_long(now, call),
            }
        }
        // The switch's facts first: an answer that came in this very moment beats the deadline of its offer.
        self.settle(now);
        if is_due(self.acd.poll_timeout()) {
            self.acd.handle_timeout(now);
        }
    }

    /// Carries facts and effects between the floors until there are none.
    pub(super) fn settle(&mut self, now: Now) {
        loop {
            // What the distributor made of one fact comes before the next.
            if let Some(output) = self.acd.poll_output() {
                self.on_acd(now, output);
            } else if let Some(output) = self.switch.poll_output(now) {
                match output {
                    switch::Output::Send { path, bytes, after } => {
                        let patient = after.is_patient();
                        let after = (after.number() > 0).then_some(EntryId(after.number()));
                        self.outputs.push_back(Emitted { output: Output::Send { path, bytes }, after, patient });
                    }
                    switch::Output::Media { worker, command } => self.emit(Output::Media { worker, command }),
                    switch::Output::Page { page, call, leg, order } => self.pass_to_page(page, (call, leg), order),
                    switch::Output::Fact(fact) => self.on_fact(now, fact),
                }
            } else {
                return;
            }
        }
    }

    fn on_settings(&mut self, now: Now, centre: Centre) {
        self.review_services(now, &centre.services);
        let old = std::mem::replace(&mut self.directory, Directory::new(&centre));
        let kept = self.directory.keep_queues(&old, self.waiting.values().map(|waiting| waiting.queue));
        for voice in kept {
            self.journal(Entry::QueueVoice(Box::new(voice)));
        }
        self.watch_settings = centre.watching;
        self.switch.set_headers(centre.headers);
        self.recordings.set_rules(centre.recording);
        self.forget_told();
        self.tell_new_pins(now, &centre.acd);
        self.acd.settings(now, centre.acd);
        self.forget_names();
        self.set_accounts();
        self.resolve();
        self.forget_devices(now, &old);
        self.forget_pages(now);
        let users = &self.directory.users;
        self.budgets.keep(|user| users.contains_key(user));
        self.last_used.keep(|user| users.contains_key(user));
        self.keep_lines(now);
        self.tell_devices(now);
        self.review_watches(now);
        self.live(now, Happened::SettingsChanged);
    }

    fn on_listeners(&mut self, listeners: Vec<Listener>) {
        self.switch.set_listeners(listeners.clone(), advertised(&listeners));
        self.settings.listeners = listeners;
    }

    pub(super) fn alarm(&mut self, now: Now, alarm: Alarm) {
        self.alarms.retain(|(_, told)| now.mono.since(*told) < ALARM_PAUSE);
        let kind = std::mem::discriminant(&alarm);
        let of_kind = self.alarms.iter().filter(|(other, _)| std::mem::discriminant(other) == kind);
        if of_kind.count() >= ALARMS_MAX || self.alarms.iter().any(|(other, _)| *other == alarm) {
            return;
        }
        self.alarms.push((alarm.clone(), now.mono));
        self.emit(Output::Alarm(alarm));
    }

    pub(super) fn emit(&mut self, output: Output) {
        self.outputs.push_back(Emitted { output, after: None, patient: false });
    }

    pub(super) fn emit_after(&mut self, output: Output, after: Option<EntryId>) {
        self.outputs.push_back(Emitted { output, after, patient: false });
    }

    pub(super) fn journal(&mut self, entry: Entry) -> EntryId {
        self.last_entry.0 += 1;
        let id = self.last_entry;
        self.emit(Output::Journal { id, entry });
        id
    }

    /// The entry written last, if any was since `before`.
    pub(super) fn entry_since(&self, before: EntryId) -> Option<EntryId> {
        (self.last_entry > before).then_some(self.last_entry)
    }

    pub(super) const fn counters(&self) -> (EntryId, u64) {
        (self.last_entry, self.sequence)
    }

    pub(super) fn set_counters(&mut self, last_entry: EntryId, sequence: u64) {
        (self.last_entry, self.sequence) = (last_entry, sequence);
    }

    pub(super) const fn last_entry(&self) -> EntryId {
        self.last_entry
    }

    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn live(&mut self, now: Now, what: Happened) {
        self.sequence += 1;
        self.emit(Output::Live(Event { sequence: self.sequence, at: now.wall, what }));
    }
}

fn stack_settings(settings: &EngineSettings) -> StackSettings {
    StackSettings {
        realm: settings.realm.clone(),
        user_agent: settings.user_agent.clone(),
        advertised: advertised(&settings.listeners),
        allow: super::ALLOW.split(", ").collect(),
        supported: super::SUPPORTED.split(", ").collect(),
        timers: settings.timers,
        force_rport: settings.force_rport,
        holds_byes: true,
        usages_max: settings.limits.calls_max.saturating_mul(4),
        ..StackSettings::default()
    }
}

/// What peers are told in place of a socket's own address.
fn advertised(listeners: &[Listener]) -> Vec<Advertised> {
    let one = |listener: &Listener| {
        let (host, port) = listener.advertised.as_ref()?;
        let Listener { transport, local, inside, .. } = listener.clone();
        Some(Advertised { transport, local, told: authority(host, *port), inside })
    };
    listeners.iter().filter_map(one).collect()
}

/// New randomness can only add to the old.
fn mixed(mut new: [u8; 32], old: [u8; 32]) -> [u8; 32] {
    for (new, old) in new.iter_mut().zip(old) {
        *new ^= old;
    }
    new
}
