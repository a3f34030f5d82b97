//! A device that is rung and whose connection ends may come back over another one: there it gets its INVITE again, in the
//! same transaction, so that one that rings all the while takes it for a repetition.

use bytes::Bytes;

use super::{Phase, Usage, UsageClock};
use crate::{
    base::Now,
    sip::{
        Path, Stack, TransactionId, Transport, UsageId,
        dialog::{same_host, same_place},
        transaction::{ClientFact, ClientOwner, ClientState},
    },
};

impl Stack {
    /// The connection of an INVITE of ours has ended. True when its device is waited for.
    pub(in crate::sip) fn await_comeback(&mut self, now: Now, id: TransactionId) -> bool {
        let Some((ClientOwner::Invite(usage_id), path)) = self.client(id).map(|client| (client.owner, client.path))
        else {
            return false;
        };
        let Some(Usage { phase: Phase::Calling(calling), comeback_time: Some(time), .. }) = self.usages.get(usage_id)
        else {
            return false;
        };
        if calling.invite != id || calling.cancelled.is_some() {
            return false;
        }
        self.usage_timers.set((usage_id, UsageClock::FlowGrace), now.mono + *time);
        if let Some(flow) = path.flow {
            self.on_flows.remove(&(flow, id));
        }
        self.rehome(usage_id, Path { flow: None, ..path });
        true
    }

    /// It has not come back. False: that was no such wait.
    pub(super) fn on_no_comeback(&mut self, now: Now, id: UsageId) -> bool {
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get(id) else { return false };
        self.client_fact(now, calling.invite, ClientFact::FlowClosed, None);
        true
    }

    /// A phone of the user who is rung has registered over a connection, calling itself `contact`. True when it is the one
    /// that an INVITE was for.
    pub(super) fn comes_back(&mut self, id: UsageId, path: Path, contact: &str) -> bool {
        let is_awaited = self.usage_timers.deadline(&(id, UsageClock::FlowGrace)).is_some();
        let Some(usage) = self.usages.get_mut(id).filter(|usage| usage.comeback_time.is_some()) else { return false };
        let Phase::Calling(calling) = &mut usage.phase else { return false };
        let at = usage.dialog.path;
        let is_elsewhere = path.flow.is_some() && at.flow != path.flow;
        if !is_elsewhere || at.transport != path.transport || at.remote.ip() != path.remote.ip() {
            return false;
        }
        let is_it = match (is_awaited, path.transport) {
            // A page calls itself anew each time.
            (true, Transport::Ws | Transport::Wss) => true,
            // A phone may call itself by the port of its connection.
            (true, Transport::Udp | Transport::Tcp | Transport::Tls) => same_host(&usage.dialog.target, contact),
            (false, _) => same_place(&usage.dialog.target, contact),
        };
        if !is_it || calling.cancelled.is_some() {
            return false;
        }
        let invite = calling.invite;
        calling.early.iter_mut().for_each(|early| early.dialog.path = path);
        usage.dialog.target = contact.into();
        self.rehome(id, path);
        self.repeat_at(invite, path, contact);
        true
    }

    fn repeat_at(&mut self, id: TransactionId, path: Path, contact: &str) {
        let Some(client) = self.client(id) else { return };
        let before = std::mem::replace(&mut client.path, path);
        client.bytes = addressed(&client.bytes, contact);
        let (bytes, after, is_unheard) = (client.bytes.clone(), client.after, client.state == ClientState::Calling);
        if is_unheard {
            self.unheard.remove(&(before.remote, id));
            self.unheard.insert((path.remote, id));
        }
        for (flow, is_new) in [(before.flow, false), (path.flow, true)] {
            match flow {
                Some(flow) if is_new => drop(self.on_flows.insert((flow, id))),
                Some(flow) => drop(self.on_flows.remove(&(flow, id))),
                None => {}
            }
        }
        self.send_after(path, bytes, after);
    }
}

/// The same INVITE for a device that calls itself otherwise now.
fn addressed(invite: &Bytes, uri: &str) -> Bytes {
    let end = invite.windows(2).position(|pair| pair == b"\r\n").unwrap_or(invite.len());
    let mut bytes = format!("INVITE {uri} SIP/2.0").into_bytes();
    bytes.extend_from_slice(&invite[end..]);
    bytes.into()
}
