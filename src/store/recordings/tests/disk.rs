//! A disk that is full in the middle of a file. The kernel plays it: a process may be told how large its files can get.

use std::process::Command;

use super::{opus, *};

const CHILD: &str = "store::recordings::tests::disk::in_a_process_of_its_own";

/// RC-01, THREATS (disk full): what fits not is told of at once and once, and marked with its place; the file goes on behind
/// it when there is room again, and is playable, in either format.
#[test]
fn rc_01_a_disk_that_fills_up() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let done = child.args(["--exact", CHILD, "--ignored", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

/// No file of this process can be longer.
fn limit(octets: Option<u64>) {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the value is ours and lives through the calls; a signal that is ignored runs nothing.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limits), 0);
        limits.rlim_cur = octets.unwrap_or(limits.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limits), 0);
    }
}

#[test]
#[ignore = "it limits its process: rc_01_a_disk_that_fills_up runs it in one of its own"]
fn in_a_process_of_its_own() {
    for path in [PATH, opus::OPUS] {
        let data = folder("limited");
        let (mut writer, told) = writer(&data);
        let (mut tap, mut tape) = begin(path);
        for turn in 0..30 {
            match turn {
                // Some octets more fit, but not what is written next.
                10 => limit(Some(fs::metadata(data.join(path)).unwrap().len() + 100)),
                20 => limit(None),
                _ => {}
            }
            speak(&mut tap, &mut tape, turn * 200, turn * 200 + 200);
            writer.write(&reel(&mut tape, turn * 200 + 200));
            let is_told = told.lock().unwrap().len() == 1;
            assert_eq!(is_told, turn >= 10, "{path}: in turn {turn}");
        }
        tap.end(at(6_000), &mut tape);
        writer.write(&reel(&mut tape, 6_000));
        assert!(matches!(told.lock().unwrap()[0].what, Reported::Failing(_)));
        let file = finished(&told);
        let [lost] = file.lost[..] else { panic!("{path}: {file:?}") };
        // What waits for stragglers is not written yet.
        assert!((1_300..1_500).contains(&lost.from_ms) && (1_980..2_020).contains(&lost.ms), "{path}: {lost:?}");
        assert!(file.length_ms.abs_diff(6_000 - lost.ms) <= 1 && file.sha256.is_some(), "{path}: {file:?}");
        assert_eq!(file.octets, fs::metadata(data.join(path)).unwrap().len());
        let (sound, loud) = if path == PATH {
            (is_played(&data, path), 3_700.0)
        } else {
            let (_, [_, right]) = opus::played(&data, path);
            (right, 6_500.0)
        };
        assert_eq!(sound.len() as u64 / 8, file.length_ms);
        let from = lost.from_ms as usize * 8;
        assert!(tone_peak(&sound[800..from - 160], 600.0) > loud, "before it");
        assert!(tone_peak(&sound[from + 320..], 600.0) > loud * 0.9, "behind it");
    }
}
