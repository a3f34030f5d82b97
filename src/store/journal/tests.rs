use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::*;
use crate::store::scratch::Scratch;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fact {
    Selected { agent: u64, ready: bool },
    Note(String),
    Keys { call: u64, key: String },
    Over { call: u64 },
}

impl Journalled for Fact {
    const VERSION: u32 = 1;

    fn kind(&self) -> &'static str {
        match self {
            Self::Selected { .. } => "selected",
            Self::Note(_) => "note",
            Self::Keys { .. } => "keys",
            Self::Over { .. } => "over",
        }
    }

    fn keys_of(&self) -> Option<u64> {
        let Self::Keys { call, .. } = self else { return None };
        Some(*call)
    }

    fn drops_keys_of(&self) -> Option<u64> {
        let Self::Over { call } = self else { return None };
        Some(*call)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Summary {
    call: u64,
}

impl Journalled for Summary {
    const VERSION: u32 = 1;

    fn kind(&self) -> &'static str {
        "summary"
    }
}

type TestJournal = Journal<Fact, Summary>;

fn settings_in(folder: &Scratch) -> JournalSettings {
    JournalSettings::at(folder.join("data/journal.db"))
}

fn open(settings: JournalSettings) -> (TestJournal, Restored<Fact>, Receiver<Report>) {
    let (reports, heard) = mpsc::channel();
    let (journal, restored) = Journal::open(settings, move |report| drop(reports.send(report))).unwrap();
    (journal, restored, heard)
}

fn selected(agent: u64) -> Fact {
    Fact::Selected { agent, ready: agent.is_multiple_of(2) }
}

/// Waits for this report; a test that waits longer than any disk has failed.
fn wait_for(heard: &Receiver<Report>, wanted: impl Fn(&Report) -> bool) -> Report {
    loop {
        let report = heard.recv_timeout(Duration::from_secs(20)).expect("a report");
        if wanted(&report) {
            return report;
        }
    }
}

fn written(heard: &Receiver<Report>, id: u64) {
    wait_for(heard, |report| matches!(report, Report::Written(up_to) if *up_to >= id));
}

/// What a `kill -9` leaves: the files as they are, without the process's goodbye.
fn killed(journal: TestJournal, from: &Scratch, to: &Scratch) -> JournalSettings {
    let folder = settings_in(to).path.parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(settings_in(from).path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    journal.close();
    settings_in(to)
}

/// OP-01
#[test]
fn what_was_told_written_survives_a_kill() {
    let (folder, copy) = (Scratch::new("kill"), Scratch::new("killed"));
    let (journal, restored, heard) = open(settings_in(&folder));
    assert!(restored.entries.is_empty());
    for id in 1..=500 {
        journal.append(id, Wall(1_000), selected(id)).unwrap();
    }
    journal.flush();
    written(&heard, 500);
    let (journal, restored, heard) = open(killed(journal, &folder, &copy));
    assert_eq!(restored.entries, (1..=500).map(selected).collect::<Vec<_>>());
    assert_eq!((restored.unreadable, restored.set_aside), (0, None));

    // Ids of the new run start again; the order is kept.
    journal.append(1, Wall(2_000), Fact::Note("second run".into())).unwrap();
    journal.flush();
    written(&heard, 1);
    journal.close();
    let (_, restored, _) = open(settings_in(&copy));
    assert_eq!(restored.entries.len(), 501);
    assert_eq!(restored.entries.last(), Some(&Fact::Note("second run".into())));
}

/// OP-01: keys of a call that is over are not in the file any more, be it over in this run or in the next.
#[test]
fn keys_go_with_their_calls() {
    let folder = Scratch::new("keys");
    let (journal, _, heard) = open(settings_in(&folder));
    let keys = |call: u64| Fact::Keys { call, key: format!("secret-{call}-secret") };
    for (id, fact) in [keys(1), keys(2), selected(3), Fact::Over { call: 1 }].into_iter().enumerate() {
        journal.append(id as u64 + 1, Wall(1), fact).unwrap();
    }
    journal.flush();
    written(&heard, 4);
    journal.close();
    let holds = |text: &str| {
        let bytes = fs::read(settings_in(&folder).path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    assert_eq!((holds("secret-1-secret"), holds("secret-2-secret")), (false, true));
    let (journal, restored, heard) = open(settings_in(&folder));
    assert_eq!(restored.entries, [keys(2), selected(3), Fact::Over { call: 1 }]);
    journal.append(1, Wall(2), Fact::Over { call: 2 }).unwrap();
    journal.flush();
    written(&heard, 1);
    journal.close();
    assert!(!holds("secret-2-secret"));
}

#[test]
fn the_file_is_its_owners_alone() {
    let folder = Scratch::new("mode");
    let (journal, _, heard) = open(settings_in(&folder));
    journal.append(1, Wall(1), selected(1)).unwrap();
    journal.flush();
    written(&heard, 1);
    for file in fs::read_dir(folder.join("data")).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    assert_eq!(fs::metadata(folder.join("data")).unwrap().permissions().mode() & 0o777, 0o700);
    journal.close();
}

#[test]
fn a_second_switch_is_kept_out() {
    let folder = Scratch::new("second");
    let (journal, _, _heard) = open(settings_in(&folder));
    let refused = TestJournal::open(settings_in(&folder), drop).unwrap_err();
    assert!(refused.to_string().contains("another switch has it open"), "{refused}");
    journal.close();
    open(settings_in(&folder));
}

#[test]
fn a_write_cut_short_loses_only_itself() {
    let (folder, copy) = (Scratch::new("cut"), Scratch::new("cut-copy"));
    let (journal, _, heard) = open(settings_in(&folder));
    for id in 1..=40 {
        journal.append(id, Wall(1), selected(id)).unwrap();
        journal.flush();
        written(&heard, id);
    }
    let settings = killed(journal, &folder, &copy);
    let mut wal = settings.path.clone().into_os_string();
    wal.push("-wal");
    let wal = fs::OpenOptions::new().write(true).open(wal).unwrap();
    let length = wal.metadata().unwrap().len();
    assert!(length > 6_000, "nothing in the log to cut: {length}");
    wal.set_len(length - 5_000).unwrap();
    let (_, restored, _) = open(settings);
    let kept = restored.entries.len();
    assert!((30..40).contains(&kept), "{kept} of 40");
    assert_eq!(restored.entries, (1..=kept as u64).map(selected).collect::<Vec<_>>());
}

#[test]
fn a_damaged_file_is_set_aside_and_what_can_be_read_is_kept() {
    let folder = Scratch::new("damaged");
    let (journal, _, heard) = open(settings_in(&folder));
    for id in 1..=20_000 {
        journal.append(id, Wall(1), selected(id)).unwrap();
    }
    journal.flush();
    written(&heard, 20_000);
    journal.close();
    let mut file = fs::OpenOptions::new().write(true).open(settings_in(&folder).path).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(length / 2 / 4_096 * 4_096)).unwrap();
    file.write_all(&vec![0xa5; 16 * 4_096]).unwrap();
    drop(file);
    let (journal, restored, heard) = open(settings_in(&folder));
    assert!(restored.set_aside.as_ref().is_some_and(|path| path.exists()));
    assert!((1_000..20_000).contains(&restored.entries.len()), "{}", restored.entries.len());
    journal.append(1, Wall(2), selected(1)).unwrap();
    journal.flush();
    written(&heard, 1);
    journal.close();
    let (_, again, _) = open(settings_in(&folder));
    assert_eq!(again.entries.len(), restored.entries.len() + 1);
    assert_eq!(again.set_aside, None);
}

#[test]
fn a_file_that_is_no_journal_is_set_aside() {
    let folder = Scratch::new("garbage");
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::write(settings_in(&folder).path, vec![7; 10_000]).unwrap();
    let (_, restored, _) = open(settings_in(&folder));
    assert!(restored.entries.is_empty());
    assert_eq!(fs::read(restored.set_aside.unwrap()).unwrap(), vec![7; 10_000]);
}

#[test]
fn entries_of_a_newer_switch_are_skipped_and_counted() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Newer {
        Selected { agent: u64, ready: bool, mood: String },
        Teleported { agent: u64 },
    }
    impl Journalled for Newer {
        const VERSION: u32 = 9;
        fn kind(&self) -> &'static str {
            "newer"
        }
    }
    let folder = Scratch::new("newer");
    let (journal, _) = Journal::<Newer, Summary>::open(settings_in(&folder), drop).unwrap();
    journal.append(1, Wall(1), Newer::Teleported { agent: 1 }).unwrap();
    journal.append(2, Wall(1), Newer::Selected { agent: 2, ready: true, mood: "fine".into() }).unwrap();
    journal.close();
    let (_, restored, _) = open(settings_in(&folder));
    assert_eq!(restored.entries, [Fact::Selected { agent: 2, ready: true }]);
    assert_eq!(restored.unreadable, 1);
}

/// OP-01
#[test]
fn a_checkpoint_replaces_what_was_before_and_nothing_after() {
    let folder = Scratch::new("checkpoint");
    let (journal, _, heard) = open(settings_in(&folder));
    for id in 1..=300 {
        journal.append(id, Wall(1), selected(id)).unwrap();
    }
    journal.checkpoint(Wall(2), vec![Fact::Note("all of it".into())]);
    journal.append(301, Wall(3), selected(301)).unwrap();
    journal.flush();
    written(&heard, 301);
    journal.close();
    let (_, restored, _) = open(settings_in(&folder));
    assert_eq!(restored.entries, [Fact::Note("all of it".into()), selected(301)]);
}

#[test]
fn a_checkpoint_is_asked_for_once_when_the_journal_has_grown() {
    let folder = Scratch::new("grown");
    let (journal, _, heard) = open(settings_in(&folder));
    let last = CHECKPOINT_AFTER + 2_000;
    for id in 1..=last {
        journal.append(id, Wall(1), selected(id)).unwrap();
    }
    journal.flush();
    wait_for(&heard, |report| *report == Report::CheckpointDue { whole: true });
    journal.append(last + 1, Wall(1), selected(1)).unwrap();
    journal.close();
    assert!(!heard.try_iter().any(|report| matches!(report, Report::CheckpointDue { .. })));
}

/// Disk full: acknowledgements stop, the loop never waits, and a checkpoint heals the gap.
#[test]
fn a_full_disk_is_told_and_outlived() {
    let folder = Scratch::new("full");
    let settings = JournalSettings { size_max: 40 * 4_096, waiting_max: 200, ..settings_in(&folder) };
    let (journal, _, heard) = open(settings.clone());
    let long = || Fact::Note("x".repeat(2_000));
    let mut id = 0;
    let failing = loop {
        id += 1;
        let _ = journal.append(id, Wall(1), long());
        journal.flush();
        if let Ok(report) = heard.try_recv()
            && matches!(report, Report::Failing { .. })
        {
            break report;
        }
        assert!(id < 10_000_000, "the disk never got full");
    };
    assert!(matches!(failing, Report::Failing { why } if why.contains("full")));
    let mut turned_away = false;
    for more in 1..=400 {
        turned_away |= journal.append(id + more, Wall(1), long()).is_err();
        journal.flush();
    }
    assert!(turned_away);
    journal.checkpoint(Wall(2), vec![Fact::Note("small".into())]);
    journal.flush();
    wait_for(&heard, |report| *report == Report::Recovered);
    journal.append(id + 500, Wall(3), selected(1)).unwrap();
    journal.flush();
    written(&heard, id + 500);
    journal.close();
    let (_, restored, _) = open(settings_in(&folder));
    assert_eq!(restored.entries, [Fact::Note("small".into()), selected(1)]);
}

/// AP-05: a record leaves the outbox only when it was delivered.
#[tokio::test]
async fn records_wait_in_the_outbox_until_delivered() {
    let folder = Scratch::new("outbox");
    let (journal, _, heard) = open(settings_in(&folder));
    for call in 1..=5 {
        journal.record(Wall(1), Summary { call }).unwrap();
    }
    journal.flush();
    wait_for(&heard, |report| *report == Report::RecordsWaiting);
    let outbox = journal.outbox();
    let oldest = outbox.oldest(3).await;
    assert_eq!(oldest.iter().map(|(_, record)| record.call).collect::<Vec<_>>(), [1, 2, 3]);
    outbox.delivered(oldest[2].0).unwrap();
    drop(outbox);
    journal.checkpoint(Wall(2), Vec::new());
    journal.close();
    let (journal, _, _heard) = open(settings_in(&folder));
    let rest = journal.outbox().oldest(100).await;
    assert_eq!(rest.iter().map(|(_, record)| record.call).collect::<Vec<_>>(), [4, 5]);
    let outbox = journal.outbox();
    outbox.delivered(rest[1].0).unwrap();
    journal.record(Wall(3), Summary { call: 6 }).unwrap();
    let rest = outbox.oldest(100).await;
    assert_eq!(rest.iter().map(|(_, record)| record.call).collect::<Vec<_>>(), [6]);
}

/// Groups: tens of thousands of small entries a second. The figure is printed; the bound is far below it, for slow
/// machines and unoptimised builds.
#[test]
fn many_entries_a_second_are_written_in_few_commits() {
    let folder = Scratch::new("throughput");
    let (journal, _, heard) = open(settings_in(&folder));
    let count = 40_000;
    #[allow(clippy::disallowed_methods)]
    let began = std::time::Instant::now();
    for id in 1..=count {
        journal.append(id, Wall(1), selected(id)).unwrap();
    }
    let mut commits = 0;
    loop {
        match heard.recv_timeout(Duration::from_secs(20)).expect("a report") {
            Report::Written(id) => {
                commits += 1;
                if id == count {
                    break;
                }
            }
            Report::Failing { why } => panic!("{why}"),
            Report::Recovered | Report::CheckpointDue { .. } | Report::RecordsWaiting => {}
        }
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{rate:.0} entries/s in {commits} commits");
    assert!(commits < 400, "{commits} commits");
    assert!(rate > 2_000.0, "{rate:.0} entries/s");
    journal.close();
}
