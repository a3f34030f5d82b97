//! The centre that every story starts from: one queue, one trunk, a realm.

use std::{net::SocketAddr, time::Duration};

use strowger::{
    acd::{self, AgentSettings, DevicePresence, MemberSettings, QueueSettings, ReasonKind, ReasonSettings},
    base::{AgentId, ClipId, Extension, QueueId, TrunkId, UserId},
    engine::{Centre, Clip, EngineSettings, Limits, Listener, Times},
    sip::{TimerSettings, Transport, digest::Ha1},
    switch::{Destination, Pattern, Role, Route, Side, Source, Trunk, TrunkDestination, User},
};

pub const SWITCH: &str = "10.0.0.1:5060";
pub const CARRIER: &str = "10.0.9.1:5060";
pub const REALM: &str = "10.0.0.1";
pub const MUSIC: ClipId = ClipId(1);
pub const SUPPORT: QueueId = QueueId(1);
pub const TRUNK: TrunkId = TrunkId(1);

pub fn engine_settings() -> EngineSettings {
    let local: SocketAddr = SWITCH.parse().unwrap();
    let listener = |transport| Listener { transport, local, advertised: None, media_address: None, inside: Vec::new() };
    EngineSettings {
        secures_tls: false,
        realm: REALM.into(),
        domains: vec![REALM.into()],
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        user_agent: "strowger".into(),
        force_rport: false,
        limits: Limits::default(),
        times: Times::default(),
        timers: TimerSettings::default(),
        devices: Default::default(),
    }
}

/// Callers from the trunk reach `support` under +351210000001, users under 800; what users dial with a 9 in front
/// goes out.
pub fn centre() -> Centre {
    let carrier: SocketAddr = CARRIER.parse().unwrap();
    let route = |pattern: &str, from, strip, destination| Route {
        from,
        strip,
        ..Route::new(Pattern::new(pattern).unwrap(), destination)
    };
    let mut acd = acd::Settings::default();
    acd.policies.device_presence = DevicePresence::Ready;
    acd.reasons = ["lunch", "meeting", "paperwork"].map(reason).into();
    acd.queues.insert(SUPPORT, QueueSettings { key: "support".into(), ..QueueSettings::default() });
    Centre {
        trunks: vec![Trunk {
            sources: vec![Source { network: carrier.ip().to_string().parse().unwrap(), port: None }],
            destination: Some(TrunkDestination {
                host: carrier.ip().to_string(),
                port: Some(carrier.port()),
                transport: Some(Transport::Udp),
            }),
            ..Trunk::new(TRUNK, "carrier")
        }],
        routes: vec![
            route("+351210000001", Side::Trunks, 0, Destination::Queue(SUPPORT)),
            route("800", Side::Anyone, 0, Destination::Queue(SUPPORT)),
            route("9*", Side::Users, 1, Destination::Trunk(TRUNK)),
        ],
        clips: vec![Clip { id: MUSIC, name: "music".into() }],
        hold_music: Some(MUSIC),
        acd,
        ..Centre::default()
    }
}

fn reason(key: &str) -> ReasonSettings {
    ReasonSettings {
        key: key.into(),
        name: String::new(),
        kind: ReasonKind::default(),
        colour: String::new(),
        max_secs: 0,
        max_logs_out: false,
    }
}

pub fn password(name: &str) -> String {
    format!("{name}-secret")
}

/// Adds a user with a phone; gives the id.
pub fn add_user(centre: &mut Centre, name: &str) -> UserId {
    let id = UserId(centre.users.len() as u64 + 1);
    centre.users.push(User {
        ha1: Some(Ha1::new(name, REALM, &password(name))),
        role: Role::Agent,
        ..User::new(id, Extension::new(name).unwrap())
    });
    id
}

/// Makes a user an agent of a queue.
pub fn add_agent(centre: &mut Centre, name: &str, queue: QueueId) -> AgentId {
    let id = AgentId(centre.acd.agents.len() as u64 + 1);
    centre.acd.agents.insert(id, AgentSettings { key: name.into(), ..AgentSettings::default() });
    if let Some(queue) = centre.acd.queues.get_mut(&queue) {
        queue.members.push(MemberSettings::new(name));
    }
    id
}

pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
