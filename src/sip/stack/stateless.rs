//! Answers that leave nothing behind (8.2.7): the same request gets the same answer again, once per copy.

use sha2::{Digest, Sha256};

use super::Stack;
use crate::{
    sip::{Path, Reply, compose},
    wire::sip::{Message, Method},
};

impl Stack {
    /// Refuses a request outside any transaction. An ACK is never answered.
    pub(in crate::sip) fn refuse(&mut self, path: Path, request: &Message, reply: &Reply) {
        if request.method() == Some(&Method::Ack) {
            return;
        }
        let tag = if request.to_tag().is_some() { 0 } else { self.stateless_tag(request) };
        self.answer_statelessly(path, request, reply, tag);
    }

    pub(super) fn answer_statelessly(&mut self, path: Path, request: &Message, reply: &Reply, tag: u64) {
        let bytes = compose::answer(&self.settings, request, (path.remote, tag), None, reply);
        let to = compose::response_path(request, path, self.settings.force_rport);
        self.send(to, bytes);
    }

    /// The same for every copy of a request, and never the tag of a dialog.
    fn stateless_tag(&self, request: &Message) -> u64 {
        let mut hasher = Sha256::new();
        hasher.update(self.tag_key);
        hasher.update(request.call_id());
        hasher.update(request.from_tag().unwrap_or_default());
        hasher.update(request.cseq().number.to_be_bytes());
        let hash = hasher.finalize();
        hash.iter().take(8).fold(0, |word, byte| (word << 8) | u64::from(*byte)).max(1)
    }
}
