//! What a SUBSCRIBE asks for, and what of it is granted (RFC 6665 4.2.1).

use super::{
    Ground, Line, Phase, SUBSCRIPTION_SECS_MAX, SUBSCRIPTION_SECS_MIN, Subscription, SubscriptionId, notify::CSEQ_BLOCK,
};
use crate::{
    base::Now,
    sip::{
        Event, Farewell, Mark, Path, Reply, Stack, TransactionId, compose,
        dialog::{Dialog, caller_target},
        transaction::ServerOwner,
    },
    wire::sip::{Message, Name},
};

/// An event package that the floor above has something to say about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Package {
    /// As the Event header names it.
    pub event: &'static str,
    /// What its NOTIFYs carry.
    pub content_type: &'static str,
}

/// The Event header of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventAsked<'a> {
    pub event: &'a str,
    pub id: Option<&'a str>,
}

impl<'a> EventAsked<'a> {
    /// `None` when there is none.
    pub fn read(request: &'a Message) -> Option<Self> {
        let mut parts = request.header(Name::Event)?.split(';').map(str::trim);
        let event = parts.next().filter(|event| !event.is_empty())?;
        let id = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("id"));
        Some(Self { event, id: id.map(|(_, value)| value.trim()) })
    }
}

/// The life that is granted, in seconds; zero is a look, or the end.
fn granted_secs(request: &Message) -> Result<u32, Reply> {
    match request.header(Name::Expires).map(|_| request.expires()) {
        None => Ok(SUBSCRIPTION_SECS_MAX),
        Some(None) => Err(Reply::new(400).reason("Bad Expires")),
        Some(Some(0)) => Ok(0),
        Some(Some(secs)) if secs < SUBSCRIPTION_SECS_MIN => {
            Err(Reply::new(423).header("Min-Expires", SUBSCRIPTION_SECS_MIN.to_string()))
        }
        Some(Some(secs)) => Ok(secs.min(SUBSCRIPTION_SECS_MAX)),
    }
}

/// Whether an Accept header, if there is one, takes this type.
fn takes(request: &Message, content_type: &str) -> bool {
    let mut list = request.list(Name::Accept).peekable();
    if list.peek().is_none() {
        return true;
    }
    let (kind, _) = content_type.split_once('/').unwrap_or((content_type, ""));
    list.any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range == "*/*"
            || range.eq_ignore_ascii_case(content_type)
            || range.strip_suffix("/*").is_some_and(|wanted| wanted.eq_ignore_ascii_case(kind))
    })
}

impl Stack {
    /// A SUBSCRIBE inside the dialog of a subscription.
    pub(in crate::sip) fn on_subscription_request(
        &mut self,
        now: Now,
        path: Path,
        request: Message,
        id: SubscriptionId,
    ) {
        let transaction = self.begin_server(now, path, &request, ServerOwner::User, 0);
        let number = request.cseq().number;
        let Some(Ground::Own(dialog)) = self.subscriptions.get_mut(id).map(|known| &mut known.ground) else { return };
        if dialog.remote_cseq.is_some_and(|last| number <= last) {
            let reply = Reply::new(500).header("Retry-After", "0");
            return self.answer(now, transaction, &reply);
        }
        dialog.remote_cseq = Some(number);
        let event = match request.method() {
            Some(crate::wire::sip::Method::Subscribe) => {
                Event::Subscribe { transaction, request, path, known: Some(id) }
            }
            // Nothing else has a meaning here.
            Some(_) | None => {
                let reply = Reply::new(405).header("Allow", "SUBSCRIBE");
                return self.answer(now, transaction, &reply);
            }
        };
        self.tell(event);
    }

    /// Makes a subscription of a SUBSCRIBE that the floor above has judged. Nothing is answered yet: `confirm_subscription`
    /// does that, when what it promises is kept, and `notify` follows. `Err` is the answer where the request itself won't do.
    pub fn subscribe(
        &mut self,
        now: Now,
        transaction: TransactionId,
        path: Path,
        package: Package,
    ) -> Result<SubscriptionId, Reply> {
        let request = self.asked(transaction).ok_or_else(|| Reply::new(481))?;
        let tag = self.server(transaction).map(|server| server.tag).unwrap_or_default();
        let event = EventAsked::read(&request).ok_or_else(|| Reply::new(489))?;
        let target = caller_target(&request).ok_or_else(|| Reply::new(400).reason("Missing Contact"))?;
        if !takes(&request, package.content_type) {
            return Err(Reply::new(406).header("Accept", package.content_type));
        }
        let secs = granted_secs(&request)?;
        if self.subscriptions.len() >= self.settings.subscriptions_max {
            return Err(Reply::new(503).header("Retry-After", "60"));
        }
        let user = request.request_uri().ok().and_then(|uri| uri.user).unwrap_or_default();
        let dialog = Dialog::from_request(&request, tag, target, path);
        let subscription = Subscription {
            event: package.event.into(),
            event_id: event.id.map(Into::into),
            contact_user: user.into(),
            until: now.mono + std::time::Duration::from_secs(secs.into()),
            phase: if secs == 0 { Phase::Leaving(Farewell::Timeout) } else { Phase::Active },
            line: Line::Free,
            due: false,
            cseq_kept: dialog.local_cseq + CSEQ_BLOCK,
            ground: Ground::Own(Box::new(dialog)),
            last: None,
        };
        Ok(self.subscriptions.add(subscription))
    }

    /// The same for one inside the dialog of a subscription: a longer life, or its end.
    pub fn resubscribe(
        &mut self,
        now: Now,
        transaction: TransactionId,
        path: Path,
        id: SubscriptionId,
    ) -> Result<(), Reply> {
        let request = self.asked(transaction).ok_or_else(|| Reply::new(481))?;
        let known = self.subscriptions.get(id).ok_or_else(|| Reply::new(481))?;
        let event = EventAsked::read(&request).ok_or_else(|| Reply::new(489))?;
        if !event.event.eq_ignore_ascii_case(&known.event) || event.id != known.event_id.as_deref() {
            return Err(Reply::new(489).reason("Another Event In This Dialog"));
        }
        if known.phase != Phase::Active {
            return Err(Reply::new(481));
        }
        let secs = granted_secs(&request)?;
        let (from, was_at) = (known.flow(), known.dialog().map(|dialog| dialog.path.remote.ip()));
        if let Some(known) = self.subscriptions.get_mut(id) {
            known.until = now.mono + std::time::Duration::from_secs(secs.into());
            if secs == 0 {
                known.phase = Phase::Leaving(Farewell::Timeout);
            }
            if let Ground::Own(dialog) = &mut known.ground {
                dialog.renew(&request, path);
                known.cseq_kept = dialog.local_cseq.saturating_add(CSEQ_BLOCK);
            }
            let until = known.until;
            self.subscriptions.moved(id, from);
            if let Some(was_at) = was_at {
                self.subscriptions.come_ashore(id, was_at);
            }
            self.subscriptions.timers.set((id, super::SubscriptionClock::Expires), until);
        }
        Ok(())
    }

    /// 200 to a SUBSCRIBE. Neither it nor a copy of it leaves before what `after` stands for is done.
    pub fn confirm_subscription(&mut self, now: Now, transaction: TransactionId, id: SubscriptionId, after: Mark) {
        let Some((request, known)) = self.asked(transaction).zip(self.subscriptions.get(id)) else { return };
        let mut reply = Reply::new(200).after(after).header("Expires", known.secs_left(now).to_string());
        if let Some(dialog) = known.dialog() {
            let contact = compose::contact(
                &self.settings,
                dialog.path,
                compose::Contact { user: &known.contact_user, secure: false },
            )
            .to_string();
            reply = reply.header("Contact", contact);
            for route in request.headers(Name::RecordRoute) {
                reply = reply.header("Record-Route", route);
            }
        }
        self.reply(now, transaction, reply);
    }
}
