use std::f64::consts::TAU;

use super::{decode as decode_within, *};
use crate::media::{tone_peak, tone_snr_db, wav};

fn decode(file: Vec<u8>) -> Result<Sound, UploadError> {
    decode_within(file, Bounds::UPLOAD)
}

/// A WAV file of 16-bit samples.
fn pcm(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let body: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + body.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(channels) * 2).to_le_bytes());
    file.extend((channels * 2).to_le_bytes());
    file.extend(b"\x10\0data");
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

fn sine(rate: u32, hz: f64, millis: usize) -> Vec<i16> {
    let count = rate as usize * millis / 1_000;
    (0..count).map(|at| ((TAU * hz * at as f64 / f64::from(rate)).sin() * 9_000.0) as i16).collect()
}

/// SC-07: whatever the rate, a clip is as long as it was, keeps its tones, and what lies above 4 kHz does not fold down.
#[test]
fn sc_07_any_rate_keeps_length_and_tones() {
    for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000] {
        let sound = decode(pcm(rate, 1, &sine(rate, 1_000.0, 1_000))).expect("a usual file");
        assert_eq!(sound.len(), 8_000, "{rate}");
        let samples: Vec<i16> = sound.samples().collect();
        assert!(tone_snr_db(&samples[200..7_800], 1_000.0) > 30.0, "{rate}");
        assert!((8_700.0..9_300.0).contains(&tone_peak(&samples[200..7_800], 1_000.0)), "{rate}");
        if rate > 12_000 {
            let high = decode(pcm(rate, 1, &sine(rate, 5_000.0, 500))).expect("a usual file");
            let samples: Vec<i16> = high.samples().collect();
            assert!(tone_peak(&samples[200..3_800], 3_000.0) < 60.0, "{rate}: 5 kHz must not fold down to 3");
        }
    }
    let stereo: Vec<i16> = sine(44_100, 700.0, 300).into_iter().flat_map(|sample| [sample, 0]).collect();
    let samples: Vec<i16> = decode(pcm(44_100, 2, &stereo)).expect("stereo").samples().collect();
    assert!((4_300.0..4_700.0).contains(&tone_peak(&samples[200..2_200], 700.0)), "both channels, evenly");
}

/// SC-07: what `sox` and `ffmpeg` write into a pipe, where they can't say how long it becomes, is a clip to its last sample.
#[test]
fn sc_07_files_written_into_a_pipe_are_read() {
    let whole = pcm(16_000, 1, &sine(16_000, 1_000.0, 1_000));
    for (riff, data) in [(u32::MAX, u32::MAX), (0x7fff_f024, 0x7fff_f000), (36, 0), (0, 0)] {
        let mut piped = whole.clone();
        piped[4..8].copy_from_slice(&riff.to_le_bytes());
        piped[40..44].copy_from_slice(&data.to_le_bytes());
        let sound = decode(piped).unwrap_or_else(|why| panic!("{data:#x}: {why}"));
        assert_eq!(sound.len(), 8_000, "{data:#x}");
        let samples: Vec<i16> = sound.samples().collect();
        assert!(tone_snr_db(&samples[200..7_800], 1_000.0) > 30.0, "{data:#x}");
    }
    let mut rateless = whole;
    rateless[24..28].fill(0);
    assert_eq!(decode(rateless).map(|sound| sound.len()), Err(UploadError::Broken));
}

/// SC-07: a clip begins and ends in silence, so that it clicks nowhere.
#[test]
fn sc_07_edges_do_not_click() {
    let loud: Vec<i16> = vec![20_000; 8_000];
    let samples: Vec<i16> = decode(pcm(8_000, 1, &loud)).expect("a file").samples().collect();
    assert!(samples[0].unsigned_abs() < 16 && samples[7_999].unsigned_abs() < 16);
    let step = samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
    assert!(step < Some(1_600), "{step:?}");
    assert!((19_000..21_000).contains(&samples[4_000]));
}

/// SC-01: the kinds that people have are read by what is in them: one second of 440 Hz, each from another program.
#[test]
fn sc_01_the_usual_kinds_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/upload");
    for name in ["tone.flac", "tone.mp3", "tone.ogg", "tone.wav", "tone.opus", "stereo.opus"] {
        let file = std::fs::read(folder.join(name)).expect("a file");
        let sound = decode(file.clone()).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!((7_900..=8_500).contains(&sound.len()), "{name}: {}", sound.len());
        let samples: Vec<i16> = sound.samples().collect();
        assert!(tone_snr_db(&samples[1_000..7_000], 440.0) > 20.0, "{name}");
        // Torn anywhere it is read as far as it goes, or refused.
        for cut in (0..file.len()).step_by(file.len() / 40 + 1) {
            let _ = decode(file[..cut].to_vec());
        }
    }
}

/// SC-01, SC-07: a file of Opus is a clip just as long as it was: what its encoder was ahead is left out, and so is what fills
/// its last packet. What several streams make together is refused, and so is what is longer than a clip may be.
#[test]
fn sc_01_sc_07_opus_is_as_long_as_it_was() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/corpus/upload");
    for name in ["tone.opus", "stereo.opus"] {
        let file = std::fs::read(folder.join(name)).expect("a file");
        let sound = decode(file.clone()).expect("a file of libopus");
        assert_eq!(sound.len(), 8_000, "{name}");
        let samples: Vec<i16> = sound.samples().collect();
        assert!((8_000.0..10_000.0).contains(&tone_peak(&samples[1_000..7_000], 440.0)), "{name}");
        let head = file.windows(8).position(|octets| octets == b"OpusHead").expect("a head");
        let Some(opened) = opus::Stream::new(&file[head..head + 19], 1, &[]) else { panic!("{name}: its own head") };
        drop(opened);
        let mut several = file[head..head + 19].to_vec();
        (several[9], several[18]) = (2, 1);
        several.extend([2, 0, 0, 1]);
        assert!(opus::Stream::new(&several, 1, &[]).is_none(), "{name}: two streams");
    }
}

#[test]
fn what_is_no_sound_is_refused() {
    let refused = |file: Vec<u8>| decode(file).map(|sound| sound.len()).expect_err("refused");
    assert_eq!(refused(Vec::new()), UploadError::Unknown);
    assert_eq!(refused(b"<html>not a sound</html>".repeat(100)), UploadError::Unknown);
    assert_eq!(refused(pcm(8_000, 1, &[])), UploadError::Empty);
    assert_eq!(refused(vec![0; UPLOAD_BYTES_MAX + 1]), UploadError::TooLarge);
    assert_eq!(refused(pcm(4_000, 1, &vec![0; (UPLOAD_SECONDS_MAX + 1) * 4_000])), UploadError::TooLong);
    let _ = wav::read(&[]);
}
