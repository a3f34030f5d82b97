//! Digest as client.

use std::borrow::Cow;

use super::{Algorithm, Qop, fields::Fields, ha1, response};
use crate::{sip::Credentials, wire::sip::quoted};

/// The value of Authorization (or Proxy-Authorization) that answers one of these challenges; `None` when none can be
/// answered: another realm, an algorithm or `qop` that we don't speak.
pub fn answer<'a>(
    challenges: impl Iterator<Item = &'a str>,
    credentials: &Credentials,
    (method, uri): (&str, &str),
    cnonce: &str,
) -> Option<String> {
    let asked = |challenge: &Challenge<'_>| credentials.realm.as_deref().is_none_or(|realm| realm == challenge.realm);
    let challenge = challenges.filter_map(Challenge::read).filter(asked).max_by_key(|c| c.algorithm)?;
    let Challenge { algorithm, realm, nonce, opaque, qop } = &challenge;
    let secret = ha1(*algorithm, &credentials.user, realm, credentials.password.reveal());
    let count = qop.then_some(Qop { nc: "00000001", cnonce });
    let hash = response(*algorithm, &secret, nonce, count, method, uri);
    let mut out = format!(
        r#"Digest username={}, realm={}, nonce={}, uri={}, response="{}", algorithm={}"#,
        quoted(&credentials.user),
        quoted(realm),
        quoted(nonce),
        quoted(uri),
        hash.as_str(),
        algorithm.name()
    );
    if *qop {
        out.push_str(&format!(r#", qop=auth, nc=00000001, cnonce="{cnonce}""#));
    }
    if let Some(opaque) = opaque {
        out.push_str(&format!(", opaque={}", quoted(opaque)));
    }
    Some(out)
}

struct Challenge<'a> {
    algorithm: Algorithm,
    realm: Cow<'a, str>,
    nonce: Cow<'a, str>,
    opaque: Option<Cow<'a, str>>,
    /// Whether `auth` is offered; without any `qop` the older form is meant.
    qop: bool,
}

impl<'a> Challenge<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let mut algorithm = Algorithm::Md5;
        let (mut realm, mut nonce, mut opaque, mut qop) = (None, None, None, None);
        for (name, value) in Fields::of(header)? {
            match name.to_ascii_lowercase().as_str() {
                "algorithm" => algorithm = Algorithm::parse(&value)?,
                "realm" => realm = Some(value),
                "nonce" => nonce = Some(value),
                "opaque" => opaque = Some(value),
                "qop" => qop = Some(value.split(',').any(|word| word.trim().eq_ignore_ascii_case("auth"))),
                _ => {}
            }
        }
        // A challenge that wants auth-int alone can't be answered.
        let qop = match qop {
            None => false,
            Some(true) => true,
            Some(false) => return None,
        };
        Some(Self { algorithm, realm: realm?, nonce: nonce?, opaque, qop })
    }
}
