//! A subscription as the journal keeps it.

use serde::{Deserialize, Serialize};

use super::{Ground, Line, Phase, Subscription, SubscriptionId, notify::CSEQ_BLOCK};
use crate::{
    base::{Now, Wall},
    sip::{Path, SessionId, Stack, Transport, dialog::Dialog},
};

/// What a restarted switch needs to go on telling a watcher.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptSubscription {
    pub event: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Box<str>>,
    pub contact_user: Box<str>,
    pub expires: Wall,
    pub call_id: Box<str>,
    /// Ours; names the subscription in the journal.
    pub tag: u64,
    pub local: Box<str>,
    pub remote_tag: Box<str>,
    pub remote: Box<str>,
    pub target: Box<str>,
    #[serde(default, skip_serializing_if = "<[Box<str>]>::is_empty")]
    pub routes: Box<[Box<str>]>,
    /// No NOTIFY so far has a higher one.
    pub cseq: u32,
    pub remote_cseq: Option<u32>,
    pub path: Path,
    /// Session-ID, RFC 7989.
    #[serde(default)]
    pub ends: SessionId,
}

impl Stack {
    /// For the journal. NOTIFYs may go until `is_worn` says that it is to be kept again. `None` for those that live in a
    /// call's dialog, and for those that are ending.
    pub fn keep_subscription(&mut self, now: Now, id: SubscriptionId) -> Option<KeptSubscription> {
        let known = self.subscriptions.get_mut(id).filter(|known| known.phase == Phase::Active)?;
        if let Ground::Own(dialog) = &known.ground {
            known.cseq_kept = dialog.local_cseq.saturating_add(CSEQ_BLOCK);
        }
        self.kept_subscription(now, id)
    }

    /// The same as it was kept last, for a checkpoint.
    pub fn kept_subscription(&self, now: Now, id: SubscriptionId) -> Option<KeptSubscription> {
        let known = self.subscriptions.get(id).filter(|known| known.phase == Phase::Active)?;
        let Ground::Own(dialog) = &known.ground else { return None };
        Some(KeptSubscription {
            event: known.event.clone(),
            event_id: known.event_id.clone(),
            contact_user: known.contact_user.clone(),
            expires: now.wall_of(known.until),
            call_id: dialog.call_id.clone(),
            tag: dialog.local_tag,
            local: dialog.local.clone(),
            remote_tag: dialog.remote_tag.clone(),
            remote: dialog.remote.clone(),
            target: dialog.target.clone(),
            routes: dialog.routes.clone(),
            cseq: known.cseq_kept,
            remote_cseq: dialog.remote_cseq,
            path: dialog.path,
            ends: dialog.session,
        })
    }

    /// Brings one back, unless its time is over. A connection does not outlive its process: who is behind one is told how things
    /// stand when he has registered over the next.
    pub fn restore_subscription(&mut self, now: Now, kept: KeptSubscription) -> Option<SubscriptionId> {
        let full = self.subscriptions.len() >= self.settings.subscriptions_max;
        if kept.expires <= now.wall || full {
            return None;
        }
        let dialog = Dialog {
            call_id: kept.call_id,
            local_tag: kept.tag,
            local: kept.local,
            remote_tag: kept.remote_tag,
            remote: kept.remote,
            target: kept.target,
            routes: kept.routes,
            local_cseq: kept.cseq,
            remote_cseq: kept.remote_cseq,
            path: Path { flow: None, ..kept.path },
            session: kept.ends,
        };
        let is_adrift = kept.path.transport != Transport::Udp;
        Some(self.subscriptions.add(Subscription {
            ground: Ground::Own(Box::new(dialog)),
            event: kept.event,
            event_id: kept.event_id,
            contact_user: kept.contact_user,
            until: now.mono_of(kept.expires),
            phase: Phase::Active,
            line: if is_adrift { Line::Adrift } else { Line::Free },
            due: is_adrift,
            // Its first NOTIFY needs a fresh entry.
            cseq_kept: kept.cseq,
            last: None,
        }))
    }
}
