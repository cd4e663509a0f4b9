//! What has to hold for any input, one module a target, each with one function `check`.
//!
//! A target is thin: it hands its input to `check`, which panics if something does not hold. So
//! the same functions run under libFuzzer (`fuzz_targets/`) and, without it, over the corpus and
//! its mutations as a test of the workspace ([`smoke`]).

pub mod address;
pub mod capture;
pub mod echo;
pub mod escape;
pub mod escape_key;
pub mod framing;
pub mod http;
pub mod newline;
pub mod packet;
pub mod ping;
pub mod segment;
pub mod served_path;
pub mod smoke;
pub mod starttls;
pub mod switch;
pub mod telnet;
pub mod transfer;

/// A target by name.
pub struct Target {
    /// The name of its module, its entry in `fuzz_targets/` and its folder in `corpus/`.
    pub name: &'static str,
    /// Panics if what has to hold does not hold for an input.
    pub check: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "address",
        check: address::check,
    },
    Target {
        name: "capture",
        check: capture::check,
    },
    Target {
        name: "echo",
        check: echo::check,
    },
    Target {
        name: "escape",
        check: escape::check,
    },
    Target {
        name: "escape_key",
        check: escape_key::check,
    },
    Target {
        name: "framing",
        check: framing::check,
    },
    Target {
        name: "http",
        check: http::check,
    },
    Target {
        name: "newline",
        check: newline::check,
    },
    Target {
        name: "packet",
        check: packet::check,
    },
    Target {
        name: "ping",
        check: ping::check,
    },
    Target {
        name: "segment",
        check: segment::check,
    },
    Target {
        name: "served_path",
        check: served_path::check,
    },
    Target {
        name: "starttls",
        check: starttls::check,
    },
    Target {
        name: "switch",
        check: switch::check,
    },
    Target {
        name: "telnet",
        check: telnet::check,
    },
    Target {
        name: "transfer",
        check: transfer::check,
    },
];

/// Splits off the first octet of an input, by which a target chooses what to check. Inputs that
/// have none count as zero.
fn choice(input: &[u8]) -> (usize, &[u8]) {
    match input {
        [choice, rest @ ..] => (usize::from(*choice), rest),
        [] => (0, input),
    }
}
