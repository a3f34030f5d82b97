//! Courses of events that nobody would think of, from printed seeds, and those that were once found.

mod script;

use strowger::base::Chance;

use crate::wire::corpus;

/// Half a minute of them; `fuzz/run` looks for more.
const COURSES: u64 = 120;

/// Transactions, dialogs, calls and queues under whatever two far ends send: no panic, every invariant after each step,
/// nothing kept when all is quiet.
#[test]
fn any_course_of_events_ends_well() {
    let mut happened = [0; 3];
    for seed in 0..COURSES {
        let mut chance = Chance::from_number(0x7A1C + seed);
        let octets: Vec<u8> = (0..1_200).map(|_| chance.below(256) as u8).collect();
        let done = std::panic::catch_unwind(|| script::course(&octets));
        let Ok(counts) = done else { panic!("seed {seed}") };
        let these = [counts.calls_begun, counts.calls_refused, counts.offers];
        happened.iter_mut().zip(these).for_each(|(all, one)| *all += one);
    }
    println!("{COURSES} courses: calls, refused calls, offers {happened:?}");
    assert!(happened.iter().all(|count| *count >= COURSES / 4), "they go somewhere: {happened:?}");
}

#[test]
fn courses_once_found_end_well() {
    for octets in corpus::of("talk") {
        let _ = script::course(&octets);
    }
}
