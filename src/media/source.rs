//! Which address may speak on a leg, and where we answer to (SEMANTICS, RTP source; RFC 4961, 7362).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use smallvec::SmallVec;

use super::Remote;
use crate::base::Instant;

/// After this long without a packet from the learnt address another may be learnt: a phone's NAT gave it a new port.
pub const RELEARN: Duration = Duration::from_secs(2);

/// The same of reports, which come every five seconds or so: some of them were missed.
const RELEARN_RTCP: Duration = Duration::from_secs(20);

/// The source rule of one leg.
///
/// The SDP's address wins as soon as it is heard. Until then the first source whose IP is the SDP's, or one of
/// `allowed` (the signalling's), is learnt and kept; it is learnt again after [`RELEARN`] of silence, when the
/// signalled address changes, or when somebody has the leg's key, who may be anywhere: a secure phone that goes from one
/// network to another talks on. Everyone else is a stranger: neither heard nor answered.
#[derive(Debug)]
pub struct SourceRule {
    signalled: Option<Remote>,
    allowed: SmallVec<[IpAddr; 2]>,
    learnt: Option<SocketAddr>,
    heard_at: Instant,
    /// Where reports come from, under the same rule of IPs, and when the last did. Sound that comes from elsewhere now makes
    /// that forgotten.
    learnt_rtcp: Option<(SocketAddr, Instant)>,
    /// ICE has judged before, and says where to send; RTCP goes the same way (RFC 5761).
    by_ice: bool,
}

/// What an address is to a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The one we listen to.
    Known,
    /// From now on the one we listen to.
    Learnt,
    Stranger,
}

/// What a packet shows of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    /// It is RTP of an agreed payload type.
    Sound,
    /// The same, protected by the key that the leg has agreed with its peer, and no copy of an earlier one.
    Key,
}

impl SourceRule {
    pub fn new(signalled: Option<Remote>, allowed: SmallVec<[IpAddr; 2]>) -> Self {
        Self { signalled, allowed, learnt: None, heard_at: Instant::ZERO, learnt_rtcp: None, by_ice: false }
    }

    /// The rule of a browser's leg: ICE alone tells who speaks, see [`chosen`](Self::chosen).
    pub fn by_ice() -> Self {
        Self { by_ice: true, ..Self::new(None, SmallVec::new()) }
    }

    /// ICE has chosen that address, or has none any more.
    pub fn chosen(&mut self, way: Option<SocketAddr>) {
        (self.learnt, self.learnt_rtcp) = (way, None);
    }

    /// Offer/answer ended again. Only another address makes the leg learn anew.
    pub fn signalled(&mut self, signalled: Option<Remote>, allowed: SmallVec<[IpAddr; 2]>) {
        if self.by_ice {
            return;
        }
        if signalled != self.signalled {
            self.learnt = None;
            self.learnt_rtcp = None;
        }
        self.signalled = signalled;
        self.allowed = allowed;
    }

    /// Judges a packet's source. What shows nothing teaches no address.
    #[inline]
    pub fn judge(&mut self, now: Instant, from: SocketAddr, shown: Shown) -> Speaker {
        if self.learnt == Some(from) {
            if shown != Shown::Nothing {
                self.heard_at = now;
            }
            return Speaker::Known;
        }
        self.judge_new(now, from, shown)
    }

    #[cold]
    fn judge_new(&mut self, now: Instant, from: SocketAddr, shown: Shown) -> Speaker {
        if self.by_ice {
            return Speaker::Known;
        }
        let is_signalled = self.signalled.is_some_and(|remote| remote.rtp == from);
        let may_learn = self.learnt.is_none() || now.since(self.heard_at) >= RELEARN;
        let is_believed = match shown {
            Shown::Nothing => false,
            Shown::Sound => is_signalled || (may_learn && self.may_come_from(from.ip())),
            Shown::Key => true,
        };
        if is_believed {
            let is_beside = self.learnt_rtcp.is_some_and(|(rtcp, _)| rtcp.ip() == from.ip());
            if self.learnt.is_some() || !is_beside {
                self.learnt_rtcp = None;
            }
            self.learnt = Some(from);
            self.heard_at = now;
            return Speaker::Learnt;
        }
        Speaker::Stranger
    }

    /// Takes up what another process had learnt.
    pub fn relearn(&mut self, now: Instant, learnt: SocketAddr) {
        (self.learnt, self.heard_at) = (Some(learnt), now);
    }

    /// Where the leg was found to be, when its description says otherwise.
    pub fn found(&self) -> Option<SocketAddr> {
        self.learnt.filter(|learnt| self.signalled.is_none_or(|remote| remote.rtp != *learnt))
    }

    /// Whether that is an address that the leg is expected at, or was heard at.
    pub fn knows(&self, from: SocketAddr) -> bool {
        self.by_ice || self.learnt == Some(from) || self.signalled.is_some_and(|remote| remote.rtp == from)
    }

    /// The same of reports.
    pub fn knows_reporter(&self, from: SocketAddr) -> bool {
        self.knows(from)
            || self.learnt_rtcp.is_some_and(|(rtcp, _)| rtcp == from)
            || self.signalled.is_some_and(|remote| remote.rtcp == from)
    }

    /// Whether reports may come from there, by IP.
    pub fn may_report(&self, from: SocketAddr) -> bool {
        self.by_ice
            || self.learnt_rtcp.is_some_and(|(rtcp, _)| rtcp == from)
            || self.learnt.is_some_and(|learnt| learnt.ip() == from.ip())
            || self.may_come_from(from.ip())
    }

    /// A report came from there that could be read, on a secure leg by its key.
    pub fn reported(&mut self, now: Instant, from: SocketAddr) {
        let is_signalled = self.signalled.is_some_and(|remote| remote.rtcp == from);
        let gives_way = |(rtcp, at): (SocketAddr, Instant)| rtcp == from || now.since(at) >= RELEARN_RTCP;
        // Of several the signalled one is kept: a report is worth little, so there is no more to it.
        if is_signalled || self.learnt_rtcp.is_none_or(gives_way) {
            self.learnt_rtcp = Some((from, now));
        }
    }

    /// Where RTP goes: where it comes from, else where the SDP says.
    #[inline]
    pub fn target(&self) -> Option<SocketAddr> {
        self.learnt.or_else(|| self.signalled.map(|remote| remote.rtp).filter(is_real))
    }

    /// RTCP goes from our RTP port to theirs.
    pub fn is_muxed(&self) -> bool {
        self.signalled.is_some_and(|remote| remote.is_muxed())
    }

    /// Where RTCP goes: where RTP goes, if both agreed on that; else where it comes from; else beside a learnt RTP address
    /// that the SDP did not name; else where the SDP says.
    pub fn rtcp_target(&self) -> Option<SocketAddr> {
        if self.is_muxed() {
            return self.target();
        }
        if let Some((rtcp, _)) = self.learnt_rtcp.filter(|_| !self.by_ice) {
            return Some(rtcp);
        }
        match (self.learnt, self.signalled) {
            (Some(learnt), Some(remote)) if learnt == remote.rtp => Some(remote.rtcp).filter(is_real),
            (Some(learnt), _) => Some(Remote::new(learnt).rtcp),
            (None, remote) => remote.map(|remote| remote.rtcp).filter(is_real),
        }
    }

    fn may_come_from(&self, ip: IpAddr) -> bool {
        self.signalled.is_some_and(|remote| remote.rtp.ip() == ip) || self.allowed.contains(&ip)
    }
}

/// `c=0.0.0.0` and port 0 mean that there is nowhere to send to; a group is nobody's place.
fn is_real(addr: &SocketAddr) -> bool {
    !addr.ip().is_unspecified() && !addr.ip().is_multicast() && addr.port() != 0
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    const SDP: &str = "192.0.2.10:4000";
    const SIGNALLING: &str = "198.51.100.7";

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn rule() -> SourceRule {
        SourceRule::new(Some(Remote::new(addr(SDP))), smallvec![SIGNALLING.parse().expect("an IP")])
    }

    /// SW-07: the address of the SDP is answered before anything is heard, and wins as soon as it is.
    #[test]
    fn the_sdp_wins_as_soon_as_it_is_heard() {
        let mut rule = rule();
        assert_eq!(rule.target(), Some(addr(SDP)));
        assert_eq!(rule.judge(at(0), addr("198.51.100.7:9000"), Shown::Sound), Speaker::Learnt);
        assert_eq!(rule.target(), Some(addr("198.51.100.7:9000")));
        assert_eq!(rule.judge(at(20), addr(SDP), Shown::Sound), Speaker::Learnt);
        assert_eq!(rule.judge(at(25), addr("198.51.100.7:9000"), Shown::Sound), Speaker::Stranger);
        assert_eq!(rule.target(), Some(addr(SDP)));
    }

    /// SW-07: RTP bleed. A stranger neither takes the stream over nor is sent anything, before or after learning.
    #[test]
    fn a_stranger_is_neither_heard_nor_answered() {
        let mut rule = rule();
        let stranger = addr("203.0.113.66:4000");
        assert_eq!(rule.judge(at(0), stranger, Shown::Sound), Speaker::Stranger);
        assert!(!rule.may_report(stranger) && !rule.knows(stranger) && rule.knows(addr(SDP)));
        assert_eq!(rule.target(), Some(addr(SDP)));
        assert_eq!(rule.judge(at(20), addr(SDP), Shown::Sound), Speaker::Learnt);
        assert_eq!(rule.judge(at(9_000), stranger, Shown::Sound), Speaker::Stranger, "not even after silence");
        assert_eq!(rule.target(), Some(addr(SDP)));
    }

    #[test]
    fn another_port_of_the_same_host_waits_for_silence() {
        let mut rule = rule();
        assert_eq!(rule.judge(at(0), addr("192.0.2.10:5000"), Shown::Sound), Speaker::Learnt);
        assert_eq!(rule.judge(at(1_999), addr("192.0.2.10:5002"), Shown::Sound), Speaker::Stranger);
        assert_eq!(
            rule.judge(at(2_000), addr("192.0.2.10:5002"), Shown::Sound),
            Speaker::Learnt,
            "NAT gave it a new port"
        );
        assert_eq!(rule.judge(at(2_001), addr("192.0.2.10:5000"), Shown::Sound), Speaker::Stranger);
    }

    /// SW-09: who has the key is followed at once, wherever he goes.
    #[test]
    fn sw_09_who_has_the_key_may_be_anywhere() {
        let mut rule = rule();
        let elsewhere = addr("203.0.113.66:4000");
        assert_eq!(rule.judge(at(0), addr(SDP), Shown::Key), Speaker::Learnt);
        assert_eq!(rule.judge(at(20), elsewhere, Shown::Key), Speaker::Learnt);
        assert_eq!((rule.target(), rule.rtcp_target()), (Some(elsewhere), Some(addr("203.0.113.66:4001"))));
        assert_eq!(rule.judge(at(40), addr(SDP), Shown::Key), Speaker::Learnt, "and back");
    }

    #[test]
    fn a_signalled_change_is_learnt_at_once() {
        let mut rule = rule();
        assert_eq!(rule.judge(at(0), addr(SDP), Shown::Sound), Speaker::Learnt);
        rule.signalled(Some(Remote::new(addr("192.0.2.77:4000"))), SmallVec::new());
        assert_eq!(rule.target(), Some(addr("192.0.2.77:4000")));
        assert_eq!(rule.judge(at(10), addr(SDP), Shown::Sound), Speaker::Stranger, "its IP may no longer speak");
        assert_eq!(rule.judge(at(10), addr("192.0.2.77:4000"), Shown::Sound), Speaker::Learnt);
        rule.signalled(Some(Remote::new(addr("192.0.2.77:4000"))), SmallVec::new());
        assert_eq!(rule.judge(at(20), addr("192.0.2.77:4000"), Shown::Sound), Speaker::Known, "the same address again");
    }

    #[test]
    fn garbage_teaches_nothing() {
        let mut rule = rule();
        assert_eq!(rule.judge(at(0), addr("192.0.2.10:5000"), Shown::Nothing), Speaker::Stranger);
        assert_eq!(rule.judge(at(0), addr("192.0.2.10:5000"), Shown::Sound), Speaker::Learnt);
        assert_eq!(rule.judge(at(3_000), addr("192.0.2.10:5000"), Shown::Nothing), Speaker::Known);
        assert_eq!(
            rule.judge(at(3_000), addr("192.0.2.10:6000"), Shown::Sound),
            Speaker::Learnt,
            "garbage is no sign of life"
        );
    }

    #[test]
    fn nowhere_to_send_while_the_sdp_says_so() {
        let mut rule = SourceRule::new(Some(Remote::new(addr("0.0.0.0:4000"))), SmallVec::new());
        assert_eq!((rule.target(), rule.rtcp_target()), (None, None));
        rule.signalled(Some(Remote::new(addr("192.0.2.1:0"))), SmallVec::new());
        assert_eq!(rule.target(), None);
    }

    /// SW-09: of a peer that has both on one port, wherever its NAT put that.
    #[test]
    fn sw_09_muxed_rtcp_goes_where_rtp_goes() {
        let remote = Remote::muxed(addr("192.0.2.10:4000"));
        let mut rule = SourceRule::new(Some(remote), SmallVec::new());
        assert_eq!((rule.is_muxed(), rule.rtcp_target()), (true, Some(addr("192.0.2.10:4000"))));
        rule.reported(at(0), addr("192.0.2.10:4001"));
        rule.judge(Instant::from_micros(1), addr("192.0.2.10:9000"), Shown::Sound);
        assert_eq!(rule.rtcp_target(), Some(addr("192.0.2.10:9000")));
    }

    #[test]
    fn rtcp_goes_beside_the_rtp() {
        let mut rule = rule();
        assert_eq!(rule.rtcp_target(), Some(addr("192.0.2.10:4001")));
        rule.judge(at(0), addr("198.51.100.7:9000"), Shown::Sound);
        assert_eq!(rule.rtcp_target(), Some(addr("198.51.100.7:9001")));
        assert!(rule.may_report(addr("198.51.100.7:9007")));
        assert_eq!(rule.rtcp_target(), Some(addr("198.51.100.7:9001")), "nothing that could be read has come yet");
        rule.reported(at(10), addr("198.51.100.7:9007"));
        assert_eq!(rule.rtcp_target(), Some(addr("198.51.100.7:9007")));
    }

    /// SW-07: a phone whose NAT gave it new ports, or a secure one that went elsewhere, is sent its reports there.
    #[test]
    fn sw_07_reports_follow_the_sound() {
        let mut rule = rule();
        rule.judge(at(0), addr("192.0.2.10:5000"), Shown::Sound);
        rule.reported(at(10), addr("192.0.2.10:5001"));
        rule.judge(at(3_000), addr("192.0.2.10:6000"), Shown::Sound);
        assert_eq!(rule.rtcp_target(), Some(addr("192.0.2.10:6001")));
        rule.reported(at(3_010), addr("192.0.2.10:6007"));
        rule.judge(at(3_020), addr("203.0.113.9:700"), Shown::Key);
        assert_eq!(rule.rtcp_target(), Some(addr("203.0.113.9:701")));
        // Reports alone may go elsewhere too, where they have not been heard for long.
        rule.reported(at(4_000), addr("203.0.113.9:801"));
        rule.reported(at(9_000), addr("203.0.113.9:901"));
        assert_eq!(rule.rtcp_target(), Some(addr("203.0.113.9:801")));
        rule.reported(at(25_000), addr("203.0.113.9:901"));
        assert_eq!(rule.rtcp_target(), Some(addr("203.0.113.9:901")));
    }
}
