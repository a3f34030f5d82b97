//! What others see of a user (AS-18): the contact-centre status over what his own devices say, by the table of SEMANTICS
//! 2.8.

use super::{
    DndShown,
    document::Document,
    pidf::{self, Activity, Seen},
};
use crate::{
    acd::{self, Status},
    base::{Now, UserId},
    engine::Engine,
    switch::LegStage,
};

/// What an interaction is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Medium {
    Voice,
    Video,
    Chat,
    Sms,
    Email,
}

impl From<acd::Channel> for Medium {
    fn from(channel: acd::Channel) -> Self {
        match channel {
            acd::Channel::Voice => Self::Voice,
            acd::Channel::Chat => Self::Chat,
            acd::Channel::Email => Self::Email,
        }
    }
}

/// What is shown in place of a user's own presence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// What his client is set to, or else whether a device of his can be reached.
    Default,
    OnThePhone,
    Meeting,
}

/// The table: whoever is engaged in voice or video is shown so, whatever he has selected, Not Ready included; all else
/// leaves his own presence as it is.
pub const fn shown_while(engaged: Option<Medium>) -> Shown {
    match engaged {
        Some(Medium::Voice) => Shown::OnThePhone,
        Some(Medium::Video) => Shown::Meeting,
        Some(Medium::Chat | Medium::Sms | Medium::Email) | None => Shown::Default,
    }
}

impl Engine {
    pub(super) fn presence_document(&self, now: Now, user: UserId) -> Document {
        Document::plain(pidf::TYPE, self.seen(now, user).write(&self.watched_uri(user)))
    }

    fn seen(&self, now: Now, user: UserId) -> Seen {
        let own = self.own_presence(user);
        let agent = self.directory.agent_of(user).and_then(|agent| self.acd.agent_snapshot(now, agent));
        let lines = self.watching.lines.get(&user);
        let talks = lines.is_some_and(|lines| lines.values().any(|line| line.stage == LegStage::Answered));
        let of_work = agent.iter().flat_map(|agent| &agent.engagements);
        let of_work = of_work.filter(|it| it.wrap_up_since.is_none()).map(|it| Medium::from(it.channel));
        let engaged = talks.then_some(Medium::Voice).into_iter().chain(of_work).min();
        match (shown_while(engaged), agent.map(|agent| agent.status)) {
            (Shown::OnThePhone, _) => Seen { open: true, activity: Some(Activity::ON_THE_PHONE), ..own },
            (Shown::Meeting, _) => Seen { open: true, activity: Some(Activity::MEETING), ..own },
            (Shown::Default, Some(Status::WrapUp)) if self.watch_settings.wrap_up => {
                Seen { note: Some("wrap-up".into()), ..own }
            }
            (Shown::Default, Some(Status::Dnd)) => match self.watch_settings.dnd {
                DndShown::Busy => Seen { activity: Some(Activity::BUSY), note: Some("dnd".into()), ..own },
                DndShown::Closed => Seen { open: false, activity: None, note: Some("dnd".into()) },
                DndShown::Default => own,
            },
            (
                Shown::Default,
                Some(
                    Status::Offline
                    | Status::Ringing
                    | Status::Dialing
                    | Status::Busy
                    | Status::WrapUp
                    | Status::Banned
                    | Status::NotReady
                    | Status::Ready,
                )
                | None,
            ) => own,
        }
    }

    /// What his devices say for themselves: in words, or by being there.
    fn own_presence(&self, user: UserId) -> Seen {
        if let Some(published) = self.watching.published(user) {
            return published.clone();
        }
        Seen { open: self.is_reachable(user), activity: None, note: None }
    }
}
