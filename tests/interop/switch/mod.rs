//! The switch between hosts that are namespaces: the kernel's stack, iperf3, vde2, a kernel bridge and
//! python as peers, and those who mean no good.
//!
//! Not here: decisions about single frames (`proto`), ports in memory (`relay/many`), flags (`cli`).

mod hostile;
mod hosts;
mod peers;

use wharf_tests::namespace::Namespace;
use wharf_tests::need::Tool;
use wharf_tests::{Running, wharf};

/// The device of each host.
const DEVICE: &str = "sw0";

/// A host by its number, 10.88.0.N.
struct Host {
    namespace: Namespace,
    number: u8,
}

impl Host {
    fn new(number: u8) -> Host {
        Host {
            namespace: Namespace::new(),
            number,
        }
    }

    fn address(&self) -> String {
        format!("10.88.0.{}", self.number)
    }

    /// A port: a device that wharf makes in this host.
    fn tap(&self) -> String {
        // An address that stays, so that neighbours know it again.
        format!(
            "tap://{DEVICE}#netns={},ip={}/24,mac=02:00:5e:00:53:{:02x}",
            self.namespace.name(),
            self.address(),
            self.number
        )
    }

    /// Three echoes, each waited for by itself: of several, ping waits for the last only twice as long as for
    /// those before.
    #[track_caller]
    fn reaches(&self, to: &Host) {
        for _ in 0..3 {
            let words = ["-n", "-W", "5", "-c", "1", &to.address()];
            Tool::PING.with(words).inside(&self.namespace).run().code(0);
        }
    }
}

/// Three hosts.
fn three() -> [Host; 3] {
    [Host::new(1), Host::new(2), Host::new(3)]
}

/// A switch that reports what happens, once so many ports are up.
#[track_caller]
fn switch<A: AsRef<str>>(words: impl IntoIterator<Item = A>, up: usize) -> Running {
    let words: Vec<A> = words.into_iter().collect();
    let own = ["--json", "switch"].into_iter();
    let mut switch = wharf(own.chain(words.iter().map(AsRef::as_ref))).spawn();
    for _ in 0..up {
        switch.event("port-up");
    }
    switch
}
