//! The size of a window, as it is told in NAWS.
//!
//! Source: RFC 1073: columns and rows, 16 bits each, highest octet first; 0 leaves it to the server.

/// The size of a window, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line; 0 if that is not known.
    pub columns: u16,
    /// Lines; 0 if that is not known.
    pub rows: u16,
}

impl Size {
    /// Reads the body of a subnegotiation; `None` if it is of another length.
    pub const fn parse(body: &[u8]) -> Option<Self> {
        match *body {
            [c1, c0, r1, r0] => Some(Self {
                columns: u16::from_be_bytes([c1, c0]),
                rows: u16::from_be_bytes([r1, r0]),
            }),
            _ => None,
        }
    }

    /// The body of a subnegotiation.
    pub const fn emit(self) -> [u8; 4] {
        let ([c1, c0], [r1, r0]) = (self.columns.to_be_bytes(), self.rows.to_be_bytes());
        [c1, c0, r1, r0]
    }
}
