//! `wharf endpoints`: the catalog for people, for programs, and for `docs/endpoints.md`.

use std::fmt::Write;

use serde::Serialize;
use wharf::catalog::CATALOG;
use wharf::socket::options::OptionSpec;
use wharf::socket::scheme::{Layer, Roles, Scheme};
use wharf::socket::stack::GENERAL;
use wharf::socket::units::nearest;
use wharf::{Error, Result};

use super::sheet;
use crate::exit::Exit;
use crate::terminal::answer;

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For the documentation.
    Markdown,
}

/// Prints the whole catalog, or one scheme.
///
/// # Errors
/// Kind `Usage` if there is no such scheme.
pub fn run(name: Option<&str>, form: Form) -> Result<Exit> {
    let Some(name) = name else {
        return match form {
            Form::Text => answer::print(&list()),
            Form::Json => {
                answer::print_json(&CATALOG.schemes.iter().map(|s| told(s)).collect::<Vec<_>>())
            }
            Form::Markdown => answer::print(&markdown()),
        };
    };
    let scheme = find(name)?;
    match form {
        Form::Json => answer::print_json(&told(scheme)),
        Form::Text | Form::Markdown => answer::print(&sheet::text(scheme)),
    }
}

/// The scheme that a word names: with or without `-listen`, `:`, `://` and layers below.
fn find(name: &str) -> Result<&'static Scheme> {
    let word = name
        .split([':', '#'])
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let word = word.strip_suffix("-listen").unwrap_or(&word);
    if let Some(scheme) = CATALOG.scheme(word) {
        return Ok(scheme);
    }
    if let Some(short) = CATALOG.shorthand(word) {
        let stack = short.stack.join("+");
        return Err(
            Error::usage(format!("{word} is short for {stack}")).hint(format!(
                "wharf endpoints {}",
                short.stack.first().unwrap_or(&word)
            )),
        );
    }
    if let Some((top, _)) = word.split_once('+') {
        return Err(
            Error::usage(format!("{word} is a stack of several schemes"))
                .hint(format!("wharf endpoints {top}, or wharf explain {name}")),
        );
    }
    let error = Error::usage(format!("there is no scheme {word:?}"));
    Err(
        match nearest(word, CATALOG.schemes.iter().map(|s| s.name)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("wharf endpoints"),
        },
    )
}

/// Every scheme by layer, one line each.
pub fn list() -> String {
    let mut out = String::new();
    let longest = |len: fn(&Scheme) -> usize| CATALOG.schemes.iter().map(|s| len(s)).max();
    let name_width = longest(|scheme| forms(scheme).len()).unwrap_or(0);
    let width = longest(|scheme| scheme.example.len()).unwrap_or(0);
    for layer in Layer::ALL {
        let mut schemes = sheet::of_layer(layer).peekable();
        if schemes.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "{layer}");
        for scheme in schemes {
            let (name, example) = (forms(scheme), scheme.example);
            let _ = writeln!(
                out,
                "  {name:<name_width$}  {example:<width$}  {}",
                scheme.summary
            );
        }
        out.push('\n');
    }
    if !CATALOG.shorthands.is_empty() {
        out.push_str("short for a stack\n");
        for short in CATALOG.shorthands {
            let _ = writeln!(
                out,
                "  {:<name_width$}  {}",
                short.name,
                short.stack.join("+")
            );
        }
        out.push('\n');
    }
    out.push_str(
        "Layers are joined by +, top first: len16+tls+tcp://HOST:PORT. wharf endpoints SCHEME tells\n\
         all about one, wharf help addresses how they are written.\n",
    );
    out
}

/// The name, and that there is a `-listen` form.
fn forms(scheme: &Scheme) -> String {
    match scheme.roles {
        Roles::Client => scheme.name.to_owned(),
        Roles::Server => format!("{}-listen", scheme.name),
        Roles::Both => format!("{}[-listen]", scheme.name),
    }
}

/// The table of `docs/endpoints.md`.
fn markdown() -> String {
    let mut out = String::from(
        "# Endpoints\n\n\
         Written by `wharf endpoints --markdown` from the catalog; a test keeps it fresh.\n\
         `wharf endpoints SCHEME` tells all about one, with an example for each option.\n",
    );
    for layer in Layer::ALL {
        let mut schemes = sheet::of_layer(layer).peekable();
        if schemes.peek().is_none() {
            continue;
        }
        let _ = write!(
            out,
            "\n## {layer}\n\n| scheme | example | what it is | roles | standard |\n|---|---|---|---|---|\n"
        );
        for scheme in schemes {
            let cells = [
                format!("`{}`", scheme.name),
                format!("`{}`", scheme.example),
                scheme.summary.to_owned(),
                sheet::roles(scheme).to_owned(),
                scheme.standard.to_owned(),
            ];
            let _ = writeln!(
                out,
                "| {} |",
                cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
            );
        }
        for scheme in sheet::of_layer(layer) {
            options_table(&mut out, scheme.name, scheme.specs());
        }
    }
    out.push_str("\n## every endpoint\n");
    options_table(&mut out, "every endpoint", GENERAL.iter());
    out
}

fn options_table(out: &mut String, name: &str, specs: impl Iterator<Item = &'static OptionSpec>) {
    let mut specs = specs.peekable();
    if specs.peek().is_none() {
        return;
    }
    let _ = write!(
        out,
        "\nOptions of {name}:\n\n| option | what it does |\n|---|---|\n"
    );
    for spec in specs {
        let cells = [
            format!("`{}`", sheet::option_name(spec)),
            sheet::option_line(spec),
        ];
        let _ = writeln!(
            out,
            "| {} |",
            cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
        );
    }
}

/// A scheme in JSON; the names of the fields are stable.
#[derive(Serialize)]
struct Told {
    name: &'static str,
    aliases: &'static [&'static str],
    layer: &'static str,
    opens: bool,
    listens: bool,
    written: String,
    gives: &'static str,
    standard: &'static str,
    privilege: Option<&'static str>,
    summary: &'static str,
    example: &'static str,
    options: Vec<ToldOption>,
}

#[derive(Serialize)]
struct ToldOption {
    name: &'static str,
    value: String,
    default: Option<&'static str>,
    opening: bool,
    listening: bool,
    help: &'static str,
    example: String,
}

fn told(scheme: &Scheme) -> Told {
    let option = |spec: &'static OptionSpec| ToldOption {
        name: spec.name,
        value: spec.kind.placeholder(),
        default: spec.default,
        opening: spec.roles != Roles::Server,
        listening: spec.roles != Roles::Client,
        help: spec.help,
        example: sheet::example(scheme, spec),
    };
    Told {
        name: scheme.name,
        aliases: scheme.aliases,
        layer: scheme.layer.name(),
        opens: scheme.roles != Roles::Server,
        listens: scheme.roles != Roles::Client,
        written: sheet::form(scheme),
        gives: scheme.gives.name(),
        standard: scheme.standard,
        privilege: scheme.privilege,
        summary: scheme.summary,
        example: scheme.example,
        options: scheme.specs().map(option).collect(),
    }
}
