//! Uploads, and sounds that the settings name, are decoded in a process of their own, by this same program: a decoder that panics ends that process and not
//! the switch, and one that takes too long, or too much memory, is ended by the system or by us.

use std::{
    io::{self, Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use super::{
    limits::{Limits, restrict},
    sounds,
};
use crate::{
    api::{ClipFault, DecodedClip},
    media::{
        SAMPLE_RATE, Sound,
        upload::{self, Bounds, UploadError},
        wav,
    },
};

/// What decodes when it is called so; not for people.
const WORD: &str = "decode-clip";

/// Beside it, for a file that the settings name.
const OF_SETTINGS: &str = "--settings";

/// What one file may take.
#[derive(Clone, Copy, Debug)]
struct Work {
    bounds: Bounds,
    time: Duration,
    /// Of processor time, address space and files. The longest sound takes some hundred megabytes, the program itself a
    /// gigabyte that it never touches.
    limits: Limits,
}

impl Work {
    /// The longest clip of all takes a second or two.
    const UPLOAD: Self = Self {
        bounds: Bounds::UPLOAD,
        time: Duration::from_secs(30),
        limits: Limits { cpu_secs: 20, octets: 4 << 30 },
    };

    /// Half an hour of music takes ten times as long, and a start waits for it.
    const SETTINGS: Self = Self {
        bounds: Bounds::SETTINGS,
        time: Duration::from_secs(90),
        limits: Limits { cpu_secs: 60, octets: 4 << 30 },
    };

    /// The verdict, and the longest sound.
    const fn answer_max(self) -> usize {
        1_024 + (self.bounds.seconds + 1) * SAMPLE_RATE * 2 * size_of::<i16>()
    }
}

/// The verdict on a sound that follows it.
const GOOD: u8 = 0;

/// Decodes an upload to what is kept and played. May take as long as that takes.
pub fn decode(file: &[u8]) -> Result<DecodedClip, ClipFault> {
    ask_myself(&[WORD], file, Work::UPLOAD).map(|sound| sounds::decoded(&sound)).map_err(sounds::fault)
}

/// The same of a file that the settings name.
pub fn decode_of_settings(file: &[u8]) -> Result<Sound, UploadError> {
    ask_myself(&[WORD, OF_SETTINGS], file, Work::SETTINGS)
}

fn ask_myself(words: &[&str], file: &[u8], work: Work) -> Result<Sound, UploadError> {
    if file.len() > work.bounds.octets {
        return Err(UploadError::TooLarge);
    }
    let program = std::env::current_exe().map_err(|why| undecodable(&why.to_string()))?;
    // Where the system has it, the one that runs, even when another has been installed over it.
    let own = std::path::Path::new("/proc/self/exe");
    let mut program = Command::new(if own.exists() { own } else { &program });
    ask(program.args(words).env_clear(), file, work)
}

/// The other side: reads a sound, and says what it is.
pub fn answer(of_settings: bool) -> io::Result<()> {
    let work = if of_settings { Work::SETTINGS } else { Work::UPLOAD };
    restrict(&work.limits)?;
    let mut file = Vec::new();
    io::stdin().lock().take(work.bounds.octets as u64 + 1).read_to_end(&mut file)?;
    let mut out = io::stdout().lock();
    match upload::decode(file, work.bounds) {
        Ok(sound) => {
            out.write_all(&[GOOD])?;
            out.write_all(&wav::write(&sound))?;
        }
        Err(fault) => out.write_all(&[fault.number()])?,
    }
    out.flush()
}

fn ask(program: &mut Command, file: &[u8], work: Work) -> Result<Sound, UploadError> {
    let answer = run(program, file, work).map_err(|why| undecodable(&why.to_string()))?;
    match answer.split_first() {
        Some((&GOOD, sound)) => wav::read(sound).map_err(|why| undecodable(&why.to_string())),
        Some((number, [])) => {
            let fault = UploadError::numbered(*number);
            Err(fault.unwrap_or_else(|| undecodable("a verdict that nobody knows")))
        }
        Some(_) | None => Err(undecodable("the decoder ended without an answer")),
    }
}

/// What a program says to what it is given. It is over afterwards, by itself or not.
fn run(program: &mut Command, file: &[u8], work: Work) -> io::Result<Vec<u8>> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // Its number is its own until it has been waited for.
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut answer = Vec::new();
    let heard = std::thread::scope(|scope| {
        // One that has ended takes nothing more: what it said counts.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(file)));
        let (is_heard, until_heard) = channel::<()>();
        scope.spawn(move || {
            if until_heard.recv_timeout(work.time) == Err(RecvTimeoutError::Timeout) {
                kill(pid);
            }
        });
        let heard = stdout.map(|stdout| stdout.take(work.answer_max() as u64 + 1).read_to_end(&mut answer));
        // One that says too much would wait for us to hear the rest.
        if answer.len() > work.answer_max() {
            kill(pid);
        }
        drop(is_heard);
        heard
    });
    let status = child.wait()?;
    heard.transpose()?;
    if !status.success() {
        return Err(io::Error::other(format!("the decoder ended with {status}")));
    }
    if answer.len() > work.answer_max() {
        return Err(io::Error::other("the decoder said too much"));
    }
    Ok(answer)
}

fn kill(pid: libc::pid_t) {
    // SAFETY: plain numbers; of a child of ours that nobody has waited for yet.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// For who sent it, it is a broken file; the rest is for whoever minds the machine.
fn undecodable(why: &str) -> UploadError {
    tracing::warn!(why, "a sound could not be decoded");
    UploadError::Broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Clock;

    fn said_by(script: &str, file: &[u8]) -> Result<Sound, UploadError> {
        let work = Work { time: Duration::from_millis(500), ..Work::UPLOAD };
        ask(Command::new("sh").args(["-c", script]), file, work)
    }

    /// SC-01, THREATS (uploads): whatever becomes of the decoder, the switch lives and says that the file is broken,
    /// and nothing goes on running behind it.
    #[test]
    fn sc_01_a_decoder_that_fails_takes_nobody_with_it() {
        let file = vec![7; 1 << 20];
        let broken = Err(UploadError::Broken);
        let clock = Clock::start();
        for script in [
            "kill -ABRT $$",
            "cat > /dev/null; exit 1",
            "cat > /dev/null",
            "printf '\\000no sound'",
            "printf '\\001and more'",
            "printf '\\377'",
            "exec sleep 60",
            "exec cat /dev/zero",
        ] {
            assert_eq!(said_by(script, &file), broken, "{script}");
        }
        assert!(
            clock.mono().since(crate::base::Instant::from_micros(0)) < Duration::from_secs(20),
            "nobody is waited for"
        );
        assert_eq!(ask(&mut Command::new("/nowhere/strowger"), &file, Work::UPLOAD), broken);
        assert_eq!(decode(&vec![0; Bounds::UPLOAD.octets + 1]), Err(sounds::fault(UploadError::TooLarge)));
    }

    /// SC-01: a sound comes back as it was sent, a verdict as what it means.
    #[test]
    fn sc_01_what_a_decoder_says_is_understood() {
        let sound = Sound::from_samples(&[1_000; 800]);
        let mut file = vec![GOOD];
        file.extend(wav::write(&sound));
        let clip = said_by("exec cat", &file).expect("a clip");
        let clip = sounds::decoded(&clip);
        assert_eq!((clip.millis, clip.wav.as_slice()), (100, &file[1..]));
        for fault in UploadError::ALL {
            assert_eq!(said_by(&format!("printf '\\{:03o}'", fault.number()), &[]), Err(fault));
        }
    }
}
