//! A clip that is heard along with the talk, which is quieter meanwhile.

use super::{
    Codec,
    codec::FRAME,
    player::{FADE, Player},
};
use crate::base::PlayId;

/// How loud the talk is beneath a clip, in 256ths: 12 dB less, so that both are understood.
const BENEATH: i32 = 64;
const FULL: i32 = 256;

/// How far that goes in a frame of 20 ms: 80 ms from one to the other.
const STEP: i32 = 48;

/// One leg's clip over its talk.
#[derive(Debug)]
pub struct Beside {
    /// `None` once it has ended: the talk grows loud again.
    player: Option<Player>,
    /// What was stopped or replaced in the middle, dying away in the next frame.
    leaving: Option<Player>,
    /// How loud the talk was at the end of the last frame, in 256ths.
    talk: i32,
}

impl Beside {
    pub fn new(player: Player) -> Self {
        Self { player: Some(player), leaving: None, talk: FULL }
    }

    /// Plays this one from now on, from where it stands.
    pub fn play(&mut self, player: Player) {
        self.stop();
        self.player = Some(player);
    }

    /// What it plays dies away.
    pub fn stop(&mut self) {
        self.leaving = self.player.take().or_else(|| self.leaving.take());
    }

    /// Gives up what it plays, to be heard another way.
    pub fn take(&mut self) -> Option<Player> {
        self.player.take()
    }

    pub fn id(&self) -> Option<PlayId> {
        self.player.as_ref().map(|player| player.id)
    }

    /// Nothing is left of the clip, and the talk is as loud as ever.
    pub const fn is_over(&self) -> bool {
        self.player.is_none() && self.leaving.is_none() && self.talk == FULL
    }

    /// Lays the next 20 ms over the talk in `sum`; tells which clip has ended.
    pub fn lay(&mut self, sum: &mut [i32; FRAME]) -> Option<PlayId> {
        let (from, wanted) = (self.talk, if self.player.is_some() { BENEATH } else { FULL });
        self.talk = from + (wanted - from).clamp(-STEP, STEP);
        for (at, sample) in sum.iter_mut().enumerate() {
            *sample = *sample * (from + (self.talk - from) * (at as i32 + 1) / FRAME as i32) / FULL;
        }
        if let Some(mut leaving) = self.leaving.take() {
            add(&mut leaving, sum, |at| FADE.saturating_sub(at / 2));
        }
        let filled = self.player.as_mut().map(|player| add(player, sum, |_| FADE));
        if filled == Some(0) { self.take().map(|player| player.id) } else { None }
    }
}

/// Adds what a player has, each sample so many parts of [`FADE`]; tells how much there was.
fn add(player: &mut Player, sum: &mut [i32; FRAME], part: impl Fn(usize) -> usize) -> usize {
    let mut pairs = [[0_i16; 2]; FRAME / 2];
    // Any codec that is wide.
    let filled = player.fill(Codec::G722, &mut pairs);
    for (at, (sum, sample)) in sum.iter_mut().zip(pairs[..filled].as_flattened()).enumerate() {
        *sum += i32::from(*sample) * part(at) as i32 / FADE as i32;
    }
    filled
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::media::Sound;

    fn player(samples: &[i16]) -> Player {
        Player::new(PlayId(1), [Arc::new(Sound::from_samples(samples))], false).expect("something to play")
    }

    /// SC-04: the clip is heard whole, the talk beneath it a quarter as loud, and what both make together is no step.
    #[test]
    fn sc_04_the_talk_sinks_and_rises_evenly() {
        let mut beside = Beside::new(player(&[1_000; 1_600]));
        let (mut heard, mut ended) = (Vec::new(), None);
        for frame in 0..40 {
            let mut sum = [8_000; FRAME];
            if beside.lay(&mut sum).is_some() {
                ended = Some(frame);
            }
            heard.extend(sum);
        }
        assert_eq!((ended, beside.is_over()), (Some(10), true), "behind its ten frames");
        assert!((2_950..3_050).contains(&heard[5 * FRAME]), "{}", heard[5 * FRAME]);
        assert_eq!(heard[39 * FRAME], 8_000);
        let over: i32 = heard[FRAME * 5..FRAME * 9].iter().sum::<i32>() / (4 * FRAME as i32);
        assert!((2_950..3_050).contains(&over), "{over}");
        let step = heard[100..FRAME * 9].windows(2).map(|two| (two[1] - two[0]).abs()).max();
        assert!(step < Some(60), "{step:?}");
    }

    /// Stopped or replaced in the middle of a word, what it was dies away.
    #[test]
    fn a_clip_is_not_cut_off_with_a_click() {
        let mut beside = Beside::new(player(&[9_000; 8_000]));
        let mut heard = Vec::new();
        for frame in 0..30 {
            match frame {
                10 => beside.play(player(&[9_000; 8_000])),
                20 => beside.stop(),
                _ => {}
            }
            let mut sum = [0; FRAME];
            assert_eq!(beside.lay(&mut sum), None);
            heard.extend(sum);
        }
        assert!(beside.is_over());
        // Beside its own beginning there is none: 9,000 in 8 ms.
        let step = heard[20 * FRAME - 40..].windows(2).map(|two| (two[1] - two[0]).abs()).max();
        assert!(step < Some(800), "{step:?}");
    }
}
