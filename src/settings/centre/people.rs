//! `[[user]]` and `[[group]]`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reading, Strayed};
use crate::{
    base::{Extension, GroupId, KEY_EXPECTED, Number, Private, QueueId, UserId},
    settings::{
        fault::{At, Mark},
        read::{Section, or},
    },
    sip::digest::Ha1,
    switch::{Group, GroupStrategy, Role, User},
};

/// Seconds a group rings when nothing is said.
const GROUP_RING_SECS: u64 = 20;

pub(super) const ROLES: [(&str, Role); 4] =
    [("user", Role::User), ("agent", Role::Agent), ("supervisor", Role::Supervisor), ("admin", Role::Admin)];

pub(super) const GROUP_STRATEGIES: [(&str, GroupStrategy); 3] = [
    ("simultaneous", GroupStrategy::Simultaneous),
    ("random", GroupStrategy::Random),
    ("sequential", GroupStrategy::Sequential),
];

pub(super) struct UserDraft {
    pub user: User,
    pub mark: Mark,
    /// Where the password of the pages is.
    pub page_mark: Option<Mark>,
    /// A password is to be made for him at first start.
    pub generated: bool,
    /// An agent answers with this user's phones.
    pub is_agent: bool,
    /// Keys of the queues that he supervises; `None`: all.
    pub supervises: Option<Vec<At<String>>>,
}

impl Reading<'_, '_> {
    pub(super) fn read_users(&mut self) -> Vec<UserDraft> {
        let mut drafts = Vec::new();
        for mut section in self.tables("user") {
            self.read_user(&mut section, &mut drafts);
            section.finish();
        }
        drafts
    }

    /// One entry may stand for many users.
    fn read_user(&mut self, section: &mut Section<'_>, drafts: &mut Vec<UserDraft>) {
        let Some(keys) = self.keys(section, "user") else { return };
        let extension = section.parsed_by("extension", "letters, digits and . _ - * #", Extension::new);
        let number = section.parsed_by("number", "a number such as +351210000001", Number::new);
        let display = section.text("name").map(|at| at.value);
        let role = or(section.one_of("role", &ROLES), Role::User);
        let page_mark = section.mark_of("page_password");
        let page_password = read_page_password(section);
        let hides_number = or(section.flag("hide_number"), false);
        let class = section.text("dial_class").and_then(|key| self.classes.find(self.report, &key, "dial_class"));
        let secret = Secret::read(section);
        let supervises = section.texts("supervises");
        if let Some(mark) = section.mark_of("supervises").filter(|_| role != Role::Supervisor) {
            let hint = Some(String::from("an admin supervises all queues, the others none"));
            section.fault(mark, "supervises: only for role = \"supervisor\"", hint);
        }
        if keys.value.len() > 1
            && let Some(mark) = extension.as_ref().map(|at| at.mark).or(number.as_ref().map(|at| at.mark))
        {
            section.fault(mark, "a range of users can't share one extension or number", None);
        }
        for key in keys.value {
            let Some(name) = Extension::new(&key) else {
                let hint = Some(String::from(KEY_EXPECTED));
                section.fault(keys.mark, format!("key: \"{key}\" can't be dialled"), hint);
                self.report.spoil("user");
                continue;
            };
            let Some(id) = self.users.add(self.report, &key, keys.mark) else { continue };
            let user = User {
                id,
                extension: extension.clone().map(|at| at.value),
                display: Private::new(display.clone().unwrap_or_else(|| key.clone())),
                number: number.clone().map(|at| at.value),
                ha1: secret.ha1(&key, self.realm),
                page_password: page_password.clone(),
                role,
                name,
                hides_number,
                class,
            };
            let generated = matches!(secret, Secret::Generate);
            let supervises = supervises.clone();
            drafts.push(UserDraft { user, mark: keys.mark, page_mark, generated, is_agent: false, supervises });
        }
    }

    pub(super) fn read_groups(&mut self) -> Vec<Strayed<Group>> {
        let mut drafts = Vec::new();
        for mut section in self.tables("group") {
            if let Some(key) = self.named(&mut section, "group") {
                let strategy = or(section.one_of("strategy", &GROUP_STRATEGIES), GroupStrategy::Simultaneous);
                let ring_time = section.seconds("ring_secs", 1..=600);
                let ring_time = or(ring_time, std::time::Duration::from_secs(GROUP_RING_SECS));
                let members = section.texts("members").unwrap_or_default();
                let members = self.expand_all(&members);
                let name = section.parse_by(&key, "key", "letters, digits and . _ - * #", Extension::new);
                let id: Option<GroupId> = self.groups.add(self.report, &key.value, key.mark);
                if let (Some(id), Some(name)) = (id, name) {
                    let value = Group { id, name: name.value, strategy, members: Vec::new(), ring_time };
                    drafts.push(Strayed { value, names: members });
                }
            }
            section.finish();
        }
        drafts
    }

    /// Once it is known who is an agent. A plain user has nothing to see at the page; told here, not at his sign-in.
    pub(super) fn check_page_passwords(&self, drafts: &[UserDraft]) {
        for draft in drafts.iter().filter(|draft| draft.user.role == Role::User) {
            let Some(mark) = draft.page_mark else { continue };
            let hint = "the page is for agents and above: give him a role, or an [[agent]] of his name";
            self.report.fault(mark, "page_password: not for role = \"user\"", Some(String::from(hint)));
        }
    }

    /// Once the queues are known.
    pub(super) fn resolve_supervised(&self, drafts: &[UserDraft]) -> BTreeMap<UserId, BTreeSet<QueueId>> {
        let limited = drafts.iter().filter_map(|draft| Some((draft.user.id, draft.supervises.as_ref()?)));
        let find = |key: &At<String>| self.queues.find(self.report, key, "supervises");
        limited.map(|(user, keys)| (user, keys.iter().filter_map(find).collect())).collect()
    }

    pub(super) fn resolve_groups(&self, drafts: Vec<Strayed<Group>>) -> Vec<Group> {
        let resolve = |draft: Strayed<Group>| {
            let find = |name: &At<String>| -> Option<UserId> { self.users.find(self.report, name, "members") };
            Group { members: draft.names.iter().filter_map(find).collect(), ..draft.value }
        };
        drafts.into_iter().map(resolve).collect()
    }
}

fn read_page_password(section: &Section<'_>) -> Option<Private<String>> {
    let text = section.text("page_password")?;
    let hash = argon2::PasswordHash::new(&text.value).ok().filter(|hash| hash.algorithm.as_str().starts_with("argon2"));
    if hash.and_then(|hash| hash.hash).is_none() {
        let hint = Some(String::from("`strowger hash-password` makes one"));
        section.fault(text.mark, "page_password: expected an argon2 hash (\"$argon2id$…\"), not the password", hint);
    }
    Some(Private::new(text.value))
}

/// How a phone proves that it is the user's.
enum Secret {
    None,
    /// Plain in the file; only its hashes go on from here.
    Password(String),
    Hashes(Ha1),
    Generate,
}

impl Secret {
    fn read(section: &Section<'_>) -> Self {
        let password = section.text("sip_password");
        if let Some(empty) = password.as_ref().filter(|password| password.value.trim().is_empty()) {
            let hint = "generate_password = true makes one; without any password his phones can't register";
            section.fault(empty.mark, "sip_password: expected a password, found nothing", Some(hint.into()));
        }
        let generate = section.flag("generate_password").filter(|at| at.value);
        let (md5, sha256) = (section.text("ha1_md5"), section.text("ha1_sha256"));
        for (hash, digits) in [(&md5, 32), (&sha256, 64)] {
            if let Some(hash) = hash
                && (hash.value.len() != digits || !hash.value.bytes().all(|b| b.is_ascii_hexdigit()))
            {
                section.fault(hash.mark, format!("expected {digits} hexadecimal digits"), None);
            }
        }
        let hashed = md5.is_some() || sha256.is_some();
        let ways = [password.is_some(), generate.is_some(), hashed];
        if ways.into_iter().filter(|given| *given).count() > 1 {
            let problem = "expected one of sip_password, ha1_md5 with ha1_sha256, generate_password";
            section.fault(section.mark(), problem, None);
        }
        match (password, generate, md5, sha256) {
            (Some(password), ..) => Self::Password(password.value),
            (None, Some(_), ..) => Self::Generate,
            (None, None, Some(md5), Some(sha256)) => Self::Hashes(Ha1 { md5: md5.value, sha256: sha256.value }),
            (None, None, None, None) => Self::None,
            (None, None, Some(one), None) | (None, None, None, Some(one)) => {
                section.fault(one.mark, "expected both ha1_md5 and ha1_sha256", None);
                Self::None
            }
        }
    }

    fn ha1(&self, user: &str, realm: &str) -> Option<Ha1> {
        match self {
            Self::None | Self::Generate => None,
            Self::Password(password) => Some(Ha1::new(user, realm, password)),
            Self::Hashes(ha1) => Some(ha1.clone()),
        }
    }
}
