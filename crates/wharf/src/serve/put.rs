//! PUT and DELETE: a file is written whole or not at all, and nothing changes that a client did not see.
//!
//! Source: RFC 9110, sections 9.3.4, 9.3.5 and 13 (conditions). A path that ends with a slash is a folder to
//! be made. Who may do so was checked before (`answer`).
//! Not here: the file itself (`crate::files`).

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use wharf_proto::application::web::conditions::{Current, Intent, Verdict};

use super::Site;
use super::answer::{Reply, busy, failed, refuse};
use super::body::Body;
use super::get::{Dates, Validators};
use crate::files::{Error, Facts, FilePath, Replace, Upload};
use crate::socket::units::format_size;

/// So much is gathered before it is written.
const CHUNK: usize = 512 * 1024;

/// Answers PUT.
pub(super) async fn answer(
    site: &Arc<Site>,
    head: &Head,
    path: &FilePath,
    body: Incoming,
) -> Reply {
    if head.headers.contains_key(header::CONTENT_RANGE) {
        let text = "a part of a file cannot be put: send all of it";
        return refuse(StatusCode::BAD_REQUEST, text);
    }
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        let text = "what is put is stored as it comes: send it without a coding";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let is_over = |len| len > site.max_upload;
    if body.size_hint().exact().is_some_and(is_over) {
        return too_long(site);
    }
    // What is refused now need not be sent.
    let replace = match allowed(site, &head.headers, path) {
        Ok(replace) => replace,
        Err(unmet) => return unmet.reply(),
    };
    if path.is_folder() {
        return make_folder(site, path, &body).await;
    }
    let Ok(_slot) = site.uploads.clone().try_acquire_owned() else {
        return busy("too many files are uploaded at this moment");
    };
    match receive(site, &head.headers, path, replace, body).await {
        Ok((facts, there)) => stored(path, &facts, there),
        Err(Broke::File(Error::Exists)) if replace == Replace::Never => {
            refuse(StatusCode::PRECONDITION_FAILED, &Error::Exists.to_string())
        }
        Err(broke) => broke.reply(site),
    }
}

/// A condition does not hold.
struct Unmet(&'static str);

impl Unmet {
    fn reply(&self) -> Reply {
        refuse(StatusCode::PRECONDITION_FAILED, self.0)
    }
}

/// Whether the conditions hold, and whether a file may be replaced then. It lasts for as long as
/// [`Site::changes`] is held.
fn allowed(site: &Site, headers: &HeaderMap, path: &FilePath) -> Result<Replace, Unmet> {
    let validators = site
        .folder
        .stat(path)
        .ok()
        .map(|facts| Validators::of(&facts));
    let current = validators.as_ref().map(|validators| Current {
        tag: validators.tag().as_bytes(),
        modified: validators.modified(),
    });
    let dates = Dates::of(headers);
    let conditions = dates.conditions(headers);
    if conditions.verdict(current, Intent::Change) != Verdict::Go {
        return Err(Unmet(match current {
            Some(_) => "there is another file of this name",
            None => "there is no file of this name any more",
        }));
    }
    Ok(match conditions.if_none_match.map(<[u8]>::trim_ascii) {
        Some(b"*") => Replace::Never,
        _ => Replace::Allowed,
    })
}

fn too_long(site: &Site) -> Reply {
    let most = format_size(site.max_upload);
    let text = format!("a file may have {most} here, which --max-upload sets");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, &text)
}

fn stored(path: &FilePath, facts: &Facts, there: bool) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = match there {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::CREATED,
    };
    let headers = reply.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(Validators::of(facts).tag()) {
        headers.insert(header::ETAG, tag);
    }
    if let Ok(place) = HeaderValue::try_from(path.to_url())
        && !there
    {
        headers.insert(header::LOCATION, place);
    }
    reply
}

async fn make_folder(site: &Arc<Site>, path: &FilePath, body: &Incoming) -> Reply {
    if !body.is_end_stream() {
        let text = "a path that ends with a slash makes a folder, which has no octets";
        return refuse(StatusCode::BAD_REQUEST, text);
    }
    let made = {
        let (site, path) = (site.clone(), path.clone());
        beside(move || site.folder.make_folder(&path)).await
    };
    match made {
        Ok(()) => {
            let mut reply = Response::new(Body::empty());
            *reply.status_mut() = StatusCode::CREATED;
            reply
        }
        Err(error) => failed(&error),
    }
}

/// Why a file was not stored, or not removed.
enum Broke {
    /// The file system.
    File(Error),
    /// It is longer than it may be.
    TooLong,
    /// The client broke off, or what it sent cannot be read.
    Peer,
    /// Nothing came any more.
    Late,
    /// Another file has come there meanwhile.
    Unmet(Unmet),
}

impl Broke {
    fn reply(&self, site: &Site) -> Reply {
        match self {
            Broke::File(error) => failed(error),
            Broke::TooLong => too_long(site),
            Broke::Peer => refuse(
                StatusCode::BAD_REQUEST,
                "the file did not come whole, and nothing is kept of it",
            ),
            Broke::Late => refuse(
                StatusCode::REQUEST_TIMEOUT,
                "nothing more came of the file, and nothing is kept of it",
            ),
            Broke::Unmet(unmet) => unmet.reply(),
        }
    }
}

impl From<Error> for Broke {
    fn from(error: Error) -> Broke {
        Broke::File(error)
    }
}

/// Takes the body and stores it. Says, too, whether it replaced a file.
async fn receive(
    site: &Arc<Site>,
    headers: &HeaderMap,
    path: &FilePath,
    replace: Replace,
    mut body: Incoming,
) -> Result<(Facts, bool), Broke> {
    let mut upload = {
        let (site, path) = (site.clone(), path.clone());
        beside(move || site.folder.upload(&path, replace)).await?
    };
    let mut gathered: Vec<Bytes> = Vec::new();
    let (mut waits, mut all) = (0, 0u64);
    loop {
        let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx));
        let next = tokio::time::timeout(site.patience.body, next).await;
        let frame = match next.map_err(|_| Broke::Late)? {
            Some(frame) => frame.map_err(|_| Broke::Peer)?,
            None => break,
        };
        // What is no data is a trailer, which says nothing to us.
        let Ok(octets) = frame.into_data() else {
            continue;
        };
        all = all.saturating_add(octets.len() as u64);
        if all > site.max_upload {
            return Err(Broke::TooLong);
        }
        waits += octets.len();
        gathered.push(octets);
        if waits >= CHUNK {
            upload = write(upload, std::mem::take(&mut gathered)).await?;
            waits = 0;
        }
    }
    let upload = write(upload, gathered).await?;
    let (site, headers, path) = (site.clone(), headers.clone(), path.clone());
    beside(move || {
        upload.settle()?;
        let _alone = site.changes();
        allowed(&site, &headers, &path).map_err(Broke::Unmet)?;
        let there = site.folder.stat(&path).is_ok();
        Ok((upload.finish()?, there))
    })
    .await
}

async fn write(mut upload: Upload, gathered: Vec<Bytes>) -> Result<Upload, Error> {
    beside(move || {
        for octets in gathered {
            upload.write(&octets)?;
        }
        Ok(upload)
    })
    .await
}

/// Runs what waits for a disk beside the event loop.
async fn beside<T, E, F>(work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: FnOnce() -> Result<T, E> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(lost) => Err(Error::Io(std::io::Error::other(lost)).into()),
    }
}

/// Answers DELETE.
pub(super) async fn delete(site: &Arc<Site>, head: &Head, path: &FilePath) -> Reply {
    let removed: Result<(), Broke> = {
        let (site, headers, path) = (site.clone(), head.headers.clone(), path.clone());
        beside(move || {
            let _alone = site.changes();
            allowed(&site, &headers, &path).map_err(Broke::Unmet)?;
            Ok(site.folder.remove(&path)?)
        })
        .await
    };
    match removed {
        Ok(()) => {
            let mut reply = Response::new(Body::empty());
            *reply.status_mut() = StatusCode::NO_CONTENT;
            reply
        }
        Err(broke) => broke.reply(site),
    }
}
