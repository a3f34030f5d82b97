//! Keys in a phone's descriptions (SDES, RFC 4568), one suite only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use strowger::{
    base::Private,
    media::{KEY_BYTES, Secure, Security, Suite},
};

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

pub type Key = [u8; KEY_BYTES];

/// The key of an `a=crypto` line.
pub fn read(value: &str) -> Option<Key> {
    let (_, key) = value.split_once(SUITE)?.1.split_once("inline:")?;
    STANDARD.decode(key.trim()).ok()?.try_into().ok()
}

/// A description of sound that is protected.
pub fn protected(text: &str, key: &Key) -> String {
    let text = text.replace("RTP/AVP", "RTP/SAVP");
    format!("{text}a=crypto:1 {SUITE} inline:{}\r\n", STANDARD.encode(key))
}

/// Both keys are known; where they are the old ones, numbers go on.
pub fn agree(guard: &mut Option<Secure>, ours: Key, theirs: Key) {
    let agreed = Security { suite: Suite::Long, ours: Private::new(ours), theirs: Private::new(theirs), mki: 0 };
    match guard {
        Some(guard) if guard.agreed == agreed => {}
        Some(guard) => guard.rekey(agreed),
        None => *guard = Some(Secure::new(agreed)),
    }
}
