//! Where a description says that its sound is to be sent, and whether it may be (THREATS, reflection).

use std::net::{IpAddr, SocketAddr};

use super::{SdpOffer, browser};
use crate::{
    media::Remote,
    sip::Reply,
    switch::leg::LegMedia,
    wire::sdp::{Media, Session},
};

/// Where one line wants RTP and RTCP; `None` where that is nowhere that one listener could be.
pub fn remote(session: &Session, media: &Media) -> Option<Remote> {
    let ip = media.connection.or(session.connection)?.to_canonical();
    // A browser's line has no place of its own: its candidates are checked before anything is sent there.
    if !is_of_one(ip) && !browser::is_browsers(media) {
        return None;
    }
    if media.rtcp_mux {
        return Some(Remote::muxed(SocketAddr::new(ip, media.port)));
    }
    let mut remote = Remote::new(SocketAddr::new(ip, media.port));
    if let Some((port, place)) = media.rtcp {
        let place = place.map(|place| place.to_canonical()).filter(|place| is_of_one(*place));
        remote.rtcp = SocketAddr::new(place.unwrap_or(ip), port);
    }
    Some(remote)
}

/// Not a group, not all of a network, nor reserved. The unspecified address is somebody's who wants nothing sent (RFC
/// 3264 8.4).
fn is_of_one(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_unspecified() || !matches!(ip.octets(), [0 | 224.., ..]),
        IpAddr::V6(ip) => !ip.is_multicast(),
    }
}

impl SdpOffer {
    /// Where it wants its sound; `None` where it names no place.
    pub fn address(&self) -> Option<IpAddr> {
        let ip = self.remote.rtp.ip();
        (self.browser.is_none() && !ip.is_unspecified()).then_some(ip)
    }
}

impl LegMedia {
    /// Whether the two can meet: in one family, the one that our own description names.
    pub fn meets(&self, offered: &SdpOffer) -> bool {
        offered.address().is_none_or(|ip| self.address.is_ipv4() == ip.is_ipv4() && self.port.reaches(ip))
    }

    /// The same for an answer to our offer, which may be of the other family where our port takes both.
    pub(super) fn answered_at(&self, remote: Remote) -> Option<Remote> {
        let ip = remote.rtp.ip();
        (self.door.is_some() || ip.is_unspecified() || self.port.reaches(ip)).then(|| self.sends_to(remote))
    }

    /// Where we send, told a place. The peer's own loopback is nobody's but his: he is answered where he is heard from.
    pub(super) fn sends_to(&self, remote: Remote) -> Remote {
        let from_here = |at: SocketAddr| match at.ip().is_loopback() && !self.address.is_loopback() {
            true if at.is_ipv4() => SocketAddr::new(IpAddr::from([0; 4]), at.port()),
            true => SocketAddr::new(IpAddr::from([0; 16]), at.port()),
            false => at,
        };
        Remote { rtp: from_here(remote.rtp), rtcp: from_here(remote.rtcp) }
    }
}

/// To who can't be met (RFC 3261 20.43).
pub fn no_way() -> Reply {
    Reply::new(488).header("Warning", "301 strowger \"Incompatible network address formats\"")
}
