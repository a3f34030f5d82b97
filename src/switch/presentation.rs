//! Who is shown as calling, to whom, and in which of the headers that there are for it (TK-08): RFC 3323, RFC 3325.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ANONYMOUS, Caller, Target, escape_user};
use crate::{
    base::Private,
    sip::{Headers, Party},
    wire::sip::quoted,
};

/// Whom From names when nobody is to be named (RFC 3323 4.1.1.3).
const NOBODY: &str = "sip:anonymous@anonymous.invalid";

/// What such a one is called.
const NAMELESS: &str = "Anonymous";

/// What is believed of a trunk, and what it is told, about who calls (TK-08).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrunkIdentity {
    /// It is in our trust domain (RFC 3325 2): what it asserts is believed, and it is told who calls though he hides.
    pub trusted: bool,
    /// It is told the names that we have looked up of callers; without it they stay with us.
    pub passes_names: bool,
    pub told_in: IdentityHeader,
    pub from: TrunkFrom,
    pub forwarding: Forwarding,
}

/// In which header a trunk is told who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityHeader {
    /// P-Asserted-Identity, if it is trusted.
    #[default]
    Asserted,
    /// P-Preferred-Identity: it knows us by itself and asserts what it believes of that (RFC 3325 9.2).
    Preferred,
    /// Remote-Party-ID, which was before both and never became an RFC.
    RemoteParty,
}

/// What From says to a carrier that looks for the account there, and for the number elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrunkFrom {
    /// In place of the number.
    pub user: Option<Arc<str>>,
    /// In place of our own address.
    pub domain: Option<Arc<str>>,
}

/// What a trunk is told of a call that was forwarded or passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Forwarding {
    /// RFC 5806.
    pub diversion: bool,
    /// RFC 7044.
    pub history: bool,
    /// RFC 3892.
    pub referred_by: bool,
}

/// What one target sees of who calls, beside what the plan says for all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Presentation {
    /// This number instead of the caller's own.
    pub number: Option<String>,
    /// Nothing is shown to the called, though it would be to others.
    pub hidden: bool,
    /// A name that we have looked up stays with us.
    pub withholds_name: bool,
    pub asserts: Asserts,
    pub told_in: IdentityHeader,
    /// Whom From names, whoever calls.
    pub from_user: Option<Arc<str>>,
}

/// When a target is told who calls beside From (RFC 3325 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Asserts {
    /// To a phone: only where the caller does not hide.
    #[default]
    UnlessHidden,
    /// Into the trust domain: what is hidden is told in confidence, with `Privacy: id`.
    Always,
    /// Out of the trust domain.
    Never,
}

/// Who calls, as a page shows it.
pub(super) fn shown(caller: &Caller, target: &Target) -> Caller {
    if caller.hidden || target.shown.hidden {
        let number = Private::new(ANONYMOUS.to_owned());
        return Caller { number, hidden: true, ..Caller::default() };
    }
    let number = target.shown.number.clone().map_or_else(|| caller.number.clone(), Private::new);
    Caller { display: caller.name().map(str::to_owned), looked_up: None, number, ..*caller }
}

/// From, To and what else says who calls, as one target sees it.
pub(super) fn addressed(caller: &Caller, target: &Target) -> (Party, Party, Headers) {
    let Target { domain, called_at, shown, .. } = target;
    let number = shown.number.as_deref().unwrap_or(caller.number.reveal());
    let known = !number.is_empty() && number != ANONYMOUS;
    let hidden = caller.hidden || shown.hidden;
    let uri = format!("sip:{}@{domain}", escape_user(number));
    let name = if shown.withholds_name { caller.display.as_deref() } else { caller.name() };
    let name = name.filter(|_| !hidden);
    let from = match (&shown.from_user, hidden || !known) {
        // An account is no caller: it may be named though he hides.
        (Some(account), nobody) => Party {
            display: name.or(nobody.then_some(NAMELESS)).map(str::to_owned),
            uri: format!("sip:{}@{domain}", escape_user(account)),
        },
        // RFC 3323 4.1.1.3.
        (None, true) => Party::named(name.unwrap_or(NAMELESS), NOBODY),
        (None, false) => Party { display: name.map(str::to_owned), uri: uri.clone() },
    };
    let to = Party::new(format!("sip:{}@{called_at}", escape_user(target.address.reveal())));
    let mut headers = Headers::new();
    let asserts = match shown.asserts {
        Asserts::Always => true,
        Asserts::UnlessHidden => !hidden,
        Asserts::Never => false,
    };
    if asserts && known {
        headers.push(match shown.told_in {
            IdentityHeader::Asserted => ("P-Asserted-Identity".into(), format!("<{uri}>")),
            IdentityHeader::Preferred => ("P-Preferred-Identity".into(), format!("<{uri}>")),
            IdentityHeader::RemoteParty => ("Remote-Party-ID".into(), remote_party(name, &uri, hidden)),
        });
    }
    if hidden {
        headers.push(("Privacy".into(), "id".to_owned()));
    }
    (from, to, headers)
}

fn remote_party(name: Option<&str>, uri: &str, hidden: bool) -> String {
    let name = name.map(|name| format!("{} ", quoted(name))).unwrap_or_default();
    let privacy = if hidden { "full" } else { "off" };
    format!("{name}<{uri}>;party=calling;screen=yes;privacy={privacy}")
}
