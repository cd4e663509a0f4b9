//! Which process holds a port or a Unix path, for the error that says that it is taken.
//!
//! Sources: proc_net(5) and proc_pid_fd(5), the kernel's
//! `Documentation/networking/proc_net_tcp.rst`. Best effort: another user's processes are
//! hidden without privilege, and everything may change meanwhile.
//! Not here: what is done about it. Other than on Linux nothing is ever found.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Its short name (`comm`), at most 15 octets.
    pub name: String,
}

/// The transport whose port is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP: listening sockets only.
    Tcp,
    /// UDP: any bound socket.
    Udp,
}

/// The kernel's `TCP_LISTEN` in /proc/net/tcp.
const LISTENING: &str = "0A";
/// The directory of this thread's network namespace; /proc/net is that of the main thread.
const NET: &str = "/proc/thread-self/net";

/// Finds who holds `address`, or an address that excludes it: a wildcard stands for all
/// addresses, and an IPv6 wildcard for those of IPv4 too. `None` if nobody is found or may be
/// seen.
///
/// # Source
/// proc_net(5), proc_pid_fd(5).
pub fn of_port(address: SocketAddr, transport: Transport) -> Option<Owner> {
    let tables = match transport {
        Transport::Tcp => ["tcp", "tcp6"],
        Transport::Udp => ["udp", "udp6"],
    };
    tables.into_iter().find_map(|table| {
        let text = fs::read_to_string(Path::new(NET).join(table)).ok()?;
        text.lines()
            .filter_map(|line| port_holder(line, address, transport))
            .find_map(of_inode)
    })
}

/// Finds who is bound to a Unix path, or to an abstract name (`@name`). `None` if nobody is found or
/// may be seen.
///
/// The kernel shows a path as it was bound, and one that is not absolute means another file in each
/// folder: it is looked for from the folder of the process that has the socket.
///
/// # Source
/// proc_net(5), `/proc/net/unix`; proc_pid_cwd(5).
pub fn of_path(path: &Path) -> Option<Owner> {
    let text = fs::read(Path::new(NET).join("unix")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let asked = fs::metadata(path).ok();
    text.lines()
        .filter_map(path_holder)
        .find_map(|(bound, inode)| {
            let bound = Path::new(bound);
            if bound.file_name() != path.file_name() {
                return None;
            }
            of_inode_in(inode, |process| match &asked {
                None => bound == path,
                Some(asked) => fs::metadata(process.join("cwd").join(bound))
                    .is_ok_and(|file| (file.dev(), file.ino()) == (asked.dev(), asked.ino())),
            })
        })
}

/// The inode in a line of /proc/net/tcp and its kin, if it stands in the way of `address`.
fn port_holder(line: &str, address: SocketAddr, transport: Transport) -> Option<u64> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, _remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    let (ip, port) = local.split_once(':')?;
    let ip = parse_ip(ip)?;
    let covers = ip == address.ip()
        || ip.is_unspecified() && (ip.is_ipv6() || address.is_ipv4())
        || address.ip().is_unspecified() && (address.is_ipv6() || ip.is_ipv4());
    let listens = transport == Transport::Udp || state == LISTENING;
    let same = covers && listens && u16::from_str_radix(port, 16).ok()? == address.port();
    // After the state: queues, timer, retransmits, uid, timeout.
    fields.nth(5).filter(|_| same)?.parse().ok()
}

/// An address as the kernel prints it: words of 32 bits in hexadecimal, each in host order.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok();
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes()))),
        32 => {
            let mut octets = [0; 16];
            for (index, four) in octets.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(8 * index)?.to_ne_bytes());
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)).to_canonical())
        }
        _ => None,
    }
}

/// The path in a line of /proc/net/unix, and the inode of the socket.
fn path_holder(line: &str) -> Option<(&str, u64)> {
    // Num RefCount Protocol Flags Type St Inode Path, of which the path may contain spaces.
    let mut rest = line;
    let mut inode = "";
    for _ in 0..7 {
        (inode, rest) = rest.trim_start().split_once(' ')?;
    }
    Some((rest, inode.parse().ok()?))
}

/// The process that has a socket with this inode open.
fn of_inode(inode: u64) -> Option<Owner> {
    of_inode_in(inode, |_| true)
}

/// The same among the processes whose folder in /proc `admits` knows.
fn of_inode_in(inode: u64, admits: impl Fn(&Path) -> bool) -> Option<Owner> {
    let target = format!("socket:[{inode}]");
    let holds = |folder: &Path| {
        let mut links = fs::read_dir(folder.join("fd")).ok()?.flatten();
        links.find(|link| fs::read_link(link.path()).is_ok_and(|to| to == Path::new(&target)))
    };
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        holds(&entry.path()).filter(|_| admits(&entry.path()))?;
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        Some(Owner {
            pid,
            name: name.trim_end().to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixListener};

    fn is_this_process(owner: Option<Owner>) -> bool {
        owner.is_some_and(|owner| owner.pid == std::process::id() && !owner.name.is_empty())
    }

    #[test]
    fn the_holder_of_a_port_is_found_by_any_address_in_its_way() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for asked in ["127.0.0.1", "0.0.0.0", "::"] {
            let address = SocketAddr::new(asked.parse().unwrap(), port);
            assert!(is_this_process(of_port(address, Transport::Tcp)), "{asked}");
        }
        for asked in ["127.0.0.2", "::1"] {
            let address = SocketAddr::new(asked.parse().unwrap(), port);
            assert_eq!(of_port(address, Transport::Tcp), None, "{asked}");
        }
        let socket = UdpSocket::bind("[::]:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        assert!(is_this_process(of_port(address, Transport::Udp)));
    }

    #[test]
    fn the_holder_of_a_path_is_found_even_if_there_are_spaces_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a path.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(is_this_process(of_path(&path)));
        assert_eq!(of_path(&folder.path().join("a")), None);
        let path = folder.path().join("datagram");
        let _socket = UnixDatagram::bind(&path).unwrap();
        assert!(is_this_process(of_path(&path)));
    }

    #[test]
    fn lines_that_make_no_sense_are_passed_over() {
        let address = "127.0.0.1:80".parse().unwrap();
        let line =
            "   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1";
        #[cfg(target_endian = "little")]
        assert_eq!(port_holder(line, address, Transport::Tcp), Some(77));
        for cut in 0..line.len() - 4 {
            assert_eq!(
                port_holder(&line[..cut], address, Transport::Tcp),
                None,
                "{cut}"
            );
        }
        assert_eq!(
            path_holder("Num RefCount Protocol Flags Type St Inode Path"),
            None
        );
    }
}
