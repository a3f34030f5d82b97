//! From the journal back to where we were, and from where we are to a checkpoint.

use std::collections::BTreeMap;

use super::{
    Engine, Entry, JOURNAL_VERSION, KeptBinding, KeptForward, KeptPublication, KeptWatch, Output, QueueVoice, Record,
    RunningCall, SegmentRecord, UsedDevice, keep::ReadCalls,
};
use crate::{
    acd,
    base::{CallId, Now, QueueId, SegmentId, UserId},
    sip::{proxy::WayKey, registrar::Binding},
    switch::{Cause, EndedBy},
};

/// What has been read so far.
#[derive(Default)]
pub(super) struct Restoring {
    acd: Vec<acd::Entry>,
    voices: BTreeMap<QueueId, QueueVoice>,
    bindings: BTreeMap<(Box<str>, Box<str>, Option<u32>), KeptBinding>,
    used: BTreeMap<UserId, UsedDevice>,
    watches: BTreeMap<u64, KeptWatch>,
    publications: BTreeMap<u64, KeptPublication>,
    /// Calls that ran when the process ended.
    calls: ReadCalls,
    /// Recordings whose files are not finished.
    segments: BTreeMap<SegmentId, SegmentRecord>,
    /// Calls that went through us.
    forwards: BTreeMap<CallId, KeptForward>,
    way_key: Option<WayKey>,
    /// The highest seen.
    interaction: u64,
    /// It is the same process that goes on, as far as the peers know.
    keeps_flows: bool,
}

impl Engine {
    pub(super) fn on_restore(&mut self, entries: Vec<Entry>) {
        let read = self.restoring.get_or_insert_default();
        for entry in entries {
            match entry {
                // There is one version so far.
                Entry::Version(_) => {}
                Entry::Acd(entry) => {
                    if let acd::Entry::Waiting(waiting) = &entry {
                        read.interaction = read.interaction.max(waiting.interaction.0);
                    }
                    read.acd.push(entry);
                }
                Entry::QueueVoice(voice) => {
                    read.voices.insert(voice.queue, *voice);
                }
                Entry::Bound(kept) => {
                    let Binding { aor, contact, reg_id, .. } = &*kept.binding;
                    read.bindings.insert((aor.clone(), contact.clone(), *reg_id), kept);
                }
                Entry::Unbound { aor, contact, reg_id } => {
                    read.bindings.remove(&(aor, contact, reg_id));
                }
                Entry::Used { user, device } => {
                    read.used.insert(user, device);
                }
                Entry::Watched(watch) => {
                    read.watches.insert(watch.tag(), *watch);
                }
                Entry::Unwatched { tag } => {
                    read.watches.remove(&tag);
                }
                Entry::Published(publication) => {
                    read.publications.insert(publication.tag, *publication);
                }
                Entry::Unpublished { tag } => {
                    read.publications.remove(&tag);
                }
                Entry::CallBegan(record) => read.calls.runs(RunningCall::ended(*record)),
                Entry::Running(running) => read.calls.runs(*running),
                Entry::Standings(standings) => read.calls.stand(standings),
                Entry::CallOver { call, at } => read.calls.over(call, at),
                Entry::CallEnded { call, .. } => {
                    read.forwards.remove(&call);
                    read.calls.ended(call);
                }
                Entry::WayKey(key) => read.way_key = Some(key),
                Entry::Forwarded(kept) => {
                    read.calls.highest = read.calls.highest.max(kept.record.call.0);
                    read.forwards.insert(kept.record.call, *kept);
                }
                Entry::Segment(record) => {
                    read.segments.insert(record.segment, *record);
                }
                Entry::SegmentStored { segment } => {
                    read.segments.remove(&segment);
                }
            }
        }
    }

    /// Connections outlive what is read next.
    pub(super) fn keep_flows(&mut self) {
        self.restoring.get_or_insert_default().keeps_flows = true;
    }

    /// Everything has been read: take it over. Calls go on as far as they can; of the others the records are closed.
    pub(super) fn on_restored(&mut self, now: Now) {
        let read = self.restoring.take().unwrap_or_default();
        self.switch.ids().raise(read.calls.highest, read.interaction);
        for kept in read.bindings.into_values() {
            // The settings may have changed in between.
            if !self.is_still_good(&kept) {
                let Binding { aor, contact, reg_id, .. } = &*kept.binding;
                let (aor, contact, reg_id) = (aor.clone(), contact.clone(), *reg_id);
                self.journal(Entry::Unbound { aor, contact, reg_id });
                continue;
            }
            let binding = kept.binding;
            // A connection does not outlive its process: its phone will connect and register again.
            if (binding.path.flow.is_none() || read.keeps_flows) && binding.expires > now.wall {
                self.tell_gate(now, &binding, false);
                self.registrar.restore(now, binding);
            }
        }
        self.ask_the_contested(now);
        self.last_used.restore(now, read.used);
        let mut calls = read.calls.take();
        let (alive, living) = self.resume_calls(now, &mut calls);
        // They will be counted when they end.
        self.totals.calls_begun += self.notes.len() as u64;
        self.acd.restore(now, read.acd, &alive);
        self.restore_voices(read.voices);
        self.settle_resumed(now, living);
        self.watch_holds(now);
        self.restore_forwards(now, read.way_key, read.forwards.into_values());
        self.restore_recordings(now, read.segments.into_values());
        self.tell_devices(now);
        self.restore_publications(now, read.publications.into_values());
        self.restore_watches(now, read.watches.into_values());
        for (call, running) in calls {
            let mut record = running.record;
            if running.kept.is_some() || record.ended == record.began {
                record.ended = now.wall;
            }
            record.cause = Cause::SWITCH;
            record.ended_by = EndedBy::Switch;
            self.process_ended(now, &mut record);
            if let Some(queue) = record.queue.as_mut().filter(|queue| queue.outcome == "waiting") {
                queue.outcome = "system_error".to_owned();
                let waited = running.arrived.map_or(0, |arrived| record.ended.0.saturating_sub(arrived.0));
                queue.waited_ms = u64::try_from(waited).unwrap_or(0);
            }
            self.emit(Output::Record(Record::Call(Box::new(record))));
            self.journal(Entry::CallEnded { call, at: now.wall });
        }
    }

    /// What people hear in queues that the settings know no more.
    fn restore_voices(&mut self, mut voices: BTreeMap<QueueId, QueueVoice>) {
        for (queue, rules) in self.acd.draining() {
            if let Some(voice) = voices.remove(&queue) {
                self.directory.keep_queue((&rules.key, &rules.name), voice);
            }
        }
    }

    /// Everything that a restart needs: what replaces the journal so far. Devices are shared with the registrar, not copied;
    /// of each running call and watcher a copy is made.
    pub fn checkpoint(&self, now: Now) -> Vec<Entry> {
        // Devices are the many.
        let mut entries = Vec::with_capacity(2 * self.registrar.len() + self.notes.len());
        entries.push(Entry::Version(JOURNAL_VERSION));
        entries.extend(self.acd.checkpoint(now).into_iter().map(Entry::Acd));
        let voices = self.acd.draining().map(|(queue, _)| self.directory.voice(queue));
        entries.extend(voices.map(|voice| Entry::QueueVoice(Box::new(voice))));
        entries.extend(self.registrar.all().map(|binding| Entry::Bound(self.kept_binding(binding))));
        entries.extend(self.last_used.kept());
        entries.extend(self.kept_forwards());
        entries.extend(self.recordings.kept());
        entries.extend(self.kept_publications().map(|publication| Entry::Published(Box::new(publication))));
        entries.extend(self.kept_watches(now).into_iter().map(|watch| Entry::Watched(Box::new(watch))));
        let mut calls: Vec<CallId> =
            self.notes.iter().filter(|(_, note)| note.journalled).map(|(call, _)| *call).collect();
        calls.sort();
        entries.extend(
            calls
                .into_iter()
                .filter_map(|call| self.running(now, call))
                .map(|running| Entry::Running(Box::new(running))),
        );
        entries
    }
}
