//! A small contact centre for tests: it moves the clock, reads every output, and checks the invariants after each step.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    acd::*,
    base::{AgentId, CallId, Chance, EngagementId, Instant, InteractionId, Now, OfferId, Private, QueueId, Wall},
};

pub(super) const MORNING: i64 = 1_767_600_000_000;

pub(super) struct Room {
    pub acd: Acd,
    pub now: Now,
    /// Everything said so far, oldest first.
    pub said: Vec<Output>,
    pub journal: Vec<Entry>,
    pub settings: Settings,
    next: u64,
}

/// What an agent is asked by his offer, as the tests need it.
type RingNow = (OfferId, AgentId, InteractionId);

impl Room {
    /// Agents 1… on queue 1, each with a phone that is enough to be Ready.
    pub fn new(agents: u64) -> Self {
        Self::with(agents, |_| {})
    }

    pub fn with(agents: u64, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = centre(agents, 1);
        change(&mut settings);
        let faults = settings.check();
        assert!(faults.is_empty(), "{faults:?}");
        let mut room = Self::closed(settings.clone());
        room.now = Now { mono: Instant::from_micros(5_000_000), wall: Wall(MORNING) };
        room.acd.settings(room.now, settings);
        for agent in 1..=agents {
            room.acd.handle_device(room.now, AgentId(agent), true);
            room.pass_ms(1);
        }
        room.said.clear();
        room
    }

    pub fn closed(settings: Settings) -> Self {
        let now = Now { mono: Instant::from_micros(5_000_000), wall: Wall(MORNING) };
        Self { acd: Acd::new(Chance::from_number(1)), now, said: Vec::new(), journal: Vec::new(), settings, next: 100 }
    }

    /// Drains the outputs and checks the house.
    pub fn settle(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            if let Output::Entry(entry) = &output {
                self.journal.push(entry.clone());
            }
            self.said.push(output);
        }
        let violations = self.acd.check_invariants();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// Moves the clock, stopping at each deadline.
    pub fn pass_ms(&mut self, ms: u64) {
        let until = self.now.mono + Duration::from_millis(ms);
        while let Some(next) = self.acd.poll_timeout().filter(|next| *next <= until) {
            self.move_to(next.max(self.now.mono));
            self.acd.handle_timeout(self.now);
            self.settle();
        }
        self.move_to(until);
        self.settle();
    }

    pub fn pass(&mut self, secs: u64) {
        self.pass_ms(secs * 1000);
    }

    fn move_to(&mut self, mono: Instant) {
        let step = mono.since(self.now.mono);
        self.now = Now { mono, wall: self.now.wall + step };
    }

    pub fn call(&mut self) -> InteractionId {
        self.call_to(QueueId(1), 0)
    }

    pub fn call_to(&mut self, queue: QueueId, priority: i32) -> InteractionId {
        let id = InteractionId(self.next);
        self.next += 1;
        let enqueue = Enqueue { priority, ..Enqueue::inbound(id, queue, Private::new("+351210000001".into())) };
        assert_eq!(self.enqueue(enqueue), Ok(()));
        id
    }

    pub fn enqueue(&mut self, enqueue: Enqueue) -> Result<(), Outcome> {
        let result = self.acd.enqueue(self.now, enqueue);
        self.settle();
        result
    }

    /// Who rings now, in the order of their offers.
    pub fn ringing(&self) -> Vec<RingNow> {
        let snapshot = self.acd.snapshot(self.now);
        let offers = snapshot
            .agents
            .iter()
            .flat_map(|agent| agent.offers.iter().map(|offer| (offer.offer, agent.agent, offer.interaction)));
        let mut offers: Vec<_> = offers.collect();
        offers.sort();
        offers
    }

    pub fn rings_at(&self) -> Vec<u64> {
        self.ringing().iter().map(|(_, agent, _)| agent.0).collect()
    }

    /// The one who rings.
    pub fn the_ring(&self) -> RingNow {
        let ringing = self.ringing();
        assert_eq!(ringing.len(), 1, "{ringing:?}");
        ringing[0]
    }

    pub fn the_ring_of(&self, agent: u64) -> InteractionId {
        self.agent(agent).offers[0].interaction
    }

    pub fn progress(&mut self) {
        for (offer, _, _) in self.ringing() {
            self.acd.handle_progress(self.now, offer);
        }
        self.settle();
    }

    pub fn answer(&mut self, offer: OfferId) -> EngagementId {
        let engagement = self.acd.handle_answered(self.now, offer).expect("a live offer");
        self.settle();
        engagement
    }

    /// The one who rings answers and is bridged.
    pub fn talk(&mut self) -> EngagementId {
        let (offer, _, _) = self.the_ring();
        let engagement = self.answer(offer);
        self.connected(engagement);
        engagement
    }

    pub fn connected(&mut self, engagement: EngagementId) {
        self.acd.handle_connected(self.now, engagement);
        self.settle();
    }

    pub fn end(&mut self, engagement: EngagementId) {
        self.acd.handle_ended(self.now, engagement, PartEnd::Customer);
        self.settle();
    }

    pub fn fail(&mut self, offer: OfferId, fault: OfferFault) {
        self.acd.handle_failed(self.now, offer, fault);
        self.settle();
    }

    pub fn hang_up(&mut self, interaction: InteractionId) {
        self.acd.handle_customer_gone(self.now, interaction);
        self.settle();
    }

    /// Any command, settled.
    pub fn ask<T>(&mut self, command: impl FnOnce(&mut Acd, Now) -> T) -> T {
        let result = command(&mut self.acd, self.now);
        self.settle();
        result
    }

    pub fn select(&mut self, agent: u64, selection: Selection) -> Result<(), Refused> {
        let id = AgentId(agent);
        self.ask(|acd, now| acd.select(now, id, Channel::Voice, selection, Actor::Agent(id)))
    }

    pub fn direct(&mut self, agent: u64, call: u64) {
        self.ask(|acd, now| acd.handle_direct_busy(now, AgentId(agent), CallId(call), DirectKind::Internal));
    }

    pub fn view(&self, agent: u64) -> StatusView {
        self.acd.status(AgentId(agent), Channel::Voice).expect("an agent")
    }

    pub fn status(&self, agent: u64) -> Status {
        self.view(agent).status
    }

    pub fn agent(&self, agent: u64) -> AgentSnapshot {
        self.acd.agent_snapshot(self.now, AgentId(agent)).expect("an agent")
    }

    pub fn queue(&self, queue: u64) -> QueueSnapshot {
        let snapshot = self.acd.snapshot(self.now);
        snapshot.queues.into_iter().find(|it| it.queue == QueueId(queue)).expect("a queue")
    }

    pub fn outcomes(&self) -> Vec<(InteractionId, Outcome)> {
        let left = self.said.iter().filter_map(|output| {
            let Output::Left { interaction, outcome, .. } = output else { return None };
            Some((*interaction, outcome.clone()))
        });
        left.collect()
    }

    pub fn ends(&self) -> Vec<(AgentId, OfferEnd)> {
        let ends = self.said.iter().filter_map(|output| {
            let Output::OfferEnded { agent, end, .. } = output else { return None };
            Some((*agent, *end))
        });
        ends.collect()
    }

    pub fn withdrawals(&self) -> Vec<(AgentId, WithdrawCause)> {
        let ends = self.said.iter().filter_map(|output| {
            let Output::Withdraw { agent, cause, .. } = output else { return None };
            Some((*agent, *cause))
        });
        ends.collect()
    }

    pub fn events(&self, agent: u64) -> Vec<AgentEvent> {
        let events = self.said.iter().filter_map(|output| {
            let Output::Agent(event) = output else { return None };
            (event.agent == AgentId(agent)).then(|| event.clone())
        });
        events.collect()
    }

    pub fn notices(&self) -> Vec<Notice> {
        let notices = self.said.iter().filter_map(|output| {
            let Output::Notice(notice) = output else { return None };
            Some(notice.clone())
        });
        notices.collect()
    }

    pub fn hits(&self, rule: Rule) -> u64 {
        self.acd.rule_hits().find(|(it, _)| *it == rule).map_or(0, |(_, hits)| hits)
    }

    /// `kill -9`, away for so long, and up again from the journal; calls of `live` live on.
    pub fn restart(&mut self, away_secs: u64, live: &[InteractionId], from_checkpoint: bool) {
        let live: BTreeSet<_> = live.iter().copied().collect();
        let alive = Alive { waiting: live.clone(), talking: live, ..Alive::default() };
        self.restart_with(away_secs, &alive, from_checkpoint);
    }

    pub fn restart_with(&mut self, away_secs: u64, alive: &Alive, from_checkpoint: bool) {
        let entries = if from_checkpoint { self.acd.checkpoint(self.now) } else { self.journal.clone() };
        let text: Vec<String> = entries.iter().map(|entry| serde_json::to_string(entry).expect("json")).collect();
        let entries: Vec<Entry> = text.iter().map(|line| serde_json::from_str(line).expect("an entry")).collect();
        let wall = self.now.wall + Duration::from_secs(away_secs);
        self.now = Now { mono: Instant::from_micros(1_000), wall };
        self.acd = Acd::new(Chance::from_number(2));
        // As the engine does it.
        self.acd.settings(self.now, self.settings.clone());
        self.acd.restore(self.now, entries, alive);
        self.said.clear();
        self.settle();
    }
}

/// `agents` agents, all members of `queues` queues; keys `a1`…, `q1`….
pub(super) fn centre(agents: u64, queues: u64) -> Settings {
    let mut settings = Settings {
        policies: Policies { device_presence: DevicePresence::Ready, ..Policies::default() },
        reasons: ["break", "lunch"].map(reason).into(),
        ..Settings::default()
    };
    for agent in 1..=agents {
        let key = format!("a{agent}");
        settings.agents.insert(AgentId(agent), AgentSettings { key, ..AgentSettings::default() });
    }
    for queue in 1..=queues {
        let members = (1..=agents).map(|agent| MemberSettings::new(format!("a{agent}"))).collect();
        let key = format!("q{queue}");
        settings.queues.insert(QueueId(queue), QueueSettings { key, members, ..QueueSettings::default() });
    }
    settings
}

pub(super) fn reason(key: &str) -> ReasonSettings {
    ReasonSettings {
        key: key.into(),
        name: String::new(),
        kind: ReasonKind::NotReady,
        colour: String::new(),
        max_secs: 0,
        max_logs_out: false,
    }
}

/// Changes the first queue.
pub(super) fn first_queue(settings: &mut Settings) -> &mut QueueSettings {
    settings.queues.get_mut(&QueueId(1)).expect("a queue")
}
