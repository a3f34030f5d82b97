//! Where calls meet the distributor: a waiting caller is an interaction. Its offers are in `offers`.

use smallvec::SmallVec;

use super::{Alarm, Engine, Entry, Happened, Output, QueueRecord, Record, StoryEvent};
use crate::{
    acd::{self, Enqueue, Onward, Outcome, PartEnd, Preferred},
    base::{AgentId, CallId, InteractionId, Now, OfferId, Private, QueueId, Wall},
    media::{Source, Tone},
    switch::{Cause, EndedBy},
};

/// A call that waits in a queue, rings at agents or talks to one.
pub(super) struct Waiting {
    pub call: CallId,
    pub queue: QueueId,
    /// Agents being rung.
    pub ringing: u32,
    /// Offers made for it that are not forgotten yet.
    pub offers: SmallVec<[OfferId; 2]>,
    pub priority: i32,
    /// Effective arrival: kept on the way through other queues.
    pub arrived: Wall,
}

/// A step of a queue's chain, outside the queues, that a call is trying.
pub(super) struct Step {
    pub queue: QueueId,
    /// Somebody answered there, or another queue took it: what fails from then on is no affair of the chain's.
    pub done: bool,
    to: Onward,
    interaction: InteractionId,
    priority: i32,
    arrived: Wall,
}

impl Engine {
    /// A call enters a queue: an agent is looked for, and the caller hears music meanwhile.
    pub(super) fn enqueue(&mut self, now: Now, call: CallId, queue: QueueId, place: (i32, Wall)) {
        self.enqueue_at(now, call, queue, place, false);
    }

    /// The priority and the arrival of a call that comes to a queue now. Of one that is passed on to it the centre's rule
    /// says how much higher it stands, and whether it keeps the arrival of before (CH-09).
    pub(super) fn place_of(&self, now: Now, call: CallId) -> (i32, Wall) {
        // Places are compared with those of others: by the distributor's clock, which nobody sets.
        let at = self.acd.clock(now);
        let Some(note) = self.notes.get(&call) else { return (0, at) };
        let wanted = note.wanted().0;
        let Some(transfer) = &note.transfer else { return (wanted, at) };
        let (priority, arrived) = transfer.origin.map_or((wanted, at), |(_, priority, arrived)| (priority, arrived));
        let passed_on = self.directory.to_queue;
        let arrived = if passed_on.keep_place { arrived } else { at };
        (priority.saturating_add(passed_on.boost), arrived)
    }

    /// A call goes back to the place that it had in a queue, whatever the queue's rules of entry are by now.
    pub(super) fn put_back(&mut self, now: Now, call: CallId, queue: QueueId, place: (i32, Wall)) {
        self.enqueue_at(now, call, queue, place, true);
    }

    fn enqueue_at(&mut self, now: Now, call: CallId, queue: QueueId, place: (i32, Wall), returns: bool) {
        let (priority, arrived) = place;
        let Some(sight) = self.switch.call(call) else { return };
        let shown = sight.shown().visible_number();
        let interaction = InteractionId(self.switch.ids().next_interaction());
        self.await_agent(call, queue, interaction, place);
        let enqueue = Enqueue { returns, ..self.asking(call, Enqueue::inbound(interaction, queue, shown), place) };
        if let Err(outcome) = self.acd.enqueue(now, enqueue) {
            self.waiting.remove(&interaction);
            if let Some(note) = self.notes.get_mut(&call).filter(|note| note.transfer.is_none()) {
                note.queue = Some(QueueRecord::new(queue, interaction, outcome_name(&outcome)));
            }
            if let Outcome::Overflowed(to) = outcome {
                self.go_onward(now, call, Step { queue, done: false, to, interaction, priority, arrived });
            } else {
                self.refuse_call(now, call, refusal(&outcome));
            }
            return;
        }
        self.on_taken(now, call, interaction);
    }

    /// With the place that a call has, and all that is known of what it needs.
    fn asking(&self, call: CallId, newcomer: Enqueue, (priority, arrived): (i32, Wall)) -> Enqueue {
        let skills = self.notes.get(&call).map(|note| note.wanted().1).unwrap_or_default();
        let preferred = self.owner_of(call);
        Enqueue { call: Some(call), priority, arrived: Some(arrived), skills, preferred, ..newcomer }
    }

    /// The agent whose customer a caller is.
    fn owner_of(&self, call: CallId) -> Option<Preferred> {
        let (key, secs) = self.notes.get(&call)?.owner.as_ref()?;
        let agent = *self.directory.agents_by_key.get(key.as_str())?;
        Some(Preferred { agent, secs: *secs })
    }

    fn await_agent(&mut self, call: CallId, queue: QueueId, interaction: InteractionId, place: (i32, Wall)) {
        let (priority, arrived) = place;
        let waiting = Waiting { call, queue, ringing: 0, offers: SmallVec::new(), priority, arrived };
        self.waiting.insert(interaction, waiting);
    }

    /// A queue took a call: whoever passed it on is out of it.
    fn on_taken(&mut self, now: Now, call: CallId, interaction: InteractionId) {
        self.on_transferred(now, call);
        if let Some(note) = self.notes.get_mut(&call) {
            note.connected = false;
            note.interaction = Some(interaction);
            note.came_through();
        }
    }

    /// An interaction waits in a queue, the first or another.
    fn on_entered(
        &mut self,
        now: Now,
        interaction: InteractionId,
        queue: QueueId,
        place: (i32, Wall),
        caller: Private<String>,
    ) {
        let (priority, arrived) = place;
        let Some(waiting) = self.waiting.get_mut(&interaction) else { return };
        (waiting.queue, waiting.ringing, waiting.priority, waiting.arrived) = (queue, 0, priority, arrived);
        let call = waiting.call;
        if let Some(note) = self.notes.get_mut(&call) {
            let story = note.queue.take().map(|before| before.story).unwrap_or_default();
            note.queue = Some(QueueRecord { story, ..QueueRecord::new(queue, interaction, "waiting") });
        }
        let arrived = self.acd.shown(arrived);
        self.live(now, Happened::Waiting { interaction, queue, call, caller, priority, arrived });
        self.let_hear(now, call, queue);
        self.sound(interaction);
        self.await_menu(now, call, interaction);
    }

    /// A call leaves the queues for where a chain or an exit key leads.
    fn go_onward(&mut self, now: Now, call: CallId, step: Step) {
        let to = step.to.clone();
        let Some(note) = self.notes.get_mut(&call) else { return };
        note.step = Some(step);
        self.lead_to(now, call, &to);
    }

    /// Leads a call that has been answered to somewhere else.
    pub(super) fn lead_to(&mut self, now: Now, call: CallId, to: &Onward) {
        let rings = matches!(to, Onward::User(_) | Onward::Group(_) | Onward::Number(_));
        if rings && self.switch.hears(call) {
            self.switch.play_waiting(call, Source::Tone(Tone::Ringback));
        }
        match self.directory.onward(to) {
            Some(routed) => self.direct_to(now, call, routed),
            None if *to == Onward::HangUp => self.switch.end_call(now, call, Cause::NORMAL, EndedBy::Switch),
            None => self.refuse_call(now, call, Cause::NOT_FOUND),
        }
    }

    /// What a call was tried at came to nothing: the next step of the chain, if it is on one. False: it is over.
    pub(super) fn try_next_step(&mut self, now: Now, call: CallId) -> bool {
        let step = self.notes.get_mut(&call).and_then(|note| note.step.take_if(|step| !step.done));
        let Some(step) = step else { return false };
        let Some(sight) = self.switch.call(call) else { return false };
        let Step { queue, to, interaction, priority, arrived, .. } = step;
        let newcomer = Enqueue::inbound(interaction, queue, sight.shown().visible_number());
        let enqueue = self.asking(call, newcomer, (priority, arrived));
        self.await_agent(call, queue, interaction, (priority, arrived));
        match self.acd.overflow_further(now, queue, &to, enqueue) {
            Ok(()) => {
                self.on_taken(now, call, interaction);
                true
            }
            Err(further) => {
                self.waiting.remove(&interaction);
                let Some(to) = further else { return false };
                self.go_onward(now, call, Step { queue, done: false, to, interaction, priority, arrived });
                true
            }
        }
    }

    pub(super) fn queue_record(&mut self, interaction: InteractionId) -> Option<&mut QueueRecord> {
        let call = self.waiting.get(&interaction)?.call;
        self.notes.get_mut(&call)?.queue.as_mut()
    }

    /// What happened to a call in a queue, into its record.
    pub(super) fn tell_story(&mut self, now: Now, interaction: InteractionId, queue: QueueId, what: StoryEvent) {
        let Some(call) = self.waiting.get(&interaction).map(|waiting| waiting.call) else { return };
        let at = self.switch.time_in(call, now);
        if let Some(record) = self.notes.get_mut(&call).and_then(|note| note.queue.as_mut()) {
            record.tell(at, queue, what);
        }
    }

    /// What a waiting caller hears now.
    pub(super) fn sound(&mut self, interaction: InteractionId) {
        let Some(waiting) = self.waiting.get(&interaction) else { return };
        match self.directory.waiting_sound(waiting.queue, waiting.ringing > 0) {
            Some(source) => self.switch.play_waiting(waiting.call, source),
            None => self.switch.stop_playing(waiting.call),
        }
    }

    /// What the distributor decides.
    pub(super) fn on_acd(&mut self, now: Now, output: acd::Output) {
        match output {
            acd::Output::Entry(entry) => {
                self.journal(Entry::Acd(entry));
            }
            acd::Output::Decide(dilemma) => self.on_dilemma(now, &dilemma),
            acd::Output::Decided { interaction, queue, decided } => self.on_decided(now, interaction, queue, decided),
            acd::Output::Offer(offer) => self.on_offer(now, &offer),
            acd::Output::Withdraw { offer, cause, .. } => self.on_withdraw(now, offer, cause),
            acd::Output::OfferEnded { offer, agent, interaction, queue, end, ring_ms } => {
                if let Some(record) = self.queue_record(interaction) {
                    record.offer_ended(offer, end, ring_ms);
                }
                self.on_offer_ended(now, interaction, offer, end);
                self.live(now, Happened::OfferEnded { offer, agent, interaction, queue, end, ring_ms });
            }
            acd::Output::Connect { interaction, offer, engagement, .. } => {
                self.on_connect(now, interaction, offer, engagement);
            }
            acd::Output::Entered { interaction, queue, priority, arrived, caller } => {
                self.on_entered(now, interaction, queue, (priority, arrived), caller);
            }
            acd::Output::Announce { interaction, queue, what } => self.on_announce(now, interaction, queue, &what),
            acd::Output::Nobody { interaction, queue, why } => {
                self.tell_story(now, interaction, queue, StoryEvent::Nobody(why));
            }
            acd::Output::Left { interaction, queue, outcome, agent, wait_ms, onward } => {
                self.on_left(now, (interaction, queue), &outcome, agent, wait_ms, onward);
                self.live(now, Happened::Left { interaction, queue, outcome, agent, wait_ms });
            }
            acd::Output::Work { agent, engagement } => self.live(now, Happened::Work { agent, engagement }),
            acd::Output::EngagementEnded(summary) => {
                self.emit(Output::Record(Record::Engagement(summary.clone())));
                self.live(now, Happened::EngagementEnded(summary));
            }
            acd::Output::Span(span) => self.emit(Output::Record(Record::Status(span))),
            acd::Output::Agent(event) => {
                self.watched_agent_changed(now, event.agent);
                self.live(now, Happened::Agent(event));
            }
            acd::Output::Queue(event) => self.live(now, Happened::Queue(event)),
            acd::Output::Member(event) => self.live(now, Happened::Member(event)),
            acd::Output::Notice(notice) => {
                self.on_notice(now, &notice);
                self.live(now, Happened::Notice(notice));
            }
        }
    }

    /// An operator should look at it, too.
    fn on_notice(&mut self, now: Now, notice: &acd::Notice) {
        if let acd::Notice::Unserved { queue, skills, by_rule, waiting } = notice {
            let queue = self.directory.queue_key(*queue).unwrap_or_default().to_owned();
            let skills = skills.iter().map(|need| format!("{} {}", need.skill, need.level));
            let skills = skills.chain(by_rule.then(|| String::from("what the queue's fits asks for")));
            self.alarm(now, Alarm::Unserved { queue, skills: skills.collect(), waiting: *waiting });
        }
    }

    /// An interaction no longer waits in a queue.
    fn on_left(
        &mut self,
        now: Now,
        (interaction, queue): (InteractionId, QueueId),
        outcome: &Outcome,
        agent: Option<AgentId>,
        wait_ms: u64,
        onward: Option<Onward>,
    ) {
        let Some(waiting) = self.waiting.get(&interaction) else { return };
        let (call, priority, arrived) = (waiting.call, waiting.priority, waiting.arrived);
        self.forget_course(call);
        let at = self.switch.time_in(call, now);
        if let Some(record) = self.notes.get_mut(&call).and_then(|note| note.queue.as_mut()) {
            let name = outcome_name(outcome).to_owned();
            let what = StoryEvent::Left { outcome: name.clone(), onward: onward.clone(), waited_ms: wait_ms };
            record.tell(at, queue, what);
            record.outcome = name;
            record.waited_ms = wait_ms;
            record.agent = agent;
        }
        // In another queue he waits on.
        if *outcome == Outcome::Answered || matches!(onward, Some(Onward::Queue(_))) {
            return;
        }
        self.forget_waiting(interaction);
        if let Some(note) = self.notes.get_mut(&call) {
            note.interaction = None;
        }
        match onward {
            Some(to) => self.go_onward(now, call, Step { queue, done: false, to, interaction, priority, arrived }),
            // He is gone already if he left by himself; whoever still waits is let go.
            None => self.switch.end_call(now, call, refusal(outcome), EndedBy::Switch),
        }
    }

    pub(super) fn on_caller_gone(&mut self, now: Now, call: CallId) {
        let Some(note) = self.notes.get(&call) else { return };
        if let Some(interaction) = note.interaction.filter(|_| !note.connected) {
            self.acd.handle_customer_gone(now, interaction);
        }
    }

    /// The call is over: so is the agent's part in it.
    pub(super) fn end_interaction(&mut self, now: Now, call: CallId, end: PartEnd) {
        let Some(note) = self.notes.get_mut(&call) else { return };
        let (interaction, engagement) = (note.interaction.take(), note.engagement.take());
        if let Some(engagement) = engagement {
            self.engagements.remove(&engagement);
            self.acd.handle_ended(now, engagement, end);
        }
        if let Some(interaction) = interaction {
            if engagement.is_none() {
                self.acd.handle_customer_gone(now, interaction);
            }
            self.forget_waiting(interaction);
        }
    }

    fn forget_waiting(&mut self, interaction: InteractionId) {
        let Some(waiting) = self.waiting.remove(&interaction) else { return };
        for offer in waiting.offers {
            if let Some(ring) = self.offers.remove(&offer).and_then(|asked| asked.ring) {
                self.rings.remove(&ring);
            }
        }
    }

    /// A digit of a waiting caller.
    pub(super) fn on_digit(&mut self, now: Now, call: CallId, digit: char) {
        self.cut_welcome(now, call);
        let Some(note) = self.notes.get(&call).filter(|note| !note.connected) else { return };
        if let Some(interaction) = note.interaction
            && !self.acd.handle_exit_key(now, interaction, digit)
        {
            self.press_waiting_menu(now, call, digit);
        }
    }
}

/// What a caller is told whom a queue did not take, or let go.
fn refusal(outcome: &Outcome) -> Cause {
    match outcome {
        Outcome::Full | Outcome::EwtExceeded => Cause::BUSY,
        Outcome::Closed | Outcome::NoAgents | Outcome::Expired => Cause::from_status(480),
        Outcome::SystemError | Outcome::Shutdown => Cause::NO_ROOM,
        Outcome::Answered
        | Outcome::Abandoned
        | Outcome::AbandonedShort
        | Outcome::AbandonedRinging
        | Outcome::ExitKey(_)
        | Outcome::CallbackRequested
        | Outcome::Voicemail
        | Outcome::Overflowed(_)
        | Outcome::TransferredInWait
        | Outcome::Withdrawn(_) => Cause::NORMAL,
    }
}

/// As records and the log name it.
pub fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Abandoned => "abandoned",
        Outcome::AbandonedShort => "abandoned_short",
        Outcome::AbandonedRinging => "abandoned_ringing",
        Outcome::Expired => "expired",
        Outcome::NoAgents => "no_agents",
        Outcome::Full => "full",
        Outcome::EwtExceeded => "ewt_exceeded",
        Outcome::Closed => "closed",
        Outcome::ExitKey(_) => "exit_key",
        Outcome::CallbackRequested => "callback_requested",
        Outcome::Voicemail => "voicemail",
        Outcome::Overflowed(_) => "overflowed",
        Outcome::TransferredInWait => "transferred_in_wait",
        Outcome::Withdrawn(_) => "withdrawn",
        Outcome::SystemError => "system_error",
        Outcome::Shutdown => "shutdown",
    }
}
