//! Options one by one: what is agreed, told and refused.

use alloc::borrow::ToOwned;
use alloc::vec;

use super::*;

const REFUSED_ONCE: [u8; 4] = [5, 34, 36, 200];

fn wishes(role: Role) -> Wishes {
    Wishes {
        terminals: vec!["xterm-256color".to_owned(), "vt100".to_owned()],
        size: Some(Size {
            columns: 255,
            rows: 24,
        }),
        environment: vec![
            variable("USER", "alice"),
            variable("LANG", "C"),
            variable("ODD", "\u{1}\u{2}"),
        ],
        ..Wishes::new(role)
    }
}

fn variable(name: &str, value: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn a_client_says_nothing_first_and_a_server_asks() {
    let mut out = Vec::new();
    Machine::new(wishes(Role::Client)).start(&mut out);
    assert!(out.is_empty(), "it may be a server of another protocol");
    Machine::new(Wishes::new(Role::Server)).start(&mut out);
    assert_eq!(out, b"\xff\xfd\x18\xff\xfd\x1f\xff\xfd\x27");
}

#[test]
fn unknown_options_are_refused_once() {
    for code in REFUSED_ONCE {
        let mut machine = client();
        let ask = [0xff, 0xfd, code, 0xff, 0xfb, code];
        let (_, said) = feed(&mut machine, &[&ask]);
        assert_eq!(said, [0xff, 0xfc, code, 0xff, 0xfe, code]);
        let not = [0xff, 0xfe, code, 0xff, 0xfc, code];
        let (_, said) = feed(&mut machine, &[&ask, &not, &ask]);
        assert!(said.is_empty(), "{code}: {said:x?}");
        assert!(!machine.is_waiting());
    }
}

/// RFC 857: two that echo one another would never stop.
#[test]
fn nobody_echoes_an_echo() {
    let (_, said) = feed(&mut client(), &[b"\xff\xfd\x01"]);
    assert_eq!(said, b"\xff\xfc\x01");
    let (_, said) = feed(&mut server(), &[b"\xff\xfb\x01"]);
    assert_eq!(said, b"\xff\xfe\x01");
}

#[test]
fn a_password_is_hidden() {
    let mut client = client();
    feed(&mut client, &[b"\xff\xfb\x01"]);
    assert_eq!(client.typing(), Typing::Hidden);
    let (_, said) = feed(&mut client, &[b"\xff\xfc\x01"]);
    assert_eq!(said, b"\xff\xfe\x01");
    assert_eq!(client.typing(), Typing::Lines);
}

#[test]
fn a_server_offers_what_its_program_wants() {
    let mut server = server();
    let said = |server: &mut Machine, typing| {
        let mut out = Vec::new();
        server.want(typing, &mut out);
        out
    };
    // A client that asks before the program is there is asked later.
    let (_, refused) = feed(&mut server, &[b"\xff\xfd\x03"]);
    assert_eq!(refused, b"\xff\xfc\x03");
    assert_eq!(said(&mut server, Typing::Keys), b"\xff\xfb\x03\xff\xfb\x01");
    assert_eq!(said(&mut server, Typing::Keys), b"");
    feed(&mut server, &[b"\xff\xfd\x03\xff\xfd\x01"]);
    assert_eq!(
        said(&mut server, Typing::Lines),
        b"\xff\xfc\x03\xff\xfc\x01"
    );
    // Until that is confirmed, the opposite waits.
    assert_eq!(said(&mut server, Typing::Keys), b"");
    let (_, again) = feed(&mut server, &[b"\xff\xfe\x03\xff\xfe\x01"]);
    assert_eq!(again, b"\xff\xfb\x03\xff\xfb\x01");
}

#[test]
fn echo_can_be_forbidden() {
    let never = |role| {
        let mut machine = Machine::new(Wishes {
            echo: Some(Wish::Off),
            ..Wishes::new(role)
        });
        machine.start(&mut Vec::new());
        machine
    };
    let (_, said) = feed(&mut never(Role::Client), &[b"\xff\xfb\x01\xff\xfb\x03"]);
    assert_eq!(said, b"\xff\xfe\x01\xff\xfe\x03");
    let mut out = Vec::new();
    never(Role::Server).want(Typing::Keys, &mut out);
    assert!(out.is_empty());
}

/// RFC 1091: each SEND gets the next, the last one twice, then from the first.
#[test]
fn terminal_types_are_told_one_after_another() {
    let mut client = Machine::new(wishes(Role::Client));
    let (_, said) = feed(&mut client, &[b"\xff\xfd\x18"]);
    assert_eq!(said, b"\xff\xfb\x18");
    let mut next = || feed(&mut client, &[b"\xff\xfa\x18\x01\xff\xf0"]).1;
    let first = b"\xff\xfa\x18\0xterm-256color\xff\xf0";
    let last = b"\xff\xfa\x18\0vt100\xff\xf0";
    assert_eq!(
        [next(), next(), next(), next()],
        [&first[..], last, last, first]
    );
}

#[test]
fn a_terminal_type_is_taken_when_it_says_something() {
    let heard = |names: &[&str]| {
        let mut server = server();
        feed(&mut server, &[b"\xff\xfc\x1f\xff\xfc\x27"]);
        let (_, said) = feed(&mut server, &[b"\xff\xfb\x18"]);
        assert_eq!(said, b"\xff\xfa\x18\x01\xff\xf0");
        let (mut all, mut asked) = (vec![], 0);
        for name in names {
            let body = [b"\xff\xfa\x18\0", name.as_bytes(), b"\xff\xf0"].concat();
            let (events, said) = feed(&mut server, &[&body]);
            all.extend(events);
            asked += usize::from(!said.is_empty());
        }
        (all, asked, !server.is_waiting())
    };
    let terminal = |name: &str| vec![Seen::Event(Event::Terminal(name.to_owned()))];
    assert_eq!(heard(&["XTERM", "VT100"]), (terminal("xterm"), 0, true));
    assert_eq!(heard(&["UNKNOWN", "VT100"]), (terminal("vt100"), 1, true));
    assert_eq!(heard(&["UNKNOWN", "UNKNOWN"]), (vec![], 1, true));
    let hostile = ["../../etc", "-x", "a b", "a\0", &"x".repeat(41)];
    assert_eq!(heard(&hostile), (vec![], 1, true));
    assert_eq!(heard(&["UNKNOWN"]), (vec![], 1, false));
}

/// RFC 1073: 255 is an IAC, and so is doubled.
#[test]
fn the_size_is_told_at_first_and_when_it_changes() {
    let mut client = Machine::new(wishes(Role::Client));
    let (_, said) = feed(&mut client, &[b"\xff\xfd\x1f"]);
    assert_eq!(said, b"\xff\xfb\x1f\xff\xfa\x1f\0\xff\xff\0\x18\xff\xf0");
    let mut out = Vec::new();
    let size = Size {
        columns: 80,
        rows: 25,
    };
    client.resize(size, &mut out);
    client.resize(size, &mut out);
    assert_eq!(out, b"\xff\xfa\x1f\0\x50\0\x19\xff\xf0");
    let mut server = server();
    feed(&mut server, &[b"\xff\xfb\x1f"]);
    let (events, _) = feed(&mut server, &[&out, b"\xff\xfa\x1f\0\0\0\x19\xff\xf0"]);
    assert_eq!(events, [Seen::Event(Event::Size(size))], "0 says nothing");
}

#[test]
fn a_size_that_comes_late_is_offered_to_who_speaks() {
    let mut client = client();
    let mut out = Vec::new();
    let size = |rows| Size { columns: 80, rows };
    client.resize(size(1), &mut out);
    assert!(out.is_empty(), "nobody has spoken TELNET yet");
    feed(&mut client, &[b"\xff\xfb\x03"]);
    client.resize(size(2), &mut out);
    client.resize(size(3), &mut out);
    assert_eq!(out, b"\xff\xfb\x1f");
    assert_eq!(feed(&mut client, &[b"\xff\xfe\x1f"]).1, b"");
    client.resize(size(4), &mut out);
    assert_eq!(
        out.len(),
        3,
        "a server that does not want it is not asked again"
    );
}

/// RFC 1572, section 5.
#[test]
fn only_what_is_allowed_is_told_of_the_environment() {
    let mut client = Machine::new(wishes(Role::Client));
    let (_, said) = feed(&mut client, &[b"\xff\xfd\x27"]);
    assert_eq!(said, b"\xff\xfb\x27");
    let mut ask = |what: &[u8]| {
        let body = [b"\xff\xfa\x27\x01", what, b"\xff\xf0"].concat();
        let (_, said) = feed(&mut client, &[&body]);
        said[4..said.len() - 2].to_vec()
    };
    let user = b"\0USER\x01alice";
    let others = b"\x03LANG\x01C\x03ODD\x01\x02\x01\x02\x02";
    assert_eq!(ask(b""), [&user[..], others].concat());
    assert_eq!(ask(b"\0USER"), user);
    assert_eq!(ask(b"\0"), user);
    assert_eq!(ask(b"\x03"), others);
    assert_eq!(
        ask(b"\0USER\x03PATH\0USER"),
        [&user[..], b"\x03PATH"].concat()
    );
}

#[test]
fn without_anything_to_tell_nothing_is_agreed() {
    let (_, said) = feed(&mut client(), &[b"\xff\xfd\x18\xff\xfd\x1f\xff\xfd\x27"]);
    assert_eq!(said, b"\xff\xfc\x18\xff\xfc\x1f\xff\xfc\x27");
    let (_, said) = feed(
        &mut client(),
        &[b"\xff\xfa\x18\x01\xff\xf0\xff\xfa\x27\x01\xff\xf0"],
    );
    assert!(said.is_empty());
}

/// A name that begins with a hyphen would be an option of login(1) (CVE-2026-24061 of inetutils).
#[test]
fn a_user_is_taken_when_it_can_be_one() {
    let heard = |name: &str| {
        let mut server = server();
        feed(&mut server, &[b"\xff\xfc\x18\xff\xfc\x1f"]);
        let (_, said) = feed(&mut server, &[b"\xff\xfb\x27"]);
        assert_eq!(said, b"\xff\xfa\x27\x01\0USER\xff\xf0");
        let body = [b"\xff\xfa\x27\0\0USER\x01", name.as_bytes(), b"\xff\xf0"].concat();
        let events = feed(&mut server, &[&body]).0;
        assert!(!server.is_waiting());
        events
    };
    let user = |name: &str| [Seen::Event(Event::User(name.to_owned()))];
    assert_eq!(heard("alice.b-c@example"), user("alice.b-c@example"));
    for refused in [
        "-f root",
        "-froot",
        "a b",
        "",
        "a;b",
        "$(x)",
        &"x".repeat(65),
    ] {
        assert_eq!(heard(refused), [], "{refused}");
    }
}

#[test]
fn binary_is_agreed_in_each_direction() {
    let mut client = Machine::new(Wishes {
        binary: Some(Wish::On),
        ..Wishes::new(Role::Client)
    });
    let mut out = Vec::new();
    client.start(&mut out);
    assert_eq!(out, b"\xff\xfb\0\xff\xfd\0");
    assert!(client.is_waiting());
    let (data, said) = feed(&mut client, &[b"\r\n\xff\xfd\0\xff\xfb\0\r\n\r\0"]);
    assert_eq!(
        (&data[..], &said[..]),
        (&[seen(b"\n\r\n\r\0")][..], &b""[..])
    );
    assert!(client.is_binary() && !client.is_waiting());
    assert_eq!(emitted(&mut client, b"\r\n\r\0\xff"), b"\r\n\r\0\xff\xff");
    // A CR before it waits for nothing any more.
    let (data, _) = feed(&mut server(), &[b"a\r", b"\xff\xfb\0", b"\nb"]);
    assert_eq!(data, [seen(b"a\r\nb")]);
}

#[test]
fn a_peer_that_answers_nothing_is_waited_for_and_one_that_refuses_is_not() {
    let mut server = server();
    assert!(server.is_waiting() && !server.peer_speaks());
    feed(&mut server, &[b"\xff\xfc\x18\xff\xfc\x1f\xff\xfc\x27"]);
    assert!(!server.is_waiting() && server.peer_speaks());
}
