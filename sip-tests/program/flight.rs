//! The flight recorder of the real program, and `strowger replay`.

use std::{fs, os::unix::fs::PermissionsExt};

use super::{phone::Phone, running::Program};

/// OP-01: a running switch saves what went into it; another process goes through it again and makes the same of it, octet by
/// octet. Passwords and keys are in no text that anybody sees.
#[test]
fn what_a_switch_went_through_is_gone_through_again() {
    let program = Program::demo("flight").start();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("ana", program.password("ana")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.invite("800");
    let offer = agent.expect_request("INVITE");
    agent.answer(&offer, 200, &agent.sdp());
    while carrier.next_status_over_100() < 200 {}
    carrier.ack();
    agent.expect_request("ACK");
    carrier.bye();
    agent.expect_request("BYE");
    agent.answer_last(200);

    let (saved, said) = program.command(&["flight"]);
    assert!(saved, "{said}");
    let file = said.trim();
    assert!(file.ends_with("-asked.flight"), "{said}");
    let sealed = fs::read(program.data("../").join(file)).unwrap();
    // Three octets alone would turn up among so many by chance.
    for secret in ["INVITE", "response=", "\"ha1\":"] {
        assert!(!sealed.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} in the open");
    }
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(program.data("../").join(file)), mode(program.data("flight.key"))), (0o600, 0o600));

    let (same, said) = program.command(&["replay", file, "--all", "--full"]);
    assert!(same, "{said}");
    assert!(said.contains("asked for") && said.contains("all as they were recorded"), "{said}");
    assert!(said.contains("INVITE sip:800@") && said.contains("-> UDP"), "{said}");
    assert!(!said.contains("response=") && said.contains("Authorization:**"), "{said}");

    let invite = said.lines().position(|line| line.starts_with("INVITE sip:800@")).unwrap();
    let number = said.lines().nth(invite - 1).unwrap().split(['#', ' ']).nth(1).unwrap();
    let (_, without) = program.command(&["replay", file, "--skip", number]);
    assert!(without.contains("inputs came out otherwise"), "{without}");
    let (read, said) = program.command(&["replay", file, "--key", "config/strowger.toml"]);
    assert!(!read && said.contains("64 hexadecimal digits"), "{said}");
    program.stop();
}
