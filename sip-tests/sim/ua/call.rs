//! One call as a phone sees it.

use strowger::{base::Instant, wire::sip::Message};

use super::{sdp::Flow, voice::Media};

/// Where a call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// We called; nothing but perhaps a 100 has come.
    Calling,
    /// We called; it rings there.
    Ringing,
    /// They call; we have not answered.
    Incoming,
    /// We answered; their ACK has not come.
    Answered,
    Up,
    /// We said goodbye and wait for its answer.
    Leaving,
    Over,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Our INVITE was refused with this status; 487 after our own CANCEL.
    Refused(u16),
    /// They took back their INVITE.
    Cancelled,
    /// We refused with this status.
    Declined(u16),
    TheyHungUp,
    WeHungUp,
    /// No answer to our request, or no ACK to our 200.
    Silence,
}

#[derive(Debug)]
pub struct Call {
    pub outgoing: bool,
    pub state: State,
    pub end: Option<End>,
    pub media: Media,
    /// Every status that our INVITE was answered with.
    pub statuses: Vec<u16>,
    /// Reason headers of their CANCEL and BYE.
    pub reasons: Vec<String>,
    /// What our REFERs were answered with.
    pub referred: Vec<u16>,
    /// What we were told of our transfers: status, and whether it was the last word.
    pub told: Vec<(u16, bool)>,
    /// The INVITE that brought the call.
    pub invite: Option<Message>,
    pub began: Instant,
    pub rang: Option<Instant>,
    pub answered: Option<Instant>,
    pub ended: Option<Instant>,

    pub(super) call_id: String,
    pub(super) local_uri: String,
    pub(super) remote_uri: String,
    pub(super) local_tag: String,
    pub(super) remote_tag: Option<String>,
    /// What they gave before they answered.
    pub(super) early_tag: Option<String>,
    /// Where requests in the dialog go: the other's Contact.
    pub(super) target: String,
    pub(super) routes: Vec<String>,
    pub(super) cseq: u32,
    pub(super) their_cseq: u32,
    /// Of the INVITE that made the call, for its CANCEL.
    pub(super) branch: String,
    pub(super) has_provisional: bool,
    pub(super) wants_cancel: bool,
    pub(super) late_offer: bool,
    /// Our 200 carried an offer; the ACK brings the answer.
    pub(super) answer_due: bool,
    pub(super) offers: Flow,
    pub(super) extra: String,
    pub(super) tried_credentials: bool,
    /// CSeq of the INVITE that made the call.
    pub(super) invite_cseq: u32,
    /// It speaks although nobody has answered.
    pub(super) speaks_early: bool,
    /// Of the last reliable provisional answer, theirs or ours.
    pub(super) rseq: Option<u32>,
    /// One of those carried our description.
    pub(super) described: bool,
    /// It was acknowledged: the 200 needs none.
    pub(super) settled_early: bool,
    /// The branch of a fork that is not spoken for just now: tag, media, RSeq.
    pub(super) other_branch: Option<(String, Media, Option<u32>)>,
    pub(super) faxes_at_once: bool,
}

impl Call {
    /// One that begins, before anything is known of its dialog; a page's has none.
    pub fn new(now: Instant, state: State, media: Media) -> Self {
        Self {
            outgoing: state == State::Calling,
            state,
            end: None,
            media,
            statuses: Vec::new(),
            reasons: Vec::new(),
            referred: Vec::new(),
            told: Vec::new(),
            invite: None,
            began: now,
            rang: None,
            answered: None,
            ended: None,
            call_id: String::new(),
            local_uri: String::new(),
            remote_uri: String::new(),
            local_tag: String::new(),
            remote_tag: None,
            early_tag: None,
            target: String::new(),
            routes: Vec::new(),
            cseq: 0,
            their_cseq: 0,
            branch: String::new(),
            has_provisional: false,
            wants_cancel: false,
            late_offer: false,
            answer_due: false,
            offers: Flow::SendRecv,
            extra: String::new(),
            tried_credentials: false,
            invite_cseq: 0,
            speaks_early: false,
            rseq: None,
            described: false,
            settled_early: false,
            other_branch: None,
            faxes_at_once: false,
        }
    }

    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Media may flow: answered by whichever side, or before that.
    pub fn talks(&self) -> bool {
        matches!(self.state, State::Up | State::Answered) || (self.speaks_early && self.state == State::Incoming)
    }

    pub fn finish(&mut self, now: Instant, end: End) {
        if !self.is_over() {
            self.state = State::Over;
            self.end = Some(end);
            self.ended = Some(now);
        }
    }

    /// Call-ID, the tag that we gave and the tag that they gave: what a forger would have to guess.
    pub fn secrets(&self) -> (String, String, String) {
        (
            self.call_id.clone(),
            self.local_tag.clone(),
            self.remote_tag.clone().or(self.early_tag.clone()).unwrap_or_default(),
        )
    }
}
