//! A relay of one's own: whoever comes to the left address is joined with the right one.
//!
//!     cargo run --example small_relay tcp-listen://127.0.0.1:9999 echo:
//!
//! Any two addresses of wharf will do. The program `wharf` does the same with limits, lists of
//! allowed networks and an orderly end (`wharf::relay::serve`); this shows the parts.

use std::sync::Arc;

use wharf::relay::{Options, relay};
use wharf::{Endpoint, Env, Incoming};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let left = arguments.next();
    let left = left.unwrap_or_else(|| "tcp-listen://127.0.0.1:9999".into());
    let right = arguments.next().unwrap_or_else(|| "echo:".into());
    if let Err(error) = serve(&left, &right).await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn serve(left: &str, right: &str) -> wharf::Result<()> {
    let env = Env::new();
    // Both are checked before anything is opened: what is mistyped shows now, and not at the first
    // peer.
    let (left, right) = (Endpoint::parse(left)?, Endpoint::parse(right)?);
    let mut listener = left.listen(&env).await?;
    for local in listener.local() {
        println!("listening on {local}, joined with {right}");
    }
    loop {
        let incoming = listener.accept().await?;
        let (right, env) = (right.clone(), env.clone());
        tokio::spawn(async move {
            if let Err(error) = join(incoming, &right, &env).await {
                println!("{error}");
            }
        });
    }
}

async fn join(incoming: Incoming, right: &Endpoint, env: &Env) -> wharf::Result<()> {
    // The peer is answered only when the other side is open, or told why it is not.
    // One exchange, where the protocol has many of them in a connection.
    let asked = incoming.handshake().await?.only().await?;
    let (near, far) = match right.connect(env, Some(&asked.info)).await {
        Ok(far) => (asked.reply(Ok(&far.info)).await?, far),
        Err(error) => {
            let _ = asked.reply(Err(&error)).await;
            return Err(error);
        }
    };
    let outcome = relay(near, far, &Options::default(), env, &Arc::default()).await;
    let (there, back) = (outcome.there.octets, outcome.back.octets);
    println!(
        "{there} octets there, {back} back: {}",
        outcome.cause.name()
    );
    match outcome.error {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
