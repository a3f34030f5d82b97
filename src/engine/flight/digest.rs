//! What is kept of an output: enough to see that another run made another.

use std::net::IpAddr;

use crate::engine::{Emitted, GateOrder, Output};

/// Of one output. What goes to peers, and which stream is told what, counts to the last octet. Counters of our own
/// (events, journal entries) don't: one more at the beginning would make every later output another.
pub type Digest = u32;

/// The digest of an output. Costs some tens of nanoseconds: it is made of every output, always.
pub fn digest(emitted: &Emitted) -> Digest {
    let mut mix = Mix(0x9e37_79b9_7f4a_7c15);
    mix.word(u64::from(emitted.after.is_some()));
    match &emitted.output {
        Output::Send { path, bytes } => {
            mix.word(1);
            mix.ip(path.remote.ip());
            mix.word(u64::from(path.remote.port()));
            mix.octets(bytes);
        }
        Output::Media { worker, command } => {
            mix.word(2);
            mix.word(u64::from(*worker));
            mix.word(command.stream().map_or(0, |stream| stream.0));
        }
        Output::Journal { .. } => mix.word(3),
        Output::Record(_) => mix.word(4),
        Output::Live(_) => mix.word(5),
        Output::Reply { id, result } => {
            mix.word(6);
            mix.word(id.0);
            mix.word(result.as_ref().err().map_or(0, |refused| u64::from(refused.status)));
        }
        Output::Resolve { lookup, .. } => {
            mix.word(7);
            mix.octets(lookup.host.as_bytes());
        }
        Output::Gate(order) => {
            mix.word(8);
            match order {
                GateOrder::Known { remote, .. } | GateOrder::Unknown { remote } => mix.ip(remote.ip()),
                GateOrder::Ban { source, .. } => mix.ip(*source),
            }
        }
        Output::Alarm(_) => mix.word(9),
        Output::Drained => mix.word(10),
        Output::Page { page, told } => {
            mix.word(11);
            mix.word(page.0);
            mix.octets(&serde_json::to_vec(told).unwrap_or_default());
        }
        Output::Mend { segment, .. } => {
            mix.word(12);
            mix.word(segment.0);
        }
        Output::Ask(question) => {
            mix.word(13);
            mix.word(question.ask.0);
            mix.octets(&question.json);
        }
    }
    mix.end()
}

/// The same on every machine and in every version, which the hashers of the standard library don't promise.
struct Mix(u64);

impl Mix {
    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
    }

    fn octets(&mut self, octets: &[u8]) {
        self.word(octets.len() as u64);
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.word(u64::from_le_bytes(last));
    }

    fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.word(u64::from(ip.to_bits())),
            IpAddr::V6(ip) => self.octets(&ip.octets()),
        }
    }

    fn end(self) -> Digest {
        (self.0 ^ (self.0 >> 32)) as u32
    }
}
