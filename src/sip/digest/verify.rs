//! Digest as server.

use std::{borrow::Cow, net::IpAddr};

use subtle::ConstantTimeEq;

use super::{
    Algorithm, Ha1, HexHash, Qop,
    fields::Fields,
    nonce::{Nonces, Standing},
    response,
};
use crate::{
    base::{Chance, Now},
    wire::sip::Uri,
};

/// The `qop` that covers the body too (RFC 7616 3.4.3).
const AUTH_INT: &str = "auth-int";

/// Characters of a user name that are looked up.
const USER_MAX: usize = 128;

/// What credentials are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// They are this user's.
    Ok(String),
    /// None, or with a nonce that is not good (any more): challenge again. `stale` when all else was right, or was not even
    /// looked at, so that the phone tries again without asking its owner.
    Challenge { stale: bool },
    /// Made for another request than this one (RFC 7616 3.4.6); the rest was not looked at.
    Misdirected,
    /// Wrong, and whoever says so has heard our challenge where the request comes from. It is not told whether user or
    /// password was.
    Refused,
}

/// What credentials must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Covered<'a> {
    pub method: &'a str,
    /// The Request-URI as written.
    pub uri: &'a str,
    pub body: &'a [u8],
}

/// Checks peers' credentials for one realm.
///
/// A challenge costs no memory. An unknown user takes the same path and the same time as a wrong password.
pub struct Verifier {
    realm: String,
    nonces: Nonces,
    /// Nobody's secret, to work on when the user is unknown.
    nobody: Ha1,
    /// Peers may cover the body of a request as well, and are told so.
    wants_body: bool,
}

/// What a verifier's nonces are made with. A secret.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct VerifierDraws(([u8; 32], u64));

struct Claim<'a> {
    algorithm: Algorithm,
    user: Cow<'a, str>,
    nonce: Cow<'a, str>,
    uri: Cow<'a, str>,
    response: Cow<'a, str>,
    nc: Option<Cow<'a, str>>,
    cnonce: Cow<'a, str>,
    qop: Option<Cow<'a, str>>,
}

impl Verifier {
    pub fn new(realm: impl Into<String>, mut chance: Chance) -> Self {
        let realm = realm.into();
        let nobody = Ha1::new(&chance.token(), &realm, &chance.token());
        Self { nonces: Nonces::new(&mut chance), realm, nobody, wants_body: false }
    }

    /// Asks for `auth-int` beside `auth` from now on. What comes so is understood anyway.
    pub fn ask_for_bodies(&mut self, wanted: bool) {
        self.wants_body = wanted;
    }

    /// For a recording: what its nonces are made with.
    pub fn draws(&self) -> VerifierDraws {
        VerifierDraws(self.nonces.draws())
    }

    /// Goes on where another stood: its nonces are good here.
    pub fn set_draws(&mut self, VerifierDraws(draws): VerifierDraws) {
        self.nonces.set_draws(draws);
    }

    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Values for WWW-Authenticate or Proxy-Authenticate lines, the preferred first (RFC 8760 2.3).
    pub fn challenge(&mut self, now: Now, source: IpAddr, stale: bool) -> [String; 2] {
        let nonce = self.nonces.issue(now.mono, source);
        let realm = crate::wire::sip::quoted(&self.realm).to_string();
        let stale = if stale { ", stale=true" } else { "" };
        let qop = if self.wants_body { "auth,auth-int" } else { "auth" };
        let value = |algorithm: Algorithm| {
            format!(r#"Digest realm={realm}, nonce="{nonce}", algorithm={}, qop="{qop}"{stale}"#, algorithm.name())
        };
        [value(Algorithm::Sha256), value(Algorithm::Md5)]
    }

    /// Judges the Authorization (or Proxy-Authorization) values of a request.
    pub fn verify<'h, 'u>(
        &mut self,
        now: Now,
        source: IpAddr,
        covered: Covered<'_>,
        headers: impl Iterator<Item = &'h str>,
        lookup: impl FnOnce(&str) -> Option<&'u Ha1>,
    ) -> Verdict {
        let Some(claim) = headers.filter_map(|header| Claim::read(header, &self.realm)).next() else {
            return Verdict::Challenge { stale: false };
        };
        let fresh = match self.nonces.standing(now.mono, source, &claim.nonce) {
            Standing::Foreign => return Verdict::Challenge { stale: false },
            // A forged source says anything for anybody; that it is wrong must harm nobody, and that it is right tell nothing.
            Standing::Unproved => return Verdict::Challenge { stale: true },
            Standing::Stale => None,
            Standing::Good { serial } => Some(serial),
        };
        if !same_target(&claim.uri, covered.uri) {
            return Verdict::Misdirected;
        }
        let known = lookup(&claim.user);
        let right = claim.is_right(known.unwrap_or(&self.nobody), covered) & known.is_some();
        match fresh {
            _ if !right => Verdict::Refused,
            Some(serial) if self.nonces.take(now.mono, serial, claim.count()) => Verdict::Ok(claim.user.into_owned()),
            Some(_) | None => Verdict::Challenge { stale: true },
        }
    }

    /// Rows kept for nonces in use.
    pub fn remembered(&self) -> usize {
        self.nonces.remembered()
    }
}

/// The digest's `uri` must be the Request-URI (RFC 7616 3.4.6); phones differ in writing it, so its parameters and port
/// are let go: scheme, user and host count.
fn same_target(claimed: &str, asked: &str) -> bool {
    if claimed == asked {
        return true;
    }
    let (Ok(claimed), Ok(asked)) = (Uri::parse(claimed), Uri::parse(asked)) else { return false };
    claimed.scheme.eq_ignore_ascii_case(asked.scheme)
        && claimed.user_decoded() == asked.user_decoded()
        && claimed.host.to_string().eq_ignore_ascii_case(&asked.host.to_string())
}

impl<'a> Claim<'a> {
    fn read(header: &'a str, realm: &str) -> Option<Self> {
        let mut claim = Claim {
            algorithm: Algorithm::Md5,
            user: "".into(),
            nonce: "".into(),
            uri: "".into(),
            response: "".into(),
            nc: None,
            cnonce: "".into(),
            qop: None,
        };
        let mut ours = false;
        for (name, value) in Fields::of(header)? {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            match value {
                value if is("algorithm") => claim.algorithm = Algorithm::parse(&value)?,
                value if is("realm") => ours = value == realm,
                value if is("username") => claim.user = value,
                value if is("nonce") => claim.nonce = value,
                value if is("uri") => claim.uri = value,
                value if is("response") => claim.response = value,
                value if is("nc") => claim.nc = Some(value),
                value if is("cnonce") => claim.cnonce = value,
                value if is("qop") => claim.qop = Some(value),
                _ => {}
            }
        }
        let usable = ours && claim.user.len() <= USER_MAX && claim.has_sane_qop();
        usable.then_some(claim)
    }

    /// `auth` or `auth-int` with a count of eight digits, or the older form without both.
    fn has_sane_qop(&self) -> bool {
        match (&self.qop, &self.nc) {
            (None, None) => true,
            (Some(qop), Some(nc)) => {
                let known = ["auth", AUTH_INT].iter().any(|known| qop.eq_ignore_ascii_case(known));
                known && nc.len() == 8 && u32::from_str_radix(nc, 16).is_ok_and(|n| n > 0)
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Without `qop` a nonce is good for one request: its count is always one.
    fn count(&self) -> u32 {
        self.nc.as_ref().and_then(|nc| u32::from_str_radix(nc, 16).ok()).unwrap_or(1)
    }

    fn is_right(&self, secret: &Ha1, covered: Covered<'_>) -> bool {
        let covers_body = self.qop.as_ref().is_some_and(|qop| qop.eq_ignore_ascii_case(AUTH_INT));
        let whole = covers_body.then(|| self.algorithm.hash_bytes(covered.body));
        let body = whole.as_ref().map(HexHash::as_str);
        let qop = self.nc.as_deref().map(|nc| Qop { nc, cnonce: &self.cnonce, body });
        let secret = secret.of(self.algorithm);
        let expected = response(self.algorithm, secret, &self.nonce, qop, covered.method, &self.uri);
        let claimed = self.response.to_ascii_lowercase();
        expected.as_str().as_bytes().ct_eq(claimed.as_bytes()).into()
    }
}
