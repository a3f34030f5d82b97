//! From what was dialled to what is rung.

use std::{collections::VecDeque, time::Duration};

use super::{Destination, Group, LegParty, LegSide, Mode, Route, Side, Trunk, User};
use crate::base::{FastMap, GroupId, Instant, KeyedMap, Number, TrunkId, UserId, keyed_map};

/// All users, groups and routes, indexed.
#[derive(Clone, Debug)]
pub struct Router {
    users: KeyedMap<Box<str>, UserId>,
    groups: KeyedMap<Box<str>, GroupId>,
    exact: KeyedMap<Box<str>, Vec<usize>>,
    /// The rest, the most specific first.
    patterns: Vec<usize>,
    routes: Vec<Route>,
}

/// Where a call goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routed {
    pub destination: Destination,
    /// What is dialled there, for a trunk.
    pub number: String,
    /// The number shown there, when the route has one of its own.
    pub caller_id: Option<Number>,
    /// Whether a call there is taken on, or only forwarded.
    pub mode: Mode,
}

impl Router {
    pub fn new(users: &[User], groups: &[Group], routes: &[Route]) -> Self {
        let mut router = Self {
            users: keyed_map(),
            groups: keyed_map(),
            exact: keyed_map(),
            patterns: Vec::new(),
            routes: routes.to_vec(),
        };
        for user in users {
            for name in std::iter::once(&user.name).chain(&user.extension) {
                router.users.insert(name.as_str().to_ascii_lowercase().into(), user.id);
            }
        }
        for group in groups {
            router.groups.insert(group.name.as_str().to_ascii_lowercase().into(), group.id);
        }
        for (at, route) in routes.iter().enumerate() {
            if route.pattern.is_exact() {
                router.exact.entry(route.pattern.as_str().into()).or_default().push(at);
            } else {
                router.patterns.push(at);
            }
        }
        router.patterns.sort_by_key(|at| std::cmp::Reverse(routes.get(*at).map_or(0, literals)));
        router
    }

    /// The user of an internal name or extension.
    pub fn user(&self, name: &str) -> Option<UserId> {
        self.users.get(name).or_else(|| self.users.get(&*name.to_ascii_lowercase())).copied()
    }

    /// Where a number leads that the settings themselves call: as if a user had dialled it.
    pub fn route_out(&self, number: &str) -> Option<Routed> {
        self.route(LegParty::User(UserId(0)), number)
    }

    /// Routes first, then names. A trunk's call reaches a trunk only by a route that names the trunk it came from.
    pub fn route(&self, from: LegParty, dialled: &str) -> Option<Routed> {
        let exact = self.exact.get(dialled).into_iter().flatten();
        let routes = exact.chain(&self.patterns).filter_map(|at| self.routes.get(*at));
        let mut fitting = routes.filter(|route| route.pattern.matches(dialled) && may_use(route, from));
        if let Some(route) = fitting.next() {
            let rest: String = dialled.chars().skip(usize::from(route.strip)).collect();
            let number = format!("{}{rest}", route.prepend);
            let (destination, mode) = (route.destination, route.mode);
            return Some(Routed { destination, number, caller_id: route.caller_id.clone(), mode });
        }
        let destination = self
            .user(dialled)
            .map(Destination::User)
            .or_else(|| self.groups.get(&*dialled.to_ascii_lowercase()).map(|group| Destination::Group(*group)))?;
        Some(Routed { destination, number: dialled.to_owned(), caller_id: None, mode: Mode::Call })
    }
}

fn may_use(route: &Route, from: LegParty) -> bool {
    let to_trunk = matches!(route.destination, Destination::Trunk(_) | Destination::Trunks(_));
    match (&route.from, from) {
        (Side::Anyone | Side::Trunks, LegParty::Trunk(_)) => !to_trunk,
        (Side::Anyone | Side::Users, LegParty::User(_)) => true,
        (Side::Trunk(named), LegParty::Trunk(trunk)) => *named == trunk,
        (Side::Users, LegParty::Trunk(_)) | (Side::Trunks | Side::Trunk(_), LegParty::User(_)) => false,
    }
}

/// How specific a pattern is.
fn literals(route: &Route) -> usize {
    route
        .pattern
        .as_str()
        .bytes()
        .map(|byte| match byte {
            b'*' => 0,
            b'X' => 1,
            _ => 2,
        })
        .sum()
}

/// Calls at one time, per trunk.
#[derive(Clone, Debug, Default)]
pub struct TrunkLoad(FastMap<TrunkId, Load>);

#[derive(Clone, Debug, Default)]
struct Load {
    inbound: u32,
    outbound: u32,
    /// When the calls of the last second began, in order.
    begun: VecDeque<Instant>,
}

/// What limits by the second look back to.
const SECOND: Duration = Duration::from_secs(1);

impl Load {
    fn of(&self, side: LegSide) -> u32 {
        match side {
            LegSide::Caller => self.inbound,
            LegSide::Called => self.outbound,
        }
    }

    fn side(&mut self, side: LegSide) -> &mut u32 {
        match side {
            LegSide::Caller => &mut self.inbound,
            LegSide::Called => &mut self.outbound,
        }
    }

    /// Calls that began in the second before now.
    fn begun(&self, now: Instant) -> usize {
        self.begun.len() - self.over(now)
    }

    /// Those of `begun` that began before that.
    fn over(&self, now: Instant) -> usize {
        self.begun.partition_point(|at| now.since(*at) >= SECOND)
    }
}

impl TrunkLoad {
    /// One more call of theirs (`Caller`) or to them begins.
    pub fn take(&mut self, now: Instant, trunk: TrunkId, side: LegSide) {
        self.resume(trunk, side);
        let load = self.0.entry(trunk).or_default();
        load.begun.drain(..load.over(now));
        load.begun.push_back(now);
    }

    /// The same for one that began in an earlier process.
    pub fn resume(&mut self, trunk: TrunkId, side: LegSide) {
        *self.0.entry(trunk).or_default().side(side) += 1;
    }

    pub fn give_back(&mut self, trunk: TrunkId, side: LegSide) {
        if let Some(load) = self.0.get_mut(&trunk) {
            let calls = load.side(side);
            *calls = calls.saturating_sub(1);
        }
    }

    pub fn of(&self, trunk: TrunkId) -> u32 {
        self.0.get(&trunk).map_or(0, |load| load.inbound + load.outbound)
    }

    /// Whether a trunk's limits leave room for one more.
    pub fn has_room(&self, now: Instant, trunk: &Trunk, side: LegSide) -> bool {
        let none = Load::default();
        let load = self.0.get(&trunk.id).unwrap_or(&none);
        let limits = &trunk.limits;
        let most = match side {
            LegSide::Caller => limits.calls_in,
            LegSide::Called => limits.calls_out,
        };
        let below = |count: u32, most: Option<u32>| most.is_none_or(|most| count < most);
        below(load.inbound + load.outbound, trunk.calls_max)
            && below(load.of(side), most)
            && limits.per_second.is_none_or(|most| load.begun(now) < most as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::QueueId, switch::Pattern};

    fn route(pattern: &str, from: Side, destination: Destination) -> Route {
        Route { from, ..Route::new(Pattern::new(pattern).unwrap(), destination) }
    }

    fn router(routes: &[Route]) -> Router {
        Router::new(&[], &[], routes)
    }

    const TRUNK: LegParty = LegParty::Trunk(TrunkId(1));
    const ANA: LegParty = LegParty::User(UserId(1));

    #[test]
    fn the_most_specific_route_wins() {
        let queue = |id| Destination::Queue(QueueId(id));
        let router = router(&[
            route("8*", Side::Anyone, queue(1)),
            route("8XX", Side::Anyone, queue(2)),
            route("800", Side::Anyone, queue(3)),
        ]);
        let reached = |dialled| router.route(TRUNK, dialled).map(|routed| routed.destination);
        assert_eq!(reached("800"), Some(queue(3)));
        assert_eq!(reached("801"), Some(queue(2)));
        assert_eq!(reached("8000"), Some(queue(1)));
        assert_eq!(reached("700"), None);
    }

    /// TK-02: a carrier's call never leaves by a trunk unless a route names the carrier.
    #[test]
    fn tk_02_a_trunk_reaches_no_trunk_by_a_general_route() {
        let out = Destination::Trunk(TrunkId(2));
        for side in [Side::Anyone, Side::Trunks, Side::Users] {
            assert_eq!(router(&[route("9*", side, out)]).route(TRUNK, "9000"), None);
        }
        assert!(router(&[route("9*", Side::Trunk(TrunkId(1)), out)]).route(TRUNK, "9000").is_some());
        assert!(router(&[route("9*", Side::Trunk(TrunkId(7)), out)]).route(TRUNK, "9000").is_none());
        assert!(router(&[route("9*", Side::Users, out)]).route(ANA, "9000").is_some());
        assert!(router(&[route("9*", Side::Trunks, out)]).route(ANA, "9000").is_none());
    }

    #[test]
    fn a_trunk_gets_the_number_without_its_prefix() {
        let mut out = route("0*", Side::Users, Destination::Trunk(TrunkId(2)));
        (out.strip, out.prepend) = (1, "+351".to_owned());
        assert_eq!(router(&[out]).route(ANA, "0210000001").unwrap().number, "+351210000001");
    }
}
