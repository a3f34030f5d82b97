//! The process's own limits, and the disk's.

use std::{ffi::CString, io, mem::MaybeUninit};

/// A start writes some hundred kilobytes; with less than this the disk is why it failed.
const ROOM_MIN: u64 = 4 << 20;

/// Raises the number of open files to as many as the system allows; returns how many that is.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads into a structure of ours.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: reads from a structure of ours.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

/// A file that may not grow further (`ulimit -f`, systemd's `LimitFSIZE`) is a write that fails, as on a full disk, and not
/// the end of all calls.
pub fn outlive_file_limits() {
    // SAFETY: plain numbers; no handler of ours runs.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Has memory come in plain pages: a huge page for a few kilobytes here and there makes each call look, and cost, many
/// times its size. Where the system refuses, all else still holds.
pub fn plain_pages() {
    // SAFETY: plain numbers; what is mapped already stays as it is.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

/// What a disk has left, for whoever is not root.
#[derive(Clone, Copy, Debug)]
struct Room {
    octets: u64,
    /// New files; `None` where the file system counts none.
    files: Option<u64>,
}

/// What is wrong with the disk of a folder, and what helps. `None`: there is room, or nobody knows.
pub fn lacks_room(folder: &str) -> Option<String> {
    lacking(folder, room(folder).ok()?)
}

fn lacking(folder: &str, Room { octets, files }: Room) -> Option<String> {
    let (missing, see) = if octets < ROOM_MIN {
        (format!("{} kB are free, and the switch needs some megabytes", octets / 1024), "df -h")
    } else if files == Some(0) {
        (String::from("no more files can be made there"), "df -i")
    } else {
        return None;
    };
    Some(format!(
        "the disk of {folder} is full: {missing}; make room (`{see} {folder}` shows it; old recordings are in \
         {folder}/recordings, and nothing else there may be deleted by hand) and start again: calls, agents and \
         registrations are kept until then"
    ))
}

fn room(folder: &str) -> io::Result<Room> {
    let path = CString::new(folder)?;
    let mut found = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: a path that ends with a zero, and a structure of ours, which is only read when it was filled.
    let found = unsafe {
        if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        found.assume_init()
    };
    let files = (found.f_files > 0).then_some(found.f_favail);
    Ok(Room { octets: found.f_bavail.saturating_mul(found.f_frsize), files })
}

/// What a process that does one thing may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub cpu_secs: u64,
    /// Of address space.
    pub octets: u64,
}

/// Takes from this process what it does not need: time, memory, files, a core dump of somebody's sound, and precedence
/// before the switch.
pub fn restrict(limits: &Limits) -> io::Result<()> {
    // Inherited ones stay open.
    const FILES: u64 = 16;
    for (what, most) in [
        (libc::RLIMIT_CPU, limits.cpu_secs),
        (libc::RLIMIT_AS, limits.octets),
        (libc::RLIMIT_NOFILE, FILES),
        (libc::RLIMIT_FSIZE, 0),
        (libc::RLIMIT_CORE, 0),
    ] {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: reads from a structure of ours.
        if unsafe { libc::setrlimit(what, &limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: plain numbers. Where it fails, all else still holds.
    unsafe { libc::nice(10) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_PROCESS: &str = "STROWGER_TEST_OWN_PROCESS";

    /// The limit is the process's own, so another one has it.
    #[test]
    fn a_file_that_may_not_grow_is_a_failed_write() {
        let exe = std::env::current_exe().unwrap();
        let name = "server::limits::tests::a_write_beyond_the_limit";
        let mut command = std::process::Command::new(exe);
        command.args(["--exact", name, "--ignored", "--nocapture"]).env(OWN_PROCESS, "1");
        let told = command.output().unwrap();
        let said = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.status.success() && said.contains("1 passed"), "{:?} {said}", told.status);
    }

    #[test]
    #[ignore = "limits its own process: the test above runs it in one"]
    fn a_write_beyond_the_limit() {
        if std::env::var_os(OWN_PROCESS).is_none() {
            return;
        }
        outlive_file_limits();
        let path = std::env::temp_dir().join(format!("strowger-limit-{}", std::process::id()));
        let limit = libc::rlimit { rlim_cur: 4_096, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: reads from a structure of ours.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
        let written = std::fs::write(&path, vec![0; 10_000]);
        let _ = std::fs::remove_file(&path);
        assert_eq!(written.unwrap_err().raw_os_error(), Some(libc::EFBIG));
    }

    /// OP-01, THREATS (disk full): a start that fails for want of room says so, and how much there is.
    #[test]
    fn a_full_disk_is_named() {
        let of = |octets, files| lacking("data", Room { octets, files });
        let said = of(12 * 1024, Some(9)).expect("too little");
        assert!(said.contains("the disk of data is full: 12 kB are free") && said.contains("df -h data"), "{said}");
        assert!(of(1 << 30, Some(0)).is_some_and(|said| said.contains("df -i data")));
        assert!(of(1 << 30, Some(1)).is_none() && of(1 << 30, None).is_none());
        assert!(room("/").is_ok_and(|room| room.octets > 0) && room("/nowhere at all").is_err());
    }

    /// Where the system tells at all.
    #[test]
    fn memory_comes_in_plain_pages() {
        plain_pages();
        let status = std::fs::read_to_string("/proc/self/status").expect("a status");
        let told = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
        assert!(told.is_none_or(|told| told.trim() == "0"), "{told:?}");
    }
}
