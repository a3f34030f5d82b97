//! Numbers, trunks and the rules that read them.

use super::{CENTRE, refused};

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
