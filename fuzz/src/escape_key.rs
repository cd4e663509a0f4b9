//! [`wharf_proto::local::escape_key`]: no key is lost on the way to the peer.
//!
//! The first octet is the size of the pieces, the rest is what is typed.

use wharf_proto::local::escape_key::{Event, Key, Machine};

/// The octet of [`Key::DEFAULT`].
const KEY: u8 = 0x1d;

/// Checks that the events are those that the keys mean, however the input is cut.
pub fn check(input: &[u8]) {
    let (choice, typed) = crate::choice(input);
    let mut machine = Machine::new(Key::DEFAULT);
    let mut events = Vec::new();
    for piece in typed.chunks(1 + choice) {
        machine.handle_input(piece);
        events.extend(std::iter::from_fn(|| machine.poll_event()));
    }
    machine.handle_end();
    events.extend(std::iter::from_fn(|| machine.poll_event()));
    assert_eq!(join(events), expected(typed));
}

/// `events` with neighbouring data joined.
fn join(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (_, Event::Data(data)) if data.is_empty() => panic!("empty data"),
            (Some(Event::Data(data)), Event::Data(more)) => data.extend(more),
            (_, event) => joined.push(event),
        }
    }
    joined
}

/// What `typed` means, read at one go.
fn expected(typed: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = typed;
    loop {
        let (data, after): (&[u8], _) = match rest {
            [] => break,
            [KEY, b'.' | b'q', ..] => {
                events.push(Event::Quit);
                break;
            }
            [KEY, b'?', after @ ..] => {
                events.push(Event::Help);
                (&[], after)
            }
            [KEY, KEY, after @ ..] => (&[KEY], after),
            [KEY, other, after @ ..] => (&[KEY, *other], after),
            [octet, after @ ..] => (std::slice::from_ref(octet), after),
        };
        if !data.is_empty() {
            events.push(Event::Data(data.into()));
        }
        rest = after;
    }
    join(events)
}
