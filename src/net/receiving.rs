//! From octets on a socket to an input for the engine: what is answered or dropped here, and what waits in which lane.

use bytes::Bytes;

use super::{
    Net,
    lanes::{Admission, Lane},
    refuse,
    streams::Arrival,
    stun,
    udp::BATCH_MAX,
};
use crate::{
    base::Instant,
    engine::Input,
    sip::{Path, Transport},
    wire::sip::{Malformed, Message, is_keep_alive},
};

/// Batches read from one socket before the engine has its turn again.
const BATCHES_IN_A_ROW_MAX: usize = 16;

/// Arrivals taken from stream connections in one turn.
const STREAM_ARRIVALS_MAX: usize = 512;

/// Ended connections that wait for the messages before them; more, and messages wait for these.
const ENDED_WAITING_MAX: usize = 512;

impl Net {
    /// Reads what has come on all sockets, answers what the engine need not see, and puts the rest into the lanes.
    pub fn receive(&mut self, now: Instant) {
        self.now = now;
        for index in 0..self.listeners.len() {
            self.receive_from(index, now);
        }
        for _ in 0..STREAM_ARRIVALS_MAX {
            match self.streams.try_recv() {
                None => break,
                Some(Arrival::Message { path, message }) => self.admit(now, path, message),
                Some(Arrival::Certified { flow, source, domains }) => {
                    self.facts.push(Input::Certified { flow, source, domains });
                }
                Some(Arrival::Closed(flow)) => self.ended.push_back(flow),
                Some(Arrival::Unreachable { transport, remote }) => {
                    self.facts.push(Input::Unreachable { transport, remote });
                }
            }
        }
    }

    fn receive_from(&mut self, index: usize, now: Instant) {
        let failed = self.polled.get(index + 1).is_some_and(|polled| polled.revents & libc::POLLERR != 0);
        let Some(listener) = self.listeners.get_mut(index) else { return };
        if failed {
            listener.take_unreachable(&mut self.unreachable);
            let facts = self.unreachable.drain(..);
            self.facts.extend(facts.map(|remote| Input::Unreachable { transport: Transport::Udp, remote }));
        }
        let mut came = std::mem::take(&mut self.came);
        for _ in 0..BATCHES_IN_A_ROW_MAX {
            let Some(listener) = self.listeners.get_mut(index) else { break };
            let local = listener.local();
            let mut mapped = Vec::new();
            let count = listener.receive(|remote, bytes| {
                if stun::is_stun(bytes) {
                    mapped.extend(stun::answer(bytes, remote).map(|answer| (remote, answer)));
                } else if !is_keep_alive(bytes) {
                    let path = Path { transport: Transport::Udp, local, remote, flow: None };
                    came.push((path, Message::parse(Bytes::copy_from_slice(bytes))));
                }
            });
            for (remote, answer) in mapped {
                listener.send(remote, answer);
            }
            for (path, parsed) in came.drain(..) {
                match parsed {
                    Ok(message) => self.admit(now, path, message),
                    Err(malformed) => self.answer_malformed(&path, &malformed),
                }
            }
            if count < BATCH_MAX {
                break;
            }
        }
        self.came = came;
    }

    fn admit(&mut self, now: Instant, path: Path, message: Message) {
        self.counts.received += 1;
        self.trace.came(now, &path, &message);
        if let Some(mirror) = &self.mirror {
            mirror.tell(self.today, &path, &message, true);
        }
        if refuse::is_ack_to_busy(&message) || self.is_late(&path, &message) {
            return;
        }
        let is_call = Lane::of(&message) == Lane::Invite;
        let again = is_call && self.gate.was_admitted(&message);
        if !again && self.is_unwelcome(now, &path, &message) {
            return;
        }
        if is_call {
            if again {
                self.lanes.push_again(now, path, message);
                return;
            }
            self.gate.note_admitted(now, &message);
        }
        match self.lanes.push(now, path, message) {
            Admission::Taken => {}
            Admission::Refused(message) if is_call => {
                self.gate.forget_admitted(&message);
                self.counts.refused_calls += 1;
                if let Some((remote, bytes)) = refuse::busy(&message, &path, &self.hash) {
                    self.send(Path { remote, ..path }, bytes);
                }
            }
            Admission::Refused(_) => self.counts.dropped_in += 1,
        }
    }

    /// Whether a request is not even heard: of a banned source, of a scanner, or one call too many. Trunks always are.
    fn is_unwelcome(&mut self, now: Instant, path: &Path, message: &Message) -> bool {
        if !message.is_request() || self.rates.as_ref().is_some_and(|(_, trusted)| trusted(path.remote)) {
            return false;
        }
        if self.gate.is_banned(now, path.remote, message) {
            self.counts.shut_out += 1;
            return true;
        }
        if let Some(worth_telling) = self.gate.is_scanner(now, path.remote, message) {
            self.counts.shut_out += 1;
            if worth_telling {
                tracing::info!(source = %path.remote.ip(), "a scanner; it is not heard");
            }
            return true;
        }
        if let Some((rates, _)) = &mut self.rates
            && Lane::of(message) == Lane::Invite
            && !self.gate.is_known(now, path.remote)
            && !rates.admit(now, path.remote.ip())
        {
            self.counts.rate_limited += 1;
            return true;
        }
        false
    }

    /// Something new for a socket that is only there for what is old.
    fn is_late(&self, path: &Path, message: &Message) -> bool {
        path.transport == Transport::Udp && self.retired.contains(&path.local) && Lane::of(message) != Lane::Dialog
    }

    fn answer_malformed(&mut self, path: &Path, malformed: &Malformed) {
        self.counts.malformed += 1;
        tracing::debug!(%path, reason = malformed.reason, "malformed");
        if let Some((remote, bytes)) = malformed.answer_to(path.remote) {
            self.send(Path { remote, ..*path }, bytes);
        }
    }

    /// The next input: facts about peers first, then messages, each lane by its share, then connections that ended: what
    /// one said at its end counts, and a binding that came of it ends with it.
    pub fn next_input(&mut self) -> Option<Input> {
        if let Some(fact) = self.facts.pop() {
            return Some(fact);
        }
        if self.ended.len() < ENDED_WAITING_MAX
            && let Some((path, message)) = self.lanes.pop()
        {
            return Some(Input::Sip { path, message });
        }
        self.ended.pop_front().map(Input::FlowClosed)
    }
}
