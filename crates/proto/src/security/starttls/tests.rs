//! Conversations from the RFCs, what servers refuse, and what hostile ones try.

use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

/// Plays a text protocol: lines that begin with `S: ` come from the server, lines that begin with
/// `C: ` have to come from us just then. Returns how the last line of the server was taken.
fn converse(protocol: Protocol, script: &str) -> Result<Option<Event>, Error> {
    let mut machine = Machine::new(protocol, "client.example");
    let mut result = Ok(());
    for line in script.trim().lines().map(str::trim) {
        let (side, words) = line.split_at(3);
        let octets = [words.as_bytes(), b"\r\n"].concat();
        match side {
            "S: " => result = machine.handle_input(&octets),
            _ => assert_eq!(machine.poll_transmit(), Some(octets), "{line}"),
        }
    }
    assert_eq!(machine.poll_transmit(), None);
    result.map(|()| machine.poll_event())
}

/// What a server says at once, after which we may speak: the whole of a dialogue in one piece.
fn hear(protocol: Protocol, words: impl AsRef<[u8]>) -> Result<Option<Event>, Error> {
    let mut machine = Machine::new(protocol, "example.com");
    machine.handle_input(words.as_ref())?;
    Ok(machine.poll_event())
}

fn refused(reply: &str) -> Error {
    Error::Refused {
        reply: reply.into(),
    }
}

const READY: Result<Option<Event>, Error> = Ok(Some(Event::Ready));

/// RFC 3207, section 5.
#[test]
fn smtp() {
    let script = "S: 220 mail.imc.org SMTP service ready
        C: EHLO client.example
        S: 250-mail.imc.org offers a warm hug of welcome
        S: 250-8BITMIME
        S: 250-STARTTLS
        S: 250 DSN
        C: STARTTLS
        S: 220 Go ahead";
    assert_eq!(converse(Protocol::Smtp, script), READY);
}

#[test]
fn smtp_without_starttls_or_with_a_refusal() {
    let greeting = "S: 220-mail.example\nS: 220 ESMTP\nC: EHLO client.example\n";
    let script = |rest: &str| converse(Protocol::Smtp, &[greeting, rest].concat());
    assert_eq!(
        script("S: 250-STARTTLS\nS: 250 SIZE"),
        Err(Error::NotOffered),
        "that is its name"
    );
    assert_eq!(script("S: 250 mail.example"), Err(Error::NotOffered));
    assert_eq!(script("S: 502 what?"), Err(refused("502 what?")));
    assert_eq!(
        script(
            "S: 250-m\nS: 250 starttls\nC: STARTTLS\nS: 454-4.7.0 TLS not available\nS: 454 now"
        ),
        Err(refused("454-4.7.0 TLS not available\n454 now"))
    );
    assert_eq!(
        converse(Protocol::Smtp, "S: 554 go away"),
        Err(refused("554 go away"))
    );
}

#[test]
fn smtp_says_who_we_are_in_one_word() {
    for (name, said) in [
        ("host.example", "EHLO host.example\r\n"),
        ("192.0.2.1", "EHLO [192.0.2.1]\r\n"),
        ("2001:db8::1", "EHLO [IPv6:2001:db8::1]\r\n"),
        ("", "EHLO localhost\r\n"),
        ("a\r\nQUIT", "EHLO aQUIT\r\n"),
    ] {
        let mut machine = Machine::new(Protocol::Smtp, name);
        machine.handle_input(b"220 \r\n").unwrap();
        assert_eq!(machine.poll_transmit().unwrap(), said.as_bytes());
    }
}

/// RFC 2595, section 3.1, with what servers put around it.
#[test]
fn imap() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] ready
        C: a1 CAPABILITY
        S: * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED
        S: a1 OK CAPABILITY completed
        C: a2 STARTTLS
        S: * OK still here
        S: a2 OK Begin TLS negotiation now";
    assert_eq!(converse(Protocol::Imap, script), READY);
}

#[test]
fn imap_without_starttls_or_with_a_refusal() {
    let greeting = "S: * OK ready\nC: a1 CAPABILITY\n";
    let script = |rest: &str| converse(Protocol::Imap, &[greeting, rest].concat());
    let capability = "S: * CAPABILITY IMAP4rev1 starttls\nS: a1 OK\nC: a2 STARTTLS\n";
    assert_eq!(
        script("S: * CAPABILITY IMAP4rev1 XSTARTTLS\nS: a1 OK"),
        Err(Error::NotOffered)
    );
    assert_eq!(script("S: a1 BAD what?"), Err(refused("a1 BAD what?")));
    assert_eq!(script("S: * BYE overload"), Err(refused("* BYE overload")));
    assert_eq!(
        script(&[capability, "S: a2 NO not now"].concat()),
        Err(refused("a2 NO not now"))
    );
    assert!(matches!(script("S: a2 OK"), Err(Error::NotAReply { .. })));
    assert_eq!(
        converse(Protocol::Imap, "S: * PREAUTH welcome back"),
        Err(refused("* PREAUTH welcome back"))
    );
}

/// RFC 2595, section 4, after RFC 2449, section 5.
#[test]
fn pop3() {
    let script = "S: +OK POP3 server ready
        C: CAPA
        S: +OK Capability list follows
        S: TOP
        S: STLS
        S: .
        C: STLS
        S: +OK Begin TLS negotiation";
    assert_eq!(converse(Protocol::Pop3, script), READY);
    let old = "S: +OK\nC: CAPA\nS: -ERR unknown command\nC: STLS\nS: +OK";
    assert_eq!(converse(Protocol::Pop3, old), READY);
}

#[test]
fn pop3_without_stls_or_with_a_refusal() {
    let greeting = "S: +OK\nC: CAPA\n";
    let script = |rest: &str| converse(Protocol::Pop3, &[greeting, rest].concat());
    assert_eq!(script("S: +OK\nS: TOP STLS\nS: ."), Err(Error::NotOffered));
    assert_eq!(
        script("S: -ERR what?\nC: STLS\nS: -ERR what?"),
        Err(refused("-ERR what?"))
    );
    assert_eq!(
        converse(Protocol::Pop3, "S: -ERR busy"),
        Err(refused("-ERR busy"))
    );
}

/// RFC 4217, section 12.1, behind a long greeting as in RFC 959, section 4.2.
#[test]
fn ftp() {
    let script = "S: 120 ready in 1 minute
        S: 220-Welcome
        S: 220- to the archive
        S: 42 files today
        S: 221 is not the end
        S: 220 ready
        C: AUTH TLS
        S: 234 AUTH TLS OK.";
    assert_eq!(converse(Protocol::Ftp, script), READY);
    let refusal = "S: 220 ready\nC: AUTH TLS\nS: 502 not implemented";
    assert_eq!(
        converse(Protocol::Ftp, refusal),
        Err(refused("502 not implemented"))
    );
}

#[test]
fn postgres() {
    let mut machine = Machine::new(Protocol::Postgres, "");
    let request = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    assert_eq!(machine.poll_transmit().unwrap(), request);
    assert_eq!(hear(Protocol::Postgres, "S"), READY);
    assert_eq!(hear(Protocol::Postgres, "N"), Err(Error::NotOffered));
    let fields = b"SFATAL\0C53300\0Mtoo many clients\0\0";
    let response = [b"E\0\0\0\x25", &fields[..]].concat();
    assert_eq!(
        hear(Protocol::Postgres, response),
        Err(refused("too many clients"))
    );
    assert!(
        hear(
            Protocol::Postgres,
            "EFATAL: unsupported frontend protocol\n\0"
        )
        .is_err()
    );
}

/// An `ExtendedResponse` in the lengths that OpenLDAP writes.
fn ldap_response(id: u8, code: u8, diagnostic: &[u8]) -> Vec<u8> {
    let len = u8::try_from(diagnostic.len()).unwrap();
    let head = [
        0x30,
        12 + len,
        2,
        1,
        id,
        0x78,
        7 + len,
        0x0a,
        1,
        code,
        4,
        0,
        4,
        len,
    ];
    [&head[..], diagnostic].concat()
}

#[test]
fn ldap() {
    let mut machine = Machine::new(Protocol::Ldap, "");
    let request = machine.poll_transmit().unwrap();
    assert_eq!(usize::from(request[1]) + 2, request.len());
    assert_eq!(usize::from(request[6]) + 7, request.len());
    assert_eq!(usize::from(request[8]) + 9, request.len());
    assert_eq!(hear(Protocol::Ldap, ldap_response(1, 0, b"")), READY);
    assert_eq!(
        hear(
            Protocol::Ldap,
            ldap_response(1, 2, b"unsupported extended operation")
        ),
        Err(refused("protocolError: unsupported extended operation"))
    );
    assert_eq!(
        hear(Protocol::Ldap, ldap_response(0, 52, b"bye")),
        Err(refused("unavailable: bye"))
    );
    assert!(
        hear(Protocol::Ldap, ldap_response(0, 0, b"")).is_err(),
        "a notice is no go-ahead"
    );
}

/// Active Directory writes every length in four octets, and names the operation.
#[test]
fn ldap_with_long_lengths() {
    let response = b"\x30\x84\0\0\0\x28\x02\x01\x01\x78\x84\0\0\0\x1f\x0a\x01\x00\x04\x00\x04\x00\
        \x8a\x161.3.6.1.4.1.1466.20037";
    assert_eq!(hear(Protocol::Ldap, response), READY);
}

#[test]
fn ldap_lengths_are_bounded_and_definite() {
    let hear = |octets: &[u8]| hear(Protocol::Ldap, octets);
    assert_eq!(hear(b"\x30\x84\x7f\xff\xff\xff"), Err(Error::TooLong));
    assert!(matches!(
        hear(b"\x30\x80\x02\x01\x01"),
        Err(Error::NotAReply { .. })
    ));
    assert!(matches!(
        hear(b"\x30\x85\0\0\0\0\x01"),
        Err(Error::NotAReply { .. })
    ));
    assert!(matches!(
        hear(b"\x30\x03\x02\x7f\x01"),
        Err(Error::NotAReply { .. })
    ));
}

const XMPP_HEADER: &str = "<?xml version='1.0'?><stream:stream from='im.example.com' \
     id='t7AMCin9zjMNwQKDnplntZPIDEI=' version='1.0' xml:lang='en' xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams'>";
const XMPP_FEATURES: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
     <required/></starttls></stream:features>";

/// RFC 6120, section 9.1.1.
#[test]
fn xmpp() {
    let mut machine = Machine::new(Protocol::Xmpp, "im.example.com");
    let header = machine.poll_transmit().unwrap();
    assert!(
        header
            .starts_with(b"<?xml version='1.0'?><stream:stream to='im.example.com' version='1.0'")
    );
    machine.handle_input(XMPP_HEADER.as_bytes()).unwrap();
    assert_eq!(machine.poll_transmit(), None);
    machine.handle_input(XMPP_FEATURES.as_bytes()).unwrap();
    let starttls = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    assert_eq!(machine.poll_transmit().unwrap(), starttls);
    machine
        .handle_input(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .unwrap();
    assert_eq!(machine.poll_event(), Some(Event::Ready));
}

#[test]
fn xmpp_in_other_words() {
    let hear = |words: &[&str]| hear(Protocol::Xmpp, words.concat());
    let proceed = "<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"></proceed>";
    assert_eq!(
        hear(&["\n", XMPP_HEADER, "\n ", XMPP_FEATURES, proceed]),
        READY
    );
    let features = "<f:features><m><mechanism>a&gt;b</mechanism></m><x a='</f:features>'/><starttls/></f:features>";
    assert_eq!(hear(&["<s:stream a='>'>", features, "<proceed/>"]), READY);
}

#[test]
fn xmpp_without_starttls_or_with_a_refusal() {
    let hear = |rest: &str| hear(Protocol::Xmpp, [XMPP_HEADER, rest].concat());
    let after = |rest: &str| hear(&[XMPP_FEATURES, rest].concat());
    assert_eq!(hear("<stream:features/>"), Err(Error::NotOffered));
    assert_eq!(
        hear("<stream:features><bind/></stream:features>"),
        Err(Error::NotOffered)
    );
    let cut = "<stream:features></stream:stream>";
    assert_eq!(hear(cut), Err(refused("</stream:stream>")));
    let error = "<stream:error><host-unknown/><text>no\nsuch</text></stream:error>";
    assert_eq!(hear(error), Err(refused(error)));
    assert_eq!(
        after("<failure xmlns='x'/>"),
        Err(refused("<failure xmlns='x'/>"))
    );
    assert_eq!(after("</stream:stream>"), Err(refused("</stream:stream>")));
    assert!(matches!(hear("<!DOCTYPE x>"), Err(Error::NotAReply { .. })));
}

#[test]
fn a_name_cannot_leave_its_place_in_the_header() {
    let mut machine = Machine::new(Protocol::Xmpp, "a'/><b c='\r\n&");
    let header = String::from_utf8(machine.poll_transmit().unwrap()).unwrap();
    assert!(
        header.contains("to='a&apos;/&gt;&lt;bc=&apos;&amp;'"),
        "{header}"
    );
}

/// Everything a willing server says, go-ahead included.
fn whole(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::Ftp => b"220-hi\r\nhi\r\n220 hi\r\n234 ok\r\n".into(),
        Protocol::Imap => b"* OK\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 OK\r\n".into(),
        Protocol::Ldap => ldap_response(1, 0, b"ok"),
        Protocol::Pop3 => b"+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK\r\n".into(),
        Protocol::Postgres => b"S".into(),
        Protocol::Smtp => b"220 hi\r\n250-hi\r\n250 STARTTLS\r\n220 ok\r\n".into(),
        Protocol::Xmpp => [XMPP_HEADER, XMPP_FEATURES, "<proceed/>"].concat().into(),
    }
}

/// CVE-2011-0411 and its like: what follows the go-ahead in clear must not count as said under TLS.
#[test]
fn nothing_may_follow_the_go_ahead() {
    for protocol in Protocol::ALL {
        let injected = [&whole(protocol)[..], b"250 injected\r\n"].concat();
        assert_eq!(hear(protocol, whole(protocol)), READY, "{protocol}");
        assert_eq!(
            hear(protocol, injected),
            Err(Error::EarlyData),
            "{protocol}"
        );
        let mut machine = Machine::new(protocol, "");
        machine.handle_input(&whole(protocol)).unwrap();
        assert_eq!(
            machine.handle_input(b"x"),
            Err(Error::EarlyData),
            "{protocol}"
        );
        assert_eq!(machine.poll_event(), None, "{protocol}");
    }
}

#[test]
fn an_end_before_the_go_ahead_is_an_error() {
    for protocol in Protocol::ALL {
        let mut machine = Machine::new(protocol, "");
        assert_eq!(machine.handle_end(), Err(Error::Eof));
        machine.handle_input(&whole(protocol)).unwrap();
        assert_eq!(machine.handle_end(), Ok(()));
    }
}

#[test]
fn a_server_that_never_comes_to_the_point_is_cut_off() {
    let endless: [(Protocol, &[u8], &[u8]); 5] = [
        (Protocol::Smtp, b"", b"220-hi\r\n"),
        (Protocol::Ftp, b"220-hi\r\n", &[b'x'; 1000]),
        (Protocol::Imap, b"* OK\r\n", b"* OK hi\r\n"),
        (Protocol::Pop3, b"+OK\r\n+OK\r\n", b"x\r\n"),
        (Protocol::Xmpp, XMPP_HEADER.as_bytes(), &[b' '; 1000]),
    ];
    for (protocol, head, again) in endless {
        let mut machine = Machine::new(protocol, "");
        machine.handle_input(head).unwrap();
        let mut said = head.len();
        while said + again.len() <= LIMIT {
            machine.handle_input(again).unwrap();
            said += again.len();
        }
        assert_eq!(
            machine.handle_input(again),
            Err(Error::TooLong),
            "{protocol}"
        );
    }
}

#[test]
fn another_protocol_is_recognised_at_once() {
    for protocol in Protocol::ALL {
        let begins = b"SSH-2.0-x\r\n";
        if protocol != Protocol::Postgres {
            assert!(
                matches!(hear(protocol, begins), Err(Error::NotAReply { .. })),
                "{protocol}"
            );
        }
        let alert = b"\x15\x03\x01\x00\x02\x02\x46";
        assert_eq!(
            hear(protocol, alert).unwrap_err().to_string(),
            alloc::format!(
                "the answer is not {protocol}: it begins \"\\x15\\x03\\x01\\x00\\x02\\x02F\", \
                 and that is TLS already"
            )
        );
    }
}

#[test]
fn protocols_have_names() {
    for protocol in Protocol::ALL {
        assert_eq!(Protocol::parse(protocol.name()), Some(protocol));
    }
    assert_eq!(Protocol::parse("gopher"), None);
}

/// What a machine says and how it ends when it hears `pieces`.
fn outcome(
    protocol: Protocol,
    pieces: &[&[u8]],
) -> (Vec<u8>, Result<Option<Event>, mem::Discriminant<Error>>) {
    let mut machine = Machine::new(protocol, "example.com");
    let mut result = Ok(());
    for piece in pieces {
        result = machine.handle_input(piece);
    }
    let end = result.map(|()| machine.poll_event());
    (
        machine.poll_transmit().unwrap_or_default(),
        end.map_err(|error| mem::discriminant(&error)),
    )
}

proptest! {
    #[test]
    fn any_cut_comes_to_the_same(
        protocol in prop::sample::select(&Protocol::ALL[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 2),
    ) {
        let mut said = whole(protocol);
        for (at, octet) in changes {
            let at = at.index(said.len());
            said[at] = octet;
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(said.len() + 1)).collect();
        cuts.sort_unstable();
        let pieces = [&said[..cuts[0]], &said[cuts[0]..cuts[1]], &said[cuts[1]..]];
        prop_assert_eq!(outcome(protocol, &pieces), outcome(protocol, &[&said]));
    }

    #[test]
    fn no_input_panics_or_depends_on_its_cuts(
        protocol in prop::sample::select(&Protocol::ALL[..]),
        said in any::<Vec<u8>>(),
    ) {
        let octets: Vec<_> = said.iter().map(core::slice::from_ref).collect();
        prop_assert_eq!(outcome(protocol, &octets), outcome(protocol, &[&said]));
    }
}
