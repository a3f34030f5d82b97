//! The domain settings, indexed for use.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{AgentLost, BlindFailed, Centre, Menu, QueueVoice, Responder, Spoken, ToQueue, WaitingSound};
use crate::{
    acd::{Calendar, Onward},
    base::{
        AgentId, ClipId, FastMap, GroupId, MenuId, Number, QueueId, ServiceId, TrunkGroupId, TrunkId, UserId, Wall,
    },
    media::{Source, Tone, spoken::Language},
    sip::Lookup,
    switch::{Destination, DialPlan, Group, Mode, Routed, Router, Trunk, TrunkDestination, TrunkGroup, User},
};

/// Users, groups, trunks and routes by what they are looked up by.
pub(super) struct Directory {
    pub router: Router,
    pub users: FastMap<UserId, Arc<User>>,
    pub groups: FastMap<GroupId, Group>,
    /// In configured order: the first whose source fits wins.
    pub trunks: BTreeMap<TrunkId, Trunk>,
    pub trunk_groups: FastMap<TrunkGroupId, TrunkGroup>,
    pub dial_plan: DialPlan,
    pub blind_failed: BlindFailed,
    pub agent_lost: AgentLost,
    pub to_queue: ToQueue,
    /// Some numbers are only forwarded.
    pub forwards: bool,
    /// Zero: nobody is reminded of whom he holds.
    pub hold_recall: Duration,
    trunk_hours: FastMap<TrunkId, Calendar>,
    queue_numbers: FastMap<QueueId, Number>,
    trunk_order: Vec<TrunkId>,
    agents: FastMap<AgentId, UserId>,
    pub agent_keys: BTreeMap<AgentId, Box<str>>,
    pub agents_by_key: BTreeMap<Box<str>, AgentId>,
    agents_of_users: FastMap<UserId, AgentId>,
    /// What tells each user's password from others.
    proofs: FastMap<UserId, u64>,
    waiting: FastMap<QueueId, WaitingSound>,
    spoken: FastMap<QueueId, Arc<Spoken>>,
    pub queue_names: FastMap<QueueId, Arc<str>>,
    hold_music: Option<ClipId>,
    clips: BTreeMap<Box<str>, ClipId>,
    pub services: BTreeMap<ServiceId, Responder>,
    pub menus: BTreeMap<MenuId, Arc<Menu>>,
    queue_keys: BTreeMap<QueueId, Box<str>>,
}

impl Directory {
    pub fn new(centre: &Centre) -> Self {
        let router = Router::new(&centre.users, &centre.groups, &centre.routes);
        let mut agents = FastMap::default();
        let mut agents_of_users = FastMap::default();
        for (agent, settings) in &centre.acd.agents {
            let name = settings.user.as_deref().unwrap_or(&settings.key);
            if let Some(user) = router.user(name) {
                agents.insert(*agent, user);
                agents_of_users.insert(user, *agent);
            }
        }
        Self {
            proofs: centre.users.iter().filter_map(|user| Some((user.id, user.ha1.as_ref()?.fingerprint()))).collect(),
            users: centre.users.iter().map(|user| (user.id, Arc::new(user.clone()))).collect(),
            groups: centre.groups.iter().map(|group| (group.id, group.clone())).collect(),
            trunks: centre.trunks.iter().map(|trunk| (trunk.id, trunk.clone())).collect(),
            trunk_groups: centre.trunk_groups.iter().map(|group| (group.id, group.clone())).collect(),
            dial_plan: centre.dial_plan.clone(),
            blind_failed: centre.blind_failed,
            agent_lost: centre.agent_lost,
            to_queue: centre.to_queue,
            forwards: centre.routes.iter().any(|route| route.mode == Mode::Proxy),
            hold_recall: Duration::from_secs(centre.acd.policies.hold_recall_secs.into()),
            trunk_hours: centre.trunks.iter().filter_map(|trunk| Some((trunk.id, hours(centre, trunk)?))).collect(),
            queue_numbers: centre
                .queues
                .iter()
                .filter_map(|voice| Some((voice.queue, voice.caller_id.clone()?)))
                .collect(),
            trunk_order: centre.trunks.iter().map(|trunk| trunk.id).collect(),
            waiting: centre.queues.iter().map(|queue| (queue.queue, queue.waiting)).collect(),
            spoken: centre.queues.iter().map(|queue| (queue.queue, Arc::new(queue.spoken.clone()))).collect(),
            queue_names: centre
                .acd
                .queues
                .iter()
                .map(|(id, queue)| (*id, name_of((&queue.key, &queue.name))))
                .collect(),
            hold_music: centre.hold_music,
            clips: centre.clips.iter().map(|clip| (clip.name.as_str().into(), clip.id)).collect(),
            services: centre.services.iter().map(|service| (service.id, service.clone())).collect(),
            menus: centre.menus.iter().map(|menu| (menu.id, Arc::new(menu.clone()))).collect(),
            queue_keys: centre.acd.queues.iter().map(|(id, queue)| (*id, queue.key.as_str().into())).collect(),
            agent_keys: centre.acd.agents.iter().map(|(id, agent)| (*id, agent.key.as_str().into())).collect(),
            agents_by_key: centre.acd.agents.iter().map(|(id, agent)| (agent.key.as_str().into(), *id)).collect(),
            router,
            agents,
            agents_of_users,
        }
    }

    /// What a device of the name would have to have shown to be there; `None` where no password is asked for.
    pub fn proof(&self, name: &str) -> Option<u64> {
        self.proofs.get(&self.router.user(name)?).copied()
    }

    /// What these queues are called and sound like stays: people wait there though the settings know them no more.
    /// Tells what another process has to know of it.
    pub fn keep_queues(&mut self, old: &Self, queues: impl Iterator<Item = QueueId>) -> Vec<QueueVoice> {
        let gone: BTreeSet<_> = queues.filter(|queue| !self.queue_keys.contains_key(queue)).collect();
        let gone = gone.into_iter().filter_map(|queue| Some((old.queue_keys.get(&queue)?, old.voice(queue))));
        let gone: Vec<_> = gone.collect();
        for (key, voice) in &gone {
            self.keep_queue((key, old.queue_name(voice.queue)), voice.clone());
        }
        gone.into_iter().map(|(_, voice)| voice).collect()
    }

    /// The same of one of which the journal tells.
    pub fn keep_queue(&mut self, called: (&str, &str), voice: QueueVoice) {
        let QueueVoice { queue, waiting, caller_id, spoken } = voice;
        self.queue_keys.insert(queue, called.0.into());
        self.queue_names.insert(queue, name_of(called));
        self.queue_numbers.extend(caller_id.map(|number| (queue, number)));
        self.spoken.insert(queue, Arc::new(spoken));
        let is_there = match waiting {
            WaitingSound::Clip(clip) => self.clips.values().any(|known| *known == clip),
            WaitingSound::HoldMusic
            | WaitingSound::Ringback
            | WaitingSound::RingbackWhenOffered
            | WaitingSound::Silence => true,
        };
        self.waiting.insert(queue, if is_there { waiting } else { WaitingSound::default() });
    }

    pub fn voice(&self, queue: QueueId) -> QueueVoice {
        QueueVoice {
            queue,
            waiting: self.waiting.get(&queue).copied().unwrap_or_default(),
            caller_id: self.queue_numbers.get(&queue).cloned(),
            spoken: Spoken::clone(&self.spoken(queue)),
        }
    }

    /// Whether calls may go out by a trunk at that time (TK-09).
    pub fn is_in_hours(&self, trunk: TrunkId, at: Wall) -> bool {
        self.trunk_hours.get(&trunk).is_none_or(|calendar| calendar.is_open(at))
    }

    /// Where a way out of a queue or menu leads.
    pub fn onward(&self, to: &Onward) -> Option<Routed> {
        let plain = |destination| Routed { destination, number: String::new(), caller_id: None, mode: Mode::Call };
        match to {
            Onward::User(key) => self.router.user(key).map(Destination::User).map(plain),
            Onward::Group(key) => {
                let mut groups = self.groups.values().filter(|group| group.name.as_str() == &**key);
                groups.next().map(|group| plain(Destination::Group(group.id)))
            }
            Onward::Number(number) => self.router.route_out(number),
            Onward::Menu(key) => self.menu_of(key).map(|menu| plain(Destination::Menu(menu.id))),
            Onward::Clip(key) => self.clips.get(&**key).map(|clip| plain(Destination::Clip(*clip))),
            Onward::Queue(key) => {
                let found = self.queue_keys.iter().find(|(_, known)| known.as_ref() == key.as_ref());
                found.map(|(queue, _)| plain(Destination::Queue(*queue)))
            }
            Onward::HangUp => None,
        }
    }

    pub fn service_of(&self, key: &str) -> Option<ServiceId> {
        self.services.values().find(|service| service.name == key).map(|service| service.id)
    }

    pub fn menu_of(&self, key: &str) -> Option<Arc<Menu>> {
        self.menus.values().find(|menu| menu.key == key).cloned()
    }

    pub fn queue_key(&self, queue: QueueId) -> Option<&str> {
        self.queue_keys.get(&queue).map(|key| &**key)
    }

    /// The user of an internal name or extension.
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.router.user(name).and_then(|id| self.users.get(&id))
    }

    pub fn user_of(&self, agent: AgentId) -> Option<&Arc<User>> {
        self.agents.get(&agent).and_then(|user| self.users.get(user))
    }

    /// Whether two users are members of one group.
    pub fn share_a_group(&self, one: UserId, other: UserId) -> bool {
        self.groups.values().any(|group| group.members.contains(&one) && group.members.contains(&other))
    }

    pub fn agent_of(&self, user: UserId) -> Option<AgentId> {
        self.agents_of_users.get(&user).copied()
    }

    /// The trunk whose packets come from there, on a connection of those domains.
    pub fn trunk_at(&self, remote: SocketAddr, domains: &[String]) -> Option<TrunkId> {
        let fits = |id: &&TrunkId| self.trunks.get(id).is_some_and(|trunk| trunk.calls_from(remote, domains));
        self.trunk_order.iter().find(fits).copied()
    }

    /// Whether some trunk may call from that address, whatever the port.
    pub fn has_trunk_at(&self, source: IpAddr) -> bool {
        let mut sources = self.trunks.values().flat_map(|trunk| &trunk.sources);
        sources.any(|known| known.matches(SocketAddr::new(source, known.port.unwrap_or(0))))
    }

    /// Names of trunks' hosts, each once.
    pub fn names(&self) -> BTreeSet<Lookup> {
        let destinations = self.trunks.values().filter_map(|trunk| trunk.destination.as_ref());
        destinations.filter(|destination| destination.address().is_none()).map(TrunkDestination::lookup).collect()
    }

    /// What a held leg hears.
    pub fn hold_music(&self) -> Source {
        self.hold_music.map_or(Source::Tone(Tone::Ringback), Source::Clip)
    }

    /// What a waiting caller of a queue hears.
    pub fn waiting_sound(&self, queue: QueueId, agent_rings: bool) -> Option<Source> {
        match self.waiting.get(&queue).copied().unwrap_or_default() {
            WaitingSound::HoldMusic => Some(self.hold_music()),
            WaitingSound::Clip(clip) => Some(Source::Clip(clip)),
            WaitingSound::Ringback => Some(Source::Tone(Tone::Ringback)),
            WaitingSound::RingbackWhenOffered if agent_rings => Some(Source::Tone(Tone::Ringback)),
            WaitingSound::RingbackWhenOffered => Some(self.hold_music()),
            WaitingSound::Silence => None,
        }
    }

    /// What a queue says.
    pub fn spoken(&self, queue: QueueId) -> Arc<Spoken> {
        self.spoken.get(&queue).cloned().unwrap_or_default()
    }

    /// The clip of a key; a built-in sentence in that language.
    pub fn clip_in(&self, key: &str, language: Language) -> Option<ClipId> {
        match key.strip_prefix("built-in:") {
            Some(word) => language.clip(word),
            None => self.clips.get(key).copied(),
        }
    }

    /// Whether it changes when an agent rings.
    pub fn sounds_change(&self, queue: QueueId) -> bool {
        self.waiting.get(&queue) == Some(&WaitingSound::RingbackWhenOffered)
    }

    /// What the outside sees of calls that come from a queue.
    pub fn queue_number(&self, queue: QueueId) -> Option<&Number> {
        self.queue_numbers.get(&queue)
    }

    pub fn queue_name(&self, queue: QueueId) -> &str {
        self.queue_names.get(&queue).map_or("", |name| name)
    }
}

/// By key and name: what people see.
fn name_of((key, name): (&str, &str)) -> Arc<str> {
    if name.is_empty() { key.into() } else { name.into() }
}

fn hours(centre: &Centre, trunk: &Trunk) -> Option<Calendar> {
    let key = trunk.hours.as_deref()?;
    let found = centre.acd.calendars.iter().find(|calendar| calendar.key == key)?;
    Some(Calendar::new(found.clone(), &centre.acd.policies.time_zone))
}
