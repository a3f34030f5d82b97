//! Before the answer: ringing, early media, reliable provisional answers (RFC 3262), and the branches of a fork behind the
//! called side.

use strowger::{
    base::Instant,
    wire::sip::{Message, Name},
};

use super::{GIVE_UP, State, T1, Ua, request::uri_of, sdp::Described};

impl Ua {
    /// A provisional answer to the INVITE; with a description it speaks from now on.
    pub fn progress(&mut self, now: Instant, index: usize, status: u16, described: bool) {
        assert_eq!(self.calls[index].state, State::Incoming, "{} is not being called", self.name);
        let Some(request) = self.calls[index].invite.clone() else { return };
        let theirs = Described::read(request.body()).filter(|_| described);
        let body = theirs.map(|theirs| self.answer_to(index, &theirs)).unwrap_or_default();
        let call = &mut self.calls[index];
        call.speaks_early |= described;
        call.rang.get_or_insert(now);
        let branch = call.branch.clone();
        if !self.is_reliable {
            return self.respond(now, &branch, &request, status, &body);
        }
        call.rseq = Some(call.rseq.map_or(100, |last| last + 1));
        call.described |= described;
        let extra = format!("Require: 100rel\r\nRSeq: {}\r\n", call.rseq.unwrap_or_default());
        self.respond_with(now, &branch, &request, (status, &extra), &body);
        if let Some(served) = self.served.iter_mut().rfind(|one| one.branch == branch && one.method == "INVITE") {
            (served.again, served.until) = (Some((now + T1, T1)), now + GIVE_UP);
        }
    }

    /// Speaks for the other branch of a fork from now on: another tag, another voice.
    pub fn turn(&mut self, index: usize) {
        let other = self.calls[index].other_branch.take().unwrap_or_else(|| {
            let mut media = self.media();
            media.rtp.set_port(media.rtp.port() + 1);
            (self.chance.token(), media, None)
        });
        let call = &mut self.calls[index];
        let (tag, media, rseq) = other;
        call.other_branch = Some((
            std::mem::replace(&mut call.local_tag, tag),
            std::mem::replace(&mut call.media, media),
            std::mem::replace(&mut call.rseq, rseq),
        ));
    }

    pub(super) fn on_prack(&mut self, now: Instant, branch: &str, index: usize, request: &Message) {
        let number = request.header(Name::RAck).and_then(|text| text.split(' ').next());
        let call = &mut self.calls[index];
        assert_eq!(number.and_then(|text| text.parse().ok()), call.rseq, "{}: {request:?}", self.name);
        let invite = call.branch.clone();
        call.settled_early |= call.described;
        for served in self.served.iter_mut().filter(|served| served.branch == invite && served.method == "INVITE") {
            if self.calls[index].state == State::Incoming {
                served.again = None;
            }
        }
        self.respond(now, branch, request, 200, "");
    }

    /// Acknowledges a reliable provisional answer to our INVITE, once. It may have brought an offer.
    pub(super) fn acknowledge(&mut self, now: Instant, index: usize, response: &Message) {
        let requires = response.list(Name::Require).any(|tag| tag.trim() == "100rel");
        let rseq = response.header(Name::RSeq).and_then(|text| text.trim().parse::<u32>().ok());
        assert_eq!(requires, rseq.is_some() && self.is_reliable, "{}: {response:?}", self.name);
        let Some(rseq) = rseq.filter(|rseq| Some(*rseq) != self.calls[index].rseq) else { return };
        self.calls[index].rseq = Some(rseq);
        let theirs = Described::read(response.body()).filter(|_| self.calls[index].late_offer);
        self.calls[index].late_offer &= theirs.is_none();
        let body = theirs.map(|theirs| self.answer_to(index, &theirs)).unwrap_or_default();
        let call = &mut self.calls[index];
        call.remote_tag = response.to_tag().map(str::to_owned);
        let target = response.header(Name::Contact).map(uri_of).unwrap_or_default();
        let before = std::mem::replace(&mut call.target, target);
        let extra = format!("RAck: {rseq} {} INVITE\r\n", response.cseq().number);
        self.send_in_dialog(now, index, "PRACK", &extra, &body, super::request::Purpose::Other);
        let call = &mut self.calls[index];
        (call.remote_tag, call.target) = (None, before);
    }
}
