//! Menus and where they lead.

use super::read;

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
    let number = "[[queue]]\nkey = \"q\"\noverflow = [\"number:8\"]\n[[number]]\nnumber = \"8\"\nto = \"menu:a\"\n\
                  [[menu]]\nkey = \"a\"\nto = \"queue:q\"\n";
    let path = "8:7: menu \"a\" goes round without a key: menu:a → queue:q → number:8 → menu:a";
    assert!(said(number).contains(path), "{}", said(number));
    let stays = "[[queue]]\nkey = \"q\"\nexit_keys = { 1 = \"menu:a\" }\n[[menu]]\nkey = \"a\"\nto = \"stay\"\n";
    assert!(said(stays).contains("a queue's chain leads here"), "{}", said(stays));
    let gone = "[[queue]]\nkey = \"q\"\noverflow = [\"menu:b\"]\n";
    assert!(said(gone).contains("3:12: overflow: no menu is called \"b\""), "{}", said(gone));
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
    let file = include_str!("../../../../config/centre.toml");
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
