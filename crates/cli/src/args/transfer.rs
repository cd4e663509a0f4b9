//! What `wharf get` and `wharf put` are told: their flags as typed, and what will run.
//!
//! Not here: how it is done (`wharf::transfer`), what is said of it (`commands/get.rs`, `commands/put.rs`).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use wharf::socket::Address;
use wharf::socket::env::Names;
use wharf::socket::units::percent_encode;
use wharf::transfer::{
    Check, Get, GetOptions, Limits, Naming, Overwrite, Put, Resume, To, suggested_name,
};
use wharf::{Endpoint, Error, Result};

use super::{sides, value};

/// Flags of `wharf get`.
#[derive(Debug, Args)]
pub struct GetFlags {
    /// Any address that can be read: https://HOST/FILE, tcp://HOST:PORT, exec:COMMAND
    #[arg(required = true, value_name = "ADDRESS")]
    pub addresses: Vec<OsString>,

    /// The file to make; DIR/ for a file in that folder, - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<OsString>,

    /// Names the file after the last part of the address (curl -O), which is the default
    #[arg(short = 'O', long, conflicts_with = "server_name")]
    pub remote_name: bool,

    /// Takes the name that the server has for it (Content-Disposition), made harmless
    #[arg(short = 'J', long)]
    pub server_name: bool,

    /// Replaces a file that is there already, once the new one is complete
    #[arg(short, long)]
    pub force: bool,

    /// Goes on from FILE.part, if the source has not changed meanwhile (curl -C -, wget -c), which is
    /// the default
    #[arg(short = 'c', long = "continue", conflicts_with = "restart")]
    pub goes_on: bool,

    /// Begins anew, whatever FILE.part has
    #[arg(long)]
    pub restart: bool,

    /// Connections that share the work, where the server gives parts
    #[arg(long, value_name = "N", default_value = "1", value_parser = value::connections)]
    pub parallel: usize,

    /// Gives the file the date that the server has for it
    #[arg(short = 'R', long)]
    pub remote_time: bool,

    #[command(flatten)]
    pub both: BothFlags,
}

/// Flags of `wharf put`.
#[derive(Debug, Args)]
pub struct PutFlags {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: OsString,

    /// Any address that can be written: https://HOST/FILE, tcp://HOST:PORT; after a URL that ends with /
    /// the name of the file is added
    #[arg(value_name = "ADDRESS")]
    pub address: OsString,

    /// The method of an HTTP request; PUT unless it or the address says another
    #[arg(long, short = 'X', value_name = "METHOD", value_parser = value::method)]
    pub method: Option<String>,

    #[command(flatten)]
    pub both: BothFlags,
}

/// Flags of both.
#[derive(Debug, Args)]
pub struct BothFlags {
    /// Tries again so often when a connection fails or breaks, a server is busy or has an error (408,
    /// 429, 5xx); counted anew whenever something came
    #[arg(long, value_name = "N", default_value = "3")]
    pub retry: u32,

    /// Waits so long before the first of these; the wait doubles with each, up to 30s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = value::duration)]
    pub retry_wait: Duration,

    /// How long nothing may come, connecting included, before that is an error
    #[arg(long, value_name = "TIME|forever", default_value = "60s", value_parser = value::silence)]
    pub timeout: value::Silence,

    /// Octets a second at most: 64KiB, 1MB/s
    #[arg(long, value_name = "SIZE", value_parser = value::rate)]
    pub limit_rate: Option<u64>,

    /// Its SHA-256 must be this one; the word show only tells it
    #[arg(long, value_name = "HEX|show", value_parser = value::check)]
    pub sha256: Option<Check>,
}

/// What is to be got, ready to run.
#[derive(Debug)]
pub struct GetJob {
    pub gets: Vec<Get>,
    pub names: Names,
}

/// What is to be put, ready to run.
#[derive(Debug)]
pub struct PutJob {
    pub put: Put,
    pub names: Names,
}

impl BothFlags {
    fn limits(&self) -> Limits {
        Limits {
            retries: self.retry,
            first_wait: self.retry_wait,
            silence: self.timeout.0,
            rate: self.limit_rate,
        }
    }

    fn check(&self) -> Check {
        self.sha256.unwrap_or_default()
    }
}

/// Puts together what is to be got.
///
/// # Errors
/// Kind `Usage`.
pub fn get(flags: &GetFlags, names: Names) -> Result<GetJob> {
    let several = flags.addresses.len() > 1;
    if several && matches!(flags.both.sha256, Some(Check::Wanted(_))) {
        return Err(Error::usage(
            "--sha256 is the sum of one file, and there are several",
        ));
    }
    let options = GetOptions {
        limits: flags.both.limits(),
        overwrite: match flags.force {
            true => Overwrite::Replace,
            false => Overwrite::Refuse,
        },
        resume: match flags.restart {
            true => Resume::Anew,
            false => Resume::Continue,
        },
        connections: flags.parallel,
        check: flags.both.check(),
        keeps_date: flags.remote_time,
    };
    let one = |typed: &OsString| {
        let from = source(typed).map_err(|error| match flags.remote_name {
            // As wget means it.
            true => error.hint("-O takes the name from the address; -o NAME says it"),
            false => error,
        })?;
        let to = to(flags, several)?;
        if let (To::Folder(_, Naming::Address), None) = (&to, suggested_name(&from)) {
            return Err(Error::usage("this address has no name for a file")
                .at(&from, None)
                .hint("-o NAME, or -o - for standard output"));
        }
        Ok(Get { from, to, options })
    };
    let gets = flags.addresses.iter().map(one).collect::<Result<_>>()?;
    Ok(GetJob { gets, names })
}

/// Where it goes.
fn to(flags: &GetFlags, several: bool) -> Result<To> {
    let naming = match flags.server_name {
        true => Naming::Server,
        false => Naming::Address,
    };
    let Some(output) = &flags.output else {
        return Ok(To::Folder(PathBuf::from("."), naming));
    };
    if output == "-" {
        return Ok(To::Stream(Endpoint::parse("-")?));
    }
    let path = Path::new(output);
    if let Some(number) = descriptor(path) {
        return Ok(To::Stream(match number {
            1 => Endpoint::parse("-")?,
            _ => Endpoint::parse(&format!("fd:{number}"))?,
        }));
    }
    if output.as_bytes().ends_with(b"/") || path.is_dir() {
        return Ok(To::Folder(path.to_owned(), naming));
    }
    let shown = path.display();
    if several {
        return Err(
            Error::usage(format!("several files do not fit into {shown}"))
                .hint(format!("-o {shown}/ is a folder, which must be there")),
        );
    }
    if flags.server_name || flags.remote_name {
        return Err(
            Error::usage(format!("the name is said twice: by -o {shown}, too"))
                .hint(format!("-o {shown}/ is a folder")),
        );
    }
    Ok(To::File(path.to_owned()))
}

/// The number of a descriptor that is open already, if this is a name of one: whatever it leads to, it goes
/// on where it is, and has no unfinished file beside it.
fn descriptor(path: &Path) -> Option<u32> {
    match path.to_str()? {
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        path => {
            let folders = ["/dev/fd/", "/proc/self/fd/"];
            let number = folders.iter().find_map(|folder| path.strip_prefix(folder));
            number?.parse().ok()
        }
    }
}

/// The endpoint of an argument; what looks like a link without its scheme is told so.
fn source(typed: &OsStr) -> Result<Endpoint> {
    sides::endpoint(typed).map_err(|error| match typed.to_str() {
        Some(text) if looks_like_a_link(text) => {
            Error::usage(format!("{text} lacks its scheme")).hint(format!("https://{text}"))
        }
        _ => error,
    })
}

/// `example.com/file`, as browsers take it.
fn looks_like_a_link(text: &str) -> bool {
    let host = text.split(['/', ':', '?', '#']).next().unwrap_or_default();
    !text.contains("://")
        && !host.starts_with('.')
        && (host.contains('.') || host == "localhost")
        && text.contains('/')
}

/// Puts together what is to be put.
///
/// # Errors
/// Kind `Usage`.
pub fn put(flags: &PutFlags, names: Names) -> Result<PutJob> {
    let from = match flags.file.as_bytes() {
        b"-" => Endpoint::parse("-")?,
        octets => {
            // A bare word is a file of this folder, whatever it looks like.
            let path = match octets.contains(&b'/') {
                true => flags.file.clone(),
                false => Path::new(".").join(&flags.file).into_os_string(),
            };
            let catalog = &wharf::catalog::CATALOG;
            Endpoint::build(Address::of_file(path.as_bytes(), catalog)?)?
        }
    };
    let to = source(&flags.address)?;
    let to = named_after(&flags.file, &flags.address, to)?;
    Ok(PutJob {
        put: Put {
            from,
            to,
            method: flags.method.clone(),
            limits: flags.both.limits(),
            check: flags.both.check(),
        },
        names,
    })
}

/// Adds the name of the file to a URL that ends with `/`, as `curl -T` does.
fn named_after(file: &OsStr, typed: &OsStr, to: Endpoint) -> Result<Endpoint> {
    let owns_path = to
        .layers()
        .first()
        .is_some_and(|layer| layer.scheme.owns_path);
    let path = to.address().authority().and_then(|a| a.path.as_deref());
    let (Some(text), true, Some(path)) = (typed.to_str(), owns_path, path) else {
        return Ok(to);
    };
    if !path.ends_with('/') || to.is_listener() {
        return Ok(to);
    }
    let Some(name) = Path::new(file).file_name().filter(|_| file != "-") else {
        return Err(
            Error::usage("standard input has no name to add to this folder")
                .at(&to, None)
                .hint("a URL with the name of the file at its end"),
        );
    };
    let name = percent_encode(name.as_bytes(), b"/?#[]@:;&=+$,\"<>\\^`{|}'()!*");
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (before, after) = text.split_at(end);
    Endpoint::parse(&format!("{before}{name}{after}"))
}

/// The name of what is put or got, for a bar.
pub fn short_name(shown: &str) -> String {
    let name = Path::new(shown).file_name().unwrap_or(OsStr::new(shown));
    let octets = name.to_owned().into_vec();
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Job};

    fn job(line: &str) -> Result<Job> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        args::read(&words).map(|(job, _)| job)
    }

    fn gets(line: &str) -> Vec<Get> {
        match job(line) {
            Ok(Job::Get(job)) => job.gets,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refused(line: &str) -> Error {
        job(line).err().unwrap_or_else(|| panic!("{line} is taken"))
    }

    #[test]
    fn names_come_from_where_they_are_said() {
        let to = |line: &str| format!("{:?}", gets(line).remove(0).to);
        assert_eq!(to("get http://h/x"), "Folder(\".\", Address)");
        assert_eq!(
            to("get http://h/x -J -o down/"),
            "Folder(\"down/\", Server)"
        );
        assert_eq!(to("get tcp://h:1 -o /nowhere/y"), "File(\"/nowhere/y\")");
        assert!(to("get tcp://h:1 -o -").starts_with("Stream"));
        assert_eq!(gets("get http://h/x http://h/y").len(), 2);
        for line in [
            "get tcp://h:1",
            "get http://h/x http://h/y -o /nowhere/y",
            "get http://h/x -J -o /nowhere/y",
            "get http://h/x http://h/y --sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "get http://h/x --sha256 abc",
            "get http://h/x --restart -c",
            "get http://h/x --parallel 0",
            "get http://h/x --hexdump",
        ] {
            assert_eq!(refused(line).kind(), wharf::Kind::Usage, "{line}");
        }
    }

    #[test]
    fn a_link_without_its_scheme_is_told_so() {
        let hint = |line: &str| refused(line).try_this().unwrap_or_default().to_owned();
        assert_eq!(hint("get example.com/x"), "https://example.com/x");
        assert!(hint("get -O x.iso http://h/x").contains("-o NAME"));
    }

    #[test]
    fn a_folder_gets_the_name_of_the_file() {
        let to = |line: &str| match job(line) {
            Ok(Job::Put(job)) => job.put.to.to_string(),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(to("put a#b http://h/d/?x=1"), "http://h/d/a%23b?x=1");
        assert_eq!(to("put /tmp/a http://h/d"), "http://h/d");
        assert_eq!(to("put a tcp://h:1"), "tcp://h:1");
        assert_eq!(refused("put - http://h/d/").kind(), wharf::Kind::Usage);
    }

    #[test]
    fn what_holds_by_default_is_what_the_library_has() {
        let limits = gets("get http://h/x").remove(0).options.limits;
        let library = Limits::default();
        assert_eq!(limits.retries, library.retries);
        assert_eq!(limits.first_wait, library.first_wait);
        assert_eq!(limits.silence, library.silence);
    }
}
