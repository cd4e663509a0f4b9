//! `wharf explain`: what a relay would do, layer by layer, before anything is opened.
//!
//! A line a layer: its name, its standard, its settings and where each came from, the privilege it
//! needs; then what the relay would do, and remarks (lints), each with a stable name.

mod json;

use std::fmt::Write;

use wharf::relay::{Full, Plan};
use wharf::socket::Role;
use wharf::socket::settings::{Setting, Source};
use wharf::socket::stack::Layer;
use wharf::socket::units::format_duration;
use wharf::{Endpoint, Result};

use self::json::Explanation;
use super::relay::{Kind, workers};
use crate::args::high::Relay;
use crate::exit::Exit;
use crate::terminal::answer;

/// Explains one address.
///
/// # Errors
/// Standard output cannot be written to.
pub fn one(endpoint: &Endpoint, json: bool) -> Result<Exit> {
    explain(endpoint, None, &Plan::of_one(endpoint), json)
}

/// Explains a relay.
///
/// # Errors
/// As [`one`].
pub fn both(relay: &Relay, json: bool) -> Result<Exit> {
    let plan = Plan::new(&relay.left, &relay.right, relay.fast_paths);
    explain(&relay.left, Some(relay), &plan, json)
}

fn explain(left: &Endpoint, relay: Option<&Relay>, plan: &Plan, json: bool) -> Result<Exit> {
    match json {
        true => answer::print_json(&Explanation::of(left, relay, plan)),
        false => answer::print(&text(left, relay, plan)),
    }
}

fn text(left: &Endpoint, relay: Option<&Relay>, plan: &Plan) -> String {
    let mut out = String::new();
    match relay {
        None => side(&mut out, left),
        Some(relay) => {
            out.push_str("left: ");
            side(&mut out, left);
            out.push_str("\nright: ");
            side(&mut out, &relay.right);
        }
    }
    if let Some(relay) = relay {
        out.push_str("\nthe relay:\n");
        for step in plan.steps.iter().chain(&run(relay)) {
            let _ = writeln!(out, "  {step}");
        }
    }
    if !plan.lints.is_empty() {
        out.push_str("\nremarks:\n");
        for lint in &plan.lints {
            let _ = writeln!(out, "  {} ({})", lint.text, lint.id);
            if let Some(hint) = &lint.hint {
                let _ = writeln!(out, "    try: {hint}");
            }
        }
    }
    out
}

/// What the flags come to, in lines.
fn run(relay: &Relay) -> Vec<String> {
    let (options, time) = (&relay.options, format_duration);
    let most = options.max_connections;
    let first = match (Kind::of(relay), options.full) {
        (Kind::One, _) => "one connection, then it ends".to_owned(),
        (Kind::Many, Full::Wait) => {
            format!("{most} connections at most at once; further ones wait")
        }
        (Kind::Many, Full::Refuse) => {
            format!("{most} connections at most at once; further ones are closed")
        }
    };
    let workers = match workers(relay) {
        1 => "one event loop".to_owned(),
        n => format!("{n} event loops, each with a listener of its own"),
    };
    let idle = options
        .relay
        .idle_timeout
        .map_or_else(|| "none".to_owned(), time);
    vec![
        format!("{first}; {workers}"),
        format!(
            "grace={} wait={} idle-timeout={idle}",
            time(options.relay.grace),
            time(options.relay.wait)
        ),
    ]
}

fn side(out: &mut String, endpoint: &Endpoint) {
    let _ = writeln!(out, "{endpoint}");
    let width = endpoint
        .layers()
        .iter()
        .map(|layer| name(layer).len())
        .max()
        .unwrap_or(0);
    for layer in endpoint.layers() {
        let implied = if layer.implied { "; implied" } else { "" };
        let privilege = layer
            .scheme
            .privilege
            .map_or_else(String::new, |p| format!("; needs {p}"));
        let _ = writeln!(
            out,
            "  {:<width$}  {}; {}{implied}{privilege}",
            name(layer),
            layer.scheme.summary,
            layer.scheme.standard,
        );
        settings(out, layer.settings.iter(), width);
    }
    let mut general = endpoint.stack().general().iter().peekable();
    if general.peek().is_some() {
        let _ = writeln!(out, "  {:width$}  every endpoint", "");
    }
    settings(out, general, width);
}

/// The settings: what was given first, a line each; the defaults together.
fn settings<'a>(out: &mut String, all: impl Iterator<Item = &'a Setting>, width: usize) {
    let (given, defaults): (Vec<_>, Vec<_>) = all.partition(|s| s.source == Source::Given);
    for setting in given {
        let _ = writeln!(out, "  {:width$}    {} (given)", "", assignment(setting));
    }
    if !defaults.is_empty() {
        let all: Vec<String> = defaults.into_iter().map(assignment).collect();
        for line in wrapped(&all, 90 - width) {
            let _ = writeln!(out, "  {:width$}    {line}", "");
        }
    }
}

/// Words in lines of about `width` characters, the last of each group marked as defaults.
fn wrapped(words: &[String], width: usize) -> Vec<String> {
    let mut lines = vec![String::from("default:")];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

/// The name of a layer, with the role that it plays.
fn name(layer: &Layer) -> String {
    match layer.role {
        Role::Client => layer.scheme.name.to_owned(),
        Role::Server => format!("{} (listens)", layer.scheme.name),
    }
}

/// A setting as it would be typed; secrets masked.
fn assignment(setting: &Setting) -> String {
    format!("{}={setting}", setting.spec.name)
}
