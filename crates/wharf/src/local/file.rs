//! A file as an endpoint: `file:PATH` reads it; `create`, `append`, `truncate` and `write` make it
//! the writing end; `read` besides them makes it both.
//!
//! Sources: open(2). Whatever has a path and can be opened works: files, devices, named pipes.
//! Not here: growing files (`follow`), the two halves (`half`), serial lines (`serial`).

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use wharf_sys::descriptor as sys;

use super::follow::Follow;
use super::half::{Halves, Holder, Reader, Writer, remaining};
use super::path;
use crate::socket::channel::{Channel, Finish, Idle, Kind, Profile};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::{Info, SocketName};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

/// `file:`
pub static SCHEME: Scheme = Scheme {
    name: "file",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Path,
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[&[
        OptionSpec::flag(
            "read",
            "reads it; needs saying only beside an option that writes",
        ),
        OptionSpec::flag(
            "write",
            "writes it from its start and keeps what is not overwritten",
        ),
        OptionSpec::flag(
            "create",
            "makes it if it is missing, else empties it, and writes it",
        ),
        OptionSpec::flag("append", "writes at its end; makes it if it is missing"),
        OptionSpec::flag(
            "truncate",
            "empties it and writes it; truncate=no keeps what is there",
        ),
        OptionSpec::flag("excl", "makes it and writes it; refuses one that is there"),
        OptionSpec::new(
            "seek",
            OptionKind::Size,
            "begins so many octets after its start",
        ),
        OptionSpec::flag(
            "follow",
            "reads on as it grows, through truncation and rotation",
        ),
        OptionSpec::new(
            "mode",
            OptionKind::Mode,
            "permissions of a file that is made, less the umask",
        )
        .default("666"),
    ]],
    standard: "POSIX open(2)",
    summary: "a file, read; written with #create, #append, #truncate or #write",
    example: "file:/tmp/copy.bin#create",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

struct Endpoint {
    path: PathBuf,
    reads: bool,
    writes: bool,
    create: bool,
    excl: bool,
    append: bool,
    truncate: bool,
    seek: u64,
    follow: bool,
    mode: u32,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let settings = parts.settings;
    let flag = |name| settings.flag(name);
    let writes = ["write", "create", "append", "truncate", "excl"]
        .into_iter()
        .any(flag);
    let endpoint = Endpoint {
        path: path::of(parts),
        reads: flag("read") || !writes,
        writes,
        // As a shell's >> does.
        create: flag("create") || flag("excl") || flag("append"),
        excl: flag("excl"),
        append: flag("append"),
        // As a shell's > does, unless something that is there is to be kept.
        truncate: settings
            .switch("truncate")
            .unwrap_or(flag("create") && !flag("append") && !settings.is_given("seek")),
        seek: settings.size("seek").unwrap_or(0),
        follow: flag("follow"),
        mode: settings.integer("mode").unwrap_or(0o666),
    };
    let contradiction = [
        (
            endpoint.append && endpoint.truncate,
            "append keeps what truncate removes",
        ),
        (
            endpoint.append && settings.is_given("seek"),
            "append writes at the end, wherever seek points",
        ),
        (endpoint.follow && endpoint.writes, "follow is for reading"),
        (
            endpoint.truncate && endpoint.reads && endpoint.writes && !endpoint.create,
            "nothing is left to read after truncate",
        ),
    ];
    match contradiction.into_iter().find(|(holds, _)| *holds) {
        Some((_, why)) => Err(Error::usage(why)),
        None => Ok(Box::new(endpoint)),
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.open(cx))
    }

    /// A file is read without a copy, and written with one.
    fn fast_paths(&self) -> FastPaths {
        match self.writes || self.follow {
            true => FastPaths::NONE,
            false => FastPaths::NONE.with(FastPath::Splice),
        }
    }
}

impl Endpoint {
    async fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let path = path::expand(&self.path)?;
        let mut size = None;
        // The writing half first: it may make the file that the other one reads.
        let writer = if self.writes {
            let mut how = OpenOptions::new();
            how.write(true)
                .append(self.append)
                .truncate(self.truncate)
                .create(self.create)
                .create_new(self.excl)
                .mode(self.mode);
            let file = path::open(&path, &how, cx).await?;
            let fd = self.at_start(file)?;
            Some(Writer::new(fd, Holder::Us).map_err(|e| Error::io(Op::Open, e))?)
        } else {
            None
        };
        let reader = if self.reads {
            let file = path::open(&path, OpenOptions::new().read(true), cx).await?;
            if sys::kind(&file).is_ok_and(|kind| kind == sys::Kind::Directory) {
                return Err(path::folder_failure(&path));
            }
            let fd = self.at_start(file)?;
            size = remaining(&fd).filter(|_| !self.follow);
            Some(
                self.reader(&path, fd, cx)
                    .map_err(|e| Error::io(Op::Open, e))?,
            )
        } else {
            None
        };
        let profile = Profile {
            readable: reader.is_some(),
            writable: writer.is_some(),
            finish: if writer.is_some() {
                Finish::Half
            } else {
                Finish::None
            },
            idle: if self.follow {
                Idle::Yields
            } else {
                Idle::Holds
            },
            ..Profile::STREAM
        };
        let info = Info {
            local: Some(SocketName::Text(path.display().to_string())),
            size,
            ..Info::of(cx.at)
        };
        Ok(Channel::stream(Halves { reader, writer }, info, profile))
    }

    /// Puts a file where it is to be begun. What cannot seek (a device, a pipe) says so.
    fn at_start(&self, mut file: File) -> Result<OwnedFd> {
        if self.seek > 0 {
            file.seek(SeekFrom::Start(self.seek))
                .map_err(|e| Error::io_while(Op::Open, format_args!("seek={}", self.seek), e))?;
        }
        Ok(file.into())
    }

    fn reader(&self, path: &std::path::Path, fd: OwnedFd, cx: Cx<'_>) -> std::io::Result<Reader> {
        if !self.follow {
            return Reader::new(fd, Holder::Us);
        }
        let follow = Follow::new(path, fd.into(), self.seek, cx.env, cx.at)?;
        Ok(Reader::Follow(Box::new(follow)))
    }
}

#[cfg(test)]
mod tests;
