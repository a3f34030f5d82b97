//! Message counts (RFC 3842). There is no mailbox here, and that is what is told: none waits. Lamps that ask stay dark and
//! phones that want an answer get one.

use super::document::Document;
use crate::{base::UserId, engine::Engine};

pub(super) const TYPE: &str = "application/simple-message-summary";

impl Engine {
    pub(super) fn summary_document(&self, user: UserId) -> Document {
        let account = self.watched_uri(user);
        let text = format!("Messages-Waiting: no\r\nMessage-Account: {account}\r\nVoice-Message: 0/0 (0/0)\r\n");
        Document::plain(TYPE, text)
    }
}
