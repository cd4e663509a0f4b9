//! `wharf explain`: what a relay would do, layer by layer, before anything is opened.
//!
//! A line a layer: its name, its standard, its settings and where each came from, the privilege it
//! needs; then what the relay would do, and remarks (lints), each with a stable name.

use std::fmt::Write;

use serde::Serialize;
use wharf::relay::Plan;
use wharf::socket::Role;
use wharf::socket::options::OptionKind;
use wharf::socket::settings::{Setting, Source, Value};
use wharf::socket::stack::Layer;
use wharf::socket::units::{format_duration, format_size};
use wharf::{Endpoint, Result};

use crate::exit::Exit;
use crate::terminal::answer;

/// Explains one endpoint, or the relay of two.
///
/// # Errors
/// Standard output cannot be written to.
pub fn run(left: &Endpoint, right: Option<&Endpoint>, json: bool) -> Result<Exit> {
    let plan = match right {
        Some(right) => Plan::new(left, right),
        None => Plan::of_one(left),
    };
    match json {
        true => answer::print_json(&Explanation::of(left, right, &plan)),
        false => answer::print(&text(left, right, &plan)),
    }
}

fn text(left: &Endpoint, right: Option<&Endpoint>, plan: &Plan) -> String {
    let mut out = String::new();
    match right {
        None => side(&mut out, left),
        Some(right) => {
            out.push_str("left: ");
            side(&mut out, left);
            out.push_str("\nright: ");
            side(&mut out, right);
        }
    }
    if !plan.steps.is_empty() {
        out.push_str("\nthe relay:\n");
        for step in &plan.steps {
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
    settings(out, endpoint.stack().general().iter(), width);
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

fn assignment(setting: &Setting) -> String {
    format!("{}={}", setting.spec.name, value(setting))
}

/// A value as it would be typed; secrets masked.
fn value(setting: &Setting) -> String {
    match &setting.value {
        Value::Flag(true) => "yes".into(),
        Value::Flag(false) => "no".into(),
        Value::Text(text) => text.clone(),
        Value::Secret(_) => "***".into(),
        Value::Duration(time) => format_duration(*time),
        Value::Size(octets) => format_size(*octets).replace(' ', ""),
        Value::Integer(i64::MAX) if setting.spec.kind == OptionKind::Count => "forever".into(),
        Value::Integer(number) if setting.spec.kind == OptionKind::Mode => format!("{number:o}"),
        Value::Integer(number) => number.to_string(),
        Value::List(list) => format!("[{}]", list.join(",")),
    }
}

/// An explanation in JSON; the names of the fields are stable.
#[derive(Serialize)]
struct Explanation {
    left: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<Side>,
    steps: Vec<String>,
    lints: Vec<Remark>,
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
    fn of(left: &Endpoint, right: Option<&Endpoint>, plan: &Plan) -> Explanation {
        let remark = |lint: &wharf::relay::Lint| Remark {
            id: lint.id,
            text: lint.text.clone(),
            hint: lint.hint.clone(),
        };
        Explanation {
            left: Side::of(left),
            right: right.map(Side::of),
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
            value: value(setting),
            source: setting.source.name(),
        }
    }
}
