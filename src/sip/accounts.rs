//! Our accounts at peers: whose challenges their passwords answer.
//!
//! A digest is worth guessing at, so it goes only to servers that are the peer's own, and in its own realm: a challenge that
//! a peer passes on from behind it, or that comes from wherever a dialog has led us, gets none (CVE-2021-41158).

use std::{collections::BTreeMap, net::SocketAddr};

use super::Credentials;

/// Servers of one account that are remembered; beyond it the oldest is forgotten. A name's servers change, and a dialog
/// with one that is no longer listed goes on.
const SERVERS_MAX: usize = 64;

/// An account of ours at a peer; the number is chosen by the floor above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AccountId(pub u64);

/// All accounts, as many as the settings name.
#[derive(Default)]
pub struct Accounts(BTreeMap<AccountId, Account>);

struct Account {
    /// What makes it another account when it changes.
    identity: [String; 2],
    realm: Realm,
    servers: Vec<SocketAddr>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Realm {
    /// By the settings.
    Set(String),
    /// Nothing has been heard yet.
    Unheard,
    /// As it was first heard.
    Heard(String),
    /// As the registrar said it: whoever asks there asks for the peer.
    Registrar(String),
}

impl Accounts {
    /// An account at a host, which has its realm by the settings or says it. One that is the same as before keeps what is
    /// known of it.
    pub fn set(&mut self, id: AccountId, [host, user]: [&str; 2], realm: Option<&str>) {
        let identity = [host.to_owned(), user.to_owned()];
        let set = realm.map(|realm| Realm::Set(realm.to_owned()));
        match self.0.get_mut(&id).filter(|account| account.identity == identity) {
            Some(account) => match (set, &account.realm) {
                (Some(set), _) => account.realm = set,
                (None, Realm::Set(_)) => account.realm = Realm::Unheard,
                (None, Realm::Unheard | Realm::Heard(_) | Realm::Registrar(_)) => {}
            },
            None => {
                let realm = set.unwrap_or(Realm::Unheard);
                self.0.insert(id, Account { identity, realm, servers: Vec::new() });
            }
        }
    }

    /// Keeps only those that still are.
    pub fn keep(&mut self, is_wanted: impl Fn(AccountId) -> bool) {
        self.0.retain(|id, _| is_wanted(*id));
    }

    /// These servers are the peer's own.
    pub fn add_servers(&mut self, id: AccountId, servers: impl IntoIterator<Item = SocketAddr>) {
        let Some(account) = self.0.get_mut(&id) else { return };
        for server in servers {
            account.servers.retain(|known| *known != server);
            account.servers.push(server);
        }
        let surplus = account.servers.len().saturating_sub(SERVERS_MAX);
        account.servers.drain(..surplus);
    }

    /// What may answer a challenge to a request that went there, with its realm where that is known; `None`: nothing may.
    pub(super) fn for_challenge(
        &self,
        credentials: &Credentials,
        asked: SocketAddr,
        is_register: bool,
    ) -> Option<Credentials> {
        let Some(id) = credentials.account else { return Some(credentials.clone()) };
        let account = self.0.get(&id).filter(|account| account.servers.contains(&asked))?;
        let realm = match &account.realm {
            Realm::Set(realm) => Some(realm),
            Realm::Unheard => None,
            Realm::Heard(_) | Realm::Registrar(_) if is_register => None,
            Realm::Heard(realm) | Realm::Registrar(realm) => Some(realm),
        };
        Some(Credentials { realm: realm.cloned(), ..credentials.clone() })
    }

    /// A challenge of this realm was answered.
    pub(super) fn note_realm(&mut self, id: AccountId, realm: &str, is_register: bool) {
        let Some(account) = self.0.get_mut(&id) else { return };
        account.realm = match (&account.realm, is_register) {
            (Realm::Set(_), _) => return,
            (Realm::Unheard | Realm::Heard(_) | Realm::Registrar(_), true) => Realm::Registrar(realm.to_owned()),
            (Realm::Unheard, false) => Realm::Heard(realm.to_owned()),
            (Realm::Heard(_) | Realm::Registrar(_), false) => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Private;

    const ACCOUNT: AccountId = AccountId(3);

    fn credentials() -> Credentials {
        let password = Private::new("secret".to_owned());
        Credentials { user: "acct".into(), password, realm: None, account: Some(ACCOUNT) }
    }

    fn at(number: u16) -> SocketAddr {
        ([192, 0, 2, 1], number).into()
    }

    /// The realm in which a challenge is answered that came from there, if it is; "any" where all are.
    fn answers(accounts: &Accounts, from: u16, is_register: bool) -> Option<String> {
        let given = accounts.for_challenge(&credentials(), at(from), is_register)?;
        Some(given.realm.unwrap_or_else(|| "any".to_owned()))
    }

    fn accounts(realm: Option<&str>) -> Accounts {
        let mut accounts = Accounts::default();
        accounts.set(ACCOUNT, ["sip.example", "acct"], realm);
        accounts.add_servers(ACCOUNT, [at(1)]);
        accounts
    }

    /// TK-03: only the peer's own servers are answered, in the realm that was heard first; the registrar's word is above others'.
    #[test]
    fn tk_03_the_first_realm_counts_and_the_registrars_above_it() {
        let mut accounts = accounts(None);
        assert_eq!((answers(&accounts, 1, false).as_deref(), answers(&accounts, 2, false)), (Some("any"), None));
        accounts.note_realm(ACCOUNT, "first", false);
        accounts.note_realm(ACCOUNT, "second", false);
        assert_eq!(answers(&accounts, 1, false).as_deref(), Some("first"));
        assert_eq!(answers(&accounts, 1, true).as_deref(), Some("any"));
        accounts.note_realm(ACCOUNT, "registrar", true);
        assert_eq!(answers(&accounts, 1, false).as_deref(), Some("registrar"));
        accounts.set(ACCOUNT, ["sip.example", "acct"], None);
        assert_eq!(answers(&accounts, 1, false).as_deref(), Some("registrar"), "the same account");
        accounts.set(ACCOUNT, ["other.example", "acct"], None);
        assert_eq!(answers(&accounts, 1, false), None, "another one, whose servers are not known yet");
        accounts.keep(|_| false);
        accounts.add_servers(ACCOUNT, [at(1)]);
        assert_eq!(answers(&accounts, 1, true), None);
    }

    /// TK-03: what the settings say is not changed by what is heard; however often a name moves, the memory is bounded.
    #[test]
    fn tk_03_a_realm_that_is_set_stays() {
        let mut accounts = accounts(Some("set"));
        accounts.note_realm(ACCOUNT, "heard", true);
        assert_eq!(
            (answers(&accounts, 1, false).as_deref(), answers(&accounts, 1, true).as_deref()),
            (Some("set"), Some("set"))
        );
        accounts.add_servers(ACCOUNT, (2..200).map(at));
        assert_eq!((answers(&accounts, 1, true), answers(&accounts, 199, true).as_deref()), (None, Some("set")));
        assert_eq!(accounts.0[&ACCOUNT].servers.len(), SERVERS_MAX);
        accounts.set(ACCOUNT, ["sip.example", "acct"], None);
        assert_eq!(answers(&accounts, 199, false).as_deref(), Some("any"));
    }
}
