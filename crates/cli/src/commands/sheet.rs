//! What is told of one scheme, from its descriptor alone: roles, privilege, options, examples.
//!
//! `wharf endpoints SCHEME`, `--help` and the man page print it. Every option gets an example that
//! parses, made of the scheme's own; a test of the whole catalog sees to that.

use std::fmt::Write;
use std::net::IpAddr;

use wharf::Endpoint;
use wharf::catalog::CATALOG;
use wharf::socket::Role;
use wharf::socket::options::{OptionKind, OptionSpec};
use wharf::socket::scheme::{Layer, PortRule, Roles, Scheme, Shape, StandsOn};

/// An address in which the option is used, and means something.
pub fn example(scheme: &Scheme, spec: &OptionSpec) -> String {
    let role = match spec.roles {
        Roles::Server => Role::Server,
        _ => Role::Client,
    };
    let text = example_as(role, scheme, spec);
    // Some options count where an endpoint listens, or where it opens with others beside them.
    if role == Role::Client && scheme.roles.has(Role::Server) && Endpoint::parse(&text).is_err() {
        return example_as(Role::Server, scheme, spec);
    }
    // And some count only where no command is given.
    if scheme.shape == (Shape::Command { optional: true })
        && Endpoint::parse(&text).is_err()
        && let Some((bare, _)) = text.split_once(':')
    {
        return format!("{bare}:");
    }
    text
}

fn example_as(role: Role, scheme: &Scheme, spec: &OptionSpec) -> String {
    let option = match value(spec) {
        Some(value) => format!("{}={value}", spec.name),
        None => spec.name.to_owned(),
    };
    let end = scheme.example.find([':', '#']);
    let (stack, rest) = scheme.example.split_at(end.unwrap_or(scheme.example.len()));
    let stack = stack.strip_suffix("-listen").unwrap_or(stack);
    let listen = match role {
        Role::Server => "-listen",
        Role::Client => "",
    };
    // The options of the example would only distract; those of a command stand before it.
    if matches!(scheme.shape, Shape::Command { .. }) && scheme.is_ground() {
        let command = match rest.strip_prefix('#') {
            Some(options) => options.split_once(':').map_or("", |(_, command)| command),
            None => rest.trim_start_matches(':'),
        };
        return format!("{stack}{listen}#{option}:{command}");
    }
    let place = rest.split('#').next().unwrap_or_default();
    let place = match (role, place.rsplit_once(':')) {
        // A listener is told a port; its host is loopback if nothing is said.
        (Role::Server, Some((host, port))) if host.contains("//") => format!("://:{port}"),
        _ => place.to_owned(),
    };
    format!("{stack}{listen}{place}#{option}")
}

/// A value: the example that was declared, the default, or one that shows the kind.
fn value(spec: &OptionSpec) -> Option<String> {
    let sample = match spec.kind {
        OptionKind::Flag => {
            // What is on already can only be switched off.
            let off = spec.default.filter(|on| *on == "yes").map(|_| "no");
            return spec.example.or(off).map(str::to_owned);
        }
        OptionKind::Integer { min, max } => 1.clamp(min, max).to_string(),
        OptionKind::Choice(words) => words.first().copied().unwrap_or_default().to_owned(),
        OptionKind::Text => "TEXT".to_owned(),
        OptionKind::Secret => "SECRET".to_owned(),
        OptionKind::Path => "/PATH".to_owned(),
        OptionKind::Duration => "5s".to_owned(),
        OptionKind::Size => "64KiB".to_owned(),
        OptionKind::Count => "3".to_owned(),
        OptionKind::List | OptionKind::Fields(_) => "[A,B]".to_owned(),
        OptionKind::Mode => "660".to_owned(),
        OptionKind::Bind => "127.0.0.1".to_owned(),
        OptionKind::Address => "[netns://NAME]".to_owned(),
    };
    let declared = spec
        .example
        .or(spec.default)
        .filter(|text| !text.is_empty());
    Some(declared.map_or(sample, str::to_owned))
}

/// What is said of an option in one line: what it does, its values, its default, where it counts.
pub fn option_line(spec: &OptionSpec) -> String {
    let mut line = spec.help.to_owned();
    match spec.kind {
        OptionKind::Integer { min, max } => {
            let _ = write!(line, "; {min} to {max}");
        }
        OptionKind::Choice(words) => {
            let _ = write!(line, "; {}", words.join(", "));
        }
        _ => {}
    }
    if let Some(default) = spec.default {
        let _ = write!(line, " (default {default})");
    }
    match spec.roles {
        Roles::Both => {}
        Roles::Client => line.push_str(" (opening)"),
        Roles::Server => line.push_str(" (listening)"),
    }
    line
}

/// The name with what stands for its value: `timeout=TIME`.
pub fn option_name(spec: &OptionSpec) -> String {
    match spec.kind {
        OptionKind::Flag => spec.name.to_owned(),
        // The words stand in the line of help.
        OptionKind::Choice(_) => format!("{}=WORD", spec.name),
        kind => format!("{}={}", spec.name, kind.placeholder()),
    }
}

/// Everything about one scheme, as text with line ends.
pub fn text(scheme: &Scheme) -> String {
    let mut out = format!("{}: {}\n\n", scheme.name, scheme.summary);
    for (name, value) in facts(scheme) {
        let _ = writeln!(out, "  {name:<11} {value}");
    }
    if scheme.specs().next().is_some() {
        out.push_str("\nOptions, each after # and separated by commas:\n");
        options(&mut out, scheme);
    }
    out
}

/// The options with their examples, indented.
pub fn options(out: &mut String, scheme: &Scheme) {
    for spec in scheme.specs() {
        let _ = writeln!(out, "  {}", option_name(spec));
        let _ = writeln!(out, "      {}", option_line(spec));
        let _ = writeln!(out, "      {}", example(scheme, spec));
    }
}

/// The facts of a scheme in words, by name.
pub fn facts(scheme: &Scheme) -> Vec<(&'static str, String)> {
    let mut facts = vec![("example", scheme.example.to_owned())];
    facts.push(("written", form(scheme)));
    if !scheme.aliases.is_empty() {
        facts.push(("also", scheme.aliases.join(", ")));
    }
    facts.push(("layer", scheme.layer.to_string()));
    facts.push(("roles", roles(scheme).to_owned()));
    facts.push(("gives", scheme.gives.name().to_owned()));
    match scheme.stands_on {
        StandsOn::Nothing => {}
        StandsOn::Stream { usual } => {
            facts.push(("stands on", format!("any stream, {usual} if none is named")));
        }
        StandsOn::Packets { usual } => {
            facts.push((
                "stands on",
                format!("any packets, {usual} if none is named"),
            ));
        }
    }
    facts.push(("standard", scheme.standard.to_owned()));
    facts.push(("privilege", scheme.privilege.unwrap_or("none").to_owned()));
    facts
}

/// What it can do, in words.
pub fn roles(scheme: &Scheme) -> &'static str {
    match scheme.roles {
        Roles::Client => "opens",
        Roles::Server => "listens",
        Roles::Both => "opens and listens",
    }
}

/// What stands where a machine usually does: devices and namespaces have names.
fn machine_or_name(scheme: &Scheme) -> &'static str {
    let place = scheme.example.split("://").nth(1).unwrap_or_default();
    match place
        .split('#')
        .next()
        .unwrap_or_default()
        .parse::<IpAddr>()
    {
        Ok(_) => "HOST",
        Err(_) => "NAME",
    }
}

/// How its addresses are written.
pub fn form(scheme: &Scheme) -> String {
    let name = match scheme.roles {
        Roles::Client => scheme.name.to_owned(),
        Roles::Server => format!("{}-listen", scheme.name),
        Roles::Both => format!("{}[-listen]", scheme.name),
    };
    if !scheme.is_ground() {
        return format!("{name}+LOWER, or {name}://HOST:PORT");
    }
    match scheme.shape {
        Shape::Authority {
            port: PortRule::Absent,
        } => format!("{name}://{}", machine_or_name(scheme)),
        Shape::Authority {
            port: PortRule::Required | PortRule::Wide,
        } => format!("{name}://HOST:PORT"),
        Shape::Authority {
            port: PortRule::Default(_),
        } => format!("{name}://HOST[:PORT]"),
        Shape::Path => format!("{name}:PATH"),
        Shape::Name {
            what,
            optional: true,
        } => format!("{name}:[{what}]"),
        Shape::Name {
            what,
            optional: false,
        } => format!("{name}:{what}"),
        Shape::Command { optional: true } => format!("{name}[#OPTIONS]:[COMMAND]"),
        Shape::Command { optional: false } => format!("{name}[#OPTIONS]:COMMAND"),
        Shape::Nothing => format!("{name}:"),
    }
}

/// The schemes of one layer, as the catalog lists them.
pub fn of_layer(layer: Layer) -> impl Iterator<Item = &'static Scheme> {
    CATALOG
        .schemes
        .iter()
        .copied()
        .filter(move |scheme| scheme.layer == layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_parses() {
        let mut wrong = Vec::new();
        for scheme in CATALOG.schemes {
            let options = scheme.specs().map(|spec| example(scheme, spec));
            for text in options.chain([scheme.example.to_owned()]) {
                if let Err(error) = Endpoint::parse(&text) {
                    wrong.push(format!("{text}: {error}"));
                }
            }
        }
        let hint = "OptionSpec::example declares a value that works";
        assert!(wrong.is_empty(), "{hint}:\n{}", wrong.join("\n"));
    }
}
