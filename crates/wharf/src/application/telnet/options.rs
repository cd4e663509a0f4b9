//! What a user can say of TELNET, checked without I/O, and what follows for the machine.
//!
//! Not here: what the machine makes of it (`wharf_proto::application::telnet`).

use std::time::Duration;

use wharf_proto::application::telnet::{Role as End, Size, Variable, Wish, Wishes};

use crate::socket::address::Role;
use crate::socket::error::{Error, Result};
use crate::socket::info::Info;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::Parts;
use crate::socket::settings::Settings;

/// How many variables and names may be told.
const MOST: usize = 64;

pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::flag(
        "binary",
        "asks for every octet to go as it is, both ways (RFC 856); no refuses that; not given: as the peer asks",
    ),
    OptionSpec::flag(
        "echo",
        "the server shows what is typed and gets each key; not given: a client does as its server asks, a server offers it when a pty is on its other side",
    ),
    OptionSpec::new(
        "term",
        OptionKind::List,
        "the type of the terminal, the best of several first (RFC 1091); none tells nothing; not given: that of the terminal on the other side",
    )
    .example("[xterm-256color,vt100]")
    .client(),
    OptionSpec::new(
        "size",
        OptionKind::Text,
        "the size of the window, COLUMNSxROWS (RFC 1073), until the other side tells its own",
    )
    .example("132x50")
    .client(),
    OptionSpec::new(
        "user",
        OptionKind::Text,
        "tells the server who logs in (RFC 1572), as telnet://USER@HOST does",
    )
    .example("alice")
    .client(),
    OptionSpec::new(
        "env",
        OptionKind::List,
        "tells the server these variables, NAME=VALUE, if it asks (RFC 1572); nothing else of the environment is ever told",
    )
    .example("[LANG=C.UTF-8,DISPLAY=here:0]")
    .client(),
    OptionSpec::new(
        "negotiation-timeout",
        OptionKind::Duration,
        "how long the peer may take to answer what was asked before data flows; who does not know TELNET is served then",
    )
    .default("1s"),
    OptionSpec::new(
        "subnegotiation-limit",
        OptionKind::Size,
        "how long a subnegotiation of the peer's may be",
    )
    .default("16KiB"),
];

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) role: End,
    pub(super) binary: Option<Wish>,
    echo: Option<Wish>,
    /// `None`: that of the other side.
    terminals: Option<Vec<String>>,
    size: Option<Size>,
    environment: Vec<Variable>,
    pub(super) timeout: Duration,
    limit: usize,
}

impl Options {
    /// Reads the options of an address.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub(super) fn of(parts: &Parts<'_>) -> Result<Options> {
        let settings = parts.settings;
        Ok(Options {
            role: match parts.role {
                Role::Client => End::Client,
                Role::Server => End::Server,
            },
            binary: settings.switch("binary").map(wish),
            echo: settings.switch("echo").map(wish),
            terminals: terminals(settings)?,
            size: settings.text("size").map(size).transpose()?,
            environment: environment(parts)?,
            timeout: settings
                .duration("negotiation-timeout")
                .unwrap_or(Duration::from_secs(1)),
            limit: settings.len_of("subnegotiation-limit").unwrap_or(16 * 1024),
        })
    }

    /// What the machine is to want, for a side whose other one is `origin`.
    pub(super) fn wishes(&self, origin: Option<&Info>) -> Wishes {
        let terminal = origin.and_then(|origin| origin.terminal.as_deref());
        let kind = || terminal.and_then(|terminal| terminal.kind.clone());
        let window = || terminal.and_then(|terminal| terminal.size);
        Wishes {
            role: self.role,
            binary: self.binary,
            echo: self.echo,
            terminals: match &self.terminals {
                Some(names) => names.clone(),
                None => kind().into_iter().collect(),
            },
            size: self
                .size
                .or_else(|| window().map(|(columns, rows)| Size { columns, rows })),
            environment: self.environment.clone(),
            subnegotiation_limit: self.limit,
        }
    }
}

const fn wish(on: bool) -> Wish {
    if on { Wish::On } else { Wish::Off }
}

fn terminals(settings: &Settings) -> Result<Option<Vec<String>>> {
    if !settings.is_given("term") {
        return Ok(None);
    }
    let names = settings.list("term");
    if names == ["none"] {
        return Ok(Some(Vec::new()));
    }
    let fits = |name: &&String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    if let Some(wrong) = names.iter().find(|name| !fits(name) || name.len() > 40) {
        return Err(Error::usage(format!(
            "term={wrong}: a name of at most 40 characters is wanted"
        ))
        .hint("term=xterm-256color, or several: term=[xterm-256color,vt100]"));
    }
    bounded("term", names.len())?;
    Ok(Some(names.to_vec()))
}

fn bounded(option: &str, len: usize) -> Result<()> {
    if len <= MOST {
        return Ok(());
    }
    let reason = format!("{option}: {len} are too many, the limit is {MOST}");
    Err(Error::usage(reason))
}

fn size(text: &str) -> Result<Size> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|cells| *cells > 0);
    let sides = text.split_once(['x', 'X']);
    match sides.map(|(columns, rows)| (number(columns), number(rows))) {
        Some((Some(columns), Some(rows))) => Ok(Size { columns, rows }),
        _ => Err(
            Error::usage(format!("size={text}: characters and lines are wanted"))
                .hint("size=80x24"),
        ),
    }
}

fn environment(parts: &Parts<'_>) -> Result<Vec<Variable>> {
    let mut environment = Vec::new();
    for entry in parts.settings.list("env") {
        match entry.split_once('=') {
            Some((name, value)) if !name.is_empty() => environment.push(Variable {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            _ => {
                return Err(Error::usage(format!("env={entry}: NAME=VALUE is wanted"))
                    .hint("several are written env=[A=1,B=2]"));
            }
        }
    }
    bounded("env", environment.len())?;
    if let Some(user) = user(parts)? {
        environment.retain(|variable| variable.name != "USER");
        environment.insert(
            0,
            Variable {
                name: "USER".to_owned(),
                value: user,
            },
        );
    }
    Ok(environment)
}

/// Who logs in, from the address or the option.
fn user(parts: &Parts<'_>) -> Result<Option<String>> {
    let authority = parts.address.authority();
    if authority.is_some_and(|authority| authority.password.is_some()) {
        return Err(Error::usage("telnet has no way to tell a password")
            .hint("leave it out: the server asks for it"));
    }
    let typed = authority.and_then(|authority| authority.user.clone());
    if typed.is_some() && parts.role == Role::Server {
        return Err(Error::usage("a user is for the side that connects")
            .hint("telnet-listen asks nobody who it is; pty:login does"));
    }
    let given = parts.settings.text("user").map(str::to_owned);
    match (typed, given) {
        (Some(typed), Some(given)) if typed != given => Err(Error::usage(format!(
            "the user is {typed} in the address and {given} in its options"
        ))),
        (typed, given) => Ok(typed.or(given)),
    }
}
