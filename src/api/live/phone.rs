//! The telephone in a page, over its live connection: the page's words to the engine, and what it is told back.
//!
//! Who speaks is the session's user; he is looked up anew for every word. What a word may touch is the engine's to judge.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    api::{Api, Signed},
    base::{LegId, PageId},
    engine::{PAGE_LEGS_MAX, PAGE_SDP_MAX, PageLeg, PageSays, PageTold, Refused},
    switch::PageOrder,
};

/// Words that a page may say at once; then it has to wait. A call takes three.
const WORDS_MAX: f64 = 40.0;

/// And how many it may go on saying in a second.
const WORDS_PER_SECOND: f64 = 8.0;

/// A page's telephone, from its first word to the end of its connection.
pub struct Line<'a> {
    api: &'a Api,
    signed: &'a Signed,
    page: PageId,
    told: mpsc::Receiver<PageTold>,
}

impl<'a> Line<'a> {
    pub fn open(api: &'a Api, signed: &'a Signed) -> Self {
        let (page, told) = api.handle.open_page();
        Self { api, signed, page, told }
    }

    /// False: the switch is overloaded.
    pub fn say(&self, says: PageSays) -> bool {
        self.api.handle.page(self.page, self.signed.user.user, says)
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.say(PageSays::Gone) {
            tracing::warn!(page = %self.page, "the end of a page's telephone was not told: the engine's inbox is full");
        }
    }
}

/// What the telephone is told next; without one, nothing ever. `None`: it reads too slowly to be told anything.
pub async fn next(line: &mut Option<Line<'_>>) -> Option<PageTold> {
    match line {
        Some(line) => line.told.recv().await,
        None => std::future::pending().await,
    }
}

/// How fast a page may speak.
pub struct Pace {
    left: f64,
    at: tokio::time::Instant,
}

impl Pace {
    pub fn new(at: tokio::time::Instant) -> Self {
        Self { left: WORDS_MAX, at }
    }

    /// One more word. False: too many.
    pub fn allows(&mut self, now: tokio::time::Instant) -> bool {
        let earned = now.duration_since(self.at).as_secs_f64() * WORDS_PER_SECOND;
        (self.left, self.at) = ((self.left + earned).min(WORDS_MAX) - 1.0, now);
        self.left >= 0.0
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    phone: Says,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Says {
    On {
        #[serde(default)]
        legs: Vec<String>,
    },
    Off,
    Rings {
        leg: String,
    },
    Answer {
        leg: String,
        sdp: String,
    },
    HangUp {
        leg: String,
    },
    Hold {
        leg: String,
        held: bool,
    },
    Offer {
        leg: String,
        sdp: String,
    },
    Dial {
        to: String,
        sdp: String,
        mark: u32,
    },
}

/// A word of a page. `Err` says what is wrong with it.
pub fn read(text: &str) -> Result<PageSays, String> {
    let Word { phone } = serde_json::from_str(text).map_err(|why| why.to_string())?;
    let leg = |text: String| text.parse().map(LegId).map_err(|_| String::from("a leg is a number, as it was told"));
    let fits = |sdp: String| match sdp.len() {
        0..=PAGE_SDP_MAX => Ok(sdp),
        _ => Err(format!("a description has at most {PAGE_SDP_MAX} octets")),
    };
    Ok(match phone {
        Says::On { legs } if legs.len() > PAGE_LEGS_MAX => return Err(format!("{} legs are too many", legs.len())),
        Says::On { legs } => PageSays::On { legs: legs.into_iter().map(leg).collect::<Result<_, _>>()? },
        Says::Off => PageSays::Off,
        Says::Rings { leg: at } => PageSays::Rings { leg: leg(at)? },
        Says::Answer { leg: at, sdp } => PageSays::Answer { leg: leg(at)?, sdp: fits(sdp)? },
        Says::HangUp { leg: at } => PageSays::HangUp { leg: leg(at)? },
        Says::Hold { leg: at, held } => PageSays::Hold { leg: leg(at)?, held },
        Says::Offer { leg: at, sdp } => PageSays::SdpOffer { leg: leg(at)?, sdp: fits(sdp)? },
        Says::Dial { to, sdp, mark } => PageSays::Dial { to, sdp: fits(sdp)?, mark },
    })
}

/// As a page reads it: ids are text, JavaScript has no 64-bit numbers.
#[derive(Serialize)]
#[serde(tag = "told", rename_all = "snake_case")]
enum Wire<'a> {
    On {
        legs: Vec<LegWire>,
    },
    Off,
    TakesUp {
        legs: Vec<LegWire>,
    },
    Leg {
        leg: String,
        call: String,
        offer: Option<String>,
        #[serde(flatten)]
        order: &'a PageOrder,
    },
    HeldLong {
        leg: String,
    },
    Held {
        leg: String,
        held: bool,
    },
    Dialled {
        mark: u32,
        leg: String,
        call: String,
    },
    NotDialled {
        mark: u32,
        #[serde(flatten)]
        refused: &'a Refused,
    },
    NotUnderstood {
        detail: &'a str,
    },
}

#[derive(Serialize)]
struct LegWire {
    leg: String,
    call: String,
    held: bool,
}

impl LegWire {
    fn of(one: &PageLeg) -> Self {
        Self { leg: one.leg.0.to_string(), call: one.call.0.to_string(), held: one.held }
    }
}

#[derive(Serialize)]
struct Typed<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    is: T,
}

pub fn told_text(told: &PageTold) -> String {
    write(match told {
        PageTold::On { legs } => Wire::On { legs: legs.iter().map(LegWire::of).collect() },
        PageTold::TakesUp { legs } => Wire::TakesUp { legs: legs.iter().map(LegWire::of).collect() },
        PageTold::Off => Wire::Off,
        PageTold::Leg { leg, call, offer, order } => Wire::Leg {
            leg: leg.0.to_string(),
            call: call.0.to_string(),
            offer: offer.map(|offer| offer.0.to_string()),
            order,
        },
        PageTold::HeldLong { leg } => Wire::HeldLong { leg: leg.0.to_string() },
        PageTold::Held { leg, held } => Wire::Held { leg: leg.0.to_string(), held: *held },
        PageTold::Dialled { mark, leg, call } => {
            Wire::Dialled { mark: *mark, leg: leg.0.to_string(), call: call.0.to_string() }
        }
        PageTold::NotDialled { mark, refused } => Wire::NotDialled { mark: *mark, refused },
    })
}

pub fn not_understood(detail: &str) -> String {
    write(Wire::NotUnderstood { detail })
}

fn write(wire: Wire<'_>) -> String {
    serde_json::to_string(&Typed { kind: "phone", is: wire }).unwrap_or_default()
}
