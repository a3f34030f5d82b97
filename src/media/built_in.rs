//! Sounds that come with the switch. How they were made and their licence: `media/README.md`.

use super::{Sound, wav};

/// What a caller hears while waiting, where no other music is set; a loop of 46 s.
pub fn hold_music() -> Sound {
    read(include_bytes!("../../media/hold_music.wav"))
}

/// What `strowger test-call` says.
pub fn hello() -> Sound {
    read(include_bytes!("../../media/hello.wav"))
}

/// Files of our own: a test reads them, so that no start has to fail.
fn read(file: &[u8]) -> Sound {
    wav::read(file).unwrap_or_else(|_| Sound::from_samples(&[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{longest_quiet_ms, loudness};

    /// QE-04: the hold music sounds all the way and across its joint.
    #[test]
    fn hold_music_sounds_without_a_hole() {
        let once: Vec<i16> = hold_music().samples().collect();
        assert!(once.len() > 40 * 8_000);
        let twice = [&once[..], &once[..]].concat();
        assert!(longest_quiet_ms(&twice, 50) < 20);
        for second in twice.chunks(8_000) {
            assert!((500.0..12_000.0).contains(&loudness(second)), "{}", loudness(second));
        }
        let joint = &twice[once.len() - 1..=once.len()];
        let step = i32::from(joint[0]) - i32::from(joint[1]);
        assert!(step.abs() < 3_000, "a click of {step} at the joint");
    }

    #[test]
    fn the_test_call_has_something_to_say() {
        let hello: Vec<i16> = hello().samples().collect();
        assert!((4 * 8_000..15 * 8_000).contains(&hello.len()) && loudness(&hello) > 800.0);
    }
}
