//! When much that was open has gone: the moment to give its memory back to the kernel.
//!
//! The allocator keeps what was freed, in case as much comes again. After a storm that is megabytes
//! that nobody uses; asking for them costs a millisecond, so it is done once an ebb.
//! Not here: giving back (`wharf_sys::process::trim_memory`).

/// Fewer than so many are not worth the trouble.
const MANY: usize = 256;

/// How high the tide was since the last ebb.
#[derive(Debug, Default)]
pub(super) struct Tide {
    high: usize,
}

impl Tide {
    /// Notes how many are open now; `true` if that is far fewer than there were.
    pub(super) fn ebbs(&mut self, open: usize) -> bool {
        let ebbs = self.high >= MANY && open <= self.high / 4;
        self.high = match ebbs {
            true => open,
            false => self.high.max(open),
        };
        ebbs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ebb_is_seen_once() {
        let mut tide = Tide::default();
        let rising = (0..=10_000).any(|open| tide.ebbs(open));
        assert!(!rising);
        let falling: Vec<usize> = (0..10_000).rev().filter(|open| tide.ebbs(*open)).collect();
        assert_eq!(falling, [2500, 625, 156]);
    }

    #[test]
    fn few_that_come_and_go_are_no_tide() {
        let mut tide = Tide::default();
        for _ in 0..1000 {
            assert!(!tide.ebbs(255) && !tide.ebbs(0));
        }
    }
}
