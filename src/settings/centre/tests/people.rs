//! Users, and whom they supervise.

use super::{CENTRE, read, refused};

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

/// OP-06: a number takes nobody's extension away, and a page password is a hash that can be checked.
#[test]
fn op_06_what_could_never_work_is_a_fault() {
    let user = "[[user]]\nkey = \"ana\"\nextension = \"201\"\n[[queue]]\nkey = \"support\"\n";
    let trunk = "[[trunk]]\nkey = \"demo\"\ndestination = \"127.0.0.1:5080\"\n";
    let number = |lines: &str| format!("{user}{trunk}[[number]]\nnumber = {lines}");
    for taken in ["\"201\"\nto = \"queue:support\"\n", "\"ANA\"\nto = \"queue:support\"\nfrom = \"users\"\n"] {
        let said = refused(&number(taken));
        assert!(said.contains("is somebody's extension or name, who could not be called any more"), "{said}");
    }
    for fine in [
        "\"201\"\nto = \"queue:support\"\nfrom = \"trunks\"\n",
        "\"201\"\nto = \"user:ana\"\nmode = \"proxy\"\n",
        "\"44\"\nto = \"trunk:demo\"\nstrip = 1\n",
        "\"44\"\nto = \"trunk:demo\"\nstrip = 9\nprepend = \"112\"\n",
    ] {
        assert!(read(&number(fine)).is_ok(), "{fine}: {}", refused(&number(fine)));
    }
    let said = refused(&number("\"44\"\nto = \"trunk:demo\"\nstrip = 9\n"));
    assert!(said.contains("strip leaves nothing of \"44\" to dial"), "{said}");
    let said = refused("[[user]]\nkey = \"ana\"\npage_password = \"$argon2$nonsense$x\"\n");
    assert!(said.contains("centre.toml:3:17: page_password: expected an argon2 hash"), "{said}");
}

/// What only follows from another fault is not told: an entry that can't be read is not missing as well.
#[test]
fn one_fault_is_told_once() {
    let rest =
        "[[number]]\nnumber = \"800\"\nto = \"queue:support\"\n[[number]]\nnumber = \"0*\"\nto = \"trunk:demo\"\n";
    let queue = "[[queue]]\nkey = \"support\"\n";
    let trunk = "[[trunk]]\nkey = \"demo\"\nsources = [\"127.0.0.1:5080\"]\ndestination = \"127.0.0.1:5080\"\n";
    assert!(read(&format!("{queue}{trunk}{rest}")).is_ok());
    for (from, to, wanted) in [
        (
            "key = \"support\"",
            "key = \"support\"\nstrategy = 5",
            "3:12: queue \"support\": strategy: expected a word in",
        ),
        (
            "key = \"support\"",
            "key = \" \"",
            "2:7: key: expected letters, digits and . _ - * #, at most 64, found \" \"",
        ),
        ("key = \"support\"", "kye = \"support\"", "did you mean key where it says kye?"),
        ("key = \"demo\"", "key = 7", "4:7: key: expected a text in \"quotes\", found a value of type integer"),
        ("key = \"demo\"\n", "", "3:1: [[trunk]]: \"key\" is missing"),
    ] {
        let said = refused(&format!("{queue}{trunk}{rest}").replace(from, to));
        assert!(
            said.contains(wanted) && said.ends_with("\n1 error; nothing was changed"),
            "{wanted} alone is wanted:\n{said}"
        );
    }
    let range =
        "[[user]]\nkey = \"u{9..1}\"\n[[agent]]\nkey = \"u3\"\n[[queue]]\nkey = \"support\"\nmembers = [\"u3\"]\n";
    let said = refused(range);
    assert!(said.contains("centre.toml:2:7: key: ") && said.ends_with("\n1 error; nothing was changed"), "{said}");
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

/// What a template left empty opens nothing; what can't stand in a path or a log is no key.
#[test]
fn empty_passwords_and_odd_keys_are_refused() {
    let said = refused("[[user]]\nkey = \"ana\"\nsip_password = \"\"\n[[user]]\nkey = \"rui\"\nsip_password = \" \"\n");
    assert_eq!(said.matches("sip_password: expected a password, found nothing").count(), 2, "{said}");
    let trunk = "sources = [\"127.0.0.1:5080\"]\ndestination = \"127.0.0.1:5080\"\n";
    let said = refused(&format!("[[trunk]]\nkey = \"t\"\nuser = \"acme\"\npassword = \"\"\n{trunk}"));
    assert!(said.contains("centre.toml:4:12: password: found nothing"), "{said}");
    let said = refused(&format!("[[trunk]]\nkey = \"t\"\nrealm = \"acme\"\n{trunk}"));
    assert!(said.contains("centre.toml:3:9: realm: expected user and password too"), "{said}");
    for odd in ["../../etc/passwd", "a\\r\\nX: y", "a\\u0000", "a b", "-", &"a".repeat(65)] {
        for entry in ["queue", "menu", "reason", "calendar", "disposition"] {
            let more = match entry {
                "menu" => "to = \"hangup\"",
                "queue" | "calendar" => "",
                _ => "name = \"x\"",
            };
            let said = refused(&format!("[[{entry}]]\nkey = \"{odd}\"\n{more}\n"));
            assert!(
                said.contains("letters, digits and . _ - * #, at most 64") && !said.contains('\0'),
                "{entry} {odd}:\n{said}"
            );
        }
        let said = refused(&format!("[[trunk]]\nkey = \"{odd}\"\n{trunk}"));
        assert!(said.contains("centre.toml:2:7: key: expected letters, digits"), "{odd}:\n{said}");
    }
}

/// OP-06, TK-02: of two trunks with the very same addresses only the first would ever be called from.
#[test]
fn op_06_tk_02_trunks_with_the_same_sources_are_told_apart() {
    let first = "[[trunk]]\nkey = \"main\"\nsources = [\"192.0.2.1\", \"192.0.2.2\"]\ndestination = \"192.0.2.1\"\n";
    let second = |lines: &str| format!("{first}[[trunk]]\nkey = \"second\"\ndestination = \"192.0.2.1\"\n{lines}");
    let said = refused(&second("sources = [\"192.0.2.2\", \"192.0.2.1\"]\n"));
    let problem = "sources: calls from there are all taken for those of the trunk \"main\"";
    assert!(
        said.contains("centre.toml:8:12:") && said.contains(problem) && said.contains("a port tells them"),
        "{said}"
    );
    for fine in [
        "",
        "sources = [\"192.0.2.1\"]\n",
        "sources = [\"192.0.2.1:5080\", \"192.0.2.2:5080\"]\n",
        "sources = [\"192.0.2.2\", \"192.0.2.1\"]\nuser = \"b\"\npassword = \"x\"\nregister_secs = 300\n",
    ] {
        assert!(read(&second(fine)).is_ok(), "{fine}: {}", refused(&second(fine)));
    }
}
