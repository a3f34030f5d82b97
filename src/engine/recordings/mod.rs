//! Recording of calls: which, from when to when, and what is known of it afterwards. The sound itself goes from the media
//! workers to whoever writes the files.
//!
//! A call that is recorded once is recorded to its end, through transfers, thirds and queues: each pair of customer and
//! partner is a [`segment`](SegmentRecord), and so is what the agent asks somebody in private meanwhile. Nothing is recorded
//! while nobody talks with the customer: while one of the two is on hold the recording [rests](HoldKind), and who is played a
//! clip as the last thing is recorded to its end.

mod pause;
mod record;
mod settings;

use std::{collections::BTreeMap, sync::Arc};

use smallvec::SmallVec;

pub use pause::RecordingView;
pub use record::{Pause, Reported, SegmentFile, SegmentRecord, SegmentReport};
pub use settings::{HoldKind, PauseKind, RECORDING_RULES_MAX, RecordingRule, RecordingSettings};

use super::{Alarm, Engine, Entry, Happened, Output, Record, drive::Timer};
use crate::{
    base::{AgentId, CallId, LegId, Now, SegmentId, Wall},
    media::tape::{Format, Taping},
    switch::{Guest, LegParty},
};

/// What is recorded now, and what is not yet with the records.
#[derive(Default)]
pub(super) struct Recordings {
    settings: RecordingSettings,
    calls: BTreeMap<CallId, Decision>,
    /// By the customer's leg.
    live: BTreeMap<LegId, Live>,
    /// Those whose file is not finished. No more than there were calls since the disk stands still.
    open: BTreeMap<SegmentId, SegmentRecord>,
}

/// What a leg is recorded into.
struct Live {
    segment: SegmentId,
    /// With whom.
    partner: LegId,
    /// It rests, since one of the two is on hold.
    on_hold: bool,
    /// Both clocks at its beginning, that of its call and the steady one: what is told of it goes by these.
    clock: Now,
}

impl Live {
    fn at(&self, now: Now) -> Wall {
        self.clock.wall + now.mono.since(self.clock.mono)
    }
}

/// What the rules made of a call.
enum Decision {
    /// These two are not recorded.
    Not(LegId, LegId),
    Recorded {
        pause: Option<Pause>,
        format: Format,
    },
}

impl Recordings {
    pub fn set_rules(&mut self, settings: RecordingSettings) {
        self.settings = settings;
    }

    /// For a checkpoint.
    pub fn kept(&self) -> impl Iterator<Item = Entry> + '_ {
        self.open.values().map(|record| Entry::Segment(Box::new(record.clone())))
    }
}

impl Engine {
    /// Who is with whom in a call may have changed: what is recorded follows.
    pub(super) fn review_recording(&mut self, now: Now, call: CallId) {
        // Most centres record nothing, and every call passes here.
        if self.recordings.settings.rules.is_empty() && self.recordings.calls.is_empty() {
            return;
        }
        let pair = self.customer_and_partner(call);
        let private = pair.and_then(|_| self.private_pair(call));
        let farewell = pair.is_none().then(|| self.hears_farewell(call)).flatten();
        let legs = self.switch.call(call).into_iter().flat_map(|sight| sight.legs().map(|leg| leg.id()));
        let live = |leg: LegId| Some((leg, self.recordings.live.get(&leg)?.partner));
        let stale = legs.filter_map(live).filter(|was| ![pair, private].contains(&Some(*was))).map(|(leg, _)| leg);
        let stale = stale.filter(|leg| farewell != Some(*leg));
        let stale: SmallVec<[LegId; 2]> = stale.collect();
        let mut was_recorded = false;
        for leg in stale {
            was_recorded |= pair.is_some_and(|(customer, _)| customer == leg);
            self.end_segment(now, leg);
        }
        if let Some(leg) = farewell {
            self.rest_on_hold(now, call, leg);
        }
        let Some((leg, partner)) = pair else { return };
        if was_recorded {
            let format = self.recordings.settings.format;
            self.recordings.calls.entry(call).or_insert(Decision::Recorded { pause: None, format });
        }
        if !self.recordings.live.contains_key(&leg) && self.is_to_record(now, call, leg, partner) {
            self.begin_segment(now, call, (leg, partner), false);
        }
        self.rest_on_hold(now, call, leg);
        self.note_others(call, leg);
        if let Some((asked, asking)) = private {
            self.record_private(now, call, asked, asking);
        }
    }

    /// What an agent asks in private is a part of a call that is recorded (RC-03, CH-07).
    fn record_private(&mut self, now: Now, call: CallId, asked: LegId, asking: LegId) {
        let is_recorded = matches!(self.recordings.calls.get(&call), Some(Decision::Recorded { .. }));
        if is_recorded && !self.recordings.live.contains_key(&asked) && self.switch.can_record(asked) {
            self.begin_segment(now, call, (asked, asking), true);
        }
    }

    /// Who is asked in private now, and who asks.
    fn private_pair(&self, call: CallId) -> Option<(LegId, LegId)> {
        self.switch.call(call)?.legs().find_map(|leg| match leg.guest()? {
            Guest::Consults { with, talks: true } if leg.is_answered() => Some((leg.id(), with)),
            Guest::Consults { .. } | Guest::Party | Guest::Listens | Guest::Whispers { .. } | Guest::Barges => None,
        })
    }

    /// The two legs of a bridge whose people hear each other, the customer's first: the outside's, else the caller's.
    fn customer_and_partner(&self, call: CallId) -> Option<(LegId, LegId)> {
        let caller = self.switch.call(call)?.caller_leg();
        let called = self.switch.partner(caller)?;
        let is_outside = |leg: LegId| self.switch.leg(leg).is_some_and(|leg| matches!(leg.party(), LegParty::Trunk(_)));
        if is_outside(called) && !is_outside(caller) { Some((called, caller)) } else { Some((caller, called)) }
    }

    /// What the rules say of a call, once for each two who talk in it. Who was recorded once is recorded to the end.
    fn is_to_record(&mut self, now: Now, call: CallId, leg: LegId, partner: LegId) -> bool {
        match self.recordings.calls.get(&call) {
            Some(Decision::Recorded { .. }) => return true,
            Some(Decision::Not(one, other)) if (*one, *other) == (leg, partner) => return false,
            Some(Decision::Not(..)) | None => {}
        }
        let Some(note) = self.notes.get(&call) else { return false };
        let (queue, trunk) = (note.queue.as_ref().map(|queue| queue.queue), note.trunk);
        let agent = self.agent_at(partner).or_else(|| self.agent_at(leg));
        let rule = self.recordings.settings.rules.iter().find(|rule| rule.fits(queue, trunk, agent)).copied();
        let percent = rule.map_or(0, |rule| u64::from(rule.percent));
        // Chance is only asked where there is one.
        let mut records = percent >= 100 || (percent > 0 && self.switch.chance().below(100) < percent);
        if records && !self.switch.can_record(leg) {
            records = false;
            self.recording_fails(now, call, String::from("the customer's codec can't be decoded here"));
        }
        let format = rule.and_then(|rule| rule.format).unwrap_or(self.recordings.settings.format);
        let decision = if records { Decision::Recorded { pause: None, format } } else { Decision::Not(leg, partner) };
        self.recordings.calls.insert(call, decision);
        records
    }

    fn agent_at(&self, leg: LegId) -> Option<AgentId> {
        match self.switch.leg(leg)?.party() {
            LegParty::User(user) => self.directory.agent_of(user),
            LegParty::Trunk(_) => None,
        }
    }

    fn begin_segment(&mut self, now: Now, call: CallId, (leg, partner): (LegId, LegId), private: bool) {
        let segment = SegmentId(self.switch.ids().next_segment());
        let (pause, format) = match self.recordings.calls.get(&call) {
            Some(Decision::Recorded { pause, format }) => (*pause, *format),
            Some(Decision::Not(..)) | None => (None, self.recordings.settings.format),
        };
        let at = self.switch.time_in(call, now);
        let path = path_of(at, call, segment, format);
        let taping = Taping::Begin { segment, path: Arc::from(path.as_str()), swapped: false };
        self.switch.record(leg, taping);
        if pause.is_some() {
            self.switch.record(leg, self.resting());
        }
        let queue = self.notes.get(&call).and_then(|note| note.queue.as_ref()).map(|queue| queue.queue);
        let record = SegmentRecord {
            segment,
            call,
            leg,
            others: vec![partner],
            queue,
            agent: self.agent_at(partner).or_else(|| self.agent_at(leg)),
            path,
            began: at,
            ended: None,
            pauses: pause.into_iter().map(|pause| Pause { at, ..pause }).collect(),
            private,
            interrupted: false,
            file: None,
        };
        self.recordings
            .live
            .insert(leg, Live { segment, partner, on_hold: false, clock: Now { mono: now.mono, wall: at } });
        self.journal(Entry::Segment(Box::new(record.clone())));
        self.recordings.open.insert(segment, record);
    }

    /// Thirds who talk in a call that is recorded.
    fn note_others(&mut self, call: CallId, leg: LegId) {
        let Some(sight) = self.switch.call(call) else { return };
        let talks = |guest: Option<Guest>| matches!(guest, Some(Guest::Party | Guest::Barges));
        let others: Vec<LegId> =
            sight.legs().filter(|leg| leg.is_answered() && talks(leg.guest())).map(|leg| leg.id()).collect();
        let segment = self.recordings.live.get(&leg).map(|live| live.segment);
        let Some(record) = segment.and_then(|segment| self.recordings.open.get_mut(&segment)) else { return };
        for other in others {
            if other != leg && !record.others.contains(&other) {
                record.others.push(other);
            }
        }
    }

    /// A leg is gone: so is what was recorded of it.
    pub(super) fn end_segment(&mut self, now: Now, leg: LegId) {
        let Some(live) = self.recordings.live.remove(&leg) else { return };
        self.switch.record(leg, Taping::End);
        let at = live.at(now);
        let Some(record) = self.recordings.open.get_mut(&live.segment) else { return };
        record.ended = Some(at);
        record.pauses.iter_mut().for_each(|pause| _ = pause.until.get_or_insert(at));
        let record = record.clone();
        self.journal(Entry::Segment(Box::new(record)));
    }

    /// A call is over.
    pub(super) fn forget_recording(&mut self, call: CallId) {
        self.recordings.calls.remove(&call);
        self.timers.cancel(Timer::ResumeRecording(call));
    }

    /// What the last process recorded: files to be finished, and calls to be recorded on into files of their own.
    pub(super) fn restore_recordings(&mut self, now: Now, kept: impl IntoIterator<Item = SegmentRecord>) {
        for mut record in kept {
            let (segment, call) = (record.segment, record.call);
            self.switch.ids().raise_segment(segment.0);
            if record.ended.is_none() {
                record.interrupted = true;
                // At the latest; its file says more.
                record.ended = Some(now.wall);
                // Who is on hold still is so, and rests by that.
                let by_somebody = |pause: &&Pause| pause.until.is_none() && !pause.is_hold();
                let pause = record.pauses.iter().rfind(by_somebody).copied();
                record.pauses.iter_mut().for_each(|pause| _ = pause.until.get_or_insert(now.wall));
                if self.switch.call(call).is_some() {
                    let format = Format::of(&record.path);
                    self.recordings.calls.insert(call, Decision::Recorded { pause, format });
                    if let Some(pause) = pause {
                        self.resume_by_itself(now, call, pause.at);
                    }
                }
            }
            self.emit(Output::Mend { segment, path: record.path.clone() });
            self.recordings.open.insert(segment, record);
        }
        let calls: Vec<CallId> = self.recordings.calls.keys().copied().collect();
        calls.into_iter().for_each(|call| self.review_recording(now, call));
    }

    /// From whoever writes the files.
    pub(super) fn on_segment(&mut self, now: Now, report: SegmentReport) {
        match report.what {
            Reported::Failing(why) => {
                let call = self.recordings.open.get(&report.segment).map(|record| record.call);
                call.into_iter().for_each(|call| self.recording_fails(now, call, why.clone()));
            }
            Reported::Finished(file) => {
                let Some(mut record) = self.recordings.open.remove(&report.segment) else { return };
                self.recordings.live.retain(|_, live| live.segment != report.segment);
                record.ended.get_or_insert(now.wall);
                record.file = Some(file);
                if record.interrupted {
                    record.end_with_file(self.recordings.settings.pause == PauseKind::Cut);
                }
                self.emit(Output::Record(Record::Segment(Box::new(record))));
                self.journal(Entry::SegmentStored { segment: report.segment });
            }
        }
    }

    /// Some sound came faster than it is written.
    pub(super) fn on_untaped(&mut self, now: Now, leg: LegId) {
        if let Some(call) = self.switch.leg(leg).map(|leg| leg.call()) {
            self.recording_fails(now, call, String::from("the disk is too slow"));
        }
    }

    /// The call goes on; whoever supervises it should know, and whoever minds the machine.
    fn recording_fails(&mut self, now: Now, call: CallId, why: String) {
        self.live(now, Happened::RecordingFails { call, why: why.clone() });
        self.alarm(now, Alarm::RecordingFails { why });
    }
}

/// `recordings/2026-11-28/call-7-seg-9.wav`: of our own making, so that nothing of it comes from outside.
fn path_of(at: Wall, call: CallId, segment: SegmentId, format: Format) -> String {
    let day = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    format!("recordings/{}/{call}-{segment}.{}", day.strftime("%Y-%m-%d"), format.ending())
}
