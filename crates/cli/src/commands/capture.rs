//! `--pcap FILE`: the file, what is said of it at the beginning and at the end.
//!
//! What is captured and how it is written is the library's (`wharf::observe::pcap`).

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::sync::Arc;

use wharf::observe::pcap::{Capture, Output, create};
use wharf::socket::log::Level;
use wharf::socket::units::format_size;
use wharf::{Error, Op, Result};

use crate::args::packets::Pcap;
use crate::terminal::Voice;

/// Begins a capture. An old file is replaced, as tools for captures do, and that is said.
///
/// # Errors
/// The file cannot be made; standard output is a terminal.
pub fn open(pcap: &Pcap, voice: &Arc<Voice>) -> Result<Capture> {
    let name = name(pcap);
    let failed = |error| Error::io_while(Op::Open, &name, error);
    let output = match pcap.is_stdout() {
        true if std::io::stdout().is_terminal() => {
            return Err(Error::usage("--pcap -: a terminal shows no captures")
                .hint("... --pcap - | wharf dump -"));
        }
        true => {
            let descriptor = std::io::stdout().as_fd().try_clone_to_owned();
            Output::shared(File::from(descriptor.map_err(failed)?))
        }
        false => {
            let created = create(&pcap.file).map_err(failed)?;
            if created.replaced > 0 {
                let text = format!(
                    "{name}: {} were there and are gone",
                    format_size(created.replaced)
                );
                voice.note(Level::Info, &text);
            }
            created.output
        }
    };
    Capture::new(output, &name, pcap.snaplen, voice.clone()).map_err(failed)
}

/// Ends a capture. What is missing in it is said; what is there only to those who want to know.
pub fn close(pcap: &Pcap, capture: &Capture, voice: &Voice) {
    let (name, report) = (name(pcap), capture.close());
    let packets = format!("{name}: {} packets captured", report.packets);
    let (level, text) = match (report.dropped, report.failure) {
        (0, None) => (Level::Debug, packets),
        (dropped, None) => (
            Level::Warn,
            format!("{packets}, {dropped} not: they came faster than they could be written"),
        ),
        (dropped, Some(failure)) => (Level::Warn, format!("{packets}, {dropped} not: {failure}")),
    };
    voice.note(level, &text);
}

fn name(pcap: &Pcap) -> String {
    format!("--pcap {}", pcap.file.display())
}
