//! Lamps: who watches whom talk (SW-14). A phone subscribes to the `dialog` package (RFC 6665, RFC 4235) of a user and is
//! told when that one is rung, talks and is free again; never with whom.

use std::{collections::BTreeMap, fmt::Write};

use super::Engine;
use crate::{
    base::{FastMap, LegId, Now, UserId},
    sip::{Body, Farewell, Mark, Package, Path, Reply, SubscriptionId, TransactionId, subscription::EventAsked},
    switch::{LegParty, LegSide, LegStage},
    wire::sip::Message,
};

const DIALOG: Package = Package { event: "dialog", content_type: "application/dialog-info+xml" };

/// Event packages that can be subscribed to.
const ALLOW_EVENTS: &str = "dialog";

/// What of a user's calls there is to see, and who looks.
#[derive(Default)]
pub(super) struct Watching {
    users: BTreeMap<UserId, Watched>,
    watched: FastMap<SubscriptionId, UserId>,
    /// Changed since the watchers were told last: many changes of one turn are one NOTIFY.
    changed: Vec<UserId>,
    /// Documents made so far: one a change, however many watch.
    documents: u64,
}

#[derive(Default)]
struct Watched {
    /// The legs of the user's devices.
    legs: BTreeMap<LegId, (LegSide, Talk)>,
    watchers: Vec<SubscriptionId>,
}

impl Watched {
    fn is_over(&self) -> bool {
        self.legs.is_empty() && self.watchers.is_empty()
    }
}

/// A leg as a lamp shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Talk {
    Rings,
    Talks,
}

/// Everything of a user's document but its version, which is each watcher's own (RFC 4235 4.1).
struct Document {
    entity: String,
    dialogs: String,
}

impl Document {
    /// Full state: a watcher that missed one is right again with the next.
    fn body(&self, version: u32) -> Body {
        let Self { entity, dialogs } = self;
        let text = format!(
            "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
             state=\"full\" entity=\"{entity}\">\n{dialogs}</dialog-info>\n"
        );
        Body::new(DIALOG.content_type, text)
    }
}

impl Watching {
    pub fn on_leg(&mut self, user: UserId, leg: LegId, side: LegSide, stage: LegStage) {
        let watched = self.users.entry(user).or_default();
        let talk = match stage {
            LegStage::Begun | LegStage::Ringing => Some(Talk::Rings),
            LegStage::Answered => Some(Talk::Talks),
            LegStage::Ended => None,
        };
        let was = match talk {
            Some(talk) => watched.legs.insert(leg, (side, talk)),
            None => watched.legs.remove(&leg),
        };
        if was.map(|(_, talk)| talk) != talk && !watched.watchers.is_empty() && !self.changed.contains(&user) {
            self.changed.push(user);
        }
        self.forget(user);
    }

    fn add(&mut self, user: UserId, watcher: SubscriptionId) {
        self.watched.insert(watcher, user);
        self.users.entry(user).or_default().watchers.push(watcher);
    }

    fn remove(&mut self, watcher: SubscriptionId) {
        let Some(user) = self.watched.remove(&watcher) else { return };
        if let Some(watched) = self.users.get_mut(&user) {
            watched.watchers.retain(|known| *known != watcher);
        }
        self.forget(user);
    }

    fn forget(&mut self, user: UserId) {
        if self.users.get(&user).is_some_and(Watched::is_over) {
            self.users.remove(&user);
        }
    }

    #[cfg(test)]
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Legs and watchers known; both are nothing when nobody calls and nobody looks.
    #[cfg(test)]
    pub fn counts(&self) -> (usize, usize) {
        (self.users.values().map(|watched| watched.legs.len()).sum(), self.watched.len())
    }
}

impl Engine {
    /// SUBSCRIBE, outside any dialog or in that of a subscription. Only users of the centre may watch, and only users.
    pub(super) fn on_subscribe(
        &mut self,
        now: Now,
        transaction: TransactionId,
        request: &Message,
        path: Path,
        known: Option<SubscriptionId>,
    ) {
        let granted = match self.authenticate(now, request, path, "SUBSCRIBE") {
            Ok(_) => self.grant(now, transaction, request, path, known),
            Err(reply) => Err(reply),
        };
        match granted {
            Ok(subscription) => {
                self.switch.confirm_subscription(now, transaction, subscription, Mark::default());
                self.notify_one(now, subscription);
            }
            Err(reply) => self.switch.reply(now, transaction, reply),
        }
    }

    fn grant(
        &mut self,
        now: Now,
        transaction: TransactionId,
        request: &Message,
        path: Path,
        known: Option<SubscriptionId>,
    ) -> Result<SubscriptionId, Reply> {
        if let Some(known) = known {
            self.switch.resubscribe(now, transaction, path, known)?;
            return Ok(known);
        }
        let asked = EventAsked::read(request).filter(|asked| asked.event.eq_ignore_ascii_case(DIALOG.event));
        asked.ok_or_else(|| Reply::new(489).header("Allow-Events", ALLOW_EVENTS))?;
        let name = request.request_uri().map(|uri| uri.user_decoded().into_owned()).unwrap_or_default();
        let user = self.directory.router.user(&name).ok_or_else(|| Reply::new(404))?;
        let subscription = self.switch.subscribe(now, transaction, path, DIALOG)?;
        self.watching.add(user, subscription);
        Ok(subscription)
    }

    /// A watcher is to be told how things stand.
    pub(super) fn notify_one(&mut self, now: Now, subscription: SubscriptionId) {
        let Some(user) = self.watching.watched.get(&subscription).copied() else { return };
        let document = self.document(user);
        self.switch.notify(now, subscription, Mark::default(), |version| document.map(|found| found.body(version)));
    }

    pub(super) fn on_unsubscribed(&mut self, subscription: SubscriptionId) {
        self.watching.remove(subscription);
    }

    /// Watchers of a user who is in the settings no more hear so, and are let go.
    pub(super) fn forget_watched(&mut self, now: Now) {
        let users = &self.directory.users;
        let gone = self.watching.users.iter().filter(|(user, _)| !users.contains_key(user));
        let watchers: Vec<SubscriptionId> = gone.flat_map(|(_, watched)| watched.watchers.clone()).collect();
        for watcher in watchers {
            self.switch.unsubscribe(now, watcher, Farewell::NoResource);
        }
    }

    /// Tells the watchers of one user whose calls have changed. False: there is none.
    pub(super) fn tell_watchers(&mut self, now: Now) -> bool {
        let Some(user) = self.watching.changed.pop() else { return false };
        let watchers = self.watching.users.get(&user).map(|watched| watched.watchers.clone()).unwrap_or_default();
        let Some(document) = self.document(user) else { return true };
        for watcher in watchers {
            self.switch.notify(now, watcher, Mark::default(), |version| Some(document.body(version)));
        }
        true
    }

    pub(super) fn watch_leg(&mut self, party: LegParty, leg: LegId, side: LegSide, stage: LegStage) {
        match party {
            LegParty::User(user) => self.watching.on_leg(user, leg, side, stage),
            LegParty::Trunk(_) => {}
        }
    }

    fn document(&mut self, user: UserId) -> Option<Document> {
        // Names of users are extensions: nothing in them means anything to XML.
        let name = self.directory.users.get(&user)?.name.clone();
        self.watching.documents += 1;
        let mut dialogs = String::new();
        let legs = self.watching.users.get(&user).map(|watched| &watched.legs);
        for (leg, (side, talk)) in legs.into_iter().flatten() {
            let direction = match side {
                LegSide::Caller => "initiator",
                LegSide::Called => "recipient",
            };
            let state = match talk {
                Talk::Rings => "early",
                Talk::Talks => "confirmed",
            };
            // Writing to a string can't fail.
            let _ =
                writeln!(dialogs, "<dialog id=\"{}\" direction=\"{direction}\"><state>{state}</state></dialog>", leg.0);
        }
        if dialogs.is_empty() {
            // Some phones put a lamp out only when they are shown a dialog that is over.
            dialogs = format!("<dialog id=\"{name}\"><state>terminated</state></dialog>\n");
        }
        let realm = &self.settings.realm;
        Some(Document { entity: format!("sip:{name}@{realm}"), dialogs })
    }
}
