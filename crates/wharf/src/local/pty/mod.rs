//! A terminal as an endpoint: `pty:COMMAND` runs a command on one, `pty:` alone is one that others
//! open.
//!
//! Sources: pty(7), termios(3). The command has the terminal for its own (controlling terminal), and
//! the stream is what a person would type and see. Window sizes, breaks and signals reach it as
//! [`Control`](crate::socket::control::Control).
//! Not here: our own terminal (`stdio`, `terminal`), serial lines (`serial`).

mod bare;
mod master;
mod session;

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::termios::{self, InputModes, LocalModes, OptionalActions};
use wharf_sys::tty::{self, Pty, WindowSize};

use super::command::{self, Plan};
use crate::socket::channel::{Channel, Kind};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::info::Info;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;
use futures_util::future::BoxFuture;

#[cfg(test)]
mod tests;

/// A terminal has at least one cell and at most as many as the kernel can count.
const CELLS: OptionKind = OptionKind::Integer {
    min: 1,
    max: u16::MAX as i64,
};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "rows",
        CELLS,
        "lines of the window, until the other side tells its own",
    )
    .default("24"),
    OptionSpec::new(
        "columns",
        CELLS,
        "characters in a line, until the other side tells its own",
    )
    .default("80"),
    OptionSpec::flag("echo", "shows what is typed; a raw terminal never does").default("yes"),
    OptionSpec::flag(
        "raw",
        "passes every octet as it is; a terminal without a command is raw unless raw=no",
    ),
];

/// Options of a terminal that others open.
const BARE: &[OptionSpec] = &[
    OptionSpec::new(
        "link",
        OptionKind::Path,
        "a name for the terminal: a symbolic link that is removed at the end",
    ),
    OptionSpec::new(
        "mode",
        OptionKind::Mode,
        "who may open the terminal: permissions of its device",
    ),
    OptionSpec::flag(
        "wait-slave",
        "waits until somebody opened the terminal, before the other side is opened",
    ),
];

/// `pty:`
pub static SCHEME: Scheme = Scheme {
    name: "pty",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Command { optional: true },
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[OPTIONS, BARE, command::OPTIONS, &[command::ARGV0]],
    standard: "POSIX termios; pty(7)",
    summary: "a program on a terminal of its own, or a terminal for others to open",
    example: "pty:bash -l",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let settings = parts.settings;
    let bare = parts.address.command().is_none_or(|c| c.trim().is_empty());
    let wrong = |known: bool, options: &[OptionSpec]| {
        let found = options.iter().find(|spec| settings.is_given(spec.name));
        found.filter(|_| !known).map(|spec| spec.name)
    };
    if let Some(name) = wrong(bare, BARE) {
        return Err(
            Error::usage(format!("{name} is for a terminal that others open"))
                .hint("leave out the command: pty#link=/tmp/modem:"),
        );
    }
    let of_command = [command::OPTIONS, &[command::ARGV0]];
    if let Some(name) = of_command.iter().find_map(|group| wrong(!bare, group)) {
        return Err(
            Error::usage(format!("{name} is for a command, and there is none"))
                .hint(SCHEME.example),
        );
    }
    let given = |name: &str| settings.is_given(name).then(|| settings.integer(name))?;
    Ok(Box::new(Endpoint {
        look: Look {
            rows: given("rows"),
            columns: given("columns"),
            echo: settings.flag("echo"),
            raw: settings.switch("raw").unwrap_or(bare),
        },
        user: match bare {
            false => User::Command(Plan::of_words(parts)?),
            true => User::Others(bare::Place {
                link: settings.text("link").map(PathBuf::from),
                mode: settings.integer("mode").map(Mode::from_raw_mode),
                waits: settings.flag("wait-slave"),
            }),
        },
    }))
}

/// How a new terminal is set up.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// Lines of the window, where they were given.
    rows: Option<u16>,
    /// Characters in a line, where they were given.
    columns: Option<u16>,
    echo: bool,
    raw: bool,
}

/// Who sits on the other side.
enum User {
    Command(Plan),
    Others(bare::Place),
}

struct Endpoint {
    look: Look,
    user: User,
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            let pty = self.look.open(cx.origin)?;
            match &self.user {
                User::Command(plan) => session::start(plan, pty, self.look, cx),
                User::Others(place) => place.open(pty, cx).await,
            }
        })
    }
}

impl Look {
    /// The size of a new window: as given, else that of the other side's terminal, else the usual.
    fn size(self, origin: Option<&Info>) -> WindowSize {
        let terminal = origin.and_then(|origin| origin.terminal.as_ref());
        let (columns, rows) = terminal.and_then(|t| t.size).unwrap_or((80, 24));
        WindowSize {
            rows: self.rows.unwrap_or(rows),
            columns: self.columns.unwrap_or(columns),
            ..WindowSize::default()
        }
    }

    /// Opens a terminal that looks so, for that other side.
    fn open(self, origin: Option<&Info>) -> Result<Pty> {
        let failed = |error| Error::io_while(Op::Open, "a new terminal", error);
        let pty = tty::open_pty().map_err(failed)?;
        wharf_sys::descriptor::set_nonblocking(&pty.master).map_err(failed)?;
        tty::set_window_size(&pty.slave, self.size(origin)).map_err(failed)?;
        self.set_modes(&pty.slave).map_err(failed)?;
        Ok(pty)
    }

    fn set_modes(self, slave: &OwnedFd) -> std::io::Result<()> {
        let mut modes = termios::tcgetattr(slave)?;
        // So that erasing takes away a character and not an octet.
        #[cfg(target_os = "linux")]
        modes.input_modes.insert(InputModes::IUTF8);
        if !self.echo {
            modes.local_modes.remove(LocalModes::ECHO);
        }
        if self.raw {
            modes.make_raw();
        }
        Ok(termios::tcsetattr(slave, OptionalActions::Now, &modes)?)
    }
}
