//! `wharf put`: a file to an address, whole; what is answered goes to standard output.
//!
//! Not here: how it is done (`wharf::transfer`), flags (`args/transfer.rs`).

use std::sync::Arc;

use wharf::Result;
use wharf::transfer::{self, PutOutcome};

use super::get::{Session, transfers};
use super::unread;
use crate::args::transfer::{PutJob, short_name};
use crate::exit::Exit;
use crate::terminal::progress::Data;
use crate::terminal::{Event, Voice, answer};

/// Puts it.
///
/// # Errors
/// There is no event loop, or signals cannot be caught. Whatever fails later is said here.
pub fn run(job: PutJob, voice: Arc<Voice>) -> Result<Exit> {
    let PutJob { put, names } = job;
    // An answer comes when the bar is gone.
    transfers(names, &voice, Data::Elsewhere, async |session| {
        one(&put, session).await
    })
}

async fn one(put: &transfer::Put, session: &mut Session<'_>) -> Exit {
    let (from, to) = (put.from.address_text(), put.to.address_text());
    let shown = session.bar.as_ref().map(|bar| {
        let name = from.split_once(':').map_or(from, |(_, path)| path);
        bar.show(&short_name(name), session.progress.clone())
    });
    let result = transfer::put(put, &session.env, &session.progress).await;
    drop(shown);
    match result {
        Ok(PutOutcome::Done(sent)) => {
            session.totals.connections += 1;
            session.totals.there += sent.octets;
            let printed = answer::print_bytes(&sent.answer);
            session.voice.say(&Event::Sent {
                from,
                to,
                sent: &sent,
            });
            printed.unwrap_or_else(|error| session.failed(&error))
        }
        Ok(PutOutcome::Refused(sent, error)) => {
            session.totals.there += sent.octets;
            if let Err(error) = answer::print_bytes(&sent.answer) {
                return session.failed(&error);
            }
            session.failed(&error)
        }
        Ok(PutOutcome::Stopped) => session.stopped(),
        Err(error) => session.failed(&unread(&put.from, error)),
    }
}
