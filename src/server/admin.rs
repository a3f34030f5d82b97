//! The way in for the command line of this machine: a token that is made at each start, in a file that only its owner can
//! read.

use std::{
    fs, io,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::Deserialize;

use super::credentials::random;
use crate::{api::ApiSettings, base::Private, settings::HttpSettings};

/// In the data folder.
const FILE: &str = "admin.toml";

/// Where a running switch can be asked, and what it must be shown.
#[derive(Clone, Debug, Deserialize)]
pub struct Door {
    pub address: SocketAddr,
    pub token: Private<String>,
}

impl Door {
    /// That of the switch which keeps its things in `data`.
    pub fn read(data: &Path) -> io::Result<Self> {
        let path = data.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "{}: {error}\n    hint: the switch writes it while it runs; is it running, and on this file?",
                    path.display()
                ),
            )
        })?;
        toml::from_str(&text).map_err(|error| io::Error::other(format!("{}: {}", path.display(), error.message())))
    }

    fn write(&self, data: &Path) -> io::Result<()> {
        let (path, beside) = (data.join(FILE), data.join("admin.new"));
        let _ = fs::remove_file(&beside);
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
        writeln!(file, "address = \"{}\"\ntoken = \"{}\"", self.address, self.token.reveal())?;
        fs::rename(beside, path)
    }
}

/// What the pages are told, with the token for this run.
pub fn settings(http: &HttpSettings, bound: SocketAddr, data: &Path) -> io::Result<ApiSettings> {
    let loopback: IpAddr = if bound.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let ip = if bound.ip().is_unspecified() { loopback } else { bound.ip() };
    let token = Private::new(hex::encode(random::<32>()?));
    let door = Door { address: SocketAddr::new(ip, bound.port()), token };
    door.write(data)?;
    Ok(ApiSettings {
        port: bound.port(),
        secure: http.https,
        origins: http.origins.clone(),
        metrics_token: http.metrics_token.clone(),
        trusted_proxies: http.trusted_proxies.clone(),
        admin_token: Some(door.token),
        data: data.to_owned(),
    })
}
