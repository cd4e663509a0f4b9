//! The frames of HTTP/2 as they pass: how many octets of them are DATA.
//!
//! Source: RFC 9113, sections 4.1 and 6.1. What else an engine writes (an answer to PING, a window) says
//! nothing of whether a peer takes the content of an answer.
//! Not here: what frames mean, the preface of a client, padding, which servers seldom add.

/// The octets before each payload.
const HEAD: usize = 9;

/// The type of the frames that carry content.
const DATA: u8 = 0x0;

/// How far a sequence of frames was read.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    head: [u8; HEAD],
    have: usize,
    /// Octets of the payload that are still to come.
    left: usize,
}

impl Frames {
    /// At the beginning of a frame.
    pub const fn new() -> Frames {
        Frames {
            head: [0; HEAD],
            have: 0,
            left: 0,
        }
    }

    /// Reads on, wherever `octets` is cut. Returns how many of them are the payload of DATA.
    pub fn content(&mut self, octets: &[u8]) -> usize {
        let (mut rest, mut content) = (octets, 0);
        while !rest.is_empty() {
            let wanted = match self.left {
                0 => HEAD - self.have,
                left => left,
            };
            let (now, later) = rest.split_at(wanted.min(rest.len()));
            rest = later;
            if self.left > 0 {
                self.left -= now.len();
                let [_, _, _, kind, ..] = self.head;
                content += if kind == DATA { now.len() } else { 0 };
                continue;
            }
            for (place, octet) in self.head.iter_mut().skip(self.have).zip(now) {
                *place = *octet;
            }
            self.have += now.len();
            if self.have == HEAD {
                let [a, b, c, ..] = self.head;
                let len = u32::from_be_bytes([0, a, b, c]);
                self.left = usize::try_from(len).unwrap_or(usize::MAX);
                self.have = 0;
            }
        }
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let len = (payload.len() as u32).to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind, 0, 0, 0, 0, 1];
        frame.extend(payload);
        frame
    }

    #[test]
    fn only_data_is_content() {
        let mut frames = Frames::new();
        // SETTINGS without any, an answer to PING, HEADERS.
        let others = [frame(4, &[]), frame(6, &[0; 8]), frame(1, &[0x88])].concat();
        assert_eq!(frames.content(&others), 0);
        assert_eq!(frames.content(&frame(0, &[7; 70_000])), 70_000);
        assert_eq!(frames.content(&frame(0, &[])), 0);
        assert_eq!(frames.content(&frame(0, b"x")), 1);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            sent in prop::collection::vec((0u8..10, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            len in 1usize..20,
        ) {
            let all: Vec<u8> = sent.iter().flat_map(|(kind, payload)| frame(*kind, payload)).collect();
            let content: usize = sent.iter().filter(|(kind, _)| *kind == 0).map(|(_, p)| p.len()).sum();
            let (mut whole, mut parts) = (Frames::new(), Frames::new());
            prop_assert_eq!(whole.content(&all), content);
            let counted: usize = all.chunks(len).map(|part| parts.content(part)).sum();
            prop_assert_eq!(counted, content);
        }
    }
}
