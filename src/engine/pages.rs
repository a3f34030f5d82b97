//! Telephones in pages: a page that is signed in, with a microphone, is a device of its user, and its live connection is
//! what his legs there are signalled over.
//!
//! Who speaks is known before it comes here: the live connection is that of a signed-in user, and the switch takes a word
//! about a leg only from the page that the leg is at.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{DeviceKind, DeviceView, Engine, Happened, Output, Refused, UsedDevice, drive::Timer};
use crate::{
    base::{CallId, LegId, Now, OfferId, PageId, UserId, Wall},
    switch::{Admission, LegParty, PageOrder, Way},
};

/// Pages with a telephone; the next is told that its own is off. As many as there may be live connections.
pub const PAGES_MAX: usize = 4_096;

/// Pages of one user that ring together: more than anybody looks at.
pub const PAGES_PER_USER_MAX: usize = 8;

/// Calls of one page that it may claim to have.
pub const PAGE_LEGS_MAX: usize = 16;

/// The longest description that is read; a browser's for one sound has some 3,000 octets.
pub const PAGE_SDP_MAX: usize = 12 * 1024;

/// A page that is loaded again is back by then.
const RELOAD_TIME: Duration = Duration::from_secs(2);

/// What a page says of its telephone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum PageSays {
    /// It takes calls from now on. `legs`: those whose sound it has, though its live connection is a new one.
    On {
        #[serde(default)]
        legs: Vec<LegId>,
    },
    /// It takes none; what is talked over goes on.
    Off,
    /// Its user sees that it rings.
    Rings { leg: LegId },
    /// He takes the call.
    Answer { leg: LegId, sdp: String },
    /// He hangs up, or does not want it.
    HangUp { leg: LegId },
    /// Whom he talks to hears music, or both talk on.
    Hold { leg: LegId, held: bool },
    /// A further offer inside a call: another network or microphone, or the page was loaded again.
    #[serde(rename = "offer")]
    SdpOffer { leg: LegId, sdp: String },
    /// He calls somebody. `mark` comes back with what becomes of it.
    Dial { to: String, sdp: String, mark: u32 },
    /// Its live connection has ended.
    Gone,
}

/// What a page is told of its telephone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum PageTold {
    /// It is on; these legs of its user are at it now, and wait for its offers.
    On {
        legs: Vec<PageLeg>,
    },
    /// There are too many, or he is no user any more.
    Off,
    /// These are at it besides, and wait for its offers: the page that they were at is gone.
    TakesUp {
        legs: Vec<PageLeg>,
    },
    /// `offer`: the one of a queue for which it rings.
    Leg {
        leg: LegId,
        call: CallId,
        offer: Option<OfferId>,
        order: PageOrder,
    },
    /// How it is now, whether or not it is as he wished.
    Held {
        leg: LegId,
        held: bool,
    },
    /// Whoever is on hold there waits for long.
    HeldLong {
        leg: LegId,
    },
    Dialled {
        mark: u32,
        leg: LegId,
        call: CallId,
    },
    NotDialled {
        mark: u32,
        refused: Refused,
    },
}

/// A leg that a page takes up.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct PageLeg {
    pub leg: LegId,
    pub call: CallId,
    pub held: bool,
}

/// The pages that are telephones now.
#[derive(Default)]
pub(super) struct Pages(BTreeMap<PageId, PagePhone>);

struct PagePhone {
    user: UserId,
    /// It takes calls.
    is_on: bool,
    /// It has let a call pass without a word, and said nothing since.
    is_silent: bool,
    since: Wall,
}

impl PagePhone {
    const fn is_reachable(&self) -> bool {
        self.is_on && !self.is_silent
    }
}

impl Pages {
    /// Those of a user that ring.
    pub fn of(&self, user: UserId) -> impl Iterator<Item = PageId> {
        let pages = self.0.iter().filter(move |(_, page)| page.user == user && page.is_reachable());
        pages.map(|(id, _)| *id).take(PAGES_PER_USER_MAX)
    }

    pub fn is_reachable(&self, user: UserId) -> bool {
        self.of(user).next().is_some()
    }
}

impl Engine {
    /// A word of a page of that user.
    pub(super) fn on_page(&mut self, now: Now, page: PageId, user: UserId, says: PageSays) {
        if self.pages.0.get(&page).is_some_and(|known| known.user != user) {
            return;
        }
        self.note_page_alive(now, page);
        match says {
            PageSays::On { legs } => self.page_on(now, page, user, &legs),
            PageSays::Off => self.page_off(now, page),
            PageSays::Gone => self.page_gone(now, page),
            PageSays::Rings { leg } => self.switch.page_rings(now, page, leg),
            PageSays::Answer { leg, sdp } => self.switch.page_answers(now, page, leg, sdp),
            PageSays::HangUp { leg } => self.switch.page_hangs_up(now, page, leg),
            PageSays::Hold { leg, held } => self.page_holds(now, page, leg, held),
            PageSays::SdpOffer { leg, sdp } => self.switch.page_offers(now, page, leg, sdp),
            PageSays::Dial { to, sdp, mark } => {
                if let Err(refused) = self.page_dials(now, page, user, (&to, &sdp), mark) {
                    self.tell_page(page, PageTold::NotDialled { mark, refused });
                }
            }
        }
    }

    fn page_on(&mut self, now: Now, page: PageId, user: UserId, claimed: &[LegId]) {
        let full = self.pages.0.len() >= PAGES_MAX && !self.pages.0.contains_key(&page);
        if full || !self.directory.users.contains_key(&user) {
            return self.tell_page(page, PageTold::Off);
        }
        let known = self.pages.0.entry(page);
        let phone = known.or_insert(PagePhone { user, is_on: true, is_silent: false, since: now.wall });
        phone.is_on = true;
        self.note_page_came(now, user);
        let legs = self.switch.page_takes_up(page, LegParty::User(user), claimed);
        self.tell_page(page, PageTold::On { legs: self.taken(legs) });
        self.switch.page_rings_again(now, page, LegParty::User(user));
        self.on_page_changed(now, page, user);
    }

    fn taken(&self, legs: Vec<LegId>) -> Vec<PageLeg> {
        let taken = |leg: LegId| {
            let sight = self.switch.leg(leg)?;
            Some(PageLeg { leg, call: sight.call(), held: sight.is_held() })
        };
        legs.into_iter().filter_map(taken).collect()
    }

    /// The page that somebody talked at did not come back. What is heard of it yet goes on; the rest another one of his takes up,
    /// the one that he opened last.
    pub(super) fn on_page_missed(&mut self, now: Now, user: UserId) {
        let party = LegParty::User(user);
        if let Some(page) = self.pages.of(user).last() {
            let legs = self.switch.page_takes_silent(page, party);
            if !legs.is_empty() {
                self.tell_page(page, PageTold::TakesUp { legs: self.taken(legs) });
            }
        }
        if self.switch.misses_page(party) {
            self.timers.set(Timer::PageMissed(user), now.mono + RELOAD_TIME);
        }
    }

    /// CH-02: his own leg waits; who is asked in private ends that by other means.
    fn page_holds(&mut self, now: Now, page: PageId, leg: LegId, held: bool) {
        let Some(sight) = self.switch.leg(leg).filter(|sight| sight.page() == Some(page)) else { return };
        let talks = self.switch.partner(leg).is_some() && !self.is_asking(sight.call());
        if talks {
            self.hold_leg(now, leg, held);
        }
        self.tell_held(leg);
    }

    fn page_off(&mut self, now: Now, page: PageId) {
        let Some(phone) = self.pages.0.get_mut(&page) else { return };
        phone.is_on = false;
        let user = phone.user;
        self.on_page_changed(now, page, user);
    }

    fn page_gone(&mut self, now: Now, page: PageId) {
        self.switch.page_gone(now, page);
        let Some(phone) = self.pages.0.remove(&page) else { return };
        self.last_used.page_left(now, phone.user);
        self.timers.set(Timer::PageMissed(phone.user), now.mono + RELOAD_TIME);
        self.on_page_changed(now, page, phone.user);
    }

    /// A page has shown no sign of a call: it is passed over until it says something.
    pub(super) fn on_page_dead(&mut self, now: Now, page: PageId) {
        let Some(phone) = self.pages.0.get_mut(&page) else { return };
        phone.is_silent = true;
        let user = phone.user;
        self.on_page_changed(now, page, user);
    }

    fn note_page_alive(&mut self, now: Now, page: PageId) {
        let Some(phone) = self.pages.0.get_mut(&page).filter(|phone| phone.is_silent) else { return };
        phone.is_silent = false;
        let user = phone.user;
        self.on_page_changed(now, page, user);
    }

    /// Pages of users who are in the settings no more are telephones no more.
    pub(super) fn forget_pages(&mut self, now: Now) {
        let users = &self.directory.users;
        let gone: Vec<PageId> =
            self.pages.0.iter().filter(|(_, phone)| !users.contains_key(&phone.user)).map(|(page, _)| *page).collect();
        for page in gone {
            self.page_gone(now, page);
            self.tell_page(page, PageTold::Off);
        }
    }

    fn on_page_changed(&mut self, now: Now, page: PageId, user: UserId) {
        self.watched_changed(now, user);
        let known = self.pages.0.get(&page);
        let (since, reachable) = known.map_or((now.wall, false), |phone| (phone.since, phone.is_reachable()));
        self.live(now, Happened::Device(view(page, user, since, reachable)));
        self.tell_device(now, user);
    }

    /// A call that a page makes, by the rights of its user.
    fn page_dials(
        &mut self,
        now: Now,
        page: PageId,
        user: UserId,
        (to, sdp): (&str, &str),
        mark: u32,
    ) -> Result<(), Refused> {
        let party = LegParty::User(user);
        let read = self.read_dialled(party, to);
        let read = read.ok_or_else(|| Refused::not_understood("number", "this can't be dialled"))?;
        let urgent = self.directory.dial_plan.is_emergency(read.number.as_str());
        if self.draining && !urgent {
            return Err(Refused::not_now("draining", "the switch takes no new calls: it is about to end"));
        }
        if sdp.len() > PAGE_SDP_MAX {
            return Err(Refused::not_understood("sdp", "this description is too long"));
        }
        let caller = self.shown_user(user, read.hides == Some(true));
        let admission = Admission {
            party,
            caller: caller.clone(),
            dialled: read.number.clone(),
            hold_music: Some(self.directory.hold_music()),
            urgent,
            quirks: Default::default(),
        };
        match self.switch.admit_page(now, page, sdp, admission) {
            Ok((call, leg)) => {
                self.totals.calls_begun += 1;
                self.note_used(user, UsedDevice::Web);
                self.tell_page(page, PageTold::Dialled { mark, leg, call });
                self.begin_call(now, call, party, read.hides == Some(false));
                Ok(())
            }
            Err(reply) => {
                self.totals.calls_refused += 1;
                self.record_refused(now, party, caller, &read.number, reply.status);
                Err(match reply.status {
                    488 => Refused::not_understood("sdp", "no sound can be agreed on with this browser"),
                    _ => Refused::not_now("busy", "no more calls can be taken on now"),
                })
            }
        }
    }

    /// An order of the switch for a page.
    pub(super) fn pass_to_page(&mut self, page: PageId, (call, leg): (CallId, LegId), order: PageOrder) {
        let ring = self.switch.leg(leg).and_then(|sight| sight.ring());
        let offer = ring.and_then(|ring| self.rings.get(&ring).copied());
        self.tell_page(page, PageTold::Leg { leg, call, offer, order });
    }

    pub(super) fn tell_page(&mut self, page: PageId, told: PageTold) {
        self.emit(Output::Page { page, told });
    }

    pub(super) fn page_ways(&self, user: UserId) -> impl Iterator<Item = Way> {
        self.pages.of(user).map(Way::Page)
    }

    pub(super) fn page_views(&self) -> impl Iterator<Item = DeviceView> {
        let on = self.pages.0.iter().filter(|(_, phone)| phone.is_on);
        on.map(|(page, phone)| view(*page, phone.user, phone.since, phone.is_reachable()))
    }
}

fn view(page: PageId, user: UserId, since: Wall, reachable: bool) -> DeviceView {
    DeviceView {
        user,
        kind: DeviceKind::Web,
        contact: page.to_string(),
        user_agent: String::new(),
        since,
        expires: None,
        reachable,
    }
}
