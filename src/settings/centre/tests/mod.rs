//! The domain settings: read, dumped, compared; each subject of their faults has a room of its own.

mod menus;
mod numbers;
mod people;
mod queues;
mod recording;
mod services;

use super::*;
use crate::{
    acd::{self, DevicePresence, Strategy},
    engine::{DndShown, WaitingSound, Watchers},
    settings::{Included, Loaded, Source, load},
    switch::{Destination, Mode, Role, Side},
};

const CENTRE: &str = r##"
hold_music = "music"
clip = [{ key = "music", file = "built-in" }, { key = "sorry", file = "sorry.wav" }]

[[user]]
key = "ana"
name = "Ana Sousa"
extension = "201"
number = "+351210000001"
hide_number = true
dial_class = "home"
sip_password = "s3cret"

[[user]]
key = "rui"
role = "supervisor"
supervises = ["support"]
sip_password = "other"
page_password = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"

[[user]]
key = "u{00000..00099}"
sip_password = "secret"

[[service]]
key = "crm"
url = "https://crm.example/strowger"
secret = "a-secret-of-more-than-16"
answer_ms = 800
rest_after = 5
rest_secs = 10
rest_secs_max = 600

[[group]]
key = "office"
strategy = "sequential"
members = ["rui", "ana", "u{00001..00003}"]

[[trunk]]
key = "carrier"
sources = ["203.0.113.0/24", "127.0.0.1:5080", "[2001:db8::1]:5060"]
certificate_names = ["SIP.Carrier.example", "carrier.example"]
destination = "tcp:sip.example.net:5070"
user = "acme"
password = "line"
caller_id = "+351210000000"
calls_max = 30
realm = "acme.example"
register_secs = 600
calls_in_max = 20
calls_per_second = 5
options_secs = 30
down_after = 4
country_code = "351"
international_prefix = "00"
form = "digits"
trusted = true
identity_header = "remote_party"
from_user = "acme-1"
from_domain = "sip.example.net"
passes_names = true
forwarding = ["diversion", "referred_by"]
called_in = { rules = [{ match = "2*", length = "4-6", strip = 1, prepend = "9" }], tests = [["2100", "9100"]] }

[[number]]
number = "800"
to = "queue:support"

[[trunk]]
key = "spare"
destination = "192.0.2.9"
hours = "office"
codecs = ["pcma", "g722"]
ptime_ms = 30
dtmf = "info_plain"
reliable_progress = false
update = false
session_timer = false
progress = "ring"
pass_headers = ["X-Own-*"]
add_headers = ["X-Site: Lisbon"]
udp_max_bytes = 1400

[headers]
pass = ["User-to-User", "X-*"]

[[trunk_group]]
key = "out"
members = ["carrier:1:70", "spare:2"]

[[menu]]
key = "main"
say = ["built-in:welcome", "music"]
keys = { 1 = "queue:support", 2 = "menu:look", "*" = "number:0210000001" }
languages = { "+34" = "es" }
wrong = "sorry"
tries = 2
otherwise = "menu:look"
unanswered = "menu:main"

[[menu]]
key = "look"
say = ["digits:account"]
look_up = "crm"
answers = { vip = "queue:support" }
priority = 4
to = "user:ana"
otherwise = "hangup"

[[menu]]
key = "stay"
collect = { name = "account", most = 4 }
to = "menu:look"
otherwise = "stay"

[[number]]
number = "0*"
to = "trunks:out"
from = "users"
strip = 1

[[number]]
number = "+35121*"
to = "trunk:carrier"
from = "users"
strip = 1
prepend = "00"
caller_id = "+351210000009"
mode = "proxy"

[dial_plan]
country_code = "351"
hide_number_code = "#31#"
emergency = ["112"]
barred = ["+35176*"]
called = { tests = [["210000001", "+351210000001"], ["#31#00442", "00442"]] }

[transfers]
blind_failed = "return_to_agent"
agent_lost = "hang_up"
queue_boost = 5
keep_place = true

[[dial_class]]
key = "home"
allowed = ["+351*"]
calls_per_hour = 20

[[agent]]
key = "ana"
device_presence = "ready"

[[agent]]
key = "u{00010..00012}"

[[queue]]
key = "support"
name = "Customer support"
strategy = "round_robin"
members = [{ agent = "ana", tier = 1, device = "phone:Yealink" }, "u{00010..00012}"]
acw_secs = 20
mark_done = "required"
disposition = "required"
dispositions = ["sold"]
waiting = "ringback_when_offered"
decision = { service = "crm", answer_ms = 700 }
last_agent = { secs = 15 }
unfit = { then = "relax" }

[[queue]]
key = "sales"
members = ["ana"]
hold_music = "sorry"
hours = "office"
overflow = ["queue:support", "user:ana", "group:office", "number:+351210001111", "clip:sorry"]
exit_keys = { 1 = "queue:support", 2 = "hangup", 3 = "menu:main" }

[[calendar]]
key = "office"
time_zone = "Europe/Lisbon"
hours = [{ days = ["mon", "fri"], from = "09:00", to = "18:00" }]
exceptions = [{ date = "2026-12-25", name = "Christmas" }]

[[reason]]
key = "lunch"

[[disposition]]
key = "sold"
name = "Sold"

[[tag]]
key = "vip"
colour = "gold"

[policies]
reason_required = true

[watching]
watchers = "groups"
dnd = "closed"

[recording]
pause = "cut"
on_hold = "record"
resume_secs = 60
format = "opus"

[[recording.rule]]
agent = "ana"
trunk = "carrier"
percent = 0

[[recording.rule]]
queue = "support"
percent = 40
format = "wav"
"##;

fn read(text: &str) -> Result<Loaded, String> {
    let main = Source::new(
        "config/strowger.toml",
        "realm = \"test\"\ninclude = [\"centre.toml\"]\n[tls]\nclient_authorities = \"ca.pem\"\n",
    );
    let text = Ok(Source::new("config/centre.toml", text));
    load(main, vec![Included { name: String::from("centre.toml"), text }], &[]).map_err(|faults| faults.to_string())
}

fn refused(text: &str) -> String {
    read(text).unwrap_err()
}

#[test]
fn a_centre_is_read_as_it_is_written() {
    let files = read(CENTRE).unwrap().files;
    let centre = &files.centre;
    assert_eq!(centre.users.len(), 102);
    let ana = centre.users.iter().find(|user| user.name.as_str() == "ana").unwrap();
    assert_eq!(ana.role, Role::Agent);
    assert_eq!(ana.ha1.as_ref().unwrap().md5, crate::sip::digest::Ha1::new("ana", "test", "s3cret").md5);
    assert!(centre.users.iter().any(|user| user.name.as_str() == "u00099"));
    let support = centre.acd.queues.values().find(|queue| queue.key == "support").unwrap();
    assert_eq!((support.strategy, support.acw_secs), (Strategy::RoundRobin, 20));
    let members: Vec<_> = support.members.iter().map(|member| (member.agent.as_str(), member.tier)).collect();
    assert_eq!(members, [("ana", 1), ("u00010", 0), ("u00011", 0), ("u00012", 0)]);
    let agent = centre.acd.agents.values().find(|agent| agent.key == "ana").unwrap();
    assert_eq!(agent.device_presence, Some(DevicePresence::Ready));
    assert_eq!(centre.routes[1].from, Side::Users);
    assert_eq!((centre.routes[1].mode, centre.routes[2].mode), (Mode::Call, Mode::Proxy));
    assert_eq!((centre.watching.watchers, centre.watching.dnd), (Watchers::Groups, DndShown::Closed));
    assert!(matches!(centre.routes[0].destination, Destination::Queue(_)));
    let waiting: Vec<_> = centre.queues.iter().map(|voice| voice.waiting).collect();
    assert!(waiting.contains(&WaitingSound::RingbackWhenOffered), "{waiting:?}");
    assert!(waiting.iter().any(|sound| matches!(sound, WaitingSound::Clip(_))), "{waiting:?}");
    assert_eq!(centre.groups[0].members.len(), 5);
    assert_eq!(centre.trunks[0].sources.len(), 3);
    assert_eq!(centre.trunks[0].certificate_names, ["sip.carrier.example", "carrier.example"]);
}

/// OP-06: a trunk is known by names, which somebody must be asked for.
#[test]
fn faults_of_certificate_names_have_their_place() {
    let trunk = |names: &str| format!("[[trunk]]\nkey = \"x\"\ncertificate_names = [{names}]\n");
    for wrong in ["\"*.carrier.example\"", "\"192.0.2.1\"", "\"[2001:db8::1]\"", "\"\""] {
        let said = refused(&trunk(wrong));
        assert!(said.contains("config/centre.toml:3:22: certificate_names: expected the name"), "{said}");
    }
    let main = Source::new("config/strowger.toml", "include = [\"centre.toml\"]\n");
    let text = Ok(Source::new("config/centre.toml", trunk("\"carrier.example\"")));
    let said = load(main, vec![Included { name: String::from("centre.toml"), text }], &[]).unwrap_err().to_string();
    assert!(said.contains("centre.toml:3:22: certificate_names: nobody is asked for a certificate"), "{said}");
    assert!(said.contains("client_authorities"), "{said}");
}

/// OP-06: what is dumped reads back as the same centre, and dumps as the same text.
#[test]
fn a_dump_reads_back_as_the_same_centre() {
    let first = read(CENTRE).unwrap().files;
    let text = dump(&first);
    assert!(!text.contains("s3cret"), "a password in the dump");
    let second = read(&text).unwrap_or_else(|faults| panic!("{faults}\n{text}")).files;
    assert_eq!(dump(&second), text);
    assert_eq!(difference(&first, &second), Vec::<String>::new());
    assert!(first.centre == second.centre, "not equal, and the difference does not see it");
}

/// OP-06: ids stand for names, not for places in the file, because the journal speaks of them.
#[test]
fn a_reordered_file_keeps_every_id() {
    let one = "[[user]]\nkey = \"ana\"\n[[user]]\nkey = \"rui\"\n";
    let two = "[[user]]\nkey = \"eva\"\n[[user]]\nkey = \"rui\"\n[[user]]\nkey = \"ana\"\n";
    let id = |text: &str, name: &str| {
        let files = read(text).unwrap().files;
        files.centre.users.iter().find(|user| user.name.as_str() == name).unwrap().id
    };
    assert_eq!(id(one, "ana"), id(two, "ana"));
    assert_eq!(id(one, "rui"), id(two, "rui"));
    assert_ne!(id(two, "eva"), id(two, "ana"));
}

/// OP-06: references between entries are checked together, each fault with its place and a hint.
#[test]
fn dangling_references_are_named_with_their_place() {
    let said = refused(
        "[[user]]\nkey = \"ana\"\n\n[[agent]]\nkey = \"ana\"\n\n[[queue]]\nkey = \"support\"\nmembers = [\"anna\"]\n\n\
         [[number]]\nnumber = \"800\"\nto = \"queue:suport\"\n\n[[agent]]\nkey = \"bob\"\n\n\
         [[trunk]]\nkey = \"x\"\nsources = [\"10.0.0.0/33\"]\n",
    );
    for wanted in [
        "config/centre.toml:9:11: members: no agent is called \"anna\"",
        "did you mean \"ana\"?",
        "config/centre.toml:13:6: to: no queue is called \"suport\"",
        "did you mean \"support\"?",
        "config/centre.toml:16:7: an agent answers with a user's phones: no user is called \"bob\"",
        "config/centre.toml:20:12: sources: expected a network or address",
        "4 errors",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
}

#[test]
fn a_missing_include_is_named_where_it_is_asked_for() {
    let main = Source::new("config/strowger.toml", "include = [\"gone.toml\"]\n");
    let gone = Included { name: String::from("gone.toml"), text: Err(String::from("no such file")) };
    let said = load(main, vec![gone], &[]).unwrap_err().to_string();
    assert!(said.contains("strowger.toml:1:12: include: \"gone.toml\" can't be read: no such file"), "{said}");
}

/// A save caught halfway removes no centre.
#[test]
fn an_empty_main_file_is_refused() {
    for empty in ["", " \n\n"] {
        let said = load(Source::new("strowger.toml", empty), Vec::new(), &[]).unwrap_err().to_string();
        assert!(said.starts_with("strowger.toml:1:1: it is empty\n    hint: was it being saved?"), "{said}");
    }
    assert!(load(Source::new("strowger.toml", "# nothing"), Vec::new(), &[]).is_ok());
}

/// OP-06: so is an included one.
#[test]
fn an_empty_include_is_refused() {
    let said = refused(" \n");
    assert!(said.contains("strowger.toml:2:12: include: \"centre.toml\" can't be read: it is empty"), "{said}");
    assert!(said.contains("was it being saved?"), "{said}");
    assert!(read("# nothing\n").is_ok());
}

/// At the page there is nothing for him; a password would be refused there without a word of why.
#[test]
fn a_plain_user_has_no_page_password() {
    let user = "[[user]]\nkey = \"ana\"\npage_password = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA\"\n";
    let said = refused(user);
    assert!(said.contains("centre.toml:3:17: page_password: not for role = \"user\""), "{said}");
    assert!(read(&format!("{user}role = \"agent\"\n")).is_ok());
}

/// OP-06: who has no password yet has one made by a start with the dumped file too, and a difference sees where none would be.
#[test]
fn a_dump_says_whose_password_is_still_to_be_made() {
    let user = "[[user]]\nkey = \"zoe\"\n";
    let first = read(&format!("{user}generate_password = true\n")).unwrap().files;
    let text = dump(&first);
    let second = read(&text).unwrap_or_else(|faults| panic!("{faults}\n{text}")).files;
    assert_eq!((second.generated.len(), &second.generated), (1, &first.generated), "{text}");
    assert_eq!(difference(&first, &second), Vec::<String>::new());
    let lines = difference(&first, &read(user).unwrap().files);
    assert!(
        lines.len() == 1 && lines[0].contains("user \"zoe\"") && lines[0].contains("generate_password"),
        "{lines:?}"
    );
}

#[test]
fn a_difference_names_what_changes_and_shows_no_secret() {
    let old = read(CENTRE).unwrap().files;
    let text = CENTRE.replace("acw_secs = 20", "acw_secs = 30").replace("s3cret", "changed").replace("lunch", "break");
    let new = read(&text).unwrap().files;
    let lines = difference(&old, &new);
    assert_eq!(
        lines,
        [
            "~ queue \"support\": acw_secs 20 → 30",
            "- reason \"lunch\"",
            "~ user \"ana\": ha1_md5 changes",
            "~ user \"ana\": ha1_sha256 changes",
            "+ reason \"break\"",
        ]
    );
}

/// OP-06: whatever can be set of agents, queues, reasons and policies stands in the example, with what it does.
#[test]
fn every_setting_of_the_distributor_is_explained() {
    let file = include_str!("../../../../config/centre.toml");
    let words: std::collections::BTreeSet<&str> = file.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let of = |value: serde_json::Value| value.as_object().expect("a table").keys().cloned().collect::<Vec<_>>();
    let json = |it: Result<serde_json::Value, serde_json::Error>| of(it.expect("JSON"));
    let queue = acd::QueueSettings {
        time_zone: "UTC".into(),
        prefer: [("pt".into(), 1)].into(),
        fits: "true".into(),
        ..acd::QueueSettings::default()
    };
    let keys = [
        json(serde_json::to_value(acd::AgentSettings::default())),
        json(serde_json::to_value(queue)),
        json(serde_json::to_value(acd::MemberSettings::new("ana"))),
        json(serde_json::to_value(acd::Announce::default())),
        json(serde_json::to_value(acd::DecisionSettings::default())),
        json(serde_json::to_value(acd::LastAgent::default())),
        json(serde_json::to_value(acd::Ring::default())),
        json(serde_json::to_value(acd::ReasonSettings::new("lunch"))),
        json(serde_json::to_value(acd::Policies::default())),
    ];
    for key in keys.iter().flatten() {
        assert!(words.contains(key.as_str()), "config/centre.toml does not explain `{key}`");
    }
}
