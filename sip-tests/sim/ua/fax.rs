//! A phone with a fax machine behind it: it asks for T.38, grants or refuses it, and sends numbered datagrams.

use std::{fmt::Write, net::SocketAddr, time::Duration};

use strowger::{
    base::Instant,
    wire::sip::{Message, Name},
};

use super::{
    Call, Intent, State, Ua,
    request::{Purpose, uri_of},
};

/// What a machine does when it is asked for fax.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FaxHabit {
    /// It is none.
    #[default]
    Knows,
    Refuses(u16),
    /// Agrees, and still sends its sound.
    TakesTheSound,
    /// Says 100 and nothing more.
    Ponders,
    Takes,
}

/// A fax that goes on, as one machine sees it.
#[derive(Debug, Default)]
pub struct Fax {
    pub remote: Option<SocketAddr>,
    /// What was sent and what has come, whole.
    pub sent: Vec<Vec<u8>>,
    pub got: Vec<Vec<u8>>,
    /// What the other side says of itself, line by line.
    pub theirs: Vec<String>,
}

/// The fax of a description: where to, and the terms.
pub fn read(body: &[u8]) -> Option<(SocketAddr, Vec<String>)> {
    let text = std::str::from_utf8(body).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("m=image "))?;
    let port: u16 = line.split(' ').next()?.parse().ok().filter(|port| *port != 0)?;
    assert!(line.ends_with(" udptl t38"), "{text}");
    let host = text.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    let terms = text.lines().filter(|line| line.starts_with("a=T38")).map(str::to_owned).collect();
    Some((SocketAddr::new(host.parse().ok()?, port), terms))
}

impl Fax {
    /// The next datagram: its number, the machine's mark, and a length that grows.
    pub fn next(&mut self, mark: u8) -> Option<(SocketAddr, Vec<u8>)> {
        let number = u16::try_from(self.sent.len()).ok()?;
        let mut datagram = number.to_be_bytes().to_vec();
        datagram.extend(vec![mark; 4 + usize::from(number) % 200]);
        self.sent.push(datagram.clone());
        Some((self.remote?, datagram))
    }
}

impl Ua {
    /// What this machine says of itself; each says something else.
    pub fn fax_terms(&self) -> Vec<String> {
        let count = self.name.len();
        [
            "a=T38FaxVersion:0".to_owned(),
            "a=T38MaxBitRate:14400".to_owned(),
            "a=T38FaxFillBitRemoval:0".to_owned(),
            "a=T38FaxRateManagement:transferredTCF".to_owned(),
            format!("a=T38FaxMaxBuffer:{}", 1_000 + count),
            format!("a=T38FaxMaxDatagram:{}", 200 + count),
            "a=T38FaxUdpEC:t38UDPRedundancy".to_owned(),
            format!("a=T38VendorInfo:{}", self.name.trim_start_matches('+')),
        ]
        .into()
    }

    fn fax_body(&mut self, index: usize) -> String {
        let terms = self.fax_terms();
        let media = &mut self.calls[index].media;
        media.session.1 += 1;
        let ((id, version), ip) = (media.session, media.rtp.ip());
        let mut text = format!("v=0\r\no=- {id} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n");
        let _ = write!(text, "m=image {} udptl t38\r\n", media.rtp.port());
        terms.iter().for_each(|term| text += &format!("{term}\r\n"));
        text
    }

    /// Asks for fax.
    pub fn ask_fax(&mut self, now: Instant, index: usize) {
        let body = self.fax_body(index);
        self.send_in_dialog(now, index, "INVITE", "", &body, Purpose::Fax(index));
    }

    /// Takes the question back.
    pub fn unask_fax(&mut self, now: Instant, index: usize) {
        let branch =
            self.clients.iter().find(|client| client.purpose == Purpose::Fax(index)).map(|it| it.branch.clone());
        let call = &mut self.calls[index];
        (call.branch, call.invite_cseq) = (branch.expect("a question"), call.cseq);
        self.send_cancel(now, index);
    }

    /// A whole offer of the story's own, inside the call.
    pub fn offer_text(&mut self, now: Instant, index: usize, lines: &str) {
        let media = &mut self.calls[index].media;
        media.session.1 += 1;
        let ((id, version), ip) = (media.session, media.rtp.ip());
        let body = format!("v=0\r\no=- {id} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n{lines}");
        self.send_in_dialog(now, index, "INVITE", "", &body, Purpose::Fax(index));
    }

    /// A call that is fax from its first word.
    pub fn call_fax(&mut self, now: Instant, to: &str) -> usize {
        self.faxes_at_once = true;
        let index = self.call(now, to, false, "");
        self.faxes_at_once = false;
        index
    }

    pub(super) fn first_offer(&mut self, index: usize) -> Option<String> {
        self.calls[index].faxes_at_once |= self.faxes_at_once;
        self.calls[index].faxes_at_once.then(|| self.fax_body(index))
    }

    pub(super) fn on_fax_final(&mut self, now: Instant, index: usize, status: u16, response: &Message) {
        self.calls[index].statuses.push(status);
        if status == 491 {
            let wait =
                if self.calls[index].outgoing { 2_100 + self.chance.below(1_900) } else { self.chance.below(2_000) };
            return self.intend(now + Duration::from_millis(wait), Intent::Fax(index));
        }
        if status >= 300 {
            return;
        }
        self.answered = Some(String::from_utf8_lossy(response.body()).into_owned());
        self.settle_fax(index, response.body());
        self.send_ack(index, response.cseq().number, "");
    }

    /// The 200 to a call that began as fax.
    pub(super) fn settle_fax(&mut self, index: usize, body: &[u8]) {
        let Some((remote, theirs)) = read(body) else { return };
        let fax = self.calls[index].media.fax.get_or_insert_default();
        (fax.remote, fax.theirs) = (Some(remote), theirs);
    }

    /// What it ponders is taken back. False: it is something else.
    pub(super) fn ponders_no_more(&mut self, now: Instant, branch: &str, cancel: &Message) -> bool {
        let Some((asked, request)) = self.ponders.take_if(|(asked, _)| asked == branch) else { return false };
        self.respond(now, branch, cancel, 200, "");
        self.respond(now, &asked, &request, 487, "");
        true
    }

    /// Somebody asks this machine. True: that was all of it.
    pub(super) fn is_asked_fax(&mut self, now: Instant, branch: &str, index: usize, request: &Message) -> bool {
        if read(request.body()).is_none() {
            return false;
        }
        if let Some(contact) = request.header(Name::Contact) {
            self.calls[index].target = uri_of(contact);
        }
        let call: &mut Call = &mut self.calls[index];
        call.their_cseq = request.cseq().number;
        let refuses = |ua: &mut Self, status| {
            if ua.calls[index].state == State::Incoming {
                return ua.refuse(now, index, status);
            }
            ua.respond(now, branch, request, status, "");
        };
        match self.fax {
            FaxHabit::Knows => refuses(self, 488),
            FaxHabit::Refuses(status) => refuses(self, status),
            FaxHabit::Ponders => {
                self.respond(now, branch, request, 100, "");
                self.ponders = Some((branch.to_owned(), request.clone()));
            }
            FaxHabit::TakesTheSound => {
                let body = self.fax_body(index).replacen("m=image ", "m=audio 0 RTP/AVP 0\r\nm=image 0 ", 1);
                self.respond(now, branch, request, 200, &body);
            }
            FaxHabit::Takes => {
                self.settle_fax(index, request.body());
                let body = self.fax_body(index);
                if self.calls[index].state == State::Incoming {
                    self.calls[index].state = State::Answered;
                }
                self.respond(now, branch, request, 200, &body);
            }
        }
        true
    }
}
