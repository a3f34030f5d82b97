//! What a user's lines do, as lamps want it (RFC 4235), whole every time. Who the other side is, and the tags of the dialog,
//! are not told: with them a watcher could speak in its name. Who may pick up what rings is told who calls, and by which
//! Replaces it is picked up: an alias that means something in such an INVITE alone, and nothing of our dialogs.

use std::fmt::Write;

use super::{document::Document, xml::escaped};
use crate::{
    base::{LegId, UserId},
    engine::Engine,
    switch::{LegParty, LegSide, LegStage, escape_user},
    wire::sip::Replaces,
};

pub(super) const TYPE: &str = "application/dialog-info+xml";

/// Lines of one user that are told of; the rest would not fit a datagram, and a lamp has one light.
const DIALOGS_MAX: usize = 8;

/// Of those, lines that can be picked up: each takes some 400 octets.
const PICKUPS_MAX: usize = 2;

const ALIAS_PREFIX: &str = "pickup-";

impl Engine {
    pub(super) fn dialog_document(&mut self, user: UserId) -> Document {
        self.name_ringing(user);
        let entity = self.watched_uri(user);
        let head = String::from(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"",
        );
        let mut tail = format!("\" state=\"full\" entity=\"{}\">\r\n", escaped(&entity));
        let mut colleagues = tail.clone();
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
            Some((*leg, line.alias.filter(|_| line.rings()), direction, state))
        });
        let (mut any, mut pickups) = (false, 0);
        for (leg, alias, direction, state) in shown.take(DIALOGS_MAX) {
            any = true;
            let plain = format!("<dialog id=\"{leg}\" direction=\"{direction}\"><state>{state}</state></dialog>\r\n");
            match alias.filter(|_| pickups < PICKUPS_MAX) {
                Some(alias) => {
                    pickups += 1;
                    self.write_pickup(&mut colleagues, (leg, alias), &entity, (direction, state));
                }
                None => colleagues.push_str(&plain),
            }
            tail.push_str(&plain);
        }
        if !any {
            // Several phones take a document without any dialog for no news at all.
            tail.push_str("<dialog id=\"none\"><state>terminated</state></dialog>\r\n");
        }
        tail.push_str("</dialog-info>\r\n");
        colleagues.push_str("</dialog-info>\r\n");
        Document::versioned(TYPE, head, tail, (pickups > 0).then_some(colleagues))
    }

    /// A line that rings, as a phone needs it to take the call: Replaces is made of the three names.
    fn write_pickup(&self, text: &mut String, of: (LegId, u64), entity: &str, (direction, state): (&str, &str)) {
        let (leg, alias) = of;
        let entity = escaped(entity);
        // Writing to a String can't fail.
        let _ = write!(
            text,
            "<dialog id=\"{leg}\" call-id=\"{ALIAS_PREFIX}{}\" local-tag=\"l{alias:016x}\" remote-tag=\"r{alias:016x}\" \
             direction=\"{direction}\"><state>{state}</state><local><identity>{entity}</identity>\
             <target uri=\"{entity}\"/></local>",
            leg.0
        );
        let call = self.switch.leg(leg).and_then(|leg| self.switch.call(leg.call()));
        if let Some(caller) = call.map(|call| call.shown().clone()).filter(|caller| !caller.hidden) {
            let uri = format!("sip:{}@{}", escape_user(caller.number.reveal()), self.settings.realm);
            let display = caller.name().map(|name| format!(" display=\"{}\"", escaped(name))).unwrap_or_default();
            let _ = write!(text, "<remote><identity{display}>{}</identity></remote>", escaped(&uri));
        }
        text.push_str("</dialog>\r\n");
    }

    /// Gives what rings for a user, and is no queue's to give, a name each.
    fn name_ringing(&mut self, user: UserId) {
        let Some(lines) = self.watching.lines.get(&user) else { return };
        let (switch, offers) = (&self.switch, &self.rings);
        let of_a_queue = |leg: LegId| {
            let ring = switch.leg(leg).and_then(|leg| leg.ring());
            ring.is_none_or(|ring| offers.contains_key(&ring))
        };
        let nameless = lines.iter().filter(|(leg, line)| line.rings() && line.alias.is_none() && !of_a_queue(**leg));
        let nameless: Vec<LegId> = nameless.map(|(leg, _)| *leg).take(PICKUPS_MAX).collect();
        for leg in nameless {
            let alias = u64::from_le_bytes(self.switch.chance().bytes());
            if let Some(line) = self.watching.lines.get_mut(&user).and_then(|lines| lines.get_mut(&leg)) {
                line.alias = Some(alias);
            }
        }
    }

    /// The ringing leg that a Replaces means by the names that a lamp was told; phones differ in which tag they call whose.
    pub(in crate::engine) fn ringing_by_alias(&self, replaces: &Replaces<'_>) -> Option<LegId> {
        let leg = LegId(replaces.call_id.strip_prefix(ALIAS_PREFIX)?.parse().ok()?);
        let LegParty::User(user) = self.switch.leg(leg)?.party() else { return None };
        let line = self.watching.lines.get(&user)?.get(&leg).filter(|line| line.rings())?;
        let alias = line.alias?;
        let told = [format!("l{alias:016x}"), format!("r{alias:016x}")];
        let said = [replaces.to_tag, replaces.from_tag];
        (said == told || said == [told[1].as_str(), told[0].as_str()]).then_some(leg)
    }

    /// How a user is named to those who watch him.
    pub(super) fn watched_uri(&self, user: UserId) -> String {
        let name = self.directory.users.get(&user).map_or("", |user| user.name.as_str());
        format!("sip:{}@{}", escape_user(name), self.settings.realm)
    }
}
