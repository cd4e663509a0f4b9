//! Where a transfer goes: a file of a folder, with what an earlier try left of it, or a stream.
//!
//! Not here: the unfinished file itself (`part.rs`), what fills it (`round.rs`).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::fs::FileType;

use super::{Get, Got, Naming, Run, To};
use crate::socket::address::Address;
use crate::socket::channel::Io;
use crate::socket::endpoint::Endpoint;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;
use crate::socket::units::format_size;
use crate::transfer::Check;
use crate::transfer::part::{Folder, Overwrite, Part, in_the_way};
use crate::transfer::record::Record;
use crate::transfer::sink::Ordered;
use crate::transfer::source::{Facts, suggested_name};
use crate::transfer::sum::{Running, Sum};

/// Where it goes.
pub(super) enum Target {
    File(FileTarget),
    Stream(StreamTarget),
}

/// A file of a folder.
pub(super) struct FileTarget {
    folder: Arc<Folder>,
    /// Not known before the server has said it.
    name: Option<OsString>,
    /// What stands there of it.
    pub(super) part: Option<Part>,
    over: Overwrite,
}

/// A stream, and how far it has come.
pub(super) struct StreamTarget {
    endpoint: Endpoint,
    pub(super) open: Option<Arc<Mutex<Ordered>>>,
    pub(super) record: Option<Record>,
}

impl Target {
    /// Where `job` goes, as far as that is known before the source is open.
    ///
    /// # Errors
    /// Kind `Usage` if there is no name for a file; kind `Local` if there is no such folder.
    pub(super) fn of(job: &Get) -> Result<Target> {
        let (folder, name) = match &job.to {
            To::Stream(endpoint) => return Ok(Target::stream(endpoint.clone())),
            To::File(path) => {
                let name = path.file_name().ok_or_else(|| nameless(path))?;
                let folder = Folder::open(path.parent().unwrap_or(Path::new("")))?;
                if is_device(&folder, name, job.options.overwrite)? {
                    return device(path, &job.from).map(Target::stream);
                }
                (folder, Some(name.to_owned()))
            }
            To::Folder(path, naming) => {
                let name = match naming {
                    Naming::Server => None,
                    Naming::Address => Some(suggested(&job.from)?),
                };
                (Folder::open(path)?, name)
            }
        };
        Ok(Target::File(FileTarget {
            folder,
            name,
            part: None,
            over: job.options.overwrite,
        }))
    }

    fn stream(endpoint: Endpoint) -> Target {
        Target::Stream(StreamTarget {
            endpoint,
            open: None,
            record: None,
        })
    }

    /// Whether it is there already, as it is wanted; otherwise looks for what an earlier try has left.
    ///
    /// # Errors
    /// Kind `Local` if something else is in the way.
    pub(super) async fn is_there(&mut self, job: &Get, started: Instant) -> Result<Option<Got>> {
        let Target::File(target) = self else {
            return Ok(None);
        };
        let Some(name) = target.name.clone() else {
            return Ok(None);
        };
        let shown = target.folder.shown(&name);
        match target.folder.kind(&name)? {
            None => {}
            Some(FileType::Directory) => {
                return Err(
                    Error::new(Op::Open, Kind::Local, "a folder is there already")
                        .at(shown.display(), None)
                        .hint(format!("-o {}/", shown.display())),
                );
            }
            Some(_) => {
                if let Check::Wanted(wanted) = job.options.check
                    && let Some((octets, sum)) = sum_of(&target.folder, &name).await?
                    && sum == wanted
                {
                    return Ok(Some(Got {
                        to: shown.display().to_string(),
                        octets,
                        came: 0,
                        elapsed: started.elapsed(),
                        sum: Some(sum),
                    }));
                }
                if target.over == Overwrite::Refuse {
                    return Err(in_the_way(&shown));
                }
            }
        }
        target.part = Part::find(&target.folder, &name)?;
        Ok(None)
    }

    /// What was kept, if a transfer from this address can go on from it.
    pub(super) fn kept(&self, from: &str) -> Option<&Record> {
        let record = match self {
            Target::File(target) => target.part.as_ref()?.record.as_ref()?,
            Target::Stream(target) => target.record.as_ref()?,
        };
        let usable = record.from == from && record.validator.is_some() && record.size.is_some();
        (usable && !record.done.is_empty()).then_some(record)
    }

    /// Whether what has gone there can be taken back.
    pub(super) fn can_restart(&self) -> bool {
        match self {
            Target::File(_) => true,
            Target::Stream(target) => target.open.is_none(),
        }
    }

    /// Takes the name that the server has for it, if that was waited for, and looks for what an
    /// earlier try has left under that name. Returns what is there already, if that is as wanted.
    ///
    /// # Errors
    /// As [`is_there`](Target::is_there); kind `Usage` if there is no name.
    pub(super) async fn named(
        &mut self,
        job: &Get,
        facts: &Facts,
        started: Instant,
    ) -> Result<Option<Got>> {
        match self {
            Target::File(target) if target.name.is_none() => {
                target.name = Some(match &facts.name {
                    Some(name) => name.clone(),
                    None => suggested(&job.from)?,
                });
            }
            _ => return Ok(None),
        }
        self.is_there(job, started).await
    }

    /// Its path or address, to be shown.
    pub(super) fn shown(&self) -> String {
        match self {
            Target::File(FileTarget {
                folder,
                name: Some(name),
                ..
            }) => folder.shown(name).display().to_string(),
            Target::File(_) => String::new(),
            Target::Stream(target) => target.endpoint.to_string(),
        }
    }

    /// Says what is kept of a transfer that has ended before its time, and what to do with it.
    pub(super) fn tell_what_is_kept(&self, run: &Run<'_>) {
        let Target::File(FileTarget {
            part: Some(part), ..
        }) = self
        else {
            return;
        };
        let shown = part.shown();
        let shown = shown.display();
        let Some(record) = part
            .record
            .as_ref()
            .filter(|record| !record.done.is_empty())
        else {
            return;
        };
        let there = format_size(record.done.octets());
        let text = match (self.kept(run.at()).is_some(), record.size) {
            (true, Some(size)) => {
                let size = format_size(size);
                format!("{shown} has {there} of {size}; the same command goes on from there")
            }
            _ => format!("{shown} has the {there} that came; the same command starts over"),
        };
        run.say(Level::Info, text);
    }
}

impl FileTarget {
    /// Makes the unfinished file, or empties it, unless `continues`.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn begin(&mut self, record: &Record, continues: bool) -> Result<&mut Part> {
        if let Some(part) = &mut self.part {
            if !continues {
                part.restart(record)?;
            }
        } else {
            let name = self.name.clone().unwrap_or_default();
            self.part = Some(Part::create(&self.folder, &name, record)?);
        }
        let part = self.part.as_mut();
        part.ok_or_else(|| Error::new(Op::Open, Kind::Bug, "there is no unfinished file"))
    }

    /// Keeps what is on the disk for a later try; nothing, if nothing is.
    pub(super) fn keep(&mut self, record: Record) -> Result<()> {
        let Some(mut part) = self.part.take() else {
            return Ok(());
        };
        if record.done.is_empty() {
            part.discard();
            return Ok(());
        }
        let kept = part.keep(record);
        self.part = Some(part);
        kept
    }
}

impl StreamTarget {
    /// Opens it, unless it is open.
    ///
    /// # Errors
    /// What opening says.
    pub(super) async fn begin(
        &mut self,
        run: &Run<'_>,
        sum: Option<Running>,
    ) -> Result<Arc<Mutex<Ordered>>> {
        if let Some(open) = &self.open {
            return Ok(open.clone());
        }
        let channel = self.endpoint.connect(run.env, None).await?;
        let takes = channel.profile.writable && matches!(channel.io, Io::Stream(_));
        if !takes {
            let error = Error::usage("it takes no stream");
            return Err(error.at(&self.endpoint, None));
        }
        let ordered = Arc::new(Mutex::new(Ordered { channel, sum }));
        self.open = Some(ordered.clone());
        Ok(ordered)
    }

    /// Waits until all has gone, ends it, and gives the sum of what went there.
    ///
    /// # Errors
    /// What the stream says.
    pub(super) async fn finish(&mut self) -> Result<Option<Sum>> {
        let Some(open) = self.open.take() else {
            return Ok(None);
        };
        let ended = std::future::poll_fn(|cx| {
            let mut ordered = open.lock().unwrap_or_else(PoisonError::into_inner);
            ordered.poll_end(cx)
        });
        let ended = ended.await;
        ended.map_err(|error| Error::io(Op::Send, error).at(&self.endpoint, None))?;
        let mut ordered = open.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ordered.sum.take().map(Running::finish))
    }
}

fn nameless(path: &Path) -> Error {
    Error::usage(format!("{} is no name for a file", path.display()))
}

fn suggested(from: &Endpoint) -> Result<OsString> {
    suggested_name(from).ok_or_else(|| {
        Error::usage("this address has no name for a file")
            .at(from, None)
            .hint("-o NAME, or -o - for standard output")
    })
}

/// Whether a device or a named pipe stands at a name, or a link that leads to one: an unfinished file has
/// no place beside it, and nothing is to be replaced. A disk is only written to on request.
fn is_device(folder: &Folder, name: &OsStr, over: Overwrite) -> Result<bool> {
    let kind = match folder.kind(name)? {
        Some(FileType::Symlink) => folder.leads_to_kind(name),
        kind => kind,
    };
    Ok(match kind {
        Some(FileType::CharacterDevice | FileType::Fifo) => true,
        Some(FileType::BlockDevice) => over == Overwrite::Replace,
        _ => false,
    })
}

/// A device or a named pipe, which has no unfinished state: it is written to.
fn device(path: &Path, from: &Endpoint) -> Result<Endpoint> {
    let absolute = match path.is_absolute() {
        true => path.to_owned(),
        false => PathBuf::from(".").join(path),
    };
    let catalog = from.address().catalog();
    let address = Address::of_file(absolute.as_os_str().as_bytes(), catalog)?;
    Endpoint::build(address)?.with_option("write", "yes")
}

/// The size and the sum of what stands at a name, if it is an ordinary file.
async fn sum_of(folder: &Arc<Folder>, name: &OsStr) -> Result<Option<(u64, Sum)>> {
    let Some((file, size)) = folder.read(name) else {
        return Ok(None);
    };
    let shown = folder.shown(name);
    let summed = tokio::task::spawn_blocking(move || Sum::of_file(&file, size)).await;
    match summed.unwrap_or_else(|panic| Err(panic.into())) {
        Ok(sum) => Ok(Some((size, sum))),
        Err(error) => Err(Error::io(Op::Recv, error).at(shown.display(), None)),
    }
}
