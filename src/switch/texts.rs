//! Texts to devices and carriers (RFC 3428), outside any call and inside one.

use super::{Caller, LegParty, Switch, Target, Way, presentation::addressed};
use crate::{
    base::{LegId, Now},
    sip::{self, Body, Headers, Request, TransactionId},
    wire::sip::Method,
};

/// What is passed on of a MESSAGE.
#[derive(Clone, Debug)]
pub struct Text {
    pub body: Body,
    pub headers: Headers,
    /// For the next hop.
    pub max_forwards: u8,
}

impl Switch {
    /// Sends a text outside any dialog, shown as a call from there would be; [`Fact::Response`](super::Fact::Response)
    /// follows.
    /// `None` for a page, which takes none.
    pub fn send_text(&mut self, now: Now, target: &Target, caller: &Caller, text: &Text) -> Option<TransactionId> {
        let Way::Sip(way) = &target.way else { return None };
        let (from, to, mut headers) = addressed(caller, target);
        headers.extend(text.headers.iter().cloned());
        let mut request = Request::outside(Method::Message, way.path, way.uri.clone(), from, to);
        if let sip::Target::Outside(outside) = &mut request.target {
            outside.route_set.clone_from(&way.route_set);
            outside.max_forwards = text.max_forwards;
            outside.datagram_max = matches!(target.party, LegParty::Trunk(_)).then(|| target.quirks.datagram_max());
        }
        request.headers = headers;
        request.body = Some(text.body.clone());
        request.credentials = way.credentials.as_deref().cloned();
        Some(self.stack.request(now, request))
    }

    /// The same in a leg's dialog; `None` when the leg is gone.
    pub fn send_text_inside(&mut self, now: Now, leg: LegId, text: &Text) -> Option<TransactionId> {
        let usage = self.legs.get(&leg).filter(|leg| leg.is_up())?.signalling.usage()?;
        let mut request = Request::inside(Method::Message, usage);
        request.headers.clone_from(&text.headers);
        request.body = Some(text.body.clone());
        Some(self.stack.request(now, request))
    }
}
