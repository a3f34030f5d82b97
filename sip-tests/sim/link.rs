//! The network between the switch and everybody else.

use std::time::Duration;

use strowger::base::Chance;

/// What may happen to a datagram on its way. The perfect link delivers each once, in order, after one millisecond.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub loss: f64,
    pub duplicates: f64,
    /// How many of a hundred take so long that later ones overtake them.
    pub reordered: f64,
    pub delay: Duration,
    /// At most so much is added to the delay by chance.
    pub jitter: Duration,
}

/// What a straggler is late by: enough that the next RTP packet and a hasty answer pass it.
const STRAGGLE: Duration = Duration::from_millis(45);

impl Default for Link {
    fn default() -> Self {
        Self { loss: 0.0, duplicates: 0.0, reordered: 0.0, delay: Duration::from_millis(1), jitter: Duration::ZERO }
    }
}

impl Link {
    /// When the copies of one datagram arrive; none when it is lost.
    pub fn carry(&self, chance: &mut Chance) -> impl Iterator<Item = Duration> + use<> {
        let copies = match (chance.unit() < self.loss, chance.unit() < self.duplicates) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        let mut delays = [None, None];
        for delay in delays.iter_mut().take(copies) {
            let jitter = self.jitter.mul_f64(chance.unit());
            let straggle = if chance.unit() < self.reordered { STRAGGLE } else { Duration::ZERO };
            *delay = Some(self.delay + jitter + straggle);
        }
        delays.into_iter().flatten()
    }
}
