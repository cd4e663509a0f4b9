//! What hands do out of habit: flags of nc, ncat and socat, and how wharf says the same.
//!
//! They are not accepted, because three programs mean three things by one letter; the answer is
//! the line to type.

/// A flag of another program, and what it is here.
const HABITS: &[(&str, &str)] = &[
    (
        "-l",
        "wharf :PORT, which listens on loopback; tcp-listen://0.0.0.0:PORT on all addresses",
    ),
    (
        "--listen",
        "wharf :PORT, which listens on loopback; tcp-listen://0.0.0.0:PORT on all addresses",
    ),
    (
        "-k",
        "wharf LISTENER OTHER: a listener serves many unless --once is given",
    ),
    (
        "--keep-open",
        "wharf LISTENER OTHER: a listener serves many unless --once is given",
    ),
    (
        "-p",
        "tcp://HOST:PORT#bind=:PORT for a source port, wharf :PORT to listen",
    ),
    ("--source-port", "tcp://HOST:PORT#bind=:PORT"),
    ("-s", "tcp://HOST:PORT#bind=ADDRESS"),
    ("--source", "tcp://HOST:PORT#bind=ADDRESS"),
    ("-u", "udp://HOST:PORT"),
    ("--udp", "udp://HOST:PORT"),
    ("-U", "unix:PATH"),
    ("--unixsock", "unix:PATH"),
    ("-z", "wharf probe HOST:PORT"),
    (
        "-w",
        "tcp://HOST:PORT#timeout=5s for connecting, --idle-timeout 5s for silence",
    ),
    ("-i", "--idle-timeout TIME"),
    ("-e", "wharf LISTENER -- PROGRAM ARG..."),
    ("--exec", "wharf LISTENER -- PROGRAM ARG..."),
    ("-c", "wharf LISTENER 'shell:COMMAND LINE'"),
    ("--sh-exec", "wharf LISTENER 'shell:COMMAND LINE'"),
    ("--ssl", "tls://HOST:PORT"),
    ("-d", "--recv-only, or -v for more messages"),
    ("-D", "tcp://HOST:PORT#nodelay"),
    ("--no-shutdown", "--keep"),
    ("-t", "--quit-after TIME"),
    ("-b", "wharf needs no buffer size"),
    (
        "--insecure",
        "tls://HOST:PORT#danger-accept-any-certificate, or pin its certificate: wharf cert HOST:PORT",
    ),
];

/// The way to say it here, if `flag` is a known habit.
pub fn way(flag: &str) -> Option<&'static str> {
    HABITS
        .iter()
        .find(|(habit, _)| *habit == flag)
        .map(|(_, way)| *way)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    #[test]
    fn no_habit_is_a_flag_of_ours() {
        let ours = command();
        for (habit, _) in HABITS {
            let taken = ours.get_arguments().any(|arg| {
                arg.get_long()
                    .is_some_and(|long| format!("--{long}") == *habit)
                    || arg
                        .get_short()
                        .is_some_and(|short| format!("-{short}") == *habit)
            });
            assert!(!taken, "{habit} is accepted, so it needs no hint");
        }
    }
}
