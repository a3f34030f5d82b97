//! Against theory, against itself, and against bad files.

use super::{chart, play::Play, scenario::Scenario, staff, table};
use crate::acd::{Load, Staffed};

/// Student's t for 29 degrees of freedom, 99 % two-sided.
const T_29: f64 = 2.756;

const SEEDS: u64 = 30;

fn flat(per_hour: f64, handle: f64, agents: u32, patience: Option<f64>) -> Scenario {
    let patience = patience.map_or(String::new(), |secs| format!("patience = {{ exponential = {secs} }}"));
    let text = format!(
        "from = '00:00'\nto = '24:00'\ninterval_mins = 60
         [[queue]]\nkey = 'q'\nmissed_max = 0
         [[agents]]\nkey = 'a'\ncount = {agents}\nqueues = ['q']
         [[calls]]\nqueue = 'q'\narrivals = [{{ from = '00:00', per_hour = {per_hour} }}]
         talk = {{ exponential = {handle} }}\n{patience}"
    );
    Scenario::read("day.toml", &text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Mean wait of all calls and the share that gave up, once the day has warmed up.
fn waits(scenario: &Scenario, seed: u64) -> (f64, f64) {
    let played = Play::new(scenario, seed).finish();
    let cells = &played.cells[0][2..];
    let calls: u64 = cells.iter().map(|cell| cell.tally.offered).sum();
    let wait: u64 = cells.iter().map(|cell| cell.wait_ms).sum();
    let gone: u64 = cells.iter().map(|cell| cell.tally.abandoned).sum();
    (wait as f64 / 1_000.0 / calls as f64, gone as f64 / calls as f64)
}

/// The 99 % interval of the mean of thirty days: its middle and half-width.
fn interval(of: impl Fn(u64) -> f64) -> (f64, f64) {
    let days: Vec<f64> = (1..=SEEDS).map(of).collect();
    let mean = days.iter().sum::<f64>() / SEEDS as f64;
    let variance = days.iter().map(|day| (day - mean).powi(2)).sum::<f64>() / (SEEDS - 1) as f64;
    (mean, T_29 * (variance / SEEDS as f64).sqrt())
}

fn agrees(scenario: &Scenario, theory: Staffed) {
    let (mean, half) = interval(|seed| waits(scenario, seed).0);
    println!("mean wait {mean:.3} ± {half:.3} s, theory {:.3} s", theory.wait_secs);
    assert!(half <= 0.05 * mean, "{half} is more than a twentieth of {mean}");
    assert!((mean - theory.wait_secs).abs() <= half, "{} is outside", theory.wait_secs);
}

/// OP-11, RP-11: thirty days against Erlang C: theory lies in the 99 % interval of the mean wait, whose half-width is at
/// most a twentieth.
#[test]
fn op_11_the_distributor_agrees_with_erlang_c() {
    let load = Load { calls_per_hour: 320.0, handle_secs: 11.25, target_secs: 20.0, patience_secs: None };
    agrees(&flat(320.0, 11.25, 2, None), load.with(2).unwrap());
}

/// OP-11, RP-11: the same against Erlang A, more calls than agents can take.
#[test]
fn op_11_the_distributor_agrees_with_erlang_a() {
    let load = Load { calls_per_hour: 80.0, handle_secs: 120.0, target_secs: 20.0, patience_secs: Some(60.0) };
    let (scenario, theory) = (flat(80.0, 120.0, 2, Some(60.0)), load.with(2).unwrap());
    agrees(&scenario, theory);
    let (gone, half) = interval(|seed| waits(&scenario, seed).1);
    assert!((gone - theory.abandoned).abs() <= half, "{gone} ± {half} gave up, {} by theory", theory.abandoned);
}

/// OP-11, RP-11: nobody takes a call outside his shift or in his break, whichever of them meet in one moment; and a shift that
/// follows another at once is worked.
#[test]
fn op_11_shifts_and_breaks_are_as_written() {
    let answered = |shifts: &str, breaks: &str| -> Vec<u64> {
        let text = format!(
            "from = '08:00'\nto = '11:00'\ninterval_mins = 60
             [[queue]]\nkey = 'q'
             [[agents]]\nkey = 'a'\ncount = 2\nqueues = ['q']\nshifts = [{shifts}]\nbreaks = [{breaks}]
             [[calls]]\nqueue = 'q'\narrivals = [{{ from = '08:00', per_hour = 300 }}]
             talk = {{ constant = 20 }}\npatience = {{ constant = 600 }}"
        );
        let scenario = Scenario::read("day.toml", &text).unwrap_or_else(|faults| panic!("{faults}"));
        Play::new(&scenario, 1).finish().cells[0].iter().map(|cell| cell.tally.handled).collect()
    };
    let span = |from: &str, to: &str| format!("{{ from = '{from}', to = '{to}' }}");
    let hour = span("08:00", "09:00");
    assert_eq!(answered(&hour, &hour), [0, 0, 0], "a break as long as the shift");
    let late = answered(&hour, &span("08:30", "09:00"));
    assert!(late[0] > 0 && late[1..] == [0, 0], "{late:?}");
    let talks_on = answered(&hour, "");
    assert!(talks_on[1] <= 2 && talks_on[2] == 0, "{talks_on:?}");
    let twice = answered(&format!("{hour}, {}", span("09:00", "10:00")), "");
    assert!(twice[0] > 0 && twice[1] > 0 && twice[2] <= 2, "{twice:?}");
}

const OFFICE: &str = include_str!("../../../config/scenario.toml");

/// OP-11: the same seed is the same day; five more agents meet the same callers and answer them sooner; what is counted
/// is what came; tables and chart say it.
#[test]
fn op_11_a_planner_moves_agents() {
    let scenario = Scenario::read("day.toml", OFFICE).unwrap();
    let day = |scenario: &Scenario| Play::new(scenario, 7).finish();
    let (one, two) = (day(&scenario), day(&scenario));
    assert_eq!(table(&scenario, &one), table(&scenario, &two));
    let mut more = scenario.clone();
    let count = more.groups[0].count;
    let change = format!("{}={}", more.groups[0].key, count + 5);
    staff(&mut more, &change).unwrap();
    let other = day(&more);
    assert_eq!(one.calls, other.calls, "the same callers");
    let level = |played: &super::Played| {
        let all = played.cells[0].iter().fold(super::Cell::default(), |all, cell| all.plus(cell));
        all.tally.figures().sl_excl_short.unwrap()
    };
    assert!(level(&other) > level(&one), "{} {}", level(&other), level(&one));
    let counted: u64 = one.cells.iter().flatten().map(|cell| cell.tally.answered + cell.tally.abandoned).sum();
    assert!(counted <= one.calls && counted * 100 >= one.calls * 95, "{counted} of {}", one.calls);
    let svg = chart::svg(&scenario, &one);
    assert!(svg.starts_with("<svg") && svg.matches("<polyline").count() == scenario.queues.len());
    assert!(staff(&mut more, "nobody=3").unwrap_err().contains("no such group"));
}

/// OP-11: a scenario that makes no sense is refused with the place.
#[test]
fn op_11_bad_scenarios_are_refused() {
    let refused = |from: &str, to: &str| Scenario::read("day.toml", &OFFICE.replacen(from, to, 1)).unwrap_err();
    assert!(refused("queues = [\"support\"", "queues = [\"suport\"").contains("there is no queue \"suport\""));
    assert!(refused("from = \"08:00\"", "from = \"8\"").contains("expected a time such as"));
    assert!(refused("to = \"18:00\"", "to = \"07:00\"").contains("expected a time after 08:00"));
    assert!(refused("seed = 1", "sead = 1").starts_with("day.toml:4: unknown field `sead`"));
    for (from, to, wanted) in [
        ("skills = { pt = 3 }", "skills = { tp = 3 }", "calls 2: skills: nobody of queue \"support\" has tp at 3"),
        (
            "skills = { pt = 3 }",
            "skills = { tp = 3 }",
            "hint: skills of agents are: pt; or a ring of the queue drops it",
        ),
        ("[\"pt\"]", "[\"tp\"]", "queues.support.rings: drop_skills: no agent has the skill `tp`"),
        ("key = \"sellers\"", "key = \"general\"", "agents \"general\": there is such a group already"),
        ("weight = 1", "hours = \"office\"", "queues.sales.hours: there is no calendar `office`"),
        ("weight = 1", "decision = { service = \"crm\" }", "queue \"sales\": a program decides here"),
        ("constant = 3", "constant = -3", "agents \"sellers\": answer: expected seconds from 0 to 86400"),
    ] {
        let faults = refused(from, to);
        let line = 1 + OFFICE.lines().position(|line| line.contains(from)).unwrap();
        assert!(faults.starts_with(&format!("day.toml:{line}: ")) && faults.contains(wanted), "{line}: {faults}");
    }
    assert!(refused("talk = { log_normal = { mean = 240,", "talk = { log_normal = { mean = -1,").contains("calls 1"));
}
