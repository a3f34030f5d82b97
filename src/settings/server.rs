//! The main file: where the switch listens, where it keeps things, its limits. The centre itself is in files beside it.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use super::{
    devices,
    fault::{At, Mark, Report},
    hep::{self, HepSettings},
    listener::{self, Listener, ListenerKind},
    near,
    notify::{self, NotifySettings},
    read::{Environment, Section, or},
    tls::{self, TlsSettings},
};
use crate::{
    base::{Cidr, Private},
    engine::Devices,
    media::{Country, port_pairs, port_pairs_min},
};

/// Environment variables that override keys of the main file begin with this: `[sip] listen` is `STROWGER_SIP_LISTEN`,
/// `data_dir` is `STROWGER_DATA_DIR`. Lists are separated by commas.
pub const ENVIRONMENT_PREFIX: &str = "STROWGER_";

/// Shorter ones can be guessed.
const METRICS_TOKEN_MIN: usize = 16;

/// What scanners call themselves, in parts of User-Agent.
const SCANNERS: [&str; 11] = [
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sundayddr",
    "iwar",
    "sivus",
    "smap",
    "pplsip",
    "vaxsipuseragent",
];

/// What a main file says of the server, by section; others are the centre's.
pub(super) const SECTIONS: [&str; 10] =
    ["sip", "devices", "hep", "notify", "tls", "http", "rtp", "store", "limits", "log"];

/// Names with the prefix that are not keys of the main file.
const ENVIRONMENT_ELSEWHERE: [&str; 1] = ["STROWGER_CONFIG"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The digest realm. A change makes every stored `ha1` worthless.
    pub realm: String,
    pub data_dir: String,
    /// Centre files, relative to the main file.
    pub include: Vec<At<String>>,
    pub sip: SipSettings,
    pub devices: Devices,
    pub hep: HepSettings,
    pub notify: NotifySettings,
    pub tls: TlsSettings,
    pub http: HttpSettings,
    pub rtp: RtpSettings,
    pub store: StoreSettings,
    pub limits: Limits,
    pub log: LogSettings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipSettings {
    pub listen: Vec<Listener>,
    /// The host that phones and carriers are told (Via, Contact) when it differs from the one listened on.
    pub advertised: Option<String>,
    /// Further hosts that phones may write for this switch.
    pub domains: Vec<String>,
    /// Networks from which the address listened on is reached as it is: peers there are told it, and nothing advertised.
    pub inside: Vec<Cidr>,
    pub user_agent: String,
    /// `https://pages.example`: pages of other hosts that may open a WebSocket; `*` for all.
    pub origins: Vec<String>,
    /// Words in User-Agent by which scanners give themselves away; their requests are dropped.
    pub scanners: Vec<String>,
    /// Answers to datagrams go to the port that they came from even where no `rport` asks for that (RFC 3581).
    pub force_rport: bool,
    /// Who is asked for trunks' names; empty: whom the system asks.
    pub dns: Vec<SocketAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    pub listen: SocketAddr,
    /// Browsers come by https, at a proxy that does not say so by itself.
    pub https: bool,
    /// Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// `https://pages.example`: further origins whose pages may write.
    pub origins: Vec<String>,
    /// What a scraper elsewhere than on this machine must send.
    pub metrics_token: Option<Private<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpSettings {
    /// Where sound is sent and received; unless given, where SIP is first listened for.
    pub bind: IpAddr,
    /// What peers are told instead: one of a family.
    pub advertised: Vec<IpAddr>,
    pub ports: RangeInclusive<u16>,
    /// 0: one for each core, eight at most.
    pub workers: u16,
    /// Who is called over TLS or secure WebSocket is offered secure sound, and nothing else.
    pub secures_tls: bool,
    /// Whose ringback, busy and congestion tones are heard.
    pub tones: Country,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    pub sync: JournalSync,
    /// Where records go; empty: SQLite in `data_dir`.
    pub database: String,
}

/// What "written" means for the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalSync {
    /// Committed: safe from `kill -9`, not from a power cut.
    Commit,
    /// Also waited for the disk: safe from a power cut.
    Disk,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once; the next caller hears 503.
    pub calls_max: usize,
    /// New calls a second from one source that is neither a trunk nor signed in.
    pub invite_rate_max: u32,
    /// Wrong credentials in a row before a source is not heard as that user.
    pub guesses_max: u32,
    /// How long that lasts; zero: no bans.
    pub ban_time: Duration,
    pub connections_max: usize,
    pub connections_per_ip_max: usize,
    /// A silent TCP connection is closed after this.
    pub idle_time: Duration,
    /// How long calls may go on after SIGTERM.
    pub drain_time: Duration,
    /// Memory for what the engine went through; zero: nothing is recorded.
    pub recorder_octets: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// As `RUST_LOG` takes it: `info`, `debug`, `strowger::net=trace`.
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl ServerSettings {
    /// What stands when nothing is written.
    pub fn preset() -> Self {
        let report = Report::new(&[]);
        let table = toml::de::DeTable::new();
        read(&Section::root(&report, 0, &table), &Environment::new())
    }
}

/// Reads the sections of the main file; the root itself is finished by the caller.
pub(super) fn read(root: &Section<'_>, overrides: &Environment<'_>) -> ServerSettings {
    let sections = (root.table("sip"), root.table("http"), root.table("rtp"), root.table("store"));
    let (sip, http, rtp, store) = sections;
    let (tls, devices, hep) = (root.table("tls"), root.table("devices"), root.table("hep"));
    let (limits, log, notify) = (root.table("limits"), root.table("log"), root.table("notify"));
    let sip_settings = read_sip(&sip);
    let settings = ServerSettings {
        realm: realm(root),
        data_dir: or(root.text("data_dir"), String::from("data")),
        include: root.texts("include").unwrap_or_default(),
        http: read_http(&http, &sip_settings.listen),
        rtp: read_rtp(&rtp, &sip_settings),
        sip: sip_settings,
        devices: devices::read(&devices),
        hep: hep::read(&hep),
        notify: notify::read(&notify),
        tls: tls::read(&tls),
        store: read_store(&store),
        limits: read_limits(&limits),
        log: read_log(&log),
    };
    let sections = SECTIONS.map(|section| format!("{ENVIRONMENT_PREFIX}{}", section.to_ascii_uppercase()));
    let names: Vec<String> = [root, &sip, &devices, &hep, &notify, &tls, &http, &rtp, &store, &limits, &log]
        .iter()
        .flat_map(|section| section.asked_names())
        .filter(|name| !sections.contains(name))
        .collect();
    for (name, (source, _)) in overrides {
        if names.iter().any(|known| known == name) || ENVIRONMENT_ELSEWHERE.contains(name) {
            continue;
        }
        // A name that is near to none of ours is someone else's affair.
        if let Some(near) = near::nearest(name, names.iter().map(String::as_str)) {
            let hint = Some(format!("did you mean \"{near}\"?"));
            root.fault(Mark { source: *source, byte: 0 }, "no key of the main file has this name", hint);
        }
    }
    for section in [sip, devices, hep, notify, tls, http, rtp, store, limits, log] {
        section.finish();
    }
    settings
}

fn default_address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn realm(root: &Section<'_>) -> String {
    let Some(text) = root.text("realm") else { return String::from("strowger") };
    let clean = text.value.chars().all(|c| !c.is_control() && c != '"' && c != '\\');
    if !clean || text.value.is_empty() || text.value.len() > 128 {
        root.fault(text.mark, "realm: expected 1 to 128 characters without quotes or backslashes", None);
    }
    text.value
}

fn read_sip(sip: &Section<'_>) -> SipSettings {
    let listen = match sip.texts("listen") {
        None => [ListenerKind::Udp, ListenerKind::Tcp]
            .map(|kind| Listener { kind, address: default_address(5060) })
            .to_vec(),
        Some(texts) => listener::read(sip, &texts),
    };
    let advertised = sip.text("advertised").filter(|text| !text.value.is_empty());
    if let Some(text) = &advertised
        && !is_host(&text.value)
    {
        sip.fault(text.mark, "advertised: expected a host name or an address, without a port", None);
    }
    let host = |text: &At<String>| {
        let expected = "a host name or an address, without a port";
        sip.parse_by(text, "domains", expected, |text| is_host(text).then(|| text.to_owned()))
    };
    let domains = sip.texts("domains").unwrap_or_default();
    let domains = domains.iter().filter_map(|text| host(text).map(|at| at.value)).collect();
    let inside = sip.texts("inside").unwrap_or_default();
    let network = |text: &At<String>| sip.parse_by(text, "inside", "an address or a network", |t| t.parse().ok());
    let inside: Vec<Cidr> = inside.iter().filter_map(|text| network(text).map(|at| at.value)).collect();
    let user_agent = sip.text("user_agent").inspect(|text| {
        if text.value.chars().any(char::is_control) {
            sip.fault(text.mark, "user_agent: expected one line", None);
        }
    });
    let user_agent = or(user_agent, String::from("strowger"));
    let origins = sip.texts("origins").unwrap_or_default();
    let scanners = sip.texts("scanners").map(|texts| texts.into_iter().map(|text| text.value).collect());
    let scanners = scanners.unwrap_or_else(|| SCANNERS.map(str::to_owned).to_vec());
    SipSettings {
        listen,
        advertised: advertised.map(|at| at.value),
        domains,
        inside,
        user_agent,
        origins: read_origins(sip, origins),
        scanners,
        force_rport: or(sip.flag("force_rport"), false),
        dns: read_dns(sip),
    }
}

fn read_dns(sip: &Section<'_>) -> Vec<SocketAddr> {
    let texts = sip.texts("dns").unwrap_or_default();
    let server = |text: &str| text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
    let expected = "an address, with or without a port: \"127.0.0.1\", \"[::1]:5353\"";
    texts.iter().filter_map(|text| sip.parse_by(text, "dns", expected, server)).map(|at| at.value).collect()
}

fn read_http(http: &Section<'_>, sip: &[Listener]) -> HttpSettings {
    let listen = http.parsed::<SocketAddr>("listen", "address:port");
    if let Some(listen) = &listen
        && listen.value.port() != 0
        && sip.iter().any(|other| other.address == listen.value && other.kind != ListenerKind::Udp)
    {
        http.fault(listen.mark, format!("listen: {} is a SIP listener's already", listen.value), None);
    }
    let proxies = http.texts("trusted_proxies").unwrap_or_default();
    let cidr =
        |text: &At<String>| http.parse_by(text, "trusted_proxies", "an address or a network", |t| t.parse().ok());
    let token = http.text("metrics_token").filter(|text| !text.value.is_empty());
    if let Some(token) = &token
        && token.value.len() < METRICS_TOKEN_MIN
    {
        let problem = format!("metrics_token: expected at least {METRICS_TOKEN_MIN} characters");
        http.fault(token.mark, problem, Some(String::from("for example the output of: openssl rand -hex 32")));
    }
    HttpSettings {
        listen: or(listen, default_address(8080)),
        https: or(http.flag("https"), false),
        trusted_proxies: proxies.iter().filter_map(|text| cidr(text).map(|at| at.value)).collect(),
        origins: read_origins(http, http.texts("origins").unwrap_or_default()),
        metrics_token: token.map(|text| Private::new(text.value)),
    }
}

fn read_origins(section: &Section<'_>, texts: Vec<At<String>>) -> Vec<String> {
    for text in &texts {
        let host = text.value.strip_prefix("https://").or_else(|| text.value.strip_prefix("http://"));
        let good = text.value == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ']));
        if !good {
            let hint = Some(String::from("without a path, as a browser sends it: \"https://pages.example\""));
            section.fault(text.mark, format!("origins: expected scheme://host, found \"{}\"", text.value), hint);
        }
    }
    texts.into_iter().map(|text| text.value).collect()
}

/// A host name (RFC 1123) or an address.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}

fn read_rtp(rtp: &Section<'_>, sip: &SipSettings) -> RtpSettings {
    let first = sip.listen.first().map_or(IpAddr::from([127, 0, 0, 1]), |listener| listener.address.ip());
    let text = rtp.text("bind").filter(|text| !text.value.is_empty());
    let bind = text.as_ref().and_then(|text| address(rtp, "bind", text)).unwrap_or(first);
    let outside = sip.listen.iter().find(|listener| !listener.address.ip().is_loopback());
    if let (Some(text), Some(outside)) = (&text, outside)
        && bind.is_loopback()
    {
        let problem = format!("bind: nobody outside this machine could be heard, while SIP listens on {outside}");
        rtp.fault(text.mark, problem, Some(String::from("leave bind empty, or give an address of that network")));
    }
    let ports = rtp.text("ports").and_then(|text| {
        let range = text.value.split_once('-').and_then(|(low, high)| {
            let (low, high): (u16, u16) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
            (low >= 1024 && low < high).then_some(low..=high)
        });
        if range.is_none() {
            let hint = Some(String::from("for example \"16384-32767\"; each call side takes two"));
            rtp.fault(text.mark, "ports: expected a range from 1024 up, \"low-high\"", hint);
        }
        range.map(|range| At { mark: text.mark, value: range })
    });
    let workers = or(rtp.whole("workers", 0..=64), 0) as u16;
    if let Some(At { mark, value }) = &ports {
        // Where workers are as many as there are cores, there is one at least.
        let (least, pairs) = (port_pairs_min(workers.max(1).into()), port_pairs(value));
        if pairs < least {
            let hint = format!("{least} pairs are the least: one for each media worker, two for a call");
            rtp.fault(*mark, format!("ports: room for {pairs} pairs of ports"), Some(hint));
        }
    }
    let advertised = rtp.text("advertised").filter(|text| !text.value.is_empty());
    RtpSettings {
        bind,
        advertised: advertised.map(|text| read_advertised(rtp, &text)).unwrap_or_default(),
        ports: ports.map_or(16_384..=32_767, |at| at.value),
        workers,
        secures_tls: read_secure(rtp).unwrap_or(false),
        tones: or(rtp.one_of("tones", &Country::NAMED), Country::default()),
    }
}

/// `203.0.113.7, 2001:db8::7`
fn read_advertised(rtp: &Section<'_>, text: &At<String>) -> Vec<IpAddr> {
    let each = text.value.split(',').map(|one| At::new(one.trim().to_owned(), text.mark));
    let told: Vec<IpAddr> = each.filter_map(|one| address(rtp, "advertised", &one)).collect();
    if told.iter().filter(|told| told.is_ipv4()).count() > 1 || told.iter().filter(|told| told.is_ipv6()).count() > 1 {
        let hint = Some(String::from("one IPv4 address, one IPv6 address, or both with a comma between"));
        rtp.fault(text.mark, "advertised: more than one address of a family", hint);
    }
    told
}

fn read_secure(rtp: &Section<'_>) -> Option<bool> {
    let text = rtp.text("secure")?;
    match text.value.as_str() {
        "answer" => Some(false),
        "tls" => Some(true),
        _ => {
            let hint = Some(String::from("\"answer\", or \"tls\""));
            rtp.fault(text.mark, format!("secure: unknown word \"{}\"", text.value), hint);
            None
        }
    }
}

fn address(section: &Section<'_>, key: &str, text: &At<String>) -> Option<IpAddr> {
    section.parse_by(text, key, "an address", |text| text.parse().ok()).map(|at| at.value)
}

fn read_store(store: &Section<'_>) -> StoreSettings {
    let sync = store.one_of("sync", &[("commit", JournalSync::Commit), ("disk", JournalSync::Disk)]);
    let database = store.text("database");
    if let Some(url) = &database
        && !url.value.is_empty()
        && !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.value.starts_with(scheme))
    {
        let hint = Some(String::from("leave it empty for SQLite in data_dir"));
        store.fault(url.mark, "database: expected sqlite:… or postgres://…", hint);
    }
    StoreSettings { sync: or(sync, JournalSync::Commit), database: or(database, String::new()) }
}

fn read_limits(limits: &Section<'_>) -> Limits {
    Limits {
        calls_max: or(limits.whole("calls_max", 1..=1_000_000), 10_000) as usize,
        invite_rate_max: or(limits.whole("invite_rate_max", 1..=1_000_000), 10_000) as u32,
        guesses_max: or(limits.whole("guesses_max", 1..=1_000), 10) as u32,
        ban_time: or(limits.seconds("ban_secs", 0..=86_400), Duration::from_secs(300)),
        connections_max: or(limits.whole("connections_max", 1..=1_000_000), 10_000) as usize,
        connections_per_ip_max: or(limits.whole("connections_per_ip_max", 1..=1_000_000), 1_000) as usize,
        idle_time: or(limits.seconds("idle_secs", 10..=86_400), Duration::from_secs(600)),
        drain_time: or(limits.seconds("drain_secs", 0..=86_400), Duration::from_secs(60)),
        recorder_octets: or(limits.whole("recorder_mb", 0..=4_096), 32) as usize * (1 << 20),
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is wrong with a log level. A word alone is a level, and what follows on a room of code too: the filter would take any
/// other for the name of a room, and log nothing else.
pub fn level_fault(level: &str) -> Option<String> {
    let expected = format!("expected {} or trace", LEVELS[..5].join(", "));
    if level.trim().is_empty() {
        return Some(format!("{expected}, found nothing"));
    }
    let is_level = |word: &str| LEVELS.iter().any(|level| word.trim().eq_ignore_ascii_case(level));
    let no_level = |word: &&str| match word.rsplit_once('=') {
        _ if word.contains('[') => false,
        Some((room, level)) => room.trim().is_empty() || !is_level(level),
        None => !word.contains(':') && !is_level(word),
    };
    let wrong = level.split(',').map(str::trim).find(no_level)?;
    Some(format!("{expected}, found \"{wrong}\""))
}

fn read_log(log: &Section<'_>) -> LogSettings {
    let format = log.one_of("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let level = log.text("level");
    if let Some((level, fault)) = level.as_ref().and_then(|level| Some((level, level_fault(&level.value)?))) {
        log.fault(level.mark, format!("level: {fault}"), Some(String::from("a room alone: info,strowger::net=debug")));
    }
    LogSettings { level: or(level, String::from("info")), format: or(format, LogFormat::Text) }
}

#[cfg(test)]
mod tests;
