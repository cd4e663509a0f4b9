//! `wharf help`, `-h` and `--help`: texts for people, made of tables wherever there is one.
//!
//! `-h` fits a screen of 80 columns and 24 lines. `--help` is everything: every flag, and an example
//! for every scheme and option.

use std::fmt::Write;

use wharf::socket::scheme::Layer;
use wharf::socket::stack::GENERAL;
use wharf::socket::units::nearest;
use wharf::{Error, Info, Result};

use super::{endpoints, sheet};
use crate::args::command;
use crate::args::help::Wish;
use crate::exit::{self, Exit};
use crate::terminal::{answer, schema};

/// What people reach for first, with what it does.
pub const EXAMPLES: [(&str, &str); 3] = [
    ("wharf example.com:80", "talk to a server"),
    (
        "wharf :8080 tcp://10.0.0.7:80",
        "serve a port from another, for many",
    ),
    (
        "wharf :2323 -- sh -c 'date; cat'",
        "run a program for each peer",
    ),
];

/// How addresses are written.
pub const ADDRESSES: &str = "\
An address is a protocol stack, top layer first, with a place and options:

  SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH][?QUERY][#OPTION[=VALUE],...]

The scheme is the stack: + joins layers (len16+tls+tcp://HOST:PORT); a stack
that stops short of the ground gets its usual one (tls:// is tls+tcp://).
-listen ends the scheme of the side that listens: tcp-listen://:9999. There an
empty host is loopback; say 0.0.0.0 or [::] to be reached from other machines.

Everything after # is for wharf and never sent: #nodelay,bind=10.0.0.2. Times
take units (500ms, 5s, 2m), sizes too (64KiB, 1MB). Inside [...] commas and #
are plain. Where two layers know an option, say which: tcp.keepalive. What
weakens security begins with danger-.

Local things take no //: exec:date  file:/tmp/x  unix:/run/x.sock  echo:
After exec:, shell: and pty: the rest is the command, verbatim; options come
first:

  exec#cwd=/tmp:ls -l

Short forms:

  -            standard input and output
  HOST:PORT    tcp://HOST:PORT
  :PORT        tcp-listen://127.0.0.1:PORT
  /x ./x ../x  file:, by its verbatim name
  -- PROG ARG  exec:, as the last thing on the line, without quoting

The right side may use what is known of the left: tcp://{target}. See wharf help
variables.
";

/// The topics of `wharf help`, beside commands and schemes.
const TOPICS: [(&str, &str); 4] = [
    ("addresses", "how endpoints are written"),
    ("variables", "what one side may use of the other"),
    ("exit-codes", "how the program ends"),
    ("events", "what --json prints"),
];

/// The text that is wanted.
pub fn tell(wish: &Wish) -> String {
    match wish {
        Wish::Version => concat!("wharf ", env!("CARGO_PKG_VERSION"), "\n").into(),
        Wish::Short(None) => short(),
        Wish::Long(None) => long(),
        Wish::Short(Some(name)) => of_command(name, clap::Command::render_help),
        Wish::Long(Some(name)) => of_command(name, clap::Command::render_long_help),
    }
}

/// Explains a topic, a command or a scheme.
///
/// # Errors
/// Kind `Usage` if there is nothing of that name.
pub fn run(topic: Option<&str>) -> Result<Exit> {
    let Some(topic) = topic else {
        return answer::print(&short());
    };
    match topic {
        "addresses" => answer::print(ADDRESSES),
        "variables" => answer::print(&variables()),
        "exit-codes" => answer::print(&exit_codes()),
        "events" => answer::print(&schema::markdown()),
        _ if command().find_subcommand(topic).is_some() => {
            answer::print(&tell(&Wish::Long(Some(topic.to_owned()))))
        }
        _ => endpoints::run(Some(topic), endpoints::Form::Text).map_err(|_| unknown(topic)),
    }
}

fn unknown(topic: &str) -> Error {
    let declared = command();
    let commands = declared.get_subcommands().map(clap::Command::get_name);
    let topics = TOPICS.map(|(name, _)| name);
    let error = Error::usage(format!("there is no help on {topic}"));
    match nearest(topic, commands.chain(topics)) {
        Some(near) => error.hint(format!("wharf help {near}")),
        None => error.hint(format!("wharf help {}", topics.join("|"))),
    }
}

/// A screen of help.
pub fn short() -> String {
    let mut out = String::from(
        "wharf relays between two endpoints: sockets, TLS, files, commands, terminals.\n\n\
         Usage: wharf [FLAGS] LEFT [RIGHT] [-- PROGRAM ARG...]\n       wharf COMMAND ...\n\n",
    );
    for (line, what) in EXAMPLES {
        let _ = writeln!(out, "  {line:<34} {what}");
    }
    out.push_str(
        "\nAn address is SCHEME://HOST:PORT#OPTION,...; HOST:PORT is TCP, :PORT listens on\n\
         loopback, - is standard input and output, ./x a file. LEFT alone: wharf - LEFT.\n\n\
         Commands: explain A [B]  endpoints [SCHEME]  serve DIR  passwd FILE USER\n          \
         get ADDRESS...  put FILE ADDRESS  ping HOST...  probe ADDRESS...\n          \
         switch PORT...  dump FILE  cert HOST  completions SHELL  man\n          \
         help [TOPIC]  version\n\n  \
         -v, --verbose  say more          -q, --quiet   say only errors\n      \
         --json     events as JSON        --once    serve only one\n  \
         -4, -6         one IP version        --pcap F  write what passes to a file\n\n\
         --help has every flag, scheme and option with an example.\n",
    );
    out
}

/// All of the help.
fn long() -> String {
    let mut out = command().render_long_help().to_string();
    out.push_str("\nExamples:\n");
    for (line, what) in EXAMPLES {
        let _ = writeln!(out, "  {line:<34} {what}");
    }
    let _ = write!(out, "\nAddresses:\n{}", indented(ADDRESSES));
    out.push_str("\nEndpoints and their options, each with an example:\n");
    for layer in Layer::ALL {
        for scheme in sheet::of_layer(layer) {
            let (name, summary, example) = (scheme.name, scheme.summary, scheme.example);
            let _ = writeln!(out, "\n{name} ({layer}): {summary}\n  {example}");
            sheet::options(&mut out, scheme);
        }
    }
    out.push_str("\nevery endpoint that opens:\n");
    for spec in GENERAL {
        let (name, line) = (sheet::option_name(spec), sheet::option_line(spec));
        let _ = writeln!(out, "  {name}\n      {line}");
    }
    out.push_str("\nTopics (wharf help TOPIC):\n");
    for (name, what) in TOPICS {
        let _ = writeln!(out, "  {name:<12} {what}");
    }
    out
}

fn of_command(name: &str, render: fn(&mut clap::Command) -> clap::builder::StyledStr) -> String {
    let mut declared = command().bin_name("wharf");
    declared.build();
    match declared.find_subcommand_mut(name) {
        Some(known) => render(known).to_string(),
        None => short(),
    }
}

fn indented(text: &str) -> String {
    let line = |line: &str| match line.is_empty() {
        true => "\n".to_owned(),
        false => format!("  {line}\n"),
    };
    text.lines().map(line).collect()
}

/// The table of exit codes.
fn exit_codes() -> String {
    let mut out = String::from(
        "# Exit codes\n\n\
         The same in text, in JSON (`code`) and for the shell.\n\n\
         | code | name | meaning |\n|---|---|---|\n",
    );
    for row in exit::TABLE {
        let _ = writeln!(out, "| {} | `{}` | {} |", row.code, row.name, row.meaning);
    }
    out
}

/// What one side may use of the other.
fn variables() -> String {
    let mut out = String::from(
        "An address may use what is known of the other side, if that was opened first. A command\n\
         finds the same in its environment.\n\n",
    );
    for (name, what) in Info::VARIABLES {
        let variable = format!("WHARF_{}", name.replace('.', "_").to_uppercase());
        let name = format!("{{{name}}}");
        let _ = writeln!(out, "  {name:<18} {variable:<22} {what}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf::Endpoint;

    #[test]
    fn short_help_fits_a_screen_with_three_examples() {
        let text = short();
        assert!(text.lines().count() <= 24, "{} lines", text.lines().count());
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert_eq!(text.matches("\n  wharf ").count(), 3);
    }

    #[test]
    fn short_help_names_every_command_and_only_flags_that_exist() {
        let (text, declared) = (short(), command());
        for known in declared.get_subcommands() {
            assert!(text.contains(known.get_name()), "{}", known.get_name());
        }
        let words = text.split_whitespace();
        for flag in words.filter_map(|word| word.strip_prefix("--")) {
            let flag = flag.trim_end_matches(',');
            let known = ["", "help"].contains(&flag)
                || declared
                    .get_arguments()
                    .any(|arg| arg.get_long() == Some(flag));
            assert!(known, "--{flag}");
        }
    }

    #[test]
    fn the_examples_parse() {
        for (line, _) in EXAMPLES {
            let words = line.split_whitespace().skip(1);
            for word in words.take_while(|word| *word != "--") {
                Endpoint::parse(word).unwrap();
            }
        }
    }

    #[test]
    fn long_help_has_every_scheme_and_option() {
        let text = long();
        for scheme in wharf::catalog::SCHEMES {
            assert!(text.contains(scheme.example), "{}", scheme.name);
            for spec in scheme.specs() {
                assert!(
                    text.contains(&sheet::example(scheme, spec)),
                    "{}",
                    spec.name
                );
            }
        }
    }
}
