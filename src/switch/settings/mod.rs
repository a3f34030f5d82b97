//! Who may call, what can be called, and the lines to the outside: the switch's part of the domain settings.
//!
//! These are validated values. Text becomes them, and they become text again, on the `settings` floor.

mod network;
mod number;
mod trunk;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    base::{DialClassId, Extension, GroupId, Number, Private, UserId},
    sip::digest::Ha1,
};

pub use network::Source;
pub use number::{Destination, Mode, PATTERN_MAX, Pattern, Route, Side};
pub use trunk::{
    CallerIdRule, Health, Trunk, TrunkCredentials, TrunkDestination, TrunkGroup, TrunkLimits, TrunkMember, Upkeep,
};

/// A person or thing with credentials.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    /// The user part of the address-of-record, the digest user name, and the name at the page.
    pub name: Extension,
    /// A second internal address, mostly digits: `201`.
    pub extension: Option<Extension>,
    /// What called phones show.
    pub display: Private<String>,
    /// The number shown outside; without one a trunk's own rule decides.
    pub number: Option<Number>,
    /// Digest hashes; `None` for someone who has no phone.
    pub ha1: Option<Ha1>,
    /// Argon2 hash (PHC string) for the page. The engine never reads it; it is kept so that the settings stay whole.
    pub page_password: Option<Private<String>>,
    pub role: Role,
    /// The called outside do not see his number (CLIR), unless he says otherwise for a call.
    #[serde(default)]
    pub hides_number: bool,
    /// What he may dial outside; `None`: anything that is not barred for all.
    #[serde(default)]
    pub class: Option<DialClassId>,
}

impl User {
    /// Somebody without anything but a name.
    pub fn new(id: UserId, name: Extension) -> Self {
        Self {
            id,
            display: Private::new(name.as_str().to_owned()),
            name,
            extension: None,
            number: None,
            ha1: None,
            page_password: None,
            role: Role::User,
            hides_number: false,
            class: None,
        }
    }
}

/// What a user may do at the page and through the API; each includes what stands before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Calls and is called.
    User,
    /// Takes calls from queues.
    Agent,
    /// Sees and guides agents and queues.
    Supervisor,
    /// Changes settings.
    Admin,
}

/// Several users behind one address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Group {
    pub id: GroupId,
    pub name: Extension,
    pub strategy: GroupStrategy,
    /// In configured order.
    pub members: Vec<UserId>,
    /// How long the whole group rings (simultaneous), or each member (sequential, random).
    pub ring_time: Duration,
}

/// How a group is rung (RT-02).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStrategy {
    /// All at once, one winner.
    Simultaneous,
    /// One after the other in an order drawn anew for each call.
    Random,
    /// One after the other in configured order.
    Sequential,
}
