//! Octets after the RFCs, what is refused, and what hostile peers send.

mod options;
mod properties;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::*;

/// What a machine made of a stream: data and events in their order, neighbouring data joined.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Data(Vec<u8>),
    Event(Event),
}

fn seen(text: &[u8]) -> Seen {
    Seen::Data(text.to_vec())
}

/// Puts `pieces` into `machine`; what it saw, and what it has to say.
fn feed(machine: &mut Machine, pieces: &[&[u8]]) -> (Vec<Seen>, Vec<u8>) {
    let (mut all, mut out) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while let Some(step) = machine.parse(rest, &mut out).unwrap() {
            assert!(step.used > 0 || step.event == Some(Event::Octet(b'\r')));
            let data = match step.event {
                Some(Event::Data(range)) => {
                    assert!(!range.is_empty() && range.end <= step.used);
                    rest[range].to_vec()
                }
                Some(Event::Octet(octet)) => vec![octet],
                Some(event) => {
                    all.push(Seen::Event(event));
                    Vec::new()
                }
                None => Vec::new(),
            };
            push(&mut all, &data);
            rest = &rest[step.used..];
        }
    }
    (all, out)
}

fn push(all: &mut Vec<Seen>, data: &[u8]) {
    match all.last_mut() {
        _ if data.is_empty() => {}
        Some(Seen::Data(before)) => before.extend_from_slice(data),
        _ => all.push(seen(data)),
    }
}

fn client() -> Machine {
    Machine::new(Wishes::new(Role::Client))
}

fn server() -> Machine {
    let mut server = Machine::new(Wishes::new(Role::Server));
    server.start(&mut Vec::new());
    server
}

/// A server that echoes, whose client has agreed.
fn echoing() -> Machine {
    let mut server = server();
    server.want(Typing::Keys, &mut Vec::new());
    feed(&mut server, &[b"\xff\xfd\x01\xff\xfd\x03"]);
    assert_eq!(server.typing(), Typing::Keys);
    server
}

/// A client whose server echoes.
fn echoed() -> Machine {
    let mut client = client();
    let (_, said) = feed(&mut client, &[b"\xff\xfb\x03\xff\xfb\x01"]);
    assert_eq!(said, b"\xff\xfd\x03\xff\xfd\x01");
    assert_eq!(client.typing(), Typing::Keys);
    client
}

fn emitted(machine: &mut Machine, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    machine.emit(data, &mut out);
    out
}

/// RFC 854, "The NVT printer and keyboard".
#[test]
fn line_ends_of_text() {
    let (data, said) = feed(&mut client(), &[b"a\r\nb\r\0c\nd\re\r\r\n"]);
    assert_eq!(data, [seen(b"a\nb\rc\nd\re\r\n")]);
    assert!(said.is_empty(), "to data nothing is answered");
    assert_eq!(
        emitted(&mut client(), b"a\nb\rc\r\n"),
        b"a\r\nb\r\0c\r\0\r\n"
    );
}

/// RFC 1123, section 3.3.1: an Enter key may come as either.
#[test]
fn line_ends_of_keys() {
    let (data, _) = feed(&mut echoing(), &[b"a\r\nb\r\0c\nd"]);
    assert_eq!(data, [seen(b"a\rb\rc\nd")]);
    assert_eq!(emitted(&mut echoed(), b"a\rb\n"), b"a\r\0b\n");
}

#[test]
fn motions_of_a_screen() {
    let (data, _) = feed(&mut echoed(), &[b"a\r\nb\r\0c\nd"]);
    assert_eq!(data, [seen(b"a\r\nb\rc\nd")]);
    let mut server = echoing();
    assert_eq!(emitted(&mut server, b"a\r\nb\rc\nd"), b"a\r\nb\r\0c\nd");
    // What follows a CR may come later, or never.
    assert_eq!(emitted(&mut server, b"\r"), b"\r");
    assert_eq!(emitted(&mut server, b"\n\r"), b"\n\r");
    assert_eq!(emitted(&mut server, b"x\r"), b"\0x\r");
    let mut rest = Vec::new();
    server.settle(&mut rest);
    server.settle(&mut rest);
    assert_eq!(rest, b"\0");
    assert_eq!(emitted(&mut server, b"\n"), b"\n");
}

/// Both sides show the same as soon as the offer is out: a client reads it before what follows it.
#[test]
fn what_follows_an_offer_is_read_after_it() {
    let (mut server, mut client) = (server(), client());
    let mut wire = Vec::new();
    server.want(Typing::Keys, &mut wire);
    server.emit(b"a\r\nb", &mut wire);
    let (data, answer) = feed(&mut client, &[&wire]);
    assert_eq!(data, [seen(b"a\r\nb")]);
    client.emit(b"\r", &mut Vec::new());
    feed(&mut server, &[&answer]);
    assert_eq!(server.typing(), Typing::Keys);
}

#[test]
fn a_doubled_iac_is_data() {
    let (data, _) = feed(&mut client(), &[b"a\xff\xffb\xff\xff\xff\xff"]);
    assert_eq!(data, [seen(b"a\xffb\xff\xff")]);
    assert_eq!(emitted(&mut client(), b"\xff\xffa"), b"\xff\xff\xff\xffa");
    let (data, _) = feed(&mut client(), &[b"\r\xff", b"\xff\n"]);
    assert_eq!(data, [seen(b"\r\xff\n")]);
}

#[test]
fn commands_between_a_cr_and_its_line_feed() {
    for pieces in [
        &[&b"a\r\xff\xf9\nb"[..]][..],
        &[b"a\r", b"\xff", b"\xf9", b"\nb"],
    ] {
        assert_eq!(feed(&mut client(), pieces).0, [seen(b"a\nb")]);
        assert_eq!(feed(&mut echoed(), pieces).0, [seen(b"a\r\nb")]);
    }
}

#[test]
fn commands() {
    let nothing = b"\xff\xf1\xff\xf2\xff\xf9\xff\xf5\xff\x00";
    assert_eq!(feed(&mut server(), &[nothing]), (vec![], vec![]));
    let (events, _) = feed(&mut server(), &[b"x\xff\xf4y\xff\xf3\xff\xee\xff\xed"]);
    let expected = [
        seen(b"x"),
        Seen::Event(Event::Interrupt),
        seen(b"y"),
        Seen::Event(Event::Break),
        Seen::Event(Event::Abort),
        Seen::Event(Event::Suspend),
    ];
    assert_eq!(events, expected);
}

#[test]
fn commands_that_are_keys_of_a_terminal() {
    let keys = b"\xff\xf7\xff\xf8\xff\xec";
    assert_eq!(feed(&mut echoing(), &[keys]).0, [seen(b"\x7f\x15\x04")]);
    assert_eq!(feed(&mut server(), &[keys]).0, []);
    assert_eq!(feed(&mut echoed(), &[keys]).0, []);
}

#[test]
fn are_you_there() {
    let (_, said) = feed(&mut server(), &[b"\xff\xf6"]);
    assert_eq!(said, b"\r\n[wharf: yes]\r\n");
    let mut client = echoing();
    client.emit(b"\r", &mut Vec::new());
    let (_, said) = feed(&mut client, &[b"\xff\xf6"]);
    assert_eq!(said[0], 0, "the CR before it is complete");
}

/// RFC 860: each is answered, and changes nothing.
#[test]
fn a_timing_mark_is_reached() {
    let asked = b"a\xff\xfd\x06b\xff\xfd\x06\xff\xfb\x06";
    let (_, said) = feed(&mut server(), &[asked]);
    assert_eq!(said, b"\xff\xfb\x06\xff\xfb\x06");
    let (_, said) = feed(&mut client(), &[asked]);
    assert_eq!(said, b"\xff\xfc\x06\xff\xfc\x06");
}

#[test]
fn a_subnegotiation_that_is_too_long() {
    let wishes = Wishes {
        subnegotiation_limit: 8,
        ..Wishes::new(Role::Server)
    };
    let result = |input: &[u8], piece: usize| {
        let mut machine = Machine::new(wishes.clone());
        let pieces = input.chunks(piece);
        pieces.into_iter().try_for_each(|mut rest| {
            while let Some(step) = machine.parse(rest, &mut Vec::new())? {
                rest = &rest[step.used..];
            }
            Ok(())
        })
    };
    let option = Code::TERMINAL_TYPE;
    for piece in [1, 2, 100] {
        assert_eq!(result(b"\xff\xfa\x1812345678\xff\xf0", piece), Ok(()));
        for long in [
            &b"\xff\xfa\x18123456789"[..],
            b"\xff\xfa\x1812345678\xff\xff",
        ] {
            let error = Err(Error::TooLong { option, limit: 8 });
            assert_eq!(result(long, piece), error);
        }
    }
}

#[test]
fn a_subnegotiation_that_is_broken_off() {
    let (events, said) = feed(&mut server(), &[b"\xff\xfa\x18\0abc\xff\xf6x"]);
    assert_eq!(events, [seen(b"x")]);
    assert!(!said.is_empty(), "the AYT that broke it off is answered");
    let (events, _) = feed(&mut server(), &[b"\xff\xfa\x18abc\xff\xfa\x18\xff\xf0x"]);
    assert_eq!(events, [seen(b"x")]);
}

#[test]
fn the_end() {
    let end = |octets: &[u8]| {
        let mut machine = client();
        feed(&mut machine, &[octets]);
        machine.finish()
    };
    assert_eq!(end(b"a"), Ok(None));
    assert_eq!(end(b"a\r"), Ok(Some(b'\r')));
    assert_eq!(end(b"a\r\n"), Ok(None));
    for cut in [
        &b"\xff"[..],
        b"\xff\xfd",
        b"\xff\xfa",
        b"\xff\xfa\x18",
        b"\xff\xfa\x18\xff",
    ] {
        assert_eq!(end(cut), Err(Error::Cut), "{cut:x?}");
    }
}

#[test]
fn names_of_options() {
    let names = |code: u8| alloc::format!("{}", Code(code));
    let expected: [String; 3] = ["NAWS".into(), "LINEMODE".into(), "option 200".into()];
    assert_eq!([31, 34, 200].map(names), expected);
}
