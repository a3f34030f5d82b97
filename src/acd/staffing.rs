//! How many agents: Erlang C for callers who wait for ever, Erlang A for those who give up.
//!
//! Arrivals are Poisson, handle times and patience exponential; times are in seconds. Erlang A as in Garnett, Mandelbaum
//! and Reiman, "Designing a call center with impatient customers" (2002).

use serde::Serialize;

/// Agents that a table looks at.
pub const STAFF_MAX: u32 = 2_000;

/// States of the waiting line that Erlang A looks at beyond the agents; the rest has no weight.
const LINE_MAX: u32 = 20_000;

/// What comes, and what is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    pub calls_per_hour: f64,
    pub handle_secs: f64,
    /// Within which a call counts as answered in time.
    pub target_secs: f64,
    /// Mean patience; `None`: nobody gives up.
    pub patience_secs: Option<f64>,
}

/// What so many agents make of it; shares are between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Staffed {
    pub agents: u32,
    /// Waits at all.
    pub wait_share: f64,
    /// Answered within the target, of all calls.
    pub service_level: f64,
    /// Mean wait: by Erlang C of the answered, by Erlang A of all.
    pub wait_secs: f64,
    pub abandoned: f64,
    pub occupancy: f64,
}

impl Load {
    /// The work in Erlang.
    pub fn erlangs(&self) -> f64 {
        self.calls_per_hour / 3_600.0 * self.handle_secs
    }

    /// `None`: by Erlang C so few agents are never done.
    pub fn with(&self, agents: u32) -> Option<Staffed> {
        if agents == 0 || self.erlangs() <= 0.0 || !self.erlangs().is_finite() {
            return None;
        }
        match self.patience_secs.filter(|patience| *patience > 0.0) {
            None => self.erlang_c(agents),
            Some(patience) => Some(self.erlang_a(agents, patience)),
        }
    }

    /// From the fewest that can do it up to the first that reaches the service level and `more` beyond.
    pub fn table(&self, service_level: f64, more: u32) -> Vec<Staffed> {
        let mut rows: Vec<Staffed> = Vec::new();
        let mut left = None;
        for row in (1..=STAFF_MAX).filter_map(|agents| self.with(agents)) {
            left = match left {
                None if row.service_level >= service_level => Some(more),
                None => None,
                Some(0) => break,
                Some(left) => Some(left - 1),
            };
            rows.push(row);
        }
        // Far too few is of no interest.
        let reached = rows.iter().position(|row| row.service_level >= service_level).unwrap_or(rows.len());
        rows.split_off(reached.saturating_sub(more as usize))
    }

    fn erlang_c(&self, agents: u32) -> Option<Staffed> {
        let (work, staff) = (self.erlangs(), f64::from(agents));
        if work >= staff {
            return None;
        }
        let blocked = (1..=agents).map(f64::from).fold(1.0, |blocked, n| work * blocked / (n + work * blocked));
        let occupancy = work / staff;
        let wait_share = blocked / (1.0 - occupancy * (1.0 - blocked));
        let free = staff - work;
        Some(Staffed {
            agents,
            wait_share,
            service_level: 1.0 - wait_share * (-free * self.target_secs / self.handle_secs).exp(),
            wait_secs: wait_share * self.handle_secs / free,
            abandoned: 0.0,
            occupancy,
        })
    }

    /// The stationary line, from the most likely state outwards so that nothing overflows.
    fn erlang_a(&self, agents: u32, patience: f64) -> Staffed {
        let (arrival, service, impatience) = (self.calls_per_hour / 3_600.0, 1.0 / self.handle_secs, 1.0 / patience);
        let leaving = |n: u32| {
            let line = n.saturating_sub(agents);
            f64::from(n - line) * service + f64::from(line) * impatience
        };
        // Relative to the state with all agents busy and nobody waiting.
        let mut below = 0.0;
        let mut weight = 1.0;
        let mut busy = 0.0;
        for n in (0..agents).rev() {
            weight *= leaving(n + 1) / arrival;
            below += weight;
            busy += weight * f64::from(n);
        }
        let (mut line, mut waiting, mut in_time) = (0.0, 0.0, 0.0);
        let staff = f64::from(agents);
        let x = (-impatience * self.target_secs).exp();
        let c = staff * service / impatience;
        weight = 1.0;
        let mut above = 0.0;
        for ahead in 0..LINE_MAX {
            above += weight;
            let ahead_f = f64::from(ahead);
            line += weight * ahead_f;
            waiting += weight;
            // Served within the target: his turn comes in time and before his patience ends.
            let turn = 1.0 - incomplete_beta(x, c + 1.0, ahead_f + 1.0);
            in_time += weight * turn * c / (c + ahead_f + 1.0);
            weight *= arrival / leaving(agents + ahead + 1);
            if weight < 1e-15 * above {
                break;
            }
        }
        let all = below + above;
        busy += above * staff;
        Staffed {
            agents,
            wait_share: waiting / all,
            service_level: (below + in_time) / all,
            wait_secs: line / all / arrival,
            abandoned: impatience * line / all / arrival,
            occupancy: busy / all / staff,
        }
    }
}

/// The regularised incomplete beta function, by its continued fraction (Lentz).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let tiny = 1e-300;
    let clear = |value: f64| if value.abs() < tiny { tiny } else { value };
    let (mut c, mut d) = (1.0, 1.0 / clear(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..500 {
        let m = f64::from(m);
        for term in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / clear(1.0 + term * d);
            c = clear(1.0 + term / c);
            fraction *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front * fraction
}

/// Lanczos, g = 7.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = TERMS.iter().zip(1u8..).fold(0.999_999_999_999_809_9, |sum, (term, n)| sum + term / (x + f64::from(n)));
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(calls_per_hour: f64, handle_secs: f64, target_secs: f64) -> Load {
        Load { calls_per_hour, handle_secs, target_secs, patience_secs: None }
    }

    /// RP-06, RP-11: Erlang C by its four vectors.
    #[test]
    fn erlang_c_by_its_vectors() {
        for (calls, handle, agents, target, wait, level, asa) in [
            (200.0, 180.0, 14, 20.0, 0.17413, 0.88835, 7.84),
            (200.0, 240.0, 18, 20.0, 0.16573, 0.88766, 8.52),
            (360.0, 300.0, 35, 15.0, 0.28458, 0.77837, 17.07),
            (60.0, 180.0, 4, 20.0, 0.50943, 0.54414, 91.70),
        ] {
            let row = load(calls, handle, target).with(agents).unwrap();
            assert!((row.wait_share - wait).abs() < 5e-6, "{row:?}");
            assert!((row.service_level - level).abs() < 5e-6, "{row:?}");
            assert!((row.wait_secs - asa).abs() < 5e-3, "{row:?}");
        }
        assert_eq!(load(60.0, 180.0, 20.0).with(3), None, "three Erlang are never done by three");
    }

    /// RP-11: Erlang A becomes Erlang C as patience grows; what comes is served or gives up; one agent by hand.
    #[test]
    fn erlang_a_agrees_with_what_is_known() {
        let plain = load(200.0, 180.0, 20.0);
        let patient = Load { patience_secs: Some(1e7), ..plain };
        let (c, a) = (plain.with(14).unwrap(), patient.with(14).unwrap());
        assert!(
            (c.wait_share - a.wait_share).abs() < 1e-4 && (c.service_level - a.service_level).abs() < 1e-4,
            "{a:?}"
        );
        for agents in [5, 10, 14, 30] {
            let row = Load { patience_secs: Some(60.0), ..plain }.with(agents).unwrap();
            let served = row.occupancy * f64::from(agents) / 180.0;
            assert!((200.0 / 3_600.0 * (1.0 - row.abandoned) - served).abs() < 1e-9, "{row:?}");
            assert!(row.service_level <= 1.0 - row.abandoned + 1e-12, "{row:?}");
            let generous = Load { patience_secs: Some(60.0), target_secs: 1e6, ..plain }.with(agents).unwrap();
            assert!((generous.service_level - (1.0 - generous.abandoned)).abs() < 1e-9, "{generous:?}");
        }
        // Patience as long as the handle time: the number in the system is Poisson (M/M/∞) with mean 2.
        let row = Load { calls_per_hour: 2.0, handle_secs: 3_600.0, target_secs: 0.0, patience_secs: Some(3_600.0) };
        let row = row.with(1).unwrap();
        let empty = (-2.0f64).exp();
        assert!((row.wait_share - (1.0 - empty)).abs() < 1e-9 && (row.service_level - empty).abs() < 1e-9, "{row:?}");
        // Waiting: mean 2 in the system less the probability that the agent is busy.
        assert!((row.wait_secs / 3_600.0 - (2.0 - (1.0 - empty)) / 2.0).abs() < 1e-9, "{row:?}");
    }

    /// RP-11: the table leads up to the first staff that is enough.
    #[test]
    fn a_table_finds_enough() {
        let rows = load(200.0, 180.0, 20.0).table(0.8, 3);
        let enough = rows.iter().find(|row| row.service_level >= 0.8).unwrap();
        assert_eq!((enough.agents, rows.len()), (14, 7));
        assert!(rows.windows(2).all(|pair| pair[0].service_level < pair[1].service_level));
        let impatient = Load { patience_secs: Some(120.0), ..load(200.0, 180.0, 20.0) }.table(0.8, 3);
        assert!(impatient.iter().find(|row| row.service_level >= 0.8).unwrap().agents < 14);
        assert_eq!(load(0.0, 180.0, 20.0).table(0.8, 3), []);
    }

    #[test]
    fn the_beta_function_is_right() {
        for (x, a, b, wanted) in [(0.5, 2.0, 3.0, 0.6875), (0.2, 1.0, 1.0, 0.2), (0.9, 5.0, 2.0, 0.885_735)] {
            assert!((incomplete_beta(x, a, b) - wanted).abs() < 1e-9, "{x} {a} {b}");
        }
    }
}
