//! New settings while calls are up.

use std::net::TcpStream;

use super::{http::Http, phone::Phone, running::Program};

/// AD-03: SIGHUP takes over new settings while a call is up, which notices nothing: a user who is gone is refused, one who
/// is new gets a password and registers. A faulty file is refused whole, with its line, and nothing changes.
#[test]
fn settings_change_under_a_call() {
    let mut program = Program::demo("reload").start();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("rui", program.password("rui")), 200);
    let mut other = Phone::new(program.sip);
    assert_eq!(other.register("eva", program.password("eva")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.talks_to(&mut agent, "202");

    program.rewrite("centre.toml", "[[queue]]", "[[qeue]]");
    program.hang_up_signal();
    program.until_logged("the settings were refused", 1);
    assert!(program.log().contains("centre.toml:") && program.log().contains("qeue"), "{}", program.log());
    assert_eq!(other.register("eva", program.password("eva")), 200);

    program.rewrite("centre.toml", "[[qeue]]", "[[queue]]");
    program.rewrite("centre.toml", "\"eva\"", "\"zoe\"");
    program.hang_up_signal();
    program.until_logged("the settings were read again", 1);
    assert_eq!(other.register("eva", program.password("eva")), 403, "she is no more");
    let (zoe, password) = program.next_password();
    assert_eq!((zoe.as_str(), Phone::new(program.sip).register("zoe", &password)), ("zoe", 200));
    let page = Http::sign_in(program.http, "admin", program.password("admin"));
    let agents = page.get("/api/v1/agents");
    assert!(agents.contains("\"zoe\"") && !agents.contains("\"eva\""), "{agents}");

    carrier.bye();
    agent.expect_request("BYE");
    agent.answer_last(200);
    program.stop();
}

/// AD-03: the same by the API: a listener goes and the other stays, and a faulty file is told in the answer.
#[test]
fn listeners_change_without_a_restart() {
    let program = Program::demo("relisten").listening_by_file("\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"").start();
    let mut page = Http::sign_in(program.http, "admin", program.password("admin"));
    assert!(TcpStream::connect(program.sip_tcp).is_ok());
    program.rewrite("strowger.toml", ", \"tcp:127.0.0.1:0\"", "");
    let (status, said) = page.post("/api/v1/reload", "");
    assert_eq!(status, 200, "{said}");
    while TcpStream::connect(program.sip_tcp).is_ok() {}
    assert_eq!(Phone::new(program.sip).options(), 200);
    program.rewrite("strowger.toml", "calls_max = 10000", "calls_max = 0");
    let (status, said) = page.post("/api/v1/reload", "");
    assert_eq!(status, 422);
    assert!(said.contains("calls_max: expected a whole number"), "{said}");
    program.stop();
}
