//! Who has shown a certificate on a connection: a trunk may be known by it instead of by its address.

use std::net::IpAddr;

use crate::base::{FlowId, KeyedMap, keyed_map};

/// Connections with a certificate that are known at once, above what the net lets in by default. On one more its owner
/// counts as a stranger, who may still prove himself by digest.
const CERTIFIED_MAX: usize = 20_000;

/// Where each connection comes from, and its domains, as long as it lives.
pub(super) struct Certified(KeyedMap<FlowId, (IpAddr, Vec<String>)>);

impl Default for Certified {
    fn default() -> Self {
        Self(keyed_map())
    }
}

impl Certified {
    pub fn note(&mut self, flow: FlowId, source: IpAddr, domains: Vec<String>) {
        if self.0.len() < CERTIFIED_MAX {
            self.0.insert(flow, (source, domains));
        }
    }

    pub fn forget(&mut self, flow: FlowId) {
        self.0.remove(&flow);
    }

    /// For whom the certificate on that connection is.
    pub fn domains(&self, flow: Option<FlowId>) -> &[String] {
        flow.and_then(|flow| self.0.get(&flow)).map_or(&[], |(_, domains)| domains)
    }

    /// Whether somebody is connected from there who has shown one.
    pub fn is_at(&self, source: IpAddr) -> bool {
        self.0.values().any(|(at, _)| *at == source)
    }
}
