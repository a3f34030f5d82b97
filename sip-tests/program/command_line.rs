//! Operating a running switch from the command line.

use std::{os::unix::fs::PermissionsExt, process::Command};

use super::{phone::Phone, running::Program};

/// AP-11: the running switch is shown and told from the command line of its owner, by a token that nobody else can read.
#[test]
fn a_running_switch_is_operated_from_the_command_line() {
    let program = Program::demo("operate").start();
    let token = std::fs::metadata(program.data("admin.toml")).unwrap();
    assert_eq!(token.permissions().mode() & 0o777, 0o600);
    let mut phone = Phone::new(program.sip);
    assert_eq!(phone.register("rui", program.password("rui")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.invite("202");
    let ringing = phone.expect_request("INVITE");
    phone.answer(&ringing, 180, "");

    let shown = |what: &str| {
        let (good, said) = program.command(&["show", what]);
        assert!(good, "{said}");
        said
    };
    assert!(shown("calls").lines().nth(1).unwrap().contains("ringing"));
    assert!(shown("registrations").contains("sip:rui@127.0.0.1"));
    assert!(shown("subscriptions").starts_with("watched  event"));
    assert!(shown("agents").contains("rui") && shown("queues").contains("support"));
    let trunks = shown("trunks");
    assert!(trunks.lines().nth(1).unwrap().ends_with("  1"), "the call that it carries: {trunks}");
    let (good, said) = program.command(&["show", "agents", "--json"]);
    assert!(good && said.contains("\"agents\""), "{said}");

    assert_eq!(program.command(&["set", "log", "debug"]), (true, String::from("done\n")));
    let (good, said) = program.command(&["set", "log", "strowger=loud"]);
    assert!(!good && said.contains("loud"), "{said}");
    carrier.cancel();
    phone.expect_request("CANCEL");

    program.rewrite("centre.toml", "\"eva\"", "\"zoe\"");
    let (good, said) = program.command(&["reload"]);
    assert!(good && said.contains("- user \"eva\"") && said.contains("+ user \"zoe\""), "{said}");
    program.rewrite("centre.toml", "[[queue]]", "[[qeue]]");
    let (good, said) = program.command(&["reload"]);
    assert!(!good && said.contains("qeue"), "{said}");
    program.rewrite("centre.toml", "[[qeue]]", "[[queue]]");
    phone.answer_last(200);

    let (good, said) = program.command(&["trace", "on", "--number", "202"]);
    assert!(good, "{said}");
    carrier.invite("202");
    let ringing = phone.expect_request("INVITE");
    phone.answer(&ringing, 486, "");
    // Before it comes what is left of the first call.
    while carrier.next_status_over_100() != 486 {}
    carrier.ack();
    let file = program.data("trace.pcap");
    let (good, said) = program.command(&["trace", "save", file.to_str().unwrap()]);
    assert!(good, "{said}");
    let pcap = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
    assert!(pcap.contains("INVITE sip:202@") && pcap.contains("SIP/2.0 486"), "AP-08");
    program.until_logged("INVITE sip:202@", 1);
    assert!(program.command(&["trace", "off"]).0);
    assert!(!program.command(&["trace", "on"]).0, "of what?");

    let (good, said) = program.command(&["drain"]);
    assert!(good, "{said}");
    assert_eq!(program.wait(), Some(0), "OP-04: it ends by itself");
}

/// SC-01, THREATS (uploads): the program decodes for itself, in a process with limits, whatever an upload holds, and
/// says what it is.
#[test]
fn sc_01_the_program_decodes_uploads_for_itself() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/upload");
    let mut sounds = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = std::fs::File::open(file.unwrap().path()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_strowger"));
        let done = program.arg("decode-clip").stdin(file).output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        match done.stdout.split_first() {
            Some((0, sound)) => {
                assert!(strowger::media::wav::read(sound).is_ok());
                sounds += 1;
            }
            Some((verdict, rest)) => assert!((1..=5).contains(verdict) && rest.is_empty()),
            None => panic!("no answer"),
        }
    }
    assert!(sounds >= 8, "{sounds}");
}
