//! A browser's page with a telephone: JSON words over its live connection, sound by SRTP. ICE and DTLS are taken for done:
//! the world hands the keys that they would have brought to both sides.

use std::{net::SocketAddr, ops::Deref};

use strowger::{
    base::{LegId, PageId, UserId},
    engine::{Input, PageLeg, PageSays, PageTold},
    media::{
        Secure, Security,
        link::{Fingerprint, Link},
    },
    switch::PageOrder,
};

use super::{
    Agent, Call, Phone,
    handles::Party,
    step::{Due, Sim},
    ua::{self, Described, End, Flow, State},
};

/// A user's page; his phone is the one that he has in it.
pub struct Page {
    phone: Phone,
    pub id: PageId,
    user: UserId,
}

/// Which call of which page a leg is.
#[derive(Clone, Copy)]
pub(super) struct PageCall {
    page: PageId,
    ua: usize,
    index: usize,
}

impl Deref for Page {
    type Target = Phone;

    fn deref(&self) -> &Phone {
        &self.phone
    }
}

impl Party for Page {
    fn latest_call(&self) -> Option<Call> {
        self.phone.latest_call()
    }
}

impl Phone {
    /// The user opens a page and takes calls there.
    pub fn opens_page(&self) -> Page {
        let mut sim = self.sim.borrow_mut();
        sim.refresh();
        sim.pages += 1;
        let (id, name) = (PageId(sim.pages), sim.uas[self.ua].name.clone());
        let user = sim.centre.users.iter().find(|user| user.name.as_str() == name).unwrap().id;
        sim.page_uas.insert(id, self.ua);
        drop(sim);
        let page = Page { phone: self.clone(), id, user };
        page.says(PageSays::On { legs: Vec::new() });
        page
    }
}

impl Agent {
    /// Signs in and takes calls in the page, with no phone beside it.
    pub fn at_a_page(self) -> (Self, Page) {
        let agent = self.signs_in();
        let page = agent.opens_page();
        page.world().within(1, "the page is a telephone", |_| agent.view().reachable);
        (agent, page)
    }
}

impl Page {
    pub fn says(&self, says: PageSays) {
        self.sim.borrow_mut().page_says(self.id, self.user, says);
    }

    /// The leg of the latest call.
    pub fn leg(&self) -> LegId {
        let sim = self.sim.borrow();
        let last = sim.uas[self.phone.ua].calls.len() - 1;
        let of_last = |(_, call): &(&LegId, &PageCall)| call.ua == self.phone.ua && call.index == last;
        *sim.page_legs.iter().find(of_last).expect("a leg").0
    }

    /// The user takes the call that rings.
    pub fn accepts(&self) {
        let (leg, mut sim) = (self.leg(), self.sim.borrow_mut());
        let call = sim.page_legs[&leg];
        let sdp = sim.describe(call, "active");
        sim.settle_page(call, State::Up);
        drop(sim);
        self.says(PageSays::Answer { leg, sdp });
    }

    pub fn lets_go(&self) {
        let leg = self.leg();
        let mut sim = self.sim.borrow_mut();
        let (call, clock) = (sim.page_legs[&leg], sim.clock);
        sim.uas[call.ua].calls[call.index].finish(clock, End::WeHungUp);
        drop(sim);
        self.says(PageSays::HangUp { leg });
    }

    pub fn dials(&self, to: &str) -> Call {
        let mut sim = self.sim.borrow_mut();
        let index = sim.page_call(self.phone.ua, State::Calling);
        let call = PageCall { page: self.id, ua: self.phone.ua, index };
        let sdp = sim.describe(call, "actpass");
        drop(sim);
        self.says(PageSays::Dial { to: to.to_owned(), sdp, mark: u32::try_from(index).unwrap() });
        Call { phone: self.phone.clone(), index }
    }

    /// Everything that this page was told.
    pub fn told(&self) -> Vec<PageTold> {
        let sim = self.sim.borrow();
        sim.told.iter().filter(|(page, _)| *page == self.id).map(|(_, told)| told.clone()).collect()
    }

    /// Its live connection breaks; the browser goes on speaking, and rings no more.
    pub fn loses_connection(&self) {
        let mut sim = self.sim.borrow_mut();
        let clock = sim.clock;
        for call in &mut sim.uas[self.phone.ua].calls {
            if call.state == State::Incoming {
                call.finish(clock, End::Cancelled);
            }
        }
        drop(sim);
        self.says(PageSays::Gone);
    }

    /// It has another connection; the switch has not noticed yet that the first one is dead.
    pub fn connects_again(&self) -> Self {
        let legs = vec![self.leg()];
        let mut sim = self.sim.borrow_mut();
        sim.pages += 1;
        let id = PageId(sim.pages);
        sim.page_uas.insert(id, self.phone.ua);
        drop(sim);
        let page = Self { phone: self.phone.clone(), id, user: self.user };
        page.says(PageSays::On { legs });
        page
    }

    /// It is closed, and the browser with it.
    pub fn closes(&self) {
        self.talks(ua::Talk::Never);
        self.loses_connection();
    }

    /// The same page is loaded again: another certificate, other ICE credentials, a new offer for each leg that is left.
    pub fn loads_again(&self) -> Self {
        let mut sim = self.sim.borrow_mut();
        sim.pages += 1;
        let id = PageId(sim.pages);
        sim.page_uas.insert(id, self.phone.ua);
        drop(sim);
        self.talks(ua::Talk::Always);
        let page = Self { phone: self.phone.clone(), id, user: self.user };
        page.says(PageSays::On { legs: Vec::new() });
        page
    }
}

/// What DTLS would have brought: the switch's side of it.
pub(super) fn keys(print: Fingerprint) -> Security {
    let key = |turn: u8| strowger::base::Private::new([print.0[0] ^ turn; strowger::media::KEY_BYTES]);
    Security { suite: strowger::media::Suite::Long, ours: key(0x55), theirs: key(0xaa), mki: 0 }
}

/// The same for a link.
pub(super) fn keys_of(link: &Link) -> Security {
    keys(link.fingerprint)
}

impl Sim {
    fn page_says(&mut self, page: PageId, user: UserId, says: PageSays) {
        self.refresh();
        let at = self.clock + self.link.delay;
        self.push(at, Due::FromPage { page, user, says });
    }

    pub(super) fn hear_page(&mut self, page: PageId, user: UserId, says: PageSays) {
        self.feed(Input::Page { page, user, says });
    }

    fn page_call(&mut self, ua: usize, state: State) -> usize {
        let clock = self.clock;
        let media = self.uas[ua].media();
        self.uas[ua].calls.push(ua::Call::new(clock, state, media));
        self.uas[ua].calls.len() - 1
    }

    /// A description as a browser writes it, with a certificate and credentials of its own each time.
    fn describe(&mut self, call: PageCall, setup: &str) -> String {
        self.prints = self.prints.wrapping_add(1);
        let print = Fingerprint([self.prints; 32]);
        let media = &mut self.uas[call.ua].calls[call.index].media;
        let keys = keys(print);
        media.guard = Some(Secure::new(Security { ours: keys.theirs.clone(), theirs: keys.ours.clone(), ..keys }));
        let (rtp, turn) = (media.rtp, self.prints);
        media.event.1 = Some(126);
        format!(
            "v=0\r\no=- {turn} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 0 8 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n\
             a=ice-ufrag:page{turn}\r\na=ice-pwd:0123456789abcdefghijkl{turn}\r\na=fingerprint:sha-256 {print}\r\n\
             a=setup:{setup}\r\na=candidate:1 1 udp 2122260223 {} {} typ host\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\na=sendrecv\r\n",
            rtp.ip(),
            rtp.port(),
        )
    }

    fn settle_page(&mut self, call: PageCall, state: State) {
        let clock = self.clock;
        let known = &mut self.uas[call.ua].calls[call.index];
        known.state = state;
        known.answered.get_or_insert(clock);
        self.after(call.ua);
    }

    /// What the switch describes; sound goes there from now on.
    fn page_hears_of(&mut self, call: PageCall, sdp: &str) {
        let (ua, nat) = (&mut self.uas[call.ua], self.nat);
        let mut described = Described::read(sdp.as_bytes()).expect("a description");
        // The checks of ICE find out which of them leads there.
        if let (Some(nat), from) = (nat, ua.calls[call.index].media.rtp) {
            described.rtp = places(sdp).find(|to| nat.carry(from, *to).is_some());
        }
        assert!(sdp.contains("a=fingerprint:sha-256 ") && sdp.contains("a=ice-ufrag:"), "{sdp}");
        let abilities = ua.abilities.clone();
        ua.calls[call.index].media.settle(&described, &abilities, Flow::SendRecv);
    }

    pub(super) fn on_told(&mut self, page: PageId, told: PageTold) {
        let clock = self.clock;
        match &told {
            PageTold::On { legs } | PageTold::TakesUp { legs } => {
                for PageLeg { leg, .. } in legs {
                    let Some(known) = self.page_legs.get_mut(leg) else { continue };
                    known.page = page;
                    let (call, leg) = (*known, *leg);
                    let sdp = self.describe(call, "actpass");
                    let user = self.user_at(page);
                    self.page_says(page, user, PageSays::SdpOffer { leg, sdp });
                }
            }
            PageTold::Dialled { mark, leg, .. } => {
                let ua = self.page_uas[&page];
                self.page_legs.insert(*leg, PageCall { page, ua, index: *mark as usize });
            }
            PageTold::NotDialled { mark, .. } => {
                let ua = self.page_uas[&page];
                if let Some(call) = self.uas[ua].calls.get_mut(*mark as usize) {
                    call.finish(clock, End::Refused(0));
                }
            }
            PageTold::Leg { leg, order, .. } => self.on_page_order(page, *leg, order),
            PageTold::Off | PageTold::Held { .. } | PageTold::HeldLong { .. } => {}
        }
        self.told.push((page, told));
    }

    fn on_page_order(&mut self, page: PageId, leg: LegId, order: &PageOrder) {
        let clock = self.clock;
        if let PageOrder::Ring { sdp, .. } = order {
            let ua = self.page_uas[&page];
            let call = PageCall { page, ua, index: self.page_call(ua, State::Incoming) };
            self.page_legs.insert(leg, call);
            self.page_hears_of(call, sdp);
            let user = self.user_at(page);
            if !self.uas[ua].is_dead {
                self.page_says(page, user, PageSays::Rings { leg });
            }
            return;
        }
        let Some(call) = self.page_legs.get(&leg).copied().filter(|call| call.page == page) else { return };
        match order {
            PageOrder::Ring { .. } | PageOrder::Refused { .. } => {}
            PageOrder::Progress { status, sdp } => {
                self.uas[call.ua].calls[call.index].statuses.push(*status);
                if let Some(sdp) = sdp {
                    self.page_hears_of(call, sdp);
                }
            }
            PageOrder::Answered { sdp } => {
                self.uas[call.ua].calls[call.index].statuses.push(200);
                self.page_hears_of(call, sdp);
                self.settle_page(call, State::Up);
            }
            PageOrder::SdpAnswer { sdp } => self.page_hears_of(call, sdp),
            PageOrder::Over { cause } => {
                let known = &mut self.uas[call.ua].calls[call.index];
                let end = match known.state {
                    State::Calling | State::Ringing => End::Refused(cause.sip),
                    State::Incoming => End::Cancelled,
                    State::Answered | State::Up | State::Leaving | State::Over => End::TheyHungUp,
                };
                known.finish(clock, end);
            }
        }
    }

    fn user_at(&self, page: PageId) -> UserId {
        let name = &self.uas[self.page_uas[&page]].name;
        self.centre.users.iter().find(|user| user.name.as_str() == name).unwrap().id
    }
}

/// The candidates of a description, in its order.
fn places(sdp: &str) -> impl Iterator<Item = SocketAddr> {
    sdp.lines().filter_map(|line| {
        let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(4);
        Some(SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    })
}
