//! `wharf explain --json`: the same explanation for programs.

use serde::Serialize;
use wharf::Endpoint;
use wharf::relay::{Full, Lint, Plan};
use wharf::socket::Role;
use wharf::socket::fast_path::FastPath;
use wharf::socket::settings::Setting;
use wharf::socket::stack::Layer;
use wharf::socket::units::format_duration;

use crate::args::high::Relay;
use crate::commands::relay::{Kind, workers};

/// An explanation in JSON; the names of the fields are stable.
#[derive(Serialize)]
pub struct Explanation {
    left: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
    steps: Vec<String>,
    lints: Vec<Remark>,
}

/// What the flags come to.
#[derive(Serialize)]
struct Run {
    connections: &'static str,
    max_connections: usize,
    when_full: &'static str,
    workers: usize,
    grace: String,
    wait: String,
    idle_timeout: Option<String>,
    limit_rate: Option<u64>,
    user: Option<String>,
    /// The ways of moving data that are allowed, beside the portable ones.
    fast_paths: Vec<&'static str>,
}

impl Run {
    fn of(relay: &Relay) -> Run {
        let options = &relay.options;
        Run {
            connections: match Kind::of(relay) {
                Kind::One => "one",
                Kind::Many => "many",
            },
            max_connections: options.max_connections,
            when_full: match options.full {
                Full::Wait => "wait",
                Full::Refuse => "refuse",
            },
            workers: workers(relay),
            grace: format_duration(options.relay.grace),
            wait: format_duration(options.relay.wait),
            idle_timeout: options.relay.idle_timeout.map(format_duration),
            limit_rate: options.relay.limit_rate,
            user: relay.user.clone(),
            fast_paths: relay.fast_paths.iter().map(FastPath::name).collect(),
        }
    }
}

#[derive(Serialize)]
struct Side {
    address: String,
    listens: bool,
    gives: &'static str,
    layers: Vec<ToldLayer>,
    settings: Vec<ToldSetting>,
}

#[derive(Serialize)]
struct ToldLayer {
    name: &'static str,
    role: &'static str,
    implied: bool,
    standard: &'static str,
    privilege: Option<&'static str>,
    settings: Vec<ToldSetting>,
}

#[derive(Serialize)]
struct ToldSetting {
    name: &'static str,
    value: String,
    source: &'static str,
}

#[derive(Serialize)]
struct Remark {
    id: &'static str,
    text: String,
    hint: Option<String>,
}

impl Explanation {
    /// The explanation of one address, or of a relay whose left side it is.
    pub fn of(left: &Endpoint, relay: Option<&Relay>, plan: &Plan) -> Explanation {
        let remark = |lint: &Lint| Remark {
            id: lint.id,
            text: lint.text.clone(),
            hint: lint.hint.clone(),
        };
        Explanation {
            left: Side::of(left),
            right: relay.map(|relay| Side::of(&relay.right)),
            run: relay.map(Run::of),
            steps: plan.steps.clone(),
            lints: plan.lints.iter().map(remark).collect(),
        }
    }
}

impl Side {
    fn of(endpoint: &Endpoint) -> Side {
        let layer = |layer: &Layer| ToldLayer {
            name: layer.scheme.name,
            role: match layer.role {
                Role::Client => "client",
                Role::Server => "server",
            },
            implied: layer.implied,
            standard: layer.scheme.standard,
            privilege: layer.scheme.privilege,
            settings: layer.settings.iter().map(ToldSetting::of).collect(),
        };
        Side {
            address: endpoint.to_string(),
            listens: endpoint.is_listener(),
            gives: endpoint.kind().name(),
            layers: endpoint.layers().iter().map(layer).collect(),
            settings: endpoint
                .stack()
                .general()
                .iter()
                .map(ToldSetting::of)
                .collect(),
        }
    }
}

impl ToldSetting {
    fn of(setting: &Setting) -> ToldSetting {
        ToldSetting {
            name: setting.spec.name,
            value: setting.to_string(),
            source: setting.source.name(),
        }
    }
}
