//! What was being done ([`Op`]), which kind of failure it was ([`Kind`]) and whose fault ([`Blame`]).
//!
//! A kind is one documented exit code; whose fault it was follows from it.

use std::io;

use rustix::io::Errno;

use super::Error;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// Reading an address or an option.
    Parse,
    /// Turning a name into addresses.
    Resolve,
    /// Opening a local thing: a file, a device, a command.
    Open,
    /// Reaching the peer.
    Connect,
    /// Taking a local address.
    Bind,
    /// Waiting for peers.
    Listen,
    /// Taking one peer.
    Accept,
    /// Agreeing with the peer before data flows.
    Handshake,
    /// Giving data to the peer.
    Send,
    /// Getting data from the peer.
    Recv,
    /// Ending one direction.
    End,
    /// Closing the channel.
    Close,
}

impl Op {
    /// The verb as messages and JSON spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Op::Parse => "parse",
            Op::Resolve => "resolve",
            Op::Open => "open",
            Op::Connect => "connect",
            Op::Bind => "bind",
            Op::Listen => "listen",
            Op::Accept => "accept",
            Op::Handshake => "handshake",
            Op::Send => "send",
            Op::Recv => "recv",
            Op::End => "end",
            Op::Close => "close",
        }
    }
}

/// What kind of failure: one for each documented exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// It broke while running, for a reason that no other kind names.
    Broken,
    /// What was typed cannot be meant: address, option, argument.
    Usage,
    /// A name has no address.
    Name,
    /// The peer refused, or there is no way to it.
    Unreachable,
    /// It took longer than was allowed.
    Timeout,
    /// The peer could not be trusted, or no common TLS parameters were found.
    Tls,
    /// The peer did not accept who we are.
    Auth,
    /// The peer broke the rules of its protocol.
    Protocol,
    /// A local file, device, command or address is missing, taken or full.
    Local,
    /// The operating system wants a privilege that we do not have.
    Privilege,
    /// The peer reset the connection.
    Reset,
    /// The peer's data ended before it was complete.
    Truncated,
    /// The peer reported a failure of its own (a status that is not success).
    Status,
    /// What came is not what was asked for: its sum is another.
    Checksum,
    /// An invariant of wharf itself does not hold: please report it.
    Bug,
}

/// Whose fault a failure was; it follows from the [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// Who typed the command or called the library.
    Usage,
    /// The machine: names, routes, files, privileges.
    System,
    /// The other end.
    Peer,
    /// wharf itself.
    Us,
}

impl Kind {
    /// Every kind, in the order of the exit codes.
    pub const ALL: [Kind; 15] = [
        Kind::Broken,
        Kind::Usage,
        Kind::Name,
        Kind::Unreachable,
        Kind::Timeout,
        Kind::Tls,
        Kind::Auth,
        Kind::Protocol,
        Kind::Local,
        Kind::Privilege,
        Kind::Reset,
        Kind::Truncated,
        Kind::Status,
        Kind::Checksum,
        Kind::Bug,
    ];

    /// The word that JSON events carry; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Broken => "broken",
            Kind::Usage => "usage",
            Kind::Name => "name",
            Kind::Unreachable => "unreachable",
            Kind::Timeout => "timeout",
            Kind::Tls => "tls",
            Kind::Auth => "auth",
            Kind::Protocol => "protocol",
            Kind::Local => "local",
            Kind::Privilege => "privilege",
            Kind::Reset => "reset",
            Kind::Truncated => "truncated",
            Kind::Status => "status",
            Kind::Checksum => "checksum",
            Kind::Bug => "bug",
        }
    }

    /// Whose fault a failure of this kind is.
    pub const fn blame(self) -> Blame {
        match self {
            Kind::Usage => Blame::Usage,
            Kind::Broken | Kind::Name | Kind::Timeout | Kind::Local | Kind::Privilege => {
                Blame::System
            }
            Kind::Unreachable
            | Kind::Tls
            | Kind::Auth
            | Kind::Protocol
            | Kind::Reset
            | Kind::Truncated
            | Kind::Status
            | Kind::Checksum => Blame::Peer,
            Kind::Bug => Blame::Us,
        }
    }

    /// The kind that an operating system error belongs to.
    pub fn of_io(error: &io::Error) -> Kind {
        use io::ErrorKind as K;
        if let Some(inner) = error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
            return inner.kind();
        }
        match error.kind() {
            K::ConnectionRefused | K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown => {
                Kind::Unreachable
            }
            K::ConnectionReset | K::ConnectionAborted => Kind::Reset,
            K::TimedOut => Kind::Timeout,
            K::PermissionDenied => Kind::Privilege,
            K::UnexpectedEof => Kind::Truncated,
            K::InvalidData => Kind::Protocol,
            K::InvalidInput => Kind::Usage,
            K::NotFound
            | K::AddrInUse
            | K::AddrNotAvailable
            | K::AlreadyExists
            | K::StorageFull
            | K::QuotaExceeded
            | K::FileTooLarge
            | K::IsADirectory
            | K::NotADirectory
            | K::ReadOnlyFilesystem
            | K::OutOfMemory
            | K::Unsupported => Kind::Local,
            _ => match Errno::from_io_error(error) {
                Some(
                    Errno::NFILE
                    | Errno::MFILE
                    | Errno::NOBUFS
                    | Errno::NODEV
                    | Errno::NXIO
                    | Errno::IO,
                ) => Kind::Local,
                _ => Kind::Broken,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_a_kind() {
        for (errno, kind) in [
            (Errno::CONNREFUSED, Kind::Unreachable),
            (Errno::HOSTUNREACH, Kind::Unreachable),
            (Errno::NETUNREACH, Kind::Unreachable),
            (Errno::CONNRESET, Kind::Reset),
            (Errno::TIMEDOUT, Kind::Timeout),
            (Errno::ACCESS, Kind::Privilege),
            (Errno::PERM, Kind::Privilege),
            (Errno::NOENT, Kind::Local),
            (Errno::ADDRINUSE, Kind::Local),
            (Errno::ADDRNOTAVAIL, Kind::Local),
            (Errno::NOSPC, Kind::Local),
            (Errno::MFILE, Kind::Local),
            (Errno::NODEV, Kind::Local),
            (Errno::IO, Kind::Local),
            (Errno::PIPE, Kind::Broken),
        ] {
            assert_eq!(Kind::of_io(&errno.into()), kind, "{errno:?}");
        }
    }

    #[test]
    fn every_kind_is_listed_with_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Kind::ALL.map(Kind::name).into();
        assert_eq!(names.len(), Kind::ALL.len());
        assert_eq!(Kind::Usage.blame(), Blame::Usage);
        assert_eq!(Kind::Reset.blame(), Blame::Peer);
        assert_eq!(Kind::Bug.blame(), Blame::Us);
    }

    /// An error that travelled through `AsyncRead` keeps its kind.
    #[test]
    fn an_error_of_ours_inside_of_one_of_the_system_keeps_its_kind() {
        for kind in Kind::ALL {
            let inside = io::Error::from(Error::new(Op::Recv, kind, "no"));
            assert_eq!(Kind::of_io(&inside), kind);
        }
    }
}
