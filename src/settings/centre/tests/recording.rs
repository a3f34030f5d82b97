//! What is recorded.

use super::{CENTRE, read, refused};
use crate::{
    engine::{HoldKind, PauseKind},
    media::tape::Format,
};

/// RC-01, RC-02: what is recorded is read in its order; a rule about nobody, or of more than all, has its place.
#[test]
fn rc_01_rc_02_rules_of_recording_are_read() {
    let recording = read(CENTRE).unwrap().files.centre.recording;
    let percents: Vec<u8> = recording.rules.iter().map(|rule| rule.percent).collect();
    assert_eq!((recording.pause, recording.resume_secs, percents), (PauseKind::Cut, 60, vec![0, 40]));
    assert_eq!(recording.on_hold, HoldKind::Record);
    let formats: Vec<Option<Format>> = recording.rules.iter().map(|rule| rule.format).collect();
    assert_eq!((recording.format, formats), (Format::Opus, vec![None, Some(Format::Wav)]));
    assert!(recording.rules[0].agent.is_some() && recording.rules[0].trunk.is_some());
    assert!(recording.rules[0].queue.is_none() && recording.rules[1].queue.is_some());
    let said = refused(
        "[[queue]]\nkey = \"support\"\n\n[recording]\npause = \"cutt\"\nformat = \"ogg\"\non_hold = \"recrd\"\n\n\
         [[recording.rule]]\nqueue = \"suport\"\npercent = 101\nperson = \"ana\"\n",
    );
    for wanted in [
        "config/centre.toml:5:9: pause: expected one of \"silence\", \"cut\"",
        "did you mean \"cut\"?",
        "config/centre.toml:6:10: format: expected one of \"wav\", \"opus\"",
        "config/centre.toml:10:9: [[recording.rule]]: no queue is called \"suport\"",
        "did you mean \"support\"?",
        "config/centre.toml:11:11: percent: expected a whole number from 0 to 100",
        "config/centre.toml:12:1: [[recording.rule]]: unknown key \"person\"",
        "config/centre.toml:7:11: on_hold: expected one of \"rest\", \"record\"",
        "6 errors",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
}
