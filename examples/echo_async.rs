//! An echo server with an async task for each connection.
//!
//!     cargo run --example echo_async [PORT|ADDRESS]
//!
//! A task reads like a thread and costs a few hundred octets: wherever it waits it gives its
//! thread to others. Any address that listens will do: `tls-listen://127.0.0.1:9999`,
//! `unix-listen:/tmp/echo`.
//! The same server as threads is `echo_threads`, and as an event loop `echo_events`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wharf::socket::channel::{Io, Stream};
use wharf::{Endpoint, Env, Incoming};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "9999".into());
    let address = match address.parse::<u16>() {
        Ok(port) => format!("tcp-listen://127.0.0.1:{port}"),
        Err(_) => address,
    };
    if let Err(error) = serve(&address).await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn serve(address: &str) -> wharf::Result<()> {
    let env = Env::new();
    let mut listener = Endpoint::parse(address)?.listen(&env).await?;
    for local in listener.local() {
        println!("listening on {local}");
    }
    loop {
        let incoming = listener.accept().await?;
        // The handshake belongs to the task: a slow peer must not keep others from being accepted.
        tokio::spawn(async move {
            let name = match &incoming.info().peer {
                Some(peer) => peer.to_string(),
                None => "somebody".into(),
            };
            match converse(incoming).await {
                Ok(octets) => println!("{name}: {octets} octets"),
                Err(error) => println!("{name}: {error}"),
            }
        });
    }
}

async fn converse(incoming: Incoming) -> Result<u64, Box<dyn std::error::Error>> {
    match incoming.open().await?.io {
        Io::Stream(stream) => Ok(echo(stream).await?),
        Io::Packets(_) => Err("this server speaks streams".into()),
    }
}

/// Gives back what comes until the peer ends; says how many octets that were.
async fn echo(mut peer: Box<dyn Stream>) -> std::io::Result<u64> {
    let mut buffer = vec![0; 16 * 1024];
    let mut octets = 0;
    loop {
        let received = peer.read(&mut buffer).await?;
        if received == 0 {
            peer.shutdown().await?;
            return Ok(octets);
        }
        peer.write_all(&buffer[..received]).await?;
        peer.flush().await?;
        octets += received as u64;
    }
}
