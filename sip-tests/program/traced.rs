//! Wrap-up with everything traced that can be.

use std::net::UdpSocket;

use super::{http::Http, phone::Phone, running::Program};

/// P12: calls with wrap-up, run out and finished early, extended and with a call on top, under the loudest log, a trace of
/// every message, a HEP mirror and the flight recorder: no crash, no repair, and the agent is free afterwards each time.
#[test]
fn p12_wrap_up_with_all_tracing_on() {
    let mirror = UdpSocket::bind("127.0.0.1:0").unwrap();
    mirror.set_nonblocking(true).unwrap();
    let collector = mirror.local_addr().unwrap().to_string();
    let setup = Program::demo("traced").set("STROWGER_LOG_LEVEL", "trace").set("STROWGER_HEP_COLLECTOR", &collector);
    let program = setup.start();
    program.rewrite("centre.toml", "acw_secs = 10", "acw_secs = 1\nacw_extend = { secs = 1, max = 1 }");
    let (good, said) = program.command(&["reload"]);
    assert!(good, "{said}");
    let (good, said) = program.command(&["trace", "on", "--source", "127.0.0.1"]);
    assert!(good, "{said}");
    let mut phone = Phone::new(program.sip);
    assert_eq!(phone.register("ana", program.password("ana")), 200);
    let mut page = Http::sign_in(program.http, "ana", program.password("ana"));
    let supervisor = Http::sign_in(program.http, "admin", program.password("admin"));
    let is = |status: &str| {
        let wanted = format!("\"status\":\"{status}\"");
        supervisor.until("/api/v1/agents", |agents| {
            agents
                .split("\"agent\":\"ana\"")
                .nth(1)
                .is_some_and(|rest| rest.split("\"agent\":").next().unwrap().contains(&wanted))
        });
    };
    let mut carrier = Phone::at(program.sip, program.trunk);
    for way in ["runs out", "is finished", "is extended"] {
        is("ready");
        carrier.invite("800");
        let offer = phone.expect_request("INVITE");
        phone.answer(&offer, 200, &phone.sdp());
        while carrier.next_status_over_100() < 200 {}
        carrier.ack();
        phone.expect_request("ACK");
        carrier.bye();
        phone.expect_request("BYE");
        phone.answer_last(200);
        assert_eq!(carrier.next_status_over_100(), 200);
        is("wrap_up");
        let (status, said) = match way {
            "is finished" => page.post("/api/v1/me/wrap-up/finish", "{}"),
            "is extended" => page.post("/api/v1/me/wrap-up/extend", "{}"),
            _ => (200, String::new()),
        };
        assert!((200..300).contains(&status), "{way}: {said}");
    }
    is("ready");
    let mut some = [0; 65_536];
    let mut copies = 0;
    while mirror.recv_from(&mut some).is_ok() {
        copies += 1;
    }
    assert!(copies > 20, "{copies} copies");
    let metrics = supervisor.get("/metrics");
    let repairs = metrics.lines().find(|line| line.starts_with("acd_repairs_total"));
    assert!(repairs.is_some_and(|line| line.ends_with(" 0")), "{repairs:?}");
    let log = program.log();
    assert!(log.contains("DEBUG") && log.contains("INVITE sip:") && !log.contains("panicked"), "{log}");
    assert_eq!(program.stop(), Some(0));
}
