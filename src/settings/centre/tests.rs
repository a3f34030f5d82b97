use super::*;
use crate::{
    acd::{DevicePresence, Strategy},
    engine::{DndShown, PauseKind, WaitingSound, Watchers},
    media::tape::Format,
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
page_password = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"

[[user]]
key = "u{00000..00099}"
sip_password = "secret"

[[service]]
key = "crm"
url = "https://crm.example/strowger"
secret = "a-secret-of-more-than-16"
answer_ms = 800

[[group]]
key = "office"
strategy = "sequential"
members = ["rui", "ana", "u{00001..00003}"]

[[trunk]]
key = "carrier"
sources = ["203.0.113.0/24", "127.0.0.1:5080", "[2001:db8::1]:5060"]
destination = "tcp:sip.example.net:5070"
user = "acme"
password = "line"
caller_id = "+351210000000"
calls_max = 30
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
    let main = Source::new("config/strowger.toml", "realm = \"test\"\ninclude = [\"centre.toml\"]\n");
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
}

/// OP-06: what is dumped reads back as the same centre, and dumps as the same text.
#[test]
fn a_dump_reads_back_as_the_same_centre() {
    let first = read(CENTRE).unwrap().files;
    let text = dump(&first.centre, &first.clips);
    assert!(!text.contains("s3cret"), "a password in the dump");
    let second = read(&text).unwrap_or_else(|faults| panic!("{faults}\n{text}")).files;
    assert_eq!(dump(&second.centre, &second.clips), text);
    assert_eq!(difference(&first.centre, &first.clips, &second.centre, &second.clips), Vec::<String>::new());
    assert!(first.centre == second.centre, "not equal, and the difference does not see it");
}

/// RT-06, QE-18: a service is asked only where the settings say so, in whole addresses; its secret is long and never shown
/// by a difference.
#[test]
fn a_service_has_a_whole_address() {
    let said = |text: &str| read(text).unwrap_err().to_string();
    assert!(said("[[service]]\nkey = \"a\"\n").contains("\"url\" is missing: expected an address such as"));
    let wrong = said("[[service]]\nkey = \"a\"\nurl = \"ftp://a/\"\nsecret = \"short\"\nanswer_ms = 0\n");
    for part in ["3:7: url: expected an address", "4:10: secret: expected at least 16", "5:13: answer_ms: expected"] {
        assert!(wrong.contains(part), "{wrong}");
    }
    let with = |secret: &str| {
        let text = format!("[[service]]\nkey = \"a\"\nurl = \"http://a/\"\nsecret = \"{secret}-0123456789abcdef\"\n");
        read(&text).unwrap().files
    };
    let (old, new) = (with("one"), with("two"));
    let lines = difference(&old.centre, &old.clips, &new.centre, &new.clips);
    assert_eq!(lines, ["~ service \"a\": secret changes"]);
}

/// RT-06: who is asked who gets a call must be a service, in a time that callers bear; each fault has its place, and a change
/// is told.
#[test]
fn rt_06_a_queue_asks_a_service() {
    let queue = |text: &str| format!("[[queue]]\nkey = \"q\"\n{text}\n");
    for (text, wanted) in [
        ("[queue.decision]\nservice = \"crm\"", "3:1: decision.service: no service is called \"crm\""),
        ("[queue.decision]\nanswer_ms = 5", "queues.q.decision.service: whom to ask"),
        ("[queue.decision]\nanswer_ms = 5", "3:1: queues.q.decision.answer_ms: expected 50 to 10000"),
        ("[queue.decision]\nservice = \"crm\"\nveto = 5", "veto"),
    ] {
        let said = refused(&queue(text));
        assert!(said.contains(wanted) && said.contains("config/centre.toml:"), "{wanted} is missing in:\n{said}");
    }
    let service = "[[service]]\nkey = \"crm\"\nurl = \"http://a/\"\n";
    let with = |text: &str| read(&format!("{service}{}", queue(text))).unwrap().files.centre;
    let (without, asks) = (with(""), with("decision = { service = \"crm\" }"));
    let lines = difference(&without, &[], &asks, &[]);
    assert!(lines.len() == 1 && lines[0].contains("decision") && lines[0].contains("crm"), "{lines:?}");
}

/// RT-03: what skills are worth to a queue is read, and told of in a difference; a fault has its line.
#[test]
fn rt_03_a_queue_weighs_skills() {
    let with = |text: &str| {
        let agent = "[[user]]\nkey = \"ana\"\n[[agent]]\nkey = \"ana\"\nskills = { pt = 3 }\n";
        read(&format!("{agent}[[queue]]\nkey = \"q\"\nstrategy = \"skills_best\"\n{text}"))
    };
    let (before, after) = (with("").unwrap().files.centre, with("prefer = { pt = 2 }").unwrap().files.centre);
    let lines = difference(&before, &[], &after, &[]);
    assert!(lines.len() == 1 && lines[0].contains("prefer") && lines[0].contains("pt"), "{lines:?}");
    let rule = with("fits = 'skill.pt > 1'").unwrap().files.centre;
    let lines = difference(&before, &[], &rule, &[]);
    assert!(lines.len() == 1 && lines[0].contains("fits") && lines[0].contains("skill.pt > 1"), "{lines:?}");
    let said = with("fits = 'skil.pt > 1'").map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("9:8: queues.q.fits: at character 1: `skil.pt` is not known"), "{said}");
    let said = with("prefer = { tp = 2 }").map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("9:10: queues.q.prefer: no agent has the skill `tp`; there are: pt"), "{said}");
}

/// QE-18: what a menu names must be there, it has one way to go on, and no circle leads a caller round who presses nothing;
/// each fault has its line and a hint.
#[test]
fn a_menu_leads_somewhere() {
    let said = |text: &str| {
        let queue = "[[queue]]\nkey = \"support\"\n";
        read(&format!("{text}{queue}")).map(|_| ()).unwrap_err().to_string()
    };
    let faults = [
        ("say = [\"nothing\"]\nto = \"hangup\"", "3:7: say: no clip is called \"nothing\""),
        ("say = [\"built-in:weclome\"]\nto = \"hangup\"", "nothing built in is called \"weclome\""),
        ("to = \"queue:suport\"", "3:6: to: no queue is called \"suport\"\n    hint: did you mean \"support\"?"),
        ("keys = { 1 = \"menu:man\" }\notherwise = \"hangup\"", "3:8: keys: no menu is called \"man\""),
        ("keys = { 1 = \"hangup\" }", "where does it go on when nothing comes?"),
        ("keys = { 12 = \"hangup\" }\notherwise = \"hangup\"", "each is one key of a telephone"),
        ("keys = { 1 = \"hang\" }\notherwise = \"hangup\"", "expected \"menu:KEY\""),
        ("say = []", "where does it go on?"),
        ("look_up = \"crm\"\nto = \"hangup\"\notherwise = \"hangup\"", "look_up: no service is called \"crm\""),
        ("skills = { pt = 3 }\nto = \"hangup\"", "no agent has the skill \"pt\""),
        (
            "collect = { name = \"a\", least = 5, most = 4 }\nto = \"hangup\"\notherwise = \"hangup\"",
            "expected 1 ≤ least",
        ),
        ("to = \"menu:main\"", "menu \"main\" goes round without a key: main → main"),
        ("sya = []\nto = \"hangup\"", "sya"),
    ];
    for (text, wanted) in faults {
        let faults = said(&format!("[[menu]]\nkey = \"main\"\n{text}\n"));
        assert!(faults.contains(wanted), "{text}\n{faults}");
    }
    let circle = "[[menu]]\nkey = \"a\"\nkeys = { 1 = \"hangup\" }\notherwise = \"menu:b\"\n\
                  [[menu]]\nkey = \"b\"\nto = \"menu:a\"\n";
    assert!(said(circle).contains("goes round without a key: a → b → a"), "{}", said(circle));
    let stays = "[[menu]]\nkey = \"a\"\nto = \"stay\"\n[[number]]\nnumber = \"1\"\nto = \"menu:a\"\n";
    assert!(said(stays).contains("\"stay\" where nobody waits"), "{}", said(stays));
    let chain = "[[queue]]\nkey = \"q\"\noverflow = [\"menu:a\"]\n\
                 [[menu]]\nkey = \"a\"\nkeys = { 1 = \"hangup\" }\notherwise = \"queue:q\"\n";
    let faults = said(chain);
    assert!(faults.contains("5:7: menu \"a\" goes round without a key: menu:a → queue:q → menu:a"), "{faults}");
    let stays = "[[queue]]\nkey = \"q\"\nexit_keys = { 1 = \"menu:a\" }\n[[menu]]\nkey = \"a\"\nto = \"stay\"\n";
    assert!(said(stays).contains("a queue's chain leads here"), "{}", said(stays));
    let gone = "[[queue]]\nkey = \"q\"\noverflow = [\"menu:b\"]\n";
    assert!(said(gone).contains("overflow or exit_keys: no menu is called \"b\""), "{}", said(gone));
    let rings = "[[user]]\nkey = \"u\"\n[[menu]]\nkey = \"a\"\nto = \"user:u\"\nunanswered = \"menu:a\"\n";
    assert!(said(rings).contains("goes round without a key: a → a"), "{}", said(rings));
    let voice = "[[queue]]\nkey = \"q\"\n[queue.voice]\nmenu = \"wait\"\n";
    assert!(said(voice).contains("4:8: voice.menu: no menu is called \"wait\""), "{}", said(voice));
    let pressed = "[[menu]]\nkey = \"a\"\nkeys = { 1 = \"menu:a\" }\notherwise = \"hangup\"\n";
    assert!(read(pressed).is_ok(), "a key may lead back");
}

/// OP-06, QE-18: the menus of the file that comes with the switch hold, once their marks of a comment are taken away.
#[test]
fn the_menus_of_the_example_hold() {
    let file = include_str!("../../../config/centre.toml");
    let part = |from: &str, to: &str| {
        let part = file.split_once(from).and_then(|(_, rest)| Some(rest.split_once(to)?.0)).expect(from);
        part.lines().map(|line| line.strip_prefix("# ").unwrap_or_default()).collect::<Vec<_>>().join("\n")
    };
    let menus = part("stands in no record.\n#\n", "\n# When queues are open.");
    let service = part("tries one.\n", "\n# Calls that are recorded");
    let text = format!("{file}\n{menus}\n{service}\n");
    let centre = read(&text).unwrap_or_else(|faults| panic!("{faults}")).files.centre;
    assert_eq!((centre.menus.len(), centre.services.len()), (5, 1));
}

/// QM-10: a device that nobody knows is refused with its place and the words that there are; so is a misspelt key.
#[test]
fn qm_10_a_members_device_is_checked() {
    for (member, wanted) in [
        ("device = \"desk\"", "there is no device \"desk\": expected \"last_active\""),
        ("device = \"phone:\"", "a name of 1 to 128 characters"),
        ("devise = \"web\"", "devise"),
    ] {
        let said = refused(&format!(
            "[[user]]\nkey = \"ana\"\n[[agent]]\nkey = \"ana\"\n[[queue]]\nkey = \"support\"\n\
             members = [{{ agent = \"ana\", {member} }}]\n"
        ));
        assert!(said.contains("config/centre.toml:7") && said.contains(wanted), "{said}");
    }
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

/// QE-12, QE-17: a chain that loops or leads nowhere, a calendar that never opens: refused with the place.
#[test]
fn ways_out_and_hours_are_checked() {
    let said = refused(
        "[[calendar]]\nkey = \"never\"\nhours = []\n\n[[queue]]\nkey = \"a\"\noverflow = [\"queue:b\"]\nhours = \"nver\"\n\n\
         [[queue]]\nkey = \"b\"\noverflow = [\"user:nobody\", \"queue:c\", \"number:123\"]\n\n\
         [[queue]]\nkey = \"c\"\noverflow = [\"hangup\", \"queue:a\"]\nexit_keys = { x = \"queue:d\" }\n",
    );
    for wanted in [
        "config/centre.toml:1:1: calendars.never.hours: it never opens",
        "config/centre.toml:6:7: queues.a.overflow: it loops: a → b → c → a",
        "queues.a.hours: there is no calendar `nver`",
        "config/centre.toml:11:7: overflow or exit_keys: no user is called \"nobody\"",
        "no number leads on for \"123\"",
        "queues.c.overflow: a clip or a hang-up ends the chain",
        "queues.c.exit_keys: there is no queue `d`",
        "`x` is not a key of a telephone",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
}

#[test]
fn names_and_addresses_are_given_once() {
    let said = refused(
        "[[user]]\nkey = \"ana\"\nextension = \"201\"\n[[user]]\nkey = \"rui\"\nextension = \"201\"\n\
         [[user]]\nkey = \"ana\"\n[[group]]\nkey = \"rui\"\n",
    );
    assert!(said.contains("centre.toml:8:7: user \"ana\" is given twice"), "{said}");
    assert!(said.contains("it is there already at config/centre.toml:2"), "{said}");
    assert!(said.contains("internal address \"201\" is given twice"), "{said}");
    assert!(said.contains("internal address \"rui\" is given twice"), "{said}");
}

#[test]
fn two_places_for_one_number_are_refused() {
    let said = refused(
        "[[user]]\nkey = \"ana\"\n[[number]]\nnumber = \"800\"\nto = \"user:ana\"\n\
         [[number]]\nnumber = \"800\"\nto = \"user:ana\"\n",
    );
    assert!(said.contains("centre.toml:7:10: \"800\" leads to two places"), "{said}");
    assert!(said.contains("the other is at config/centre.toml:4"), "{said}");
}

/// TK-07: rules bring their own examples, and one that fails is a fault with its place and the rule to blame.
#[test]
fn tk_07_a_rule_that_fails_its_own_test_is_told() {
    let trunk = "[[trunk]]\nkey = \"a\"\ndestination = \"192.0.2.1\"\n";
    let rules = "called_in = { rules = [{ match = \"00*\", strip = 1, prepend = \"+\" }],\n tests = [\n  \
                 [\"00351\", \"+351\"]] }\n";
    let said = refused(&format!("{trunk}{rules}"));
    let expected = "centre.toml:6:3: called_in: \"00351\" becomes \"+0351\", but the test expects \"+351\"";
    assert!(said.contains(expected) && said.contains("rule 1 (match = \"00*\")"), "{said}");
    let said = refused(&format!("{trunk}form = \"digits\"\ncaller_out = {{ test = [] }}\n"));
    assert!(said.contains("needs a country_code") && said.contains("unknown key \"test\""), "{said}");
    let said = refused(&format!("{trunk}identity_header = \"prefered\"\nfrom_domain = \"a b\"\nfrom_user = \"\"\n"));
    assert!(said.contains("centre.toml:4") && said.contains("did you mean \"preferred\"?"), "{said}");
    assert!(said.contains("from_domain: expected") && said.contains("from_user: expected"), "{said}");
    let said = refused(&format!("{trunk}forwarding = [\"divert\"]\ncountry_code = \"0351\"\n"));
    assert!(said.contains("\"divert\" is none of the headers") && said.contains("country_code: expected"), "{said}");
}

/// OP-06: what the distributor's own types refuse is told in the same form.
#[test]
fn a_slip_in_a_queue_is_told_with_its_place() {
    let said = refused("[[queue]]\nkey = \"support\"\nacw_sec = 5\n");
    assert!(said.contains("centre.toml:3:1: queue \"support\": unknown key \"acw_sec\""), "{said}");
    assert!(said.contains("did you mean \"acw_secs\"?"), "{said}");
    let said = refused("[[queue]]\nkey = \"support\"\nstrategy = \"fastest\"\n");
    assert!(said.contains("centre.toml:3:12: queue \"support\": strategy: expected one of \"longest_idle\""), "{said}");
    assert!(said.contains("found \"fastest\""), "{said}");
}

/// OP-06: one slip in an entry does not hide the next.
#[test]
fn every_slip_in_a_queue_is_told() {
    let said = refused(
        "[[queue]]\nkey = \"support\"\nacw_sec = 5\nacw_secs = -1\nstrategy = \"fastest\"\nmax_waiting = \"ten\"\n",
    );
    for told in [
        "centre.toml:3:1: queue \"support\": unknown key \"acw_sec\"",
        "centre.toml:4:12: queue \"support\": acw_secs: expected a whole number",
        "found integer -1",
        "centre.toml:5:12: queue \"support\": strategy: expected one of",
        "centre.toml:6:15: queue \"support\": max_waiting: expected a whole number",
    ] {
        assert!(said.contains(told), "{told}:\n{said}");
    }
}

#[test]
fn a_missing_include_is_named_where_it_is_asked_for() {
    let main = Source::new("config/strowger.toml", "include = [\"gone.toml\"]\n");
    let gone = Included { name: String::from("gone.toml"), text: Err(String::from("no such file")) };
    let said = load(main, vec![gone], &[]).unwrap_err().to_string();
    assert!(said.contains("strowger.toml:1:12: include: \"gone.toml\" can't be read: no such file"), "{said}");
}

#[test]
fn a_difference_names_what_changes_and_shows_no_secret() {
    let old = read(CENTRE).unwrap().files;
    let text = CENTRE.replace("acw_secs = 20", "acw_secs = 30").replace("s3cret", "changed").replace("lunch", "break");
    let new = read(&text).unwrap().files;
    let lines = difference(&old.centre, &old.clips, &new.centre, &new.clips);
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

/// SW-02, SW-14: what can't be forwarded to, and who can't be watched by, is said with its line.
#[test]
fn sw_02_sw_14_faults_of_modes_and_watchers_have_their_place() {
    let text = CENTRE.replace("to = \"queue:support\"", "to = \"queue:support\"\nmode = \"proxy\"");
    let said = refused(&text);
    assert!(said.contains("a queue, a menu or a clip is not forwarded to") && said.contains("centre.toml:"), "{said}");
    let said = refused(&CENTRE.replace("mode = \"proxy\"", "mode = \"proxi\""));
    assert!(said.contains("\"call\" or \"proxy\""), "{said}");
    let said = refused(&CENTRE.replace("watchers = \"groups\"", "watchers = \"friends\""));
    assert!(said.contains("friends") && said.contains("centre.toml:"), "{said}");
    let said = refused(&CENTRE.replace("[watching]", "[watching]\nringing = true\n\n[watching]"));
    assert!(!said.is_empty());
}

/// SV-09: a supervisor's queues are those of the file; an unknown one, or somebody who supervises nothing, has its place.
#[test]
fn sv_09_a_supervisors_queues_are_read() {
    let centre = read(CENTRE).unwrap().files.centre;
    let rui = centre.users.iter().find(|user| user.name.as_str() == "rui").unwrap().id;
    let support = centre.acd.queues.iter().find(|(_, queue)| queue.key == "support").unwrap().0;
    assert_eq!(centre.supervised.iter().collect::<Vec<_>>(), [(&rui, &[*support].into())]);
    let said = refused(
        "[[user]]\nkey = \"rui\"\nrole = \"supervisor\"\nsupervises = [\"suport\"]\n\n\
         [[user]]\nkey = \"ana\"\nsupervises = []\n\n[[queue]]\nkey = \"support\"\n",
    );
    for wanted in [
        "config/centre.toml:4:15: supervises: no queue is called \"suport\"",
        "did you mean \"support\"?",
        "config/centre.toml:8:14: supervises: only for role = \"supervisor\"",
        "2 errors",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
}

/// RC-01, RC-02: what is recorded is read in its order; a rule about nobody, or of more than all, has its place.
#[test]
fn rc_01_rc_02_rules_of_recording_are_read() {
    let recording = read(CENTRE).unwrap().files.centre.recording;
    let percents: Vec<u8> = recording.rules.iter().map(|rule| rule.percent).collect();
    assert_eq!((recording.pause, recording.resume_secs, percents), (PauseKind::Cut, 60, vec![0, 40]));
    let formats: Vec<Option<Format>> = recording.rules.iter().map(|rule| rule.format).collect();
    assert_eq!((recording.format, formats), (Format::Opus, vec![None, Some(Format::Wav)]));
    assert!(recording.rules[0].agent.is_some() && recording.rules[0].trunk.is_some());
    assert!(recording.rules[0].queue.is_none() && recording.rules[1].queue.is_some());
    let said = refused(
        "[[queue]]\nkey = \"support\"\n\n[recording]\npause = \"cutt\"\nformat = \"ogg\"\n\n\
         [[recording.rule]]\nqueue = \"suport\"\npercent = 101\nperson = \"ana\"\n",
    );
    for wanted in [
        "config/centre.toml:5:9: pause: expected one of \"silence\", \"cut\"",
        "did you mean \"cut\"?",
        "config/centre.toml:6:10: format: expected one of \"wav\", \"opus\"",
        "config/centre.toml:9:9: [[recording.rule]]: no queue is called \"suport\"",
        "did you mean \"support\"?",
        "config/centre.toml:10:11: percent: expected a whole number from 0 to 100",
        "config/centre.toml:11:1: [[recording.rule]]: unknown key \"person\"",
        "5 errors",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
}
