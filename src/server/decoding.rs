//! Uploads are decoded in a process of their own, by this same program: a decoder that panics ends that process and not
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
        SAMPLE_RATE,
        upload::{self, UPLOAD_BYTES_MAX, UPLOAD_SECONDS_MAX, UploadError},
        wav,
    },
};

/// What decodes when it is called so; not for people.
pub const WORD: &str = "decode-clip";

/// The longest clip of all takes a second or two.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Of processor time, address space and files. The longest sound takes some hundred megabytes, the program itself a
/// gigabyte that it never touches.
const LIMITS: Limits = Limits { cpu_secs: 20, octets: 4 << 30 };

/// The verdict, and the longest sound.
const ANSWER_BYTES_MAX: usize = 1_024 + (UPLOAD_SECONDS_MAX + 1) * SAMPLE_RATE;

/// The verdict on a sound that follows it.
const GOOD: u8 = 0;

/// Decodes an upload to what is kept and played. May take as long as that takes.
pub fn decode(file: &[u8]) -> Result<DecodedClip, ClipFault> {
    if file.len() > UPLOAD_BYTES_MAX {
        return Err(sounds::fault(UploadError::TooLarge));
    }
    let program = std::env::current_exe().map_err(|why| undecodable(&why.to_string()))?;
    // Where the system has it, the one that runs, even when another has been installed over it.
    let own = std::path::Path::new("/proc/self/exe");
    let mut program = Command::new(if own.exists() { own } else { &program });
    ask(program.arg(WORD).env_clear(), file, TIME_MAX)
}

/// The other side: reads an upload, and says what it is.
pub fn answer() -> io::Result<()> {
    restrict(&LIMITS)?;
    let mut file = Vec::new();
    io::stdin().lock().take(UPLOAD_BYTES_MAX as u64 + 1).read_to_end(&mut file)?;
    let mut out = io::stdout().lock();
    match upload::decode(file) {
        Ok(sound) => {
            out.write_all(&[GOOD])?;
            out.write_all(&wav::write(&sound))?;
        }
        Err(fault) => out.write_all(&[fault.number()])?,
    }
    out.flush()
}

fn ask(program: &mut Command, file: &[u8], time: Duration) -> Result<DecodedClip, ClipFault> {
    let answer = run(program, file, time).map_err(|why| undecodable(&why.to_string()))?;
    match answer.split_first() {
        Some((&GOOD, sound)) => {
            let read = wav::read(sound).map_err(|why| undecodable(&why.to_string()))?;
            Ok(sounds::decoded(&read))
        }
        Some((number, [])) => {
            let fault = UploadError::numbered(*number);
            Err(fault.map_or_else(|| undecodable("a verdict that nobody knows"), sounds::fault))
        }
        Some(_) | None => Err(undecodable("the decoder ended without an answer")),
    }
}

/// What a program says to what it is given. It is over afterwards, by itself or not.
fn run(program: &mut Command, file: &[u8], time: Duration) -> io::Result<Vec<u8>> {
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
            if until_heard.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                kill(pid);
            }
        });
        let heard = stdout.map(|stdout| stdout.take(ANSWER_BYTES_MAX as u64 + 1).read_to_end(&mut answer));
        // One that says too much would wait for us to hear the rest.
        if answer.len() > ANSWER_BYTES_MAX {
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
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(io::Error::other("the decoder said too much"));
    }
    Ok(answer)
}

fn kill(pid: libc::pid_t) {
    // SAFETY: plain numbers; of a child of ours that nobody has waited for yet.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// For who sent it, it is a broken file; the rest is for whoever minds the machine.
fn undecodable(why: &str) -> ClipFault {
    tracing::warn!(why, "an upload could not be decoded");
    sounds::fault(UploadError::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Clock;

    fn said_by(script: &str, file: &[u8]) -> Result<DecodedClip, ClipFault> {
        ask(Command::new("sh").args(["-c", script]), file, Duration::from_millis(500))
    }

    /// SC-01, THREATS (uploads): whatever becomes of the decoder, the switch lives and says that the file is broken,
    /// and nothing goes on running behind it.
    #[test]
    fn sc_01_a_decoder_that_fails_takes_nobody_with_it() {
        let file = vec![7; 1 << 20];
        let broken = Err(sounds::fault(UploadError::Broken));
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
        assert_eq!(ask(&mut Command::new("/nowhere/strowger"), &file, TIME_MAX), broken);
        assert_eq!(decode(&vec![0; UPLOAD_BYTES_MAX + 1]), Err(sounds::fault(UploadError::TooLarge)));
    }

    /// SC-01: a sound comes back as it was sent, a verdict as what it means.
    #[test]
    fn sc_01_what_a_decoder_says_is_understood() {
        let sound = crate::media::Sound::from_samples(&[1_000; 800]);
        let mut file = vec![GOOD];
        file.extend(wav::write(&sound));
        let clip = said_by("exec cat", &file).expect("a clip");
        assert_eq!((clip.millis, clip.wav.as_slice()), (100, &file[1..]));
        for fault in UploadError::ALL {
            assert_eq!(said_by(&format!("printf '\\{:03o}'", fault.number()), &[]), Err(sounds::fault(fault)));
        }
    }
}
