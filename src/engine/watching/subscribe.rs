//! SUBSCRIBE: who may watch what, what of it the journal keeps, and what a restart makes of it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Kind, Topic, WATCHED_BY_ONE_MAX, Watch, Watchers};
use crate::{
    base::{FlowId, Now, UserId, Wall},
    engine::{Engine, Entry, register::may_follow},
    sip::{
        KeptSubscription, Mark, Path, Reply, SubscriptionId, TransactionId, Unsubscribed, registrar::Binding,
        subscription::EventAsked,
    },
    switch::Role,
    wire::sip::Message,
};

/// What can be subscribed to, for Allow-Events.
pub(in crate::engine) const EVENTS: &str = "dialog, presence, message-summary, refer";

/// One who watches, as the journal keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptWatch {
    watcher: UserId,
    watched: UserId,
    subscription: KeptSubscription,
}

/// One who watches, as an operator sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WatchView {
    pub watcher: UserId,
    pub watched: UserId,
    pub event: &'static str,
    pub expires: Wall,
    /// Where he is told.
    pub remote: SocketAddr,
    /// The journal knows of it: it outlives the process.
    pub kept: bool,
}

impl KeptWatch {
    /// Names it among all.
    pub const fn tag(&self) -> u64 {
        self.subscription.tag
    }
}

impl Engine {
    pub(in crate::engine) fn on_subscribe(
        &mut self,
        now: Now,
        transaction: TransactionId,
        request: &Message,
        path: Path,
        known: Option<SubscriptionId>,
    ) {
        let granted = self.known_user(now, request, path, "SUBSCRIBE").and_then(|watcher| match known {
            Some(id) => self.watch_on(now, transaction, path, (watcher, id)),
            None => self.begin_watch(now, transaction, request, path, watcher),
        });
        match granted {
            Ok(id) => {
                let after = self.keep_watch(now, id);
                self.switch.confirm_subscription(now, transaction, id, after);
                // The state as it is goes with every 200, and waits for the journal with it.
                self.notify_after(now, id, after);
            }
            Err(reply) => self.switch.reply(now, transaction, reply),
        }
    }

    /// For longer, or no more: by the one who began it.
    fn watch_on(
        &mut self,
        now: Now,
        transaction: TransactionId,
        path: Path,
        (watcher, id): (UserId, SubscriptionId),
    ) -> Result<SubscriptionId, Reply> {
        if self.watching.watches.get(&id).is_none_or(|watch| watch.watcher != watcher) {
            return Err(Reply::new(403));
        }
        self.switch.resubscribe(now, transaction, path, id).map(|()| id)
    }

    fn begin_watch(
        &mut self,
        now: Now,
        transaction: TransactionId,
        request: &Message,
        path: Path,
        watcher: UserId,
    ) -> Result<SubscriptionId, Reply> {
        let asked = EventAsked::read(request).and_then(|asked| Kind::of_event(asked.event));
        let kind = asked.ok_or_else(|| Reply::new(489).header("Allow-Events", EVENTS))?;
        if !request.body().is_empty() {
            // Filters (RFC 4660) are not understood; nothing of a body is looked at.
            return Err(Reply::new(415).header("Accept", "").header("Accept-Encoding", "identity"));
        }
        let user = self.named_user(request, watcher).ok_or_else(|| Reply::new(404))?;
        let topic = Topic { kind, user };
        if !self.may_watch(watcher, topic) {
            return Err(Reply::new(403));
        }
        if self.watching.watched_by(watcher) >= WATCHED_BY_ONE_MAX {
            return Err(Reply::new(503).header("Retry-After", "60"));
        }
        let id = self.switch.subscribe(now, transaction, path, kind.package())?;
        self.watching.add(id, Watch { topic, watcher, kept: None, due: false });
        Ok(id)
    }

    /// Who sends a request, when it must be one of the centre's own users and not come back to us in a loop.
    pub(in crate::engine) fn known_user(
        &mut self,
        now: Now,
        request: &Message,
        path: Path,
        method: &str,
    ) -> Result<UserId, Reply> {
        if self.has_passed(request, path.remote) {
            return Err(Reply::new(482));
        }
        // Also from where a trunk calls: no carrier watches anybody.
        let user = self.authenticate(now, request, path, method)?;
        match self.claimed_user(request) {
            Some(claimed) if claimed != user => Err(Reply::new(403)),
            Some(_) | None => Ok(user),
        }
    }

    /// The user whom the Request-URI of another one names, by name or extension.
    pub(in crate::engine) fn named_user(&self, request: &Message, by: UserId) -> Option<UserId> {
        let uri = request.request_uri().ok().filter(|uri| self.is_ours_to(by, uri))?;
        let name = uri.user_decoded();
        self.directory.router.user(name.split(';').next().unwrap_or_default())
    }

    pub(super) fn may_watch(&self, watcher: UserId, topic: Topic) -> bool {
        let Some(user) = self.directory.users.get(&watcher) else { return false };
        // A mailbox is nobody else's affair.
        if watcher == topic.user || topic.kind == Kind::MessageSummary {
            return watcher == topic.user;
        }
        let oversees = user.role >= Role::Supervisor;
        match self.watch_settings.watchers {
            Watchers::Users => true,
            Watchers::Groups => oversees || self.directory.share_a_group(watcher, topic.user),
            Watchers::Supervisors => oversees,
            Watchers::Nobody => false,
        }
    }

    /// Writes a subscription to the journal, and says what must wait for that. One that is over already is only looked at.
    pub(super) fn keep_watch(&mut self, now: Now, id: SubscriptionId) -> Mark {
        let Some(watch) = self.watching.watches.get_mut(&id) else { return Mark::default() };
        let Some(subscription) = self.switch.keep_subscription(now, id) else { return Mark::default() };
        watch.kept = Some(subscription.tag);
        let kept = KeptWatch { watcher: watch.watcher, watched: watch.topic.user, subscription };
        Mark::promise(self.journal(Entry::Watched(Box::new(kept))).0)
    }

    /// A phone has registered over a connection: what it watched over an earlier one it is told there.
    pub(in crate::engine) fn resume_watches(&mut self, now: Now, binding: &Binding) {
        let Some(user) = self.directory.router.user(&binding.aor) else { return };
        if binding.path.flow.is_none() {
            return;
        }
        let mut adrift = self.switch.subscriptions_adrift(binding.path.remote.ip());
        adrift.retain(|id| self.watching.watches.get(id).is_some_and(|watch| watch.watcher == user));
        self.switch.resume_subscriptions(now, &adrift, binding.path, &binding.contact);
    }

    /// The same where the phone has registered over the next connection before the one that it watched over has ended.
    pub(in crate::engine) fn watches_follow(&mut self, now: Now, closed: FlowId, adrift: &[SubscriptionId]) {
        for id in adrift {
            let watcher = self.watching.watches.get(id).map(|watch| watch.watcher);
            let Some(user) = watcher.and_then(|watcher| self.directory.users.get(&watcher)) else { continue };
            let bindings = self.registrar.bindings(user.name.as_str()).into_iter();
            let latest = bindings.filter(|it| may_follow(it.path, closed));
            let mut latest: Vec<_> = latest.map(|it| (it.refreshed, it.path, it.contact.clone())).collect();
            latest.sort_by_key(|(refreshed, ..)| std::cmp::Reverse(*refreshed));
            for (_, path, contact) in latest {
                self.switch.resume_subscriptions(now, &[*id], path, &contact);
            }
        }
    }

    pub(in crate::engine) fn on_subscription_ended(&mut self, id: SubscriptionId, why: Unsubscribed) {
        let Some(watch) = self.watching.remove(id) else { return };
        match why {
            Unsubscribed::Told => {}
            Unsubscribed::Failed(_) | Unsubscribed::FlowClosed => self.totals.watchers_lost += 1,
        }
        if let Some(tag) = watch.kept {
            self.journal(Entry::Unwatched { tag });
        }
    }

    /// After a restart: who watched goes on watching, and is told how things stand now.
    pub(in crate::engine) fn restore_watches(&mut self, now: Now, kept: impl Iterator<Item = KeptWatch>) {
        for KeptWatch { watcher, watched, subscription } in kept {
            let tag = subscription.tag;
            let kind = Kind::of_event(&subscription.event);
            let known = self.directory.users.contains_key(&watched);
            let restored = kind.filter(|_| known).zip(self.switch.restore_subscription(now, subscription));
            match restored {
                Some((kind, id)) => {
                    let topic = Topic { kind, user: watched };
                    self.watching.add(id, Watch { topic, watcher, kept: Some(tag), due: false });
                    self.watching.queue(id);
                }
                None => {
                    self.journal(Entry::Unwatched { tag });
                }
            }
        }
        self.tell_rest(now);
    }

    /// All who watch, in a fixed order.
    pub(in crate::engine) fn watch_views(&self, now: Now) -> Vec<WatchView> {
        let view = |(id, watch): (&SubscriptionId, &Watch)| {
            let (until, path) = self.switch.subscription(*id)?;
            Some(WatchView {
                watcher: watch.watcher,
                watched: watch.topic.user,
                event: watch.topic.kind.package().event,
                expires: now.wall_of(until),
                remote: path.remote,
                kept: watch.kept.is_some(),
            })
        };
        let mut views: Vec<WatchView> = self.watching.watches.iter().filter_map(view).collect();
        views.sort_by_key(|view| (view.watched, view.event, view.watcher, view.remote));
        views
    }

    /// For a checkpoint.
    pub(in crate::engine) fn kept_watches(&self, now: Now) -> Vec<KeptWatch> {
        let mut kept: Vec<KeptWatch> = self
            .watching
            .watches
            .iter()
            .filter(|(_, watch)| watch.kept.is_some())
            .filter_map(|(id, watch)| {
                let subscription = self.switch.kept_subscription(now, *id)?;
                Some(KeptWatch { watcher: watch.watcher, watched: watch.topic.user, subscription })
            })
            .collect();
        kept.sort_by_key(KeptWatch::tag);
        kept
    }
}
