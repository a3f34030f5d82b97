//! `strowger simulate`: the same distributor on a clock that jumps, for whoever plans a day (OP-11).

mod chart;
mod place;
mod play;
mod scenario;

#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    fs,
    io::{IsTerminal as _, Write as _, stderr},
    path::PathBuf,
};

use clap::Args;

use self::{
    play::{Cell, Play, Played},
    scenario::Scenario,
};
use super::Failed;
use crate::acd::ratio;

/// Days that one command plays.
const RUNS_MAX: u64 = 1_000;

/// The widest progress bar.
const BAR: usize = 30;

#[derive(Args)]
pub struct Simulate {
    /// The scenario: queues, agents, calls
    scenario: PathBuf,
    /// What if: so many agents in a group, KEY=COUNT; may be given several times
    #[arg(long = "agents", value_name = "KEY=COUNT")]
    agents: Vec<String>,
    /// Play so many days, each with a seed of its own, and show them together
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=RUNS_MAX))]
    runs: u64,
    /// Begin with this seed instead of the scenario's
    #[arg(long)]
    seed: Option<u64>,
    /// Write a chart to this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub fn simulate(wanted: &Simulate) -> Result<(), Failed> {
    let file = wanted.scenario.display();
    let text = fs::read_to_string(&wanted.scenario).map_err(|error| format!("{file}: {error}"))?;
    let file = file.to_string();
    let mut scenario = Scenario::read(&file, &text)?;
    for change in &wanted.agents {
        staff(&mut scenario, change)?;
    }
    scenario.check(&file, &text)?;
    let seed = wanted.seed.unwrap_or(scenario.seed);
    let mut all: Option<Played> = None;
    for run in 0..wanted.runs {
        let played = play_one(&scenario, seed.wrapping_add(run), run, wanted.runs);
        match &mut all {
            None => all = Some(played),
            Some(all) => all.add(&played),
        }
    }
    let Some(played) = all else { return Ok(()) };
    print!("{}", table(&scenario, &played));
    println!("{} calls, {} day(s), seed {seed}", played.calls, wanted.runs);
    println!("given up %: without those who did so within their queue's short_secs");
    if let Some(svg) = &wanted.svg {
        fs::write(svg, chart::svg(&scenario, &played)).map_err(|error| format!("{}: {error}", svg.display()))?;
    }
    Ok(())
}

/// `pt=25`.
fn staff(scenario: &mut Scenario, change: &str) -> Result<(), String> {
    let parsed = change.split_once('=').and_then(|(key, count)| Some((key, count.parse().ok()?)));
    let (key, count) = parsed.ok_or_else(|| format!("--agents {change}: expected KEY=COUNT, such as pt=25"))?;
    let keys = scenario.groups.iter().map(|group| group.key.clone()).collect::<Vec<_>>().join(", ");
    let group = scenario.groups.iter_mut().find(|group| group.key == key);
    let group = group.ok_or_else(|| format!("--agents {change}: no such group; there are {keys}"))?;
    group.count = count;
    Ok(())
}

fn play_one(scenario: &Scenario, seed: u64, run: u64, runs: u64) -> Played {
    let mut play = Play::new(scenario, seed);
    let shown = stderr().is_terminal();
    while let Some(done) = play.step() {
        if shown {
            let filled = (done * BAR as f64) as usize;
            let bar = format!("[{}{}]", "#".repeat(filled), ".".repeat(BAR - filled.min(BAR)));
            let _ = write!(stderr(), "\r{bar} {:3.0} %  day {} of {runs}", done * 100.0, run + 1);
        }
    }
    if shown {
        let _ = write!(stderr(), "\r{}\r", " ".repeat(BAR + 30));
    }
    play.finish()
}

/// When an interval begins.
fn clock_of(scenario: &Scenario, interval: u32) -> String {
    let minutes = u32::from(scenario.from.minutes()) + interval * scenario.interval_mins;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// One line an interval, and one for the day, queue by queue.
fn table(scenario: &Scenario, played: &Played) -> String {
    let mut text = String::new();
    for (queue, row) in scenario.queues.iter().zip(&played.cells) {
        let _ = writeln!(text, "{}", queue.key);
        text.push_str("  from   calls  answered  given up  lost     SL %    ASA s  given up %    AHT s  occupied %\n");
        for (cell, interval) in row.iter().zip(0..) {
            line(&mut text, &clock_of(scenario, interval), cell);
        }
        let all = row.iter().fold(Cell::default(), |all, cell| all.plus(cell));
        line(&mut text, "all", &all);
        text.push('\n');
    }
    text
}

fn line(text: &mut String, from: &str, cell: &Cell) {
    let figures = cell.tally.figures();
    let shown = |value: Option<f64>, by: f64| value.map_or_else(|| "–".into(), |value| format!("{:.1}", value * by));
    let _ = writeln!(
        text,
        "  {from:5}{:7}{:10}{:10}{:6}{:>9}{:>9}{:>12}{:>9}{:>12}",
        cell.tally.offered,
        cell.tally.answered,
        cell.tally.abandoned,
        cell.lost,
        shown(figures.sl_excl_short, 100.0),
        shown(figures.asa_ms, 0.001),
        shown(figures.abandon_rate, 100.0),
        shown(figures.aht_ms, 0.001),
        shown(ratio(cell.busy_ms, cell.busy_ms + cell.free_ms), 100.0),
    );
}
