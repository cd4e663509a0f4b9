//! A relay that is nothing but `splice`: a pipe of 1 MiB and a blocking thread for each direction.
//!
//! It stands beside the relays that are measured as the limit of what one can reach without
//! touching the octets. It has no options, no errors worth a name, and no end: the driver kills it.

use std::io::{PipeReader, PipeWriter};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use clap::Args;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};

use crate::Failure;

const PIPE: usize = 1 << 20;

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    listen: std::net::SocketAddr,
    #[arg(long)]
    to: std::net::SocketAddr,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let listener = TcpListener::bind(options.listen)?;
    for left in listener.incoming() {
        let left = left?;
        let right = TcpStream::connect(options.to)?;
        for stream in [&left, &right] {
            stream.set_nodelay(true)?;
        }
        let (from, to) = (left.try_clone()?, right.try_clone()?);
        thread::spawn(move || direction(&from, &to));
        thread::spawn(move || direction(&right, &left));
    }
    Ok(())
}

/// Moves until the end or an error, and passes the end on.
fn direction(from: &TcpStream, to: &TcpStream) {
    if let Ok((reader, writer)) = std::io::pipe()
        && fcntl_setpipe_size(&writer, PIPE).is_ok()
    {
        let _ = pump(from, to, &reader, &writer);
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn pump(
    from: &TcpStream,
    to: &TcpStream,
    reader: &PipeReader,
    writer: &PipeWriter,
) -> Result<(), Errno> {
    loop {
        let mut inside = splice(from, None, writer, None, PIPE, SpliceFlags::MOVE)?;
        if inside == 0 {
            return Ok(());
        }
        while inside > 0 {
            inside -= splice(reader, None, to, None, inside, SpliceFlags::MOVE)?;
        }
    }
}
