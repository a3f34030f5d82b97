//! The centre written down again: reading it gives the same centre.

use std::collections::BTreeSet;

use serde::Serialize;
use toml::{Table, Value};

use super::{
    CentreFiles, ClipFile,
    lines::{IDENTITY_HEADERS, MODES},
    numbering::{dial_class_table, dial_plan_table, put_numbering},
    people::{GROUP_STRATEGIES, ROLES},
    queues::WAITING_SOUNDS,
    quirks::{headers_table, put_quirks},
    transfers::transfers_table,
};
use crate::{
    acd::{AgentSettings, Policies, QueueSettings, ReasonSettings},
    base::{ClipId, GroupId, QueueId, TrunkId, UserId},
    engine::{Centre, Spoken, WaitingSound, WatchSettings},
    sip::Transport,
    switch::{
        CallerIdRule, Destination, Forwarding, Group, IdentityHeader, Mode, Role, Route, Side, Source, Trunk,
        TrunkDestination, TrunkGroup, TrunkIdentity, TrunkMember, User,
    },
};

/// The whole centre as TOML: passwords as hashes, ranges written out, what is as by default left out.
///
/// Who has no password yet still has one made at first start. Reading the text again with the same realm gives an equal
/// centre.
pub fn dump(files: &CentreFiles) -> String {
    let mut text =
        String::from("# A centre of strowger, written by `strowger dump`. Keep it as secret as a password file.\n\n");
    text.push_str(&toml::to_string(&tables(files)).unwrap_or_default());
    text
}

/// The same as values, for comparing.
pub(super) fn tables(files: &CentreFiles) -> Table {
    let CentreFiles { centre, clips, generated } = files;
    let names = Names { centre };
    let mut root = Table::new();
    if let Some(name) = centre.hold_music.and_then(|id| names.clip(id)) {
        root.insert("hold_music".into(), Value::from(name));
    }
    let mut put = |key: &str, entries: Vec<Table>| {
        if !entries.is_empty() {
            root.insert(key.into(), Value::Array(entries.into_iter().map(Value::Table).collect()));
        }
    };
    put("clip", centre.clips.iter().map(|clip| clip_table(clip.id, &clip.name, clips)).collect());
    let answering: BTreeSet<&str> =
        centre.acd.agents.values().map(|agent| agent.user.as_deref().unwrap_or(&agent.key)).collect();
    put("service", centre.services.iter().map(super::services::table).collect());
    put("dial_class", centre.dial_plan.classes.iter().map(dial_class_table).collect());
    let user = |user: &User| {
        let mut table = user_table(user, answering.contains(user.name.as_str()), &names);
        if user.ha1.is_none() && generated.contains(&user.id) {
            table.insert("generate_password".into(), Value::Boolean(true));
        }
        table
    };
    put("user", centre.users.iter().map(user).collect());
    put("group", centre.groups.iter().map(|group| group_table(group, &names)).collect());
    put("trunk", centre.trunks.iter().map(trunk_table).collect());
    put("trunk_group", centre.trunk_groups.iter().map(|group| trunk_group_table(group, &names)).collect());
    put("number", centre.routes.iter().map(|route| number_table(route, &names)).collect());
    put("agent", centre.acd.agents.values().map(agent_table).collect());
    put("queue", centre.acd.queues.iter().map(|(id, queue)| queue_table(*id, queue, centre)).collect());
    put("menu", centre.menus.iter().map(super::menus::table).collect());
    put("reason", centre.acd.reasons.iter().map(reason_table).collect());
    put("disposition", centre.acd.dispositions.iter().map(named).collect());
    put("tag", centre.acd.tags.iter().map(named).collect());
    put("calendar", centre.acd.calendars.iter().filter_map(|calendar| Table::try_from(calendar).ok()).collect());
    if let Some(plan) = dial_plan_table(&centre.dial_plan) {
        root.insert("dial_plan".into(), Value::Table(plan));
    }
    if let Some(headers) = headers_table(&centre.headers) {
        root.insert("headers".into(), Value::Table(headers));
    }
    if let Some(table) = transfers_table(centre) {
        root.insert("transfers".into(), table);
    }
    let policies = without_defaults(&centre.acd.policies, &Policies::default());
    if !policies.is_empty() {
        root.insert("policies".into(), Value::Table(policies));
    }
    let watching = without_defaults(&centre.watching, &WatchSettings::default());
    if !watching.is_empty() {
        root.insert("watching".into(), Value::Table(watching));
    }
    if let Some(recording) = super::recording::table(centre) {
        root.insert("recording".into(), Value::Table(recording));
    }
    root
}

/// From ids back to names.
struct Names<'a> {
    centre: &'a Centre,
}

impl Names<'_> {
    fn user(&self, id: UserId) -> Option<&str> {
        self.centre.users.iter().find(|user| user.id == id).map(|user| user.name.as_str())
    }

    fn group(&self, id: GroupId) -> Option<&str> {
        self.centre.groups.iter().find(|group| group.id == id).map(|group| group.name.as_str())
    }

    fn trunk(&self, id: TrunkId) -> Option<&str> {
        self.centre.trunks.iter().find(|trunk| trunk.id == id).map(|trunk| trunk.name.as_str())
    }

    fn clip(&self, id: ClipId) -> Option<&str> {
        self.centre.clips.iter().find(|clip| clip.id == id).map(|clip| clip.name.as_str())
    }

    fn queue(&self, id: QueueId) -> Option<&str> {
        self.centre.acd.queues.get(&id).map(|queue| queue.key.as_str())
    }

    fn destination(&self, destination: Destination) -> Option<String> {
        Some(match destination {
            Destination::User(id) => format!("user:{}", self.user(id)?),
            Destination::Group(id) => format!("group:{}", self.group(id)?),
            Destination::Trunk(id) => format!("trunk:{}", self.trunk(id)?),
            Destination::Trunks(id) => {
                let group = self.centre.trunk_groups.iter().find(|group| group.id == id)?;
                format!("trunks:{}", group.name)
            }
            Destination::Queue(id) => format!("queue:{}", self.queue(id)?),
            Destination::Clip(id) => format!("clip:{}", self.clip(id)?),
            Destination::Menu(id) => format!("menu:{}", self.centre.menus.iter().find(|menu| menu.id == id)?.key),
        })
    }
}

pub(super) fn text(table: &mut Table, key: &str, value: impl Into<String>) {
    table.insert(key.into(), Value::String(value.into()));
}

pub(super) fn texts(table: &mut Table, key: &str, values: impl Iterator<Item = String>) {
    table.insert(key.into(), Value::Array(values.map(Value::String).collect()));
}

pub(super) fn word_of<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| word)
}

fn clip_table(id: ClipId, name: &str, clips: &[ClipFile]) -> Table {
    let mut table = Table::new();
    text(&mut table, "key", name);
    let file = clips.iter().find(|clip| clip.id == id).map_or(super::BUILT_IN, |clip| &clip.file.value);
    text(&mut table, "file", file);
    table
}

fn user_table(user: &User, is_agent: bool, names: &Names<'_>) -> Table {
    let mut table = Table::new();
    text(&mut table, "key", user.name.as_str());
    if user.display.reveal().as_str() != user.name.as_str() {
        text(&mut table, "name", user.display.reveal().as_str());
    }
    if let Some(extension) = &user.extension {
        text(&mut table, "extension", extension.as_str());
    }
    if let Some(number) = &user.number {
        text(&mut table, "number", number.as_str());
    }
    let implied = if is_agent { Role::Agent } else { Role::User };
    if user.role != implied {
        text(&mut table, "role", word_of(&ROLES, &user.role));
    }
    if let Some(ha1) = &user.ha1 {
        text(&mut table, "ha1_md5", &ha1.md5);
        text(&mut table, "ha1_sha256", &ha1.sha256);
    }
    if let Some(hash) = user.page_password.as_ref().filter(|_| user.role != Role::User) {
        text(&mut table, "page_password", hash.reveal());
    }
    if user.hides_number {
        table.insert("hide_number".into(), Value::Boolean(true));
    }
    if let Some(class) = user.class.and_then(|id| names.centre.dial_plan.class(id)) {
        text(&mut table, "dial_class", class.name.as_str());
    }
    if let Some(queues) = names.centre.supervised.get(&user.id) {
        let keys = queues.iter().filter_map(|queue| names.centre.acd.queues.get(queue));
        table.insert("supervises".into(), Value::Array(keys.map(|queue| Value::from(queue.key.as_str())).collect()));
    }
    table
}

fn group_table(group: &Group, names: &Names<'_>) -> Table {
    let mut table = Table::new();
    text(&mut table, "key", group.name.as_str());
    text(&mut table, "strategy", word_of(&GROUP_STRATEGIES, &group.strategy));
    let ring_secs = i64::try_from(group.ring_time.as_secs()).unwrap_or(i64::MAX);
    table.insert("ring_secs".into(), Value::Integer(ring_secs));
    texts(&mut table, "members", group.members.iter().filter_map(|id| names.user(*id)).map(str::to_owned));
    table
}

fn trunk_group_table(group: &TrunkGroup, names: &Names<'_>) -> Table {
    let mut table = Table::new();
    text(&mut table, "key", &group.name);
    let member =
        |member: &TrunkMember| Some(format!("{}:{}:{}", names.trunk(member.trunk)?, member.priority, member.weight));
    texts(&mut table, "members", group.members.iter().filter_map(member));
    table
}

fn trunk_table(trunk: &Trunk) -> Table {
    let mut table = Table::new();
    text(&mut table, "key", &trunk.name);
    if !trunk.sources.is_empty() {
        texts(&mut table, "sources", trunk.sources.iter().map(source_text));
    }
    if !trunk.certificate_names.is_empty() {
        texts(&mut table, "certificate_names", trunk.certificate_names.iter().cloned());
    }
    if let Some(destination) = &trunk.destination {
        text(&mut table, "destination", destination_text(destination));
    }
    if let Some(credentials) = &trunk.credentials {
        text(&mut table, "user", &credentials.user);
        text(&mut table, "password", credentials.password.reveal());
        if let Some(realm) = &credentials.realm {
            text(&mut table, "realm", realm);
        }
    }
    match &trunk.caller_id {
        CallerIdRule::Pass => {}
        CallerIdRule::Fixed(number) => text(&mut table, "caller_id", number.as_str()),
    }
    if let Some(most) = trunk.calls_max {
        table.insert("calls_max".into(), Value::Integer(most.into()));
    }
    let mut whole = |key: &str, value: u64| {
        table.insert(key.into(), Value::Integer(value.cast_signed()));
    };
    let limits = &trunk.limits;
    let limits = [
        ("calls_in_max", limits.calls_in),
        ("calls_out_max", limits.calls_out),
        ("calls_per_second", limits.per_second),
    ];
    for (key, most) in limits {
        if let Some(most) = most {
            whole(key, most.into());
        }
    }
    if let Some(time) = trunk.upkeep.register {
        whole("register_secs", time.as_secs());
    }
    if let Some(health) = trunk.upkeep.health {
        whole("options_secs", health.every.as_secs());
        whole("down_after", health.down_after.into());
        whole("up_after", health.up_after.into());
    }
    put_numbering(&mut table, &trunk.numbering);
    put_identity(&mut table, &trunk.identity);
    put_quirks(&mut table, &trunk.quirks);
    if let Some(hours) = &trunk.hours {
        text(&mut table, "hours", hours);
    }
    table
}

fn put_identity(table: &mut Table, identity: &TrunkIdentity) {
    if identity.passes_names {
        table.insert("passes_names".into(), Value::Boolean(true));
    }
    if identity.trusted {
        table.insert("trusted".into(), Value::Boolean(true));
    }
    if identity.told_in != IdentityHeader::default() {
        text(table, "identity_header", word_of(&IDENTITY_HEADERS, &identity.told_in));
    }
    for (key, value) in [("from_user", &identity.from.user), ("from_domain", &identity.from.domain)] {
        if let Some(value) = value {
            text(table, key, &**value);
        }
    }
    let Forwarding { diversion, history, referred_by } = identity.forwarding;
    let told = [(diversion, "diversion"), (history, "history_info"), (referred_by, "referred_by")];
    let words: Vec<String> = told.into_iter().filter(|(on, _)| *on).map(|(_, word)| word.to_owned()).collect();
    if !words.is_empty() {
        texts(table, "forwarding", words.into_iter());
    }
}

fn source_text(source: &Source) -> String {
    let network = source.network.to_string();
    match source.port {
        None => network,
        Some(port) if network.contains(':') => format!("[{network}]:{port}"),
        Some(port) => format!("{network}:{port}"),
    }
}

fn destination_text(destination: &TrunkDestination) -> String {
    let scheme = match destination.transport {
        None => "",
        Some(Transport::Udp) => "udp:",
        Some(Transport::Tcp) => "tcp:",
        Some(Transport::Tls) => "tls:",
        Some(Transport::Ws) => "ws:",
        Some(Transport::Wss) => "wss:",
    };
    format!("{scheme}{}", destination.authority())
}

fn number_table(route: &Route, names: &Names<'_>) -> Table {
    let mut table = Table::new();
    text(&mut table, "number", route.pattern.as_str());
    text(&mut table, "to", names.destination(route.destination).unwrap_or_default());
    match &route.from {
        Side::Anyone => {}
        Side::Users => text(&mut table, "from", "users"),
        Side::Trunks => text(&mut table, "from", "trunks"),
        Side::Trunk(id) => text(&mut table, "from", format!("trunk:{}", names.trunk(*id).unwrap_or_default())),
    }
    if route.strip > 0 {
        table.insert("strip".into(), Value::Integer(route.strip.into()));
    }
    if !route.prepend.is_empty() {
        text(&mut table, "prepend", &route.prepend);
    }
    if let Some(number) = &route.caller_id {
        text(&mut table, "caller_id", number.as_str());
    }
    if route.mode != Mode::Call {
        text(&mut table, "mode", word_of(&MODES, &route.mode));
    }
    table
}

fn agent_table(agent: &AgentSettings) -> Table {
    keyed(&agent.key, without_defaults(agent, &AgentSettings::default()))
}

fn queue_table(id: QueueId, queue: &QueueSettings, centre: &Centre) -> Table {
    let mut table = keyed(&queue.key, without_defaults(queue, &QueueSettings::default()));
    let voice = centre.queues.iter().find(|voice| voice.queue == id);
    let said = voice.map(|voice| without_defaults(&voice.spoken, &Spoken::default())).filter(|said| !said.is_empty());
    if let Some(said) = said {
        table.insert("voice".into(), Value::Table(said));
    }
    match voice.map(|voice| voice.waiting) {
        None | Some(WaitingSound::Clip(_)) => {}
        Some(other) => text(&mut table, "waiting", word_of(&WAITING_SOUNDS, &other)),
    }
    if let Some(number) = voice.and_then(|voice| voice.caller_id.as_ref()) {
        text(&mut table, "caller_id", number.as_str());
    }
    table
}

fn reason_table(reason: &ReasonSettings) -> Table {
    let plain = ReasonSettings {
        key: reason.key.clone(),
        name: String::new(),
        kind: crate::acd::ReasonKind::default(),
        colour: String::new(),
        max_secs: 0,
        max_logs_out: false,
    };
    keyed(reason.key.as_str(), without_defaults(reason, &plain))
}

/// An entry of a key and words, without the words that are empty.
fn named<T: Serialize>(entry: &T) -> Table {
    let mut table = Table::try_from(entry).unwrap_or_default();
    table.retain(|_, value| value.as_str() != Some(""));
    table
}

fn keyed(key: &str, mut table: Table) -> Table {
    text(&mut table, "key", key);
    table
}

/// Only what differs from the default.
pub(super) fn without_defaults<T: Serialize>(value: &T, default: &T) -> Table {
    let (Ok(mut table), Ok(plain)) = (Table::try_from(value), Table::try_from(default)) else { return Table::new() };
    table.retain(|key, value| plain.get(key) != Some(value));
    table
}
