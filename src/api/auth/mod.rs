//! Who is asking: accounts, sessions, the cookie.
//!
//! Users and sessions are kept in memory and written through to the database, so that pages work on while it is away.
//! A session is an opaque random token; the database and this process know only its SHA-256. The role is looked up at
//! every request: a demotion works at once, on open connections too.

mod limiter;
pub mod password;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{Api, Problem};
use crate::{
    base::{AgentId, Private, UserId, Wall},
    engine::Actor,
    store::{Database, DatabaseError, PageUser, Role, StoredSession},
};

pub use limiter::Limiter;

/// A shift and a half; then one signs in again.
pub const SESSION_TIME: Duration = Duration::from_secs(12 * 3600);

/// Browsers of one user; when another is opened, the oldest session ends that no page is open for.
pub const SESSIONS_PER_USER_MAX: usize = 20;

/// Whom a page shows. Tabs share the cookie: when somebody else signs in in another one, what is clicked here is not his.
const PAGE_USER: &str = "strowger-user";

const TOKEN_BYTES: usize = 32;

pub type TokenHash = [u8; 32];

#[derive(Debug)]
pub struct Accounts {
    database: Database,
    known: RwLock<Known>,
    /// Who may sign in has changed: whoever holds a session open looks whether it still is one.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    loaded: bool,
    /// Those of an earlier run are here, or are not waited for any more.
    sessions_read: bool,
    users: HashMap<String, Arc<PageUser>>,
    sessions: HashMap<TokenHash, Session>,
}

#[derive(Debug, Clone)]
struct Session {
    user_name: String,
    created: Wall,
    expires: Wall,
}

impl Known {
    /// Whose password is another one than it was has to show it; until then his sessions are nobody's.
    fn take_users(&mut self, users: &[PageUser]) {
        let new: HashMap<_, _> = users.iter().map(|user| (user.name.clone(), Arc::new(user.clone()))).collect();
        let old = std::mem::replace(&mut self.users, new);
        let is_other = |name: &String| match (old.get(name), self.users.get(name)) {
            (Some(old), Some(new)) => old.password != new.password,
            (None, _) | (_, None) => false,
        };
        self.sessions.retain(|_, session| !is_other(&session.user_name));
    }

    fn forget_strangers(&mut self, now: Wall) {
        let Self { users, sessions, .. } = self;
        sessions.retain(|_, session| session.expires > now && users.contains_key(&session.user_name));
    }
}

impl Accounts {
    pub fn new(database: Database) -> Self {
        Self { database, known: RwLock::default(), changed: watch::Sender::new(()) }
    }

    /// These and no others may sign in from now on; sessions of those who are gone, or whose password is another
    /// one, end. Known at once, kept in the database when it can be.
    pub async fn set_users(&self, users: Vec<PageUser>, now: Wall) {
        {
            let mut known = self.write();
            known.take_users(&users);
            known.loaded = true;
            known.forget_strangers(now);
        }
        self.changed.send_replace(());
        if self.database.is_ready()
            && let Err(why) = self.database.put_users(&users, now).await
        {
            tracing::warn!(%why, "the pages' users are in memory only");
        }
    }

    /// Takes up the sessions of an earlier run.
    pub async fn load_sessions(&self, now: Wall) -> Result<(), DatabaseError> {
        let stored = self.database.sessions(now).await?;
        let mut known = self.write();
        for StoredSession { token_hash, user_name, created, expires } in stored {
            let mut hash = TokenHash::default();
            if hex::decode_to_slice(&token_hash, &mut hash).is_ok() {
                known.sessions.entry(hash).or_insert(Session { user_name, created, expires });
            }
        }
        known.forget_strangers(now);
        known.sessions_read = true;
        Ok(())
    }

    /// The database is away for longer: who was signed in has to do so anew, for the time being.
    pub fn wait_for_no_sessions(&self) {
        self.write().sessions_read = true;
    }

    /// Whether a session that is not known here is none.
    pub fn has_read_sessions(&self) -> bool {
        self.read().sessions_read
    }

    pub fn is_loaded(&self) -> bool {
        self.read().loaded
    }

    /// Tells whenever [`Self::signed`] may answer otherwise than before.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub fn user(&self, name: &str) -> Option<Arc<PageUser>> {
        self.read().users.get(name).cloned()
    }

    /// Opens a session and gives the token for the cookie. `is_live`: a page is open for it.
    pub async fn open(
        &self,
        user: &PageUser,
        now: Wall,
        is_live: impl Fn(&TokenHash) -> bool,
    ) -> Result<String, Problem> {
        let token = new_token()?;
        let hash = hash_of(&token);
        let session = Session { user_name: user.name.clone(), created: now, expires: now + SESSION_TIME };
        let stored = StoredSession {
            token_hash: hex::encode(hash),
            user_name: user.name.clone(),
            created: session.created,
            expires: session.expires,
        };
        let ended = {
            let mut known = self.write();
            // The settings may have changed while the password was verified.
            if known.users.get(&user.name).is_none_or(|known| known.password != user.password) {
                return Err(Problem::unavailable("Your password has changed in this moment."));
            }
            known.sessions.retain(|_, session| session.expires > now);
            let oldest = oldest_of(&known.sessions, &user.name, is_live);
            if let Some(oldest) = oldest {
                known.sessions.remove(&oldest);
            }
            known.sessions.insert(hash, session);
            oldest
        };
        if let Err(why) = self.database.put_session(&stored).await {
            tracing::warn!(%why, "a session lives in memory only: it will not survive a restart");
        }
        if let Some(ended) = ended {
            self.forget(&ended).await;
        }
        Ok(token)
    }

    pub async fn close(&self, hash: &TokenHash) {
        self.write().sessions.remove(hash);
        self.forget(hash).await;
    }

    async fn forget(&self, hash: &TokenHash) {
        if let Err(why) = self.database.remove_session(&hex::encode(hash)).await {
            tracing::warn!(%why, "an ended session could not be deleted; it expires by itself");
        }
    }

    /// Whose session this is, with the role that he has now.
    pub fn signed(&self, hash: &TokenHash, now: Wall) -> Option<Signed> {
        let known = self.read();
        let session = known.sessions.get(hash).filter(|session| session.expires > now)?;
        let user = Arc::clone(known.users.get(&session.user_name)?);
        Some(Signed { user, session: *hash })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one to end when this user has as many as allowed.
fn oldest_of(
    sessions: &HashMap<TokenHash, Session>,
    user: &str,
    is_live: impl Fn(&TokenHash) -> bool,
) -> Option<TokenHash> {
    let own = || sessions.iter().filter(|(_, session)| session.user_name == user);
    if own().count() < SESSIONS_PER_USER_MAX {
        return None;
    }
    own().min_by_key(|(hash, session)| (is_live(hash), session.created)).map(|(hash, _)| *hash)
}

#[allow(clippy::disallowed_methods, reason = "a token is the shell's own randomness")]
fn new_token() -> Result<String, Problem> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Problem::unavailable("The system gives no randomness."))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub fn hash_of(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A request with a good session.
#[derive(Clone, Debug)]
pub struct Signed {
    pub user: Arc<PageUser>,
    pub session: TokenHash,
}

impl Signed {
    /// The command line of this machine, which can read the token's file.
    pub fn local() -> Self {
        let user = PageUser {
            name: String::from("command line"),
            user: UserId(0),
            agent: None,
            role: Role::Admin,
            password: Private::default(),
        };
        Self { user: Arc::new(user), session: TokenHash::default() }
    }

    pub fn needs(&self, role: Role) -> Result<(), Problem> {
        if self.user.role >= role {
            return Ok(());
        }
        Err(Problem::forbidden(match role {
            Role::Agent => "Needs the role agent.",
            Role::Supervisor => "Needs the role supervisor.",
            Role::Admin => "Needs the role admin.",
        }))
    }

    /// Whether a page that shows this user is his.
    pub fn is_called(&self, shown: &[u8]) -> bool {
        self.user.name.as_bytes() == shown
    }

    /// The agent that this user is.
    pub fn agent(&self) -> Result<AgentId, Problem> {
        self.user.agent.ok_or_else(|| {
            Problem::forbidden("You are signed in, but you are not an agent.")
                .hint("An administrator can make you one: add an agent with your user's name.")
        })
    }

    /// Who acts, when someone acts for himself or, by role, on others.
    pub fn actor(&self) -> Actor {
        match (self.user.role, self.user.agent) {
            (Role::Agent, Some(agent)) => Actor::Agent(agent),
            (Role::Agent, None) => Actor::Api,
            (Role::Supervisor, _) => Actor::Supervisor(self.user.user),
            (Role::Admin, _) => Actor::Admin(self.user.user),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let signed = std::future::ready(api.signed(&parts.headers)).await;
        let signed = signed.ok_or_else(|| api.not_signed_in(&parts.headers))?;
        match parts.headers.get(PAGE_USER) {
            Some(shown) if !signed.is_called(shown.as_bytes()) => Err(Problem::other_user()),
            Some(_) | None => Ok(signed),
        }
    }
}

/// `__Host-` makes browsers refuse a cookie that another host or path has planted; it needs TLS. Cookies know no ports,
/// and several switches may share a host: each names its own.
fn cookie_name(secure: bool, port: u16) -> String {
    let prefix = if secure { "__Host-" } else { "" };
    format!("{prefix}strowger-{port}")
}

/// The session token in the request's cookies.
pub fn token(headers: &HeaderMap, secure: bool, port: u16) -> Option<&str> {
    let ours = cookie_name(secure, port);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == ours).map(|(_, value)| value)
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// `None` ends the cookie.
pub fn set_cookie(token: Option<&str>, secure: bool, port: u16) -> Option<HeaderValue> {
    let age = if token.is_some() { SESSION_TIME.as_secs() } else { 0 };
    let tail = if secure { "; Secure" } else { "" };
    let name = cookie_name(secure, port);
    let value = token.unwrap_or_default();
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{tail}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CH-02: twenty sign-ins elsewhere don't take the session away from under a page that is open; when all are open, the
    /// oldest goes.
    #[test]
    fn a_session_with_an_open_page_goes_last() {
        let session = |second: i64| Session {
            user_name: "ana".into(),
            created: Wall::from_millis(second * 1_000),
            expires: Wall::from_millis(1_000_000),
        };
        let sessions: HashMap<TokenHash, Session> =
            (0..SESSIONS_PER_USER_MAX as u8).map(|number| ([number; 32], session(number.into()))).collect();
        assert_eq!(oldest_of(&sessions, "ana", |hash| hash[0] == 0), Some([1; 32]));
        assert_eq!(oldest_of(&sessions, "ana", |_| true), Some([0; 32]));
        assert_eq!(oldest_of(&sessions, "rui", |_| false), None);
    }
}
