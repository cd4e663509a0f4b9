//! What a test needs of the machine: tools, privileges, IPv6. A lack is a *reported* skip.
//!
//! [`require!`](crate::require) leaves the test with a line `SKIP name: needs socat (...)`, which
//! also goes to the file that `WHARF_SKIPS` names, because a test runner hides what a passing test
//! prints. With `CI=true` a skip is a failure; `WHARF_MAY_SKIP` lists the needs (`ipv6,netns`) that
//! a machine is known not to have.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv6Addr, TcpListener};
use std::path::PathBuf;

use crate::Program;

/// Skips the test unless every need is met: `require!(Tool::SOCAT, Need::Root)`.
#[macro_export]
macro_rules! require {
    ($($need:expr),+ $(,)?) => {
        $(if let Err(lack) = $crate::need::Need::from($need).met() {
            lack.skip();
            return;
        })+
    };
}

/// A program that tests use, and the Debian package that has it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    program: &'static str,
    package: &'static str,
}

impl Tool {
    /// OpenBSD's nc.
    pub const NC: Self = Self::new("nc.openbsd", "netcat-openbsd");
    /// Nmap's nc.
    pub const NCAT: Self = Self::new("ncat", "ncat");
    /// socat.
    pub const SOCAT: Self = Self::new("socat", "socat");
    /// curl.
    pub const CURL: Self = Self::new("curl", "curl");
    /// A browser.
    pub const CHROMIUM: Self = Self::new("chromium", "chromium");
    /// OpenSSL's command.
    pub const OPENSSL: Self = Self::new("openssl", "openssl");
    /// nginx.
    pub const NGINX: Self = Self::new("nginx", "nginx-light");
    /// The load generator of nghttp2.
    pub const H2LOAD: Self = Self::new("h2load", "nghttp2-client");
    /// The Python interpreter.
    pub const PYTHON: Self = Self::new("python3", "python3");
    /// Wireshark's capturer.
    pub const DUMPCAP: Self = Self::new("dumpcap", "wireshark-common");
    /// What is known of a capture.
    pub const CAPINFOS: Self = Self::new("capinfos", "wireshark-common");
    /// Captures in other forms.
    pub const EDITCAP: Self = Self::new("editcap", "wireshark-common");
    /// Captures in one.
    pub const MERGECAP: Self = Self::new("mergecap", "wireshark-common");
    /// Network namespaces and links.
    pub const IP: Self = Self::new("ip", "iproute2");
    /// Another switch in user space.
    pub const VDE_SWITCH: Self = Self::new("vde_switch", "vde2");
    /// A plug of that switch, as a stream of frames.
    pub const VDE_PLUG: Self = Self::new("vde_plug", "vde2");
    /// Redirected connections.
    pub const NFT: Self = Self::new("nft", "nftables");
    /// The kernel's view of sockets.
    pub const SS: Self = Self::new("ss", "iproute2");
    /// A program as another user.
    pub const SETPRIV: Self = Self::new("setpriv", "util-linux");
    /// Namespaces of a program's own.
    pub const UNSHARE: Self = Self::new("unshare", "util-linux");
    /// Echoes, as everybody asks for them.
    pub const PING: Self = Self::new("ping", "iputils-ping");
    /// Bulk TCP, with figures.
    pub const IPERF3: Self = Self::new("iperf3", "iperf3");
    /// Captures, decoded.
    pub const TSHARK: Self = Self::new("tshark", "tshark");
    /// A session with a terminal.
    pub const SETSID: Self = Self::new("setsid", "util-linux");
    /// The telnet of GNU inetutils.
    pub const TELNET: Self = Self::new("telnet", "inetutils-telnet");
    /// Its server.
    pub const TELNETD: Self = Self::new("telnetd", "inetutils-telnetd");
    /// Small versions of many tools.
    pub const BUSYBOX: Self = Self::new("busybox", "busybox");
    /// Scripts for programs that ask.
    pub const EXPECT: Self = Self::new("expect", "expect");
    /// The editor.
    pub const VI: Self = Self::new("vi", "vim-tiny");
    /// TELNET in Python, which `tests/run` installs below `target/`.
    pub const TELNETLIB3: Self = Self::new("telnetlib3-server", "none: tests/run gets it by pip");

    /// `program`, which the Debian package `package` has.
    pub const fn new(program: &'static str, package: &'static str) -> Self {
        Self { program, package }
    }

    /// Where it is. The system's own folders come first: a developer's `PATH` may lead to a
    /// wrapper that chooses a version by the folder or the home, which tests change.
    pub fn path(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(PathBuf::from);
        let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/bin"));
        let folders = system.into_iter().chain(std::env::split_paths(&path));
        folders
            .chain([own])
            .map(|folder| folder.join(self.program))
            .find(|path| path.is_file())
    }

    /// The tool with `arguments`, not yet started.
    ///
    /// # Panics
    /// If it is not there: the test should have required it.
    pub fn with<A: AsRef<std::ffi::OsStr>>(
        self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Program {
        let path = self.path();
        let path = path.unwrap_or_else(|| panic!("require!({}) first", self.program));
        Program::new(path, arguments)
    }
}

/// Something that a test cannot do without.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// A program.
    Tool(Tool),
    /// The rights of root.
    Root,
    /// Network namespaces that can be made.
    Netns,
    /// IPv6 on loopback.
    Ipv6,
}

impl From<Tool> for Need {
    fn from(tool: Tool) -> Self {
        Self::Tool(tool)
    }
}

impl Need {
    /// Tells whether the machine has it.
    ///
    /// # Errors
    /// What is lacking.
    pub fn met(self) -> Result<(), Lack> {
        let met = match self {
            Self::Tool(tool) => tool.path().is_some(),
            Self::Root => rustix::process::geteuid().is_root(),
            Self::Netns => Tool::IP.path().is_some() && crate::namespace::can_be_made(),
            Self::Ipv6 => TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok(),
        };
        if met { Ok(()) } else { Err(Lack(self)) }
    }

    /// The word that stands for it in `WHARF_MAY_SKIP`.
    fn name(self) -> &'static str {
        match self {
            Self::Tool(tool) => tool.program,
            Self::Root => "root",
            Self::Netns => "netns",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// A need that the machine does not meet.
#[derive(Debug)]
pub struct Lack(Need);

impl Lack {
    /// Reports the skip of the test that runs on this thread.
    ///
    /// # Panics
    /// With `CI=true`, unless `WHARF_MAY_SKIP` lists the need.
    #[track_caller]
    pub fn skip(self) {
        let thread = std::thread::current();
        let line = self.line(thread.name().unwrap_or("a test"));
        let known = std::env::var("WHARF_MAY_SKIP").unwrap_or_default();
        let known = known.split(',').any(|name| name.trim() == self.0.name());
        let strict = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(known || !strict, "{line}; a skip is a failure with CI=true");
        println!("{line}");
        if let Some(path) = std::env::var_os("WHARF_SKIPS") {
            let file = OpenOptions::new().append(true).create(true).open(path);
            // One write a line, so that tests that skip at the same time do not mix theirs.
            let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        }
    }

    fn line(&self, test: &str) -> String {
        let need = match self.0 {
            Need::Tool(tool) => format!("{} (Debian package {})", tool.program, tool.package),
            Need::Root => "root".to_owned(),
            Need::Netns => "the right to make network namespaces (root, and ip)".to_owned(),
            Need::Ipv6 => "IPv6 on loopback".to_owned(),
        };
        format!("SKIP {test}: needs {need}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_is_there_and_nonsense_is_not() {
        assert!(Need::from(Tool::new("sh", "dash")).met().is_ok());
        let lack = Need::from(Tool::new("no-such-tool", "none"))
            .met()
            .unwrap_err();
        assert_eq!(
            lack.line("x"),
            "SKIP x: needs no-such-tool (Debian package none)"
        );
    }

    #[test]
    fn a_test_goes_on_when_its_needs_are_met() {
        let mut went_on = false;
        let mut body = || {
            require!(Tool::new("sh", "dash"), Tool::new("cat", "coreutils"));
            went_on = true;
        };
        body();
        assert!(went_on);
    }
}
