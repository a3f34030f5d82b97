//! From octets on a socket to an input for the engine: what is answered or dropped here, and what waits in which lane.

use bytes::Bytes;

use super::{
    Net,
    gate::Copy,
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
    wire::sip::{Malformed, Message, Method, is_keep_alive},
};

/// Batches read from one socket before the engine has its turn again.
const BATCHES_IN_A_ROW_MAX: usize = 16;

/// Arrivals taken from stream connections in one turn.
const STREAM_ARRIVALS_MAX: usize = 512;

/// Ended connections that wait for the messages before them; more, and messages wait for these.
const ENDED_WAITING_MAX: usize = 512;

/// Answers to an INVITE that the engine gives without keeping anything of it, in the order of its questions: whether it is
/// understood, has been here before, and who calls.
const STATELESS: [&[u8]; 6] = [b"400", b"401", b"403", b"407", b"416", b"482"];

/// The end of the CSeq of an answer to an INVITE.
const TO_INVITE: &[u8] = b" INVITE\r\n";

/// The same of one to OPTIONS, to which everybody gets a 200.
const TO_OPTIONS: &[u8] = b" OPTIONS\r\n";

/// How a request is received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Welcome {
    Heard,
    /// Nobody even says no.
    Unheard,
    /// A stranger's call beyond the rate.
    TooMany,
}

impl Net {
    /// Reads what has come on all sockets, answers what the engine need not see, and puts the rest into the lanes.
    pub fn receive(&mut self, now: Instant) {
        self.now = now;
        for index in 0..self.listeners.len() {
            self.receive_from(index, now);
        }
        for _ in 0..STREAM_ARRIVALS_MAX {
            let Some(arrival) = self.streams.try_recv() else { break };
            self.take(now, arrival);
        }
    }

    /// What a stream connection told.
    pub(super) fn take(&mut self, now: Instant, arrival: Arrival) {
        match arrival {
            Arrival::Message { path, message } => self.admit(now, path, message),
            Arrival::Malformed { path, malformed } => self.answer_malformed(&path, &malformed),
            Arrival::Certified { flow, source, domains } => {
                self.domains.insert(flow, domains.clone());
                self.facts.push(Input::Certified { flow, source, domains });
            }
            Arrival::Closed(flow) => {
                self.domains.remove(&flow);
                self.ended.push_back(flow);
            }
            Arrival::Idle(flow) => self.idle.push(flow),
            Arrival::Unreachable { transport, remote } => self.facts.push(Input::Unreachable { transport, remote }),
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
        self.count_octets(&path, message.bytes().len());
        self.trace.came(now, &path, &message);
        if let Some(mirror) = &self.mirror {
            mirror.tell(self.today, &path, &message, true);
        }
        if refuse::is_ack_to_busy(&message) || self.is_late(&path, &message) {
            return;
        }
        let lane = self.lane_of(now, &path, &message);
        let is_call = lane == Lane::Invite;
        // Over a connection nothing is sent twice.
        let copy = if is_call && path.transport == Transport::Udp { self.gate.copy(&message) } else { Copy::None };
        match copy {
            Copy::None | Copy::Refused => {}
            Copy::Admitted => {
                if let Admission::Refused(_) = self.lanes.push_copy(now, path, message) {
                    self.counts.dropped_in += 1;
                }
                return;
            }
            Copy::TooMany => {
                self.counts.shut_out += 1;
                return;
            }
        }
        match self.welcome(now, &path, &message, lane) {
            Welcome::Heard => {}
            Welcome::Unheard => {
                self.counts.shut_out += 1;
                return;
            }
            Welcome::TooMany => {
                self.counts.rate_limited += 1;
                if self.refusals.admit(now, path.remote.ip()) {
                    self.answer_busy(&path, &message);
                }
                return;
            }
        }
        if is_call {
            self.gate.note_admitted(now, &message);
        }
        match self.lanes.push(now, lane, path, message) {
            Admission::Taken => {}
            Admission::Refused(message) if is_call => {
                self.gate.forget_admitted(&message);
                self.counts.refused_calls += 1;
                self.answer_busy(&path, &message);
            }
            Admission::Refused(_) => self.counts.dropped_in += 1,
        }
    }

    fn lane_of(&self, now: Instant, path: &Path, message: &Message) -> Lane {
        let lane = Lane::of(message);
        let is_known = || self.gate.is_known(now, path.remote) || self.is_trunks(path);
        if lane == Lane::Register && is_known() { Lane::KnownRegister } else { lane }
    }

    fn answer_busy(&mut self, path: &Path, message: &Message) {
        if let Some((path, bytes)) = refuse::busy(message, path, self.force_rport, &self.hash) {
            self.send(path, bytes);
        }
    }

    /// Whether a trunk calls from there, or has shown its certificate there.
    fn is_trunks(&self, path: &Path) -> bool {
        let domains = path.flow.and_then(|flow| self.domains.get(&flow)).map_or(&[][..], Vec::as_slice);
        self.rates.as_ref().is_some_and(|(_, trusted)| trusted(path.remote, domains))
    }

    /// Whether a request is heard: not that of a banned source or of a scanner, nor one call too many. Trunks always are.
    fn welcome(&mut self, now: Instant, path: &Path, message: &Message, lane: Lane) -> Welcome {
        if !message.is_request() || self.is_trunks(path) {
            return Welcome::Heard;
        }
        if self.gate.is_banned(now, path.remote, message) {
            return Welcome::Unheard;
        }
        if let Some(worth_telling) = self.gate.is_scanner(now, path.remote, message) {
            if worth_telling {
                tracing::info!(source = %path.remote.ip(), "a scanner; it is not heard");
            }
            return Welcome::Unheard;
        }
        let is_strangers_call = lane == Lane::Invite && !self.gate.is_known(now, path.remote);
        let too_many =
            self.rates.as_mut().is_some_and(|(rates, _)| is_strangers_call && !rates.admit(now, path.remote.ip()));
        if too_many { Welcome::TooMany } else { Welcome::Heard }
    }

    /// Who sends datagrams from there is neither registered nor a trunk: the address may be forged.
    fn is_strangers(&self, now: Instant, path: &Path) -> bool {
        path.transport == Transport::Udp && !self.gate.is_known(now, path.remote) && !self.is_trunks(path)
    }

    fn count_octets(&mut self, path: &Path, octets: usize) {
        if path.transport == Transport::Udp {
            self.balance.came(path.remote, octets);
        }
    }

    /// Whether more would be sent to a stranger, in answers that everybody gets, than has come from there.
    pub(super) fn is_too_much(&mut self, path: &Path, bytes: &Bytes) -> bool {
        let status = bytes.strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.get(..3));
        let for_everybody = match status {
            // However much is owed to an address, by a flood or a thousand phones behind it: who may come in must be asked.
            Some(b"401" | b"407") => false,
            Some([b'3'..=b'6', ..]) => true,
            Some([b'2', ..]) => bytes.windows(TO_OPTIONS.len()).any(|piece| piece == TO_OPTIONS),
            Some(_) | None => false,
        };
        for_everybody && self.is_strangers(self.now, path) && !self.balance.admit(self.now, path.remote, bytes.len())
    }

    /// A call that the engine refuses without keeping anything of it: what comes of it again has its price like a new one.
    pub(super) fn note_refused(&mut self, bytes: &Bytes) {
        let status = bytes.strip_prefix(b"SIP/2.0 ").and_then(|rest| rest.get(..3));
        // Most are answers to REGISTER, which nobody need read for that.
        let is_to_invite = || bytes.windows(TO_INVITE.len()).any(|piece| piece == TO_INVITE);
        if status.is_some_and(|status| STATELESS.contains(&status))
            && is_to_invite()
            && let Ok(answer) = Message::parse(bytes.clone())
            && answer.cseq().method == Method::Invite
        {
            self.gate.note_refused(&answer);
        }
    }

    /// Something new for a socket that is only there for what is old.
    fn is_late(&self, path: &Path, message: &Message) -> bool {
        path.transport == Transport::Udp && self.retired.contains(&path.local) && Lane::of(message) != Lane::Dialog
    }

    fn answer_malformed(&mut self, path: &Path, malformed: &Malformed) {
        self.counts.malformed += 1;
        self.count_octets(path, malformed.bytes().len());
        tracing::debug!(%path, reason = malformed.reason, "malformed");
        self.trace.came_malformed(self.now, path, malformed);
        if let Some(mirror) = self.mirror.as_ref().filter(|_| malformed.looks_like_sip()) {
            mirror.tell_octets(self.today, path, (malformed.call_id(), malformed.bytes()), true);
        }
        if path.transport.is_reliable() {
            malformed.answer().into_iter().for_each(|bytes| self.send(*path, bytes));
        } else if let Some((remote, bytes)) = malformed.answer_to(path.remote, self.force_rport) {
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
