//! Plays sounds without a gap: from one to the next, and from the end to the start again.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Codec, SAMPLE_RATE, Sound, g711};
use crate::base::PlayId;

/// How long what plays fades where something else takes its place, in samples: 8 ms, too short to be heard as such.
pub const FADE: usize = 64;

/// What a player gives: octets of a law of G.711, or pairs of samples at 16 kHz, which take as long.
pub trait Grain: Copy {
    fn new(codec: Codec, level: i16) -> Self;

    /// So many parts of [`FADE`] as loud.
    fn scaled(self, codec: Codec, part: usize) -> Self;

    /// Fills in what a sound has from there on; tells how many there were.
    fn copy(sound: &Sound, codec: Codec, from: usize, grains: &mut [Self]) -> usize;
}

impl Grain for u8 {
    fn new(codec: Codec, level: i16) -> Self {
        g711::encode(codec, level)
    }

    fn scaled(self, codec: Codec, part: usize) -> Self {
        g711::encode(codec, scaled(g711::level(codec, self), part))
    }

    fn copy(sound: &Sound, codec: Codec, from: usize, octets: &mut [Self]) -> usize {
        let rest = sound.octets(codec).get(from..).unwrap_or_default();
        let count = rest.len().min(octets.len());
        octets[..count].copy_from_slice(&rest[..count]);
        count
    }
}

impl Grain for [i16; 2] {
    fn new(_: Codec, level: i16) -> Self {
        [level; 2]
    }

    fn scaled(self, _: Codec, part: usize) -> Self {
        self.map(|sample| scaled(sample, part))
    }

    fn copy(sound: &Sound, _: Codec, from: usize, pairs: &mut [Self]) -> usize {
        sound.pairs(from, pairs)
    }
}

fn scaled(level: i16, part: usize) -> i16 {
    (i32::from(level) * part as i32 / FADE as i32) as i16
}

/// A running player. It only copies what was made when the sound was loaded.
#[derive(Debug)]
pub struct Player {
    pub id: PlayId,
    /// It is to be heard along with the talk, where there is one.
    pub with_talk: bool,
    sounds: SmallVec<[Arc<Sound>; 1]>,
    repeat: bool,
    sound: usize,
    octet: usize,
    over: Option<Over>,
    /// What lay over it and has ended, until that is told.
    ended: Option<PlayId>,
    /// Samples until it is as loud as ever.
    rising: usize,
    /// What it plays next does not follow on what was heard before.
    begins: bool,
    /// What was heard before, dying away in so many samples before it plays on.
    dying: (i16, usize),
}

/// What is heard in a player's place until it ends.
#[derive(Debug)]
struct Over {
    player: Box<Player>,
    /// Samples in which the player beneath still fades.
    falling: usize,
}

impl Player {
    /// `None` when there is nothing to hear.
    pub fn new(id: PlayId, sounds: impl IntoIterator<Item = Arc<Sound>>, repeat: bool) -> Option<Self> {
        let sounds: SmallVec<_> = sounds.into_iter().filter(|sound| !sound.is_empty()).collect();
        (!sounds.is_empty()).then_some(Self {
            id,
            with_talk: false,
            sounds,
            repeat,
            sound: 0,
            octet: 0,
            over: None,
            ended: None,
            rising: 0,
            begins: true,
            dying: (0, 0),
        })
    }

    /// The same from so far in on, softly, since that may be in the middle of a word; `None` behind its end.
    pub fn begun_at(mut self, millis: u32) -> Option<Self> {
        let samples = usize::try_from(millis).unwrap_or(usize::MAX).saturating_mul(SAMPLE_RATE / 1_000);
        let is_there = self.skip(samples) && (self.repeat || self.sound < self.sounds.len());
        is_there.then_some(self.rising())
    }

    /// The same, growing loud from where it stands.
    pub fn rising(mut self) -> Self {
        self.rising = FADE;
        self
    }

    /// Where it follows on something else that was heard, which stood at `level`: lets that die away first. A clip begins
    /// softly by itself; what goes round may begin anywhere, and rises.
    pub fn follow(&mut self, level: Option<i16>, always: bool) {
        let begins = std::mem::take(&mut self.begins) || always;
        if let Some(level) = level.filter(|_| begins) {
            self.dying = (level, if level == 0 { 0 } else { FADE });
            if self.repeat && self.over.is_none() {
                self.rising = FADE;
            }
        }
    }

    /// Lays another over this one, which rests where it is; tells which lay there before.
    pub fn lay_over(&mut self, player: Self) -> Option<PlayId> {
        let over = Over { player: Box::new(player), falling: FADE - self.rising.min(FADE) };
        self.rising = 0;
        match self.over.take() {
            // One clip behind another: the music is silent already.
            Some(before) => {
                self.over = Some(Over { falling: before.falling, ..over });
                Some(before.player.id)
            }
            None => {
                self.over = Some(over);
                None
            }
        }
    }

    /// What lies over it, taken off: this one is heard again, or ends, as its owner likes.
    pub fn uncover(&mut self) -> Option<Self> {
        let over = self.over.take()?;
        self.rising = FADE - over.falling;
        self.begins = true;
        Some(*over.player)
    }

    /// What lies over it.
    pub fn over(&self) -> Option<PlayId> {
        self.over.as_ref().map(|over| over.player.id)
    }

    /// It, or what lies over it, is to be heard along with the talk.
    pub fn has_with_talk(&self) -> bool {
        self.with_talk || self.over.as_ref().is_some_and(|over| over.player.with_talk)
    }

    /// What lay over it and has ended; told once.
    pub fn take_ended(&mut self) -> Option<PlayId> {
        self.ended.take()
    }

    /// Fills a packet's payload; tells how much there was to play. Less than asked for means that this was the end.
    pub fn fill<G: Grain>(&mut self, codec: Codec, payload: &mut [G]) -> usize {
        let dying = self.dying.1.min(payload.len());
        if dying > 0 {
            let (level, left) = self.dying;
            for (at, grain) in payload[..dying].iter_mut().enumerate() {
                *grain = G::new(codec, (i32::from(level) * (left - at) as i32 / (FADE + 1) as i32) as i16);
            }
            self.dying.1 -= dying;
            return dying + self.fill_on(codec, &mut payload[dying..]);
        }
        self.fill_on(codec, payload)
    }

    fn fill_on<G: Grain>(&mut self, codec: Codec, payload: &mut [G]) -> usize {
        let mut done = 0;
        if let Some(over) = &mut self.over {
            let fading = over.falling.min(payload.len());
            let from = over.falling;
            over.falling -= fading;
            done = self.fill_own(codec, &mut payload[..fading]);
            fade(codec, &mut payload[..done], |at| from - at);
            payload[done..fading].fill(G::new(codec, 0));
            done = fading;
        }
        if let Some(over) = &mut self.over {
            done += over.player.fill(codec, &mut payload[done..]);
            if done == payload.len() {
                return done;
            }
            self.ended = Some(over.player.id);
            self.over = None;
            self.rising = FADE;
        }
        let own = self.fill_own(codec, &mut payload[done..]);
        let rising = self.rising.min(own);
        let left = self.rising;
        fade(codec, &mut payload[done..done + rising], |at| FADE - left + at);
        self.rising -= rising;
        done + own
    }

    fn fill_own<G: Grain>(&mut self, codec: Codec, mut payload: &mut [G]) -> usize {
        let wanted = payload.len();
        while !payload.is_empty() {
            let Some(sound) = self.sounds.get(self.sound) else {
                if !self.repeat {
                    break;
                }
                self.sound = 0;
                continue;
            };
            let count = G::copy(sound, codec, self.octet, payload);
            if count == 0 && self.octet == 0 {
                // Nothing in this codec: it would never end.
                break;
            }
            payload = payload.split_at_mut(count).1;
            self.octet += count;
            if self.octet >= sound.len() {
                self.sound += 1;
                self.octet = 0;
            }
        }
        wanted - payload.len()
    }

    /// Lets time pass unheard: the music goes on while the leg may not be sent anything.
    pub fn skip(&mut self, samples: usize) -> bool {
        if let Some(over) = &mut self.over {
            if !over.player.skip(samples) {
                self.ended = self.uncover().map(|player| player.id);
            }
            return true;
        }
        let mut left = samples;
        while left > 0 {
            let Some(sound) = self.sounds.get(self.sound) else {
                if !self.repeat {
                    return false;
                }
                self.sound = 0;
                continue;
            };
            let step = left.min(sound.len() - self.octet);
            self.octet += step;
            left -= step;
            if self.octet >= sound.len() {
                self.sound += 1;
                self.octet = 0;
            }
        }
        true
    }
}

/// Scales each sample by so many parts of [`FADE`].
fn fade<G: Grain>(codec: Codec, grains: &mut [G], part: impl Fn(usize) -> usize) {
    for (at, grain) in grains.iter_mut().enumerate() {
        *grain = grain.scaled(codec, part(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::g711;

    /// SW-12: a clip is heard from anywhere in it, softly at first, and from behind its end not at all.
    #[test]
    fn sw_12_a_clip_is_played_from_anywhere() {
        let sound = Arc::new(Sound::from_samples(&[8_000; 1_600]));
        let begun =
            |millis| Player::new(PlayId(1), [Arc::clone(&sound)], false).and_then(|player| player.begun_at(millis));
        let heard = play_out(&mut begun(150).expect("a quarter of it"), 160, 9);
        assert_eq!(heard.len(), 400, "to its end");
        assert!(g711::level(Codec::Pcma, heard[0]).abs() < 200, "softly");
        assert!(g711::level(Codec::Pcma, heard[FADE + 1]) > 7_500);
        assert!(begun(200).is_none() && begun(u32::MAX).is_none());
        let mut round =
            Player::new(PlayId(1), [sound], true).and_then(|player| player.begun_at(350)).expect("it goes round");
        assert_eq!(play_out(&mut round, 160, 20).len(), 3_200);
    }

    fn ramp(from: i16, count: i16) -> Arc<Sound> {
        Arc::new(Sound::from_samples(&(from..from + count).map(|step| step * 40).collect::<Vec<i16>>()))
    }

    fn play_out(player: &mut Player, frame: usize, frames: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        for _ in 0..frames {
            let mut payload = vec![0; frame];
            let filled = player.fill(Codec::Pcma, &mut payload);
            heard.extend(&payload[..filled]);
            if filled < frame {
                break;
            }
        }
        heard
    }

    /// SW-12, QE-04: the loop and the joints of a sequence lose and add no sample, wherever the packets are cut.
    #[test]
    fn joints_and_loops_lose_no_sample() {
        let (one, two) = (ramp(-100, 137), ramp(300, 59));
        let whole = [one.octets(Codec::Pcma), two.octets(Codec::Pcma)].concat();
        let mut player = Player::new(PlayId(1), [one, two], true).expect("something to play");
        let heard = play_out(&mut player, 160, 50);
        assert_eq!(heard.len(), 8_000);
        assert!(heard.iter().eq(whole.iter().cycle().take(8_000)));
    }

    #[test]
    fn a_clip_ends_where_it_ends() {
        let clip = ramp(0, 330);
        let mut player = Player::new(PlayId(1), [clip.clone()], false).expect("something to play");
        assert_eq!(play_out(&mut player, 160, 9), clip.octets(Codec::Pcma));
        let mut again = Player::new(PlayId(1), [clip.clone()], false).expect("something to play");
        assert!(again.skip(170));
        assert_eq!(play_out(&mut again, 160, 9), clip.octets(Codec::Pcma)[170..]);
        assert!(!again.skip(1));
    }

    fn heard(player: &mut Player, frames: usize) -> Vec<i16> {
        let octets = play_out(player, 160, frames);
        octets.iter().map(|octet| g711::ALAW_TO_LINEAR[usize::from(*octet)]).collect()
    }

    /// QE-06: a clip over the music is heard whole; the music goes on behind it where it was, and no joint clicks.
    #[test]
    fn music_rests_under_a_clip_and_goes_on() {
        let loud = |hz: f64, count: usize| -> Arc<Sound> {
            let wave = |at: usize| (9_000.0 * (std::f64::consts::TAU * hz * at as f64 / 8_000.0).cos()) as i16;
            Arc::new(Sound::from_samples(&(0..count).map(wave).collect::<Vec<i16>>()))
        };
        let (music, clip) = (loud(100.0, 80_000), ramp(0, 150));
        let mut player = Player::new(PlayId(1), [music.clone()], true).expect("something to play");
        let before = heard(&mut player, 5);
        assert_eq!(player.lay_over(Player::new(PlayId(2), [clip.clone()], false).expect("something")), None);
        assert_eq!((player.over(), player.take_ended()), (Some(PlayId(2)), None));
        let after = heard(&mut player, 5);
        assert_eq!((player.over(), player.take_ended()), (None, Some(PlayId(2))));
        let whole: Vec<i16> =
            clip.octets(Codec::Pcma).iter().map(|octet| g711::ALAW_TO_LINEAR[usize::from(*octet)]).collect();
        assert_eq!(after[FADE..FADE + 150], whole, "every sample of the clip");
        let music: Vec<i16> =
            music.octets(Codec::Pcma).iter().map(|octet| g711::ALAW_TO_LINEAR[usize::from(*octet)]).collect();
        assert_eq!(after[FADE + 150 + FADE..], music[800 + 2 * FADE..800 + 800 - 150], "and the music goes on");
        let all: Vec<i32> = before.iter().chain(&after[..FADE]).map(|sample| i32::from(*sample)).collect();
        let step = all.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max();
        assert!(step < Some(1_300), "a click of {step:?}; the wave itself has steps of 700, the law of 512");
    }

    /// A second clip replaces the first; taken off, the music is back.
    #[test]
    fn clips_over_music_replace_each_other() {
        let clip = |id| Player::new(PlayId(id), [ramp(0, 800)], false).expect("something to play");
        let mut player = Player::new(PlayId(1), [ramp(-90, 170)], true).expect("something to play");
        assert_eq!(player.lay_over(clip(2)), None);
        assert_eq!(player.lay_over(clip(3)), Some(PlayId(2)));
        heard(&mut player, 1);
        assert_eq!(player.uncover().map(|clip| clip.id), Some(PlayId(3)));
        assert_eq!((player.over(), player.take_ended()), (None, None));
        player.lay_over(clip(4));
        assert!(player.skip(700) && player.take_ended().is_none());
        assert!(player.skip(700));
        assert_eq!(player.take_ended(), Some(PlayId(4)));
    }

    #[test]
    fn nothing_to_hear_is_no_player() {
        assert!(Player::new(PlayId(1), [Arc::new(Sound::from_samples(&[]))], true).is_none());
        let mut player = Player::new(PlayId(1), [ramp(0, 10)], true).expect("something to play");
        assert_eq!(player.fill(Codec::Opus, &mut [g711::ULAW_SILENCE; 20]), 0);
    }
}
