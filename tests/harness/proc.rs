//! What the kernel says of a process: memory, descriptors, children, and the ports it bound.
//!
//! Source: proc(5). Everything is read through `/proc/PID`, so that a process inside a network
//! namespace is seen with the sockets of that namespace.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The state column of a TCP socket that listens (`TCP_LISTEN` of the kernel, hexadecimal).
const LISTEN: &str = "0A";

/// The same for one whose peer has finished sending (`TCP_CLOSE_WAIT`).
const CLOSE_WAIT: &str = "08";

/// The unit of times in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture that we run on.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory in octets (`VmRSS`), or `None` if the process is gone.
pub fn memory(pid: u32) -> Option<u64> {
    let kib = field(pid, "VmRSS:")?
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?;
    Some(kib * 1024)
}

/// The highest resident memory so far in octets (`VmHWM`), or `None` if the process is gone.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let kib = field(pid, "VmHWM:")?
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?;
    Some(kib * 1024)
}

/// The state letter: `R`, `S`, `Z` and so on, or `None` if the process is gone.
pub fn state(pid: u32) -> Option<char> {
    field(pid, "State:")?.chars().next()
}

/// Processor time so far, in the program and in the kernel for it, or `None` if the process is gone.
/// It counts in hundredths of a second.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(path(pid, "stat")).ok()?;
    // The name of the program, in parentheses, may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .flat_map(str::parse)
        .collect();
    Some(TICK * u32::try_from(ticks.iter().sum::<u64>()).ok()?)
}

/// How many descriptors are open.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(path(pid, "fd")).map_or(0, Iterator::count)
}

/// The process ids of all children, dead ones that nobody has waited for included.
pub fn children(pid: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for task in fs::read_dir(path(pid, "task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(
            list.split_whitespace()
                .filter_map(|word| word.parse::<u32>().ok()),
        );
    }
    children
}

/// The TCP ports on which the process listens, in no order.
pub fn tcp_listeners(pid: u32) -> Vec<u16> {
    let mut rows = own_rows(pid, "tcp");
    rows.retain(|row| row.state == LISTEN);
    rows.iter().map(|row| row.port).collect()
}

/// How many TCP connections are open, in whatever state.
pub fn tcp_open(pid: u32) -> usize {
    let rows = own_rows(pid, "tcp");
    rows.iter().filter(|row| row.state != LISTEN).count()
}

/// How many TCP connections have been told by their peer that nothing more will come, and are not
/// finished themselves.
pub fn tcp_half_closed(pid: u32) -> usize {
    let rows = own_rows(pid, "tcp");
    rows.iter().filter(|row| row.state == CLOSE_WAIT).count()
}

/// The UDP ports that the process has bound, in no order.
pub fn udp_ports(pid: u32) -> Vec<u16> {
    own_rows(pid, "udp").iter().map(|row| row.port).collect()
}

/// One socket of `/proc/PID/net/{tcp,tcp6,udp,udp6}`.
#[derive(Debug, PartialEq)]
struct Row {
    port: u16,
    state: String,
    inode: u64,
}

/// The sockets of `protocol`, both families, that the process has open.
fn own_rows(pid: u32, protocol: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for family in ["", "6"] {
        let table = fs::read_to_string(path(pid, &format!("net/{protocol}{family}")));
        rows.extend(table.unwrap_or_default().lines().filter_map(parse_row));
    }
    let inodes = socket_inodes(pid);
    rows.retain(|row| inodes.contains(&row.inode));
    rows
}

fn parse_row(line: &str) -> Option<Row> {
    let mut columns = line.split_whitespace().skip(1);
    let port = u16::from_str_radix(columns.next()?.rsplit_once(':')?.1, 16).ok()?;
    let state = columns.nth(1)?.to_owned();
    let inode = columns.nth(5)?.parse().ok()?;
    Some(Row { port, state, inode })
}

fn socket_inodes(pid: u32) -> Vec<u64> {
    let entries = fs::read_dir(path(pid, "fd"))
        .into_iter()
        .flatten()
        .flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets
        .filter_map(|target| {
            let name = target.to_str()?;
            name.strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        })
        .collect()
}

/// A field of `/proc/PID/status`.
fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(path(pid, "status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

fn path(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn a_row_of_the_tcp_table() {
        // From a running kernel, `cat /proc/net/tcp`.
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
                    1000        0 20231 1 0000000000000000 100 0 0 10 0";
        let row = Row {
            port: 0x1f90,
            state: LISTEN.into(),
            inode: 20231,
        };
        assert_eq!(parse_row(line), Some(row));
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt";
        assert_eq!(parse_row(head), None);
    }

    #[test]
    fn our_own_sockets_are_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listeners = tcp_listeners(std::process::id());
        assert!(listeners.contains(&port));
        assert!(!listeners.contains(&client.local_addr().unwrap().port()));
        assert!(udp_ports(std::process::id()).contains(&udp.local_addr().unwrap().port()));
    }

    #[test]
    fn our_own_memory_and_descriptors_are_more_than_none() {
        let pid = std::process::id();
        assert!(memory(pid).unwrap() > 100 * 1024);
        assert!(peak_memory(pid).unwrap() >= memory(pid).unwrap() / 2);
        assert!(descriptors(pid) >= 3);
        assert!(state(pid).is_some_and(|state| "RS".contains(state)));
        assert!(cpu_time(pid).is_some());
    }
}
