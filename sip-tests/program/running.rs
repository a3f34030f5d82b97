//! One run of the program.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

pub const BINARY: &str = env!("CARGO_BIN_EXE_strowger");

/// Longer than any start or end may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// RTP ports of one run.
const PORTS: u32 = 64;

static NEXT_PORTS: AtomicU32 = AtomicU32::new(0);

/// Of a log that a failed test leaves, this much is shown.
const LOG_END: usize = 8_000;

/// A folder of its own, which goes with the last run that uses it.
pub struct Folder(PathBuf);

/// An empty one.
pub fn folder(name: &str) -> Folder {
    let folder = std::env::temp_dir().join(format!("strowger-program-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    Folder(folder)
}

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(log) = fs::read(self.join("log"))
        {
            eprintln!("its log ends:\n{}", String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_END)..]));
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[allow(clippy::disallowed_methods, reason = "real programs live in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// As many RTP ports as one run needs, none of which anybody has at this moment: as the setting has them.
pub fn free_ports() -> String {
    loop {
        let taken = NEXT_PORTS.fetch_add(PORTS, Ordering::Relaxed);
        let first = 20_000 + (std::process::id() * 1_280 + taken) % 12_000 / PORTS * PORTS;
        let is_free = |port: u32| UdpSocket::bind(("127.0.0.1", u16::try_from(port).unwrap())).is_ok();
        if (first..first + PORTS).all(is_free) {
            return format!("{first}-{}", first + PORTS - 1);
        }
    }
}

/// How it is to be started.
#[derive(Clone)]
pub struct Setup {
    folder: Arc<Folder>,
    trunk: SocketAddr,
    environment: BTreeMap<String, String>,
}

pub struct Program {
    setup: Setup,
    /// What it prints after its banner.
    output: Box<dyn Iterator<Item = String>>,
    child: Child,
    /// Over UDP.
    pub sip: SocketAddr,
    pub sip_tcp: SocketAddr,
    /// All that the banner shows, by transport.
    pub listeners: BTreeMap<String, SocketAddr>,
    pub http: SocketAddr,
    /// The one address that calls as the demo trunk.
    pub trunk: SocketAddr,
    /// Passwords printed at this start.
    pub fresh: BTreeMap<String, String>,
    /// Passwords of this start and those before.
    known: BTreeMap<String, String>,
}

impl Program {
    /// The demo's own files, on free ports and with its trunk at a free one.
    pub fn demo(name: &str) -> Setup {
        let folder = folder(name);
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        fs::create_dir(folder.join("config")).unwrap();
        fs::copy(from.join("strowger.toml"), folder.join("config/strowger.toml")).unwrap();
        let trunk = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let centre = fs::read_to_string(from.join("centre.toml")).unwrap();
        let centre = centre.replace("127.0.0.1:5080", &trunk.to_string());
        fs::write(folder.join("config/centre.toml"), centre).unwrap();
        let environment = BTreeMap::from([
            (String::from("STROWGER_SIP_LISTEN"), String::from("udp:127.0.0.1:0,tcp:127.0.0.1:0")),
            (String::from("STROWGER_HTTP_LISTEN"), String::from("127.0.0.1:0")),
            (String::from("STROWGER_RTP_PORTS"), free_ports()),
        ]);
        Setup { folder: Arc::new(folder), trunk, environment }
    }

    /// A file in its data folder.
    pub fn data(&self, name: &str) -> PathBuf {
        self.setup.folder.join("data").join(name)
    }

    pub fn password(&self, user: &str) -> &str {
        &self.known[user]
    }

    pub fn is_alive(&self) -> bool {
        // SAFETY: signal 0 asks whether the process is there.
        unsafe { libc::kill(self.child.id() as i32, 0) == 0 }
    }

    pub fn terminate(&self) {
        // SAFETY: a signal to a child of ours that has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
    }

    /// From now on no file of its may be written, or all may be again.
    pub fn writes_nothing(&self, nothing: bool) {
        let most = if nothing { 0 } else { libc::RLIM_INFINITY };
        let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
        let pid = self.child.id().cast_signed();
        // SAFETY: a child of ours that has not been waited for, and a structure of ours that is only read.
        let done = unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut()) };
        assert_eq!(done, 0);
    }

    /// Another run of the program, beside this one: whether it went well, and what it said.
    pub fn command(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(BINARY);
        command.current_dir(&**self.setup.folder).envs(&self.setup.environment).args(arguments);
        let done = command.output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(said).unwrap())
    }

    /// Reads the settings again.
    pub fn hang_up_signal(&self) {
        // SAFETY: a signal to a child of ours that has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGHUP) };
    }

    /// The next password that it prints, and whose it is.
    pub fn next_password(&mut self) -> (String, String) {
        for line in self.output.by_ref() {
            if let [user, password] = line.split_whitespace().collect::<Vec<_>>()[..]
                && password.len() == 20
            {
                return (user.to_owned(), password.to_owned());
            }
        }
        panic!("it ended");
    }

    /// A settings file with one piece of text in place of another.
    pub fn rewrite(&self, file: &str, old: &str, new: &str) {
        let path = self.setup.folder.join("config").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file} has no {old}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// Until the log has said it so many times.
    pub fn until_logged(&self, said: &str, times: usize) {
        let until = now() + PATIENCE;
        while self.log().matches(said).count() < times {
            assert!(now() < until, "{}", self.log());
            pause();
        }
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(mut self) -> Self {
        let known = std::mem::take(&mut self.known);
        let mut setup = self.setup.clone();
        // The same address, as a real switch would have.
        setup.environment.insert(String::from("STROWGER_SIP_LISTEN"), format!("udp:{},tcp:127.0.0.1:0", self.sip));
        let mut again = setup.start();
        again.known = known;
        again
    }

    pub fn stop(self) -> Option<i32> {
        self.terminate();
        self.wait()
    }

    pub fn wait(mut self) -> Option<i32> {
        self.wait_for_end()
    }

    pub fn wait_for_end(&mut self) -> Option<i32> {
        let until = now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(now() < until, "it did not end:\n{}", self.log());
            pause();
        }
    }

    pub fn stop_and_read_log(self) -> String {
        let folder = Arc::clone(&self.setup.folder);
        self.stop();
        fs::read_to_string(folder.join("log")).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.setup.folder.join("log")).unwrap_or_default()
    }

    /// Until SIGTERM has been understood.
    pub fn until_draining(&self) {
        self.until_logged("no new calls", 1);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Setup {
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Listens where its file says, not its environment.
    pub fn listening_by_file(mut self, listen: &str) -> Self {
        self.environment.remove("STROWGER_SIP_LISTEN");
        let path = self.folder.join("config/strowger.toml");
        let text = fs::read_to_string(&path).unwrap();
        let new =
            |line: &str| if line.starts_with("listen = [") { format!("listen = [{listen}]") } else { line.to_owned() };
        fs::write(path, text.lines().map(new).collect::<Vec<_>>().join("\n")).unwrap();
        self
    }

    /// Starts it and reads its banner.
    /// Starts it with nowhere to say anything: how it ends, and what the log says.
    pub fn start_unheard(self) -> (Option<i32>, String) {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let mut command = Command::new(BINARY);
        command.current_dir(&**self.folder).envs(&self.environment).env_remove("RUST_LOG").stdout(full).stderr(log);
        let status = command.status().unwrap();
        (status.code(), fs::read_to_string(self.folder.join("log")).unwrap())
    }

    pub fn start(self) -> Program {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut child = Command::new(BINARY)
            .current_dir(&**self.folder)
            .envs(&self.environment)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (mut listeners, mut http, mut fresh) = (BTreeMap::new(), None, BTreeMap::new());
        for line in lines.by_ref() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["SIP", pairs @ ..] => {
                    let pairs = pairs.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].trim_end_matches(',')));
                    listeners = pairs.map(|(name, address)| (name, address.parse().unwrap())).collect();
                }
                ["page", url] => http = url.trim_start_matches("http://").trim_end_matches('/').parse().ok(),
                [user, password] if password.len() == 20 => {
                    drop(fresh.insert((*user).to_owned(), (*password).to_owned()))
                }
                ["stop", ..] => break,
                _ => {}
            }
        }
        let sip = listeners.get("UDP").copied().zip(listeners.get("TCP").copied());
        let Some(((sip, sip_tcp), http)) = sip.zip(http) else {
            panic!("no banner:\n{}", fs::read_to_string(self.folder.join("log")).unwrap_or_default());
        };
        Program {
            trunk: self.trunk,
            setup: self,
            output: Box::new(lines),
            child,
            sip,
            sip_tcp,
            listeners,
            http,
            known: fresh.clone(),
            fresh,
        }
    }
}

/// Between two looks at a process.
pub fn pause() {
    lasts(Duration::from_millis(10));
}

/// Lets real time pass, where that is the story: speech, and a kill so long after something.
pub fn lasts(time: Duration) {
    let (_keep, wait) = std::sync::mpsc::channel::<()>();
    let _ = wait.recv_timeout(time);
}
