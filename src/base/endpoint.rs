//! The address of a program elsewhere, as the settings give it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where to ask: nothing but the settings ever makes one, so that nobody's call or answer can choose it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// Over TLS.
    pub secure: bool,
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// With the query, from the first slash on.
    pub path: String,
}

impl Endpoint {
    /// What a fault says is expected.
    pub const EXPECTED: &str = "an address such as \"https://hooks.example/strowger\"";

    /// `https://host[:port]/path`. Names and passwords in it are refused: they would stand in logs.
    pub fn parse(text: &str) -> Option<Self> {
        let (secure, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let clean = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port)
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None if port.is_empty() => {
                if secure {
                    443
                } else {
                    80
                }
            }
            None => return None,
        };
        let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        let is_host = (1..=253).contains(&host.len()) && host.bytes().all(named);
        (clean && is_host).then(|| Self { secure, host: host.to_owned(), port, path })
    }

    /// For logs: paths and queries of hooks are often secrets.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }

    /// Host and port as HTTP writes them.
    pub fn authority(&self) -> String {
        let standard = if self.secure { 443 } else { 80 };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == standard { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.secure { "https" } else { "http" }, self.authority(), self.path)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(Self::EXPECTED)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OP-09: no log has a hook's secret.
    #[test]
    fn op_09_a_log_has_no_path_of_a_hook() {
        for (text, shown) in [
            ("https://hooks.example/services/T1/B2/secret?token=x", "https://hooks.example"),
            ("http://[::1]:8443/x?key=y", "http://[::1]:8443"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().origin(), shown);
        }
    }

    #[test]
    fn only_whole_addresses_are_read() {
        for text in ["https://hooks.example/a?b=c", "http://127.0.0.1:8090/", "https://[::1]:8443/x"] {
            assert_eq!(Endpoint::parse(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        let short = Endpoint::parse("https://hooks.example").unwrap();
        assert_eq!((short.port, short.path.as_str()), (443, "/"));
        for text in [
            "hooks.example/a",
            "ftp://hooks.example/",
            "https://ana:secret@hooks.example/",
            "https://",
            "https://hooks.example:0/",
            "https://hooks.example:99999/",
            "https://hooks example/",
            "https://hooks.example/a b",
            "https://hooks.example/\r\nX: y",
            "https://[::1/",
            "https://[evil]/",
            "https://hooks.example/#a",
        ] {
            assert_eq!(Endpoint::parse(text), None, "{text}");
        }
    }
}
