//! Bytes to values and back, without state: SIP, SDP, RTP, RTCP, STUN, and HEP on its way out. Uses only base.
//!
//! Everything here reads what strangers wrote. Sizes are bounded before anything is allocated, nothing panics whatever
//! the bytes, and a value that is handed out borrows from the message it came in.

pub mod hep;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod stun;
