//! Recordings without a disk: what the workers put on tape becomes files in memory, with the switch's own line of time.

use std::collections::BTreeMap;

use strowger::{
    base::SegmentId,
    engine::{Reported, SegmentFile, SegmentReport},
    media::{
        g711::ULAW_TO_LINEAR,
        tape::{Reel, Timeline, What},
    },
};

const CHUNK: usize = 64 << 10;

#[derive(Default)]
pub struct Shelf {
    open: BTreeMap<SegmentId, (u16, String, Timeline)>,
    /// By path: the sound of both channels in turn, as µ-law.
    files: BTreeMap<String, Vec<u8>>,
}

impl Shelf {
    pub fn handle(&mut self, reel: &Reel) -> Vec<SegmentReport> {
        let mut reports = Vec::new();
        for piece in &reel.tape.pieces {
            if let What::Begins { path, law } = &piece.what {
                self.files.insert(path.to_string(), Vec::new());
                self.open.insert(piece.segment, (reel.worker, path.to_string(), Timeline::new(piece.at, *law)));
            }
            let Some((worker, path, timeline)) = self.open.get_mut(&piece.segment) else { continue };
            let file = self.files.get_mut(path).unwrap();
            *worker = reel.worker;
            while timeline.take(piece.at, file, CHUNK) {}
            timeline.handle(&reel.tape, piece);
            if matches!(piece.what, What::Ends) {
                while timeline.finish(piece.at, file, CHUNK) {}
                let (paused, lost) = (timeline.pauses().to_vec(), timeline.lost().to_vec());
                let what = Reported::Finished(file_of(file, paused, lost));
                self.open.remove(&piece.segment);
                reports.push(SegmentReport { segment: piece.segment, what });
            }
        }
        for (_, path, timeline) in self.open.values_mut().filter(|(worker, ..)| *worker == reel.worker) {
            while timeline.take(reel.at, self.files.get_mut(path).unwrap(), CHUNK) {}
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
        let channel = |at: usize| file.iter().skip(at).step_by(2).map(|octet| ULAW_TO_LINEAR[usize::from(*octet)]);
        [channel(0).collect(), channel(1).collect()]
    }
}

fn file_of(
    sound: &[u8],
    paused: Vec<strowger::media::tape::Span>,
    lost: Vec<strowger::media::tape::Span>,
) -> SegmentFile {
    let octets = sound.len() as u64;
    SegmentFile { length_ms: octets / 16, octets, sha256: Some(String::from("of the real one")), paused, lost }
}
