//! A request as it goes on (16.6), an answer as it goes back (16.7), and what tells a loop from a spiral (RFC 5393 4).

use std::fmt::{self, Display};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    ProxyTarget,
    way::{self, Side, Way},
};
use crate::{
    sip::{Headers, Path, Stack, compose, digest, transaction::Branch},
    wire::sip::{Message, Method, Name, Writer, returned_via},
};

/// Stands between what names our transaction in a branch and what the request was like.
const MARK: char = '.';

/// Whether a branch of ours belongs to a request that was only forwarded: seeing it again is no loop by itself.
pub fn is_forwarded_branch(branch: &str) -> bool {
    branch.contains(MARK)
}

/// A branch and what the request was like when it came.
struct Marked(Branch, u64);

impl Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{MARK}{:016x}", self.0, self.1)
    }
}

/// What changes when a request goes on.
pub(super) struct Forward<'a> {
    pub branch: Branch,
    pub target: &'a ProxyTarget,
    /// For requests that open a dialog: on which it came.
    pub recorded: Option<Path>,
    pub came_on: Path,
    pub breadth: Option<u32>,
}

impl Stack {
    /// Whether a request has been here before as it is now: what decides where it goes has not changed (RFC 5393 4.2).
    pub fn has_looped(&self, request: &Message) -> bool {
        let mark = self.mark(request);
        request.vias().flatten().any(|via| {
            let marked = via.branch().and_then(|branch| branch.rsplit_once(MARK));
            marked.is_some_and(|(_, text)| u64::from_str_radix(text, 16) == Ok(mark))
        })
    }

    /// What a request is like, in a number that only we can make.
    fn mark(&self, request: &Message) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.proxy.key.bytes());
        let number = request.cseq().number.to_string();
        let tags = [request.from_tag(), request.to_tag()].map(Option::unwrap_or_default);
        let parts = [request.uri_text().unwrap_or_default(), request.call_id(), &number, tags[0], tags[1]];
        for part in parts.into_iter().chain(request.list(Name::Route)).chain(request.list(Name::ProxyRequire)) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let bytes = hash.finalize();
        bytes.iter().take(8).fold(0, |word, byte| (word << 8) | u64::from(*byte))
    }

    pub(super) fn forwarded_bytes(&self, request: &Message, forward: &Forward<'_>) -> Bytes {
        let Forward { branch, target, recorded, came_on, breadth } = forward;
        let settings = &self.settings;
        let none = Method::Other("".into());
        let mut writer = Writer::request(request.method().unwrap_or(&none), &target.uri);
        let branch = Marked(*branch, self.mark(request));
        writer.header(Name::Via, compose::via(settings, target.path, branch));
        for (at, via) in request.list(Name::Via).enumerate() {
            match at {
                0 => writer.header(Name::Via, returned_via(via, came_on.remote)),
                _ => writer.text(Name::Via, via),
            };
        }
        writer.header(Name::MaxForwards, request.max_forwards().map_or(70, |hops| hops.saturating_sub(1)));
        if let Some(breadth) = breadth {
            writer.raw("Max-Breadth", &breadth.to_string());
        }
        for route in &target.routes {
            writer.text(Name::Route, route);
        }
        if let Some(came_on) = recorded {
            for (to, path) in [(Side::Called, target.path), (Side::Caller, *came_on)] {
                let token = way::token(&self.proxy.key, request.call_id(), Way { to, path });
                writer.header(Name::RecordRoute, compose::record_route(settings, path, &token));
            }
        }
        self.copy_rest(&mut writer, request, &target.withheld);
        add(&mut writer, &target.headers);
        finish(&mut writer, request)
    }

    /// Everything that is not ours to say. What was said to us alone, or is asserted by who may not, stays here.
    fn copy_rest(&self, writer: &mut Writer, request: &Message, withheld: &[Name]) {
        for (written, name, value) in request.lines() {
            let written_anew =
                matches!(name, Name::Via | Name::Route | Name::MaxForwards | Name::ContentType | Name::ContentLength)
                    || written.eq_ignore_ascii_case("Max-Breadth");
            let asserted = matches!(name, Name::PAssertedIdentity | Name::PPreferredIdentity | Name::RemotePartyId);
            let proves = matches!(name, Name::Authorization | Name::ProxyAuthorization);
            let to_us = proves && digest::is_of_realm(value, &self.settings.realm);
            if !written_anew && !asserted && !to_us && !withheld.contains(&name) {
                writer.raw(written, value);
            }
        }
    }
}

/// An answer without our Via; `None` when there is nobody behind us for whom it could be.
pub(super) fn returned_bytes(response: &Message, challenges: &[(Name, String)]) -> Option<Bytes> {
    let mut writer = Writer::response(response.status()?, Some(response.reason_phrase()));
    response.list(Name::Via).nth(1)?;
    for via in response.list(Name::Via).skip(1) {
        writer.text(Name::Via, via);
    }
    let is_challenge = |name| matches!(name, Name::WwwAuthenticate | Name::ProxyAuthenticate);
    for (written, name, value) in response.lines() {
        let written_anew = matches!(name, Name::Via | Name::ContentType | Name::ContentLength)
            || (is_challenge(name) && !challenges.is_empty());
        if !written_anew {
            writer.raw(written, value);
        }
    }
    for (name, value) in challenges {
        writer.text(*name, value);
    }
    Some(finish(&mut writer, response))
}

fn add(writer: &mut Writer, headers: &Headers) {
    for (name, value) in headers {
        writer.raw(name, value);
    }
}

fn finish(writer: &mut Writer, message: &Message) -> Bytes {
    if message.body().is_empty() {
        return writer.end();
    }
    let kind = message.header(Name::ContentType).unwrap_or("application/octet-stream");
    writer.body(kind, message.body())
}
