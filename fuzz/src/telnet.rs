//! [`wharf_proto::application::telnet`]: any peer is understood the same however it is cut, what is
//! written is read, and two machines come to rest.
//!
//! The first octet chooses role and wishes, the second the size of the pieces; the rest is what the
//! peer sends, and then data to be sent.

use wharf_proto::application::telnet::{
    Decoder, Encoder, Error, Event, LineEnds, Machine, Role, Size, Token, Typing, Variable, Wish,
    Wishes,
};

const ENDS: [LineEnds; 4] = [
    LineEnds::Binary,
    LineEnds::Lines,
    LineEnds::Keys,
    LineEnds::Screen,
];

/// How long a subnegotiation may be here.
const LIMIT: usize = 32;

/// What a stream came to: data, other events, what was answered, how it ended.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    data: Vec<u8>,
    events: Vec<Event>,
    said: Vec<u8>,
    wrong: Option<Error>,
}

/// Checks everything that has to hold.
pub fn check(input: &[u8]) {
    let (choice, rest) = crate::choice(input);
    let (cut, stream) = crate::choice(rest);
    let wishes = wishes(choice);

    let whole = hear(&mut Machine::new(wishes.clone()), &[stream]);
    let pieces: Vec<_> = stream.chunks(1 + cut).collect();
    let mut machine = Machine::new(wishes.clone());
    let in_pieces = hear(&mut machine, &pieces);
    assert_eq!(in_pieces, whole, "in pieces");
    assert!(whole.data.len() <= stream.len());
    // Each command of the peer has two answers at most, and none is longer than what we know.
    let commands = stream.iter().filter(|octet| **octet == 0xff).count();
    assert!(whole.said.len() <= commands * (LIMIT * 2 + 80), "answers");

    for ends in ENDS {
        written_is_read(stream, cut, ends);
    }
    let other = Machine::new(self::wishes(cut));
    come_to_rest(Machine::new(wishes), other, choice);
}

fn wishes(choice: usize) -> Wishes {
    let role = [Role::Client, Role::Server][choice & 1];
    let wish = |bits: usize| [None, None, Some(Wish::On), Some(Wish::Off)][bits & 3];
    let told = choice & 32 != 0;
    Wishes {
        binary: wish(choice >> 1),
        echo: wish(choice >> 3),
        terminals: told.then(|| "xterm".to_owned()).into_iter().collect(),
        size: told.then_some(Size {
            columns: 255,
            rows: 24,
        }),
        environment: told
            .then(|| Variable {
                name: "USER".to_owned(),
                value: "a".to_owned(),
            })
            .into_iter()
            .collect(),
        subnegotiation_limit: LIMIT,
        ..Wishes::new(role)
    }
}

/// Puts what the peer sends into the machine.
fn hear(machine: &mut Machine, pieces: &[&[u8]]) -> Seen {
    let mut seen = Seen::default();
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let step = match machine.parse(rest, &mut seen.said) {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(wrong) => {
                    seen.wrong = Some(wrong);
                    return seen;
                }
            };
            match step.event {
                Some(Event::Data(range)) => {
                    assert!(!range.is_empty() && range.end <= step.used);
                    seen.data.extend_from_slice(&rest[range]);
                }
                Some(Event::Octet(octet)) => seen.data.push(octet),
                Some(event) => seen.events.push(event),
                None => assert!(step.used > 0, "no progress"),
            }
            rest = &rest[step.used..];
        }
    }
    match machine.finish() {
        Ok(octet) => seen.data.extend(octet),
        Err(wrong) => seen.wrong = Some(wrong),
    }
    seen
}

fn written_is_read(data: &[u8], cut: usize, ends: LineEnds) {
    let (mut encoder, mut wire) = (Encoder::new(), Vec::new());
    for piece in data.chunks(1 + cut) {
        let plain = encoder.plain(piece, ends);
        let (now, later) = piece.split_at(plain);
        wire.extend_from_slice(now);
        if !now.is_empty() {
            encoder.handle_sent(now, ends);
        }
        encoder.emit(later, ends, &mut wire);
    }
    encoder.settle(&mut wire);
    assert!(wire.len() <= 2 * data.len() + 1);
    let (mut decoder, mut read) = (Decoder::new(LIMIT), Vec::new());
    for piece in wire.chunks(1 + cut / 2) {
        let mut rest = piece;
        while let Some((used, token)) = decoder.parse(rest, ends).expect("only data") {
            match token {
                Token::Data(range) => read.extend_from_slice(&rest[range]),
                Token::HeldCr => read.push(b'\r'),
                Token::Nothing => {}
                other => panic!("{other:?} was never written"),
            }
            rest = &rest[used..];
        }
    }
    if decoder.finish().expect("only data").is_some() {
        read.push(b'\r');
    }
    assert_eq!(read, data, "{ends:?}");
}

/// Two machines that want whatever they want have nothing to say in the end.
fn come_to_rest(mut a: Machine, mut b: Machine, choice: usize) {
    let (mut to_b, mut to_a) = (Vec::new(), Vec::new());
    a.start(&mut to_b);
    b.start(&mut to_a);
    let typing = [Typing::Keys, Typing::Hidden, Typing::Lines][choice % 3];
    a.want(typing, &mut to_b);
    b.want(typing, &mut to_a);
    for _ in 0..40 {
        if to_a.is_empty() && to_b.is_empty() {
            assert!(!a.is_waiting() && !b.is_waiting());
            return;
        }
        let answers = hear(&mut b, &[&to_b]);
        let replies = hear(&mut a, &[&to_a]);
        assert_eq!((&answers.wrong, &replies.wrong), (&None, &None));
        (to_b, to_a) = (replies.said, answers.said);
    }
    panic!("they never stop");
}
