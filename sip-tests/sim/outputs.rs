//! What the switch and its media workers say, carried out.

use std::time::Duration;

use strowger::{
    engine::{Alarm, Entry, EntryId, Event, Output, Record, SegmentReport},
    sip::Path,
};

use super::step::{Due, Sim, Way};

/// How long the disk takes for one group of entries.
const COMMIT_TIME: Duration = Duration::from_millis(3);

impl Sim {
    pub(super) fn on_output(&mut self, output: Output) {
        match output {
            Output::Send { path, bytes } => self.on_send(path, &bytes),
            Output::Media { worker, command } => {
                let now = self.now().mono;
                self.plane.handle_command(now, worker, command);
                self.drain_plane();
            }
            Output::Journal { id, entry } => self.on_journal(id, &entry),
            Output::Record(Record::Call(record)) => self.records.push(*record),
            Output::Record(Record::Engagement(summary)) => self.engagements.push(*summary),
            Output::Record(Record::Segment(record)) => self.segments.push(*record),
            Output::Record(Record::Status(span)) => self.spans.push(span),
            Output::Mend { segment, path } => {
                let report = self.shelf.mend(segment, &path);
                self.report(report);
            }
            Output::Live(event) => self.on_live(event),
            Output::Reply { id, result } => {
                self.replies.insert(id, result);
            }
            Output::Resolve { lookup, .. } => panic!("the world has no names: {}", lookup.host),
            Output::Ask(question) => self.questions.push(question),
            Output::Alarm(alarm) => {
                assert!(!matches!(alarm, Alarm::Invariant { .. }), "{alarm:?}");
            }
            Output::Page { page, told } => self.on_told(page, told),
            Output::Gate(_) | Output::Drained => {}
        }
    }

    pub(super) fn on_send(&mut self, path: Path, bytes: &[u8]) {
        self.note("<-", path.remote, bytes);
        if self.is_lost(Way::Out, bytes) {
            return;
        }
        let bytes = bytes.to_vec();
        let from = self.nat.map_or(path.local, |nat| nat.switch(path.remote));
        let due = || Due::ToPhone { from, to: path.remote, bytes: bytes.clone() };
        self.send(due, path.transport.is_reliable());
    }

    pub(super) fn on_journal(&mut self, id: EntryId, entry: &Entry) {
        if !self.disk.has_pending() {
            let (at, run) = (self.clock + COMMIT_TIME, self.run);
            self.push(at, Due::Written { run });
        }
        self.disk.append(id, entry);
    }

    pub(super) fn on_live(&mut self, event: Event) {
        if let Some(last) = self.sequence {
            assert_eq!(event.sequence, last + 1, "an event is missing before {event:?}");
        }
        self.sequence = Some(event.sequence);
        if self.keeps_events {
            self.events.push(event);
        }
    }

    pub(super) fn drain_plane(&mut self) {
        let (sent, events) = self.plane.take();
        for (_, to, bytes) in sent {
            self.send(|| Due::RtpToPhone { to, bytes: bytes.clone() }, false);
        }
        let now = self.now().mono;
        for reel in self.plane.reels(now) {
            if self.shelf.stands_still {
                self.plane.put_back(now, reel);
                continue;
            }
            self.shelf.handle(&reel).into_iter().for_each(|report| self.report(report));
        }
        let run = self.run;
        for event in events {
            let at = self.clock + Duration::from_millis(1);
            self.push(at, Due::Told { run, event });
        }
    }

    /// A file is finished.
    fn report(&mut self, report: SegmentReport) {
        let (at, run) = (self.clock + Duration::from_millis(1), self.run);
        self.push(at, Due::Segment { run, report });
    }
}
