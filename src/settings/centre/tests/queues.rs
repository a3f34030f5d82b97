//! Queues, their members, their hours and their ways out.

use super::{super::difference, read, refused};

/// RT-03: what skills are worth to a queue is read, and told of in a difference; a fault has its line.
#[test]
fn rt_03_a_queue_weighs_skills() {
    let with = |text: &str| {
        let agent = "[[user]]\nkey = \"ana\"\n[[agent]]\nkey = \"ana\"\nskills = { pt = 3 }\n";
        read(&format!("{agent}[[queue]]\nkey = \"q\"\nstrategy = \"skills_best\"\n{text}"))
    };
    let (before, after) = (with("").unwrap().files, with("prefer = { pt = 2 }").unwrap().files);
    let lines = difference(&before, &after);
    assert!(lines.len() == 1 && lines[0].contains("prefer") && lines[0].contains("pt"), "{lines:?}");
    let rule = with("fits = 'skill.pt > 1'").unwrap().files;
    let lines = difference(&before, &rule);
    assert!(lines.len() == 1 && lines[0].contains("fits") && lines[0].contains("skill.pt > 1"), "{lines:?}");
    let said = with("fits = 'skil.pt > 1'").map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("9:8: queues.q.fits: at character 1: `skil.pt` is not known"), "{said}");
    let said = with("prefer = { tp = 2 }").map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("9:10: queues.q.prefer: no agent has the skill `tp`; there are: pt"), "{said}");
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

/// QE-12, QE-17: a chain that loops or leads nowhere, a calendar that never opens: refused with the place.
#[test]
fn ways_out_and_hours_are_checked() {
    let said = refused(
        "[[calendar]]\nkey = \"never\"\nhours = []\n\n[[queue]]\nkey = \"a\"\noverflow = [\"queue:b\"]\nhours = \"nver\"\n\n\
         [[queue]]\nkey = \"b\"\noverflow = [\"user:nobody\", \"queue:c\", \"number:123\"]\n\n\
         [[queue]]\nkey = \"c\"\noverflow = [\"hangup\", \"queue:a\"]\nexit_keys = { x = \"queue:d\" }\n",
    );
    for wanted in [
        "config/centre.toml:3:9: calendars.never.hours: it never opens",
        "config/centre.toml:7:12: queues.a.overflow: it loops: a → b → c → a",
        "config/centre.toml:8:9: queues.a.hours: there is no calendar `nver`\n    hint: did you mean \"never\"?",
        "config/centre.toml:12:12: overflow: no user is called \"nobody\"",
        "no number leads on for \"123\"",
        "queues.c.overflow: a clip or a hang-up ends the chain",
        "config/centre.toml:17:13: queues.c.exit_keys: there is no queue `d`\n    hint: did you mean \"a\"?",
        "`x` is not a key of a telephone",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
}

/// QE-12: a chain that comes back through a number loops as well, wherever the number leads first.
#[test]
fn a_chain_that_comes_back_through_a_number_is_refused() {
    let chain =
        "[[queue]]\nkey = \"a\"\noverflow = [\"queue:b\"]\n\n[[queue]]\nkey = \"b\"\noverflow = [\"number:80\"]\n\n";
    let said = refused(&format!("{chain}[[number]]\nnumber = \"8*\"\nto = \"queue:a\"\n"));
    let wanted = "config/centre.toml:2:7: queue \"a\": overflow: it loops: queue:a → queue:b → number:80 → queue:a";
    assert!(said.contains(wanted), "{said}");
    let leads_out = "[[queue]]\nkey = \"c\"\n[[number]]\nnumber = \"8*\"\nto = \"queue:c\"\n";
    assert!(read(&format!("{chain}{leads_out}")).is_ok(), "it ends in a queue of its own");
}

/// OP-06: what the distributor's own types refuse is told in the same form.
#[test]
fn a_slip_in_a_queue_is_told_with_its_place() {
    let said = refused("[[queue]]\nkey = \"support\"\nacw_sec = 5\n");
    assert!(said.contains("centre.toml:3:1: queue \"support\": unknown key \"acw_sec\""), "{said}");
    assert!(said.contains("did you mean \"acw_secs\"?"), "{said}");
    let said = refused("[[queue]]\nkey = \"support\"\nring_secs = 99999999999\n");
    let expected = "ring_secs: expected a whole number from 0 to 4294967295, found integer 99999999999";
    assert!(said.contains(&format!("centre.toml:3:13: queue \"support\": {expected}")), "{said}");
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

/// OP-06: rules that can't do what they say are refused, each at its own line; what only looks like it is not.
#[test]
fn op_06_rules_without_sense_are_refused() {
    let with = |text: &str| {
        let agents =
            "[[user]]\nkey = \"ana\"\n[[user]]\nkey = \"rui\"\n[[agent]]\nkey = \"ana\"\nskills = { pt = 3 }\n";
        read(&format!("{agents}[[agent]]\nkey = \"rui\"\n[[queue]]\nkey = \"q\"\nmembers = [\"rui\"]\n{text}\n"))
    };
    let menu = |skills: &str| format!("[[menu]]\nkey = \"m\"\nto = \"queue:q\"\nskills = {{ {skills} }}");
    for (text, wanted) in [
        (
            "rings = [{ after_secs = 0, tier = 2 }, { after_secs = 10, tier = 1 }]",
            "13:9: queues.q.rings: the circle grows narrower",
        ),
        (
            "rings = [{ after_secs = 0 }, { after_secs = 9, tier = 1 }]",
            "after 9 seconds: from all tiers to those up to 1",
        ),
        ("ring_secs = 9\nleave_after_secs = 5", "14:20: queues.q.leave_after_secs: it delays leave_when"),
        (
            "leave_when = [\"logged_out\"]\nmax_wait_secs = 9\nleave_min_wait_secs = 60",
            "nobody waits so long: max_wait_secs = 9",
        ),
        ("last_agent = { secs = 3, days = 0 }", "queues.q.last_agent: with days = 0 nobody is remembered"),
        ("[policies]\nreason_required = true", "14:19: policies.reason_required: there is none to give"),
        (&menu("pt = 2"), "menu \"m\": skills: nobody in queue \"q\" has pt 2"),
    ] {
        let said = with(text).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
    for text in [
        "rings = [{ after_secs = 0, tier = 1 }, { after_secs = 9, tier = 1 }, { after_secs = 20 }]",
        "leave_when = [\"logged_out\"]\nleave_min_wait_secs = 60\nmax_wait_secs = 90",
        "closing_lets_go = true",
        &format!("unfit = {{ then = \"relax\" }}\n{}", menu("pt = 2")),
        &format!("rings = [{{ after_secs = 9, drop_skills = [\"pt\"] }}]\n{}", menu("pt = 2")),
    ] {
        assert!(with(text).is_ok(), "{text}: {}", with(text).map(|_| ()).unwrap_err());
    }
}
