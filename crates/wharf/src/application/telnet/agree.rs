//! What is agreed on before data flows: a server's questions about the terminal, and BINARY.
//!
//! A peer that answers is waited for; one that does not, because it knows no TELNET or has nothing to
//! say, is given a short time and served all the same. What it sends meanwhile is kept, bounded.

use wharf_proto::application::telnet::{Role as End, Wish};

use super::options::Options;
use super::stream::Session;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::log::Level;
use crate::socket::units::format_duration;

/// Asks, and waits for the answers.
///
/// # Errors
/// The peer reset the connection or broke the rules.
pub(super) async fn run(session: &mut Session, options: &Options, cx: Cx<'_>) -> Result<()> {
    session.start();
    let answers = std::future::poll_fn(|cx| session.poll_agree(cx));
    match tokio::time::timeout(options.timeout, answers).await {
        Ok(agreed) => agreed.map_err(|error| Error::io(Op::Handshake, error))?,
        Err(_) => {
            let limit = format_duration(options.timeout);
            let heard = match session.machine().peer_speaks() {
                true => "did not answer everything",
                false => "has not spoken TELNET",
            };
            cx.say(Level::Debug, format!("the peer {heard} within {limit}"));
        }
    }
    if options.binary == Some(Wish::On) && !session.machine().is_binary() {
        let text = "the peer did not agree to binary: line ends are those of a terminal";
        cx.say(Level::Warn, text);
    }
    if options.role == End::Server {
        cx.say(Level::Debug, session.peer().to_string());
    }
    Ok(())
}
