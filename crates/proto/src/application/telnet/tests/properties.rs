//! What holds for any octets, any cut, and any two machines.

use alloc::borrow::ToOwned;

use proptest::prelude::*;

use super::*;

const ENDS: [LineEnds; 4] = [
    LineEnds::Binary,
    LineEnds::Lines,
    LineEnds::Keys,
    LineEnds::Screen,
];

/// Octets of which most mean something.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(
        &b"\xff\xff\xff\xfa\xf0\xfb\xfc\xfd\xfe\r\r\n\0\x01\x18\x1f\x27\x06\x03\xf6ax"[..],
    );
    prop::collection::vec(prop_oneof![9 => telling, 1 => any::<u8>()], 0..60)
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let wish = || prop::option::of(prop_oneof![Just(Wish::On), Just(Wish::Off)]);
    let role = prop_oneof![Just(Role::Client), Just(Role::Server)];
    let names = prop::sample::subsequence(&["unknown", "xterm", "vt100"][..], 0..=3);
    let size = prop::option::of((any::<u16>(), any::<u16>()));
    (role, wish(), wish(), names, size, any::<bool>()).prop_map(
        |(role, binary, echo, names, size, user)| Wishes {
            binary,
            echo,
            terminals: names.into_iter().map(ToOwned::to_owned).collect(),
            size: size.map(|(columns, rows)| Size { columns, rows }),
            environment: user
                .then(|| Variable {
                    name: "USER".to_owned(),
                    value: "a".to_owned(),
                })
                .into_iter()
                .collect(),
            ..Wishes::new(role)
        },
    )
}

fn typing() -> impl Strategy<Value = Typing> {
    prop_oneof![
        Just(Typing::Lines),
        Just(Typing::Hidden),
        Just(Typing::Keys)
    ]
}

/// `data` in pieces of `len`, none of them empty.
fn pieces(data: &[u8], len: usize) -> Vec<&[u8]> {
    data.chunks(len.max(1)).collect()
}

/// Data alone, read with the same line ends throughout.
fn read(pieces: &[&[u8]], ends: LineEnds) -> Vec<u8> {
    let (mut decoder, mut data) = (Decoder::new(100), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while let Some((used, token)) = decoder.parse(rest, ends).unwrap() {
            match token {
                Token::Data(range) => data.extend_from_slice(&rest[range]),
                Token::HeldCr => data.push(b'\r'),
                _ => {}
            }
            rest = &rest[used..];
        }
    }
    if decoder.finish().unwrap().is_some() {
        data.push(b'\r');
    }
    data
}

/// Runs two machines against each other until neither has anything to say; what each said.
fn settle(a: &mut Machine, b: &mut Machine, from_a: Vec<u8>, from_b: Vec<u8>) -> [usize; 2] {
    let (mut to_b, mut to_a) = (from_a, from_b);
    let mut said = [to_b.len(), to_a.len()];
    for _ in 0..40 {
        if to_a.is_empty() && to_b.is_empty() {
            return said;
        }
        let (_, answers) = feed(b, &[&to_b]);
        let (_, replies) = feed(a, &[&to_a]);
        (to_b, to_a) = (replies, answers);
        said[0] += to_b.len();
        said[1] += to_a.len();
    }
    panic!("they never stop: {said:?}");
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_events(
        input in octets(),
        len in 1_usize..8,
        wishes in wishes(),
        want in typing(),
    ) {
        let run = |pieces: &[&[u8]]| {
            let mut machine = Machine::new(wishes.clone());
            machine.start(&mut Vec::new());
            machine.want(want, &mut Vec::new());
            let seen = feed(&mut machine, pieces);
            (seen, machine.finish(), machine.typing())
        };
        prop_assert_eq!(run(&pieces(&input, len)), run(&[&input]));
    }

    #[test]
    fn what_is_written_is_read(
        data in octets(),
        written in 1_usize..8,
        arrives in 1_usize..8,
        commands in any::<bool>(),
    ) {
        for ends in ENDS {
            let (mut encoder, mut wire) = (Encoder::new(), Vec::new());
            for piece in pieces(&data, written) {
                let plain = encoder.plain(piece, ends);
                // As a driver does that sends what it can without a copy.
                let (now, later) = piece.split_at(plain.min(written / 2 + 1).min(plain));
                wire.extend_from_slice(now);
                if !now.is_empty() {
                    encoder.handle_sent(now, ends);
                }
                encoder.emit(later, ends, &mut wire);
                if commands {
                    encoder.emit_command(Command::NOP, &mut wire);
                }
            }
            encoder.settle(&mut wire);
            prop_assert_eq!(&read(&pieces(&wire, arrives), ends), &data, "{:?}: {:x?}", ends, wire);
        }
    }

    #[test]
    fn what_is_plain_needs_no_encoder(data in octets()) {
        for ends in ENDS {
            let plain = Encoder::new().plain(&data, ends);
            let mut out = Vec::new();
            Encoder::new().emit(&data[..plain], ends, &mut out);
            prop_assert_eq!(&out[..], &data[..plain]);
        }
    }

    #[test]
    fn two_machines_come_to_rest_and_agree(
        a in wishes(),
        b in wishes(),
        changes in prop::collection::vec((any::<bool>(), typing()), 0..6),
    ) {
        let (mut a, mut b) = (Machine::new(a), Machine::new(b));
        let (mut from_a, mut from_b) = (Vec::new(), Vec::new());
        a.start(&mut from_a);
        b.start(&mut from_b);
        for (first, typing) in changes {
            match first {
                true => a.want(typing, &mut from_a),
                false => b.want(typing, &mut from_b),
            }
        }
        let said = settle(&mut a, &mut b, from_a, from_b);
        prop_assert!(said[0] + said[1] < 1000, "{:?}", said);
        prop_assert!(a.agrees_with(&b), "{:?} {:?}", a, b);
    }

    /// A peer gets at most two answers for each thing that it asks: it cannot make us talk.
    #[test]
    fn answers_are_not_more_than_questions(input in octets(), wishes in wishes()) {
        let size = Some(Size { columns: 80, rows: 24 });
        let mut machine = Machine::new(Wishes { size, ..wishes });
        let (_, said) = feed(&mut machine, &[&input]);
        let asked = input.iter().filter(|octet| **octet == 0xff).count();
        let command = |pair: &&[u8]| matches!(pair, [0xff, 0xfa..=0xfe]);
        let answers = said.windows(2).filter(command).count()
            + said.windows(5).filter(|text| text == b"wharf").count();
        prop_assert!(answers <= 2 * asked, "{:x?} to {:x?}", said, input);
    }
}

/// Toggling for ever is answered step by step, and leaves nothing behind.
#[test]
fn a_storm_is_answered_once_a_question() {
    let mut machine = client();
    let storm = b"\xff\xfb\x01\xff\xfc\x01\xff\xfd\xc8\xff\xfe\xc8".repeat(1000);
    let (_, said) = feed(&mut machine, &[&storm]);
    assert_eq!(said.len(), 3 * (2000 + 1));
    assert!(!machine.is_waiting());
}
