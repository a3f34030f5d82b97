//! Lines to carriers kept up: registration there (TK-01), signs of life (TK-04), and what others see of both.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::Serialize;

use super::{Alarm, Engine, GateOrder, Output, drive::Timer};
use crate::{
    base::{FastMap, FlowId, Now, TrunkId, Wall},
    sip::{self, AccountId, Party, Path, Target, TransactionId},
    switch::{Cause, Trunk, authority},
    wire::sip::{Message, Method, Name},
};

/// The first pause after a registration that failed; each further failure doubles it.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_MAX: Duration = Duration::from_secs(1_800);

/// How soon again when the host's name has no address yet.
const RETRY_UNRESOLVED: Duration = Duration::from_secs(5);

/// After the connection of a registration has ended, the next one is made after this and up to as much again, so that not
/// all lines come back to a carrier in one moment (RFC 5626 4.5).
const RECONNECT: Duration = Duration::from_secs(2);

/// A carrier may ask for longer registrations (423), but not for longer than this.
const EXPIRES_MAX: u32 = 86_400;

/// Service-Route values of a carrier that are kept.
const SERVICE_ROUTE_MAX: usize = 8;

/// What a trunk that can't be used now amounts to.
pub(super) const OUT_OF_ORDER: Cause = Cause { sip: 503, q850: 38 };

/// All lines that are kept up.
#[derive(Default)]
pub(super) struct Lines {
    lines: BTreeMap<TrunkId, Line>,
    /// Requests of ours that wait for an answer.
    errands: FastMap<TransactionId, (TrunkId, Errand)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Errand {
    Register,
    Options,
}

struct Line {
    /// As it was when this began: a change begins anew.
    trunk: Trunk,
    registration: Option<Registration>,
    health: Health,
}

impl Line {
    /// Until when it is registered there, when its settings name no other source.
    fn until_at(&self, remote: SocketAddr) -> Option<Wall> {
        let registration = self.registration.as_ref().filter(|registration| registration.remote == Some(remote))?;
        let names_none = self.trunk.sources.is_empty() && self.trunk.certificate_names.is_empty();
        registration.until.filter(|_| names_none)
    }
}

struct Registration {
    /// User part of our Contact: calls that come to it are the trunk's (RFC 6140 in spirit).
    token: Box<str>,
    call_id: String,
    cseq: u32,
    expires: u32,
    until: Option<Wall>,
    /// The registrar, as it answered.
    remote: Option<SocketAddr>,
    /// The connection over which we are registered, and called.
    flow: Option<FlowId>,
    status: u16,
    failures: u32,
    /// The way that the carrier wants our calls to take (RFC 3608).
    service_route: Vec<String>,
}

struct Health {
    up: bool,
    /// In a row, of what speaks against `up`.
    against: u32,
    asked: Option<TransactionId>,
}

/// A trunk as pages and metrics see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TrunkView {
    pub key: String,
    /// It answers; `None` when it is not asked.
    pub reachable: Option<bool>,
    /// Until when we are registered there; `None` when we are not.
    pub registered_until: Option<Wall>,
    /// The last answer to a REGISTER; `None` when it wants none.
    pub registration: Option<u16>,
    pub calls: u32,
}

impl Lines {
    /// The trunk whose registration a call came to, on a connection whose certificate is for these domains. Where the trunk
    /// has a certificate both must hold: what it registered is told to whoever carries the request.
    pub fn called(&self, user: &str, domains: &[String]) -> Option<TrunkId> {
        self.of_token(user).filter(|line| line.trunk.is_shown(domains)).map(|line| line.trunk.id)
    }

    /// Whether a call came to a registration of ours.
    pub fn is_token(&self, user: &str) -> bool {
        self.of_token(user).is_some()
    }

    fn of_token(&self, user: &str) -> Option<&Line> {
        let has = |line: &&Line| line.registration.as_ref().is_some_and(|registration| *registration.token == *user);
        self.lines.values().find(has)
    }

    /// The trunk at whose registrar we are registered, when its settings name no other source.
    pub fn at(&self, remote: SocketAddr) -> Option<TrunkId> {
        self.lines.iter().find(|(_, line)| line.until_at(remote).is_some()).map(|(id, _)| *id)
    }

    /// The wall clock was set: each registration lasts as long as it would have.
    pub fn wall_was_set(&mut self, by_ms: i64) {
        for registration in self.lines.values_mut().filter_map(|line| line.registration.as_mut()) {
            registration.until = registration.until.map(|until| until.set_by(by_ms));
        }
    }

    /// Until when the last of them is registered there.
    fn until_at(&self, remote: SocketAddr) -> Option<Wall> {
        self.lines.values().filter_map(|line| line.until_at(remote)).max()
    }

    /// Whether we are registered there.
    pub fn is_registrar(&self, source: IpAddr) -> bool {
        let remotes = self.lines.values().filter_map(|line| line.registration.as_ref()?.remote);
        remotes.map(|remote| remote.ip()).any(|ip| ip == source)
    }

    /// The route of calls to a carrier, as its registrar told it.
    pub fn service_route(&self, trunk: TrunkId) -> &[String] {
        let registration = self.lines.get(&trunk).and_then(|line| line.registration.as_ref());
        registration.map_or(&[], |registration| &registration.service_route)
    }

    /// Whether calls may go there.
    pub fn is_up(&self, trunk: TrunkId) -> bool {
        self.lines.get(&trunk).is_none_or(|line| line.health.up)
    }
}

impl Engine {
    /// New settings, or servers: whose challenges the trunks' passwords answer.
    pub(super) fn set_accounts(&mut self) {
        let accounts = self.switch.accounts();
        let trunks = &self.directory.trunks;
        accounts.keep(|id| trunks.values().any(|trunk| trunk.credentials.is_some() && account_of(trunk) == id));
        for trunk in trunks.values() {
            let (Some(credentials), Some(destination)) = (&trunk.credentials, &trunk.destination) else { continue };
            let id = account_of(trunk);
            accounts.set(id, [&destination.authority(), &credentials.user], credentials.realm.as_deref());
            accounts.add_servers(id, self.servers.of(destination).into_iter().map(|server| server.address));
        }
    }

    /// New settings: what is gone is given up, what is new or changed begins.
    pub(super) fn keep_lines(&mut self, now: Now) {
        let gone: Vec<TrunkId> = self.lines.lines.keys().copied().collect();
        for id in gone {
            let same =
                self.lines.lines.get(&id).is_some_and(|line| self.directory.trunks.get(&id) == Some(&line.trunk));
            if !same {
                let before = self.unregister_trunk(now, id);
                self.lines.lines.remove(&id);
                if let Some(remote) = before {
                    self.forget_at_gate(now, remote);
                }
                self.lines.errands.retain(|_, (of, _)| *of != id);
                self.timers.cancel(Timer::TrunkRegister(id));
                self.timers.cancel(Timer::TrunkHealth(id));
            }
        }
        let wanted: Vec<Trunk> =
            self.directory.trunks.values().filter(|trunk| trunk.upkeep.is_kept_up()).cloned().collect();
        for trunk in wanted {
            let id = trunk.id;
            if self.lines.lines.contains_key(&id) {
                continue;
            }
            let registration = trunk.upkeep.register.map(|time| Registration {
                token: format!("{:016x}", self.switch.chance().word()).into(),
                call_id: self.switch.chance().token(),
                cseq: 1,
                expires: u32::try_from(time.as_secs()).unwrap_or(EXPIRES_MAX).min(EXPIRES_MAX),
                until: None,
                remote: None,
                flow: None,
                status: 0,
                failures: 0,
                service_route: Vec::new(),
            });
            if registration.is_some() {
                self.timers.set(Timer::TrunkRegister(id), now.mono);
            }
            if trunk.upkeep.health.is_some() {
                self.timers.set(Timer::TrunkHealth(id), now.mono);
            }
            let health = Health { up: true, against: 0, asked: None };
            self.lines.lines.insert(id, Line { trunk, registration, health });
        }
    }

    /// Time to register, again or for the first time.
    pub(super) fn register_trunk(&mut self, now: Now, id: TrunkId) {
        let sent = self.send_register(now, id, None);
        if sent.is_none() {
            self.timers.set(Timer::TrunkRegister(id), now.mono + RETRY_UNRESOLVED);
        }
    }

    /// Tells where it was registered.
    fn unregister_trunk(&mut self, now: Now, id: TrunkId) -> Option<SocketAddr> {
        let registration = self.lines.lines.get(&id).and_then(|line| line.registration.as_ref());
        let remote = registration.filter(|registration| registration.until.is_some())?.remote;
        // Nobody waits for the answer.
        let _ = self.send_register(now, id, Some(0));
        remote
    }

    fn send_register(&mut self, now: Now, id: TrunkId, expires: Option<u32>) -> Option<TransactionId> {
        let trunk = self.lines.lines.get(&id)?.trunk.clone();
        let (path, listener) = self.trunk_way(now, &trunk)?;
        let contact_host = {
            let (host, port) = listener.authority(path.remote.ip());
            authority(&host, port)
        };
        let destination = trunk.destination.as_ref()?;
        let user = &trunk.credentials.as_ref()?.user;
        let line = self.lines.lines.get_mut(&id)?;
        let registration = line.registration.as_mut()?;
        let expires = expires.unwrap_or(registration.expires);
        let host = authority_of(&destination.host);
        let aor = format!("sip:{}@{host}", crate::switch::escape_user(user));
        let param = path.transport.uri_param().map(|name| format!(";transport={name}")).unwrap_or_default();
        let contact = format!("<sip:{}@{contact_host}{param}>;expires={expires}", registration.token);
        let mut request = sip::Request::outside(
            Method::Register,
            path,
            format!("sip:{host}"),
            Party::new(aor.clone()),
            Party::new(aor),
        );
        if let Target::Outside(outside) = &mut request.target {
            outside.sequence = Some((registration.call_id.clone(), registration.cseq));
        }
        // Answering a challenge takes a number too, and once more when the nonce was stale.
        registration.cseq = registration.cseq.wrapping_add(3) & 0x7fff_ffff;
        request.headers = vec![("Contact".into(), contact), ("Expires".into(), expires.to_string())];
        request.credentials = trunk_credentials(&trunk);
        let transaction = self.switch.request(now, request);
        self.lines.errands.insert(transaction, (id, Errand::Register));
        Some(transaction)
    }

    /// Time to ask for a sign of life, or to miss the one that was asked for.
    pub(super) fn check_trunk(&mut self, now: Now, id: TrunkId) {
        let Some(line) = self.lines.lines.get_mut(&id) else { return };
        let Some(health) = line.trunk.upkeep.health else { return };
        if let Some(asked) = line.health.asked.take() {
            self.lines.errands.remove(&asked);
            self.timers.set(Timer::TrunkHealth(id), now.mono + health.every);
            self.note_line_failed(now, id);
            return self.note_health(id, false);
        }
        let trunk = line.trunk.clone();
        let Some((path, _)) = self.trunk_way(now, &trunk) else {
            self.timers.set(Timer::TrunkHealth(id), now.mono + health.every);
            return self.note_health(id, false);
        };
        let Some(destination) = &trunk.destination else { return };
        let uri = format!("sip:{}", destination.authority());
        let us = Party::new(format!("sip:{}", self.settings.realm));
        let mut request = sip::Request::outside(Method::Options, path, uri.clone(), us, Party::new(uri));
        request.headers.push(("Accept".into(), "application/sdp".to_owned()));
        let transaction = self.switch.request(now, request);
        self.lines.errands.insert(transaction, (id, Errand::Options));
        if let Some(line) = self.lines.lines.get_mut(&id) {
            line.health.asked = Some(transaction);
        }
        self.timers.set(Timer::TrunkHealth(id), now.mono + self.settings.times.trunk_dead_time);
    }

    /// An answer to a request of ours, or the lack of one. False: it was none of a line's.
    pub(super) fn on_line_answer(
        &mut self,
        now: Now,
        transaction: TransactionId,
        status: u16,
        (response, flow): (Option<&Message>, Option<FlowId>),
    ) -> bool {
        let Some((id, errand)) = self.lines.errands.remove(&transaction) else { return false };
        match errand {
            Errand::Register => self.on_registered(now, id, status, (response, flow)),
            Errand::Options => {
                let Some(line) = self.lines.lines.get_mut(&id) else { return true };
                line.health.asked = None;
                let every = line.trunk.upkeep.health.map(|health| health.every);
                if let Some(every) = every {
                    self.timers.set(Timer::TrunkHealth(id), now.mono + every);
                }
                let alive = response.is_some() && is_life(status);
                if !alive {
                    self.note_line_failed(now, id);
                }
                self.note_health(id, alive);
            }
        }
        true
    }

    /// A connection ended: nobody calls us over it any more, however long the registration still lasts.
    pub(super) fn on_line_flow_closed(&mut self, now: Now, flow: FlowId) {
        for (id, line) in &mut self.lines.lines {
            let Some(registration) = line.registration.as_mut().filter(|of| of.flow == Some(flow)) else { continue };
            registration.flow = None;
            let spread = self.switch.chance().below(RECONNECT.as_millis() as u64);
            self.timers.set(Timer::TrunkRegister(*id), now.mono + RECONNECT + Duration::from_millis(spread));
        }
    }

    fn on_registered(
        &mut self,
        now: Now,
        id: TrunkId,
        status: u16,
        (response, flow): (Option<&Message>, Option<FlowId>),
    ) {
        let jitter = self.switch.chance().below(100);
        let remote = self.way_of_line(now, id).map(|path| path.remote);
        if response.is_none() || status == 503 {
            self.note_line_failed(now, id);
        }
        let Some(registration) = self.lines.lines.get_mut(&id).and_then(|line| line.registration.as_mut()) else {
            return;
        };
        registration.status = status;
        let before = registration.remote;
        let granted = response.map_or(0, |response| granted(response, registration));
        let wait = match (status, response) {
            (200..=299, _) if granted > 0 => {
                registration.failures = 0;
                registration.until = Some(now.wall + Duration::from_secs(granted.into()));
                (registration.remote, registration.flow) = (remote, flow);
                let routes = response.into_iter().flat_map(|response| response.list(Name::ServiceRoute));
                registration.service_route = routes.take(SERVICE_ROUTE_MAX).map(str::to_owned).collect();
                // Well before it ends, and not all trunks in the same second.
                Duration::from_secs(u64::from(granted) * (80 + jitter / 10) / 100).max(Duration::from_secs(1))
            }
            (423, Some(response)) if registration.failures == 0 => {
                let least = response.header(Name::MinExpires).and_then(|text| text.trim().parse::<u32>().ok());
                registration.expires = least.unwrap_or(3_600).clamp(registration.expires, EXPIRES_MAX);
                registration.failures = 1;
                Duration::ZERO
            }
            (_, _) => {
                registration.failures = registration.failures.saturating_add(1);
                if registration.until.is_some_and(|until| until <= now.wall) {
                    registration.until = None;
                }
                let wait = RETRY_FIRST * 2_u32.saturating_pow(registration.failures.saturating_sub(1).min(10));
                let asked = response.and_then(|response| response.header(Name::RetryAfter));
                let asked = asked.and_then(|text| text.split([' ', ';', '(']).next()?.trim().parse().ok());
                let wait = wait.min(RETRY_MAX) + Duration::from_millis(jitter * 20);
                wait.max(Duration::from_secs(asked.unwrap_or(0)).min(RETRY_MAX))
            }
        };
        let (failed, until) = (registration.failures == 1 && status != 423, registration.until);
        self.timers.set(Timer::TrunkRegister(id), now.mono + wait);
        self.spare_registrar(now, id, before);
        if failed {
            let name = self.lines.lines.get(&id).map(|line| line.trunk.name.clone()).unwrap_or_default();
            self.emit(Output::Alarm(Alarm::TrunkUnregistered { name, status, until }));
        }
    }

    /// The gate spares whom calls come from as a trunk's: its registrar, as long as we are registered there and the settings
    /// name no other source.
    fn spare_registrar(&mut self, now: Now, id: TrunkId, before: Option<SocketAddr>) {
        let registration = self.lines.lines.get(&id).and_then(|line| line.registration.as_ref());
        let Some(remote) = registration.and_then(|of| of.until.and(of.remote)) else { return };
        if let Some(before) = before.filter(|before| *before != remote) {
            self.forget_at_gate(now, before);
        }
        self.tell_gate_of_lines(now, remote);
    }

    /// Several may be registered at one address: it is known for as long as the last of them. False: none is.
    pub(super) fn tell_gate_of_lines(&mut self, now: Now, remote: SocketAddr) -> bool {
        let until = self.lines.until_at(remote).filter(|until| *until > now.wall);
        if let Some(until) = until {
            self.emit(Output::Gate(GateOrder::Known { remote, until: now.mono_of(until) }));
        }
        until.is_some()
    }

    fn way_of_line(&self, now: Now, id: TrunkId) -> Option<Path> {
        self.trunk_way(now, &self.lines.lines.get(&id)?.trunk).map(|(path, _)| path)
    }

    /// The server that was asked did not answer: the next request tries another one of its name.
    fn note_line_failed(&mut self, now: Now, id: TrunkId) {
        if let Some(path) = self.way_of_line(now, id) {
            self.note_server_failed(now, path);
        }
    }

    fn note_health(&mut self, id: TrunkId, alive: bool) {
        let Some(line) = self.lines.lines.get_mut(&id) else { return };
        let Some(settings) = line.trunk.upkeep.health else { return };
        let health = &mut line.health;
        if alive == health.up {
            health.against = 0;
            return;
        }
        health.against += 1;
        let enough = if alive { settings.up_after } else { settings.down_after };
        if health.against >= enough {
            (health.up, health.against) = (alive, 0);
            let name = line.trunk.name.clone();
            self.emit(Output::Alarm(Alarm::Trunk { name, up: alive }));
        }
    }

    /// Every trunk as others see it, in configured order.
    pub fn trunk_views(&self, now: Wall) -> Vec<TrunkView> {
        let view = |trunk: &Trunk| {
            let line = self.lines.lines.get(&trunk.id);
            let registration = line.and_then(|line| line.registration.as_ref());
            TrunkView {
                key: trunk.name.clone(),
                reachable: trunk.upkeep.health.map(|_| self.lines.is_up(trunk.id)),
                registered_until: registration.and_then(|of| of.until).filter(|until| *until > now),
                registration: registration.map(|of| of.status),
                calls: self.trunk_load.of(trunk.id),
            }
        };
        self.directory.trunks.values().map(view).collect()
    }
}

/// What a trunk's own credentials answer.
pub(super) fn trunk_credentials(trunk: &Trunk) -> Option<sip::Credentials> {
    trunk.credentials.as_ref().map(|credentials| sip::Credentials {
        user: credentials.user.clone(),
        password: credentials.password.clone(),
        realm: credentials.realm.clone(),
        account: Some(account_of(trunk)),
    })
}

fn account_of(trunk: &Trunk) -> AccountId {
    AccountId(trunk.id.0)
}

/// A host as a URI without a port writes it.
fn authority_of(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Whether an answer to OPTIONS says that calls may go there: anything but that it can't serve.
fn is_life(status: u16) -> bool {
    matches!(status, 200..=499 | 501 | 505 | 600..) && status != 408
}

/// For how long a registrar's 200 registers us: by our own contact in it, else by its Expires.
fn granted(response: &Message, registration: &Registration) -> u32 {
    let own = response.contacts().flatten().find(|contact| contact.uri.user == Some(&*registration.token));
    let of_contact = own.and_then(|contact| contact.params.value("expires")).and_then(|text| text.trim().parse().ok());
    let of_header = || response.header(Name::Expires).and_then(|text| text.trim().parse().ok());
    of_contact.or_else(of_header).unwrap_or(registration.expires).min(EXPIRES_MAX)
}
