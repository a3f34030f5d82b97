//! SIP as it was on the wire, for whoever looks for a fault: what fits a filter goes to the log and is kept for a pcap, and
//! with it the other legs of its call, which Session-ID tells. Secrets are masked at equal length, so that every byte count
//! stays true.

use std::{
    collections::{BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;

use crate::{
    base::{Instant, Now},
    engine::TraceFilter,
    sip::{EndId, Path},
    wire::sip::{Malformed, Message, NameAddr},
};

/// Filters at once.
pub const FILTERS_MAX: usize = 16;

/// Messages kept; the oldest go first.
pub const TRACED_MAX: usize = 4_096;

/// Octets of them.
pub const TRACED_OCTETS_MAX: usize = 8 << 20;

/// Ends of calls whose other legs are traced too; of further ones only what fits a filter itself.
pub const FOLLOWED_MAX: usize = 4_096;

fn fits(filter: &TraceFilter, path: &Path, message: &Message) -> bool {
    match filter {
        TraceFilter::Source(source) => path.remote.ip() == *source,
        TraceFilter::Call(call) => message.call_id() == call,
        TraceFilter::Number(number) => {
            let named = |party: Result<NameAddr<'_>, _>| party.is_ok_and(|party| party.uri.user_decoded() == *number);
            named(message.from())
                || named(message.to())
                || message.request_uri().is_ok_and(|uri| uri.user_decoded() == *number)
        }
    }
}

/// The same of what can't be read: a number or Call-ID that is written somewhere in it.
fn fits_unread(filter: &TraceFilter, path: &Path, malformed: &Malformed) -> bool {
    match filter {
        TraceFilter::Source(source) => path.remote.ip() == *source,
        TraceFilter::Call(call) => malformed.call_id() == call,
        TraceFilter::Number(number) => {
            let text = String::from_utf8_lossy(malformed.bytes());
            text.match_indices(&format!("{number}@")).any(|(at, _)| text[..at].ends_with([':', ' ', '<']))
        }
    }
}

struct Traced {
    at: Instant,
    from: SocketAddr,
    to: SocketAddr,
    call: Box<str>,
    /// Both ends of the call, as its Session-ID has them.
    ends: Vec<EndId>,
    bytes: Vec<u8>,
}

/// Costs one comparison a message while nothing is traced.
#[derive(Default)]
pub struct Trace {
    filters: Vec<TraceFilter>,
    /// Ends of the calls of which something fitted.
    followed: BTreeSet<EndId>,
    kept: VecDeque<Traced>,
    octets: usize,
}

impl Trace {
    /// `false`: there are as many as there may be.
    pub fn start(&mut self, filter: TraceFilter) -> bool {
        if self.filters.contains(&filter) {
            return true;
        }
        let room = self.filters.len() < FILTERS_MAX;
        if room {
            self.filters.push(filter);
        }
        room
    }

    /// Traces nothing more and forgets what was kept.
    pub fn stop(&mut self) {
        *self = Self::default();
    }

    pub fn is_idle(&self) -> bool {
        self.filters.is_empty()
    }

    pub fn came(&mut self, now: Instant, path: &Path, message: &Message) {
        if !self.is_idle() {
            self.note(now, path, message, true);
        }
    }

    pub fn goes(&mut self, now: Instant, path: &Path, bytes: &Bytes) {
        if !self.is_idle()
            && let Ok(message) = Message::parse(bytes.clone())
        {
            self.note(now, path, &message, false);
        }
    }

    /// What came and can't be read.
    pub fn came_malformed(&mut self, now: Instant, path: &Path, malformed: &Malformed) {
        if self.is_idle() {
            return;
        }
        if self.filters.iter().any(|filter| fits_unread(filter, path, malformed)) {
            self.keep(now, path, (malformed.call_id(), Vec::new(), malformed.bytes()), true);
        }
    }

    fn note(&mut self, now: Instant, path: &Path, message: &Message, came: bool) {
        let ends: Vec<EndId> = EndId::named(message).collect();
        let is_followed = ends.iter().any(|end| self.followed.contains(end));
        if !is_followed && !self.filters.iter().any(|filter| fits(filter, path, message)) {
            return;
        }
        let room = FOLLOWED_MAX.saturating_sub(self.followed.len());
        self.followed.extend(ends.iter().take(room));
        self.keep(now, path, (message.call_id(), ends, message.bytes()), came);
    }

    fn keep(&mut self, now: Instant, path: &Path, (call, ends, bytes): (&str, Vec<EndId>, &Bytes), came: bool) {
        let bytes = masked(bytes);
        let (from, to) = if came { (path.remote, path.local) } else { (path.local, path.remote) };
        let transport = path.transport.via_name();
        let text = String::from_utf8_lossy(&bytes);
        tracing::info!(target: "strowger::trace", call, "{transport} {from} -> {to}\n{text}");
        self.octets += bytes.len();
        self.kept.push_back(Traced { at: now, from, to, call: call.into(), ends, bytes });
        while self.kept.len() > TRACED_MAX || self.octets > TRACED_OCTETS_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.octets -= oldest.bytes.len();
        }
    }

    /// The ends of a call, whichever of its Call-IDs is given.
    fn ends_of(&self, call: &str) -> BTreeSet<EndId> {
        let mut ends = BTreeSet::new();
        loop {
            let before = ends.len();
            for traced in &self.kept {
                if *traced.call == *call || traced.ends.iter().any(|end| ends.contains(end)) {
                    ends.extend(traced.ends.iter().copied());
                }
            }
            if ends.len() == before {
                return ends;
            }
        }
    }

    /// What was kept, of one call with all its legs or of all, as a pcap file: every message as a UDP packet, whatever carried
    /// it.
    pub fn pcap(&self, now: Now, call: Option<&str>) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend(0xA1B2_C3D4_u32.to_le_bytes());
        file.extend([2, 0, 4, 0]);
        file.extend([0; 8]);
        file.extend(65_535_u32.to_le_bytes());
        // Raw IP.
        file.extend(101_u32.to_le_bytes());
        let ends = call.map(|call| self.ends_of(call)).unwrap_or_default();
        let is_of = |traced: &&Traced| {
            call.is_none_or(|call| *traced.call == *call || traced.ends.iter().any(|end| ends.contains(end)))
        };
        for traced in self.kept.iter().filter(is_of) {
            let age = u64::try_from(now.mono.since(traced.at).as_micros()).unwrap_or(0);
            let wall = u64::try_from(now.wall.as_millis()).unwrap_or(0).saturating_mul(1_000).saturating_sub(age);
            let packet = packet(traced);
            let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
            file.extend(number(wall / 1_000_000));
            file.extend(number(wall % 1_000_000));
            file.extend(number(packet.len() as u64));
            file.extend(number(packet.len() as u64));
            file.extend(packet);
        }
        file
    }
}

/// IP and UDP headers around a message, as long as a packet may be.
fn packet(traced: &Traced) -> Vec<u8> {
    const HEADERS: usize = 48;
    let body = traced.bytes.get(..traced.bytes.len().min(65_535 - HEADERS)).unwrap_or_default();
    let length = |octets: usize| u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes();
    let udp = body.len() + 8;
    let mut packet = Vec::with_capacity(body.len() + HEADERS);
    match (traced.from.ip().to_canonical(), traced.to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend(length(udp + 20));
            packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let sum = packet.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
            let folded = (sum & 0xffff) + (sum >> 16);
            let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        (from, to) => {
            let six = |ip: IpAddr| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(length(udp));
            packet.extend([17, 64]);
            packet.extend(six(from));
            packet.extend(six(to));
        }
    }
    packet.extend(traced.from.port().to_be_bytes());
    packet.extend(traced.to.port().to_be_bytes());
    packet.extend(length(udp));
    packet.extend([0, 0]);
    packet.extend(body);
    packet
}

/// Lines whose value is a secret: the whole of it.
const SECRET_HEADERS: [&str; 2] = ["authorization:", "proxy-authorization:"];
/// The last is a key that was pressed (application/dtmf-relay): they may be those of a card.
const SECRET_LINES: [&str; 5] = ["a=crypto:", "a=key-mgmt:", "a=ice-pwd:", "k=", "signal="];

/// As headers in a URI (RFC 3261 19.1.1).
const SECRET_IN_URIS: [&[u8]; 2] = [b"authorization=", b"proxy-authorization="];

/// Octets of a URI that are looked through.
const URI_MAX: usize = 512;

/// The same octets with every secret written over.
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut text = bytes.to_vec();
    let mut inside = false;
    for line in text.split_mut(|byte| *byte == b'\n') {
        let end = line.len() - usize::from(line.ends_with(b"\r"));
        let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        // Blanks may stand before the colon.
        let plain: String =
            line.iter().take(64).filter(|byte| !byte.is_ascii_whitespace()).map(|byte| char::from(*byte)).collect();
        let plain = plain.to_ascii_lowercase();
        let is_secret = SECRET_HEADERS.iter().chain(&SECRET_LINES).any(|start| plain.starts_with(start));
        let from = match (is_secret, folded && inside) {
            (true, _) => {
                let mark = if plain.starts_with("k=") || plain.starts_with("signal=") { b'=' } else { b':' };
                line.iter().position(|byte| *byte == mark).map_or(0, |at| at + 1)
            }
            (false, true) => 0,
            (false, false) => end,
        };
        inside = is_secret || (folded && inside);
        if let Some(secret) = line.get_mut(from..end) {
            secret.fill(b'*');
        }
        mask_uris(line);
    }
    mask_pressed_key(&mut text);
    text
}

/// Passwords in the user part of URIs, and what they would have a request say of who sends it.
fn mask_uris(line: &mut [u8]) {
    let is_scheme = |at: usize| {
        let before = line.get(..at).unwrap_or_default();
        let ends = |scheme: &[u8]| {
            before.len() >= scheme.len() && before[before.len() - scheme.len()..].eq_ignore_ascii_case(scheme)
        };
        ends(b"sip") || ends(b"sips")
    };
    let colons = line.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let starts: Vec<usize> = colons.filter(|at| is_scheme(*at)).map(|at| at + 1).collect();
    let mut looked_to = 0;
    for start in starts {
        if start < looked_to {
            continue;
        }
        let rest = line.get_mut(start..).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'<' | b'>' | b'"' | b',');
        let end = rest.iter().take(URI_MAX).position(ends).unwrap_or(rest.len().min(URI_MAX));
        looked_to = start + end;
        let uri = rest.get_mut(..end).unwrap_or_default();
        let host = uri.iter().position(|byte| *byte == b'@').unwrap_or(0);
        if let Some(colon) = uri.iter().take(host).position(|byte| *byte == b':') {
            uri[colon + 1..host].fill(b'*');
        }
        let Some(headers) = uri.iter().skip(host).position(|byte| *byte == b'?').map(|at| host + at + 1) else {
            continue;
        };
        for header in uri[headers..].split_mut(|byte| *byte == b'&') {
            let named = |name: &&&[u8]| header.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
            if let Some(name) = SECRET_IN_URIS.iter().find(named) {
                header[name.len()..].fill(b'*');
            }
        }
    }
}

/// A body of application/dtmf is the key itself.
fn mask_pressed_key(text: &mut [u8]) {
    let Some(head) = text.windows(4).position(|four| four == b"\r\n\r\n") else { return };
    let is_key = text[..head].split(|byte| *byte == b'\n').any(|line| {
        let plain: Vec<u8> = line.iter().take(64).filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
        let plain = plain.to_ascii_lowercase();
        [&b"content-type:application/dtmf"[..], b"c:application/dtmf"]
            .into_iter()
            .any(|kind| plain.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(b";")))
    });
    if is_key {
        text[head + 4..].fill(b'*');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Wall, sip::Transport};

    fn path() -> Path {
        let (local, remote) = ("127.0.0.1:5060".parse().unwrap(), "192.0.2.7:5070".parse().unwrap());
        Path { transport: Transport::Tcp, local, remote, flow: None }
    }

    fn invite(call: &str, number: &str) -> Message {
        let body = "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\na=ice-pwd:hidden\r\n";
        let text = format!(
            "INVITE sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:{number}@b>\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             authorization : Digest username=\"a\",\r\n  response=\"0123\"\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Message::parse(Bytes::from(text.into_bytes())).unwrap()
    }

    /// AP-08: a trace has every octet but the secrets, which are written over at equal length, folded lines too.
    #[test]
    fn secrets_are_masked_at_equal_length() {
        let message = invite("x", "800");
        let (plain, shown) = (message.bytes(), masked(message.bytes()));
        assert_eq!(shown.len(), plain.len());
        let shown = String::from_utf8(shown).unwrap();
        for secret in ["Digest", "0123", "username", "inline", "c2VjcmV0", "hidden"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let differ = plain.iter().zip(shown.as_bytes()).filter(|(one, other)| one != other).count();
        assert!(shown.contains("\r\nauthorization :*") && shown.contains("Call-ID: x\r\n") && differ < 110, "{shown}");
    }

    /// AP-08: secrets may also stand in URIs, and keys that were pressed in bodies.
    #[test]
    fn ap_08_secrets_in_uris_and_pressed_keys_are_masked() {
        let shown = |text: &str| {
            let shown = String::from_utf8(masked(text.as_bytes())).unwrap();
            assert_eq!(shown.len(), text.len());
            shown
        };
        let refer = "REFER sip:joe:hunter2@b SIP/2.0\r\nContact: <sips:ana;x=1:pass@h:5061>\r\n\
                     Refer-To: <sip:a@b:5060?Replaces=x&Authorization=Digest%20y&Subject=z>\r\nf: sip:a@b;tag=1\r\n\r\n";
        let wanted = "REFER sip:joe:*******@b SIP/2.0\r\nContact: <sips:ana;x=1:****@h:5061>\r\n\
                      Refer-To: <sip:a@b:5060?Replaces=x&Authorization=**********&Subject=z>\r\nf: sip:a@b;tag=1\r\n\r\n";
        assert_eq!(shown(refer), wanted);
        let relay =
            shown("INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal= 7\r\nDuration=160\r\n");
        assert!(relay.ends_with("Signal=**\r\nDuration=160\r\n"), "{relay}");
        let plain = shown("INFO sip:a@b SIP/2.0\r\ncontent-type : application/DTMF\r\n\r\n7");
        assert!(plain.ends_with("\r\n\r\n*"), "{plain}");
        for odd in ["sip:", "sip:@", "sip:a:@", "sip::@h?", "sip:a@h?authorization=", "x sips:a:b"] {
            shown(odd);
        }
        shown(&"sip:a:b?authorization=".repeat(3_000));
    }

    /// AP-08: by number, call or source, what fits is kept up to a bound, and one call comes out as a pcap.
    #[test]
    fn what_fits_a_filter_comes_out_as_a_pcap() {
        let at = Instant::from_micros(1_000_000);
        let now = Now { mono: Instant::from_micros(3_500_000), wall: Wall(1_795_000_000_000) };
        let mut trace = Trace::default();
        trace.came(at, &path(), &invite("before", "800"));
        assert!(trace.start(TraceFilter::Number("800".into())) && trace.start(TraceFilter::Call("c9".into())));
        trace.came(at, &path(), &invite("c1", "800"));
        trace.goes(at, &path(), invite("c9", "900").bytes());
        trace.came(at, &path(), &invite("c2", "900"));
        assert_eq!(trace.kept.len(), 2);
        let file = trace.pcap(now, Some("c1"));
        let length = invite("c1", "800").bytes().len();
        assert_eq!(file.len(), 24 + 16 + 28 + length);
        assert_eq!(file[24..28], 1_794_999_997_u32.to_le_bytes(), "two and a half seconds ago");
        assert_eq!(file[28..32], 500_000_u32.to_le_bytes());
        assert_eq!(file[40..42], [0x45, 0]);
        assert_eq!(file[52..60], [192, 0, 2, 7, 127, 0, 0, 1]);
        assert_eq!(file[60..64], [0x13, 0xCE, 0x13, 0xC4], "from 5070 to 5060");
        assert_eq!(trace.pcap(now, None).len(), 24 + 2 * (16 + 28 + length));
        assert!(trace.start(TraceFilter::Source([192, 0, 2, 7].into())));
        for number in 0..TRACED_MAX {
            trace.came(at, &path(), &invite(&format!("n{number}"), "1"));
        }
        assert!(trace.kept.len() <= TRACED_MAX && trace.octets <= TRACED_OCTETS_MAX);
        trace.stop();
        assert!(trace.is_idle() && trace.kept.is_empty());
    }

    /// AP-08: with a call that fits go its other legs, in the trace and in the pcap, by whichever Call-ID it is asked for.
    #[test]
    fn ap_08_a_call_is_traced_with_all_its_legs() {
        let at = Instant::from_micros(1_000_000);
        let now = Now { mono: at, wall: Wall(1_795_000_000_000) };
        let ends = ["1", "2", "3"].map(|digit| digit.repeat(32));
        let leg = |call: &str, number: &str, local: &str, remote: &str| {
            let text = String::from_utf8(invite(call, number).bytes().to_vec()).unwrap();
            let session = format!("Session-ID: {local};remote={remote}\r\nMax-Forwards");
            Message::parse(Bytes::from(text.replace("Max-Forwards", &session))).unwrap()
        };
        let nobody = "0".repeat(32);
        let legs = [
            leg("caller", "800", &ends[0], &nobody),
            leg("agent", "ana", &ends[0], &ends[1]),
            leg("consult", "rui", &ends[1], &nobody),
            leg("other", "eva", &ends[2], &nobody),
        ];
        let mut trace = Trace::default();
        assert!(trace.start(TraceFilter::Number("800".into())));
        legs.iter().for_each(|leg| trace.came(at, &path(), leg));
        let calls: Vec<&str> = trace.kept.iter().map(|traced| &*traced.call).collect();
        assert_eq!(calls, ["caller", "agent", "consult"]);
        let whole = trace.pcap(now, None).len();
        for call in ["caller", "agent", "consult"] {
            assert_eq!(trace.pcap(now, Some(call)).len(), whole, "{call}");
        }
        assert!(trace.start(TraceFilter::Number("eva".into())));
        trace.came(at, &path(), &legs[3]);
        assert_eq!(trace.pcap(now, Some("caller")).len(), whole, "another call is none of it");
        trace.stop();
        assert!(trace.followed.is_empty());
    }

    /// AP-08: what can't be read is traced too, by where it came from and by what is written in it, with its secrets masked.
    #[test]
    fn ap_08_what_is_malformed_is_traced() {
        let at = Instant::from_micros(1_000_000);
        let text = String::from_utf8(invite("c1", "800").bytes().to_vec()).unwrap().replace("CSeq: 1", "CSeq: one");
        let malformed = Message::parse(Bytes::from(text)).unwrap_err();
        let source = TraceFilter::Source([192, 0, 2, 7].into());
        for (filter, kept) in [
            (TraceFilter::Number("800".into()), 1),
            (TraceFilter::Number("00".into()), 0),
            (TraceFilter::Call("c1".into()), 1),
            (TraceFilter::Call("c".into()), 0),
            (source, 1),
        ] {
            let mut trace = Trace::default();
            trace.came_malformed(at, &path(), &malformed);
            trace.start(filter.clone());
            trace.came_malformed(at, &path(), &malformed);
            assert_eq!(trace.kept.len(), kept, "{filter:?}");
            assert!(
                trace
                    .kept
                    .iter()
                    .all(|traced| &*traced.call == "c1" && !traced.bytes.windows(6).any(|w| w == b"Digest"))
            );
        }
    }
}
