//! Which addresses belong to whom.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::base::Cidr;

/// Which packets belong to a trunk: a network and, when several trunks share an address, a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    pub network: Cidr,
    pub port: Option<u16>,
}

impl Source {
    pub fn matches(&self, remote: SocketAddr) -> bool {
        self.port.is_none_or(|port| port == remote.port()) && self.network.contains(remote.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TK-02: two trunks may share an address and differ by port.
    #[test]
    fn tk_02_a_source_may_name_its_port() {
        let source = Source { network: "127.0.0.1/32".parse().unwrap(), port: Some(5080) };
        assert!(source.matches("127.0.0.1:5080".parse().unwrap()));
        assert!(!source.matches("127.0.0.1:5081".parse().unwrap()));
    }
}
