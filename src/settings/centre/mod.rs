//! The centre's files: users, groups, trunks, numbers, clips, agents, queues, reasons, policies.

mod book;
mod circles;
mod difference;
mod dump;
mod lines;
mod menus;
mod numbering;
mod people;
mod queues;
mod quirks;
mod range;
mod recording;
mod services;
mod transfers;

pub use difference::difference;
pub use dump::dump;
pub use range::RANGE_MAX;

use std::{cell::RefCell, collections::BTreeMap};

use book::Book;
use serde::de::DeserializeOwned;

use super::{
    fault::{At, Report},
    read::Section,
    server::ServerSettings,
};
use crate::{
    base::{AgentId, ClipId, DialClassId, GroupId, MenuId, QueueId, ServiceId, TrunkGroupId, TrunkId, UserId},
    engine::Centre,
    switch::{Destination, Router},
};

/// Where a clip's sound is: a WAV file beside the centre file, or [`BUILT_IN`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipFile {
    pub id: ClipId,
    pub file: At<String>,
}

/// In place of a file: the hold music that is part of the program.
pub const BUILT_IN: &str = "built-in";

/// In front of the name of a sentence that is part of the program: `built-in:pt/thanks`.
pub const BUILT_IN_WORD: &str = "built-in:";

/// A centre as its files describe it.
#[derive(Clone, Debug, Default)]
pub struct CentreFiles {
    pub centre: Centre,
    pub clips: Vec<ClipFile>,
    /// Users whose password is to be made at first start.
    pub generated: Vec<UserId>,
}

/// A value whose references are still names.
struct Strayed<T> {
    value: T,
    names: Vec<At<String>>,
}

/// All files of one centre while they are read.
struct Reading<'r, 'a> {
    roots: &'r [Section<'a>],
    report: &'a Report<'a>,
    realm: &'r str,
    /// Clients on TLS listeners may show a certificate.
    asks_for_certificates: bool,
    users: Book<UserId>,
    groups: Book<GroupId>,
    trunks: Book<TrunkId>,
    trunk_groups: Book<TrunkGroupId>,
    clips: Book<ClipId>,
    classes: Book<DialClassId>,
    agents: Book<AgentId>,
    queues: Book<QueueId>,
    services: Book<ServiceId>,
    menus: Book<MenuId>,
    /// Calendars that trunks name, before there are any.
    trunk_hours: RefCell<Vec<At<String>>>,
    /// Where queues lead on.
    onward: RefCell<Vec<At<crate::acd::Onward>>>,
}

/// Users by name and extension, and groups by name.
fn addresses(users: &[people::UserDraft], groups: &[Strayed<crate::switch::Group>]) -> BTreeMap<String, Destination> {
    let users = users.iter().map(|draft| &draft.user);
    let users = users.flat_map(|user| {
        let named = [Some(&user.name), user.extension.as_ref()].into_iter().flatten();
        named.map(|name| (name.as_str().to_ascii_lowercase(), Destination::User(user.id)))
    });
    let groups =
        groups.iter().map(|group| (group.value.name.as_str().to_ascii_lowercase(), Destination::Group(group.value.id)));
    users.chain(groups).collect()
}

/// Reads the centre out of all files together. Faults go to the report; what is returned counts only without any.
pub(super) fn read<'a>(roots: &[Section<'a>], report: &'a Report<'a>, server: &ServerSettings) -> CentreFiles {
    let mut reading = Reading {
        roots,
        report,
        realm: &server.realm,
        asks_for_certificates: server.tls.client_authorities.is_some(),
        users: Book::new("user"),
        groups: Book::new("group"),
        trunks: Book::new("trunk"),
        trunk_groups: Book::new("trunk group"),
        clips: Book::new("clip"),
        classes: Book::new("dial class"),
        agents: Book::new("agent"),
        queues: Book::new("queue"),
        services: Book::new("service"),
        menus: Book::new("menu"),
        trunk_hours: RefCell::default(),
        onward: RefCell::default(),
    };
    let (clips, files) = reading.read_clips();
    let services = reading.read_services();
    let dial_plan = reading.read_dial_plan();
    let mut users = reading.read_users();
    let groups = reading.read_groups();
    let trunks = reading.read_trunks();
    let trunk_groups = reading.read_trunk_groups();
    let menus = reading.read_menus();
    let (acd, queues) = reading.read_acd(&mut users);
    reading.check_menus(&menus, &acd);
    let routes = reading.read_numbers(&addresses(&users, &groups));
    reading.check_stays(&menus, &routes, &acd);
    reading.check_trunk_hours(&acd.calendars);
    let (blind_failed, agent_lost, to_queue) = transfers::read_transfers(&reading);
    let generated = users.iter().filter(|draft| draft.generated).map(|draft| draft.user.id).collect();
    reading.check_addresses(&users, &groups);
    reading.check_page_passwords(&users);
    let mut centre = Centre {
        groups: reading.resolve_groups(groups),
        supervised: reading.resolve_supervised(&users),
        users: users.into_iter().map(|draft| draft.user).collect(),
        trunks,
        trunk_groups,
        routes,
        dial_plan,
        blind_failed,
        agent_lost,
        to_queue,
        headers: quirks::read_headers(&reading),
        clips,
        hold_music: lines::hold_music(&reading),
        acd,
        queues,
        watching: reading.read_watching(),
        recording: reading.read_recording(),
        services,
        menus: Vec::new(),
    };
    let router = Router::new(&centre.users, &centre.groups, &centre.routes);
    reading.check_numbers_onward(&router);
    reading.check_circles(&menus, &centre.acd, &router);
    centre.menus = menus::finished(menus);
    CentreFiles { centre, clips: files, generated }
}

impl<'a> Reading<'_, 'a> {
    /// Every `[[key]]` of every file.
    fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        self.roots.iter().flat_map(|root| root.tables(key)).collect()
    }

    /// The names that an entry's `key` stands for.
    fn keys(&self, section: &mut Section<'_>, kind: &'static str) -> Option<At<Vec<String>>> {
        let key = self.named(section, kind)?;
        match range::expand(&key.value) {
            Ok(keys) => Some(At::new(keys, key.mark)),
            Err(expected) => {
                section.fault(key.mark, format!("key: {expected}"), None);
                section.abandon();
                self.report.spoil(kind);
                None
            }
        }
    }

    /// The name of an entry, which its faults are told with from now on. Without one nothing else of it is read, and who
    /// refers to a `kind` that isn't there may mean this one.
    fn named(&self, section: &mut Section<'_>, kind: &'static str) -> Option<At<String>> {
        let key = section.required_text("key", &format!("the {kind}'s short name"));
        match &key {
            Some(key) => section.name_it(format!("{} \"{}\"", kind.replace(' ', "_"), key.value)),
            None => {
                section.abandon();
                self.report.spoil(kind);
            }
        }
        key
    }

    /// What is left of an entry, in one piece.
    fn rest<T: DeserializeOwned>(&self, section: Section<'_>, kind: &'static str) -> Option<T> {
        let rest = section.rest();
        if rest.is_none() {
            self.report.spoil(kind);
        }
        rest
    }

    fn expand_all(&self, names: &[At<String>]) -> Vec<At<String>> {
        let mut all = Vec::new();
        for name in names {
            match range::expand(&name.value) {
                Ok(names) => all.extend(names.into_iter().map(|one| At::new(one, name.mark))),
                Err(expected) => self.report.fault(name.mark, expected, None),
            }
        }
        all
    }

    /// Users, their extensions and groups share one space of internal addresses.
    fn check_addresses(&self, users: &[people::UserDraft], groups: &[Strayed<crate::switch::Group>]) {
        let mut book: Book<UserId> = Book::new("internal address");
        let groups = groups.iter().map(|group| group.value.name.as_str());
        for (draft, address) in users.iter().map(|draft| (draft, draft.user.name.as_str())) {
            book.add(self.report, address, draft.mark);
        }
        for draft in users {
            if let Some(extension) = draft.user.extension.as_ref().filter(|own| **own != draft.user.name) {
                book.add(self.report, extension.as_str(), draft.mark);
            }
        }
        for (name, section) in groups.zip(self.tables("group")) {
            book.add(self.report, name, section.mark());
        }
    }
}

#[cfg(test)]
mod tests;
