//! Options as they are declared ([`OptionSpec`], one static list a scheme) and as they were typed
//! ([`Given`]).
//!
//! Not here: checked values (`settings.rs`), which layer of a stack takes which option
//! (`stack/assign.rs`), units (`units.rs`).

use super::scheme::Roles;
use super::units::split_top;
use std::fmt;

/// One option of a scheme.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The name, as typed after `#`.
    pub name: &'static str,
    /// What values it takes.
    pub kind: OptionKind,
    /// What holds where it is not given, as typed.
    pub default: Option<&'static str>,
    /// A value that works, for help, where neither the default nor the kind shows one.
    pub example: Option<&'static str>,
    /// The roles in which it means something.
    pub roles: Roles,
    /// What it does, in one line.
    pub help: &'static str,
}

/// What values an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// `name`, or `name=yes` and `name=no`.
    Flag,
    /// Any text.
    Text,
    /// Any text, never shown.
    Secret,
    /// A path on this machine.
    Path,
    /// `500ms`, `5s`, `2m`, `1h`.
    Duration,
    /// `512`, `64KiB`, `1MB`: octets.
    Size,
    /// A whole number, both ends allowed.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A whole number of times, or `forever`.
    Count,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `[a,b,c]`, or a single one without brackets; giving the option again adds to it.
    List,
    /// Header fields, `[NAME: VALUE,…]`; shown only if all of them bear one of these names.
    Fields(&'static [&'static str]),
    /// Permission bits in octal: `660`.
    Mode,
    /// `ADDRESS`, `ADDRESS:PORT` or `:PORT`.
    Bind,
    /// `[ADDRESS]`: an address of ours inside an address.
    Address,
}

impl OptionKind {
    /// Whether there are values that are masked wherever they are shown.
    pub const fn is_secret(self) -> bool {
        matches!(self, OptionKind::Secret | OptionKind::Fields(_))
    }

    /// Whether `value` (as typed, without brackets) is masked wherever it is shown.
    pub fn hides(self, value: &str) -> bool {
        let is_known = |field: &str, known: &[&str]| {
            let name = field.split(':').next().unwrap_or_default().trim();
            known.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        match self {
            OptionKind::Secret => true,
            OptionKind::Fields(known) => split_top(value, ',')
                .into_iter()
                .any(|field| !is_known(field, known)),
            _ => false,
        }
    }

    /// What stands for a value in help.
    pub fn placeholder(self) -> String {
        match self {
            OptionKind::Flag => String::new(),
            OptionKind::Text => "TEXT".into(),
            OptionKind::Secret => "SECRET".into(),
            OptionKind::Path => "PATH".into(),
            OptionKind::Duration => "TIME".into(),
            OptionKind::Size => "SIZE".into(),
            OptionKind::Integer { .. } => "N".into(),
            OptionKind::Count => "N|forever".into(),
            OptionKind::Choice(words) => words.join("|"),
            OptionKind::List | OptionKind::Fields(_) => "[A,B]".into(),
            OptionKind::Mode => "OCTAL".into(),
            OptionKind::Bind => "ADDR[:PORT]".into(),
            OptionKind::Address => "[ADDRESS]".into(),
        }
    }
}

impl OptionSpec {
    /// An option of `kind`, in both roles, without a default.
    pub const fn new(name: &'static str, kind: OptionKind, help: &'static str) -> OptionSpec {
        OptionSpec {
            name,
            kind,
            default: None,
            example: None,
            roles: Roles::Both,
            help,
        }
    }

    /// A switch that is off unless given.
    pub const fn flag(name: &'static str, help: &'static str) -> OptionSpec {
        OptionSpec::new(name, OptionKind::Flag, help)
    }

    /// What holds where it is not given, as a user would type it.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> OptionSpec {
        self.default = Some(value);
        self
    }

    /// A value that works, as a user would type it.
    #[must_use]
    pub const fn example(mut self, value: &'static str) -> OptionSpec {
        self.example = Some(value);
        self
    }

    /// It means something only where the endpoint opens.
    #[must_use]
    pub const fn client(mut self) -> OptionSpec {
        self.roles = Roles::Client;
        self
    }

    /// It means something only where the endpoint listens.
    #[must_use]
    pub const fn server(mut self) -> OptionSpec {
        self.roles = Roles::Server;
        self
    }

    /// Whether giving it weakens security, which is then logged each time.
    pub fn is_dangerous(&self) -> bool {
        self.name.starts_with("danger-")
    }
}

/// The layer that an option names, and its number in brackets, counted from the top.
pub type NamedLayer = (String, Option<usize>);

/// One option as it was typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The layer that was named before the dot.
    pub layer: Option<NamedLayer>,
    /// The name.
    pub name: String,
    /// The value, if one was given.
    pub value: Option<GivenValue>,
    /// Where it stands in the text of the address, in octets from its start.
    pub offset: usize,
    /// Where its value stands there, or would stand.
    pub value_at: usize,
}

/// The value of an option as it was typed.
#[derive(Clone, PartialEq, Eq)]
pub enum GivenValue {
    /// Percent-decoded.
    Plain(String),
    /// What stood between the brackets, verbatim.
    Bracketed(String),
}

impl GivenValue {
    /// The text, without brackets.
    pub fn text(&self) -> &str {
        match self {
            GivenValue::Plain(text) | GivenValue::Bracketed(text) => text,
        }
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a secret: only the spec knows, and it is not here.
        write!(f, "Given({})", self.name)
    }
}

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
