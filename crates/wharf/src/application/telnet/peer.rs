//! What a peer has told of itself: its terminal, and who it says that it is.

use std::fmt;

use wharf_proto::application::telnet::Size;

use crate::socket::info::Terminal;

/// What the peer has told of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    pub(super) kind: Option<String>,
    pub(super) size: Option<Size>,
    pub(super) user: Option<String>,
}

impl Peer {
    /// Its terminal, where it has said anything of it.
    pub(super) fn terminal(&self) -> Option<Box<Terminal>> {
        let size = self.size.map(|size| (size.columns, size.rows));
        let known = self.kind.is_some() || size.is_some();
        known.then(|| {
            Box::new(Terminal {
                kind: self.kind.clone(),
                size,
            })
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_deref().unwrap_or("unknown");
        write!(f, "the peer's terminal is {kind}")?;
        if let Some(Size { columns, rows }) = self.size {
            write!(f, ", {columns}x{rows}")?;
        }
        match &self.user {
            Some(user) => write!(f, ", its user {user}"),
            None => Ok(()),
        }
    }
}
