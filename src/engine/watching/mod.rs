//! Who watches whom (SW-14, AS-18): lamps of desk phones, presence of softphones, message counts.
//!
//! What enters: SUBSCRIBE and PUBLISH as the stack tells of them, and every change of what a user does. A change is told
//! to all who watch within a moment, together with those that follow it in that moment; what they are told is written
//! once, however many they are, and sent to so many at a time that calls go on between them.

mod dialogs;
mod document;
mod pidf;
mod presence;
mod publish;
mod settings;
mod subscribe;
mod summary;
mod xml;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{Engine, drive::Timer};
use crate::{
    base::{AgentId, CallId, FastMap, Instant, LegId, Now, UserId},
    sip::{Farewell, Mark, Package, SubscriptionId},
    switch::{LegParty, LegSide, LegStage},
};

pub use presence::{Medium, Shown, shown_while};
pub use publish::KeptPublication;
pub use settings::{DndShown, WatchSettings, Watchers};
pub(super) use subscribe::EVENTS;
pub use subscribe::{KeptWatch, WatchView};

use document::Document;
use publish::Publication;

/// Changes of one moment are told together. Well below the fifth of a second in which a lamp must follow.
pub(super) const TOLD_AFTER: Duration = Duration::from_millis(50);

/// NOTIFYs sent in one turn, about a millisecond's work. A thousand watchers are told in ten turns, and a call that comes
/// in the middle of it waits for one.
const NOTIFIES_MAX: usize = 100;

/// The pause between two such turns, in which what has come meanwhile is read.
const NOTIFIES_PAUSE: Duration = Duration::from_millis(1);

/// What one user may watch at once; a receptionist's panel has a hundred lamps. The next SUBSCRIBE gets 503.
pub const WATCHED_BY_ONE_MAX: usize = 500;

/// What can be watched of a user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    /// His calls (RFC 4235).
    Dialog,
    /// Whether he can be reached, and what he does (RFC 3856).
    Presence,
    /// His mailbox (RFC 3842).
    MessageSummary,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Dialog, Self::Presence, Self::MessageSummary];

    const fn package(self) -> Package {
        match self {
            Self::Dialog => Package { event: "dialog", content_type: dialogs::TYPE },
            Self::Presence => Package { event: "presence", content_type: pidf::TYPE },
            Self::MessageSummary => Package { event: "message-summary", content_type: summary::TYPE },
        }
    }

    fn of_event(event: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.package().event.eq_ignore_ascii_case(event))
    }
}

/// One thing that is watched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Topic {
    kind: Kind,
    user: UserId,
}

/// One who watches.
#[derive(Clone, Copy, Debug)]
struct Watch {
    topic: Topic,
    watcher: UserId,
    /// The tag of its dialog, by which the journal knows it; `None` for one who only took a look.
    kept: Option<u64>,
    /// It stands in `Watching::due`.
    due: bool,
}

/// What a user's leg does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Line {
    side: LegSide,
    stage: LegStage,
    /// By which colleagues may pick it up, once they have been told of it.
    alias: Option<u64>,
}

impl Line {
    /// Somebody is rung there.
    const fn rings(&self) -> bool {
        matches!((self.side, self.stage), (LegSide::Called, LegStage::Begun | LegStage::Ringing))
    }
}

#[derive(Default)]
pub(super) struct Watching {
    watches: FastMap<SubscriptionId, Watch>,
    topics: BTreeMap<Topic, BTreeSet<SubscriptionId>>,
    by_watcher: BTreeSet<(UserId, SubscriptionId)>,
    /// What was told last.
    documents: FastMap<Topic, Arc<Document>>,
    /// Something of these may have changed since.
    changed: BTreeSet<Topic>,
    /// Still to be told, each once.
    due: VecDeque<SubscriptionId>,
    lines: FastMap<UserId, BTreeMap<LegId, Line>>,
    /// What phones say of their users, the latest last.
    published: BTreeMap<UserId, Vec<Publication>>,
}

impl Watching {
    fn add(&mut self, id: SubscriptionId, watch: Watch) {
        self.topics.entry(watch.topic).or_default().insert(id);
        self.by_watcher.insert((watch.watcher, id));
        self.watches.insert(id, watch);
    }

    fn remove(&mut self, id: SubscriptionId) -> Option<Watch> {
        let watch = self.watches.remove(&id)?;
        self.by_watcher.remove(&(watch.watcher, id));
        if let Some(watchers) = self.topics.get_mut(&watch.topic) {
            watchers.remove(&id);
            if watchers.is_empty() {
                self.topics.remove(&watch.topic);
                self.documents.remove(&watch.topic);
                self.changed.remove(&watch.topic);
            }
        }
        Some(watch)
    }

    /// The legs of a user's devices.
    pub fn legs_of(&self, user: UserId) -> Vec<LegId> {
        self.lines.get(&user).map(|lines| lines.keys().copied().collect()).unwrap_or_default()
    }

    /// To be told when its turn comes.
    fn queue(&mut self, id: SubscriptionId) {
        if let Some(watch) = self.watches.get_mut(&id)
            && !std::mem::replace(&mut watch.due, true)
        {
            self.due.push_back(id);
        }
    }

    fn queue_all(&mut self, topic: Topic) {
        for id in self.topics.get(&topic).cloned().unwrap_or_default() {
            self.queue(id);
        }
    }

    fn watched_by(&self, watcher: UserId) -> usize {
        self.by_watcher.range((watcher, SubscriptionId::FIRST)..=(watcher, SubscriptionId::LAST)).count()
    }

    pub fn len(&self) -> usize {
        self.watches.len()
    }

    /// What belongs together and does not; empty when all is well.
    pub fn check(&self) -> Vec<String> {
        let listed: usize = self.topics.values().map(BTreeSet::len).sum();
        let (count, by_watcher) = (self.watches.len(), self.by_watcher.len());
        let fits = listed == count && by_watcher == count && self.documents.len() <= self.topics.len();
        if fits { Vec::new() } else { vec![format!("{count} watch, {listed} by topic, {by_watcher} by watcher")] }
    }
}

impl Engine {
    /// A leg of a user's began, rings, talks or ended.
    pub(super) fn on_watched_leg(&mut self, now: Now, leg: LegId, party: LegParty, what: (LegSide, LegStage)) {
        let LegParty::User(user) = party else { return };
        let (side, stage) = what;
        let lines = self.watching.lines.entry(user).or_default();
        match stage {
            LegStage::Begun | LegStage::Ringing | LegStage::Answered => {
                let alias = lines.get(&leg).and_then(|line| line.alias);
                lines.insert(leg, Line { side, stage, alias });
            }
            LegStage::Ended => {
                lines.remove(&leg);
            }
        }
        if lines.is_empty() {
            self.watching.lines.remove(&user);
        }
        self.watched_changed(now, user);
    }

    /// The legs of a call that another process has left to us.
    pub(super) fn watch_resumed(&mut self, now: Now, call: CallId) {
        let Some(sight) = self.switch.call(call) else { return };
        let stage = |answered| if answered { LegStage::Answered } else { LegStage::Ringing };
        let legs = sight.legs().map(|leg| (leg.id(), leg.party(), (leg.side(), stage(leg.is_answered()))));
        for (leg, party, what) in legs.collect::<Vec<_>>() {
            self.on_watched_leg(now, leg, party, what);
        }
    }

    pub(super) fn watched_agent_changed(&mut self, now: Now, agent: AgentId) {
        if let Some(user) = self.directory.user_of(agent).map(|user| user.id) {
            self.watched_changed(now, user);
        }
    }

    /// Something of a user may look different now.
    pub(super) fn watched_changed(&mut self, now: Now, user: UserId) {
        for kind in [Kind::Dialog, Kind::Presence] {
            let topic = Topic { kind, user };
            if self.watching.topics.contains_key(&topic) {
                self.watching.changed.insert(topic);
            }
        }
        if !self.watching.changed.is_empty() {
            self.tell_watchers_at(now.mono + TOLD_AFTER);
        }
    }

    fn tell_watchers_at(&mut self, at: Instant) {
        if self.timers.deadline(&Timer::Notify).is_none_or(|due| due > at) {
            self.timers.set(Timer::Notify, at);
        }
    }

    /// Tells what has changed to whoever watches it.
    pub(super) fn tell_watchers(&mut self, now: Now) {
        for topic in std::mem::take(&mut self.watching.changed) {
            self.write_again(now, topic);
        }
        for _ in 0..NOTIFIES_MAX {
            let Some(id) = self.watching.due.pop_front() else { return };
            self.notify_watcher(now, id);
        }
        self.tell_rest(now);
    }

    fn tell_rest(&mut self, now: Now) {
        if !self.watching.due.is_empty() {
            self.tell_watchers_at(now.mono + NOTIFIES_PAUSE);
        }
    }

    /// Writes what is to be told of a topic; where that differs from what was told, all who watch it are told.
    fn write_again(&mut self, now: Now, topic: Topic) {
        let document = self.write_document(now, topic);
        if self.watching.documents.get(&topic).is_some_and(|known| **known == document) {
            return;
        }
        self.watching.documents.insert(topic, Arc::new(document));
        self.watching.queue_all(topic);
    }

    fn write_document(&mut self, now: Now, topic: Topic) -> Document {
        self.totals.documents += 1;
        match topic.kind {
            Kind::Dialog => self.dialog_document(topic.user),
            Kind::Presence => self.presence_document(now, topic.user),
            Kind::MessageSummary => self.summary_document(topic.user),
        }
    }

    /// What is to be told of a topic now, whoever asks.
    fn document(&mut self, now: Now, topic: Topic) -> Arc<Document> {
        if self.watching.changed.remove(&topic) {
            self.write_again(now, topic);
            self.tell_rest(now);
        }
        if let Some(known) = self.watching.documents.get(&topic) {
            return Arc::clone(known);
        }
        let document = Arc::new(self.write_document(now, topic));
        self.watching.documents.insert(topic, Arc::clone(&document));
        document
    }

    /// The state of what is watched, to one who watches it.
    pub(super) fn notify_watcher(&mut self, now: Now, id: SubscriptionId) {
        let after = if self.switch.subscription_is_worn(id) { self.keep_watch(now, id) } else { Mark::default() };
        self.notify_after(now, id, after);
    }

    fn notify_after(&mut self, now: Now, id: SubscriptionId, after: Mark) {
        let Some(watch) = self.watching.watches.get_mut(&id) else { return };
        watch.due = false;
        let (topic, watcher) = (watch.topic, watch.watcher);
        let document = self.document(now, topic);
        let is_colleague = watcher == topic.user || self.directory.share_a_group(watcher, topic.user);
        self.totals.notifies += 1;
        self.switch.notify(now, id, after, |version| Some(document.body(version, is_colleague)));
    }

    /// Who may watch no more, or watches somebody who is gone, is told so.
    pub(super) fn review_watches(&mut self, now: Now) {
        self.review_publications();
        let mut all: Vec<_> = self.watching.watches.iter().map(|(id, watch)| (*id, *watch)).collect();
        all.sort_by_key(|(id, _)| *id);
        for (id, watch) in all {
            if !self.directory.users.contains_key(&watch.topic.user) {
                self.switch.unsubscribe(now, id, Farewell::NoResource);
            } else if !self.may_watch(watch.watcher, watch.topic) {
                self.switch.unsubscribe(now, id, Farewell::Rejected);
            }
        }
        let users: BTreeSet<UserId> = self.watching.topics.keys().map(|topic| topic.user).collect();
        for user in users {
            self.watched_changed(now, user);
        }
    }
}
