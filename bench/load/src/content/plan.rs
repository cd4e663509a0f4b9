//! What will happen on one connection, as both ends know it: 41 octets at its beginning.
//!
//! Most connections are short, some are long, some say nothing in one direction. One in eight is
//! reset somewhere, by one side or the other.

use super::octets::{Random, mix};

pub(super) const LEN: usize = 41;
const MAGIC: u64 = 0x7768_6172_662D_6C64;
/// The first octet of a plan, which no other load begins with.
pub(super) const FIRST: u8 = 0x77;

/// Who resets, after having sent so much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kill {
    Nobody,
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Octets from the client, and from the server; an echo has no stream of its own.
    pub(super) up: u64,
    pub(super) down: u64,
    pub(super) echo: bool,
    pub(super) kill: Kill,
    /// How much the one who resets sends before it does.
    pub(super) kill_at: u64,
}

impl Plan {
    pub(super) fn new(seed: u64, most: u64, kills: bool) -> Self {
        let mut random = Random::new(seed);
        let mut len = || {
            let most = match random.below(8) {
                0 => 0,
                1..=4 => 16 << 10,
                5 | 6 => most / 16,
                _ => most,
            };
            random.below(most + 1)
        };
        let (up, down) = (len(), len());
        let echo = random.below(3) == 0;
        let down = if echo { up } else { down };
        let kill = match random.below(16) {
            0 if kills => Kill::Client,
            1 if kills => Kill::Server,
            _ => Kill::Nobody,
        };
        let sent = if kill == Kill::Client { up } else { down };
        Self {
            seed,
            up,
            down,
            echo,
            kill,
            kill_at: random.below(sent + 1),
        }
    }

    /// The seed of what the server sends.
    pub(super) fn down_seed(&self) -> u64 {
        if self.echo { self.seed } else { mix(self.seed) }
    }

    pub(super) fn emit(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        let words = [MAGIC, self.seed, self.up, self.down, self.kill_at];
        for (place, word) in out.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        let kill = match self.kill {
            Kill::Nobody => 0,
            Kill::Client => 1,
            Kill::Server => 2,
        };
        out[LEN - 1] = kill | u8::from(self.echo) << 7;
        out
    }

    /// The plan in these octets, or `None` if they are none: something was changed on the way.
    pub(super) fn parse(input: &[u8; LEN]) -> Option<Self> {
        let mut words = input.chunks_exact(8).map(|word| {
            let word = word.try_into().unwrap_or_default();
            u64::from_be_bytes(word)
        });
        let (magic, seed, up) = (words.next()?, words.next()?, words.next()?);
        let (down, kill_at) = (words.next()?, words.next()?);
        let last = input[LEN - 1];
        let kill = match last & 0x7F {
            0 => Kill::Nobody,
            1 => Kill::Client,
            2 => Kill::Server,
            _ => return None,
        };
        (magic == MAGIC).then_some(Self {
            seed,
            up,
            down,
            echo: last & 0x80 != 0,
            kill,
            kill_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_the_way() {
        for seed in 0..200 {
            let plan = Plan::new(seed, 1 << 20, true);
            assert_eq!(Plan::parse(&plan.emit()), Some(plan));
        }
        assert_eq!(Plan::parse(&[0; LEN]), None);
    }
}
