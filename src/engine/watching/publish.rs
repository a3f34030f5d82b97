//! PUBLISH (RFC 3903): a phone says how its user is. The last word of all his phones counts, as long as it lasts.

use serde::{Deserialize, Serialize};

use super::{
    Watching,
    pidf::{self, Seen},
};
use crate::{
    base::{Now, UserId, Wall},
    engine::{Engine, Entry, drive::Timer},
    sip::{Mark, Path, Reply, TransactionId, subscription::EventAsked},
    wire::sip::{Message, Name},
};

/// The only event that can be published.
const EVENT: &str = "presence";

/// Bytes of a document; the next gets 413.
const DOCUMENT_MAX: usize = 16 * 1024;

/// What one user's phones say at once. Beyond that the oldest is forgotten: a phone that starts anew doesn't know what
/// it said before.
const PUBLISHED_BY_ONE_MAX: usize = 8;

/// Seconds that a word lasts: less gets 423, more is cut, and who says nothing gets the most.
const PUBLISHED_SECS: std::ops::RangeInclusive<u32> = 60..=3_600;

/// What one phone said last.
pub(super) struct Publication {
    /// Its entity-tag, new with each PUBLISH.
    tag: u64,
    said: Wall,
    until: Wall,
    seen: Seen,
}

/// The same, as the journal keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptPublication {
    pub tag: u64,
    user: UserId,
    said: Wall,
    until: Wall,
    seen: Seen,
}

impl Watching {
    pub(super) fn published(&self, user: UserId) -> Option<&Seen> {
        self.published.get(&user)?.last().map(|publication| &publication.seen)
    }

    pub fn publications(&self) -> usize {
        self.published.values().map(Vec::len).sum()
    }

    /// The wall clock was set: what was published holds as long as it would have.
    pub fn wall_was_set(&mut self, by_ms: i64) {
        for publication in self.published.values_mut().flatten() {
            publication.said = publication.said.set_by(by_ms);
            publication.until = publication.until.set_by(by_ms);
        }
    }

    fn withdraw(&mut self, user: UserId, tag: u64) -> Option<Publication> {
        let published = self.published.get_mut(&user)?;
        let at = published.iter().position(|publication| publication.tag == tag)?;
        let withdrawn = published.remove(at);
        if published.is_empty() {
            self.published.remove(&user);
        }
        Some(withdrawn)
    }
}

/// The life that is granted, in seconds; zero ends what was published.
fn granted_secs(request: &Message) -> Result<u32, Reply> {
    match request.header(Name::Expires).map(|_| request.expires()) {
        None => Ok(*PUBLISHED_SECS.end()),
        Some(None) => Err(Reply::new(400).reason("Bad Expires")),
        Some(Some(0)) => Ok(0),
        Some(Some(secs)) if secs < *PUBLISHED_SECS.start() => {
            Err(Reply::new(423).header("Min-Expires", PUBLISHED_SECS.start().to_string()))
        }
        Some(Some(secs)) => Ok(secs.min(*PUBLISHED_SECS.end())),
    }
}

/// What a body says; `None` without one.
fn seen_in(request: &Message) -> Result<Option<Seen>, Reply> {
    let body = request.body();
    if body.is_empty() {
        return Ok(None);
    }
    let is_plain = request.header(Name::ContentEncoding).is_none_or(|coding| coding.eq_ignore_ascii_case("identity"));
    if !is_plain || !request.content_type().is_some_and(|kind| kind.eq_ignore_ascii_case(pidf::TYPE)) {
        return Err(Reply::new(415).header("Accept", pidf::TYPE).header("Accept-Encoding", "identity"));
    }
    if body.len() > DOCUMENT_MAX {
        return Err(Reply::new(413));
    }
    Seen::read(body).map(Some).map_err(|why| Reply::new(400).reason(why))
}

impl Engine {
    /// The 200 leaves once the journal has what it confirms.
    pub(in crate::engine) fn on_publish(
        &mut self,
        now: Now,
        transaction: TransactionId,
        request: &Message,
        path: Path,
    ) {
        let reply = match self.known_user(now, request, path, "PUBLISH") {
            Ok(user) => self.publish(now, request, user).unwrap_or_else(|refusal| refusal),
            Err(refusal) => refusal,
        };
        self.switch.reply(now, transaction, reply);
    }

    fn publish(&mut self, now: Now, request: &Message, user: UserId) -> Result<Reply, Reply> {
        if !EventAsked::read(request).is_some_and(|asked| asked.event.eq_ignore_ascii_case(EVENT)) {
            return Err(Reply::new(489).header("Allow-Events", EVENT));
        }
        if self.named_user(request, user) != Some(user) {
            // Nobody speaks for another, and who there is is not told.
            return Err(Reply::new(403));
        }
        let known = request.header(Name::SipIfMatch).map(str::trim);
        let secs = granted_secs(request)?;
        let said = seen_in(request)?;
        let before = match known {
            Some(known) => Some(self.publication(user, known).ok_or_else(|| Reply::new(412))?),
            None if said.is_none() => return Err(Reply::new(400).reason("Nothing Is Published")),
            None => None,
        };
        let withdrawn = before.and_then(|tag| self.unpublish(user, tag));
        let tag = u64::from_le_bytes(self.switch.chance().bytes());
        if let (Some(seen), 1..) = (said.or(withdrawn), secs) {
            let until = now.wall + std::time::Duration::from_secs(secs.into());
            let kept = KeptPublication { tag, user, said: now.wall, until, seen };
            self.journal(Entry::Published(Box::new(kept.clone())));
            self.hold_publication(now, kept);
        }
        self.watched_changed(now, user);
        let reply = Reply::new(200).header("SIP-ETag", format!("{tag:016x}")).header("Expires", secs.to_string());
        Ok(reply.after(Mark::promise(self.last_entry().0)))
    }

    /// The publication that an entity-tag names.
    fn publication(&self, user: UserId, etag: &str) -> Option<u64> {
        let tag = u64::from_str_radix(etag, 16).ok().filter(|_| etag.len() == 16)?;
        let mut published = self.watching.published.get(&user)?.iter();
        published.any(|publication| publication.tag == tag).then_some(tag)
    }

    fn hold_publication(&mut self, now: Now, kept: KeptPublication) {
        let KeptPublication { tag, user, said, until, seen } = kept;
        let oldest = self.watching.published.get(&user).filter(|known| known.len() >= PUBLISHED_BY_ONE_MAX);
        if let Some(oldest) = oldest.and_then(|known| known.first()).map(|publication| publication.tag) {
            self.unpublish(user, oldest);
        }
        self.timers.set(Timer::Published(user, tag), now.mono_of(until));
        self.watching.published.entry(user).or_default().push(Publication { tag, said, until, seen });
    }

    fn unpublish(&mut self, user: UserId, tag: u64) -> Option<Seen> {
        let withdrawn = self.watching.withdraw(user, tag)?;
        self.timers.cancel(Timer::Published(user, tag));
        self.journal(Entry::Unpublished { tag });
        Some(withdrawn.seen)
    }

    pub(in crate::engine) fn on_publication_over(&mut self, now: Now, user: UserId, tag: u64) {
        self.unpublish(user, tag);
        self.watched_changed(now, user);
    }

    /// Users who are in the settings no more say nothing.
    pub(super) fn review_publications(&mut self) {
        let users = &self.directory.users;
        let gone = self.watching.published.iter().filter(|(user, _)| !users.contains_key(user));
        let gone = gone.flat_map(|(user, known)| known.iter().map(|publication| (*user, publication.tag)));
        for (user, tag) in gone.collect::<Vec<_>>() {
            self.unpublish(user, tag);
        }
    }

    /// After a restart: what was said still holds, if its time is not over.
    pub(in crate::engine) fn restore_publications(&mut self, now: Now, kept: impl Iterator<Item = KeptPublication>) {
        let mut kept: Vec<KeptPublication> = kept.collect();
        kept.sort_by_key(|publication| (publication.said, publication.tag));
        for publication in kept {
            if publication.until > now.wall && self.directory.users.contains_key(&publication.user) {
                self.hold_publication(now, publication);
            } else {
                self.journal(Entry::Unpublished { tag: publication.tag });
            }
        }
    }

    /// For a checkpoint.
    pub(in crate::engine) fn kept_publications(&self) -> impl Iterator<Item = KeptPublication> + '_ {
        let all = self.watching.published.iter();
        all.flat_map(|(user, known)| {
            known.iter().map(|Publication { tag, said, until, seen }| KeptPublication {
                tag: *tag,
                user: *user,
                said: *said,
                until: *until,
                seen: seen.clone(),
            })
        })
    }
}
