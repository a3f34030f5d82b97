//! The sockets that the settings name, and what the engine is told of them.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::runtime::Handle as Runtime;

use super::{certificate, start::StartError};
use crate::{
    base::{FlowId, Instant, Now},
    engine::Centre,
    net::{Bound, Net, StreamLimits, Tls, Trusted, addresses},
    settings::{Limits, ListenerKind, ServerSettings},
    sip::Transport,
    switch::{Listener, Trunk},
};

/// How often the machine's addresses are looked at, where a listener is for all of them.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// Somewhere outside, for asking which of our addresses leads there; nothing is sent.
const OUTSIDE: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// What is listened on, and for which line of the settings.
pub struct Sockets {
    opened: Vec<Opened>,
    /// Gone from the settings; open until the calls on them have ended.
    retired: Vec<Bound>,
    server: ServerSettings,
    looked: Instant,
}

#[derive(Clone, Copy)]
struct Opened {
    /// As the settings have it: with port 0 where the system chose.
    wanted: (Transport, SocketAddr),
    bound: Bound,
}

impl Sockets {
    /// Opens all of them, or says which could not be.
    pub fn open(
        server: &ServerSettings,
        folder: &Path,
        data: &Path,
        runtime: &Runtime,
        now: Now,
    ) -> Result<(Self, Net), StartError> {
        let Limits { connections_max, connections_per_ip_max, idle_time, .. } = server.limits;
        let limits = StreamLimits { total_max: connections_max, per_ip_max: connections_per_ip_max, idle_time };
        // Above every flow of earlier runs: a million connections a second would be needed to catch up.
        let first_flow = FlowId((now.wall.as_millis().max(0).unsigned_abs() / 1_000) << 20);
        let mut net = Net::new(runtime.clone(), limits, first_flow).map_err(StartError::new("sockets"))?;
        net.set_tls(open_tls(server, folder, data)?);
        net.set_origins(server.sip.origins.as_slice().into());
        net.set_scanners(&server.sip.scanners);
        net.set_force_rport(server.sip.force_rport);
        let mut sockets = Self { opened: Vec::new(), retired: Vec::new(), server: server.clone(), looked: now.mono };
        sockets.follow(server, &mut net)?;
        Ok((sockets, net))
    }

    /// Listens where the settings say from now on; when one socket can't be opened, all stays as it was.
    pub fn follow(&mut self, server: &ServerSettings, net: &mut Net) -> Result<(), StartError> {
        let wanted = wanted(server)?;
        let mut new: Vec<Opened> = Vec::new();
        for (wanted, name) in &wanted {
            if self.opened.iter().any(|opened| opened.wanted == *wanted) {
                continue;
            }
            let retired = self.retired.iter().copied().find(|bound| (bound.transport, bound.address) == *wanted);
            let bound = match retired {
                Some(bound) => Ok(bound),
                None => net.listen(wanted.0, wanted.1),
            };
            match bound {
                Ok(bound) => new.push(Opened { wanted: *wanted, bound }),
                Err(error) => {
                    for opened in new.iter().filter(|opened| !self.retired.contains(&opened.bound)) {
                        net.close(opened.bound);
                    }
                    return Err(StartError::new(format!("[sip] listen {name}"))(error));
                }
            }
        }
        for opened in &new {
            net.take_back(opened.bound);
            self.retired.retain(|bound| *bound != opened.bound);
        }
        let (kept, gone): (Vec<Opened>, Vec<Opened>) =
            self.opened.iter().partition(|opened| wanted.iter().any(|(wanted, _)| *wanted == opened.wanted));
        for opened in gone {
            net.retire(opened.bound);
            if opened.bound.transport == Transport::Udp {
                self.retired.push(opened.bound);
            }
        }
        self.opened = kept;
        self.opened.extend(new);
        let place = |opened: &Opened| wanted.iter().position(|(wanted, _)| *wanted == opened.wanted);
        self.opened.sort_by_key(place);
        self.server = server.clone();
        Ok(())
    }

    /// Where listeners are for all addresses, sees whether the machine has others now. True when something changed.
    pub fn look(&mut self, now: Instant, net: &mut Net) -> bool {
        if !self.is_everywhere() || now.since(self.looked) < LOOK_TIME {
            return false;
        }
        self.looked = now;
        let Ok(wanted) = wanted(&self.server) else { return false };
        let before = self.opened.len();
        self.opened.retain(|opened| {
            let stays = wanted.iter().any(|(wanted, _)| *wanted == opened.wanted);
            if !stays {
                tracing::info!(address = %opened.bound.address, "the machine has lost this address");
                net.close(opened.bound);
            }
            stays
        });
        let mut changed = self.opened.len() != before;
        for (wanted, _) in wanted {
            if self.opened.iter().any(|opened| opened.wanted == wanted) {
                continue;
            }
            // An address that is only just being set up can't be bound yet; the next look tries again.
            if let Ok(bound) = net.listen(wanted.0, wanted.1) {
                tracing::info!(address = %bound.address, "the machine has a new address");
                self.opened.push(Opened { wanted, bound });
                changed = true;
            }
        }
        changed
    }

    /// When to look again.
    pub fn due(&self) -> Option<Instant> {
        self.is_everywhere().then_some(self.looked + LOOK_TIME)
    }

    fn is_everywhere(&self) -> bool {
        self.server.sip.listen.iter().any(|listener| listener.address.ip().is_unspecified())
    }

    /// No call is left: what was kept open for them closes. True when there was something.
    pub fn close_retired(&mut self, net: &mut Net) -> bool {
        for bound in &self.retired {
            net.close(*bound);
        }
        !std::mem::take(&mut self.retired).is_empty()
    }

    /// As peers are to know them, those for new calls first.
    pub fn listeners(&self) -> Vec<Listener> {
        let server = &self.server;
        let media_address = |local: SocketAddr| {
            let told = server.rtp.advertised.iter().find(|told| told.is_ipv4() == local.is_ipv4()).copied();
            told.or_else(|| server.rtp.bind.is_unspecified().then_some(local.ip()))
        };
        let listener = |bound: &Bound| Listener {
            transport: bound.transport,
            local: bound.address,
            advertised: server.sip.advertised.clone().map(|host| (host, bound.address.port())),
            media_address: media_address(bound.address),
            inside: server.sip.inside.clone(),
        };
        self.opened.iter().map(|opened| &opened.bound).chain(&self.retired).map(listener).collect()
    }
}

/// Every socket that is to be there, with the line of the settings that wants it.
type Wanted = Vec<((Transport, SocketAddr), String)>;

fn wanted(server: &ServerSettings) -> Result<Wanted, StartError> {
    let mut wanted = Wanted::new();
    for listener in &server.sip.listen {
        let each = expand(listener.address).map_err(StartError::new("addresses of this machine"))?;
        wanted.extend(each.into_iter().map(|address| ((transport(listener.kind), address), listener.to_string())));
    }
    Ok(wanted)
}

fn transport(kind: ListenerKind) -> Transport {
    match kind {
        ListenerKind::Udp => Transport::Udp,
        ListenerKind::Tcp => Transport::Tcp,
        ListenerKind::Tls => Transport::Tls,
        ListenerKind::Ws => Transport::Ws,
        ListenerKind::Wss => Transport::Wss,
    }
}

/// Where a certificate is configured or a listener needs one.
pub fn open_tls(server: &ServerSettings, folder: &Path, data: &Path) -> Result<Option<Arc<Tls>>, StartError> {
    if server.tls.own.is_none() && !server.sip.listen.iter().any(|listener| listener.kind.is_secure()) {
        return Ok(None);
    }
    let settings = certificate::find(server, folder, data).map_err(StartError::new("[tls] certificate"))?;
    let tls = Tls::new(settings).map_err(io::Error::from).map_err(StartError::new("[tls]"))?;
    Ok(Some(Arc::new(tls)))
}

/// Calls from trunks have limits of their own. Those from where a trunk has registered us are known to the gate.
pub fn trunk_sources(centre: &Centre) -> Trusted {
    let trunks = centre.trunks.iter().map(|trunk| Trunk {
        sources: trunk.sources.clone(),
        certificate_names: trunk.certificate_names.clone(),
        ..Trunk::new(trunk.id, trunk.name.as_str())
    });
    let trunks: Vec<Trunk> = trunks.collect();
    Box::new(move |remote, domains| trunks.iter().any(|trunk| trunk.calls_from(remote, domains)))
}

/// An address for all means each of them, so that every message knows where it came to; the one that leads outside comes
/// first.
fn expand(address: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !address.ip().is_unspecified() {
        return Ok(vec![address]);
    }
    let mut alike: Vec<IpAddr> = addresses()?.into_iter().filter(|ip| ip.is_ipv4() == address.is_ipv4()).collect();
    let main = main_address(address.is_ipv4());
    alike.sort_by_key(|ip| Some(*ip) != main);
    Ok(alike.into_iter().map(|ip| SocketAddr::new(ip, address.port())).collect())
}

/// Ours on the way outside.
fn main_address(ipv4: bool) -> Option<IpAddr> {
    let [v4, v6] = OUTSIDE;
    let (from, to) = if ipv4 { v4 } else { v6 };
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str) -> ServerSettings {
        let environment = [(String::from("STROWGER_SIP_LISTEN"), listen.to_owned())];
        crate::settings::load(crate::settings::Source::new("x", "# nothing"), Vec::new(), &environment).unwrap().server
    }

    fn open(listen: &str) -> (tokio::runtime::Runtime, Sockets, Net) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let now = Now { mono: Instant::from_micros(0), wall: crate::base::Wall(0) };
        let (sockets, net) =
            Sockets::open(&settings(listen), Path::new("."), Path::new("."), runtime.handle(), now).unwrap();
        (runtime, sockets, net)
    }

    /// SW-19, SW-03: a trunk is known by its addresses, its certificate, or both, as its settings have it.
    #[test]
    fn sw_19_sw_03_trunks_are_known_as_the_settings_have_it() {
        let mut centre = Centre::default();
        let source = crate::switch::Source { network: "192.0.2.7/32".parse().unwrap(), port: None };
        let mut trunk = Trunk::new(crate::base::TrunkId(1), "one");
        for (sources, names, expected) in [
            (vec![source], vec![], [true, true, false, false]),
            (vec![], vec!["carrier.example".to_owned()], [true, false, true, false]),
            (vec![source], vec!["carrier.example".to_owned()], [true, false, false, false]),
            (vec![], vec![], [false; 4]),
        ] {
            (trunk.sources, trunk.certificate_names) = (sources, names);
            centre.trunks = vec![trunk.clone()];
            let trusted = trunk_sources(&centre);
            let [from, elsewhere] = ["192.0.2.7:5060", "192.0.2.8:5060"].map(|text| text.parse().unwrap());
            let shown = [String::from("carrier.example")];
            let known = [(from, &shown[..]), (from, &[]), (elsewhere, &shown), (elsewhere, &[])];
            assert_eq!(known.map(|(remote, domains)| trusted(remote, domains)), expected);
        }
    }

    fn shown(sockets: &Sockets) -> Vec<(Transport, SocketAddr)> {
        sockets.listeners().into_iter().map(|listener| (listener.transport, listener.local)).collect()
    }

    /// SW-03: a listener for all addresses becomes one for each, so that every call is told the address that it came to.
    #[test]
    fn everywhere_means_each_address() {
        let (_runtime, mut sockets, mut net) = open("udp:0.0.0.0:0,udp:[::1]:0");
        let locals = shown(&sockets);
        assert!(locals.iter().all(|(_, local)| !local.ip().is_unspecified()));
        assert!(locals.iter().any(|(_, local)| local.ip() == IpAddr::from([127, 0, 0, 1])));
        assert!(locals.iter().any(|(_, local)| local.is_ipv6()));
        // An address that went, and one that came: as if the machine had changed.
        let lost = sockets.opened.remove(0);
        net.close(lost.bound);
        let later = Instant::from_micros(6_000_000);
        assert!(sockets.look(later, &mut net));
        assert_eq!(shown(&sockets).len(), locals.len());
        sockets.opened.push(Opened { wanted: (Transport::Udp, "203.0.113.7:0".parse().unwrap()), ..lost });
        assert!(!sockets.look(later, &mut net), "not so soon");
        assert!(sockets.look(later + LOOK_TIME, &mut net));
        assert_eq!(shown(&sockets).len(), locals.len());
    }

    /// AD-03: listeners come and go with the settings, the others stay as they are; one that can't be opened leaves
    /// everything as it was.
    #[test]
    fn listeners_follow_the_settings_whole_or_not_at_all() {
        let (_runtime, mut sockets, mut net) = open("udp:127.0.0.1:0,tcp:127.0.0.1:0");
        let before = shown(&sockets);
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let faulty = format!("udp:127.0.0.1:0,ws:127.0.0.1:0,udp:{}", taken.local_addr().unwrap());
        let said = sockets.follow(&settings(&faulty), &mut net).err().unwrap().to_string();
        assert!(said.contains("[sip] listen udp:127.0.0.1:"), "{said}");
        assert_eq!((shown(&sockets), net.bound().len()), (before.clone(), 2));

        sockets.follow(&settings("ws:127.0.0.1:0,tcp:127.0.0.1:0"), &mut net).unwrap();
        let after = shown(&sockets);
        assert_eq!((after[0].0, after[1]), (Transport::Ws, before[1]));
        assert_eq!(after[2], before[0], "calls on it may still end");
        assert!(sockets.close_retired(&mut net));
        assert_eq!((shown(&sockets), net.bound().len()), (after[..2].to_vec(), 2));
    }
}
