//! `wharf serve` with the clients that people have: curl, Python, h2load and a browser, and with clients
//! that nobody should have.

mod browser;
mod hostile;
mod reading;
mod users;
mod writing;

use std::path::{Path, PathBuf};

use wharf_tests::need::Tool;
use wharf_tests::{Output, Running, wharf};

/// A folder that is served: `a.txt`, `numbers.txt` (text worth compressing), `data.bin`, `folder/inner.txt`, and
/// beside it, where nothing may be reached, `secret`.
struct Site {
    place: tempfile::TempDir,
    server: Running,
    address: String,
}

impl Site {
    /// Serves with these flags.
    #[track_caller]
    fn start(flags: &[&str]) -> Site {
        Site::start_in(flags, |_| ())
    }

    /// The same, after `prepare` has changed the folder.
    #[track_caller]
    fn start_in(flags: &[&str], prepare: impl FnOnce(&Path)) -> Site {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("root");
        std::fs::create_dir_all(root.join("folder")).expect("folders");
        for (name, data) in [
            ("a.txt", b"hello\n".to_vec()),
            ("numbers.txt", numbers()),
            ("data.bin", data()),
            ("folder/inner.txt", b"inner\n".to_vec()),
            ("../secret", b"secret\n".to_vec()),
        ] {
            std::fs::write(root.join(name), data).expect("a file");
        }
        prepare(&root);
        let words = ["--json", "serve", root.to_str().expect("UTF-8")];
        let listening: &[&str] = match flags.iter().any(|flag| flag.starts_with("--http")) {
            true => &[],
            false => &["--http", "127.0.0.1:0"],
        };
        let mut server = wharf([&words[..], listening, flags].concat()).spawn();
        let event = server.event("listening");
        let address = event["local"].as_str().expect("an address").to_owned();
        Site {
            place,
            server,
            address,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn root(&self) -> PathBuf {
        self.place.path().join("root")
    }

    /// curl with these flags, for `path`.
    #[track_caller]
    fn curl(&self, flags: &[&str], path: &str) -> Output {
        let url = self.url(path);
        let words = ["-sS", "--path-as-is", "--max-time", "20"];
        let curl = Tool::CURL.with([&words[..], flags, &[&url]].concat());
        curl.folder(self.place.path()).run()
    }

    /// The status of an answer.
    #[track_caller]
    fn status(&self, flags: &[&str], path: &str) -> u16 {
        let output = self.curl(
            &[&["-o", "/dev/null", "-w", "%{http_code}"], flags].concat(),
            path,
        );
        output.text().parse().expect("a status")
    }

    /// A field of an answer, or nothing.
    #[track_caller]
    fn field(&self, flags: &[&str], path: &str, name: &str) -> String {
        let wanted = format!("%header{{{name}}}");
        let output = self.curl(&[&["-o", "/dev/null", "-w", &wanted], flags].concat(), path);
        output.text().to_owned()
    }
}

/// Text that gets shorter by compression.
fn numbers() -> Vec<u8> {
    (0..20_000)
        .flat_map(|n| format!("{n}\n").into_bytes())
        .collect()
}

/// Octets of several chunks.
fn data() -> Vec<u8> {
    wharf_tests::pattern::bytes(1_000_000)
}
