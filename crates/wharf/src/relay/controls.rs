//! What is not data, passed from one side of a relay to the other.

use std::task::{Context, Poll};

use tokio::sync::mpsc::error::TrySendError;

use super::party::Party;
use crate::socket::control::Control;
use crate::socket::env::Env;
use crate::socket::log::{Level, Message};

/// Passes on what is not data. Standard error that the other side does not take goes to the log.
pub(super) fn pass(cx: &mut Context<'_>, from: &mut Party, to: &mut Party, env: &Env) {
    let Some(source) = &mut from.control else {
        return;
    };
    loop {
        let control = match from.waiting.take() {
            Some(control) => control,
            None => match source.rx.poll_recv(cx) {
                Poll::Ready(Some(control)) => control,
                _ => return,
            },
        };
        let takes = to.control.as_ref().filter(|port| match &control {
            Control::Stderr(_) => port.takes_stderr,
            _ => true,
        });
        match (takes, control) {
            (Some(port), control) => {
                if let Err(TrySendError::Full(control)) = port.tx.try_send(control) {
                    // The next wake-up of this relay tries again.
                    from.waiting = Some(control);
                    return;
                }
            }
            (None, Control::Stderr(data)) => {
                env.log.message(&Message::Stderr {
                    at: &from.address,
                    data: &data,
                });
            }
            (None, Control::PacketError { peer, reason, .. }) => {
                let peer = peer.map(|p| format!(" to {p}")).unwrap_or_default();
                env.say(
                    Level::Warn,
                    &from.address,
                    format!("a packet{peer} was lost: {reason}"),
                );
            }
            (None, _) => {}
        }
    }
}
