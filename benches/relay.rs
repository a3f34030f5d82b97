//! OP-08, RC-01, SW-09: what a relayed packet costs, against a bare loop of the same hour, what SRTP on both legs adds to it, and
//! what a recorded call costs beyond that: `cargo bench --bench relay [-- calls]`.
//!
//! 600 calls of G.711, 20 ms, both ways, on loopback. The bare loop does no more than `epoll_wait`, `recvfrom` and
//! `sendto` over as many sockets. Both run in turn for a few seconds each; the cost is the CPU time of the threads that
//! relay, and of the one that writes recordings. Prints the ratio, the latency that either adds, and the memory of a call.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a bench reads clocks and starts threads")]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::Range,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use strowger::{
    base::{self, Chance, Private, SegmentId, StreamId},
    media::{
        Codec, Command, Country, Form, KEY_BYTES, PROTECTION_BYTES_MAX, PortPool, Remote, Secure, Security, Standing,
        Suite, tape::Taping,
    },
    plane::{Plane, PlaneSettings},
    store::recordings::Recorder,
};

/// Sockets of the phones; many legs share one.
const PHONES: usize = 40;
const FRAME: Duration = Duration::from_millis(20);
const PACKET_BYTES: usize = 172;
/// With the tag of [`Suite::Long`].
const SECURE_BYTES: usize = PACKET_BYTES + 10;
/// Short, so that whatever else the machine does strikes both alike.
const ROUNDS_A_PHASE: u32 = 40;
const PHASES: u32 = 6;

/// What one phase showed.
struct Phase {
    packets: u64,
    lost: f64,
    cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
}

fn main() {
    let calls: usize = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(600);
    let phones: Arc<Vec<UdpSocket>> = Arc::new((0..PHONES).map(|_| socket((Ipv4Addr::LOCALHOST, 0).into())).collect());
    let data = std::env::temp_dir().join(format!("strowger-bench-{}", std::process::id()));
    let (recorder, tapes) = Recorder::start(data.clone(), |_| {}).unwrap();
    let settings = PlaneSettings {
        address: Ipv4Addr::LOCALHOST.into(),
        ports: 20_000..=20_000 + 8 * u16::try_from(calls).unwrap() + 127,
        browsers: None,
        workers: std::env::var("WORKERS").ok().and_then(|count| count.parse().ok()),
        country: Country::Neutral,
        seed: [1; 32],
        tapes: Some(tapes),
    };
    let epoch = Instant::now();
    let clock = move || base::Instant::from_micros(epoch.elapsed().as_micros() as u64);
    let started = Instant::now();
    let (mut plane, bound) = Plane::start(&settings, clock, |_| {}).unwrap();
    let ports = bound.ports;
    println!("{} port pairs bound in {:.1} ms", ports.len(), started.elapsed().as_secs_f64() * 1e3);
    let memory = resident_kb();
    let mut pool = PortPool::new(ports.iter().copied());
    let legs = open(&mut plane, &mut pool, &phones, 0..calls, false);
    thread::sleep(Duration::from_millis(200));
    println!("memory of a bridged call: {:.1} KB", (resident_kb() - memory) as f64 / calls as f64);
    let secure_legs = open(&mut plane, &mut pool, &phones, calls..2 * calls, true);
    let mut guards: Vec<Secure> = secure_legs.iter().map(|_| Secure::new(security(2, 1))).collect();
    let bare = Bare::start(&phones, calls);
    println!("{calls} calls, {} packets/s each way, {} workers", calls * 100, plane.workers());
    println!("{:<8}{:>10}{:>9}{:>16}{:>9}{:>9}", "", "packets", "lost %", "CPU us/packet", "p50 us", "p99 us");
    let (mut ours, mut theirs, mut secure) = (Vec::new(), Vec::new(), Vec::new());
    run("warm-up", &phones, (&legs, &mut []), &["media-"], 0);
    for phase in 0..PHASES {
        theirs.push(run("bare", &phones, (&bare.legs, &mut []), &["bare"], phase));
        ours.push(run("plane", &phones, (&legs, &mut []), &["media-"], phase + 1));
        secure.push(run("srtp", &phones, (&secure_legs, &mut guards), &["media-"], phase));
    }
    record(&mut plane, calls);
    let taped = |phase| run("taped", &phones, (&legs, &mut []), &["media-", "recorder"], PHASES + 1 + phase).cpu_us;
    let taped: Vec<f64> = (0..PHASES).map(taped).collect();
    bare.stop();
    let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours.cpu_us / theirs.cpu_us).collect();
    ratios.sort_by(f64::total_cmp);
    let plain: Vec<f64> = ours.iter().map(|phase| phase.cpu_us).collect();
    let protected: Vec<f64> = secure.iter().map(|phase| phase.cpu_us).collect();
    println!(
        "SRTP on both legs: {:.2} us of CPU a packet beyond the plain relay",
        median(protected) - median(plain.clone())
    );
    // A hundred packets a second and call.
    println!("recording: {:.2} ms of CPU a call-second", (median(taped) - median(plain)) / 10.0);
    println!("ratio plane / bare: {:.2} (median of {PHASES})", (ratios[2] + ratios[3]) / 2.0);
    let complete = ours.iter().chain(&secure).all(|phase| phase.lost < 0.1);
    drop((plane, settings, recorder));
    fs::remove_dir_all(data).unwrap();
    println!("{}", if complete { "every packet arrived" } else { "packets were lost: the machine was too busy" });
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Records every call, as its first leg says and hears it.
fn record(plane: &mut Plane, calls: usize) {
    for call in 0..calls as u64 {
        let (segment, path) = (SegmentId(call), format!("recordings/{call}.wav").into());
        let taping = Taping::Begin { segment, path, swapped: false };
        plane.send(Command::Record { stream: StreamId(call * 2), taping }).unwrap();
    }
}

fn socket(addr: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_nonblocking(true).unwrap();
    let bytes: libc::c_int = 8 << 20;
    // SAFETY: the value lives through the call and is as long as told.
    unsafe {
        let len = size_of::<libc::c_int>() as u32;
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, (&raw const bytes).cast(), len)
    };
    socket
}

fn security(ours: u8, theirs: u8) -> Security {
    let key = |octet| Private::new([octet; KEY_BYTES]);
    Security { suite: Suite::Long, ours: key(ours), theirs: key(theirs), mki: 0 }
}

/// Opens and joins two streams a call; tells where each leg's phone sends to.
fn open(
    plane: &mut Plane,
    pool: &mut PortPool,
    phones: &[UdpSocket],
    calls: Range<usize>,
    is_secure: bool,
) -> Vec<SocketAddr> {
    let mut legs = Vec::new();
    for call in calls {
        let first = pool.take(base::Instant::ZERO, None).unwrap();
        let second = pool.take(base::Instant::ZERO, Some(first.worker)).unwrap();
        for (side, port) in [first, second].into_iter().enumerate() {
            let stream = StreamId((call * 2 + side) as u64);
            let remote = Some(Remote::new(phones[(call * 2 + side) % PHONES].local_addr().unwrap()));
            let form = Form { security: is_secure.then(|| security(1, 2)), ..Form::plain(Codec::Pcmu) };
            let standing = Box::new(Standing::begin(&mut Chance::from_number(stream.0)));
            plane.send(Command::Open { stream, port, remote, form, standing }).unwrap();
            legs.push(port.rtp);
        }
        let (a, b) = (StreamId((call * 2) as u64), StreamId((call * 2 + 1) as u64));
        plane.send(Command::Join { a, b }).unwrap();
    }
    legs
}

/// Every leg's phone speaks for one phase, spread over the 20 ms; what comes back is timed, where it can be read without keys.
fn run(
    name: &str,
    phones: &Arc<Vec<UdpSocket>>,
    (legs, guards): (&[SocketAddr], &mut [Secure]),
    threads: &[&str],
    phase: u32,
) -> Phase {
    drain(phones);
    let done = Arc::new(AtomicBool::new(false));
    let ears = listen(phones.clone(), done.clone());
    let (start, before) = (Instant::now(), cpu_ns(threads));
    let (mut packet, mut sent) = ([0xd5u8; PACKET_BYTES + PROTECTION_BYTES_MAX], 0u64);
    packet[..2].copy_from_slice(&[0x80, 0]);
    // Two groups a millisecond.
    let groups = 40;
    for round in 0..ROUNDS_A_PHASE {
        // Sequence numbers go on from phase to phase, as a phone's do.
        let frame = phase * ROUNDS_A_PHASE + round;
        for group in 0..groups {
            let due = FRAME * round + FRAME * group / groups;
            while let Some(wait) = due.checked_sub(start.elapsed()) {
                thread::sleep(wait);
            }
            for (leg, to) in legs.iter().enumerate().filter(|(leg, _)| leg % groups as usize == group as usize) {
                packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
                packet[4..8].copy_from_slice(&(frame * 160).to_be_bytes());
                packet[8..12].copy_from_slice(&(leg as u32 + 1).to_be_bytes());
                packet[12..20].copy_from_slice(&now_ns().to_be_bytes());
                let len =
                    guards.get_mut(leg).map_or(Some(PACKET_BYTES), |guard| guard.protect(&mut packet, PACKET_BYTES));
                sent += u64::from(phones[leg % PHONES].send_to(&packet[..len.unwrap()], to).is_ok());
            }
        }
    }
    thread::sleep(Duration::from_millis(50));
    let cpu = cpu_ns(threads) - before;
    done.store(true, Ordering::Relaxed);
    let mut delays = ears.join().unwrap();
    delays.sort_unstable();
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).map_or(0.0, |ns| *ns as f64 / 1e3);
    let phase = Phase {
        packets: delays.len() as u64,
        lost: (sent as f64 - delays.len() as f64) * 100.0 / sent as f64,
        cpu_us: cpu as f64 / 1e3 / delays.len().max(1) as f64,
        p50_us: at(0.5),
        p99_us: at(0.99),
    };
    let Phase { packets, lost, cpu_us, p50_us, p99_us } = phase;
    println!("{name:<8}{packets:>10}{lost:>9.3}{cpu_us:>16.2}{p50_us:>9.0}{p99_us:>9.0}");
    phase
}

/// Receives on all phones and notes how long each packet was under way.
fn listen(phones: Arc<Vec<UdpSocket>>, done: Arc<AtomicBool>) -> JoinHandle<Vec<u64>> {
    thread::spawn(move || {
        let poll = Poll::new(phones.iter());
        let (mut delays, mut buffer) = (Vec::with_capacity(200_000), [0; 2_048]);
        while !done.load(Ordering::Relaxed) {
            for place in poll.wait(20) {
                while let Ok((len, _)) = phones[place].recv_from(&mut buffer) {
                    let stamp = buffer[..len].get(12..20).map_or([0; 8], |stamp| stamp.try_into().unwrap());
                    // RTCP comes to a phone of ours too, when its port is another's plus one.
                    match len {
                        PACKET_BYTES => delays.push(now_ns().saturating_sub(u64::from_be_bytes(stamp))),
                        SECURE_BYTES => delays.push(0),
                        _ => {}
                    }
                }
            }
        }
        delays
    })
}

fn drain(phones: &[UdpSocket]) {
    let mut buffer = [0; 2_048];
    for phone in phones {
        while phone.recv_from(&mut buffer).is_ok() {}
    }
}

/// The least that any relay must do, on one thread.
struct Bare {
    legs: Vec<SocketAddr>,
    done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Bare {
    fn start(phones: &[UdpSocket], calls: usize) -> Self {
        let sockets: Vec<UdpSocket> = (0..calls * 2).map(|_| socket((Ipv4Addr::LOCALHOST, 0).into())).collect();
        let legs = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let targets: Vec<SocketAddr> =
            (0..calls * 2).map(|leg| phones[(leg ^ 1) % PHONES].local_addr().unwrap()).collect();
        let done = Arc::new(AtomicBool::new(false));
        let ended = done.clone();
        let relay = move || {
            let poll = Poll::new(sockets.iter());
            let mut buffer = [0; 2_048];
            while !ended.load(Ordering::Relaxed) {
                for place in poll.wait(100) {
                    if let Ok((len, _)) = sockets[place].recv_from(&mut buffer) {
                        let _ = sockets[place ^ 1].send_to(&buffer[..len], targets[place]);
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("bare".into()).spawn(relay).unwrap();
        Self { legs, done, thread }
    }

    fn stop(self) {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

struct Poll(libc::c_int);

impl Poll {
    fn new<'a>(sockets: impl Iterator<Item = &'a UdpSocket>) -> Self {
        // SAFETY: no pointers.
        let poll = unsafe { libc::epoll_create1(0) };
        for (place, socket) in sockets.enumerate() {
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: place as u64 };
            // SAFETY: the event lives through the call.
            unsafe { libc::epoll_ctl(poll, libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &raw mut event) };
        }
        Self(poll)
    }

    fn wait(&self, millis: libc::c_int) -> impl Iterator<Item = usize> + use<> {
        let mut ready = [libc::epoll_event { events: 0, u64: 0 }; 512];
        // SAFETY: there is room for as many events as told.
        let count = unsafe { libc::epoll_wait(self.0, ready.as_mut_ptr(), 512, millis) };
        (0..usize::try_from(count).unwrap_or(0)).map(move |at| ready[at].u64 as usize)
    }
}

fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU time of our threads whose names begin with one of these.
fn cpu_ns(names: &[&str]) -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok);
    let named = tasks.filter(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| names.iter().any(|name| comm.starts_with(name)))
    });
    named
        .filter_map(|task| {
            fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
        })
        .sum()
}

fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
