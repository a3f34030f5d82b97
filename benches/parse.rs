//! What it costs to read a message: a 934-octet INVITE with its six usual headers typed, ours and rsip in one run.
//!
//! `cargo bench --bench parse` prints both, their ratio and what each allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use criterion::Criterion;
use rsip::prelude::{HeadersExt, ToTypedHeader};
use strowger::wire::sip::{Message, Method, Name, Writer};

/// How often the heap was asked for something.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the count is only a number beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the promises that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

const INVITE: &str = "INVITE sip:+351210000001@sip.example.com:5060;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---8f2a6c1d9b3e4f70;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Ana Silva\" <sip:+351912345678@sip.example.com>;tag=3f9c2b7a\r\n\
    To: <sip:+351210000001@sip.example.com>\r\n\
    Call-ID: 7d1e0c52-4b3f-49a8-9c66-0f2b8a1e7d43@192.0.2.10\r\n\
    CSeq: 102 INVITE\r\n\
    Contact: <sip:+351912345678@192.0.2.10:5060;transport=udp>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, REFER, NOTIFY, INFO\r\n\
    Supported: replaces, timer, 100rel\r\n\
    Session-Expires: 1800\r\n\
    Min-SE: 90\r\n\
    Accept: application/sdp\r\n\
    User-Agent: ExamplePhone/4.2\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 271\r\n\
    \r\n\
    v=0\r\n\
    o=ana 3986174201 3986174201 IN IP4 192.0.2.10\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.10\r\n\
    t=0 0\r\n\
    m=audio 40376 RTP/AVP 8 0 18 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:18 G729/8000\r\n\
    a=fmtp:18 annexb=no\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=sendrecv\r\n";

fn ours(bytes: Bytes) {
    let message = Message::parse(bytes).expect("the message is good");
    let _ = black_box(message.top_via().expect("a Via"));
    let _ = black_box(message.from().expect("a From"));
    let _ = black_box(message.to().expect("a To"));
    let _ = black_box(message.call_id());
    let _ = black_box(message.cseq());
    let _ = black_box(message.contacts().next().expect("a Contact").expect("a good Contact"));
}

fn theirs(bytes: Bytes) {
    let message = rsip::Request::try_from(bytes).expect("the message is good");
    let _ = black_box(message.via_header().expect("a Via").typed().expect("a good Via"));
    let _ = black_box(message.from_header().expect("a From").typed().expect("a good From"));
    let _ = black_box(message.to_header().expect("a To").typed().expect("a good To"));
    let _ = black_box(message.call_id_header().expect("a Call-ID"));
    let _ = black_box(message.cseq_header().expect("a CSeq").typed().expect("a good CSeq"));
    let _ = black_box(message.contact_header().expect("a Contact").typed().expect("a good Contact"));
}

/// The answer a switch gives most often.
fn ringing(invite: &Message) -> Bytes {
    let mut writer = Writer::response(180, None);
    for name in [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq] {
        writer.copy(invite, name);
    }
    writer.header(Name::Contact, "<sip:192.0.2.1:5060>").end()
}

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    work();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// Nanoseconds a message of many short runs, ours and theirs by turns so that both meet the same machine, sorted.
fn runs(bytes: &Bytes) -> [Vec<f64>; 2] {
    const RUNS: usize = 301;
    let mut runs = [Vec::with_capacity(RUNS), Vec::with_capacity(RUNS)];
    for _ in 0..RUNS {
        runs[0].push(nanoseconds(ours, bytes));
        runs[1].push(nanoseconds(theirs, bytes));
    }
    for times in &mut runs {
        times.sort_by(f64::total_cmp);
    }
    runs
}

fn nanoseconds(work: fn(Bytes), bytes: &Bytes) -> f64 {
    const MESSAGES: u32 = 1_000;
    #[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
    let start = Instant::now();
    for _ in 0..MESSAGES {
        work(black_box(bytes.clone()));
    }
    start.elapsed().as_nanos() as f64 / f64::from(MESSAGES)
}

fn compare(bytes: &Bytes) {
    let [own, other] = runs(bytes);
    let count = |work: fn(Bytes)| {
        let copy = bytes.clone();
        allocations(|| work(copy))
    };
    let row = |name, times: &[f64], count| {
        println!(
            "  {name:8} {:7.0} ns median {:7.0} ns fastest {count:4} allocations",
            times[times.len() / 2],
            times[0]
        );
    };
    println!("{}-octet INVITE, six headers typed:", bytes.len());
    row("strowger", &own, count(ours));
    row("rsip", &other, count(theirs));
    println!(
        "  rsip / strowger: {:.1} by median, {:.1} by fastest",
        other[other.len() / 2] / own[own.len() / 2],
        other[0] / own[0]
    );
}

fn main() {
    let bytes = Bytes::from_static(INVITE.as_bytes());
    assert_eq!(bytes.len(), 934, "the message that every figure is quoted for");
    compare(&bytes);
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("parse INVITE, ours", |b| b.iter(|| ours(black_box(bytes.clone()))));
    criterion.bench_function("parse INVITE, rsip", |b| b.iter(|| theirs(black_box(bytes.clone()))));
    let invite = Message::parse(bytes).expect("the message is good");
    assert_eq!(invite.method(), Some(&Method::Invite));
    criterion.bench_function("write 180", |b| b.iter(|| ringing(black_box(&invite))));
    criterion.final_summary();
}
