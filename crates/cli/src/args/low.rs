//! What was typed, as flags and words: the *low* stage, checked word by word and not acted on.
//!
//! Every flag is declared here and nowhere else; help, the man page and the completions are made
//! from these declarations. What the flags mean together is decided in `high.rs`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;
use wharf::socket::env::Override;

use super::packets;
use super::switch::SwitchFlags;
use super::transfer::{GetFlags, PutFlags};
use super::value;

/// Relays between two endpoints of any layer of the network.
#[derive(Debug, Parser)]
#[command(
    name = "wharf",
    disable_help_subcommand = true,
    disable_version_flag = true,
    max_term_width = 100,
    override_usage = "wharf [FLAGS] LEFT [RIGHT] [-- PROGRAM ARG...]\n       wharf COMMAND ...",
    subcommand_help_heading = "Commands",
    subcommand_value_name = "COMMAND"
)]
pub struct Low {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub sides: Sides,
    #[command(flatten)]
    pub relay: RelayFlags,
    #[command(flatten)]
    pub common: CommonFlags,
}

/// The two endpoints, as typed.
#[derive(Debug, Default, Args)]
pub struct Sides {
    /// An address; alone it is the right side, and standard input and output are the left
    #[arg(value_name = "LEFT")]
    pub left: Option<OsString>,

    /// The other address; it is opened anew for each connection to a left side that listens
    #[arg(value_name = "RIGHT")]
    pub right: Option<OsString>,

    /// One word too many, kept to say what it was probably meant to be
    #[arg(hide = true, value_name = "EXCESS")]
    pub excess: Vec<OsString>,

    /// A program and its arguments as the last side, without quoting: the same as exec:
    #[arg(last = true, value_name = "PROGRAM ARG", allow_hyphen_values = true)]
    pub program: Vec<OsString>,
}

/// Flags that every command understands.
#[derive(Debug, Args)]
pub struct CommonFlags {
    /// Says more: once what was opened and agreed on, twice what the layers do
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "What is said")]
    pub verbose: u8,

    /// Says nothing but errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "What is said"
    )]
    pub quiet: bool,

    /// Events as JSON lines on standard error, or a command's answer as JSON (wharf help events)
    #[arg(long, global = true, help_heading = "What is said")]
    pub json: bool,

    /// Uses IPv4 addresses of a name only
    #[arg(
        short = '4',
        long = "ipv4",
        global = true,
        conflicts_with = "v6",
        help_heading = "Names"
    )]
    pub v4: bool,

    /// Uses IPv6 addresses of a name only
    #[arg(short = '6', long = "ipv6", global = true, help_heading = "Names")]
    pub v6: bool,

    /// Looks up no names: hosts must be numbers (nc -n)
    #[arg(short, long, global = true, help_heading = "Names")]
    pub numeric: bool,

    /// Answers a name itself: HOST:PORT:ADDR or HOST:PORT:ADDR,ADDR; * is every host or port; may be repeated
    #[arg(
        long,
        global = true,
        value_name = "ANSWER",
        value_parser = value::resolve,
        help_heading = "Names"
    )]
    pub resolve: Vec<Override>,
}

/// Flags of a relay.
#[derive(Debug, Args)]
pub struct RelayFlags {
    /// Serves one connection, then ends
    #[arg(long, help_heading = "Serving")]
    pub once: bool,

    /// Connections at a time; 10000 unless it is given
    #[arg(long, value_name = "N", value_parser = value::positive, help_heading = "Serving")]
    pub max_connections: Option<usize>,

    /// What a connection past --max-connections gets: it waits to be accepted, or is closed
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "wait",
        help_heading = "Serving"
    )]
    pub when_full: WhenFull,

    /// Serves only peers from there; may be repeated or a list
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = value::network,
        help_heading = "Serving"
    )]
    pub allow: Vec<IpNet>,

    /// Serves no peers from there, even where --allow does
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = value::network,
        help_heading = "Serving"
    )]
    pub deny: Vec<IpNet>,

    /// Threads, each with a listener of its own on the same port; one a processor by default
    #[arg(long, value_name = "N", value_parser = value::workers, help_heading = "Serving")]
    pub workers: Option<usize>,

    /// Becomes this user (USER or USER:GROUP) once everything is bound
    #[arg(long, value_name = "USER", help_heading = "Serving")]
    pub user: Option<String>,

    /// How long what is open may go on after SIGTERM, SIGINT or SIGHUP; a second signal ends at once
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10s",
        value_parser = value::duration,
        help_heading = "Ending"
    )]
    pub grace: Duration,

    /// Ends a connection over which nothing came for so long, with exit code 5
    #[arg(long, value_name = "TIME", value_parser = value::duration, help_heading = "Ending")]
    pub idle_timeout: Option<Duration>,

    /// How long silence is waited for: from a side that has no end (UDP), after standard input
    /// ended; from a pipe as standard input, after the peer ended
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        value_parser = value::duration,
        help_heading = "Ending"
    )]
    pub wait: Duration,

    /// After the left side ended, quits so long later (nc -q); a negative time or forever is the
    /// default: the peer's end is waited for
    #[arg(
        long,
        value_name = "TIME|forever",
        allow_hyphen_values = true,
        value_parser = value::quit_after,
        help_heading = "Ending"
    )]
    pub quit_after: Option<value::QuitAfter>,

    /// Passes on the end of standard input and goes on receiving, as OpenBSD nc -N does: that is
    /// what wharf does anyway, so this flag changes nothing
    #[arg(short = 'N', help_heading = "Ending")]
    pub pass_end: bool,

    /// Goes on although the peer has ended, until the other side ends too
    #[arg(long, help_heading = "Ending")]
    pub keep: bool,

    /// Sends only: nothing is received, and it ends after the last octet is out (ncat --send-only)
    #[arg(long, conflicts_with = "recv_only", help_heading = "Ending")]
    pub send_only: bool,

    /// Receives only: the left side is never read (ncat --recv-only, nc -d)
    #[arg(long, help_heading = "Ending")]
    pub recv_only: bool,

    /// Exits with the status that this side ended with: of a command, a peer
    #[arg(long, value_name = "SIDE", help_heading = "Ending")]
    pub exit_from: Option<SideName>,

    /// Ends lines with CR LF on the right side, CR LF left alone: the same as crlf+ before it
    #[arg(short = 'C', long, help_heading = "Data")]
    pub crlf: bool,

    /// Puts the terminal into raw mode: each key goes to the peer at once, Ctrl-C too
    #[arg(long, help_heading = "Data")]
    pub raw: bool,

    /// Octets a second at most, in each direction: 64KiB, 1MB/s
    #[arg(long, value_name = "SIZE", value_parser = value::rate, help_heading = "Data")]
    pub limit_rate: Option<u64>,

    /// What a packet gets that is too long for the other side: the relay ends, or it is dropped
    /// and counted
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "fail",
        help_heading = "Data"
    )]
    pub oversize: WhenOversize,

    /// Moves data without these ways, which not every system has: splice inside the kernel, several
    /// packets a call (mmsg), several as one (offload); for comparing, and should one misbehave
    #[arg(long, value_name = "WAY", value_delimiter = ',', help_heading = "Data")]
    pub without: Vec<Way>,

    /// Says at the end (and at SIGUSR1) what was moved
    #[arg(long, help_heading = "What is said")]
    pub stats: bool,

    /// Shows what passes, in hexadecimal and as text, on standard error
    #[arg(
        short = 'x',
        long,
        conflicts_with = "json",
        help_heading = "What is said"
    )]
    pub hexdump: bool,

    #[command(flatten)]
    pub pcap: packets::PcapFlags,

    /// Shows how far it has come, where standard error is a terminal
    #[arg(long, help_heading = "What is said")]
    pub progress: bool,

    /// Explains what would be done, and opens nothing: the same as wharf explain
    #[arg(long, help_heading = "What is said")]
    pub dry_run: bool,
}

/// What a connection past the limit gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WhenFull {
    /// It waits to be accepted.
    Wait,
    /// It is accepted and closed.
    Refuse,
}

/// What a packet gets that is too long for the side that is to send it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WhenOversize {
    /// The relay ends with an error.
    Fail,
    /// It is dropped and counted.
    Drop,
}

/// A way of moving data that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Between descriptors inside the kernel.
    Splice,
    /// Several packets a system call.
    Mmsg,
    /// Several packets as one.
    Offload,
    /// All of these.
    All,
}

/// The two sides as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideName {
    /// The first address.
    Left,
    /// The second address.
    Right,
}

/// Everything but relaying.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists what can be opened, or tells all about one scheme
    Endpoints {
        /// Tells all about this scheme
        scheme: Option<String>,
        /// As the table of docs/endpoints.md
        #[arg(long, conflicts_with = "scheme")]
        markdown: bool,
    },
    /// Tells what would be done, layer by layer, and opens nothing
    Explain {
        #[command(flatten)]
        sides: Sides,
    },
    /// Tells whether hosts answer, and how soon: a live line each
    ///
    /// A HOST is asked for echoes (ICMP); any other address is opened and closed again, which measures
    /// handshakes too: tls://HOST. Ends after --count, or at Ctrl-C, with a summary: loss, times, and
    /// jitter after RFC 3550. Exits with 0 if all have answered, and otherwise with the code of the first
    /// that never did: 5 if it was silent, 4 if it is unreachable, 3 if its name has no address.
    Ping(PingFlags),
    /// Tells which ports are open (nc -z)
    ///
    /// Many are tried at once. Exits with 0 if all are open, and otherwise with the code of the first
    /// that is not: 4 if it is closed, 5 if it is silent. With UDP, silence is all that a port that
    /// is open may have to say.
    Probe(ProbeFlags),
    /// Gets what an address has, into a file
    ///
    /// The file is NAME.part until it is complete; what is left of a transfer that broke off is used by the
    /// next, if the source has not changed. Exits as the first that failed: 14 if the sum is another, 13
    /// if the server refuses.
    Get(GetFlags),
    /// Sends a file to an address, whole, and prints what is answered
    ///
    /// HTTP gets it by PUT, with its length. What breaks off is sent again from the start: HTTP has no
    /// way to go on with an upload.
    Put(PutFlags),
    /// Prints a line for each packet of a capture, or of an endpoint that carries packets
    ///
    /// Reads pcapng and pcap from a file (- is standard input), and frames or packets of IP from any
    /// endpoint that gives them, until it ends or is interrupted.
    Dump(packets::DumpFlags),
    /// Shows a server's certificates, what is wrong with them, and how to pin them
    ///
    /// Nothing is sent. Exits with 0 if a connection would be accepted and with 6 if not; with --pem
    /// always with 0.
    Cert {
        /// HOST, HOST:PORT, or an address with tls in it: tls://HOST:25#starttls=smtp
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Prints them in PEM, to be saved as a file of trusted certificates
        #[arg(long)]
        pem: bool,
    },
    /// Joins any number of endpoints that carry frames: a learning Ethernet switch
    ///
    /// A port is [NAME=]ADDRESS: tap://, eth://, udp://, len16+tcp://, len16+tls-listen:// (each peer is a
    /// port), len32+unix: and unixgram: (QEMU), len16+exec:vde_plug. It is called by its NAME, or its
    /// interface, or its place on the line.
    ///
    ///   wharf switch tap://sw0 len16+tls-listen://0.0.0.0:4433
    ///   wharf switch a=tap://a b=eth://veth1 --access a:10 --trunk b:10,20
    #[command(verbatim_doc_comment)]
    Switch(Box<SwitchFlags>),
    /// Serves a folder over HTTP, with a page to browse it
    ///
    /// On loopback, port 8000, and for reading, unless flags say otherwise: wharf serve . and a browser at
    /// http://127.0.0.1:8000/. Programs get a listing with ?json, parts of files, and compressed text. Nothing
    /// outside of the folder is ever given: links that lead out, devices and pipes are not there.
    Serve(Box<ServeFlags>),
    /// Adds a user to a file for serve --users, or gives one another password
    ///
    /// The password is asked for, or read from a standard input that is no terminal. The file has a line
    /// a user, NAME:HASH, with hashes of Argon2id; it is made if it is not there.
    Passwd {
        /// The file of users
        file: PathBuf,
        /// The name of the user
        user: String,
        /// Removes the user
        #[arg(long)]
        remove: bool,
    },
    /// Prints the completions of a shell
    ///
    /// bash: wharf completions bash >/etc/bash_completion.d/wharf; zsh: >/usr/share/zsh/site-functions/_wharf;
    /// fish: >~/.config/fish/completions/wharf.fish. They finish commands and flags, and schemes and
    /// their options inside addresses.
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Prints the man page: wharf man | man -l -
    Man,
    /// Explains addresses, variables, exit-codes, events, a command or a scheme
    Help {
        /// The topic
        topic: Option<String>,
    },
    /// Prints the version
    Version,
}

/// Flags of `wharf probe`.
#[derive(Debug, Args)]
pub struct ProbeFlags {
    /// HOST:PORT, HOST:20-25,80, or any address that can be opened
    #[arg(required = true, value_name = "ADDRESS")]
    pub addresses: Vec<OsString>,

    /// How many are tried at the same time
    #[arg(long, value_name = "N", default_value = "64", value_parser = value::positive)]
    pub parallel: usize,

    /// How long an answer is waited for
    #[arg(long, short = 'w', value_name = "TIME", default_value = "2s", value_parser = value::duration)]
    pub timeout: Duration,
}

/// Flags of `wharf ping`.
#[derive(Debug, Args)]
pub struct PingFlags {
    /// Hosts, or any addresses that can be opened
    #[arg(required = true, value_name = "HOST")]
    pub hosts: Vec<OsString>,

    /// How often each is asked; for ever unless it is given
    #[arg(long, short, value_name = "N", value_parser = value::positive)]
    pub count: Option<usize>,

    /// How long after one question the next one is asked
    #[arg(long, short, value_name = "TIME", default_value = "1s", value_parser = value::duration)]
    pub interval: Duration,

    /// How long an answer is waited for
    #[arg(long, short = 'w', value_name = "TIME", default_value = "2s", value_parser = value::duration)]
    pub timeout: Duration,

    /// The octets that an echo carries
    #[arg(long, short, value_name = "N", default_value = "56")]
    pub size: usize,
}

/// Flags of `wharf serve`.
#[derive(Debug, Args)]
pub struct ServeFlags {
    /// The folder to serve
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// Where to listen for HTTP: :PORT on loopback, ADDRESS:PORT, or any address that listens for
    /// streams (unix-listen:/run/x.sock); may be repeated [default: :8000]
    #[arg(long, value_name = "ADDR", help_heading = "Listening")]
    pub http: Vec<String>,

    /// Where to listen for HTTPS, which speaks HTTP/2 too; without --cert with a certificate that is
    /// made for this run, whose fingerprint is shown
    #[arg(long, value_name = "ADDR", help_heading = "Listening")]
    pub https: Vec<String>,

    /// The certificate for --https, its chain behind it, in a PEM file
    #[arg(
        long,
        value_name = "FILE",
        requires = "https",
        help_heading = "Listening"
    )]
    pub cert: Option<PathBuf>,

    /// Its key in a PEM file, if that is not the file of --cert
    #[arg(
        long,
        value_name = "FILE",
        requires = "cert",
        help_heading = "Listening"
    )]
    pub key: Option<PathBuf>,

    /// A name under which browsers ask for this server, beside localhost and its addresses; * is any;
    /// may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Who may ask")]
    pub host: Vec<String>,

    /// Serves only users of this file, by name and password (wharf passwd FILE NAME)
    #[arg(long, value_name = "FILE", help_heading = "Who may ask")]
    pub users: Option<PathBuf>,

    /// Lets people upload and replace files, and make folders
    #[arg(long, help_heading = "What may be done")]
    pub write: bool,

    /// Lets people remove files and empty folders, too
    #[arg(long, requires = "write", help_heading = "What may be done")]
    pub delete: bool,

    /// The longest file that may be uploaded
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "4GiB",
        value_parser = value::size,
        help_heading = "What may be done"
    )]
    pub max_upload: u64,

    /// Has each upload on the disk before it is said to be there
    #[arg(long, requires = "write", help_heading = "What may be done")]
    pub fsync: bool,

    /// Serves names that begin with a dot, too
    #[arg(long, help_heading = "What may be done")]
    pub hidden: bool,

    /// Answers a folder that has an index.html with it, not with the page
    #[arg(long, help_heading = "What may be done")]
    pub index: bool,

    /// Connections at a time
    #[arg(
        long,
        value_name = "N",
        default_value = "10000",
        value_parser = value::positive,
        help_heading = "Running"
    )]
    pub max_connections: usize,

    /// Threads, each with a listener of its own on the same port; one a processor by default
    #[arg(long, value_name = "N", value_parser = value::workers, help_heading = "Running")]
    pub workers: Option<usize>,

    /// How long what is open may go on after SIGTERM, SIGINT or SIGHUP; a second signal ends at once
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10s",
        value_parser = value::duration,
        help_heading = "Running"
    )]
    pub grace: Duration,
}
