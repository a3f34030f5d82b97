//! An agent's place in a queue.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor},
};

use super::DeviceChoice;

/// An agent's place in a queue. In a file either the agent's key alone or a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberSettings {
    /// Key of the agent.
    pub agent: String,
    /// Lower tiers are asked first.
    pub tier: u16,
    /// What the membership is until the agent or a supervisor changes it.
    pub start: MemberStart,
    /// Which of his devices rings for this queue, until the agent or a supervisor chooses another.
    pub device: DeviceChoice,
}

impl MemberSettings {
    pub fn new(agent: impl Into<String>) -> Self {
        let (start, device) = (MemberStart::Active, DeviceChoice::LastActive);
        Self { agent: agent.into(), tier: 0, start, device }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberTable {
    agent: String,
    #[serde(default)]
    tier: u16,
    #[serde(default)]
    start: MemberStart,
    #[serde(default)]
    device: DeviceChoice,
}

/// By hand rather than as an untagged enum, which would not say what is wrong with a table.
impl<'de> Deserialize<'de> for MemberSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct KeyOrTable;

        impl<'de> Visitor<'de> for KeyOrTable {
            type Value = MemberSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the key of an agent, or a table with it")
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<MemberSettings, E> {
                Ok(MemberSettings::new(key))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MemberSettings, A::Error> {
                let table = MemberTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let MemberTable { agent, tier, start, device } = table;
                Ok(MemberSettings { agent, tier, start, device })
            }
        }

        from.deserialize_any(KeyOrTable)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberStart {
    #[default]
    Active,
    LoggedOut,
}
