//! Requests from outside: who sends them, and what he may.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::{Alarm, CallRecord, Direction, Engine, GateOrder, Output, dial_plan::Read};
use crate::{
    base::{CallId, Dialled, LegId, Now, Private, TrunkId, UserId},
    sip::{
        Path, Reply, TransactionId, UsageId,
        digest::{Covered, Verdict},
        proxy::is_forwarded_branch,
    },
    switch::{Admission, Caller, Cause, EndedBy, Invited, LegParty, LegSide, Quirks},
    wire::sip::{Host, Message, Method, Name, Uri, Via},
};

/// Who sends a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Identity {
    User(UserId),
    Trunk(TrunkId),
}

impl Identity {
    pub fn party(&self) -> LegParty {
        match self {
            Self::User(user) => LegParty::User(*user),
            Self::Trunk(trunk) => LegParty::Trunk(*trunk),
        }
    }
}

/// Phones that take a challenge in an algorithm they don't know for a failure, instead of passing over it (RFC 8760
/// 2.4), by the start of their User-Agent. They are challenged in MD5 alone.
const MD5_ONLY: [&str; 3] = ["baresip v0.", "baresip v1.", "SIPp"];

fn knows_md5_only(request: &Message) -> bool {
    request.header(Name::UserAgent).is_some_and(|agent| MD5_ONLY.iter().any(|known| agent.starts_with(known)))
}

impl Engine {
    /// An INVITE outside any call.
    pub(super) fn on_invite(&mut self, now: Now, usage: UsageId, request: &Message, path: Path) {
        let judged = self.judge(now, request, path);
        let (identity, Read { number: dialled, hides }) = match judged {
            Ok(judged) => judged,
            Err(reply) => {
                // A challenge refuses nothing: the call comes again with an answer to it.
                self.totals.calls_refused += u64::from(reply.status != 401);
                return self.switch.refuse(now, usage, reply);
            }
        };
        if request.header(Name::Replaces).is_some() {
            return self.on_pickup(now, usage, request, path, &identity);
        }
        let (party, caller) = self.caller(&identity, request, hides);
        if !self.has_free_line(now, party) {
            let full = Reply::new(503).header("Retry-After", "5");
            return self.turn_away(now, usage, (party, caller, &dialled), full);
        }
        if let Some(routed) = self.forwarded_by_route(party, &caller, &dialled) {
            return self.forward_call(now, (usage, path), request, (party, &caller, &dialled), routed);
        }
        let admission = Admission {
            party,
            caller: caller.clone(),
            dialled: dialled.clone(),
            hold_music: Some(self.directory.hold_music()),
            urgent: self.asks_for_help(request),
            quirks: self.quirks_of(party),
        };
        match self.switch.admit(now, Invited { usage, request, path }, admission) {
            Ok(call) => {
                self.totals.calls_begun += 1;
                self.note_caller_used(party, request, path);
                self.begin_call(now, call, party, hides == Some(false));
            }
            Err(reply) => self.turn_away(now, usage, (party, caller, &dialled), reply),
        }
    }

    /// A known caller's call is not taken on.
    pub(super) fn turn_away(
        &mut self,
        now: Now,
        usage: UsageId,
        (party, caller, dialled): (LegParty, Caller, &Dialled),
        reply: Reply,
    ) {
        self.totals.calls_refused += 1;
        self.record_refused(now, party, caller, dialled, reply.status);
        self.switch.refuse(now, usage, reply);
    }

    fn quirks_of(&self, party: LegParty) -> Arc<Quirks> {
        match party {
            LegParty::User(_) => Arc::default(),
            LegParty::Trunk(trunk) => {
                self.directory.trunks.get(&trunk).map(|trunk| trunk.quirks.clone()).unwrap_or_default()
            }
        }
    }

    fn has_free_line(&self, now: Now, party: LegParty) -> bool {
        let LegParty::Trunk(trunk) = party else { return true };
        self.directory.trunks.get(&trunk).is_none_or(|trunk| self.has_line(now, trunk, LegSide::Caller))
    }

    /// A known caller whose call was not even taken on finds it in the records all the same (AP-05).
    pub(super) fn record_refused(&mut self, now: Now, party: LegParty, caller: Caller, dialled: &Dialled, status: u16) {
        let (direction, trunk) = match party {
            LegParty::Trunk(trunk) => (Direction::Inbound, Some(trunk)),
            LegParty::User(_) => (Direction::Internal, None),
        };
        let record = CallRecord {
            call: CallId(self.switch.ids().next_call()),
            direction,
            trunk,
            caller: caller.number,
            dialled: Private::new(dialled.to_string()),
            began: now.wall,
            answered: None,
            connected: None,
            ended: now.wall,
            cause: Cause::from_status(status),
            ended_by: EndedBy::Switch,
            queue: None,
            menus: Vec::new(),
            legs: Vec::new(),
        };
        self.emit(Output::Record(super::Record::Call(Box::new(record))));
    }

    /// What must hold before a call is taken on: an address that we understand, no loop, a known caller.
    fn judge(&mut self, now: Now, request: &Message, path: Path) -> Result<(Identity, Read), Reply> {
        if self.draining && !self.asks_for_help(request) {
            return Err(Reply::new(503).header("Retry-After", "30").once());
        }
        let uri = request.request_uri().map_err(|_| Reply::new(400).once())?;
        if !matches!(uri.scheme.to_ascii_lowercase().as_str(), "sip" | "sips" | "tel") {
            return Err(Reply::new(416).once());
        }
        if self.has_passed(request, path.remote) {
            return Err(Reply::new(482).once());
        }
        let identity = self.identify(now, request, path, "INVITE")?;
        let mut user = uri.user_decoded();
        // What comes to our registration was dialled as To says.
        if self.lines.is_token(&user)
            && let Ok(to) = request.to()
        {
            user = to.uri.user_decoded().into_owned().into();
        }
        let read = self.read_dialled(identity.party(), &user).ok_or_else(|| Reply::new(404))?;
        Ok((identity, read))
    }

    /// The order is: a local user's name or device by digest, even from a trunk's address; a trunk's address; anyone
    /// else by digest. `Err` is the answer for one who did not prove himself.
    pub(super) fn identify(
        &mut self,
        now: Now,
        request: &Message,
        path: Path,
        method: &str,
    ) -> Result<Identity, Reply> {
        let claimed = self.claimed_user(request);
        let own_flow = path.flow.is_some_and(|flow| self.registrar.aor_of_flow(flow).is_some());
        if claimed.is_none()
            && !own_flow
            && let Some(trunk) = self.trunk_of(request, path)
        {
            return Ok(Identity::Trunk(trunk));
        }
        let user = self.authenticate(now, request, path, method)?;
        match claimed {
            Some(claimed) if claimed != user => Err(Reply::new(403).once()),
            Some(_) | None => Ok(Identity::User(user)),
        }
    }

    /// The trunk that a request comes from: by its address, its certificate, or because it comes to what we registered there,
    /// which tells several accounts at one carrier apart.
    fn trunk_of(&self, request: &Message, path: Path) -> Option<TrunkId> {
        let user = request.request_uri().ok().and_then(|uri| uri.user);
        let domains = self.certified.domains(path.flow);
        let known = self.directory.trunk_at(path.remote, domains).or_else(|| self.lines.at(path.remote));
        let called = user.and_then(|user| self.lines.called(user, domains));
        let is_its_own = |id: &TrunkId| {
            let trunk = self.directory.trunks.get(id);
            trunk.is_some_and(|trunk| trunk.sources.is_empty() || trunk.calls_from(path.remote, domains))
        };
        called.filter(is_its_own).or(known).or(called)
    }

    /// The local user that From names.
    pub(super) fn claimed_user(&self, request: &Message) -> Option<UserId> {
        let from = request.from().ok()?;
        if !self.is_ours(&from.uri) {
            return None;
        }
        self.directory.router.user(&from.uri.user_decoded())
    }

    /// Whether an address belongs to this switch.
    pub(super) fn is_ours(&self, uri: &Uri<'_>) -> bool {
        let settings = &self.settings;
        match uri.host {
            Host::V4(_) | Host::V6(_) => {
                let Some(ip) = uri.host.ip() else { return false };
                settings.listeners.iter().any(|listener| {
                    listener.local.ip() == ip
                        || listener.local.ip().is_unspecified()
                        || listener.advertised.as_ref().is_some_and(|(host, _)| host.parse() == Ok(ip))
                }) || settings.domains.iter().any(|domain| domain.parse() == Ok(ip))
            }
            Host::Name(host) => {
                let names = std::iter::once(&settings.realm).chain(&settings.domains);
                let advertised = settings.listeners.iter().filter_map(|listener| listener.advertised.as_ref());
                names.chain(advertised.map(|(host, _)| host)).any(|name| name.eq_ignore_ascii_case(host))
            }
        }
    }

    /// Whether an address belongs to this switch as a user writes it: his devices may know us by a name of their own.
    pub(super) fn is_ours_to(&self, user: UserId, uri: &Uri<'_>) -> bool {
        let name = self.directory.users.get(&user).map_or("", |user| user.name.as_str());
        let host = uri.host.to_string();
        let says_so = |domain: &str| domain.eq_ignore_ascii_case(&host);
        self.is_ours(uri)
            || self.registrar.bindings(name).iter().any(|binding| binding.domain.as_deref().is_some_and(says_so))
    }

    /// Proves a user by digest.
    pub(super) fn authenticate(
        &mut self,
        now: Now,
        request: &Message,
        path: Path,
        method: &str,
    ) -> Result<UserId, Reply> {
        let source = path.remote.ip();
        let uri = request.uri_text().unwrap_or_default();
        let claims = request.headers(Name::Authorization).chain(request.headers(Name::ProxyAuthorization));
        let mut claimed = None;
        let (directory, guesses, registrar, homes) = (&self.directory, &self.guesses, &self.registrar, &self.homes);
        let mut banned = false;
        let covered = Covered { method, uri, body: request.body() };
        let verdict = self.verifier.verify(now, source, covered, claims, |name| {
            claimed = Some(name.to_owned());
            // His own device is not made to suffer for who guesses beside it.
            let own = || registrar.bindings(name).iter().any(|binding| binding.path.remote == path.remote);
            let was_his = homes.was_his(now.mono, path.remote, name);
            let at_home = registrar.is_users_home(name, source) || homes.was_users_home(now.mono, source, name);
            banned = guesses.is_banned(now.mono, path.remote, name, (at_home, was_his)) && !own();
            directory.user(name).filter(|_| !banned)?.ha1.as_ref()
        });
        match verdict {
            Verdict::Ok(name) => {
                self.guesses.note_right(path.remote, &name, self.is_at_home(now, &name, source));
                self.directory.router.user(&name).ok_or_else(|| Reply::new(403).once())
            }
            Verdict::Misdirected => Err(Reply::new(400).reason("Digest URI Differs").once()),
            Verdict::Challenge { stale } => {
                let [sha256, md5] = self.verifier.challenge(now, source, stale);
                let mut reply = Reply::new(401).once();
                if !knows_md5_only(request) {
                    reply = reply.header("WWW-Authenticate", sha256);
                }
                Err(reply.header("WWW-Authenticate", md5))
            }
            Verdict::Refused => {
                self.totals.wrong_credentials += 1;
                let name = claimed.unwrap_or_default();
                if !banned {
                    self.note_wrong(now, path.remote, &name);
                }
                Err(Reply::new(403).once())
            }
        }
    }

    /// Wrong credentials: one too many, and the gate hears no more of him for a while. A source from which devices are
    /// registered is never banned as a whole, and not for a user who has a device there: whoever guesses beside it is told
    /// no by us. A trunk's is not banned at all.
    fn note_wrong(&mut self, now: Now, remote: SocketAddr, user: &str) {
        let source = remote.ip();
        let at_home = self.is_at_home(now, user, source);
        let wrong = self.guesses.note_wrong(now.mono, remote, user, at_home);
        let time = self.settings.limits.ban_time;
        if wrong.pair {
            self.alarm(now, Alarm::WrongCredentials { source });
        }
        if time.is_zero() || !(wrong.pair || wrong.source) || self.is_trunks(source) {
            return;
        }
        let until = now.mono + time;
        if wrong.pair && !at_home {
            self.emit(Output::Gate(GateOrder::Ban { source, user: Some(user.into()), until }));
        }
        let is_home = || self.registrar.is_at_home(source) || self.homes.was_at_home(now.mono, source);
        if wrong.source && !is_home() {
            self.emit(Output::Gate(GateOrder::Ban { source, user: None, until }));
        }
    }

    /// Whether a device of the user's is registered at that address, or was lately.
    fn is_at_home(&self, now: Now, user: &str, source: IpAddr) -> bool {
        self.registrar.is_users_home(user, source) || self.homes.was_users_home(now.mono, source, user)
    }

    /// Whether a trunk calls from there, is called there, or has registered us there.
    pub(super) fn is_trunks(&self, source: IpAddr) -> bool {
        self.directory.has_trunk_at(source)
            || self.certified.is_at(source)
            || self.lines.is_registrar(source)
            || self.is_trunks_server(source)
    }

    /// Whether a request has come through this switch before: straight back from one of our own sockets, or with a Via
    /// of ours (RFC 3261 16.3 step 4).
    pub(super) fn has_passed(&self, request: &Message, remote: SocketAddr) -> bool {
        let listeners = &self.settings.listeners;
        if listeners.iter().any(|listener| listener.local == remote) {
            return true;
        }
        let ours = |host: &Host<'_>, port: Option<u16>| {
            listeners.iter().any(|listener| {
                // Behind a NAT many a switch has the same address; ours counts where peers are told it.
                let is_local = || host.ip() == Some(listener.local.ip()) && port == Some(listener.local.port());
                let (name, own) = match &listener.advertised {
                    Some((name, own)) => (name.as_str(), *own),
                    None => return is_local(),
                };
                !listener.inside.is_empty() && is_local()
                    || host.to_string().eq_ignore_ascii_case(name)
                        && port.unwrap_or(listener.transport.default_port()) == own
            })
        };
        // What we only forwarded may come again by another name: that is a spiral, and no loop (RFC 5393 3).
        let is_spiral = |branch: Option<&str>| branch.is_some_and(is_forwarded_branch);
        let before = |via: Via<'_>| ours(&via.host, via.port) && !is_spiral(via.branch());
        request.vias().skip(1).flatten().any(before) || self.switch.has_looped(request)
    }

    /// A request that is no INVITE.
    pub(super) fn on_sip_request(
        &mut self,
        now: Now,
        transaction: TransactionId,
        request: &Message,
        path: Path,
        leg: Option<LegId>,
    ) {
        let Some(method) = request.method() else { return };
        let in_call = leg.is_some();
        let scheme = request.request_uri().map(|uri| uri.scheme.to_ascii_lowercase());
        let reply = match (method, scheme) {
            (Method::Other(_), _) => Reply::new(501),
            (_, Ok(scheme)) if !matches!(scheme.as_str(), "sip" | "sips" | "tel") => Reply::new(416),
            (Method::Register, _) if !in_call => return self.on_register(now, transaction, request, path),
            (Method::Publish, _) if !in_call => return self.on_publish(now, transaction, request, path),
            (Method::Options, _) => self.options(request, path, in_call),
            (Method::Message, _) => return self.on_message(now, transaction, request, path, leg),
            (Method::Refer, _) if let Some(leg) = leg => return self.on_refer(now, transaction, request, leg),
            _ if in_call => Reply::new(405).header("Allow", super::ALLOW),
            // Whoever is not known is not even told what there is.
            (_, _) => match self.identify(now, request, path, method.as_str()) {
                // It is known, but what it asks for is done inside calls (RFC 3515 2.4.2).
                Ok(_) if *method == Method::Refer => Reply::new(403).reason("Only Inside A Call"),
                Ok(_) => Reply::new(405).header("Allow", super::ALLOW),
                Err(reply) => reply,
            },
        };
        let reply = if in_call { reply } else { reply.once() };
        self.switch.reply(now, transaction, reply);
    }

    /// A call, or who is passed on in it, can't be put through there; a queue's chain may lead it elsewhere.
    pub(super) fn refuse_call(&mut self, now: Now, call: CallId, cause: Cause) {
        let goes_on = self.follow_elsewhere(now, call, cause)
            || self.go_on_behind_menu(now, call)
            || self.try_next_step(now, call);
        if !goes_on && !self.on_transfer_failed(now, call, cause) {
            self.switch.end_call(now, call, cause, EndedBy::Switch);
        }
    }
}
