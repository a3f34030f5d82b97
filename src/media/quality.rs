//! What a leg's sound was worth to an ear, by loss, delay and codec: the E-model in short (ITU-T G.107, figures of G.113
//! appendix I).

use super::{Codec, Stats};

/// The rating of a call with nothing wrong.
const FLAWLESS: f32 = 93.2;

/// Mean opinion score, 1 to 4.4, of what the leg sent us. `None` without packets, and for codecs without known figures.
pub fn mos(codec: Codec, stats: &Stats) -> Option<f32> {
    let (impairment, robustness) = match codec {
        // Wide codecs are rated as what a narrow ear makes of them. Losses are concealed.
        Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Opus => (0.0, 25.1),
        Codec::G729 => (11.0, 19.0),
        Codec::Other(_) | Codec::T38 => return None,
    };
    let sent = stats.packets_received + stats.lost;
    if stats.packets_received == 0 {
        return None;
    }
    let lost = 100.0 * stats.lost as f32 / sent as f32;
    // Half the round trip, a packet, and a buffer as deep as the jitter asks for.
    let delay = stats.rtt_us.unwrap_or(0) as f32 / 2_000.0 + 20.0 + 2.0 * stats.jitter_us as f32 / 1_000.0;
    let delayed = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
    let heard = impairment + (95.0 - impairment) * lost / (lost + robustness);
    let rating = (FLAWLESS - delayed - heard).clamp(0.0, 100.0);
    Some((1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5))
}

/// The same of what the peer heard of us. `None` where it has reported nothing.
pub fn mos_at_peer(codec: Codec, stats: &Stats) -> Option<f32> {
    let lost = u64::from(stats.lost_at_peer);
    let heard = Stats {
        packets_received: stats.packets_sent.saturating_sub(lost),
        lost,
        jitter_us: stats.jitter_at_peer_us,
        rtt_us: stats.rtt_us,
        ..Stats::default()
    };
    if stats.has_reported { mos(codec, &heard) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-21: a good call is good, and each fault costs.
    #[test]
    fn sw_21_loss_delay_and_codec_cost() {
        let good = Stats { packets_received: 1_000, ..Stats::default() };
        let score = |codec, stats: &Stats| mos(codec, stats).expect("packets");
        let best = score(Codec::Pcma, &good);
        assert!((4.3..4.5).contains(&best), "{best}");
        let lossy = Stats { packets_received: 950, lost: 50, ..Stats::default() };
        assert!((3.5..4.1).contains(&score(Codec::Pcma, &lossy)), "{}", score(Codec::Pcma, &lossy));
        let far = Stats { rtt_us: Some(800_000), ..good.clone() };
        assert!((2.7..3.3).contains(&score(Codec::Pcma, &far)), "{}", score(Codec::Pcma, &far));
        let shaky = Stats { jitter_us: 80_000, ..good.clone() };
        assert!(score(Codec::Pcma, &shaky) < best && score(Codec::G729, &good) < best);
        let deaf = Stats { packets_received: 1, lost: 99, ..far };
        assert!((1.0..1.6).contains(&score(Codec::Pcma, &deaf)), "{}", score(Codec::Pcma, &deaf));
        assert_eq!(mos(Codec::Pcma, &Stats::default()), None);
        // What the peer hears is another matter, and only it can tell.
        let unheard = Stats { packets_sent: 1_000, lost_at_peer: 300, has_reported: true, ..good.clone() };
        let there = mos_at_peer(Codec::Pcma, &unheard).expect("a report");
        assert!((1.5..2.5).contains(&there) && score(Codec::Pcma, &unheard) == best, "{there}");
        assert_eq!(mos_at_peer(Codec::Pcma, &Stats { has_reported: false, ..unheard }), None);
    }
}
