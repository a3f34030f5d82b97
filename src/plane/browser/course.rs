//! Any octets as the course of a DTLS handshake: what an honest peer says comes, is lost, is changed or comes again, and
//! strangers throw in what they like. Keys come from the peer alone and are the same on both sides, and answers stay within
//! bounds. For the tests of this room and a fuzz target.

use std::{sync::OnceLock, time::Duration};

use super::{
    certificate::Identity,
    handshake::{Association, Progress},
};
use crate::{
    base::Instant,
    media::{Security, link::Handshake},
};

/// Steps of one course.
const STEPS_MAX: usize = 64;

/// Datagrams that one may bring forth: a flight has five records, each perhaps in a datagram of its own.
const BURST_MAX: usize = 16;

struct End {
    association: Association,
    identity: &'static Identity,
    /// What the other side has not had yet.
    said: Vec<Vec<u8>>,
    /// Datagrams of the other side that have come, whatever befell them on their way: much in the head of a record is
    /// nobody's affair, so that a handshake stands some changes.
    theirs: usize,
    keys: Option<Security>,
}

fn identities() -> &'static [Identity; 2] {
    static IDENTITIES: OnceLock<[Identity; 2]> = OnceLock::new();
    IDENTITIES.get_or_init(|| [(); 2].map(|()| Identity::make().expect("a certificate")))
}

impl End {
    fn hears(&mut self, now: Instant, datagram: &[u8]) {
        if let Progress::Keys(keys) = self.association.handle(now, datagram) {
            self.keys = Some(keys);
        }
        self.speaks();
    }

    fn speaks(&mut self) {
        let before = self.said.len();
        while let Some(datagram) = self.association.poll_transmit() {
            self.said.push(datagram.to_vec());
            assert!(self.said.len() - before <= BURST_MAX, "an answer without an end");
        }
        self.said.truncate(STEPS_MAX);
    }
}

impl End {
    fn new(own: &'static Identity, other: &Identity, part: Handshake) -> Self {
        let association = Association::new(own, other.fingerprint, part);
        Self { association, identity: own, said: Vec::new(), theirs: 0, keys: None }
    }
}

/// Takes so many octets off the front.
fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, more) = rest.split_at(len.min(rest.len()));
    *rest = more;
    taken
}

/// Plays octets; whether each side has its keys.
pub fn course(mut rest: &[u8]) -> [bool; 2] {
    let [ours, theirs] = identities();
    let mut ends = [End::new(ours, theirs, Handshake::Await), End::new(theirs, ours, Handshake::Begin)];
    let mut now = Instant::from_micros(1_000_000);
    for _ in 0..STEPS_MAX {
        let [step] = *take(&mut rest, 1) else { break };
        let to = usize::from(step >> 3 & 1);
        let from = 1 - to;
        ends[from].association.begin(now, ends[from].identity);
        ends[from].speaks();
        let at = usize::from(step >> 4) % ends[from].said.len().max(1);
        let waiting = ends[from].said.get(at).cloned();
        match (step & 7, waiting) {
            // It comes, and with 2 once more later.
            (kind @ 0..=2, Some(datagram)) => {
                if kind != 2 {
                    ends[from].said.remove(at);
                }
                ends[to].theirs += 1;
                ends[to].hears(now, &datagram);
            }
            // Lost.
            (3, Some(_)) => drop(ends[from].said.remove(at)),
            // Changed on its way: some octets anew, from some place on.
            (4 | 5, Some(mut datagram)) => {
                if let [high, low, len, fill] = *take(&mut rest, 4) {
                    let start = usize::from(u16::from_be_bytes([high, low])) % datagram.len().max(1);
                    datagram.iter_mut().skip(start).take(usize::from(len % 8) + 1).for_each(|octet| *octet ^= fill);
                }
                ends[to].theirs += 1;
                ends[to].hears(now, &datagram);
            }
            // A stranger's.
            (6, _) => {
                let len = take(&mut rest, 1).first().map_or(0, |len| usize::from(*len) * 4);
                ends[to].hears(now, take(&mut rest, len));
            }
            (_, _) => {
                now += Duration::from_millis(u64::from(step) * 4);
                for end in &mut ends {
                    end.association.handle_timeout(now);
                    end.speaks();
                }
            }
        }
    }
    assert!(ends.iter().all(|end| end.keys.is_none() || end.theirs > 0), "keys from nobody");
    if let [Some(one), Some(other)] = [&ends[0].keys, &ends[1].keys] {
        let agree = one.suite == other.suite && one.ours == other.theirs && one.theirs == other.ours;
        assert!(agree, "each has keys with somebody else");
    }
    ends.map(|end| end.keys.is_some())
}
