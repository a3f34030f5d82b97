//! What the journal knows of live calls, so that another process can go on with them.
//!
//! A call is written when somebody answers, when two people hear each other, and a moment after anything else that
//! changed. Most calls cost two entries: up, and over.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    CallRecord, Engine, Entry, KeptMenu, QueueRecord, drive::Timer, note::Note, queue_calls::Waiting,
    trunks::trunk_credentials,
};
use crate::{
    acd::Alive,
    base::{AgentId, CallId, EngagementId, FastMap, InteractionId, LegId, Now, Private, UserId, Wall},
    media::Standing,
    sip::Mark,
    switch::{Cause, EndedBy, KeptCall, LegParty, LegStage, Resumed},
};

/// How long the journal waits for what else changes in a call before it writes what nobody was promised: a call that is
/// answered or over by then costs nothing more.
const KEEP_TIME: Duration = Duration::from_millis(50);

/// A call as it stands: another process goes on with it, or makes its record of this.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunningCall {
    pub record: CallRecord,
    /// `None`: it is over, and only its record is wanted.
    pub kept: Option<KeptCall>,
    #[serde(default)]
    interaction: Option<InteractionId>,
    #[serde(default)]
    engagement: Option<EngagementId>,
    /// Customer and agent have heard each other.
    #[serde(default)]
    connected: bool,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    pub(super) arrived: Option<Wall>,
    #[serde(default)]
    referred: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken_over: Option<LegId>,
    #[serde(default)]
    forwards: u8,
    #[serde(default)]
    forwarded_by: Option<UserId>,
    /// Its caller is in a menu.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    menu: Option<KeptMenu>,
}

/// Where one leg's sound stood.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct LegStanding {
    pub call: CallId,
    pub leg: LegId,
    pub at: Wall,
    pub standing: Standing,
}

impl RunningCall {
    /// A record and no more, as older journals have it.
    pub(super) fn ended(record: CallRecord) -> Self {
        Self {
            record,
            kept: None,
            interaction: None,
            engagement: None,
            connected: false,
            priority: 0,
            arrived: None,
            referred: false,
            taken_over: None,
            forwards: 0,
            forwarded_by: None,
            menu: None,
        }
    }

    pub fn has_keys(&self) -> bool {
        self.kept.as_ref().is_some_and(KeptCall::has_keys)
    }
}

/// What changed and is not written yet.
#[derive(Default)]
pub(super) struct Unkept {
    calls: BTreeSet<CallId>,
    /// To be written when [`Timer::Keep`] is due.
    later: BTreeSet<CallId>,
    standings: BTreeSet<LegId>,
    /// Over, but for the figures of their sound.
    over: BTreeSet<CallId>,
}

impl Engine {
    /// Written in this turn.
    pub(super) fn keep_call(&mut self, call: CallId) {
        self.unkept.calls.insert(call);
    }

    /// Written soon.
    pub(super) fn keep_call_later(&mut self, now: Now, call: CallId) {
        self.unkept.later.insert(call);
        self.keep_soon(now);
    }

    pub(super) fn keep_standing(&mut self, now: Now, leg: LegId) {
        self.unkept.standings.insert(leg);
        self.keep_soon(now);
    }

    fn keep_soon(&mut self, now: Now) {
        if self.timers.deadline(&Timer::Keep).is_none() {
            self.timers.set(Timer::Keep, now.mono + KEEP_TIME);
        }
    }

    /// Nobody is left in it; what is still to come are figures.
    pub(super) fn keep_over(&mut self, call: CallId) {
        self.forget_kept(call);
        if self.notes.get(&call).is_some_and(|note| note.journalled) {
            self.unkept.over.insert(call);
        }
    }

    /// Nothing more is to be written of it.
    pub(super) fn forget_kept(&mut self, call: CallId) {
        self.unkept.calls.remove(&call);
        self.unkept.later.remove(&call);
        self.unkept.over.remove(&call);
    }

    pub(super) fn keep_leg(&mut self, now: Now, call: CallId, stage: LegStage) {
        match stage {
            LegStage::Answered => self.keep_call(call),
            // Whoever says BYE is answered when the journal knows that he has left.
            LegStage::Ended if self.switch.has_byes() => self.keep_call(call),
            LegStage::Begun | LegStage::Ended => self.keep_call_later(now, call),
            LegStage::Ringing => {}
        }
    }

    pub(super) fn on_keep_due(&mut self, now: Now) {
        let later = std::mem::take(&mut self.unkept.later);
        self.unkept.calls.extend(later);
        let legs = std::mem::take(&mut self.unkept.standings);
        let standings = legs.into_iter().filter_map(|leg| {
            let call = self.switch.leg(leg)?.call();
            let (standing, at) = self.switch.standing(leg)?;
            Some(LegStanding { call, leg, at, standing })
        });
        let standings: Vec<LegStanding> = standings.collect();
        if !standings.is_empty() {
            self.journal(Entry::Standings(standings));
        }
        self.save_calls(now);
    }

    /// At the end of each turn.
    pub(super) fn save_calls(&mut self, now: Now) {
        for call in std::mem::take(&mut self.unkept.calls) {
            self.unkept.later.remove(&call);
            let Some(running) = self.running(now, call) else { continue };
            if let Some(note) = self.notes.get_mut(&call) {
                note.journalled = true;
            }
            self.journal(Entry::Running(Box::new(running)));
        }
        for call in std::mem::take(&mut self.unkept.over) {
            self.journal(Entry::CallOver { call, at: now.wall });
        }
    }

    /// At the end of each turn. Should the process die before the end of a call is written, its BYE comes again; once it has
    /// its 200 it does not. That waits for the group which is due anyway.
    pub(super) fn answer_byes(&mut self, now: Now) {
        if self.switch.has_byes() {
            let after = Mark::patient(self.last_entry().0);
            self.switch.answer_byes(now, after);
            self.settle(now);
        }
    }

    pub(super) fn running(&self, now: Now, call: CallId) -> Option<RunningCall> {
        let note = self.notes.get(&call)?;
        let kept = self.switch.keep(now, call);
        let sight = self.switch.call(call).or_else(|| self.switch.settling(call))?;
        let record = CallRecord {
            call,
            direction: note.direction,
            trunk: note.trunk,
            caller: sight.caller().number.clone(),
            dialled: Private::new(sight.dialled().to_string()),
            began: sight.began(),
            answered: sight.answered(),
            connected: sight.connected(),
            ended: now.wall,
            cause: Cause::SWITCH,
            ended_by: EndedBy::Switch,
            queue: note.queue.as_ref().map(QueueRecord::shortened),
            menus: note.menus.clone(),
            legs: Vec::new(),
        };
        let waiting = note.interaction.and_then(|interaction| self.waiting.get(&interaction));
        Some(RunningCall {
            record,
            kept,
            interaction: note.interaction,
            engagement: note.engagement,
            connected: note.connected,
            priority: waiting.map_or(0, |waiting| waiting.priority),
            arrived: waiting.map(|waiting| self.acd.shown(waiting.arrived)),
            referred: note.referred,
            taken_over: note.taken_over,
            forwards: note.forwards,
            forwarded_by: note.forwarded_by,
            menu: self.kept_menu(call),
        })
    }

    /// The first half of going on: the calls themselves. Tells whose interactions live.
    pub(super) fn resume_calls(&mut self, now: Now, calls: &mut BTreeMap<CallId, RunningCall>) -> (Alive, Vec<Living>) {
        let (mut alive, mut living) = (Alive::default(), Vec::new());
        let resumable: Vec<CallId> =
            calls.iter().filter(|(_, running)| running.kept.is_some()).map(|(call, _)| *call).collect();
        for call in resumable {
            let Some(running) = calls.remove(&call) else { continue };
            let RunningCall { kept: Some(kept), .. } = &running else { continue };
            self.notes.insert(call, self.note_of(now, &running));
            let trunks = &self.directory.trunks;
            let credentials = |party| match party {
                LegParty::Trunk(trunk) => trunks.get(&trunk).and_then(trunk_credentials),
                LegParty::User(_) => None,
            };
            let Some(how) = self.switch.resume(now, kept.clone(), credentials) else {
                self.notes.remove(&call);
                calls.insert(call, running);
                continue;
            };
            match (how, running.interaction) {
                (Resumed::Alone, Some(interaction)) => drop(alive.waiting.insert(interaction)),
                (Resumed::Talking, Some(interaction)) => drop(alive.talking.insert(interaction)),
                (Resumed::Over, _) | (Resumed::Alone | Resumed::Talking, None) => {}
            }
            if how != Resumed::Over {
                let queued = self.notes.get(&call).and_then(|note| note.engagement.and(note.queue.as_ref()?.agent));
                let (talking, kind) = (self.agents_in(call), self.direct_kind(call));
                let direct = talking.into_iter().filter(|agent| Some(*agent) != queued);
                alive.direct.extend(direct.map(|agent| (agent, call, kind)));
            }
            living.push(Living {
                call,
                how,
                interaction: running.interaction,
                arrived: running.arrived,
                priority: running.priority,
                menu: running.menu,
            });
        }
        (alive, living)
    }

    /// The second half, once the distributor knows who waits and who talks: agents are busy with what lives, callers
    /// hear music again, and what belongs to nobody ends.
    pub(super) fn settle_resumed(&mut self, now: Now, living: Vec<Living>) {
        for Living { call, how, interaction, arrived, priority, menu } in living {
            self.count_lines(call);
            self.watch_resumed(now, call);
            match how {
                Resumed::Over => {
                    // The distributor is about to say how his wait ended.
                    if let Some(interaction) = interaction {
                        self.wait_again(call, interaction, (priority, arrived));
                    }
                    continue;
                }
                Resumed::Talking => self.go_on_talking(now, call, interaction, (priority, arrived)),
                Resumed::Alone => {
                    self.stay_busy(now, call, None);
                    self.go_on_alone(now, call, interaction, (priority, arrived), menu);
                }
            }
            self.keep_call(call);
        }
    }

    /// Who called waits on in his queue or hears his menu again; where there is neither any more, his call ends.
    fn go_on_alone(
        &mut self,
        now: Now,
        call: CallId,
        interaction: Option<InteractionId>,
        place: (i32, Option<Wall>),
        menu: Option<KeptMenu>,
    ) {
        if let Some(interaction) = interaction.filter(|interaction| self.acd.waits_in(*interaction).is_some()) {
            self.go_on_waiting(call, interaction, place);
            return self.await_menu(now, call, interaction);
        }
        if menu.is_some_and(|menu| self.resume_menu(now, call, menu)) {
            return;
        }
        if let Some(note) = self.notes.get_mut(&call) {
            (note.interaction, note.engagement) = (None, None);
        }
        self.switch.end_call(now, call, Cause::SWITCH, EndedBy::Switch);
    }

    fn go_on_talking(
        &mut self,
        now: Now,
        call: CallId,
        interaction: Option<InteractionId>,
        place: (i32, Option<Wall>),
    ) {
        let engagement = self.notes.get(&call).and_then(|note| note.engagement);
        let talks = engagement.filter(|engagement| self.acd.is_talking(*engagement));
        let agent_in_queue = talks.and_then(|_| self.notes.get(&call)?.queue.as_ref()?.agent);
        if let Some(note) = self.notes.get_mut(&call) {
            note.engagement = talks;
            note.interaction = note.interaction.filter(|_| talks.is_some());
        }
        if let Some(engagement) = talks {
            self.engagements.insert(engagement, call);
            if let Some(interaction) = interaction {
                self.wait_again(call, interaction, place);
            }
        }
        self.stay_busy(now, call, agent_in_queue);
    }

    /// The agents whose own call it is are busy with it (rule 22), in talk or where he who called waits.
    fn stay_busy(&mut self, now: Now, call: CallId, agent_in_queue: Option<AgentId>) {
        for agent in self.agents_in(call).into_iter().filter(|agent| Some(*agent) != agent_in_queue) {
            *self.direct.entry((call, agent)).or_insert(0) += 1;
            self.acd.handle_direct_busy(now, agent, call, self.direct_kind(call));
        }
    }

    /// The agents in a call, each as often as he has legs in it.
    fn agents_in(&self, call: CallId) -> Vec<AgentId> {
        let legs = self.switch.call(call).into_iter().flat_map(|sight| sight.legs().map(|leg| leg.party()));
        let agents = legs.filter_map(|party| match party {
            LegParty::User(user) => self.directory.agent_of(user),
            LegParty::Trunk(_) => None,
        });
        agents.collect()
    }

    fn go_on_waiting(&mut self, call: CallId, interaction: InteractionId, place: (i32, Option<Wall>)) {
        if let Some(note) = self.notes.get_mut(&call) {
            (note.engagement, note.connected) = (None, false);
        }
        self.wait_again(call, interaction, place);
        self.sound(interaction);
    }

    fn wait_again(&mut self, call: CallId, interaction: InteractionId, (priority, arrived): (i32, Option<Wall>)) {
        let queue = self.notes.get(&call).and_then(|note| note.queue.as_ref()).map(|queue| queue.queue);
        let queue = self.acd.waits_in(interaction).or(queue);
        let Some(queue) = queue else { return };
        let arrived = arrived.unwrap_or_default();
        // Ringing starts anew: what was said of it before is heard of again.
        self.waiting.entry(interaction).or_insert(Waiting {
            call,
            queue,
            ringing: 0,
            offers: Default::default(),
            priority,
            arrived,
        });
    }

    /// A trunk's lines are taken by what lives on.
    fn count_lines(&mut self, call: CallId) {
        let Some(sight) = self.switch.call(call) else { return };
        for leg in sight.legs() {
            if let LegParty::Trunk(trunk) = leg.party() {
                self.trunk_load.resume(trunk, leg.side());
            }
        }
    }

    fn note_of(&self, now: Now, running: &RunningCall) -> Note {
        let mut record = running.record.clone();
        self.process_ended(now, &mut record);
        // Who is rung from now on sees what the caller wants to be seen.
        Note {
            trunk: record.trunk,
            interaction: running.interaction,
            engagement: running.engagement,
            connected: running.connected,
            referred: running.referred,
            taken_over: running.taken_over,
            forwards: running.forwards,
            forwarded_by: running.forwarded_by,
            queue: record.queue,
            journalled: true,
            menus: record.menus,
            ..Note::new(record.direction)
        }
    }

    /// The offers of a call that rang when the process ended.
    pub(super) fn process_ended(&self, now: Now, record: &mut CallRecord) {
        if let Some(queue) = record.queue.as_mut() {
            let ring_secs = self.acd.ring_secs(queue.queue);
            queue.process_ended(now.wall, Duration::from_secs(ring_secs.into()));
        }
    }
}

/// A call that was taken over, before the distributor is asked about it.
pub(super) struct Living {
    call: CallId,
    how: Resumed,
    interaction: Option<InteractionId>,
    arrived: Option<Wall>,
    priority: i32,
    menu: Option<KeptMenu>,
}

/// Calls read from the journal, by what was said of them last.
#[derive(Default)]
pub(super) struct ReadCalls {
    pub running: BTreeMap<CallId, RunningCall>,
    pub highest: u64,
    /// What was told of their sound since.
    standings: FastMap<CallId, FastMap<LegId, LegStanding>>,
}

impl ReadCalls {
    /// Says all of a call: where its sound stands too. What the process before this one's told of that is of no more worth,
    /// since this one went on from beyond it.
    pub fn runs(&mut self, running: RunningCall) {
        let call = running.record.call;
        self.standings.remove(&call);
        self.highest = self.highest.max(call.0);
        self.running.insert(call, running);
    }

    pub fn stand(&mut self, standings: Vec<LegStanding>) {
        for standing in standings {
            self.standings.entry(standing.call).or_default().insert(standing.leg, standing);
        }
    }

    /// Its people are gone; what happened is still to be recorded.
    pub fn over(&mut self, call: CallId, at: Wall) {
        if let Some(running) = self.running.get_mut(&call) {
            running.kept = None;
            running.record.ended = at;
        }
    }

    pub fn ended(&mut self, call: CallId) {
        self.highest = self.highest.max(call.0);
        self.running.remove(&call);
    }

    /// All of them, with the last word on their sound.
    pub fn take(mut self) -> BTreeMap<CallId, RunningCall> {
        let standings = self.standings.into_values().flat_map(FastMap::into_values);
        for LegStanding { call, leg, at, standing } in standings {
            if let Some(kept) = self.running.get_mut(&call).and_then(|running| running.kept.as_mut()) {
                kept.stands(leg, standing, at);
            }
        }
        self.running
    }
}
