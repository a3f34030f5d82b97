//! `[hep]` of the main file: a collector (Homer) that gets a copy of all SIP.

use std::net::SocketAddr;

use super::read::{Section, or};
use crate::base::Private;

/// What a collector shows for a switch that has no number of its own.
const AGENT: u32 = 2_001;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HepSettings {
    /// `None`: nothing is mirrored.
    pub collector: Option<SocketAddr>,
    pub key: Option<Private<String>>,
    pub agent: u32,
}

pub(super) fn read(hep: &Section<'_>) -> HepSettings {
    let given = |key| hep.text(key).filter(|text| !text.value.is_empty());
    let collector = given("collector").and_then(|text| {
        hep.parse_by(&text, "collector", "an address with its port: \"127.0.0.1:9060\"", |text| text.parse().ok())
    });
    let agent = hep.whole("agent", 1..=u64::from(u32::MAX));
    HepSettings {
        collector: collector.map(|at| at.value),
        key: given("key").map(|text| Private::new(text.value)),
        agent: or(agent.map(|at| at.map(|value| u32::try_from(value).unwrap_or(AGENT))), AGENT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Source, load};

    /// AP-08, OP-06: a collector without its port is a fault with its place.
    #[test]
    fn ap_08_a_collector_has_a_port() {
        let said =
            load(Source::new("x.toml", "[hep]\ncollector = \"homer\"\n"), Vec::new(), &[]).unwrap_err().to_string();
        assert!(said.contains("x.toml:2:13: collector: expected an address with its port"), "{said}");
        let text = "[hep]\ncollector = \"127.0.0.1:9060\"\nkey = \"k\"\nagent = 7\n";
        let hep = load(Source::new("x.toml", text), Vec::new(), &[]).unwrap().server.hep;
        assert_eq!((hep.collector, hep.agent), (Some("127.0.0.1:9060".parse().unwrap()), 7));
    }
}
