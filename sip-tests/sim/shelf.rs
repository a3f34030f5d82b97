//! Recordings without a disk: what the workers put on tape becomes files in memory, with the switch's own line of time.

use std::collections::BTreeMap;

use strowger::{
    base::{Instant, SegmentId},
    engine::{Reported, SegmentFile, SegmentReport},
    media::tape::{Reel, Span, TAPED_RATE, Timeline, What},
};

const CHUNK: usize = 64 << 10;

#[derive(Default)]
pub struct Shelf {
    open: BTreeMap<SegmentId, Open>,
    /// By path: the sound of both channels in turn.
    files: BTreeMap<String, Vec<i16>>,
    /// Nothing more fits on it.
    pub is_full: bool,
    /// It takes no tape: whoever has one keeps it.
    pub stands_still: bool,
}

struct Open {
    worker: u16,
    path: String,
    timeline: Timeline,
    is_failing: bool,
}

impl Shelf {
    pub fn handle(&mut self, reel: &Reel) -> Vec<SegmentReport> {
        let mut reports = Vec::new();
        for piece in &reel.tape.pieces {
            if let What::Begins { path, .. } = &piece.what {
                self.files.insert(path.to_string(), Vec::new());
                let (worker, path, timeline) = (reel.worker, path.to_string(), Timeline::new(piece.at, TAPED_RATE));
                self.open.insert(piece.segment, Open { worker, path, timeline, is_failing: false });
            }
            let Some(open) = self.open.get_mut(&piece.segment) else { continue };
            let file = self.files.get_mut(&open.path).unwrap();
            open.worker = reel.worker;
            let failing = open.take(piece.at, file, self.is_full);
            open.timeline.handle(&reel.tape, piece);
            reports.extend(failing.map(|what| SegmentReport { segment: piece.segment, what }));
            if matches!(piece.what, What::Ends) {
                while open.timeline.finish(piece.at, file, CHUNK) {}
                let what = Reported::Finished(file_of(file, open.timeline.pauses(), open.timeline.lost()));
                self.open.remove(&piece.segment);
                reports.push(SegmentReport { segment: piece.segment, what });
            }
        }
        for (segment, open) in self.open.iter_mut().filter(|(_, open)| open.worker == reel.worker) {
            let failing = open.take(reel.at, self.files.get_mut(&open.path).unwrap(), self.is_full);
            reports.extend(failing.map(|what| SegmentReport { segment: *segment, what }));
        }
        reports
    }

    pub fn mend(&self, segment: SegmentId, path: &str) -> SegmentReport {
        let file = self.files.get(path).map(Vec::as_slice).unwrap_or_default();
        SegmentReport { segment, what: Reported::Finished(file_of(file, Vec::new(), Vec::new())) }
    }

    /// The process is gone; what it wrote is not.
    pub fn crash(&mut self) {
        self.open.clear();
    }

    /// The left and the right of a file.
    pub fn channels(&self, path: &str) -> [Vec<i16>; 2] {
        let file = self.files.get(path).map(Vec::as_slice).unwrap_or_default();
        [0, 1].map(|at| file.iter().skip(at).step_by(2).copied().collect())
    }
}

impl Open {
    /// What does not fit is left out, and told of when that begins.
    fn take(&mut self, now: Instant, file: &mut Vec<i16>, is_full: bool) -> Option<Reported> {
        let before = file.len();
        while self.timeline.take(now, file, CHUNK) {}
        let more = file.len() - before;
        if is_full && more > 0 {
            file.truncate(before);
            self.timeline.leave_out(more as u64 / 2);
            let was_failing = std::mem::replace(&mut self.is_failing, true);
            return (!was_failing).then(|| Reported::Failing(String::from("no room")));
        }
        self.is_failing &= is_full;
        None
    }
}

fn file_of(sound: &[i16], paused: Vec<Span>, lost: Vec<Span>) -> SegmentFile {
    let octets = sound.len() as u64;
    SegmentFile { length_ms: octets / 16, octets, sha256: Some(String::from("of the real one")), paused, lost }
}
