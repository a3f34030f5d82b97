//! Requests inside dialogs that we let through: they follow the route set, by the way that stands in our Record-Route.

use std::time::Duration;

use smallvec::SmallVec;

use super::{NextPhase, ProxyPlan, ProxyTarget, ThroughStep, forward::Forward, way::Onward};
use crate::{
    base::Now,
    sip::{Mark, Path, Reply, Stack, transaction::ServerOwner},
    wire::sip::{Message, Method, Name},
};

impl Onward {
    fn target(self) -> ProxyTarget {
        let Self { path, uri, routes, target: _, to: _, back: _ } = self;
        let (headers, spares) = (Vec::new(), Vec::new());
        let withheld = SmallVec::new();
        ProxyTarget { path, uri, routes, headers, withheld, label: 0, dead_time: Duration::ZERO, spares }
    }
}

impl Stack {
    /// Where a request of a dialog that we let through goes on.
    pub(in crate::sip) fn onward(&self, now: Now, request: &Message) -> Option<Onward> {
        let onward = super::way::onward(&self.proxy.key, request)?;
        self.proxy.dialogs.admit(now.mono, request, &onward).then_some(onward)
    }

    /// Any request but ACK and CANCEL.
    pub(in crate::sip) fn forward_inside(&mut self, now: Now, path: Path, request: &Message, onward: Onward) {
        if request.method() == Some(&Method::Refer) {
            // Whoever obeyed it would call with his own rights whom another names.
            return self.refuse(path, request, &Reply::new(403).reason("Transfers Don't Go Through"));
        }
        if request.max_forwards() == Some(0) {
            return self.refuse(path, request, &Reply::new(483));
        }
        if self.has_looped(request) {
            return self.refuse(path, request, &Reply::new(482));
        }
        if let Err(reply) = super::required(request) {
            return self.refuse(path, request, &reply);
        }
        let server = self.begin_server(now, path, request, ServerOwner::Nobody, 0);
        let comes_from = (onward.back == Some(path.remote.ip())).then(|| onward.to.other());
        let (phases, next) = (vec![vec![onward.target()]], NextPhase::PeerFailed);
        let plan = ProxyPlan { phases, next, after: Mark::default() };
        match self.open_proxied(server, request, path, plan, 1) {
            Ok(id) => {
                if request.method() == Some(&Method::Bye) {
                    let to = request.to_tag().unwrap_or_default().into();
                    let reason = request.header(Name::Reason).map(str::to_owned);
                    self.tell(super::through(request, ThroughStep::Left { to, reason }));
                }
                // Who only says to be the other side does not say where that one is.
                if comes_from.is_some_and(|side| self.proxy.dialogs.note_request(request, side)) {
                    self.tell(super::moved(request));
                }
                self.start_phase(now, id);
            }
            Err(reply) => self.answer(now, server, &reply),
        }
    }

    /// The ACK to a 2xx is nobody's transaction (16.11).
    pub(in crate::sip) fn forward_ack(&mut self, path: Path, ack: &Message, onward: Onward) {
        if ack.max_forwards() == Some(0) || self.has_looped(ack) {
            return;
        }
        let branch = self.new_branch();
        let target = onward.target();
        let forward = Forward { branch, target: &target, recorded: None, came_on: path, breadth: None };
        let bytes = self.forwarded_bytes(ack, &forward);
        self.send(target.path, bytes);
    }
}
