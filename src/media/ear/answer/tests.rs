//! A labelled set of answered calls, made from spoken lines, noise, rooms and beeps; and how often the judge is right.

use std::{collections::BTreeMap, f64::consts::TAU, path::Path};

use super::*;
use crate::{
    base::Chance,
    media::{g711, wav},
};

const RATE: usize = 8_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Label {
    Human,
    Machine,
}

/// One spoken line as it was recorded.
struct Line {
    name: String,
    label: Label,
    is_fresh: bool,
    samples: Vec<f64>,
}

fn lines() -> Vec<Line> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/answers");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the lines").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let line = |path: &std::path::PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let label = if name.contains("human") { Label::Human } else { Label::Machine };
        let file = std::fs::read(path).expect("a line");
        let samples = wav::read(&file).ok()?.samples().map(f64::from).collect();
        Some(Line { is_fresh: name.starts_with("fresh"), name, label, samples })
    };
    paths.iter().filter_map(line).collect()
}

fn silence(millis: u64) -> Vec<f64> {
    vec![0.0; millis as usize * RATE / 1_000]
}

fn beep(hz: f64, millis: u64) -> Vec<f64> {
    (0..millis as usize * RATE / 1_000).map(|at| (TAU * hz * at as f64 / RATE as f64).sin() * 8_000.0).collect()
}

/// Echoes of a room: six of them, weaker and weaker.
fn in_a_room(samples: &[f64], chance: &mut Chance) -> Vec<f64> {
    let echoes: Vec<(usize, f64)> = (1..=6).map(|at| (at * 90 + chance.below(80) as usize, 0.45 / at as f64)).collect();
    (0..samples.len())
        .map(|at| {
            samples[at]
                + echoes
                    .iter()
                    .map(|(late, part)| at.checked_sub(*late).map_or(0.0, |at| samples[at] * part))
                    .sum::<f64>()
        })
        .collect()
}

/// What is behind the voice: hiss, a street, mains hum, or people talking.
fn noise(count: usize, kind: u64, babble: &[&Line], chance: &mut Chance) -> Vec<f64> {
    let mut low = 0.0;
    let mut out: Vec<f64> = match kind {
        0 => (0..count).map(|_| chance.unit() - 0.5).collect(),
        1 => (0..count)
            .map(|_| {
                low = 0.95 * low + (chance.unit() - 0.5);
                low
            })
            .collect(),
        2 => (0..count).map(|at| (TAU * 50.0 * at as f64 / 8_000.0).sin() + 0.3 * (chance.unit() - 0.5)).collect(),
        _ => {
            let mut sum = vec![0.0; count];
            for _ in 0..6 {
                let line = &babble[chance.below(babble.len() as u64) as usize].samples;
                let from = chance.below(line.len() as u64) as usize;
                sum.iter_mut().enumerate().for_each(|(at, sum)| *sum += line[(from + at) % line.len()]);
            }
            sum
        }
    };
    let level = (out.iter().map(|sample| sample * sample).sum::<f64>() / count as f64).sqrt();
    out.iter_mut().for_each(|sample| *sample /= level);
    out
}

/// One call: the line as somebody or something says it, on some phone, with something behind it.
fn call(line: &Line, babble: &[&Line], chance: &mut Chance) -> Vec<i16> {
    let mut said = match line.label {
        Label::Human => silence(150 + chance.below(1_600)),
        Label::Machine => silence(100 + chance.below(1_800)),
    };
    let spoken = if chance.below(3) == 0 { in_a_room(&line.samples, chance) } else { line.samples.clone() };
    said.extend(&spoken);
    match line.label {
        Label::Human => {
            said.extend(silence(1_200 + chance.below(800)));
            said.extend(&spoken);
            said.extend(silence(4_000));
        }
        Label::Machine => {
            said.extend(silence(200 + chance.below(1_200)));
            let hz = [425.0, 440.0, 500.0, 620.0, 800.0, 1_000.0, 1_100.0, 1_400.0][chance.below(8) as usize];
            said.extend(beep(hz, 200 + chance.below(500)));
            said.extend(silence(2_000));
        }
    }
    // The loudest of a phone's voice at -3 to -23 dB, the noise 12 to 40 dB below the voice.
    let peak = said.iter().fold(1.0_f64, |peak, sample| peak.max(sample.abs()));
    let level = 32_000.0 * 10_f64.powf(-(3.0 + 20.0 * chance.unit()) / 20.0) / peak;
    let voice = (spoken.iter().map(|sample| sample * sample).sum::<f64>() / spoken.len() as f64).sqrt();
    let below = 10_f64.powf(-(12.0 + 28.0 * chance.unit()) / 20.0) * voice;
    let kind = chance.below(4);
    let behind = noise(said.len(), kind, babble, chance);
    let law = |sample: f64| g711::ULAW_TO_LINEAR[usize::from(g711::encode_ulaw(sample as i16))];
    said.iter().zip(behind).map(|(said, behind)| law((said + behind * below) * level)).collect()
}

/// The judgement, when it came, and whether a beep was told afterwards.
fn judged(samples: &[i16]) -> (Option<(Answer, Because, usize)>, bool) {
    let (mut judge, mut answer, mut beep) = (Judge::new(AnswerSettings::default()), None, false);
    for (at, frame) in samples.chunks_exact(FRAME).enumerate() {
        match judge.hear(frame.try_into().expect("a frame")) {
            Some(Found::Answer(found, because)) => {
                assert!(answer.is_none(), "judged once");
                answer = Some((found, because, (at + 1) * 20));
                beep = because == Because::Beep;
            }
            Some(Found::Beep { .. }) => beep = true,
            Some(Found::Key(..)) => unreachable!("no ear for keys"),
            None => {}
        }
    }
    (answer, beep)
}

#[derive(Default, Debug)]
struct Tally {
    calls: usize,
    right: usize,
    wrong: usize,
    not_sure: usize,
    beeps: usize,
    when: Vec<usize>,
}

impl Tally {
    fn part(count: usize, of: usize) -> f64 {
        100.0 * count as f64 / of as f64
    }
}

/// P37, CP-07: with the default settings doubt is never a machine: silence, breath, a click, a tone of the network, one word
/// that goes on and on in noise. Nobody is hung up on for a guess.
#[test]
fn p37_doubt_is_no_machine() {
    let mut chance = Chance::from_number(37);
    let word: Vec<f64> = beep(310.0, 180).iter().map(|sample| sample / 3.0).collect();
    let doubtful = [
        silence(7_000),
        noise(7 * RATE, 0, &[], &mut chance).into_iter().map(|sample| sample / 4.0).collect(),
        [silence(1_000), beep(50.0, 20), silence(6_000)].concat(),
        [silence(300), word.clone(), silence(6_000)].concat(),
        [silence(2_900), word, silence(4_000)].concat(),
    ];
    for (kind, samples) in doubtful.into_iter().enumerate() {
        let samples: Vec<i16> = samples.into_iter().map(|sample| sample as i16).collect();
        let (answer, _) = judged(&samples);
        let (answer, because, _) = answer.expect("judged in time");
        assert_ne!(answer, Answer::Machine, "{kind}: {because:?}");
    }
}

/// P37, CP-07, SEMANTICS 4.2: both error rates on 560 calls, half of them with lines and voices that nothing was tuned on.
/// `cargo test --lib answer::tests::accuracy -- --nocapture` prints them.
#[test]
fn accuracy() {
    let lines = lines();
    let babble: Vec<&Line> = lines.iter().filter(|line| line.label == Label::Machine).collect();
    let mut chance = Chance::from_number(4_207);
    let mut tallies: BTreeMap<(bool, Label), Tally> = BTreeMap::new();
    let mut misjudged: BTreeMap<(&str, Answer, Because), usize> = BTreeMap::new();
    for line in &lines {
        for _ in 0..if line.label == Label::Human { 10 } else { 20 } {
            let (answer, beep) = judged(&call(line, &babble, &mut chance));
            let (answer, because, at) = answer.expect("everybody is judged in time");
            let tally = tallies.entry((line.is_fresh, line.label)).or_default();
            tally.calls += 1;
            tally.beeps += usize::from(beep);
            tally.when.push(at);
            match (line.label, answer) {
                (Label::Human, Answer::Human) | (Label::Machine, Answer::Machine) => tally.right += 1,
                (_, Answer::NotSure) => tally.not_sure += 1,
                (_, _) => {
                    tally.wrong += 1;
                    *misjudged.entry((&line.name, answer, because)).or_default() += 1;
                }
            }
        }
    }
    for ((is_fresh, label), tally) in &mut tallies {
        tally.when.sort_unstable();
        let median = tally.when[tally.when.len() / 2];
        println!(
            "{} {label:?}: {} calls, right {:.1} %, wrong {:.1} %, not sure {:.1} %, beep told {:.1} %, median after {median} ms",
            if *is_fresh { "fresh" } else { "tuned" },
            tally.calls,
            Tally::part(tally.right, tally.calls),
            Tally::part(tally.wrong, tally.calls),
            Tally::part(tally.not_sure, tally.calls),
            Tally::part(tally.beeps, tally.calls),
        );
    }
    println!("misjudged: {misjudged:#?}");
    for is_fresh in [false, true] {
        let human = &tallies[&(is_fresh, Label::Human)];
        assert!(Tally::part(human.wrong, human.calls) < 3.0, "persons taken for machines");
        assert_eq!(human.beeps, 0, "a person does not beep");
        let machine = &tallies[&(is_fresh, Label::Machine)];
        assert!(Tally::part(machine.wrong, machine.calls) < 10.0, "machines taken for persons");
    }
}
