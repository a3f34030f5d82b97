//! The day as a picture: calls of each interval as bars, the service level as a line, one panel a queue.

use std::fmt::Write as _;

use super::{clock_of, play::Played, scenario::Scenario};

const WIDTH: usize = 860;
const PANEL: usize = 220;
const LEFT: usize = 60;
const TOP: usize = 40;
const HIGH: usize = 140;

/// A picture for browsers, without scripts.
pub fn svg(scenario: &Scenario, played: &Played) -> String {
    let height = PANEL * scenario.queues.len() + 10;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for ((queue, row), panel) in scenario.queues.iter().zip(&played.cells).zip(0..) {
        let base = panel * PANEL + TOP + HIGH;
        let most = row.iter().map(|cell| cell.tally.offered).max().unwrap_or(0).max(1) as f64;
        let step = (WIDTH - LEFT - 20) as f64 / row.len().max(1) as f64;
        let _ = writeln!(
            text,
            "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}: calls (bars, up to {most}), given up (dark), service \
             level (line, 0 to 100 %)</text>",
            panel * PANEL + 24,
            escaped(&queue.key),
        );
        let mut line = String::new();
        for (cell, at) in row.iter().zip(0u32..) {
            let x = LEFT as f64 + f64::from(at) * step;
            for (count, colour) in [(cell.tally.offered, "#9cc3e6"), (cell.tally.abandoned + cell.lost, "#a33")] {
                let tall = count as f64 / most * HIGH as f64;
                let _ = writeln!(
                    text,
                    "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{colour}\"/>",
                    base as f64 - tall,
                    (step - 2.0).max(1.0),
                );
            }
            if let Some(level) = cell.tally.figures().sl_excl_short {
                let _ = write!(line, "{:.1},{:.1} ", x + step / 2.0, base as f64 - level * HIGH as f64);
            }
            if step * f64::from(at % 4) == 0.0 || step > 60.0 {
                let label = clock_of(scenario, at);
                let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{}\" fill=\"#555\">{label}</text>", base + 16);
            }
        }
        let _ = writeln!(
            text,
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"#063\" stroke-width=\"2\"/>\n\
             <line x1=\"{LEFT}\" y1=\"{base}\" x2=\"{}\" y2=\"{base}\" stroke=\"#333\"/>",
            WIDTH - 20,
        );
    }
    text.push_str("</svg>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
