//! One option of one side, negotiated by the Q method: no answer answers an answer, so no loop.
//!
//! Source: RFC 1143, section 7, whose state names these are. A peer that violates it is followed in
//! the way that the RFC proposes.
//! Not here: options that nobody knows, which need no state but that they were refused (`machine`).

/// What is wanted of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// That it is in use.
    On,
    /// That it is not.
    Off,
}

/// Whether the opposite was asked for while an answer was awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Empty,
    Opposite,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    No,
    Yes,
    WantNo(Queue),
    WantYes(Queue),
}

/// An option of one side: of ours, or of the peer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Negotiation {
    state: State,
}

impl Negotiation {
    /// An option that is not in use, as every one at the beginning.
    pub const fn new() -> Self {
        Self { state: State::No }
    }

    /// Whether both sides have agreed to use it.
    pub const fn is_on(self) -> bool {
        matches!(self.state, State::Yes)
    }

    /// Whether it is in use, or was asked for and will be unless that is refused.
    pub const fn is_promised(self) -> bool {
        matches!(self.state, State::Yes | State::WantYes(Queue::Empty))
    }

    /// Whether an answer is awaited.
    pub const fn is_open(self) -> bool {
        matches!(self.state, State::WantNo(_) | State::WantYes(_))
    }

    /// Asks for it to be so; returns what has to be said, if anything has to.
    pub fn ask(&mut self, wish: Wish) -> Option<Wish> {
        let (state, say) = match (self.state, wish) {
            (State::No, Wish::On) => (State::WantYes(Queue::Empty), Some(Wish::On)),
            (State::Yes, Wish::Off) => (State::WantNo(Queue::Empty), Some(Wish::Off)),
            (State::WantNo(_), Wish::On) => (State::WantNo(Queue::Opposite), None),
            (State::WantNo(_), Wish::Off) => (State::WantNo(Queue::Empty), None),
            (State::WantYes(_), Wish::Off) => (State::WantYes(Queue::Opposite), None),
            (State::WantYes(_), Wish::On) => (State::WantYes(Queue::Empty), None),
            (state, _) => (state, None),
        };
        self.state = state;
        say
    }

    /// The peer says so (WILL or DO is [`Wish::On`]); `policy` is what we let it have. Returns what
    /// has to be answered, if anything has to.
    pub fn handle(&mut self, said: Wish, policy: Wish) -> Option<Wish> {
        let (state, say) = match (self.state, said) {
            (State::No, Wish::On) if policy == Wish::On => (State::Yes, Some(Wish::On)),
            (State::No, Wish::On) => (State::No, Some(Wish::Off)),
            (State::Yes, Wish::Off) => (State::No, Some(Wish::Off)),
            // A "no" that is answered by "yes" is an error; it is taken for what we asked for.
            (State::WantNo(Queue::Empty), Wish::On) => (State::No, None),
            (State::WantNo(Queue::Opposite), Wish::On) => (State::Yes, None),
            (State::WantNo(Queue::Empty), Wish::Off) => (State::No, None),
            (State::WantNo(Queue::Opposite), Wish::Off) => {
                (State::WantYes(Queue::Empty), Some(Wish::On))
            }
            (State::WantYes(Queue::Empty), Wish::On) => (State::Yes, None),
            (State::WantYes(Queue::Opposite), Wish::On) => {
                (State::WantNo(Queue::Empty), Some(Wish::Off))
            }
            (State::WantYes(_), Wish::Off) => (State::No, None),
            (state @ (State::No | State::Yes), _) => (state, None),
        };
        self.state = state;
        say
    }
}
