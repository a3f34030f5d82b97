//! The days that are played.

use super::{Day, Look, Tally};

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
