//! The days that are played.

use super::{Day, Look, Tally};
use crate::{
    acd::{Entry, Notice, Output, Snapshot},
    base::Wall,
};

/// Plays a day for each seed, as many at once as there are processors, and adds up what they were like.
fn play(seeds: &[u64], interactions: u64, look: Look) -> Tally {
    let mut tally = Tally::default();
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    for seeds in seeds.chunks(at_once) {
        std::thread::scope(|scope| {
            let days: Vec<_> = seeds
                .iter()
                .map(|seed| {
                    println!("seed {seed}");
                    scope.spawn(|| Day::new(*seed, look).play(interactions))
                })
                .collect();
            days.into_iter().for_each(|day| tally.add(&day.join().expect("a day without a difference")));
        });
    }
    println!("{}", tally.report());
    tally
}

/// Seeded days of thirty agents, phones that die, losses, reloads, accidents and restarts: after every step the plain
/// model has decided the same, all agents stand the same, and I1 to I8 hold; each rule and each strategy is met.
/// OP-02, RT-07, P34.
#[test]
fn days_like_any_other() {
    play(&[1, 2, 3, 4], 800, Look::Everything).check();
}

/// The same for longer, looking at the decisions. RT-01, QE-01, QE-14.
#[test]
fn the_plain_model_decides_the_same() {
    play(&[42, 43], 2_500, Look::Decisions).check();
}

/// OP-10: where the wall clock was wrong as the switch began, and was set, every time that is told, journalled and shown is the
/// one that a clock tells which was right all along, and so is all else. But places in line, which come back as they were told.
#[test]
fn op_10_a_clock_that_was_set_tells_the_day_of_one_that_was_right() {
    let mut all = Vec::new();
    for seed in 11..15 {
        println!("seed {seed}");
        let (right, set) = (until_restarted(seed, 0), until_restarted(seed, 7_200_000));
        right.0.iter().zip(&set.0).for_each(|(right, set)| assert_eq!(right, set));
        assert_eq!(right, set);
        all.extend(right.0);
    }
    let met = |what: fn(&Output) -> bool| assert!(all.iter().any(what));
    met(|output| matches!(output, Output::Offer(_)));
    met(|output| matches!(output, Output::EngagementEnded(_)));
    met(|output| matches!(output, Output::Span(_)));
    met(|output| matches!(output, Output::Member(_)));
    met(|output| matches!(output, Output::Agent(_)));
    met(|output| matches!(output, Output::Notice(Notice::Override(_))));
    met(|output| matches!(output, Output::Entry(Entry::Agent(it)) if it.banned.is_some()));
    met(|output| matches!(output, Output::Entry(Entry::Engagement(it)) if it.wrap_up.is_some()));
}

/// What a day tells, and how it stands now and then, until a restart, which begins with the right time.
fn until_restarted(seed: u64, slow_ms: i64) -> (Vec<Output>, Vec<(Vec<Entry>, Snapshot)>) {
    let mut day = Day::slow(seed, Look::Decisions, slow_ms);
    // Ids begin with the wall.
    let chance = day.room.acd.draws().0;
    day.room.acd.set_draws((chance, 1_000_000));
    let (mut all, mut stands) = (Vec::new(), Vec::new());
    while day.presented < 300 {
        day.told = Some(Vec::new());
        day.step();
        if day.restarts > 0 {
            break;
        }
        all.extend(day.told.take().unwrap());
        if day.looks.is_multiple_of(50) {
            stands.push((day.room.acd.checkpoint(day.room.now), day.room.acd.snapshot(day.room.now)));
        }
    }
    for output in &mut all {
        if let Output::Entered { arrived, .. } = output {
            *arrived = Wall(arrived.0 + slow_ms);
        }
    }
    (all, stands)
}

/// The same for a million interactions, with everything compared after every step:
/// `cargo test --release --lib -- --ignored --nocapture a_million_interactions`. RT-19.
#[test]
#[ignore = "takes minutes, and wants a release build"]
fn a_million_interactions() {
    let seeds: Vec<u64> = (1_000..1_050).collect();
    let tally = play(&seeds, 20_000, Look::Everything);
    assert!(tally.presented >= 1_000_000);
    tally.check();
}
