//! `[[trunk]]`, `[[number]]` and `[[clip]]`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{BUILT_IN_WORD, ClipFile, Reading, numbering::read_numbering, quirks::read_quirks};
use crate::{
    acd::CalendarSettings,
    base::{Cidr, ClipId, Number, Private, TrunkGroupId, TrunkId},
    engine::Clip,
    media::spoken,
    settings::{
        fault::At,
        read::{Section, or},
    },
    sip::Transport,
    switch::{
        CallerIdRule, Destination, Forwarding, Health, IdentityHeader, Mode, Pattern, Route, Side, Source, Trunk,
        TrunkCredentials, TrunkDestination, TrunkFrom, TrunkGroup, TrunkIdentity, TrunkLimits, TrunkMember, Upkeep,
    },
};

/// In which header a trunk is told who calls.
pub(super) const IDENTITY_HEADERS: [(&str, IdentityHeader); 3] = [
    ("asserted", IdentityHeader::Asserted),
    ("preferred", IdentityHeader::Preferred),
    ("remote_party", IdentityHeader::RemoteParty),
];

/// Characters of an account that a From may name.
const ACCOUNT_MAX: usize = 64;

/// What becomes of calls to a number.
pub(super) const MODES: [(&str, Mode); 2] = [("call", Mode::Call), ("proxy", Mode::Proxy)];

impl Reading<'_, '_> {
    pub(super) fn read_clips(&mut self) -> (Vec<Clip>, Vec<ClipFile>) {
        let (mut clips, mut files) = (Vec::new(), Vec::new());
        for mut section in self.tables("clip") {
            if let Some(key) = self.named(&mut section, "clip") {
                let file = section.required_text("file", "a WAV file, \"built-in\" or \"built-in:en/thanks\"");
                if let Some(file) = &file {
                    check_built_in(&section, file);
                }
                let id: Option<ClipId> = self.clips.add(self.report, &key.value, key.mark);
                if let (Some(id), Some(file)) = (id, file) {
                    clips.push(Clip { id, name: key.value });
                    files.push(ClipFile { id, file });
                }
            }
            section.finish();
        }
        (clips, files)
    }

    pub(super) fn read_trunks(&mut self) -> Vec<Trunk> {
        let mut trunks = Vec::new();
        for mut section in self.tables("trunk") {
            if let Some(key) = self.named(&mut section, "trunk") {
                let id: Option<TrunkId> = self.trunks.add(self.report, &key.value, key.mark);
                let trunk = Trunk {
                    id: id.unwrap_or(TrunkId(0)),
                    name: key.value,
                    sources: read_sources(&section),
                    certificate_names: self.read_certificate_names(&section),
                    destination: read_destination(&section),
                    credentials: read_credentials(&section),
                    caller_id: read_caller_id(&section),
                    calls_max: section.whole("calls_max", 1..=1_000_000).map(|at| at.value as u32),
                    upkeep: read_upkeep(&section),
                    limits: read_limits(&section),
                    numbering: read_numbering(&section),
                    identity: read_identity(&section),
                    quirks: read_quirks(&section),
                    hours: self.read_hours(&section),
                };
                if !["sources", "certificate_names", "destination"].iter().any(|key| section.has(key)) {
                    let hint = Some(String::from("sources = [\"198.51.100.7\"], destination = \"sip.example.net\""));
                    section.fault(section.mark(), "expected sources, certificate_names, or a destination", hint);
                }
                check_told_apart(&section, &trunk, &trunks);
                if id.is_some() {
                    trunks.push(trunk);
                }
            }
            section.finish();
        }
        trunks
    }

    /// Domains, as RFC 5922 finds them in a certificate.
    fn read_certificate_names(&self, section: &Section<'_>) -> Vec<String> {
        let texts = section.texts("certificate_names").unwrap_or_default();
        if let Some(first) = texts.first()
            && !self.asks_for_certificates
        {
            let hint = Some(String::from("name the file of its authority: [tls] client_authorities = \"….pem\""));
            section.fault(first.mark, "certificate_names: nobody is asked for a certificate", hint);
        }
        let expected = "the name that its certificate is for, not a pattern: \"sip.carrier.example\"";
        let name = |text: &str| {
            let is_name = is_host(text) && !text.starts_with('[') && text.parse::<IpAddr>().is_err();
            is_name.then(|| text.to_ascii_lowercase())
        };
        texts
            .iter()
            .filter_map(|text| section.parse_by(text, "certificate_names", expected, name))
            .map(|at| at.value)
            .collect()
    }

    fn read_hours(&self, section: &Section<'_>) -> Option<String> {
        let hours = section.text("hours")?;
        self.trunk_hours.borrow_mut().push(hours.clone());
        Some(hours.value)
    }

    /// After the calendars.
    pub(super) fn check_trunk_hours(&self, calendars: &[CalendarSettings]) {
        for hours in self.trunk_hours.borrow().iter() {
            if !calendars.iter().any(|calendar| calendar.key == hours.value) {
                let known = calendars.iter().map(|calendar| calendar.key.as_str());
                let hint = crate::settings::near::hint(&hours.value, known);
                self.report.fault(hours.mark, format!("hours: there is no calendar \"{}\"", hours.value), hint);
            }
        }
    }

    /// `[[trunk_group]]`, after the trunks.
    pub(super) fn read_trunk_groups(&mut self) -> Vec<TrunkGroup> {
        let mut groups = Vec::new();
        for mut section in self.tables("trunk_group") {
            if let Some(key) = self.named(&mut section, "trunk group") {
                let id: Option<TrunkGroupId> = self.trunk_groups.add(self.report, &key.value, key.mark);
                let expected = "trunks in order, with priority and weight: \"main:1:70\", \"other:1:30\", \"spare:2\"";
                if !section.has("members") {
                    section.missing("members", expected);
                }
                let texts = section.texts("members").unwrap_or_default();
                let members = texts.iter().filter_map(|text| self.trunk_member(&section, text, expected)).collect();
                if let Some(id) = id {
                    groups.push(TrunkGroup { id, name: key.value, members });
                }
            }
            section.finish();
        }
        groups
    }

    /// `key`, `key:priority` or `key:priority:weight`.
    fn trunk_member(&self, section: &Section<'_>, text: &At<String>, expected: &str) -> Option<TrunkMember> {
        let mut pieces = text.value.split(':');
        let name = At::new(pieces.next().unwrap_or_default().to_owned(), text.mark);
        let mut number = |usual: u16| pieces.next().map_or(Some(usual), |piece| piece.parse::<u16>().ok());
        let (Some(priority), Some(weight), None) = (number(1), number(1), pieces.next()) else {
            section.fault(text.mark, format!("members: expected {expected}, found \"{}\"", text.value), None);
            return None;
        };
        let trunk = self.trunks.find(self.report, &name, "members")?;
        Some(TrunkMember { trunk, priority, weight })
    }

    /// After everything that a number may lead to.
    /// `addresses`: who is reached by a name or extension.
    pub(super) fn read_numbers(&mut self, addresses: &BTreeMap<String, Destination>) -> Vec<Route> {
        let mut routes: Vec<(At<Pattern>, Route)> = Vec::new();
        for section in self.tables("number") {
            if let Some((pattern, route)) = self.read_number(&section) {
                let twin = routes.iter().find(|(_, other)| other.pattern == route.pattern && overlap(other, &route));
                if let Some((earlier, _)) = twin {
                    let hint = format!("the other is at {}", self.report.line_of(earlier.mark));
                    let problem = format!("\"{}\" leads to two places for the same callers", pattern.value);
                    section.fault(pattern.mark, problem, Some(hint));
                }
                if let Some(who) = addresses.get(&*pattern.value.as_str().to_ascii_lowercase())
                    && matches!(route.from, Side::Anyone | Side::Users)
                    && *who != route.destination
                {
                    let problem = format!(
                        "\"{}\" is somebody's extension or name, who could not be called any more",
                        pattern.value
                    );
                    let hint =
                        "give it another number, or say from = \"trunks\" where only calls from outside are meant";
                    section.fault(pattern.mark, problem, Some(String::from(hint)));
                }
                routes.push((pattern, route));
            }
            section.finish();
        }
        routes.into_iter().map(|(_, route)| route).collect()
    }

    fn read_number(&self, section: &Section<'_>) -> Option<(At<Pattern>, Route)> {
        let expected = "letters, digits, + . _ - #, X for a digit, a trailing * for any rest";
        if !section.has("number") {
            section.missing("number", expected);
        }
        let pattern = section.parsed_by("number", expected, Pattern::new);
        let to = section.required_text(
            "to",
            "\"queue:…\", \"user:…\", \"group:…\", \"trunk:…\", \"trunks:…\", \"menu:…\" or \"clip:…\"",
        );
        let destination = to.and_then(|to| self.destination(section, &to));
        let from = section.text("from").and_then(|from| self.side(section, &from));
        let strip = section.whole("strip", 0..=32).map(|at| at.value as u8);
        let prepend = section.text("prepend");
        let (pattern, destination) = (pattern?, destination?);
        let caller_id = section.parsed_by("caller_id", "a number such as +351210000001", Number::new);
        let only_trunk = strip.is_some() || prepend.is_some() || caller_id.is_some();
        if only_trunk && !matches!(destination, Destination::Trunk(_) | Destination::Trunks(_)) {
            let problem = "strip, prepend and caller_id are for numbers that lead to a trunk";
            section.fault(section.mark(), problem, None);
        }
        let left = pattern.value.as_str().trim_end_matches('*').len().saturating_sub(strip.unwrap_or(0).into());
        if left == 0 && pattern.value.is_exact() && prepend.as_ref().is_none_or(|at| at.value.is_empty()) {
            section.fault(pattern.mark, format!("strip leaves nothing of \"{}\" to dial", pattern.value), None);
        }
        let route = Route {
            pattern: pattern.value.clone(),
            from: from.unwrap_or(Side::Anyone),
            strip: strip.unwrap_or(0),
            prepend: prepend.map(|at| at.value).unwrap_or_default(),
            destination,
            caller_id: caller_id.map(|at| at.value),
            mode: self.mode(section, destination),
        };
        Some((pattern, route))
    }

    fn mode(&self, section: &Section<'_>, destination: Destination) -> Mode {
        let by_word = |word: &str| MODES.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode);
        let Some(mode) = section.parsed_by("mode", "\"call\" or \"proxy\"", by_word) else { return Mode::Call };
        if mode.value == Mode::Proxy
            && matches!(destination, Destination::Queue(_) | Destination::Clip(_) | Destination::Menu(_))
        {
            let hint = Some(String::from("what is played to a caller is played by us: leave mode out"));
            section.fault(mode.mark, "mode: a queue, a menu or a clip is not forwarded to", hint);
        }
        mode.value
    }

    fn destination(&self, section: &Section<'_>, to: &At<String>) -> Option<Destination> {
        let Some((kind, name)) = to.value.split_once(':') else {
            let hint = Some(String::from("for example to = \"queue:support\""));
            section.fault(to.mark, format!("to: expected kind:name, found \"{}\"", to.value), hint);
            return None;
        };
        let name = At::new(name.to_owned(), to.mark);
        match kind {
            "queue" => self.queues.find(self.report, &name, "to").map(Destination::Queue),
            "user" => self.users.find(self.report, &name, "to").map(Destination::User),
            "group" => self.groups.find(self.report, &name, "to").map(Destination::Group),
            "trunk" => self.trunks.find(self.report, &name, "to").map(Destination::Trunk),
            "trunks" => self.trunk_groups.find(self.report, &name, "to").map(Destination::Trunks),
            "clip" => self.clips.find(self.report, &name, "to").map(Destination::Clip),
            "menu" => self.menus.find(self.report, &name, "to").map(Destination::Menu),
            other => {
                let kinds = ["queue", "user", "group", "trunk", "trunks", "menu", "clip"];
                let hint = crate::settings::near::hint(other, kinds);
                section.fault(to.mark, format!("to: \"{other}\" is no kind of destination"), hint);
                None
            }
        }
    }

    fn side(&self, section: &Section<'_>, from: &At<String>) -> Option<Side> {
        match from.value.split_once(':') {
            None if from.value == "anyone" => Some(Side::Anyone),
            None if from.value == "users" => Some(Side::Users),
            None if from.value == "trunks" => Some(Side::Trunks),
            Some(("trunk", name)) => {
                let name = At::new(name.to_owned(), from.mark);
                self.trunks.find(self.report, &name, "from").map(Side::Trunk)
            }
            _ => {
                let problem = format!(
                    "from: expected \"anyone\", \"users\", \"trunks\" or \"trunk:name\", found \"{}\"",
                    from.value
                );
                section.fault(from.mark, problem, None);
                None
            }
        }
    }
}

fn check_built_in(section: &Section<'_>, file: &At<String>) {
    let Some(name) = file.value.strip_prefix(BUILT_IN_WORD) else { return };
    if spoken::named(name).is_none() {
        let hint = "the files of media/voices without .wav: \"built-in:pt/welcome\", \"built-in:es/thanks\"";
        section.fault(file.mark, format!("file: nothing built in is called \"{name}\""), Some(hint.into()));
    }
}

/// Whether both routes are for one and the same caller.
fn overlap(one: &Route, two: &Route) -> bool {
    one.from == two.from
}

/// Of two trunks with the very same addresses and certificates the first has every call, but for those to what the other has
/// registered.
fn check_told_apart(section: &Section<'_>, trunk: &Trunk, before: &[Trunk]) {
    let is_subset = |these: &[Source], those: &[Source]| these.iter().all(|source| those.contains(source));
    let same = before.iter().find(|other| {
        is_subset(&other.sources, &trunk.sources)
            && is_subset(&trunk.sources, &other.sources)
            && other.certificate_names == trunk.certificate_names
    });
    if let (Some(other), false, None) = (same, trunk.sources.is_empty(), trunk.upkeep.register) {
        let mark = section.texts("sources").and_then(|texts| Some(texts.first()?.mark)).unwrap_or(section.mark());
        let hint = "a port tells them apart (\"198.51.100.7:5080\"), or a registration (register_secs); for calls out alone \
                    no sources are needed";
        let problem = format!("sources: calls from there are all taken for those of the trunk \"{}\"", other.name);
        section.fault(mark, problem, Some(hint.into()));
    }
}

fn read_sources(section: &Section<'_>) -> Vec<Source> {
    let texts = section.texts("sources").unwrap_or_default();
    let expected = "a network or address, with or without a port: \"10.0.0.0/8\", \"127.0.0.1:5080\"";
    texts.iter().filter_map(|text| section.parse_by(text, "sources", expected, source)).map(|at| at.value).collect()
}

/// `10.0.0.0/8`, `10.0.0.1`, `10.0.0.1:5060`, `2001:db8::/32`, `[2001:db8::1]:5060`.
fn source(text: &str) -> Option<Source> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(Source { network: address.ip().to_string().parse().ok()?, port: Some(address.port()) });
    }
    if let Ok(network) = text.parse::<Cidr>() {
        return Some(Source { network, port: None });
    }
    let (network, port) = text.rsplit_once(':')?;
    let network = network.trim_start_matches('[').trim_end_matches(']');
    Some(Source { network: network.parse().ok()?, port: Some(port.parse().ok()?) })
}

/// `host`, `host:port`, `tcp:host:port`, `tls:host:port`.
fn read_destination(section: &Section<'_>) -> Option<TrunkDestination> {
    let text = section.text("destination")?;
    let expected = "host, host:port, tcp:host:port or tls:host:port";
    section.parse_by(&text, "destination", expected, destination).map(|at| at.value)
}

fn destination(text: &str) -> Option<TrunkDestination> {
    let (transport, rest) = match text.split_once(':') {
        Some(("udp", rest)) => (Some(Transport::Udp), rest),
        Some(("tcp", rest)) => (Some(Transport::Tcp), rest),
        Some(("tls", rest)) => (Some(Transport::Tls), rest),
        _ => (None, text),
    };
    let bare = rest.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = rest.parse::<SocketAddr>() {
        return Some(TrunkDestination { host: address.ip().to_string(), port: Some(address.port()), transport });
    }
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(TrunkDestination { host: address.to_string(), port: None, transport });
    }
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port != 0)?)),
        None => (rest, None),
    };
    let clean = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    (clean && (1..=253).contains(&host.len())).then(|| TrunkDestination { host: host.to_owned(), port, transport })
}

fn read_credentials(section: &Section<'_>) -> Option<TrunkCredentials> {
    let realm = section.text("realm");
    match (section.text("user"), section.text("password")) {
        (Some(user), Some(password)) => {
            for (key, empty) in [("user", &user), ("password", &password)] {
                if empty.value.trim().is_empty() {
                    section.fault(
                        empty.mark,
                        format!("{key}: found nothing"),
                        Some("leave out both where the carrier asks for none".into()),
                    );
                }
            }
            let realm = realm.map(|realm| realm.value);
            Some(TrunkCredentials { user: user.value, password: Private::new(password.value), realm })
        }
        (None, None) => {
            if let Some(realm) = realm {
                section.fault(realm.mark, "realm: expected user and password too", None);
            }
            None
        }
        (Some(one), None) | (None, Some(one)) => {
            section.fault(one.mark, "expected both user and password", None);
            None
        }
    }
}

fn read_identity(section: &Section<'_>) -> TrunkIdentity {
    let mut forwarding = Forwarding::default();
    for word in section.texts("forwarding").unwrap_or_default() {
        match word.value.as_str() {
            "diversion" => forwarding.diversion = true,
            "history_info" => forwarding.history = true,
            "referred_by" => forwarding.referred_by = true,
            other => {
                let hint = crate::settings::near::hint(other, ["diversion", "history_info", "referred_by"]);
                section.fault(word.mark, format!("forwarding: \"{other}\" is none of the headers"), hint);
            }
        }
    }
    let user = section.parsed_by("from_user", "an account such as \"351210000000\"", account);
    let domain = section.parsed_by("from_domain", "a host name or address", |text| is_host(text).then(|| text.into()));
    TrunkIdentity {
        trusted: or(section.flag("trusted"), false),
        passes_names: or(section.flag("passes_names"), false),
        told_in: or(section.one_of("identity_header", &IDENTITY_HEADERS), IdentityHeader::default()),
        from: TrunkFrom { user: user.map(|at| at.value), domain: domain.map(|at| at.value) },
        forwarding,
    }
}

fn account(text: &str) -> Option<Arc<str>> {
    let fits = (1..=ACCOUNT_MAX).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c == ' ');
    fits.then(|| text.into())
}

/// A name, or an address as a URI writes it.
fn is_host(text: &str) -> bool {
    let name = || text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let address = || {
        text.strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
    };
    (1..=253).contains(&text.len()) && (name() || address())
}

fn read_limits(section: &Section<'_>) -> TrunkLimits {
    let whole = |key: &'static str| section.whole(key, 1..=1_000_000).map(|at| at.value as u32);
    let (calls_in, calls_out) = (whole("calls_in_max"), whole("calls_out_max"));
    TrunkLimits { calls_in, calls_out, per_second: whole("calls_per_second") }
}

fn read_upkeep(section: &Section<'_>) -> Upkeep {
    let seconds = |key: &'static str, range| section.whole(key, range).map(|at| Duration::from_secs(at.value));
    let register = seconds("register_secs", 60..=86_400);
    let health = seconds("options_secs", 5..=3_600).map(|every| Health {
        every,
        down_after: section.whole("down_after", 1..=100).map_or(3, |at| at.value as u32),
        up_after: section.whole("up_after", 1..=100).map_or(2, |at| at.value as u32),
    });
    if register.is_some() && !section.has("user") {
        section.fault(section.mark(), "register_secs needs user and password", None);
    }
    if (register.is_some() || health.is_some()) && !section.has("destination") {
        section.fault(section.mark(), "register_secs and options_secs need a destination", None);
    }
    for key in ["down_after", "up_after"] {
        if health.is_none() && section.has(key) {
            section.fault(section.mark(), format!("{key} is for a trunk with options_secs"), None);
        }
    }
    Upkeep { register, health }
}

fn read_caller_id(section: &Section<'_>) -> CallerIdRule {
    let Some(text) = section.text("caller_id") else { return CallerIdRule::Pass };
    if text.value == "pass" {
        return CallerIdRule::Pass;
    }
    let number = section.parse_by(&text, "caller_id", "\"pass\" or a number such as +351210000001", Number::new);
    number.map_or(CallerIdRule::Pass, |at| CallerIdRule::Fixed(at.value))
}

/// Kept here because a clip's key is chosen like a trunk's.
pub(super) fn hold_music(reading: &Reading<'_, '_>) -> Option<ClipId> {
    let mut chosen: Option<At<String>> = None;
    for root in reading.roots {
        if let Some(text) = root.text("hold_music") {
            if let Some(earlier) = &chosen {
                let hint = Some(format!("the other is at {}", reading.report.line_of(earlier.mark)));
                root.fault(text.mark, "hold_music is given twice", hint);
            }
            chosen = Some(text);
        }
    }
    or(chosen.map(|key| At::new(reading.clips.find(reading.report, &key, "hold_music"), key.mark)), None)
}
