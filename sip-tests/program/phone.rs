//! A phone or a carrier on a real socket: only as much SIP as these stories need.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use strowger::{
    base::Private,
    sip::{Credentials, digest},
    wire::sip::{Message, Method, Name},
};

use super::running::{Program, now};

/// Longer than any answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Phone {
    socket: UdpSocket,
    /// Its sound; never waits.
    pub rtp: UdpSocket,
    server: SocketAddr,
    count: u32,
    /// The call being placed: its INVITE, then its final response.
    placed: Option<Message>,
    answered: Option<Message>,
    /// The last request that came.
    last: Option<Message>,
}

/// A final answer.
pub struct Answer(Message);

impl Answer {
    pub fn status(&self) -> u16 {
        self.0.status().unwrap()
    }
}

impl Phone {
    pub fn new(server: SocketAddr) -> Self {
        Self::at(server, "127.0.0.1:0".parse().unwrap())
    }

    pub fn at(server: SocketAddr, local: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let rtp = UdpSocket::bind((local.ip(), 0)).unwrap();
        rtp.set_nonblocking(true).unwrap();
        Self { socket, rtp, server, count: 0, placed: None, answered: None, last: None }
    }

    fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn say(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    fn hear(&self) -> Message {
        let mut buffer = [0; 65_536];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("nothing came");
        assert_eq!(from, self.server);
        Message::parse(bytes::Bytes::copy_from_slice(&buffer[..length])).unwrap()
    }

    /// The next final response.
    fn final_response(&self) -> Message {
        loop {
            let message = self.hear();
            if message.status().is_some_and(|status| status >= 200) {
                return message;
            }
        }
    }

    fn request(&mut self, method: &str, uri: &str, user: &str, more: &str, body: &str) -> String {
        self.count += 1;
        let (local, count) = (self.local(), self.count);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{port}x{count}\r\n\
             From: <sip:{user}@{local}>;tag=f{count}\r\nTo: <{uri}>\r\nCall-ID: {port}-{count}\r\n\
             CSeq: {count} {method}\r\nMax-Forwards: 70\r\nContact: <sip:{user}@{local}>\r\n{more}\
             Content-Length: {length}\r\n\r\n{body}",
            port = local.port(),
            length = body.len(),
        )
    }

    pub fn options(&mut self) -> u16 {
        let text = self.request("OPTIONS", &format!("sip:{}", self.server), "x", "", "");
        self.say(&text);
        self.final_response().status().unwrap()
    }

    /// With one answer to the challenge; returns the last status.
    pub fn register(&mut self, user: &str, password: &str) -> u16 {
        let uri = format!("sip:{}", self.server);
        let register = |phone: &mut Self, more: &str| {
            let text = phone.request("REGISTER", &uri, user, &format!("{more}Expires: 600\r\n"), "");
            // The address-of-record stands in To.
            let text = text.replace(&format!("To: <{uri}>"), &format!("To: <sip:{user}@{}>", phone.server));
            phone.say(&text);
            phone.final_response()
        };
        let challenged = register(self, "");
        if challenged.status() != Some(401) {
            return challenged.status().unwrap();
        }
        let credentials = Credentials {
            user: user.to_owned(),
            password: Private::new(password.to_owned()),
            realm: None,
            account: None,
        };
        let challenges = challenged.headers(Name::WwwAuthenticate);
        let answer = digest::answer(challenges, &credentials, ("REGISTER", &uri), b"", "cnonce1").unwrap();
        register(self, &format!("Authorization: {answer}\r\n")).status().unwrap()
    }

    pub fn sdp(&self) -> String {
        let ip = self.local().ip();
        let port = self.rtp.local_addr().unwrap().port();
        format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
    }

    /// Sends an INVITE.
    pub fn invite(&mut self, number: &str) {
        let uri = format!("sip:{number}@{}", self.server);
        let sdp = self.sdp();
        let text = self.request("INVITE", &uri, "caller", "Content-Type: application/sdp\r\n", &sdp);
        self.say(&text);
        self.placed = Some(Message::parse(bytes::Bytes::from(text.into_bytes())).unwrap());
    }

    /// Calls that number, at which the other answers: both are in the call then.
    pub fn talks_to(&mut self, called: &mut Self, number: &str) {
        self.invite(number);
        let request = called.expect_request("INVITE");
        called.answer(&request, 200, &called.sdp());
        assert_eq!(self.next_status_over_100(), 200);
        self.ack();
        called.expect_request("ACK");
    }

    /// An INVITE and its final answer, which is acknowledged when it is a refusal.
    pub fn call(&mut self, number: &str) -> Answer {
        self.invite(number);
        let answer = self.final_response();
        self.answered = Some(answer.clone());
        self.ack();
        Answer(answer)
    }

    /// The next response that is not 100.
    pub fn next_status_over_100(&mut self) -> u16 {
        loop {
            let message = self.hear();
            match message.status() {
                Some(100) | None => {}
                Some(status) => {
                    if status >= 200 {
                        self.answered = Some(message);
                    }
                    return status;
                }
            }
        }
    }

    /// Calls until a call is refused (while the program has not understood yet that it shall end).
    pub fn until_refused(&mut self, number: &str, program: &Program) -> u16 {
        program.until_draining();
        self.call(number).status()
    }

    /// A request inside, or about, the call that was placed.
    fn follow_up(&self, method: &str, new_branch: bool) -> String {
        let placed = self.placed.as_ref().unwrap();
        let to = match &self.answered {
            Some(answered) => answered.header(Name::To).unwrap().to_owned(),
            None => placed.header(Name::To).unwrap().to_owned(),
        };
        let contact = self.answered.as_ref().filter(|_| new_branch).and_then(|answered| {
            let contact = answered.header(Name::Contact)?;
            Some(contact.split(['<', '>']).nth(1)?.to_owned())
        });
        let uri = contact.unwrap_or_else(|| placed.uri_text().unwrap().to_owned());
        let via = placed.header(Name::Via).unwrap();
        let via = if new_branch { via.replace("z9hG4bK", &format!("z9hG4bK{method}")) } else { via.to_owned() };
        let number = placed.cseq().number + u32::from(method == "BYE");
        format!(
            "{method} {uri} SIP/2.0\r\nVia: {via}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            placed.header(Name::From).unwrap(),
            placed.call_id(),
        )
    }

    /// Acknowledges the final answer.
    pub fn ack(&self) {
        let accepted = self.answered.as_ref().and_then(Message::status).is_some_and(|status| status < 300);
        self.say(&self.follow_up("ACK", accepted));
    }

    /// The 200 to the call that was placed.
    pub fn accepted(&self) -> &Message {
        self.answered.as_ref().unwrap()
    }

    /// What came so far is none of the next story.
    pub fn forgets_what_came(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut [0; 65_536]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }

    /// Nobody has asked anything of it.
    pub fn hears_no_request(&self) {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 65_536];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let message = Message::parse(bytes::Bytes::copy_from_slice(&buffer[..length])).unwrap();
            assert!(!message.is_request(), "{}", String::from_utf8_lossy(&buffer[..length]));
        }
        self.socket.set_nonblocking(false).unwrap();
    }

    pub fn cancel(&self) {
        self.say(&self.follow_up("CANCEL", false));
    }

    pub fn bye(&self) {
        self.say(&self.follow_up("BYE", true));
    }

    /// The next request of that method; others and retransmissions are passed over.
    pub fn expect_request(&mut self, method: &str) -> Message {
        let until = now() + PATIENCE;
        loop {
            assert!(now() < until, "no {method} came");
            let message = self.hear();
            if message.method().is_some_and(|came| came.as_str() == method) {
                self.last = Some(message.clone());
                return message;
            }
        }
    }

    /// Answers a request, with a description when `sdp` is not empty.
    pub fn answer(&self, request: &Message, status: u16, sdp: &str) {
        let mut text = format!("SIP/2.0 {status} x\r\n");
        let back = [Name::Via, Name::From, Name::CallId, Name::CSeq, Name::RecordRoute];
        for (label, name, value) in request.lines() {
            let tag = if name == Name::To && request.to_tag().is_none() { ";tag=t1" } else { "" };
            if name == Name::To || back.contains(&name) {
                text.push_str(&format!("{label}: {value}{tag}\r\n"));
            }
        }
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = format!("Contact: <sip:{}>\r\n", self.local());
        self.say(&format!("{text}{contact}{kind}Content-Length: {}\r\n\r\n{sdp}", sdp.len()));
    }

    pub fn answer_last(&self, status: u16) {
        let request = self.last.clone().unwrap();
        assert_ne!(request.method(), Some(&Method::Ack));
        self.answer(&request, status, "");
    }
}

/// One OPTIONS over a connection of its own.
pub fn options_over_tcp(server: SocketAddr) -> u16 {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let local = stream.local_addr().unwrap();
    let text = format!(
        "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKtcp\r\nFrom: <sip:x@{local}>;tag=1\r\n\
         To: <sip:{server}>\r\nCall-ID: tcp\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut buffer = [0; 4_096];
    let length = stream.read(&mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
