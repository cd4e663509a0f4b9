//! The fields of the JSON events, as data: `wharf help events` and `docs/events.md` print it, and a
//! test compares it with what `json.rs` writes.

use std::fmt::Write;

/// One kind of event.
pub struct EventSpec {
    /// The value of `event`.
    pub name: &'static str,
    /// When it is written.
    pub when: &'static str,
    /// Its fields, beside `event` and `time`.
    pub fields: &'static [Field],
}

/// One field: its name, its type, what it holds. A type that ends in `?` may be missing.
pub type Field = (&'static str, &'static str, &'static str);

/// Every kind of event.
pub const EVENTS: [EventSpec; 15] = [
    EventSpec {
        name: "listening",
        when: "An endpoint listens, before the first peer is accepted.",
        fields: &[
            ("address", "text", "the address as typed, secrets masked"),
            (
                "local",
                "text?",
                "what was bound, the real port filled in; the first if several",
            ),
            ("port", "number?", "its port"),
            ("bound", "list of text", "everything that was bound"),
            (
                "exposed",
                "yes or no",
                "whether other machines can reach it",
            ),
        ],
    },
    EventSpec {
        name: "attempt",
        when: "With -v: one of several ways to reach a peer was tried.",
        fields: &[
            ("address", "text", "the address as typed"),
            ("to", "text", "the socket address that was tried"),
            ("connected", "yes or no", "whether it worked"),
            ("error", "error?", "why not"),
        ],
    },
    EventSpec {
        name: "opened",
        when: "Both sides of a connection are open.",
        fields: &[
            ("id", "number", "numbers connections from 1"),
            ("left", "side", "the left side"),
            ("right", "side", "the right side"),
        ],
    },
    EventSpec {
        name: "closed",
        when: "A connection ended.",
        fields: &[
            ("id", "number", "as in opened"),
            (
                "cause",
                "text",
                "finished, status, peer-ended, waited, closed, reset, truncated, idle, stopped or failed",
            ),
            (
                "side",
                "text?",
                "left or right, where the cause is about one side",
            ),
            ("there", "flow", "what went from left to right"),
            ("back", "flow", "what went from right to left"),
            ("seconds", "number", "how long it took"),
            (
                "status",
                "status?",
                "what that side ended with, where it has a status",
            ),
            ("error", "error?", "what went wrong"),
        ],
    },
    EventSpec {
        name: "failed",
        when: "A connection could not be opened; the listener goes on.",
        fields: &[
            ("id", "number", "numbers connections from 1"),
            ("error", "error", "why"),
        ],
    },
    EventSpec {
        name: "refused",
        when: "A peer was turned away.",
        fields: &[
            ("address", "text", "the address that listens"),
            ("peer", "text?", "who came"),
            (
                "why",
                "text",
                "denied (by --allow or --deny) or full (--max-connections)",
            ),
        ],
    },
    EventSpec {
        name: "note",
        when: "Something to know; a level of warn means that data or security was lost.",
        fields: &[
            (
                "level",
                "text",
                "error, warn, info, debug (with -v) or trace (with -vv)",
            ),
            ("address", "text?", "the address that it is about"),
            ("text", "text", "one line"),
        ],
    },
    EventSpec {
        name: "stderr",
        when: "A command or a peer wrote to its standard error.",
        fields: &[
            ("address", "text", "the address of the command"),
            (
                "text",
                "text",
                "what it wrote, with what is not UTF-8 replaced",
            ),
        ],
    },
    EventSpec {
        name: "request",
        when: "With serve: a request was answered, or the answer broke off.",
        fields: &[
            ("peer", "text?", "who asked"),
            ("user", "text?", "as which user of --users"),
            ("method", "text", "GET, HEAD, PUT, DELETE, ..."),
            ("target", "text", "path and query as they were sent"),
            ("version", "text", "HTTP/1.0, HTTP/1.1 or HTTP/2.0"),
            ("status", "number", "the status of the answer"),
            ("octets", "number", "octets of its body that were sent"),
            ("whole", "yes or no", "whether that was all of it"),
            ("seconds", "number", "how long it took"),
        ],
    },
    EventSpec {
        name: "begun",
        when: "wharf get: octets will come. Once more with each further try.",
        fields: &[
            ("from", "text", "the address as typed, secrets masked"),
            ("to", "text", "the file that it will be, or the address"),
            ("size", "number?", "octets there are in all"),
            (
                "continued",
                "number",
                "octets that are there from an earlier try",
            ),
            ("connections", "number", "connections that share the work"),
        ],
    },
    EventSpec {
        name: "got",
        when: "wharf get: a file is complete.",
        fields: &[
            ("from", "text", "the address as typed, secrets masked"),
            ("to", "text", "the file, or the address"),
            ("octets", "number", "octets that it has"),
            ("came", "number", "octets that came now"),
            (
                "already",
                "yes or no",
                "whether it was there before, with the wanted sum",
            ),
            ("seconds", "number", "how long it took"),
            ("sha256", "text?", "its sum, with --sha256"),
        ],
    },
    EventSpec {
        name: "sent",
        when: "wharf put: the peer has taken everything.",
        fields: &[
            ("from", "text", "the file, or the address"),
            ("to", "text", "the address as typed, secrets masked"),
            ("octets", "number", "octets that the peer took"),
            ("seconds", "number", "how long it took"),
            ("status", "text?", "what the peer answered, in words"),
            ("sha256", "text?", "the sum of what was read, with --sha256"),
        ],
    },
    EventSpec {
        name: "stats",
        when: "At SIGUSR1, and at the end with --stats.",
        fields: SUMS,
    },
    EventSpec {
        name: "error",
        when: "The run failed; ended follows, unless nothing was begun.",
        fields: ERROR,
    },
    EventSpec {
        name: "ended",
        when: "The run ended; the last line.",
        fields: &[
            ("exit", "text", "the name of the exit code"),
            ("code", "number", "the exit code"),
            SUMS[0],
            SUMS[1],
            SUMS[2],
            SUMS[3],
            SUMS[4],
            SUMS[5],
            SUMS[6],
            SUMS[7],
            SUMS[8],
            SUMS[9],
            SUMS[10],
        ],
    },
];

const SUMS: &[Field] = &[
    ("connections", "number", "connections that were opened"),
    ("open", "number", "connections that are open"),
    ("failed", "number", "connections that could not be opened"),
    ("refused", "number", "peers that were turned away"),
    ("there", "number", "octets from left to right"),
    ("back", "number", "octets from right to left"),
    (
        "dropped",
        "number",
        "packets that were too long for the other side",
    ),
    ("lost", "number", "octets that were taken and not delivered"),
    (
        "cut",
        "number",
        "connections that were cut off when asked to stop",
    ),
    (
        "requests",
        "number?",
        "with serve: requests that were answered; there is what was received, back what was sent",
    ),
    ("seconds", "number", "how long the run took"),
];

const ERROR: &[Field] = &[
    ("kind", "text", "the name of the exit code"),
    ("code", "number", "the exit code"),
    (
        "op",
        "text",
        "what was being done: parse, resolve, connect, bind, listen, ...",
    ),
    ("address", "text?", "the endpoint, secrets masked"),
    (
        "layer",
        "text?",
        "the scheme of the layer that failed, where there are several",
    ),
    ("reason", "text", "why, in one line"),
    ("hint", "text?", "what to try"),
    ("causes", "list of text?", "what led to it"),
    ("typed", "text?", "the address that could not be read"),
    ("offset", "number?", "where in it, in octets"),
];

/// Objects inside events.
pub const OBJECTS: [(&str, &[Field]); 7] = [
    ("error", ERROR),
    (
        "side",
        &[
            ("address", "text", "the address as typed, secrets masked"),
            ("local", "text?", "our end"),
            ("peer", "text?", "the other end"),
            ("target", "text?", "where the peer wants to go"),
            (
                "size",
                "number?",
                "octets that will come, where that is known",
            ),
            ("pid", "number?", "the process that was started"),
            (
                "credentials",
                "object?",
                "pid, uid and gid of the peer on this machine",
            ),
            ("tls", "tls?", "what TLS agreed on"),
            (
                "http",
                "http?",
                "the request of a peer, or the response to ours",
            ),
        ],
    ),
    (
        "http",
        &[
            ("method", "text", "the method"),
            ("target", "text", "path and query as sent"),
            ("version", "text", "HTTP/1.0, HTTP/1.1 or HTTP/2"),
            ("host", "text?", "the host that was asked for"),
            (
                "status",
                "number?",
                "the status of the response, where we asked",
            ),
        ],
    ),
    (
        "tls",
        &[
            ("version", "text", "TLSv1.3 or TLSv1.2"),
            ("cipher", "text", "the cipher suite"),
            ("group", "text?", "the key exchange group"),
            ("alpn", "text?", "the protocol agreed by ALPN"),
            ("sni", "text?", "the server name that was asked for"),
            ("fingerprint", "text?", "SHA-256 of the peer's certificate"),
            ("subject", "text?", "its subject"),
            (
                "resumed",
                "yes or no",
                "whether an earlier session was resumed",
            ),
        ],
    ),
    (
        "credentials",
        &[
            ("pid", "number", "process; 0 outside our namespace"),
            ("uid", "number", "user"),
            ("gid", "number", "group"),
        ],
    ),
    (
        "flow",
        &[
            ("octets", "number", "octets that the receiving side took"),
            (
                "packets",
                "number",
                "packets that it took; 0 between streams",
            ),
            ("dropped", "number", "packets that were too long for it"),
            ("lost", "number", "octets that were taken and not delivered"),
            (
                "end",
                "text?",
                "how the sending side ended: fin, reset, truncated or status",
            ),
        ],
    ),
    (
        "status",
        &[
            ("ok", "yes or no", "whether it means success"),
            (
                "code",
                "number",
                "as the protocol counts; 128 + n for signal n",
            ),
            ("text", "text", "in words"),
        ],
    ),
];

/// The documentation of all events.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Events\n\n\
         With `--json`, standard error has one JSON object a line. `event` says what happened, `time` is\n\
         seconds since 1970. A field whose type ends in `?` is left out where it is not known. New events\n\
         and fields may come: pass over what you do not know.\n",
    );
    for event in EVENTS.iter().chain(&super::switch::EVENTS) {
        let _ = write!(out, "\n## {}\n\n{}\n\n", event.name, event.when);
        table(&mut out, event.fields);
    }
    for (name, fields) in OBJECTS {
        let _ = write!(out, "\n## object: {name}\n\n");
        table(&mut out, fields);
    }
    out
}

fn table(out: &mut String, fields: &[Field]) {
    out.push_str("| field | type | what it holds |\n|---|---|---|\n");
    for (name, kind, meaning) in fields {
        let _ = writeln!(out, "| `{name}` | {kind} | {meaning} |");
    }
}

#[cfg(test)]
mod tests;
