//! A terminal that is read key by key, or as the other side wants it, and the escape key that leads out.
//!
//! It becomes raw when it is first read, which is when both sides are open: until then Ctrl-C still
//! ends the program. One that follows the other side stays as it is until that says something. What
//! the keys mean is told by `wharf_proto`'s machine.
//! Not here: the modes themselves (`raw`), what quitting ends (`stdio`).

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use wharf_proto::local::escape_key::{Event, Key, Machine};
use wharf_sys::tty;

use super::raw::{Changed, Mode};
use crate::socket::control::Typing;
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::log::Level;

/// Keys from a terminal.
#[derive(Debug)]
pub(in crate::local) struct Keys<R> {
    inner: R,
    terminal: OwnedFd,
    /// The mode that it is to have when it is read; none is its own.
    wanted: Option<Mode>,
    /// The mode that it was put into.
    changed: Option<(Mode, Changed)>,
    /// The escape key leads out: from the beginning, or since the other side said how it is typed.
    leads_out: bool,
    announced: bool,
    escape: Option<(Key, Machine)>,
    /// Keys for the peer that were not asked for yet.
    typed: Vec<u8>,
    over: Option<Over>,
    env: Env,
    at: String,
}

/// Why there are no more keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Ended,
    Quit,
}

impl<R: AsyncRead + Unpin> Keys<R> {
    /// Reads the keys of `terminal` by `inner`; `escape` is the key that leads out.
    pub(in crate::local) fn raw(
        inner: R,
        terminal: OwnedFd,
        escape: Option<Key>,
        cx: Cx<'_>,
    ) -> Keys<R> {
        Keys {
            wanted: Some(Mode::Raw),
            leads_out: true,
            ..Keys::following(inner, terminal, escape, cx)
        }
    }

    /// Reads `terminal` by `inner` as it is, until [`follow`](Keys::follow) says otherwise.
    pub(in crate::local) fn following(
        inner: R,
        terminal: OwnedFd,
        escape: Option<Key>,
        cx: Cx<'_>,
    ) -> Keys<R> {
        Keys {
            inner,
            terminal,
            wanted: None,
            changed: None,
            leads_out: false,
            announced: false,
            escape: escape.map(|key| (key, Machine::new(key))),
            typed: Vec::new(),
            over: None,
            env: cx.env.clone(),
            at: cx.at.to_owned(),
        }
    }

    /// Whether the person asked to leave.
    pub(in crate::local) fn has_quit(&self) -> bool {
        self.over == Some(Over::Quit)
    }

    fn say(&self, text: &str) {
        self.env.say(Level::Info, &self.at, text);
    }

    /// Takes what is typed as the other side wants it, from the next read on.
    pub(in crate::local) fn follow(&mut self, typing: Typing) {
        self.leads_out = true;
        self.wanted = match typing {
            Typing::Lines => None,
            Typing::Hidden => Some(Mode::Hidden),
            Typing::Keys => Some(Mode::Raw),
        };
    }

    /// Puts the terminal into the mode that is wanted, and says once how to get out.
    fn enter(&mut self) -> io::Result<()> {
        if self.leads_out && !self.announced {
            self.announced = true;
            if let Some((key, _)) = &self.escape {
                self.say(&format!(
                    "escape key is {key}: {key} . quits, {key} ? helps"
                ));
            }
        }
        if self.wanted == self.changed.as_ref().map(|(mode, _)| *mode) {
            return Ok(());
        }
        // The kernel would stop us as soon as we touched it. A terminal that is not our own
        // tells nothing, and lets everybody touch it.
        if let Ok(false) = tty::in_foreground(&self.terminal) {
            let text = "a job in the background cannot make its terminal raw";
            return Err(Error::new(Op::Open, Kind::Local, text)
                .hint("start it in the foreground")
                .into());
        }
        // First as it was: each mode is put back to what it found.
        self.changed = None;
        if let Some(mode) = self.wanted {
            self.changed = Some((mode, Changed::enter(&self.terminal, mode)?));
        }
        Ok(())
    }

    fn help(&self, key: Key) {
        self.say(&format!(
            "{key} . or {key} q quits; {key} {key} sends {key}; {key} ? shows this"
        ));
    }

    /// Sees to what the machine has made out, up to the next keys for the peer.
    fn take_events(&mut self) {
        while let Some((key, machine)) = &mut self.escape {
            let key = *key;
            match machine.poll_event() {
                Some(Event::Data(data)) => {
                    self.typed = data;
                    return;
                }
                Some(Event::Quit) => self.over = Some(Over::Quit),
                Some(Event::Help) => self.help(key),
                None => return,
            }
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Keys<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.enter()?;
        loop {
            if this.typed.is_empty() {
                this.take_events();
            }
            if !this.typed.is_empty() {
                let n = this.typed.len().min(buf.remaining());
                buf.put_slice(this.typed.get(..n).unwrap_or_default());
                this.typed.drain(..n);
                return Poll::Ready(Ok(()));
            }
            if this.over.is_some() {
                return Poll::Ready(Ok(()));
            }
            let Some((_, machine)) = this.escape.as_mut().filter(|_| this.leads_out) else {
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            };
            let mut space = [0; 1024];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                machine.handle_end();
                this.over = Some(Over::Ended);
            }
            machine.handle_input(read.filled());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::local::terminal::{is_raw, restore};
    use crate::local::testing::{Kept, soon};

    fn context(env: &Env) -> Cx<'_> {
        Cx {
            env,
            net: &env.net,
            at: "stdio:",
            origin: None,
        }
    }

    // One test, because there is one terminal in a process.
    #[tokio::test]
    async fn a_terminal_is_raw_from_the_first_read_until_it_is_dropped() {
        let pty = tty::open_pty().unwrap();
        let (log, env): (Arc<Kept>, Env) = Kept::env();
        let (mut typist, typed) = tokio::io::duplex(64);
        let terminal = || pty.slave.try_clone().unwrap();
        let key = Some(Key::DEFAULT);
        let mut keys = Keys::raw(typed, terminal(), key, context(&env));
        assert!(!is_raw() && log.lines.lock().unwrap().is_empty());

        typist.write_all(b"a\x03\x1d?\x1d\x1db").await.unwrap();
        let mut got = [0; 4];
        soon(keys.read_exact(&mut got)).await.unwrap();
        assert_eq!(&got, b"a\x03\x1db");
        assert!(is_raw());
        let said = log.lines.lock().unwrap().clone();
        assert!(said[0].starts_with("escape key is ^]"), "{said:?}");
        assert!(said[1].contains("^] ^] sends ^]"), "{said:?}");

        typist.write_all(b"c\x1d.lost").await.unwrap();
        let mut rest = Vec::new();
        soon(keys.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, b"c");
        assert!(keys.has_quit());
        drop(keys);
        assert!(!is_raw());
        // It echoes again, so the line that is typed comes back.
        File::from(pty.master.try_clone().unwrap())
            .write_all(b"x\n")
            .unwrap();
        let mut echo = [0; 3];
        std::io::Read::read_exact(&mut File::from(pty.master.try_clone().unwrap()), &mut echo)
            .unwrap();
        assert_eq!(&echo, b"x\r\n");

        let (mut typist, typed) = tokio::io::duplex(64);
        let mut keys = Keys::raw(typed, terminal(), None, context(&env));
        typist.write_all(b"\x1d.").await.unwrap();
        drop(typist);
        let mut all = Vec::new();
        soon(keys.read_to_end(&mut all)).await.unwrap();
        assert_eq!(all, b"\x1d.", "without an escape key every key is data");
        assert!(is_raw() && !keys.has_quit());
        restore();
        assert!(!is_raw());
        drop(keys);

        // One that follows the other side is as that wants it, and as it was in between.
        let echoes = || {
            let modes = rustix::termios::tcgetattr(&pty.slave).unwrap();
            modes
                .local_modes
                .contains(rustix::termios::LocalModes::ECHO)
        };
        let (mut typist, typed) = tokio::io::duplex(64);
        let mut keys = Keys::following(typed, terminal(), key, context(&env));
        let mut octet = [0; 2];
        typist.write_all(b"\x1d.").await.unwrap();
        soon(keys.read_exact(&mut octet)).await.unwrap();
        assert_eq!(&octet, b"\x1d.", "nobody has asked for anything");
        for (typing, raw, echo) in [
            (Typing::Hidden, false, false),
            (Typing::Keys, true, false),
            (Typing::Lines, false, true),
            (Typing::Keys, true, false),
        ] {
            keys.follow(typing);
            typist.write_all(b"ab").await.unwrap();
            soon(keys.read_exact(&mut octet)).await.unwrap();
            assert_eq!((is_raw(), echoes()), (raw, echo), "{typing:?}");
        }
        typist.write_all(b"\x1d.").await.unwrap();
        assert_eq!(soon(keys.read(&mut octet)).await.unwrap(), 0);
        assert!(keys.has_quit());
        let said = log.lines.lock().unwrap().clone();
        assert_eq!(said.len(), 3, "the key is announced once: {said:?}");
        drop(keys);
        assert!(!is_raw() && echoes());
    }

    #[tokio::test]
    async fn what_is_no_terminal_cannot_be_raw() {
        let file = tempfile::tempfile().unwrap();
        let env = Env::new();
        let mut keys = Keys::raw(&b"a"[..], file.into(), None, context(&env));
        assert!(soon(keys.read_u8()).await.is_err());
    }
}
