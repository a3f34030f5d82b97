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
    body: &[u8],
    cnonce: &str,
) -> Option<String> {
    let asked = |challenge: &Challenge<'_>| credentials.realm.as_deref().is_none_or(|realm| realm == challenge.realm);
    let challenge = challenges.filter_map(Challenge::read).filter(asked).max_by_key(|c| c.algorithm)?;
    let Challenge { algorithm, realm, nonce, opaque, qop } = &challenge;
    let secret = ha1(*algorithm, &credentials.user, realm, credentials.password.reveal());
    let whole = algorithm.hash_bytes(body);
    let protected = match qop {
        Protected::Auth | Protected::Old => None,
        Protected::AuthInt => Some(whole.as_str()),
    };
    let count = (*qop != Protected::Old).then_some(Qop { nc: "00000001", cnonce, body: protected });
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
    if let Some(count) = count {
        out.push_str(&format!(r#", qop={}, nc=00000001, cnonce="{cnonce}""#, count.name()));
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
    qop: Protected,
}

/// What a response covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protected {
    /// The form of RFC 2069, when a challenge has no `qop`.
    Old,
    Auth,
    /// The body too; only when nothing else is offered.
    AuthInt,
}

/// Whether a challenge says that the credentials were right and only the nonce was too old.
pub fn is_stale(challenge: &str) -> bool {
    let fields = Fields::of(challenge);
    fields.is_some_and(|mut fields| {
        fields.any(|(name, value)| name.eq_ignore_ascii_case("stale") && value.eq_ignore_ascii_case("true"))
    })
}

/// Whether credentials are for that realm.
pub fn is_of_realm(credentials: &str, realm: &str) -> bool {
    realm_of(credentials).is_some_and(|of| of == realm)
}

/// The realm that credentials or a challenge name.
pub fn realm_of(text: &str) -> Option<Cow<'_, str>> {
    Fields::of(text)?.find(|(name, _)| name.eq_ignore_ascii_case("realm")).map(|(_, value)| value)
}

impl<'a> Challenge<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let mut algorithm = Algorithm::Md5;
        let (mut realm, mut nonce, mut opaque, mut qop) = (None, None, None, Protected::Old);
        for (name, value) in Fields::of(header)? {
            match name.to_ascii_lowercase().as_str() {
                "algorithm" => algorithm = Algorithm::parse(&value)?,
                "realm" => realm = Some(value),
                "nonce" => nonce = Some(value),
                "opaque" => opaque = Some(value),
                "qop" => {
                    let has = |wanted: &str| value.split(',').any(|word| word.trim().eq_ignore_ascii_case(wanted));
                    qop = match (has("auth"), has("auth-int")) {
                        (true, _) => Protected::Auth,
                        (false, true) => Protected::AuthInt,
                        (false, false) => return None,
                    };
                }
                _ => {}
            }
        }
        Some(Self { algorithm, realm: realm?, nonce: nonce?, opaque, qop })
    }
}
