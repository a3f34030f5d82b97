use super::*;
use crate::settings::{Source, load};

fn faults(text: &str, environment: &[(&str, &str)]) -> String {
    let environment: Vec<_> = environment.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect();
    load(Source::new("config/x.toml", text), Vec::new(), &environment).unwrap_err().to_string()
}

/// OP-06: an unknown key is named with its place and the nearest known one.
#[test]
fn a_slip_in_a_key_names_file_line_column_and_the_right_key() {
    let said = faults("realm = \"x\"\n[sip]\n  listne = [\"udp:127.0.0.1:5060\"]\n", &[]);
    assert!(said.contains("config/x.toml:3:3: [sip]: unknown key \"listne\""), "{said}");
    assert!(said.contains("did you mean \"listen\"?"), "{said}");
}

/// OP-06: pages and SIP can't share a TCP port.
#[test]
fn op_06_pages_want_a_port_of_their_own() {
    let text =
        |kind: &str| format!("[sip]\nlisten = [\"{kind}:127.0.0.1:5060\"]\n[http]\nlisten = \"127.0.0.1:5060\"\n");
    let said = faults(&text("tcp"), &[]);
    assert!(said.contains("config/x.toml:4:10: listen: 127.0.0.1:5060 is a SIP listener's already"), "{said}");
    assert!(load(Source::new("x", text("udp")), Vec::new(), &[]).is_ok());
}

/// OP-06: a level that the log would not understand is a fault of the file.
#[test]
fn op_06_a_log_level_is_a_word_or_a_room_with_one() {
    for good in ["info", "WARN", "info,strowger::net=debug", "strowger::net=trace", "off"] {
        assert_eq!(level_fault(good), None, "{good}");
    }
    let said = faults("[log]\nlevel = \"debgu\"\n", &[]);
    assert!(
        said.contains("config/x.toml:2:9: level: expected off, error, warn, info, debug or trace, found \"debgu\""),
        "{said}"
    );
    for wrong in ["", "info,,", "net=", "=debug", "strowger=loud"] {
        assert!(level_fault(wrong).is_some(), "{wrong}");
    }
}

/// OP-06: all faults are listed together, each with what was expected.
#[test]
fn every_fault_is_told_at_once() {
    let said = faults(
        "[sip]\nlisten = [\"udp:127.0.0.1:5060\", \"sctp:1.2.3.4:5\"]\n[rtp]\nports = \"9-5\"\nworkers = \"two\"\n\
         [store]\nsync = \"dsk\"\n[limits]\ncalls_max = 0\n",
        &[],
    );
    assert!(said.contains("x.toml:2:33: listen: expected udp:, tcp:, tls:, ws: or wss: and address:port"), "{said}");
    assert!(said.contains("x.toml:4:9: ports: expected a range from 1024 up"), "{said}");
    assert!(said.contains("x.toml:5:11: workers: expected a whole number from 0 to 64"), "{said}");
    assert!(said.contains("did you mean \"disk\"?"), "{said}");
    assert!(said.contains("x.toml:9:13: calls_max"), "{said}");
    assert!(said.ends_with("5 errors; nothing was changed"), "{said}");
}

#[test]
fn broken_toml_is_a_fault_with_its_line() {
    let said = faults("realm = \"x\"\ndata_dir = = 3\n", &[]);
    assert!(said.contains("config/x.toml:2:"), "{said}");
}

/// OP-06: the environment comes before the file, so that several switches share one file.
#[test]
fn the_environment_overrides_the_file() {
    let environment = [
        ("STROWGER_SIP_LISTEN", "udp:127.0.0.1:6060, tcp:[::1]:6061"),
        ("STROWGER_DATA_DIR", "/tmp/second"),
        ("STROWGER_LIMITS_CALLS_MAX", "7"),
        ("PATH", "/bin"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()));
    let file = "data_dir = \"data\"\n[limits]\ncalls_max = 5\nidle_secs = 30\n";
    let settings = load(Source::new("x", file), Vec::new(), &environment).unwrap().server;
    assert_eq!(settings.data_dir, "/tmp/second");
    assert_eq!(settings.limits.calls_max, 7);
    assert_eq!(settings.limits.idle_time, Duration::from_secs(30));
    let listeners: Vec<String> = settings.sip.listen.iter().map(Listener::to_string).collect();
    assert_eq!(listeners, ["udp:127.0.0.1:6060", "tcp:[::1]:6061"]);
}

/// CH-12: further names of the switch are hosts, without a port.
#[test]
fn domains_are_hosts() {
    let read = |file: &str| load(Source::new("x.toml", file), Vec::new(), &[]);
    let good = read("data_dir = \"d\"\n[sip]\ndomains = [\"pbx.lan\", \"203.0.113.7\"]\n").unwrap();
    assert_eq!(good.server.sip.domains, ["pbx.lan", "203.0.113.7"]);
    let said = faults("[sip]\ndomains = [\"pbx.lan:5060\"]\n", &[]);
    assert!(said.contains(":2:12: domains: expected a host name or an address, without a port"), "{said}");
}

#[test]
fn an_unknown_or_faulty_variable_is_named() {
    let variables = [("STROWGER_SIP_LISTN", "x"), ("STROWGER_RTP_WORKERS", "many"), ("STROWGER_SLOT", "0")];
    let said = faults("# nothing", &variables);
    assert!(!said.contains("STROWGER_SLOT"), "someone else's variable: {said}");
    assert!(said.contains("STROWGER_SIP_LISTN:1:1: no key of the main file"), "{said}");
    assert!(said.contains("did you mean \"STROWGER_SIP_LISTEN\"?"), "{said}");
    assert!(said.contains("STROWGER_RTP_WORKERS:1:1: workers: expected a whole number from 0 to 64"), "{said}");
}

/// OP-06: a range of ports that no call would fit into is a fault, not a start that finds no port free.
#[test]
fn op_06_a_range_without_room_for_a_call_is_a_fault() {
    let said = |lines: &str| {
        let loaded = load(Source::new("x.toml", format!("[rtp]\n{lines}")), Vec::new(), &[]);
        loaded.map(drop).err().map(|faults| faults.to_string()).unwrap_or_default()
    };
    for range in ["26900-26901", "26901-26903", "26901-26906"] {
        let said = said(&format!("ports = \"{range}\"\n"));
        assert!(said.contains("x.toml:2:9: ports: room for") && said.contains("3 pairs are the least"), "{said}");
    }
    assert_eq!(said("ports = \"26900-26905\"\n"), "");
    assert!(said("ports = \"26900-26905\"\nworkers = 2\n").contains("4 pairs are the least"));
}
