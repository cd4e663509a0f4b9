//! `wharf dump FILE-or-ADDRESS`: a line for each packet.
//!
//! A stream is read as a capture, wherever it comes from: a file, standard input, `exec:tcpdump -w -`.
//! An endpoint that gives frames or packets of IP is shown as they come. What a packet is says the
//! library (`wharf::observe::line`); how it looks, `print.rs`.

mod print;

use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use wharf::observe::capture::{Decoder, LinkType};
use wharf::socket::channel::{Io, Packets, Stream, Unit};
use wharf::socket::env::Env;
use wharf::socket::log::Level;
use wharf::socket::packets::{Batch, Got};
use wharf::{Endpoint, Error, Kind, Op, Result};

use self::print::{Printer, Seen};
use super::unread;
use crate::args::packets::Dump;
use crate::exit::Exit;
use crate::terminal::Voice;

/// So much of a capture is read at once.
const CHUNK: usize = 256 << 10;

/// Prints packets until there are no more, or it is interrupted.
///
/// # Errors
/// It cannot be opened, it is no capture, or it is damaged; then what could be read was printed.
pub fn run(dump: &Dump, voice: &Voice) -> Result<Exit> {
    let mut printer = Printer::new(dump);
    let runtime = super::relay::runtime()?;
    let ended = runtime.block_on(async {
        let interrupted = interruption()?;
        tokio::select! {
            ended = all(dump, &mut printer) => ended,
            () = interrupted => Ok(()),
        }
    });
    runtime.shutdown_background();
    let exit = printer.flush()?;
    if exit == Exit::StdoutClosed {
        return Ok(exit);
    }
    let count = printer.count();
    if !dump.json {
        let plural = if count == 1 { "" } else { "s" };
        voice.note(Level::Debug, &format!("{count} packet{plural}"));
    }
    ended.map(|()| Exit::Done)
}

/// Ready when the user has seen enough.
fn interruption() -> Result<impl Future<Output = ()>> {
    let handler =
        |kind| signal(kind).map_err(|error| Error::io_while(Op::Open, "a signal handler", error));
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut terminate = handler(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn all(dump: &Dump, printer: &mut Printer) -> Result<()> {
    let mut env = Env::new();
    env.names = dump.names.clone();
    let endpoint = &dump.source;
    let mut channel = match endpoint.is_listener() {
        true => endpoint.listen(&env).await?.accept().await?.open().await?,
        false => {
            let opened = endpoint.connect(&env, None).await;
            opened.map_err(|error| unread(endpoint, error))?
        }
    };
    let unit = channel.profile.unit;
    match &mut channel.io {
        Io::Stream(stream) => capture(stream.as_mut(), endpoint, printer).await,
        Io::Packets(packets) => live(packets.as_mut(), unit, endpoint, printer).await,
    }
}

/// Reads a capture to its end.
async fn capture(
    mut stream: &mut dyn Stream,
    endpoint: &Endpoint,
    printer: &mut Printer,
) -> Result<()> {
    let damaged = |error: wharf::observe::capture::Error| {
        Error::new(Op::Recv, Kind::Protocol, error.to_string()).at(endpoint.address_text(), None)
    };
    let mut decoder = Decoder::new();
    let mut space = vec![0; CHUNK];
    loop {
        let len = Pin::new(&mut stream).read(&mut space).await;
        let len =
            len.map_err(|error| Error::io(Op::Recv, error).at(endpoint.address_text(), None))?;
        decoder.push(space.get(..len).unwrap_or_default());
        while let Some(packet) = decoder.poll().map_err(damaged)? {
            if !printer.packet(&Seen::of(&packet)) {
                return Ok(());
            }
        }
        if len == 0 {
            return decoder.finish().map_err(damaged);
        }
        if printer.flush()? == Exit::StdoutClosed {
            return Ok(());
        }
    }
}

/// Shows packets as they come.
async fn live(
    packets: &mut dyn Packets,
    unit: Unit,
    endpoint: &Endpoint,
    printer: &mut Printer,
) -> Result<()> {
    let link = match unit {
        Unit::EthernetFrame => LinkType::ETHERNET,
        Unit::IpPacket => LinkType::RAW,
        Unit::Octet | Unit::Message => {
            return Err(Error::usage(format!(
                "{endpoint} carries messages, and a dump is of frames or packets of IP"
            ))
            .hint(format!("wharf -x {endpoint} shows what passes")));
        }
    };
    let mut batch = Batch::new();
    loop {
        let got = std::future::poll_fn(|cx| packets.poll_recv(cx, &mut batch)).await;
        let got =
            got.map_err(|error| Error::io(Op::Recv, error).at(endpoint.address_text(), None))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        for packet in batch.iter() {
            let seen = Seen {
                link,
                time: now,
                interface: "",
                direction: None,
                data: packet.data,
                original_len: packet.data.len(),
                dropped: 0,
                comments: Vec::new(),
            };
            if !printer.packet(&seen) {
                return Ok(());
            }
        }
        batch.clear();
        if printer.flush()? == Exit::StdoutClosed || matches!(got, Got::End(_)) {
            return Ok(());
        }
    }
}
