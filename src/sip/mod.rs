//! The RFC 3261 machines over values: transactions, dialogs, INVITE usages, subscriptions, registrar, digest. Uses base
//! and wire.
//!
//! What enters: parsed messages with the [`Path`] they came on, the time, and commands of the floor above. What leaves:
//! bytes to send and [`Event`]s. Bodies are opaque here; who may call whom is not asked here.

pub mod digest;
pub mod registrar;

mod abilities;
mod accounts;
mod compose;
mod dialog;
mod event;
mod locate;
mod path;
pub mod proxy;
mod session_id;
mod slab;
mod stack;
pub mod subscription;
mod timer;
mod transaction;
mod usage;
mod values;

pub use abilities::Abilities;
pub use accounts::{AccountId, Accounts};
pub use compose::response_path;
pub use event::{Ended, Event, Fault, Output};
pub use locate::{Answer, Locator, Lookup, Naptr, Question, SERVERS_MAX, Server, Srv};
pub use path::{Path, Transport};
pub use session_id::{EndId, SessionId};
pub use stack::{Advertised, Stack, StackCounts, StackDraws, StackSettings, TRANSACTIONS_MAX, USAGES_MAX};
pub use subscription::{Farewell, KeptSubscription, Package, SubscriptionId, Unsubscribed};
pub use timer::TimerSettings;
pub use usage::{FLOW_GRACE, KeptUsage};
pub use values::{
    Body, Credentials, DATAGRAM_SAFE, Headers, Invite, Mark, Outside, Party, Reply, Request, Respond, Target,
    TransactionId, UsageId,
};

#[cfg(test)]
mod tests;
