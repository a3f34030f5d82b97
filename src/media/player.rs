//! Plays sounds without a gap: from one to the next, and from the end to the start again.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Codec, Sound};
use crate::base::PlayId;

/// A running player. It only copies octets that were encoded when the sound was loaded.
#[derive(Debug)]
pub struct Player {
    pub id: PlayId,
    sounds: SmallVec<[Arc<Sound>; 1]>,
    repeat: bool,
    sound: usize,
    octet: usize,
}

impl Player {
    /// `None` when there is nothing to hear.
    pub fn new(id: PlayId, sounds: impl IntoIterator<Item = Arc<Sound>>, repeat: bool) -> Option<Self> {
        let sounds: SmallVec<_> = sounds.into_iter().filter(|sound| !sound.is_empty()).collect();
        (!sounds.is_empty()).then_some(Self { id, sounds, repeat, sound: 0, octet: 0 })
    }

    /// Fills a packet's payload; tells how much there was to play. Less than asked for means that this was the end.
    pub fn fill(&mut self, codec: Codec, mut payload: &mut [u8]) -> usize {
        let wanted = payload.len();
        while !payload.is_empty() {
            let Some(sound) = self.sounds.get(self.sound) else {
                if !self.repeat {
                    break;
                }
                self.sound = 0;
                continue;
            };
            let rest = sound.octets(codec).get(self.octet..).unwrap_or_default();
            if rest.is_empty() && self.octet == 0 {
                // No octets in this codec: it would never end.
                break;
            }
            let count = rest.len().min(payload.len());
            let (now, later) = payload.split_at_mut(count);
            now.copy_from_slice(&rest[..count]);
            payload = later;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::g711;

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

    #[test]
    fn nothing_to_hear_is_no_player() {
        assert!(Player::new(PlayId(1), [Arc::new(Sound::from_samples(&[]))], true).is_none());
        let mut player = Player::new(PlayId(1), [ramp(0, 10)], true).expect("something to play");
        assert_eq!(player.fill(Codec::Opus, &mut [g711::ULAW_SILENCE; 20]), 0);
    }
}
