//! Who fetches which part of a whole: one connection, or several that share the work. No I/O.
//!
//! Each connection works on a piece from its start to its end. One that has finished takes what nobody
//! works on, or else the rear half of the largest piece, so that the last octets come at the rate of all.
//! Not here: what has reached the disk (`writer.rs`), connections (`get/`).

use super::ranges::Ranges;

/// A piece that is shorter is not divided: opening a connection for it takes longer.
pub(super) const LEAST: u64 = 1 << 20;

/// The end of a piece whose end is not known.
const OPEN_END: u64 = u64::MAX;

/// A piece that one connection works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Which it is: no two of one transfer have the same.
    pub(super) id: u64,
    /// The next octet to come.
    pub(super) at: u64,
    /// Where it ends, exclusive; `u64::MAX` if that is not known.
    end: u64,
}

impl Piece {
    /// The last octet, inclusive, where it is known.
    pub(super) fn last(&self) -> Option<u64> {
        (self.end != OPEN_END).then(|| self.end.saturating_sub(1))
    }
}

/// The work that is left, and who does it.
#[derive(Debug)]
pub(super) struct Pieces {
    size: Option<u64>,
    taken: Ranges,
    active: Vec<Piece>,
    next_id: u64,
}

impl Pieces {
    /// A whole of `size` octets, where that is known, of which `there` is there.
    pub(super) fn new(size: Option<u64>, there: Ranges) -> Pieces {
        Pieces {
            size,
            taken: there,
            active: Vec::new(),
            next_id: 0,
        }
    }

    /// How many octets there are in all, where it is known.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Takes a piece to work on: the first gap that nobody works on, or the rear half of the largest piece.
    /// `None` if nothing is left that is worth a connection.
    pub(super) fn take(&mut self) -> Option<Piece> {
        let end = self.size.unwrap_or(OPEN_END);
        let works = |start: u64, active: &[Piece]| {
            let mut here = active.iter();
            here.any(|piece| piece.at <= start && start < piece.end)
        };
        let gaps = self.taken.gaps(end);
        let free = gaps.into_iter().find_map(|gap| {
            // A connection works from the start of a gap on, and may have been cut short.
            let mut start = gap.start;
            while start < gap.end && works(start, &self.active) {
                let here = self
                    .active
                    .iter()
                    .filter(|p| p.at <= start && start < p.end);
                start = here.map(|piece| piece.end).max().unwrap_or(gap.end);
            }
            let behind = self
                .active
                .iter()
                .map(|piece| piece.at)
                .filter(|at| *at >= start);
            let stop = behind.min().unwrap_or(gap.end).min(gap.end);
            (start < stop).then_some((start, stop))
        });
        let (at, end) = free.or_else(|| self.split())?;
        let piece = Piece {
            id: self.next_id,
            at,
            end,
        };
        self.next_id += 1;
        self.active.push(piece);
        Some(piece)
    }

    /// Cuts the largest piece in two, and gives its rear half.
    fn split(&mut self) -> Option<(u64, u64)> {
        let known = self.active.iter_mut().filter(|piece| piece.end != OPEN_END);
        let largest = known.max_by_key(|piece| piece.end - piece.at)?;
        let left = largest.end - largest.at;
        if left < 2 * LEAST {
            return None;
        }
        let (middle, end) = (largest.at + left.div_ceil(2), largest.end);
        largest.end = middle;
        Some((middle, end))
    }

    /// The piece as it is now; `None` once it was given back.
    pub(super) fn piece(&self, id: u64) -> Option<Piece> {
        self.active.iter().find(|piece| piece.id == id).copied()
    }

    /// How many octets its piece has left; 0 if it is finished or was given back.
    pub(super) fn left(&self, id: u64) -> u64 {
        self.piece(id).map_or(0, |piece| piece.end - piece.at)
    }

    /// `octets` of the piece have come, in order; not more than are [`left`](Pieces::left) count.
    pub(super) fn came(&mut self, id: u64, octets: u64) {
        if let Some(piece) = self.active.iter_mut().find(|piece| piece.id == id) {
            let to = piece.at.saturating_add(octets).min(piece.end);
            self.taken.add(piece.at..to);
            piece.at = to;
        }
    }

    /// Nobody works on the piece any more; what is left of it is for others.
    pub(super) fn give_back(&mut self, id: u64) {
        self.active.retain(|piece| piece.id != id);
    }

    /// The source of a whole of unknown size has come to its end.
    pub(super) fn ended(&mut self) {
        self.size = self.size.or(Some(self.taken.prefix()));
    }

    /// Whether everything has come.
    pub(super) fn is_complete(&self) -> bool {
        self.size
            .is_some_and(|size| self.taken.gaps(size).is_empty())
    }

    /// How many octets have come.
    pub(super) fn octets(&self) -> u64 {
        self.taken.octets()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn one_connection_works_from_the_start_to_the_end() {
        let mut pieces = Pieces::new(Some(100), Ranges::default());
        let piece = pieces.take().unwrap();
        assert_eq!((piece.at, piece.last()), (0, Some(99)));
        assert_eq!(pieces.take(), None, "what is left is not worth a second");
        pieces.came(piece.id, 60);
        assert_eq!(pieces.left(piece.id), 40);
        pieces.came(piece.id, 1000);
        assert!(pieces.is_complete());
        assert_eq!(pieces.octets(), 100);
    }

    #[test]
    fn several_share_and_the_idle_take_from_the_busy() {
        let mut pieces = Pieces::new(Some(64 * MB), Ranges::default());
        let all: Vec<Piece> = (0..4).map(|_| pieces.take().unwrap()).collect();
        let starts: Vec<u64> = all.iter().map(|piece| piece.at / MB).collect();
        assert_eq!(starts, [0, 32, 48, 16]);
        for piece in &all[1..] {
            pieces.came(piece.id, 16 * MB);
            pieces.give_back(piece.id);
        }
        // Only the first is left, and 16 MiB of it: half of that is taken from it.
        let next = pieces.take().unwrap();
        assert_eq!((next.at / MB, next.last()), (8, Some(16 * MB - 1)));
        assert_eq!(pieces.left(all[0].id), 8 * MB);
    }

    #[test]
    fn what_was_given_back_is_for_others() {
        let mut pieces = Pieces::new(Some(10 * MB), std::iter::once(2 * MB..4 * MB).collect());
        let first = pieces.take().unwrap();
        assert_eq!((first.at, first.last()), (0, Some(2 * MB - 1)));
        let second = pieces.take().unwrap();
        assert_eq!((second.at, second.last()), (4 * MB, Some(10 * MB - 1)));
        pieces.came(second.id, MB);
        pieces.give_back(second.id);
        let third = pieces.take().unwrap();
        assert_eq!((third.at, third.last()), (5 * MB, Some(10 * MB - 1)));
    }

    #[test]
    fn an_unknown_size_is_known_at_the_end() {
        let mut pieces = Pieces::new(None, Ranges::default());
        let piece = pieces.take().unwrap();
        assert_eq!((piece.last(), pieces.take()), (None, None));
        pieces.came(piece.id, 7);
        assert!(!pieces.is_complete());
        pieces.ended();
        assert_eq!((pieces.size(), pieces.is_complete()), (Some(7), true));
    }

    proptest! {
        /// However connections come, go and fail, every octet comes once and all of them come.
        #[test]
        fn everything_comes_once(size in 1u64..20 * MB, steps in proptest::collection::vec((0usize..4, 0u64..4 * MB), 0..80)) {
            let mut pieces = Pieces::new(Some(size), Ranges::default());
            let mut workers: [Option<u64>; 4] = [None; 4];
            let mut came = 0;
            let work = |pieces: &mut Pieces, id: u64, octets: u64| {
                let octets = octets.min(pieces.left(id));
                let before = pieces.octets();
                pieces.came(id, octets);
                assert_eq!(pieces.octets(), before + octets);
                octets
            };
            for (n, octets) in steps {
                match workers[n] {
                    None => workers[n] = pieces.take().map(|piece| piece.id),
                    Some(id) if octets % 5 == 0 => { pieces.give_back(id); workers[n] = None; }
                    Some(id) => {
                        came += work(&mut pieces, id, octets);
                        if pieces.left(id) == 0 { pieces.give_back(id); workers[n] = None; }
                    }
                }
            }
            for id in workers.into_iter().flatten() { pieces.give_back(id); }
            while let Some(piece) = pieces.take() {
                came += work(&mut pieces, piece.id, u64::MAX);
                pieces.give_back(piece.id);
            }
            prop_assert!(pieces.is_complete());
            prop_assert_eq!(came, size);
        }
    }
}
