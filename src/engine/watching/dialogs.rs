//! What a user's lines do, as lamps want it (RFC 4235), whole every time. Who the other side is, and the tags of the dialog,
//! are not told: with them a watcher could speak in its name.

use std::fmt::Write;

use super::{document::Document, xml::escaped};
use crate::{
    base::UserId,
    engine::Engine,
    switch::{LegSide, LegStage},
};

pub(super) const TYPE: &str = "application/dialog-info+xml";

/// Lines of one user that are told of; the rest would not fit a datagram, and a lamp has one light.
const DIALOGS_MAX: usize = 8;

impl Engine {
    pub(super) fn dialog_document(&self, user: UserId) -> Document {
        let entity = self.watched_uri(user);
        let head = String::from(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"",
        );
        let mut tail = format!("\" state=\"full\" entity=\"{}\">\r\n", escaped(&entity));
        let rings = self.watch_settings.ringing;
        let lines = self.watching.lines.get(&user).into_iter().flatten();
        let shown = lines.filter_map(|(leg, line)| {
            let (direction, state) = match (line.side, line.stage) {
                (_, LegStage::Ended) => return None,
                (LegSide::Caller, LegStage::Answered) => ("initiator", "confirmed"),
                (LegSide::Called, LegStage::Answered) => ("recipient", "confirmed"),
                (LegSide::Caller, LegStage::Begun | LegStage::Ringing) => ("initiator", "proceeding"),
                (LegSide::Called, LegStage::Begun | LegStage::Ringing) if !rings => return None,
                (LegSide::Called, LegStage::Begun) => ("recipient", "trying"),
                (LegSide::Called, LegStage::Ringing) => ("recipient", "early"),
            };
            Some((leg, direction, state))
        });
        let mut any = false;
        for (leg, direction, state) in shown.take(DIALOGS_MAX) {
            any = true;
            // Writing to a String can't fail.
            let _ = write!(tail, "<dialog id=\"{leg}\" direction=\"{direction}\"><state>{state}</state></dialog>\r\n");
        }
        if !any {
            // Several phones take a document without any dialog for no news at all.
            tail.push_str("<dialog id=\"none\"><state>terminated</state></dialog>\r\n");
        }
        tail.push_str("</dialog-info>\r\n");
        Document::versioned(TYPE, head, tail)
    }

    /// How a user is named to those who watch him.
    pub(super) fn watched_uri(&self, user: UserId) -> String {
        let name = self.directory.users.get(&user).map_or("", |user| user.name.as_str());
        format!("sip:{}@{}", crate::switch::escape_user(name), self.settings.realm)
    }
}
