//! The real program: started on free ports in a folder of its own, rung, stopped, killed and started again.

// A test is wrong where it unwraps wrongly, and says so by panicking.
#![allow(clippy::unwrap_used)]

mod asking;
mod command_line;
mod flight;
mod full_disk;
mod going_on;
mod http;
mod image;
mod page_phone;
mod phone;
mod recorded;
mod reload;
mod running;
mod torture;
mod traced;
mod transports;

use std::{process::Command, time::Duration};

use http::Http;
use phone::Phone;
use running::{Program, folder};
use strowger::wire::sip::Name;

/// SW-03, SW-01: the demo as it is takes registrations with the printed passwords and answers OPTIONS over UDP and TCP.
#[test]
fn the_demo_registers_phones_and_answers_options() {
    let program = Program::demo("options").start();
    let mut phone = Phone::new(program.sip);
    assert_eq!(phone.options(), 200);
    assert_eq!(phone.register("ana", "wrong"), 403);
    assert_eq!(phone.register("ana", program.password("ana")), 200);
    assert_eq!(phone::options_over_tcp(program.sip_tcp), 200);
    assert_eq!(program.stop(), Some(0));
}

/// TK-02: the trunk's address calls without a challenge; any other address of the same machine is challenged.
#[test]
fn a_trunk_is_known_by_its_address_and_nobody_else_is() {
    let program = Program::demo("trunk").start();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("ana", program.password("ana")), 200);
    let mut stranger = Phone::new(program.sip);
    assert_eq!(stranger.call("201").status(), 401);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.invite("201");
    let ringing = agent.expect_request("INVITE");
    agent.answer(&ringing, 180, "");
    assert_eq!(carrier.next_status_over_100(), 180);
    carrier.cancel();
    agent.expect_request("CANCEL");
    program.stop();
}

/// OP-05: passwords that nobody could see are not kept, and the start says so; the next one shows others, which hold.
#[test]
fn passwords_that_nobody_saw_are_not_kept() {
    let setup = Program::demo("unheard");
    let (status, said) = setup.clone().start_unheard();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("could not be shown on standard output") && !said.contains("panicked"), "{said}");
    let mut program = setup.start();
    assert_eq!(program.fresh.len(), 4, "made anew, and shown");
    let password = program.password("ana").to_owned();
    program.kill();
    program = program.start_again();
    assert!(program.fresh.is_empty());
    assert_eq!(Phone::new(program.sip).register("ana", &password), 200);
    program.stop();
}

/// OP-01: after `kill -9` a registered phone is still called and an agent's choice still stands, without either doing
/// anything.
#[test]
fn a_killed_switch_remembers_phones_and_choices() {
    let mut program = Program::demo("kill").start();
    let mut phone = Phone::new(program.sip);
    assert_eq!(phone.register("ana", program.password("ana")), 200);
    let mut page = Http::sign_in(program.http, "ana", program.password("ana"));
    let (status, said) = page.put("/api/v1/me/status", r#"{"status":"not_ready","reason":"lunch"}"#);
    assert_eq!(status, 200, "{said}");
    assert!(page.get("/api/v1/agents").contains("lunch"));

    program.kill();
    program = program.start_again();
    assert!(program.fresh.is_empty(), "passwords were made anew");
    let page = Http::sign_in(program.http, "ana", program.password("ana"));
    let agents = page.get("/api/v1/agents");
    assert!(agents.contains("lunch"), "{agents}");
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.invite("201");
    phone.expect_request("INVITE");
    program.stop();
}

/// OP-04: SIGTERM takes no new call, lets the present one end in its own time, and then the program ends well. OP-09: the log has
/// a line of the call, which says what it was and shows nobody's number.
#[test]
fn sigterm_waits_for_the_calls_that_are_there() {
    let mut program = Program::demo("drain").set("STROWGER_LOG_FORMAT", "json").start();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("rui", program.password("rui")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.talks_to(&mut agent, "202");

    program.terminate();
    let mut late = Phone::new(program.sip);
    assert_eq!(late.until_refused("202", &program), 503);
    assert!(program.is_alive(), "the call still lives");
    carrier.bye();
    agent.expect_request("BYE");
    agent.answer_last(200);
    assert_eq!(carrier.next_status_over_100(), 200, "the last one is answered too");
    assert_eq!(program.wait_for_end(), Some(0));
    let log = program.log();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let calls: Vec<_> = lines.filter(|line| line["message"] == "a call is over" && line["sip"] == 200).collect();
    let [call] = &calls[..] else { panic!("{log}") };
    assert_eq!((&call["direction"], &call["ended_by"]), (&"Inbound".into(), &"Peer".into()), "{call}");
    assert_eq!(call["sip_call_ids"].as_str().unwrap().split(' ').count(), 2, "{call}");
    assert!(call["seconds"].is_f64() && call["talked"].is_f64() && call["call"].is_string(), "{call}");
    assert!(call["from"].as_str().unwrap().contains('•') && call["to"].as_str().unwrap().contains('•'), "{call}");
    assert_eq!(kept_calls(&program), [(200, 16, 2)]);
}

/// Cause and legs with a Call-ID of each call that the database has.
fn kept_calls(program: &Program) -> Vec<(i64, i64, i64)> {
    let database = rusqlite::Connection::open(program.data("strowger.db")).unwrap();
    let legs = "(SELECT count(*) FROM legs WHERE legs.call_id = calls.call_id AND sip_call_id <> '')";
    let mut asked = database.prepare(&format!("SELECT cause_sip, cause_q850, {legs} FROM calls")).unwrap();
    let rows = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// OP-04: the second signal ends it at once, calls or not. AP-05: the database has the record of what was hung up, whole and
/// with the cause that the phones were told, before the process is gone.
#[test]
fn a_second_signal_ends_at_once_and_hangs_up() {
    let mut program = Program::demo("second").start();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("rui", program.password("rui")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.talks_to(&mut agent, "202");
    program.terminate();
    program.until_draining();
    program.terminate();
    for phone in [&mut agent, &mut carrier] {
        let bye = phone.expect_request("BYE");
        assert!(bye.header(Name::Reason).is_some_and(|why| why.contains("Q.850;cause=16")), "{bye:?}");
    }
    assert_eq!(program.wait_for_end(), Some(0));
    assert_eq!(kept_calls(&program), [(200, 16, 2)]);
    assert!(!program.log().contains("WARN"), "{}", program.log());
}

/// OP-04, AP-05: the same where the time of a drain is over.
#[test]
fn calls_that_outlast_a_drain_have_their_record() {
    let mut program = Program::demo("outlasted").start();
    program.rewrite("strowger.toml", "drain_secs = 60", "drain_secs = 1");
    program.hang_up_signal();
    program.until_logged("the settings were read again", 1);
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("rui", program.password("rui")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    carrier.talks_to(&mut agent, "202");
    program.terminate();
    agent.expect_request("BYE");
    carrier.expect_request("BYE");
    assert_eq!(program.wait_for_end(), Some(0));
    assert_eq!(kept_calls(&program), [(200, 16, 2)]);
}

/// OP-06: a file with faults is refused whole, with file, line and a hint, and nothing is started.
#[test]
fn a_faulty_file_starts_nothing() {
    let folder = folder("faulty");
    let file = folder.join("bad.toml");
    std::fs::write(&file, "realm = \"x\"\n[sip]\nlistne = [\"udp:127.0.0.1:0\"]\n").unwrap();
    for command in ["check", "run"] {
        let mut program = Command::new(running::BINARY);
        let args: &[&str] = if command == "run" { &["run", "--config"] } else { &["check"] };
        let done = program.args(args).arg(&file).current_dir(&folder).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains("bad.toml:3:1: [sip]: unknown key \"listne\""), "{said}");
        assert!(said.contains("did you mean \"listen\"?"), "{said}");
        assert!(!folder.join("data").exists(), "it started half");
    }
}

/// QE-04, SW-12, OP-06: music and announcements are what people have: any kind and rate that an upload may be; what is none is
/// told with file and line.
#[test]
fn qe_04_sw_12_sounds_of_the_settings_are_of_any_kind() {
    let folder = folder("sounds");
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/upload");
    let mut text = String::new();
    for name in ["tone.mp3", "tone.ogg", "tone.opus", "tone.flac", "tone.wav", "small-16k.wav"] {
        std::fs::copy(corpus.join(name), folder.join(name)).unwrap();
        text += &format!("[[clip]]\nkey = \"{name}\"\nfile = \"{name}\"\n");
    }
    let check = |text: &str| {
        std::fs::write(folder.join("strowger.toml"), text).unwrap();
        let done =
            Command::new(running::BINARY).args(["check", "strowger.toml"]).current_dir(&folder).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, said) = check(&text);
    assert_eq!(code, Some(0), "{said}");
    std::fs::write(folder.join("page.mp3"), "<html>not found</html>".repeat(100)).unwrap();
    let (code, said) = check(&format!("{text}[[clip]]\nkey = \"page\"\nfile = \"page.mp3\"\n"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("strowger.toml:21:8: file: page.mp3: no WAV, FLAC, MP3 or Ogg file"), "{said}");
}

/// OP-06: the files that come along are good, and what is dumped is good and dumps alike.
#[test]
fn the_files_that_come_along_are_good() {
    let root = env!("CARGO_MANIFEST_DIR");
    for file in ["config/strowger.toml", "config/load.toml"] {
        let done = Command::new(running::BINARY).args(["check", file]).current_dir(root).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let dump = |config: &str, at: &std::path::Path| {
        let done = Command::new(running::BINARY).args(["dump", "--config", config]).current_dir(at).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let folder = folder("dump");
    let text = dump("config/load.toml", root.as_ref());
    assert!(!text.contains("sip_password"), "a password in the dump");
    std::fs::write(folder.join("again.toml"), &text).unwrap();
    assert_eq!(dump("again.toml", &folder), text);
}

/// OP-09: with format = "json" every log line is JSON, and no password is in any.
#[test]
fn logs_are_json_and_hold_no_secret() {
    let program = Program::demo("logs").set("STROWGER_LOG_FORMAT", "json").set("STROWGER_LOG_LEVEL", "debug").start();
    let mut phone = Phone::new(program.sip);
    assert_eq!(phone.register("ana", program.password("ana")), 200);
    phone.say("\0\0 garbage");
    assert_eq!(phone.options(), 200);
    let secrets: Vec<String> = program.fresh.values().cloned().collect();
    let log = program.stop_and_read_log();
    assert!(log.lines().count() > 0);
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
        assert!(!line.contains("response=\""), "{line}");
    }
}

/// SW-18, SW-19: ten thousand packets of garbage and strangers' calls later, a phone is served at once.
#[test]
fn a_flood_of_garbage_hinders_nobody() {
    let program = Program::demo("flood").start();
    let flood = Phone::new(program.sip);
    for number in 0..10_000 {
        flood.say(&format!("INVITE sip:{number}@x SIP/2.0\r\nVia: broken\r\n\r\n"));
    }
    let mut phone = Phone::new(program.sip);
    let began = running::now();
    assert_eq!(phone.register("eva", program.password("eva")), 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(program.stop(), Some(0));
}

/// AD-06: several switches run side by side, by ports and data folder.
#[test]
fn two_switches_run_side_by_side() {
    let (one, two) = (Program::demo("one").start(), Program::demo("two").start());
    for program in [&one, &two] {
        assert_eq!(Phone::new(program.sip).register("ana", program.password("ana")), 200);
    }
    assert_eq!(Phone::new(one.sip).register("ana", two.password("ana")), 403);
    one.stop();
    assert_eq!(Phone::new(two.sip).register("ana", two.password("ana")), 200);
    two.stop();
}
