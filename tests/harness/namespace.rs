//! Network namespaces that a test makes for itself: several hosts on one machine.
//!
//! They are named (`ip netns`), because wharf's own options take a name. The name holds the id of
//! the process that made it, so that what a killed test left behind is found and removed by the
//! next one; otherwise a namespace goes with its value, and its links with it.

use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Output;
use crate::need::Tool;

/// Names begin with this, then the process id and a number.
const PREFIX: &str = "wharf-test-";

/// A network namespace with its loopback up.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one. The test must have required [`Need::Netns`](crate::need::Need::Netns).
    ///
    /// # Panics
    /// If the kernel refuses.
    #[track_caller]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static LEFTOVERS: OnceLock<()> = OnceLock::new();
        LEFTOVERS.get_or_init(remove_leftovers);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        ip(["netns", "add", &name]).code(0);
        let namespace = Self { name };
        namespace.ip(["link", "set", "lo", "up"]);
        namespace
    }

    /// Its name, as `ip netns` and wharf's `netns` option take it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` inside it, and returns what it printed.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn ip<'a>(&'a self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        let output = ip(["-n", &self.name].into_iter().chain(arguments));
        output.code(0);
        output
    }

    /// Joins this namespace to another by a link: `device` is its name on both sides, up, with one
    /// address (`10.0.0.1/24`) a side. IPv6 addresses can be used at once (no duplicate detection).
    ///
    /// # Panics
    /// If the kernel refuses.
    #[track_caller]
    pub fn link(&self, other: &Self, device: &str, addresses: (&str, &str)) {
        let (here, there) = (self.name.as_str(), other.name.as_str());
        let end = ["link", "add", device, "netns", here, "type", "veth"];
        ip(end
            .into_iter()
            .chain(["peer", "name", device, "netns", there]))
        .code(0);
        for (side, address) in [(self, addresses.0), (other, addresses.1)] {
            side.address(device, address);
            side.ip(["link", "set", device, "up"]);
        }
    }

    /// Adds an address to a device.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[track_caller]
    pub fn address(&self, device: &str, address: &str) {
        let nodad = address.contains(':').then_some("nodad");
        self.ip(["address", "add", address, "dev", device]
            .into_iter()
            .chain(nodad));
    }

    /// The words before a command that run it inside. They do not fork: the process id of what was
    /// started is the command's.
    pub(crate) fn enter(&self) -> [OsString; 4] {
        let ip = Tool::IP.path().expect("require!(Need::Netns) first");
        [
            ip.into(),
            "netns".into(),
            "exec".into(),
            self.name.clone().into(),
        ]
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(["netns", "delete", &self.name]);
    }
}

/// Tells whether namespaces can be made here, by making one.
pub(crate) fn can_be_made() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let name = format!("{PREFIX}{}-try", std::process::id());
        let made = ip(["netns", "add", &name]).exit_code() == 0;
        made && ip(["netns", "delete", &name]).exit_code() == 0
    })
}

#[track_caller]
fn ip<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    Tool::IP.with(arguments).run()
}

/// Removes the namespaces of test processes that are no more.
fn remove_leftovers() {
    let entries = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = ip(["netns", "delete", &name]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Program;
    use crate::need::Need;

    #[test]
    fn two_hosts_reach_each_other_and_are_gone_afterwards() {
        crate::require!(Need::Netns, Tool::NC);
        let (left, right) = (Namespace::new(), Namespace::new());
        left.link(&right, "veth0", ("10.9.8.1/24", "10.9.8.2/24"));
        let listen = ["-v", "-N", "-l", "10.9.8.2", "0"];
        let mut server = Tool::NC.with(listen).stdin("hello").inside(&right).spawn();
        let port = server.tcp_port().to_string();
        let client = Tool::NC.with(["10.9.8.2", &port]).inside(&left).run();
        client.code(0).stdout_is("hello");
        server.finish().code(0);

        let path = Path::new("/run/netns").join(left.name());
        assert!(path.exists());
        drop(left);
        assert!(!path.exists());
    }

    #[test]
    fn a_namespace_of_a_dead_process_is_removed() {
        crate::require!(Need::Netns);
        let mut child = Program::new("cat", [""; 0]).stdin_held().spawn();
        child.close_stdin();
        let name = format!("{PREFIX}{}-0", child.pid());
        ip(["netns", "add", &name]).code(0);
        child.finish();
        remove_leftovers();
        assert!(!Path::new("/run/netns").join(&name).exists());
    }
}
