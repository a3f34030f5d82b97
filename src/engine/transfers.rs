//! Transfers that phones ask for (CH-12, SW-13): REFER alone, and REFER with Replaces (RFC 5589). Both are carried out
//! here; none is ever passed on.

use super::{BlindFailed, Engine, Refused, identity::internal_name, note::Note};
use crate::{
    acd::PartEnd,
    base::{CallId, LegId, Now, QueueId, UserId, Wall},
    sip::{Reply, SubscriptionId, TransactionId},
    switch::{CallSight, Caller, Cause, EndedBy, LegParty, LegStage, Routed, escape_user},
    wire::sip::{Message, Name, NameAddr, Replaces, Uri},
};

/// A call of which one side is being passed on.
pub(super) struct Transfer {
    /// Who asked for it, and by whose rights it is done.
    pub user: UserId,
    /// His leg, which waits for the outcome; it may end earlier.
    leg: LegId,
    /// He wants to be told how it goes.
    refer: Option<SubscriptionId>,
    rang: bool,
    /// What becomes of whom nobody takes, where that is not the centre's rule.
    failed: Option<BlindFailed>,
    /// Whom he named with `sips:` is called securely or not at all, until the transfer has failed.
    secures: bool,
    /// Where the one who is passed on waited before, with his priority and arrival.
    pub(super) origin: Option<(QueueId, i32, Wall)>,
}

/// What a REFER asks for, when it may.
enum Asked {
    /// Pass my partner on to there, in place of my own call `early` that still rings.
    Blind { routed: Routed, early: Option<CallId>, secures: bool },
    /// Join my partner with that of another leg of mine.
    Attended(LegId),
}

impl Engine {
    /// A REFER inside a call.
    pub(super) fn on_refer(&mut self, now: Now, transaction: TransactionId, request: &Message, leg: LegId) {
        let (user, asked) = match self.judge_refer(request, leg) {
            Ok(judged) => judged,
            Err(reply) => return self.switch.reply(now, transaction, reply),
        };
        let Some(call) = self.switch.leg(leg).map(|leg| leg.call()) else { return };
        // RFC 4488: he may not want to hear of it.
        let told = !request.header(Name::ReferSub).is_some_and(|wanted| wanted.trim().eq_ignore_ascii_case("false"));
        let again = self.notes.get_mut(&call).is_some_and(|note| std::mem::replace(&mut note.referred, true));
        let wanted = told.then(|| again.then(|| request.cseq().number));
        let refer = self.switch.accept_refer(now, transaction, leg, wanted);
        let (secures, origin) = (matches!(asked, Asked::Blind { secures: true, .. }), self.origin(call, user));
        let transfer = Transfer { user, leg, refer, rang: false, failed: None, secures, origin };
        match asked {
            Asked::Blind { routed, early, .. } => {
                if let Some(early) = early {
                    self.switch.end_call(now, early, Cause::CANCELLED, EndedBy::Switch);
                }
                self.pass_on(now, call, transfer, routed);
            }
            Asked::Attended(other) => self.join_partners(now, transfer, other),
        }
    }

    fn judge_refer(&mut self, request: &Message, leg: LegId) -> Result<(UserId, Asked), Reply> {
        let sight = self.switch.leg(leg).ok_or_else(|| Reply::new(481))?;
        let call = sight.call();
        // A carrier, or whoever calls through one, decides nothing about where our calls go.
        let LegParty::User(user) = sight.party() else { return Err(Reply::new(403)) };
        let mut targets = request.headers(Name::ReferTo);
        let (Some(target), None) = (targets.next(), targets.next()) else {
            return Err(Reply::new(400).reason("One Refer-To Wanted"));
        };
        let target = NameAddr::parse(target).map_err(|_| Reply::new(400).reason("Bad Refer-To"))?;
        let uri = &target.uri;
        let is_tel = uri.scheme.eq_ignore_ascii_case("tel");
        if !is_tel && !uri.is_sip() {
            return Err(Reply::new(416));
        }
        if uri.params.value("method").is_some_and(|method| method != "INVITE") {
            return Err(Reply::new(501).reason("Only INVITE"));
        }
        self.check_settled(call)?;
        if self.switch.partner(leg).is_none() {
            return Err(Reply::new(403).reason("Nobody To Pass On"));
        }
        let mut number = uri.user_decoded().into_owned();
        let mut early = None;
        if let Some(replaces) = uri.header("Replaces") {
            // The dialog says which call is meant, whatever the other phone calls itself.
            let replaces = Replaces::parse(&replaces).map_err(|_| Reply::new(400).reason("Bad Replaces"))?;
            match self.own_other_leg(&replaces, user, call)? {
                (other, None) => return Ok((user, Asked::Attended(other))),
                // It still rings there: the same as if he had not waited.
                (other, Some(dialled)) => {
                    number = dialled;
                    early = self.switch.leg(other).map(|leg| leg.call());
                }
            }
        } else if !is_tel && !self.is_ours_to(user, uri) && !is_called(request, uri) {
            return Err(Reply::new(403).reason("Not Ours"));
        }
        if self.has_company(call) {
            return Err(Reply::new(491).reason("Others Are In The Call"));
        }
        let routed = self.route_dialled(LegParty::User(user), &number).ok_or_else(|| Reply::new(404))?;
        if !self.is_allowed(LegParty::User(user), &routed) {
            return Err(Reply::new(403));
        }
        Ok((user, Asked::Blind { routed, early, secures: uri.scheme.eq_ignore_ascii_case("sips") }))
    }

    /// A call that is being passed on already, or in which somebody is asked in private, is not to be passed on.
    fn check_settled(&self, call: CallId) -> Result<(), Reply> {
        if self.notes.get(&call).is_none_or(|note| note.transfer.is_some()) {
            return Err(Reply::new(491).reason("Being Passed On"));
        }
        if self.is_asking(call) {
            return Err(Reply::new(491).reason("Consulting"));
        }
        Ok(())
    }

    /// The leg that a Replaces in a REFER names: another call of the same user. With what was dialled in it when nobody
    /// has answered there.
    fn own_other_leg(
        &self,
        replaces: &Replaces<'_>,
        user: UserId,
        call: CallId,
    ) -> Result<(LegId, Option<String>), Reply> {
        let gone = || Reply::new(481).reason("No Such Dialog");
        let other = self.switch.find_replaced(replaces.call_id, replaces.to_tag, replaces.from_tag).ok_or_else(gone)?;
        let sight = self.switch.leg(other).ok_or_else(gone)?;
        if sight.party() != LegParty::User(user) || sight.call() == call {
            return Err(Reply::new(403));
        }
        self.check_settled(sight.call())?;
        if self.switch.partner(other).is_some() {
            return Ok((other, None));
        }
        let dialled = self.switch.call(sight.call()).filter(|call| call.caller_leg() == other && !sight.is_answered());
        dialled.map(|call| (other, Some(call.dialled().to_string()))).ok_or_else(gone)
    }

    /// A transfer asked for at a page (CH-08 to CH-10). The agent is free at once, unless he is to have the call back when
    /// nobody takes it.
    pub(super) fn transfer(
        &mut self,
        now: Now,
        call: CallId,
        by: UserId,
        to: &str,
        failed: Option<BlindFailed>,
    ) -> Result<(), Refused> {
        let not_now = |detail| Refused::not_now("not_talking", detail);
        if self.notes.get(&call).is_none_or(|note| note.transfer.is_some()) {
            return Err(not_now("this call is over, or is being passed on already"));
        }
        if self.is_asking(call) {
            return Err(Refused::not_now("consulting", "end the private talk first, or complete it"));
        }
        if self.has_company(call) {
            let detail = "others are in this call: leave it to them, or put them out of it first";
            return Err(Refused::not_now("others", detail));
        }
        let leg = self.leg_for(call, Some(by)).ok_or_else(|| not_now("nobody talks in this call"))?;
        let routed = self.routed_for(by, to)?;
        // Where nobody can even be rung the call stays with him, who hears of it now, whatever the rule.
        let stays = Some(BlindFailed::ReturnToAgent);
        let origin = self.origin(call, by);
        let transfer = Transfer { user: by, leg, refer: None, rang: false, failed: stays, secures: false, origin };
        self.pass_on(now, call, transfer, routed);
        self.settle(now);
        let transfer = self.notes.get_mut(&call).and_then(|note| note.transfer.as_mut());
        let goes_on = transfer.map(|transfer| transfer.failed = failed).is_some();
        let rule = failed.unwrap_or(self.directory.blind_failed);
        if goes_on && rule != BlindFailed::ReturnToAgent {
            self.switch.release(now, leg);
        } else if !goes_on && self.switch.partner(leg).is_some() {
            return Err(Refused::not_now("unreachable", "nobody can be reached there now; the call is where it was"));
        }
        Ok(())
    }

    /// Blind: the partner hears ringback (TK-11) until somebody takes him.
    fn pass_on(&mut self, now: Now, call: CallId, mut transfer: Transfer, routed: Routed) {
        let leg = transfer.leg;
        let shown = self.switch.partner(leg).map(|partner| self.shown_as(call, partner)).unwrap_or_default();
        if !self.switch.put_aside(leg, shown) {
            return;
        }
        if let Some(refer) = transfer.refer {
            self.switch.tell_refer(now, refer, 100);
        }
        // What was dialled as `sips:` stays so, however this ends.
        transfer.secures = transfer.secures && !self.switch.set_secure(call, true);
        if let Some(note) = self.notes.get_mut(&call) {
            note.transfer = Some(transfer);
        }
        self.direct_to(now, call, routed);
        self.changed(now, call);
    }

    /// Who is shown as calling when a leg is passed on: whose it is.
    pub(super) fn shown_as(&self, call: CallId, leg: LegId) -> Caller {
        let Some(sight) = self.switch.leg(leg) else { return Caller::default() };
        if let Some(call) = self.switch.call(call).filter(|call| call.caller_leg() == leg) {
            return call.shown().clone();
        }
        match sight.party() {
            LegParty::User(user) => self.shown_user(user, false),
            LegParty::Trunk(_) => Caller { number: sight.address().clone(), ..Caller::default() },
        }
    }

    /// Attended: both partners of the transferor hear each other from now on. The older call lives on: the customer's.
    fn join_partners(&mut self, now: Now, transfer: Transfer, other: LegId) {
        let legs = (self.switch.leg(transfer.leg).map(|leg| leg.call()), self.switch.leg(other).map(|leg| leg.call()));
        let (Some(one), Some(two)) = legs else { return };
        // The last word goes first: behind the BYE there is nobody to hear it.
        if let Some(refer) = transfer.refer {
            self.switch.tell_refer(now, refer, 200);
        }
        let (by, other) = if one < two { (transfer.leg, other) } else { (other, transfer.leg) };
        let Some((kept, gone)) = self.switch.merge(now, by, other) else { return };
        self.totals.transfers += 1;
        self.merge_notes(now, kept, gone, transfer.user);
    }

    /// What was known of two calls is known of the one that lives on. What the transferor did in them is over.
    fn merge_notes(&mut self, now: Now, kept: CallId, gone: CallId, user: UserId) {
        let agent = self.directory.agent_of(user);
        for call in [kept, gone] {
            let his = self.notes.get(&call).is_some_and(|note| {
                note.engagement.is_some()
                    && agent.is_some()
                    && note.queue.as_ref().and_then(|queue| queue.agent) == agent
            });
            if his {
                self.end_interaction(now, call, PartEnd::Transferred);
            }
        }
        if [kept, gone].iter().all(|call| self.notes.get(call).is_some_and(|note| note.engagement.is_some())) {
            // A customer of two agents has put them together.
            self.becomes_direct(now, gone);
        }
        let Some(old) = self.notes.get_mut(&gone) else { return };
        let (interaction, engagement, trunk) = (old.interaction.take(), old.engagement.take(), old.trunk);
        let queue = old.queue.clone().filter(|_| engagement.is_some());
        let Some(note) = self.notes.get_mut(&kept) else { return };
        note.trunk = note.trunk.or(trunk);
        if let Some(interaction) = interaction {
            note.interaction = Some(interaction);
            if let Some(waiting) = self.waiting.get_mut(&interaction) {
                waiting.call = kept;
            }
        }
        if let Some(engagement) = engagement {
            note.engagement = Some(engagement);
            note.queue = queue;
            self.engagements.insert(engagement, kept);
        }
        let moved: Vec<_> =
            self.direct.keys().filter(|(call, held)| *call == gone && Some(*held) != agent).copied().collect();
        for (call, agent) in moved {
            let legs = self.direct.remove(&(call, agent)).unwrap_or(0);
            *self.direct.entry((kept, agent)).or_insert(0) += legs;
            self.acd.handle_direct_moved(now, agent, gone, (kept, self.direct_kind(kept)));
        }
        self.changed(now, kept);
    }

    /// A device of whom a call is passed on to rings.
    pub(super) fn on_transfer_rings(&mut self, now: Now, call: CallId) {
        let Some(transfer) = self.notes.get_mut(&call).and_then(|note| note.transfer.as_mut()) else { return };
        if !std::mem::replace(&mut transfer.rang, true)
            && let Some(refer) = transfer.refer
        {
            self.switch.tell_refer(now, refer, 180);
        }
    }

    /// Somebody took whom was passed on, or a queue did: the transferor's part is over (rule 26).
    pub(super) fn on_transferred(&mut self, now: Now, call: CallId) {
        let Some(transfer) = self.notes.get_mut(&call).and_then(|note| note.transfer.take()) else { return };
        self.totals.transfers += 1;
        if let Some(refer) = transfer.refer {
            self.switch.tell_refer(now, refer, 200);
        }
        match self.engaged_beside(call, transfer.leg) {
            None => self.end_interaction(now, call, PartEnd::Transferred),
            // His customer has given him to somebody, and he talks on.
            Some(leg) if self.switch.partner(leg).is_some() => {}
            Some(_) => self.becomes_direct(now, call),
        }
        self.switch.release(now, transfer.leg);
    }

    /// The leg of the agent whose engagement a call is, when it is another than this one: it is he who is passed on.
    fn engaged_beside(&self, call: CallId, leg: LegId) -> Option<LegId> {
        let is_his = |party| match party {
            LegParty::User(user) => self.directory.agent_of(user).is_some_and(|agent| self.has_engagement(call, agent)),
            LegParty::Trunk(_) => false,
        };
        let mut others = self.switch.call(call)?.legs().filter(|other| other.id() != leg && other.is_answered());
        others.find(|other| is_his(other.party())).map(|other| other.id())
    }

    /// The customer is gone from a call, and his agent is still in it: that keeps him busy as one that came through no queue
    /// (rule 37).
    fn becomes_direct(&mut self, now: Now, call: CallId) {
        let agent = self.notes.get(&call).and_then(|note| note.engagement.and(note.queue.as_ref()?.agent));
        if let Some(agent) = agent {
            // Before the engagement ends, or he would be free in between.
            self.direct.entry((call, agent)).or_insert(1);
            self.acd.handle_direct_busy(now, agent, call, self.direct_kind(call));
        }
        self.end_interaction(now, call, PartEnd::Customer);
    }

    /// The place in a queue that the customer of an agent had, before that one took him.
    pub(super) fn origin(&self, call: CallId, user: UserId) -> Option<(QueueId, i32, Wall)> {
        let note = self.notes.get(&call)?;
        let agent = self.directory.agent_of(user);
        note.engagement.filter(|_| agent.is_some() && note.queue.as_ref().is_some_and(|queue| queue.agent == agent))?;
        let waiting = self.waiting.get(&note.interaction?)?;
        Some((waiting.queue, waiting.priority, waiting.arrived))
    }

    /// Nobody took whom was passed on: what becomes of him is the centre's rule (CH-08), and where that can't be done the
    /// other way of keeping him. False when nobody was being passed on.
    pub(super) fn on_transfer_failed(&mut self, now: Now, call: CallId, cause: Cause) -> bool {
        let Some(transfer) = self.notes.get_mut(&call).and_then(|note| note.transfer.take()) else { return false };
        if let Some(refer) = transfer.refer {
            self.switch.tell_refer(now, refer, cause.status());
        }
        if transfer.secures {
            self.switch.set_secure(call, false);
        }
        let kept = match transfer.failed.unwrap_or(self.directory.blind_failed) {
            BlindFailed::ToQueueHead => {
                self.back_to_queue(now, call, &transfer)
                    || self.switch.take_back(now, transfer.leg)
                    || self.call_back(now, call, transfer.user)
            }
            BlindFailed::ReturnToAgent => {
                self.switch.take_back(now, transfer.leg)
                    || self.back_to_queue(now, call, &transfer)
                    || self.call_back(now, call, transfer.user)
            }
            BlindFailed::HangUp => false,
        };
        if !kept {
            self.switch.end_call(now, call, cause, EndedBy::Switch);
        }
        true
    }

    /// The transferor has hung up, so his telephones ring for whom nobody took, as for anybody who calls him: it goes on as his
    /// own forwarding says, and is over when that comes to nothing.
    fn call_back(&mut self, now: Now, call: CallId, user: UserId) -> bool {
        let transferor = LegParty::User(user);
        let is_there = self.switch.call(call).is_some_and(|sight| {
            sight.party() != transferor && self.switch.leg(sight.caller_leg()).is_some_and(|leg| leg.is_answered())
        });
        let name = self.directory.users.get(&user).map(|user| internal_name(user).to_owned());
        let Some(routed) = name.filter(|_| is_there).and_then(|name| self.route_dialled(transferor, &name)) else {
            return false;
        };
        if let Some(note) = self.notes.get_mut(&call) {
            // Where the one who did not take him wanted to be called instead is nobody's wish any more.
            note.elsewhere = None;
        }
        self.direct_to(now, call, routed);
        true
    }

    /// He waits again where he waited before, with the place that he had: before all who came later.
    fn back_to_queue(&mut self, now: Now, call: CallId, transfer: &Transfer) -> bool {
        let Some((queue, priority, arrived)) = transfer.origin else { return false };
        let is_there = |call: CallSight<'_>| call.caller_leg() != transfer.leg && call.answered().is_some();
        if !self.switch.call(call).is_some_and(is_there) {
            return false;
        }
        self.end_interaction(now, call, PartEnd::Transferred);
        self.switch.release(now, transfer.leg);
        self.put_back(now, call, queue, (priority, arrived));
        true
    }

    /// The transferor hung up before the outcome: he is free (CH-08), and the call goes on without him.
    pub(super) fn on_transferor_leg(&mut self, now: Now, call: CallId, leg: LegId, stage: LegStage) {
        let is_his = |note: &&mut Note| note.transfer.as_ref().is_some_and(|transfer| transfer.leg == leg);
        if stage == LegStage::Ended
            && self.notes.get_mut(&call).filter(is_his).is_some()
            && self.switch.call(call).is_some()
            && self.engaged_beside(call, leg).is_none()
        {
            self.end_interaction(now, call, PartEnd::Transferred);
        }
    }

    /// The value of Referred-By for whom is rung (RFC 3892); ours, not the phone's.
    pub(super) fn referred_by(&self, call: CallId) -> Option<String> {
        let user = self.notes.get(&call)?.transfer.as_ref()?.user;
        let user = self.directory.users.get(&user)?;
        Some(format!("<sip:{}@{}>", escape_user(user.name.as_str()), self.settings.realm))
    }

    /// By whose rights a call goes where it goes: those of who forwarded it, of the transferor, or of whoever calls.
    pub(super) fn rights(&self, call: CallId) -> Option<LegParty> {
        let note = self.notes.get(&call);
        let transferor = note.and_then(|note| note.transfer.as_ref()).map(|transfer| transfer.user);
        note.and_then(|note| note.forwarded_by)
            .or(transferor)
            .map(LegParty::User)
            .or_else(|| self.switch.call(call).map(|sight| sight.party()))
    }
}

/// Whether a request inside a call calls us by the host of this URI.
fn is_called(request: &Message, uri: &Uri<'_>) -> bool {
    request.to().is_ok_and(|to| to.uri.host == uri.host)
}
