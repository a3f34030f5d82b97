//! Every torture message over a real socket to the running program.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use super::running::Program;
use crate::torture::{Case, cases};

/// How long an answer may take before there is none; the answer to a refusal comes in a millisecond.
const PATIENCE: Duration = Duration::from_millis(300);

/// The final status given to one packet; `None` when nothing was said. The socket is that of a trunk, whose calls may come
/// in.
fn answer(socket: &UdpSocket, server: SocketAddr, bytes: &[u8]) -> Option<u16> {
    socket.send_to(bytes, server).unwrap();
    let mut buffer = [0; 65_536];
    let mut last = None;
    while let Ok((count, _)) = socket.recv_from(&mut buffer) {
        let status =
            buffer[..count].strip_prefix(b"SIP/2.0 ").and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok());
        let Some(status) = status.and_then(|text| text.parse::<u16>().ok()) else { continue };
        last = Some(status);
        if status > 199 {
            return last;
        }
    }
    last.filter(|status| *status != 100)
}

/// SW-18, SW-19: every message of RFC 4475 and RFC 5118 over a real socket: the program answers as the manifest says, and
/// afterwards answers as if nothing had been.
#[test]
fn the_program_survives_every_torture_message() {
    let program = Program::demo("torture").start();
    let from_trunk = UdpSocket::bind(program.trunk).unwrap();
    from_trunk.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut wrong = Vec::new();
    for Case { file, app, bytes, .. } in cases() {
        let answered = answer(&from_trunk, program.sip, &bytes);
        let right = match (app.as_str(), answered) {
            // Phones without a responding Via address answer nowhere; what counts is that nothing was refused.
            ("ok", answered) => answered.is_none_or(|status| status != 400 && !(500..600).contains(&status)),
            ("drop", answered) => answered.is_none(),
            ("400", Some(501)) => file.ends_with("mismatch02.dat"),
            // A Via without rport is answered at the port that it names, where this socket does not hear it.
            (_, None) => true,
            (expected, Some(status)) => expected == status.to_string(),
        };
        if !right {
            wrong.push(format!("{file}: {app} expected, {answered:?} given"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let options = format!(
        "OPTIONS sip:{} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bKafter\r\nFrom: <sip:x@y>;tag=1\r\n\
         To: <sip:x@y>\r\nCall-ID: after\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        program.sip,
        from_trunk.local_addr().unwrap(),
    );
    from_trunk.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Late answers to what came before are not this one.
    let mut buffer = [0; 65_536];
    from_trunk.send_to(options.as_bytes(), program.sip).unwrap();
    loop {
        let (count, _) = from_trunk.recv_from(&mut buffer).expect("it lives");
        let text = String::from_utf8_lossy(&buffer[..count]);
        if text.contains("\r\nCall-ID: after\r\n") {
            assert!(text.starts_with("SIP/2.0 200 "), "{text}");
            break;
        }
    }
    program.stop();
}
