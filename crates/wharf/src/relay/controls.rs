//! What is not data, passed from one side of a relay to the other, in order.
//!
//! Where the other side has no room, the next one waits for it, and nothing more is taken from its
//! giver meanwhile.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::mpsc::error::{SendError, TrySendError};

use super::party::Party;
use crate::socket::control::Control;
use crate::socket::env::Env;
use crate::socket::log::{Level, Message};

/// A control that the other side had no room for, and the room that it waits for.
pub(super) struct Waiting {
    control: Control,
    room: BoxFuture<'static, Result<OwnedPermit<Control>, SendError<()>>>,
}

impl Waiting {
    pub(super) fn is_stderr(&self) -> bool {
        matches!(self.control, Control::Stderr(_))
    }
}

/// Passes on what is not data. Standard error that the other side does not take goes to the log.
///
/// Ready when nothing is there to be passed on; pending while something waits for room.
pub(super) fn poll_pass(
    cx: &mut Context<'_>,
    from: &mut Party,
    to: &mut Party,
    env: &Env,
) -> Poll<()> {
    let Some(source) = &mut from.control else {
        return Poll::Ready(());
    };
    loop {
        if let Some(waiting) = &mut from.waiting {
            let room = std::task::ready!(waiting.room.as_mut().poll(cx));
            // Who has gone meanwhile needs it no more.
            if let (Ok(permit), Some(waiting)) = (room, from.waiting.take()) {
                permit.send(waiting.control);
            }
            from.waiting = None;
        }
        let Poll::Ready(Some(control)) = source.rx.poll_recv(cx) else {
            return Poll::Ready(());
        };
        let takes = to.control.as_ref().filter(|port| match &control {
            Control::Stderr(_) => port.takes_stderr,
            _ => true,
        });
        match (takes, control) {
            (Some(port), control) => {
                if let Err(TrySendError::Full(control)) = port.tx.try_send(control) {
                    let room = Box::pin(port.tx.clone().reserve_owned());
                    from.waiting = Some(Box::new(Waiting { control, room }));
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
