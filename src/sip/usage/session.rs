//! Session timers (RFC 4028): whoever is chosen refreshes, the other ends a call that nobody refreshes.

use std::time::Duration;

use super::{Phase, Usage, UsageClock};
use crate::{
    base::Now,
    sip::{Ended, Event, Path, Reply, Stack, TransactionId, UsageId, transaction::ClientOwner},
    wire::sip::{Message, Method, Name, Writer},
};

/// How long after a refused refresh the next one is tried.
const REFRESH_AGAIN: Duration = Duration::from_secs(5);

/// The longest interval that is kept to; one of a day says that nobody cares.
const INTERVAL_MAX: u32 = 86_400;

/// The interval agreed on, and whose task it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Session {
    pub seconds: u32,
    pub we_refresh: bool,
}

/// What a request asks for, bent to our bounds.
struct Asked {
    seconds: u32,
    /// The peer that sent the request refreshes.
    by_sender: bool,
    supported: bool,
}

fn interval(message: &Message) -> Option<(u32, Option<&str>)> {
    let value = message.header(Name::SessionExpires)?;
    let mut parts = value.split(';').map(str::trim);
    let seconds = parts.next()?.parse().ok()?;
    let refresher = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("refresher").then_some(value.trim())
    });
    Some((seconds, refresher))
}

fn supports_timer(message: &Message) -> bool {
    let named = |name| message.list(name).any(|tag: &str| tag.trim().eq_ignore_ascii_case("timer"));
    named(Name::Supported) || named(Name::Require)
}

fn seconds_of(length: Duration) -> u32 {
    u32::try_from(length.as_secs()).unwrap_or(INTERVAL_MAX)
}

/// When an interval is refreshed, and when it is over: a third of it, at most 32 s, before its end (RFC 4028 10).
pub(super) fn moments(seconds: u32) -> (Duration, Duration) {
    let length = Duration::from_secs(seconds.into());
    (length / 2, length - (length / 3).min(Duration::from_secs(32)))
}

fn min_se(message: &Message) -> u32 {
    message
        .header(Name::MinSe)
        .and_then(|value| value.split(';').next().unwrap_or_default().trim().parse().ok())
        .unwrap_or(0)
}

impl Stack {
    /// Session-Expires and Min-SE of a request: our wish, or what has been agreed; `least` is the interval below which the peer
    /// does not go, as far as it has said.
    pub(super) fn propose_session(&self, writer: &mut Writer, session: Option<Session>, least: u32) {
        match session {
            None => writer.header(Name::SessionExpires, self.settings.session_expires.as_secs()),
            Some(Session { seconds, we_refresh }) => {
                let refresher = if we_refresh { "uac" } else { "uas" };
                writer.header(Name::SessionExpires, format_args!("{seconds};refresher={refresher}"))
            }
        };
        writer.header(Name::MinSe, self.settings.session_min.as_secs().max(least.into()));
    }

    /// 422 for a request whose interval is below our minimum, when its sender understands that (RFC 4028 9).
    pub(in crate::sip) fn session_too_small(&self, request: &Message) -> Option<Reply> {
        let (seconds, _) = interval(request)?;
        let min = seconds_of(self.settings.session_min);
        (seconds < min && supports_timer(request)).then(|| Reply::new(422).header("Min-SE", min.to_string()))
    }

    fn asked_session(&self, id: UsageId, request: &Message) -> Option<Asked> {
        self.usages.get(id).filter(|usage| usage.abilities.session_timer)?;
        let (seconds, refresher) = interval(request)?;
        let supported = supports_timer(request);
        let least = seconds_of(self.settings.session_min).max(min_se(request));
        let by_sender = supported && refresher.is_none_or(|who| who.eq_ignore_ascii_case("uac"));
        Some(Asked { seconds: seconds.clamp(least.min(INTERVAL_MAX), INTERVAL_MAX), by_sender, supported })
    }

    /// Session-Expires of our 2xx.
    pub(super) fn grant_session(&self, writer: &mut Writer, id: UsageId, request: &Message) {
        let Some(Asked { seconds, by_sender, supported }) = self.asked_session(id, request) else { return };
        let refresher = if by_sender { "uac" } else { "uas" };
        writer.header(Name::SessionExpires, format_args!("{seconds};refresher={refresher}"));
        if supported {
            writer.header(Name::Require, "timer");
        }
    }

    /// Keeps to what our 2xx to this request said.
    pub(super) fn session_granted(&mut self, now: Now, id: UsageId, request: &Message) {
        let session = self
            .asked_session(id, request)
            .map(|asked| Session { seconds: asked.seconds, we_refresh: !asked.by_sender });
        self.keep_session(now, id, session);
    }

    /// Keeps to what their 2xx said.
    pub(super) fn session_agreed(&mut self, now: Now, id: UsageId, response: &Message) {
        let session = interval(response).map(|(seconds, refresher)| Session {
            // An interval shorter than any minimum would make us refresh all the time.
            seconds: seconds.clamp(seconds_of(self.settings.session_min).min(90), INTERVAL_MAX),
            we_refresh: !refresher.is_some_and(|who| who.eq_ignore_ascii_case("uas")),
        });
        self.keep_session(now, id, session);
    }

    fn keep_session(&mut self, now: Now, id: UsageId, session: Option<Session>) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        if matches!(usage.phase, Phase::Ending) {
            return;
        }
        let is_later = std::mem::replace(&mut usage.session, session).is_some();
        usage.stretched = false;
        self.usage_timers.cancel((id, UsageClock::Refresh));
        self.usage_timers.cancel((id, UsageClock::Expire));
        let Some(Session { seconds, we_refresh }) = session else { return };
        let (refresh, expire) = moments(seconds);
        self.usage_timers.set((id, UsageClock::Expire), now.mono + expire);
        if we_refresh {
            self.usage_timers.set((id, UsageClock::Refresh), now.mono + refresh);
        }
        if is_later {
            self.tell(Event::Renewed { usage: id });
        }
    }

    pub(super) fn on_refresh_due(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get(id) else { return };
        if !matches!(usage.phase, Phase::Confirmed) {
            return self.refresh_again(now, id);
        }
        if !usage.peer_updates {
            return self.tell(Event::RefreshDue { usage: id });
        }
        self.send_inside(now, id, &Method::Update, ClientOwner::Refresh(id), None, |stack, usage, writer| {
            stack.describe(writer, usage.dialog.path, usage.own_contact(), usage.abilities);
            let least = usage.session.filter(|_| usage.stretched).map_or(0, |session| session.seconds);
            stack.propose_session(writer, usage.session, least);
        });
    }

    /// Our refresh asked for less than the peer allows: the next one asks for what its 422 names, at once (RFC 4028 7.3), and
    /// after the usual pause where the one before was refused for that already.
    fn lengthen_session(&mut self, now: Now, id: UsageId, wanted: u32) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        let again = std::mem::replace(&mut usage.stretched, true);
        let session = usage.session.as_mut().filter(|session| (session.seconds..=INTERVAL_MAX).contains(&wanted));
        let longer = session.is_some_and(|session| std::mem::replace(&mut session.seconds, wanted) < wanted);
        if longer && !again { self.on_refresh_due(now, id) } else { self.refresh_again(now, id) }
    }

    fn refresh_again(&mut self, now: Now, id: UsageId) {
        self.usage_timers.set((id, UsageClock::Refresh), now.mono + REFRESH_AGAIN);
    }

    pub(in crate::sip) fn on_refresh_answer(&mut self, now: Now, id: UsageId, response: &Message, path: Path) {
        let Some(usage) = self.usages.get_mut(id) else { return };
        match response.status().unwrap_or_default() {
            200..300 => {
                usage.learn(response);
                self.refresh_target(id, response, path);
                self.session_agreed(now, id, response);
            }
            405 | 501 => {
                usage.peer_updates = false;
                self.tell(Event::RefreshDue { usage: id });
            }
            422 => self.lengthen_session(now, id, min_se(response)),
            481 => self.end_quietly(now, id, Ended::Timeout),
            408 => self.end(now, id, Ended::Timeout, None),
            // The session lives until it expires; there is time for another try.
            _ => self.refresh_again(now, id),
        }
    }

    pub(in crate::sip) fn on_refresh_silent(&mut self, now: Now, id: UsageId, unreachable: bool) {
        if matches!(self.usages.get(id), None | Some(Usage { phase: Phase::Ending, .. })) {
            return;
        }
        self.end(now, id, if unreachable { Ended::Unreachable } else { Ended::Timeout }, None);
    }

    /// Their UPDATE without an offer: it only keeps the session alive and may move the target.
    pub(super) fn grant_refresh(
        &mut self,
        now: Now,
        transaction: TransactionId,
        id: UsageId,
        request: &Message,
        path: Path,
    ) {
        self.refresh_target(id, request, path);
        let reply = Reply::new(200);
        let Some(bytes) = self.write_answer(id, transaction, &reply) else { return };
        // One that names no interval ends the timer, as a re-INVITE does (RFC 4028 9): its sender keeps to none any more.
        self.session_granted(now, id, request);
        self.conclude(now, transaction, 200, bytes, false);
    }

    /// Follows a 422 once, with the interval that it names (RFC 4028 7.3).
    pub(super) fn stretch_session(
        &mut self,
        now: Now,
        transaction: TransactionId,
        id: UsageId,
        response: &Message,
    ) -> bool {
        let owner = self.client(transaction).map(|client| client.owner);
        let Some(owner) = owner.filter(|owner| self.is_wanted(*owner)) else { return false };
        let wanted = min_se(response);
        let Some(usage) = self.usages.get_mut(id) else { return false };
        if wanted == 0 || wanted > INTERVAL_MAX || std::mem::replace(&mut usage.stretched, true) {
            return false;
        }
        let seconds = wanted.max(seconds_of(self.settings.session_expires));
        let Some(bytes) = self.client(transaction).map(|client| client.bytes.clone()) else { return false };
        let Ok(request) = Message::parse(bytes) else { return false };
        let headers = [(Name::SessionExpires, seconds.to_string()), (Name::MinSe, wanted.to_string())];
        match self.try_again(now, transaction, &request, &headers) {
            Some(retry) => {
                self.on_retry(owner, transaction, retry);
                true
            }
            None => false,
        }
    }
}
