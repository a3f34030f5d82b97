//! What remains of a leg when it has ended.

use serde::{Deserialize, Serialize};

use crate::base::{LegId, Private, TrunkId, UserId, Wall};

/// One leg of an ended call (AP-05). Attempts that nobody answered have one too.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LegRecord {
    pub leg: LegId,
    pub side: LegSide,
    pub party: LegParty,
    /// The number or name of the far end: who called, or who was called.
    pub address: Private<String>,
    /// Where its signalling went: `udp:192.0.2.7:5060`.
    pub peer: String,
    pub sip_call_id: String,
    pub began: Wall,
    pub rang: Option<Wall>,
    pub answered: Option<Wall>,
    pub ended: Wall,
    pub cause: Cause,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The audio codec it spoke at the end; `None` when it never had media.
    pub codec: Option<String>,
    pub quality: Option<Quality>,
}

/// Which way the INVITE of a leg went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegSide {
    /// They called us.
    Caller,
    /// We called them.
    Called,
}

/// Whose leg it was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegParty {
    User(UserId),
    Trunk(TrunkId),
}

/// Why something ended, in both languages (SW-17).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// SIP status of the last response, or the status that would say the same; 200 for an ordinary hang-up.
    pub sip: u16,
    /// Q.850 cause: 16 is an ordinary hang-up.
    pub q850: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The far end of this leg.
    Peer,
    /// The switch, because another leg of the call ended.
    Other,
    /// The switch, for reasons of its own: a timeout, a limit, a fault.
    Switch,
    /// Someone at a page or through the API.
    Request,
}

/// What a leg's media was like, as far as its RTP and RTCP told.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Quality {
    pub packets_received: u64,
    pub packets_sent: u64,
    pub packets_lost: u64,
    /// Packets from addresses that had no business here.
    pub strangers: u64,
    /// Packets beyond what one leg may bring.
    #[serde(default)]
    pub excess: u64,
    /// What is no RTP, of a payload type that was not agreed, or not protected by the leg's key though it comes from there.
    #[serde(default)]
    pub malformed: u64,
    /// The mean over the call.
    pub jitter_ms: f32,
    pub round_trip_ms: Option<f32>,
    /// Mean opinion score of what the leg sent, 1 to 4.5; `None` without packets or for an unknown codec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos: Option<f32>,
    /// What the peer reported of what it heard: packets that it missed, in its last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_lost: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_jitter_ms: Option<f32>,
    /// Mean opinion score of what the peer heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_mos: Option<f32>,
}
