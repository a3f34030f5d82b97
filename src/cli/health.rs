//! `strowger health`: for Docker's HEALTHCHECK and for people.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use super::{Failed, environment};
use crate::server::find_server;

const WAIT: Duration = Duration::from_secs(3);

/// Of the answer, more than enough for the status line.
const ANSWER_MAX: u64 = 4_096;

pub fn health(file: &Path) -> Result<(), Failed> {
    let mut address = find_server(file, &environment())?.http.listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    let mut stream = TcpStream::connect_timeout(&address, WAIT).map_err(|why| {
        format!("{address}: {why}\n    hint: no switch listens there; is it running, and on this file?")
    })?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or("no answer");
    if status.split(' ').nth(1) == Some("200") {
        println!("well");
        return Ok(());
    }
    Err(format!("not well: {status}").into())
}
