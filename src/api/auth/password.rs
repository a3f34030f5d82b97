//! Passwords of the pages: argon2id, off the async threads, a few at a time.

use std::sync::{LazyLock, OnceLock};

use argon2::{
    Argon2, PasswordHash, PasswordHasher, PasswordVerifier,
    password_hash::{Salt, SaltString},
};
use tokio::sync::Semaphore;

use crate::base::Private;

/// Verifications at once. Each takes 19 MB and some 20 ms of a core; a flood of sign-ins waits here and not in the
/// switch's way.
const VERIFY_MAX: usize = 2;

/// Sign-ins that may wait for their verification; those beyond hear "try again".
const WAITING_MAX: usize = 64;

/// Longer ones are refused unread: argon2 would hash megabytes for a stranger.
pub const PASSWORD_MAX: usize = 256;

static TURNS: Semaphore = Semaphore::const_new(VERIFY_MAX);
static PLACES: Semaphore = Semaphore::const_new(VERIFY_MAX + WAITING_MAX);

/// Argon2id in PHC form, with parameters and salt. Takes some 20 ms.
///
/// # Errors
/// When the system gives no randomness.
#[allow(clippy::disallowed_methods, reason = "a salt is the shell's own randomness")]
pub fn hash(password: &str) -> Result<Private<String>, String> {
    let mut salt = [0; Salt::RECOMMENDED_LENGTH];
    getrandom::fill(&mut salt).map_err(|why| why.to_string())?;
    let salt = SaltString::encode_b64(&salt).map_err(|why| why.to_string())?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|why| why.to_string())?;
    Ok(Private::new(hash.to_string()))
}

/// The same work for an unknown user as for a known one, so that the time tells nothing.
fn dummy<'a>() -> &'a str {
    static DUMMY: OnceLock<String> = OnceLock::new();
    DUMMY.get_or_init(|| hash("nobody has this password").map(Private::into_inner).unwrap_or_default())
}

/// `None` when too many wait already.
pub async fn verify(password: String, hash: Option<Private<String>>) -> Option<bool> {
    let _place = PLACES.try_acquire().ok()?;
    let _turn = TURNS.acquire().await.ok()?;
    tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let text = hash.as_ref().map_or_else(dummy, |hash| hash.reveal().as_str());
        known & matches(&password, text)
    })
    .await
    .ok()
}

fn matches(password: &str, hash: &str) -> bool {
    static ARGON: LazyLock<Argon2<'static>> = LazyLock::new(Argon2::default);
    PasswordHash::new(hash).is_ok_and(|hash| ARGON.verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let hash = hash("correct horse").unwrap();
        assert!(hash.reveal().starts_with("$argon2id$"));
        assert_eq!(verify("correct horse".into(), Some(hash.clone())).await, Some(true));
        assert_eq!(verify("wrong horse".into(), Some(hash)).await, Some(false));
        assert_eq!(verify("nobody has this password".into(), None).await, Some(false));
        assert_eq!(verify("x".into(), Some(Private::new("not a hash".into()))).await, Some(false));
    }
}
