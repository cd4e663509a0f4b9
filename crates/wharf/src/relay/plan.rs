//! What a relay between two endpoints would do, known before anything is opened, with lints.

use crate::socket::channel::Kind;
use crate::socket::endpoint::Endpoint;
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::scheme::{Layer, Reopen};

/// What a relay would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What happens, one line each.
    pub steps: Vec<String>,
    /// What the user probably wants to know or change.
    pub lints: Vec<Lint>,
}

/// A remark about two addresses that are both right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// A stable name.
    pub id: &'static str,
    /// What is remarkable.
    pub text: String,
    /// What to type instead.
    pub hint: Option<String>,
}

impl Plan {
    /// Plans the relay of `left` and `right`, which may use the fast paths of `allowed`.
    pub fn new(left: &Endpoint, right: &Endpoint, allowed: FastPaths) -> Plan {
        let mut plan = Plan {
            steps: Vec::new(),
            lints: Vec::new(),
        };
        plan.describe(left, right);
        plan.moving(left, right, allowed);
        plan.boundaries(left, right);
        plan.circle(left, right);
        for endpoint in [left, right] {
            plan.endpoint(endpoint);
        }
        plan
    }

    /// The remarks about one endpoint alone.
    pub fn of_one(endpoint: &Endpoint) -> Plan {
        let mut plan = Plan {
            steps: Vec::new(),
            lints: Vec::new(),
        };
        plan.endpoint(endpoint);
        plan
    }

    fn describe(&mut self, left: &Endpoint, right: &Endpoint) {
        let steps = match (left.is_listener(), right.is_listener()) {
            (false, false) => {
                format!("opens {left}, then {right}, and relays until both have ended")
            }
            (true, true) => format!("pairs the peers of {left} and {right} in order of arrival"),
            (true, false) => format!("listens with {left}, and opens {right} for each peer"),
            (false, true) => format!("listens with {right}, and opens {left} for each peer"),
        };
        self.steps.push(steps);
        let listens = left.is_listener() != right.is_listener();
        for endpoint in [left, right] {
            if listens && !endpoint.is_listener() && endpoint.reopen() == Reopen::Once {
                self.lint(
                    "once",
                    format!("{endpoint} can be opened only once, so one peer is served"),
                    None,
                );
            }
        }
        self.steps.push(match (left.kind(), right.kind()) {
            (Kind::Stream, Kind::Stream) => "octets flow as they come".into(),
            (Kind::Packets, Kind::Packets) => "packets keep their boundaries".into(),
            (Kind::Either, _) | (_, Kind::Either) => {
                "how data flows is known once both are open".into()
            }
            _ => "a read of the stream becomes a packet, a packet becomes octets without a mark"
                .into(),
        });
    }

    /// In which ways data moves, as far as it is known.
    fn moving(&mut self, left: &Endpoint, right: &Endpoint, allowed: FastPaths) {
        let (a, b) = (left.stack().fast_paths(), right.stack().fast_paths());
        let (ours, both) = (allowed.and(a), allowed.and(a).and(b));
        let streams = left.kind() != Kind::Packets && right.kind() != Kind::Packets;
        if streams {
            self.steps.push(match both.has(FastPath::Splice) {
                true => "bulk moves inside the kernel (splice), the rest through one shared buffer"
                    .into(),
                false => "octets are copied through one shared buffer".into(),
            });
            return;
        }
        for (endpoint, known) in [(left, ours), (right, allowed.and(b))] {
            if endpoint.kind() != Kind::Packets {
                continue;
            }
            let how = match (known.has(FastPath::Mmsg), known.has(FastPath::Offload)) {
                (true, true) => "in batches (mmsg), and equal ones as one (offload)",
                (true, false) => "in batches (mmsg)",
                _ => continue,
            };
            self.steps.push(format!("packets of {endpoint} move {how}"));
        }
    }

    fn boundaries(&mut self, left: &Endpoint, right: &Endpoint) {
        for (packets, stream) in [(left, right), (right, left)] {
            if packets.kind() != Kind::Packets || stream.kind() != Kind::Stream {
                continue;
            }
            let top = |e: &Endpoint| e.layers().first().map_or("", |l| l.scheme.name);
            // A built-in end or a prompt does not care.
            let local = |e: &Endpoint| {
                e.layers()
                    .first()
                    .is_some_and(|l| l.scheme.layer == Layer::Local)
            };
            if local(packets) || local(stream) {
                continue;
            }
            let (keeps, loses) = (top(packets), top(stream));
            self.lint(
                "boundaries",
                format!("{keeps} keeps boundaries, {loses} does not"),
                Some(format!(
                    "put len16+ before {loses}, on both ends of it: len16+{stream}"
                )),
            );
        }
    }

    /// A server whose other side leads back to it.
    fn circle(&mut self, left: &Endpoint, right: &Endpoint) {
        let (listener, opened) = match (left.is_listener(), right.is_listener()) {
            (true, false) => (left, right),
            (false, true) => (right, left),
            _ => return,
        };
        let ground = |e: &Endpoint| e.layers().last().map(|layer| layer.scheme.name);
        let (here, to) = (listener.address(), opened.address());
        let same_place = here.host_port() == to.host_port() && here.local_path() == to.local_path();
        let is_placed = here.host_port().is_some() || here.local_path().is_some();
        if is_placed && same_place && ground(listener) == ground(opened) {
            self.lint(
                "circle",
                format!("{opened} leads back to {listener}: each connection opens another"),
                None,
            );
        }
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        for layer in endpoint.layers() {
            for setting in layer.settings.iter().filter(|s| s.spec.is_dangerous()) {
                self.lint(
                    "danger",
                    format!(
                        "{} weakens security: {}",
                        setting.spec.name, setting.spec.help
                    ),
                    None,
                );
            }
            if let Some(privilege) = layer.scheme.privilege {
                self.lint(
                    "privilege",
                    format!("{} needs {privilege}", layer.scheme.name),
                    None,
                );
            }
        }
        if let Some(text) = endpoint.stack().unheard_user() {
            self.lint("user", text.to_owned(), None);
        }
        let Some((host, _)) = endpoint.address().host_port() else {
            return;
        };
        if endpoint.is_listener() {
            use crate::socket::address::Host;
            let outside = match host {
                Host::V4(ip) => !ip.is_loopback(),
                Host::V6(ip, _) => !ip.is_loopback(),
                Host::Name(name) => name != "localhost",
                Host::Missing => false,
            };
            if outside {
                self.lint(
                    "exposed",
                    format!("{endpoint} can be reached from other machines"),
                    Some("leave the host out to listen on loopback only".into()),
                );
            }
        } else if let crate::socket::address::Host::Name(name) = host
            && endpoint.address().catalog().scheme(name).is_some()
        {
            self.lint(
                "host-is-scheme",
                format!("{name} is taken as a host name here, though it is also a scheme"),
                Some(format!("{name}://HOST:PORT if the scheme was meant")),
            );
        }
    }

    fn lint(&mut self, id: &'static str, text: String, hint: Option<String>) {
        self.lints.push(Lint { id, text, hint });
    }
}
