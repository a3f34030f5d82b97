//! What a REGISTER asks for, checked whole before anything changes.

use std::{borrow::Cow, time::Duration};

use super::{BINDINGS_MAX, Binding, BindingChange, RegisterFault, RegistrarSettings};
use crate::{
    base::Now,
    sip::{Headers, Path},
    wire::sip::{Message, Name, NameAddr, Uri},
};

/// Characters of a contact URI that are kept; real ones have 40 to 200.
const CONTACT_MAX: usize = 512;

/// Octets of a host that are kept: no name is longer (RFC 1035 2.3.4).
const HOST_MAX: usize = 255;

/// Characters of User-Agent that are kept, for pages.
const AGENT_MAX: usize = 64;

/// Characters of an instance that are kept: a urn:uuid has 47.
const INSTANCE_MAX: usize = 128;

/// Path headers that are kept.
const ROUTE_MAX: usize = 8;

/// The option tag of RFC 5626.
const OUTBOUND: &str = "outbound";

/// The highest number of a flow (RFC 5626 4.2).
const REG_ID_MAX: u32 = i32::MAX as u32;

pub(super) enum Ask<'a> {
    /// No Contact: only the list is wanted.
    Query,
    /// `Contact: *` with `Expires: 0`.
    RemoveAll,
    Change(Vec<Wanted<'a>>),
}

/// One Contact of a REGISTER.
pub(super) struct Wanted<'a> {
    address: NameAddr<'a>,
    /// Zero removes it.
    pub expires: u32,
    q: u16,
    instance: Option<&'a str>,
    reg_id: Option<u32>,
}

/// What a contact that is asked for is to a device that is bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kinship {
    /// Another one's.
    None,
    /// The same device's: it takes the other's place.
    Same,
    /// One device behind a new port, or two on one host: who knows before the other was asked?
    Unclear,
}

impl<'a> Ask<'a> {
    pub fn read(request: &'a Message, settings: &RegistrarSettings) -> Result<Self, RegisterFault> {
        let asked = request.header(Name::Expires).map(|value| seconds(value.trim()));
        let mut contacts = request.list(Name::Contact).peekable();
        if contacts.peek().is_none() {
            return Ok(Self::Query);
        }
        if request.list(Name::Contact).any(|value| value.trim() == "*") {
            let alone = request.list(Name::Contact).count() == 1 && asked == Some(Some(0));
            return if alone { Ok(Self::RemoveAll) } else { Err(RegisterFault::new(400, "Bad Contact")) };
        }
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        for value in contacts {
            let want = Wanted::read(value, asked.flatten(), settings)?;
            // One after the other, and an equal URI is an update (RFC 3261 10.3, step 7).
            if let Some(before) = wanted.iter_mut().find(|before| before.is_equal(&want)) {
                *before = want;
            } else if wanted.len() == BINDINGS_MAX {
                return Err(RegisterFault::new(403, "Too Many Contacts"));
            } else {
                wanted.push(want);
            }
        }
        judge_flows(request, &mut wanted)?;
        Ok(Self::Change(wanted))
    }
}

/// RFC 5626 6: a flow is numbered only when both ends speak of flows, for one contact at a time, and when the first hop
/// can keep it.
fn judge_flows(request: &Message, wanted: &mut [Wanted<'_>]) -> Result<(), RegisterFault> {
    if !has_tag(request, Name::Supported, OUTBOUND) && !has_tag(request, Name::Require, OUTBOUND) {
        for want in wanted {
            want.reg_id = None;
        }
        return Ok(());
    }
    let numbered = wanted.iter().filter(|want| want.reg_id.is_some() && want.expires > 0).count();
    if numbered > 1 {
        return Err(RegisterFault::new(400, "One Flow At A Time"));
    }
    let direct = request.list(Name::Via).nth(1).is_none();
    let edge = request.list(Name::Path).last().and_then(|value| NameAddr::parse(value).ok());
    let kept = direct || edge.is_some_and(|edge| edge.uri.params.has("ob"));
    if numbered > 0 && !kept {
        return Err(RegisterFault::new(439, "First Hop Lacks Outbound Support"));
    }
    Ok(())
}

fn has_tag(request: &Message, name: Name, tag: &str) -> bool {
    request.list(name).any(|value| value.trim().eq_ignore_ascii_case(tag))
}

/// Expires values beyond 32 bits mean "very long" (RFC 3261 20.19 leaves 2^32-1 as the end).
fn seconds(value: &str) -> Option<u32> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u32::MAX))
}

/// `q` in thousandths; what can't be read counts as 1.
fn thousandths(value: &str) -> u16 {
    let (whole, part) = value.trim().split_once('.').unwrap_or((value, ""));
    let part: u16 = format!("{part:0<3}").get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if whole.trim() == "0" { part } else { 1000 }
}

impl<'a> Wanted<'a> {
    fn read(value: &'a str, asked: Option<u32>, settings: &RegistrarSettings) -> Result<Self, RegisterFault> {
        let bad = || RegisterFault::new(400, "Bad Contact");
        let address = NameAddr::parse(value).map_err(|_| bad())?;
        if address.uri_text.len() > CONTACT_MAX
            || !matches!(address.uri.scheme.to_ascii_lowercase().as_str(), "sip" | "sips")
        {
            return Err(bad());
        }
        let param = |name: &str| address.params.get(name).flatten();
        let own = param("expires").and_then(seconds);
        let mut expires = own.or(asked).unwrap_or(settings.expires_default).min(settings.expires_max);
        if expires > 0 && expires < settings.expires_min {
            let mut fault = RegisterFault::new(423, "Interval Too Brief");
            fault.headers.push((Cow::Borrowed("Min-Expires"), settings.expires_min.to_string()));
            return Err(fault);
        }
        expires = expires.min(settings.expires_max);
        let instance = param("+sip.instance").map(|text| text.trim_matches('"')).filter(|i| i.len() <= INSTANCE_MAX);
        // A number without the device's name says nothing (RFC 5626 4.2.1).
        let reg_id = param("reg-id").and_then(|text| text.trim().parse().ok());
        let reg_id = reg_id.filter(|id| instance.is_some() && (1..=REG_ID_MAX).contains(id));
        let q = param("q").map_or(1000, thousandths);
        Ok(Self { expires, q, instance, reg_id, address })
    }

    /// Whether both name the same place of the same device.
    fn is_equal(&self, other: &Self) -> bool {
        let (one, two) = (&self.address.uri, &other.address.uri);
        let transport = |uri: &Uri<'_>| uri.params.value("transport").unwrap_or_default().to_ascii_lowercase();
        (one.user, one.port, self.instance, self.reg_id) == (two.user, two.port, other.instance, other.reg_id)
            && one.scheme.eq_ignore_ascii_case(two.scheme)
            && one.host.to_string().eq_ignore_ascii_case(&two.host.to_string())
            && transport(one) == transport(two)
    }

    /// Whether this is the contact of a binding: the same user at the same host and port.
    pub fn names(&self, old: &Binding) -> bool {
        let new = &self.address.uri;
        Uri::parse(&old.contact).is_ok_and(|old| {
            (new.user, new.port) == (old.user, old.port)
                && new.host.to_string().eq_ignore_ascii_case(&old.host.to_string())
        })
    }

    /// How the device that asks for this stands to one that is bound.
    pub fn kinship(&self, old: &Binding, request: &Message, path: Path) -> Kinship {
        if let (Some(new), Some(old_instance)) = (self.instance, old.instance.as_deref()) {
            let same = new == old_instance && self.reg_id == old.reg_id;
            return if same { Kinship::Same } else { Kinship::None };
        }
        let Ok(old_uri) = Uri::parse(&old.contact) else { return Kinship::None };
        let new_uri = &self.address.uri;
        // Two phones behind one NAT with one account have different private hosts: both stay.
        let same_host = new_uri.host.to_string().eq_ignore_ascii_case(&old_uri.host.to_string());
        if new_uri.user != old_uri.user || !same_host {
            return Kinship::None;
        }
        if new_uri.port == old_uri.port {
            return Kinship::Same;
        }
        // Whoever leaves one port may have come to another before: he takes along what he names, and nothing else.
        if self.expires == 0 || path.remote.ip() != old.path.remote.ip() {
            return Kinship::None;
        }
        // One device registers with one Call-ID as long as it runs (RFC 3261 10.2).
        if &*old.call_id == request.call_id() { Kinship::Same } else { Kinship::Unclear }
    }

    pub fn binding(&self, now: Now, aor: &str, request: &Message, path: Path) -> Binding {
        let kept = |text: &str, max: usize| Box::<str>::from(clipped(text, max));
        Binding {
            aor: aor.into(),
            contact: self.address.uri_text.into(),
            path,
            expires: now.wall + Duration::from_secs(self.expires.into()),
            q: self.q,
            instance: self.instance.map(Into::into),
            reg_id: self.reg_id,
            user_agent: request.header(Name::UserAgent).map(|text| kept(text, AGENT_MAX)),
            route: request.list(Name::Path).take(ROUTE_MAX).map(Box::from).collect(),
            domain: request.to().ok().map(|to| kept(&to.uri.host.to_string(), HOST_MAX)),
            call_id: request.call_id().into(),
            cseq: request.cseq().number,
            since: now.wall,
            refreshed: now.wall,
            reachable: true,
            contested: None,
        }
    }
}

/// The longest prefix of whole characters within `max` bytes.
fn clipped(text: &str, max: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= max).last().unwrap_or(0);
    &text[..end]
}

/// What the 200 says beside the contacts: the Path back to a device that can read it (RFC 3327 5.3), and that its flow is
/// kept (RFC 5626 6).
pub(super) fn granted_lines(request: &Message, changed: &[BindingChange], settings: &RegistrarSettings) -> Headers {
    let mut lines = Headers::new();
    if has_tag(request, Name::Supported, "path") || has_tag(request, Name::Require, "path") {
        lines.extend(request.list(Name::Path).take(ROUTE_MAX).map(|value| (Cow::Borrowed("Path"), value.to_owned())));
    }
    if changed.iter().any(|change| change.is_registration() && change.binding().reg_id.is_some()) {
        lines.push((Cow::Borrowed("Require"), OUTBOUND.to_owned()));
        lines.push((Cow::Borrowed("Flow-Timer"), settings.flow_timer.to_string()));
    }
    lines.extend(settings.service_route.iter().map(|route| (Cow::Borrowed("Service-Route"), route.clone())));
    lines
}
