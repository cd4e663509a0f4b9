//! What is not data, on its way to and from the other side.
//!
//! A peer may send interrupts and sizes faster than anybody takes them: of each kind one waits at
//! most, the latest, as signals of a process are one when they are many.

use std::mem::discriminant;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::mpsc::error::{SendError, TrySendError};

use crate::socket::control::{Control, ControlPort};

type Room = BoxFuture<'static, Result<OwnedPermit<Control>, SendError<()>>>;

/// Our end of the port of a channel, and the port of the layer below.
pub(super) struct Port {
    own: ControlPort,
    lower: Option<ControlPort>,
    owed: Vec<Control>,
    /// Waited for while there is none.
    room: Option<Room>,
}

impl Port {
    pub(super) const fn new(own: ControlPort, lower: Option<ControlPort>) -> Port {
        Port {
            own,
            lower,
            owed: Vec::new(),
            room: None,
        }
    }

    /// Owes the other side this, and no longer what it takes the place of.
    pub(super) fn owe(&mut self, control: Control) {
        let same = |owed: &Control| match (owed, &control) {
            (Control::Signal(a), Control::Signal(b)) => a == b,
            (a, b) => discriminant(a) == discriminant(b),
        };
        self.owed.retain(|owed| !same(owed));
        self.owed.push(control);
    }

    /// The next thing that the other side says.
    pub(super) fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<Option<Control>> {
        self.own.rx.poll_recv(cx)
    }

    /// Gives what is owed, and then what the layer below has to say.
    pub(super) fn poll_give(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            std::task::ready!(self.poll_owed(cx));
            let Some(lower) = &mut self.lower else {
                return Poll::Ready(());
            };
            match lower.rx.poll_recv(cx) {
                Poll::Ready(Some(control)) => self.owed.push(control),
                Poll::Ready(None) => self.lower = None,
                Poll::Pending => return Poll::Ready(()),
            }
        }
    }

    fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.owed.is_empty() {
            if let Some(room) = &mut self.room {
                let permit = std::task::ready!(room.as_mut().poll(cx));
                self.room = None;
                match permit {
                    Ok(permit) => drop(permit.send(self.owed.remove(0))),
                    // Nobody listens.
                    Err(_) => self.owed.clear(),
                }
                continue;
            }
            match self.own.tx.try_send(self.owed.remove(0)) {
                Ok(()) => {}
                Err(TrySendError::Full(control)) => {
                    self.owed.insert(0, control);
                    self.room = Some(Box::pin(self.own.tx.clone().reserve_owned()));
                }
                Err(TrySendError::Closed(_)) => self.owed.clear(),
            }
        }
        Poll::Ready(())
    }
}
