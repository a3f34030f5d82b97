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
