//! Bytes to values and back, without state: SIP, SDP, RTP, RTCP. Uses only base.
