//! `kill -9` in the middle of calls, with sound both ways.

use std::{net::SocketAddr, time::Duration};

use strowger::wire::sip::Message;

use super::{
    http::Http,
    phone::Phone,
    running::{Program, lasts, now},
};

/// Longer than any restart may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One side's sound: a packet of its own octet every 20 ms, and what comes back.
pub struct Voice<'a> {
    phone: &'a Phone,
    to: SocketAddr,
    octet: u8,
    sent: u16,
    sources: Vec<u32>,
}

impl<'a> Voice<'a> {
    pub fn new(phone: &'a Phone, description: &Message, octet: u8) -> Self {
        let sdp = String::from_utf8(description.body().to_vec()).unwrap();
        let port = sdp.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap();
        Self { phone, to: format!("127.0.0.1:{port}").parse().unwrap(), octet, sent: 0, sources: Vec::new() }
    }

    pub fn speaks(&mut self) {
        self.sent += 1;
        let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, self.octet];
        packet[2..4].copy_from_slice(&self.sent.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(self.sent) * 160).to_be_bytes());
        packet.resize(172, self.octet);
        // While the switch is away nobody is there to hear it.
        let _ = self.phone.rtp.send_to(&packet, self.to);
    }

    /// Packets of the other's voice that have come, and from which sources.
    fn hears(&mut self, other: u8) -> usize {
        let mut buffer = [0; 2_048];
        let mut heard = 0;
        while let Ok(length) = self.phone.rtp.recv(&mut buffer) {
            if length > 12 && buffer[length - 1] == other {
                heard += 1;
                let source = u32::from_be_bytes(buffer[8..12].try_into().unwrap());
                if !self.sources.contains(&source) {
                    self.sources.push(source);
                }
            }
        }
        heard
    }
}

pub fn tick() {
    lasts(Duration::from_millis(20));
}

/// Both speak until each has heard the other for a while; how long that took.
pub fn until_both_hear(one: &mut Voice<'_>, other: &mut Voice<'_>) -> Duration {
    let began = now();
    let (mut first, mut second) = (0, 0);
    one.hears(other.octet);
    other.hears(one.octet);
    while first < 5 || second < 5 {
        assert!(began.elapsed() < PATIENCE, "{first} and {second} packets heard");
        one.speaks();
        other.speaks();
        tick();
        first += one.hears(other.octet);
        second += other.hears(one.octet);
    }
    began.elapsed()
}

/// Rings the agent and answers: both have the other's description then.
pub fn connects(carrier: &mut Phone, agent: &mut Phone, number: &str) -> (Message, Message) {
    carrier.invite(number);
    let offer = agent.expect_request("INVITE");
    agent.answer(&offer, 200, &agent.sdp());
    while carrier.next_status_over_100() < 200 {}
    carrier.ack();
    agent.expect_request("ACK");
    (carrier.accepted().clone(), offer)
}

/// OP-01: a call through the queue goes on after `kill -9`, heard both ways again without another INVITE; BYE ends it, the
/// agent is free, and its record is whole.
#[test]
fn a_live_call_outlives_kill_nine() {
    let mut program = Program::demo("going-on").start();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("ana", program.password("ana")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    let (accepted, offer) = connects(&mut carrier, &mut agent, "800");
    let (mut caller, mut called) = (Voice::new(&carrier, &accepted, 0x11), Voice::new(&agent, &offer, 0x22));
    until_both_hear(&mut caller, &mut called);
    for _ in 0..25 {
        caller.speaks();
        called.speaks();
        tick();
    }
    let killed = now();
    program.kill();
    program = program.start_again();
    let started = killed.elapsed();
    until_both_hear(&mut caller, &mut called);
    println!("kill -9 to speech again: {:?} (started after {started:?})", killed.elapsed());
    assert_eq!((caller.sources.len(), called.sources.len()), (1, 1), "one unbroken source towards each");
    assert!(killed.elapsed() < PATIENCE);
    let page = Http::sign_in(program.http, "admin", program.password("admin"));
    assert!(page.get("/api/v1/agents").contains("\"status\":\"busy\""), "{}", page.get("/api/v1/agents"));
    agent.hears_no_request();
    carrier.bye();
    agent.expect_request("BYE");
    agent.answer_last(200);
    page.until("/api/v1/agents", |agents| !agents.contains("\"status\":\"busy\""));
    page.until("/api/v1/records", |records| records.contains("\"answered\""));
    program.stop();
}

/// OP-01, OP-02: `kill -9` at 20 moments of calls through the queue: while it rings, while they talk, and just as they
/// hang up. What rang is offered again, who talked goes on, and nobody is busy without a call.
#[test]
fn twenty_kills_leave_nobody_stuck() {
    let mut program = Program::demo("twenty").start();
    program.rewrite("centre.toml", "acw_secs = 10", "acw_secs = 0");
    program.kill();
    program = program.start_again();
    let mut agent = Phone::new(program.sip);
    assert_eq!(agent.register("ana", program.password("ana")), 200);
    let mut carrier = Phone::at(program.sip, program.trunk);
    for point in 0..20_u64 {
        let pause = Duration::from_millis(point * 37 % 200);
        let phase = point % 3;
        let offer = if phase == 0 {
            carrier.invite("800");
            let offer = agent.expect_request("INVITE");
            agent.answer(&offer, 180, "");
            assert_eq!(carrier.next_status_over_100(), 200, "kill {point}");
            carrier.ack();
            Some(offer)
        } else {
            drop(connects(&mut carrier, &mut agent, "800"));
            None
        };
        if phase == 2 {
            carrier.bye();
            lasts(pause);
        } else {
            // The journal's own time, and more.
            lasts(Duration::from_millis(300) + pause);
        }
        program.kill();
        program = program.start_again();
        if let Some(offer) = offer {
            agent.expect_request("CANCEL");
            agent.answer_last(200);
            agent.answer(&offer, 487, "");
            let again = agent.expect_request("INVITE");
            agent.answer(&again, 200, &agent.sdp());
            agent.expect_request("ACK");
        }
        carrier.bye();
        agent.expect_request("BYE");
        agent.answer_last(200);
        let page = Http::sign_in(program.http, "admin", program.password("admin"));
        page.until("/api/v1/calls", |calls| calls.contains("\"calls\":[]"));
        let agents = page.get("/api/v1/agents");
        assert!(!agents.contains("\"status\":\"busy\""), "after kill {point}: {agents}");
        carrier.forgets_what_came();
        agent.forgets_what_came();
    }
    let (accepted, offer) = connects(&mut carrier, &mut agent, "800");
    let (mut caller, mut called) = (Voice::new(&carrier, &accepted, 0x11), Voice::new(&agent, &offer, 0x22));
    until_both_hear(&mut caller, &mut called);
    carrier.bye();
    agent.expect_request("BYE");
    agent.answer_last(200);
    program.stop();
}
