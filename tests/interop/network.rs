//! TCP and UDP between the hosts of a small network: two namespaces and a link, so that groups, routers,
//! redirected connections and black holes are real.

use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::peer::python;
use wharf_tests::{Program, Running, require, wharf};

/// Two hosts, `client` (.1) and `server` (.2), on one link.
struct Network {
    client: Namespace,
    server: Namespace,
}

const LINK: &str = "lan0";

impl Network {
    fn new() -> Network {
        let (client, server) = (Namespace::new(), Namespace::new());
        client.link(&server, LINK, ("10.77.0.1/24", "10.77.0.2/24"));
        client.address(LINK, "fd77::1/64");
        server.address(LINK, "fd77::2/64");
        Network { client, server }
    }

    /// Sends what the client knows no better way for to the server.
    fn route_all(&self) {
        self.client
            .ip(["route", "add", "default", "via", "10.77.0.2"]);
        self.client
            .ip(["route", "add", "default", "via", "fd77::2"]);
        let on =
            "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 >/proc/sys/net/$f; done";
        Program::new("sh", ["-c", on])
            .inside(&self.server)
            .run()
            .code(0);
    }
}

/// wharf that reports what happens, in a namespace.
fn serving(namespace: &Namespace, addresses: [&str; 2]) -> Running {
    wharf(["--json"].into_iter().chain(addresses))
        .inside(namespace)
        .spawn()
}

#[test]
fn sockets_are_opened_in_the_namespace_that_is_named() {
    require!(Need::Netns, Tool::NC);
    let network = Network::new();
    let inside = format!("netns={}", network.server.name());
    let via = format!("via=[netns://{}]", network.client.name());
    // Both run outside of the two hosts.
    let listen = format!("tcp-listen://10.77.0.2:0#{inside}");
    let mut server = wharf(["--json", "--once", &listen, "echo:"]).spawn();
    let at = server.listening();
    let client = wharf([format!("tcp://{at}#{via}")]).stdin("across").run();
    client.code(0).stdout_is("across");
    server.finish().code(0);

    // A real peer inside finds what listens there.
    let listen = format!("udp-listen://10.77.0.2:0#{inside}");
    let mut server = wharf(["--json", &listen, "echo:"]).spawn();
    let port = server.listening().port().to_string();
    let client = Tool::NC.with(["-u", "-w", "1", "10.77.0.2", &port]);
    client
        .stdin("datagram")
        .inside(&network.client)
        .run()
        .stdout_is("datagram");

    let refused = wharf([format!("tcp://10.77.0.2:1#{inside}")]).run();
    refused.code(4).stderr_has("connection refused");
}

#[test]
fn a_group_is_joined_on_the_interface_that_is_named() {
    require!(Need::Netns, Tool::PYTHON);
    let network = Network::new();
    let by_ipv4 = "(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('10.77.0.1'))";
    let by_ipv6 = "(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('lan0'))";
    for (group, host, family, by) in [
        ("239.7.7.7", "239.7.7.7", "AF_INET", by_ipv4),
        ("ff15::77", "[ff15::77]", "AF_INET6", by_ipv6),
    ] {
        let address = format!("udp-listen://{host}:0#group-interface={LINK}");
        let mut listener = serving(&network.server, [&address, "echo:"]);
        let port = listener.listening().port();
        let joined = ["maddress", "show", "dev", LINK];
        network.server.ip(joined).stdout_has(group);

        // A peer that knows nothing of wharf asks the group and is answered by one of it.
        let script = format!(
            "s = socket.socket(socket.{family}, socket.SOCK_DGRAM)\n\
             s.setsockopt{by}\n\
             s.settimeout(10)\n\
             s.sendto(b'who?', ('{group}', {port}))\n\
             print(s.recvfrom(100))"
        );
        let asked = python(&script).inside(&network.client).run();
        asked.code(0).stdout_has("who?");

        // So does wharf.
        let address = format!("udp://{host}:{port}#group-interface={LINK}");
        let asked = wharf([address])
            .stdin("wharf?")
            .inside(&network.client)
            .run();
        asked.code(0).stdout_has("wharf?");
        listener.stop();
        let left = network.server.ip(joined);
        assert!(!left.text().contains(group), "the group was left: {left}");
    }
}

#[test]
fn what_goes_to_a_group_is_heard_here_unless_that_is_switched_off() {
    require!(Need::Netns);
    let network = Network::new();
    let address = format!("udp-listen://239.7.7.8:0#group-interface={LINK}");
    let mut listener = serving(&network.client, [&address, "echo:"]);
    let port = listener.listening().port();
    let to = format!("udp://239.7.7.8:{port}#group-interface={LINK}");
    let here = wharf([to.clone()]).stdin("heard").inside(&network.client);
    here.run().stdout_is("heard");
    let here = wharf([format!("{to},loop=no")]).stdin("silent");
    here.inside(&network.client).run().stdout_is("");
    // From another host it is heard, whatever this one does with its own.
    let there = wharf([format!("{to},loop=no,ttl=2")]).stdin("heard");
    there.inside(&network.server).run().stdout_is("heard");
}

#[test]
fn only_the_named_source_of_a_group_is_heard() {
    require!(Need::Netns);
    let network = Network::new();
    network.client.address(LINK, "10.77.0.9/24");
    network.client.address(LINK, "fd77::9/64");
    for (group, source, other) in [
        ("232.7.7.7", "10.77.0.9", "10.77.0.1"),
        ("[ff35::8000:77]", "[fd77::1]", "[fd77::9]"),
    ] {
        let options = format!("source=[{source}],group-interface={LINK}");
        let address = format!("udp-listen://{group}:0#{options}");
        let mut listener = serving(&network.server, [&address, "echo:"]);
        let port = listener.listening().port();
        for (from, answer) in [(other, ""), (source, "heard")] {
            let address = format!("udp://{group}:{port}#bind={from},group-interface={LINK}");
            let client = wharf([address]).stdin("heard").inside(&network.client);
            client.run().stdout_is(answer);
        }
    }
}

#[test]
fn a_broadcast_reaches_the_link() {
    require!(Need::Netns);
    let network = Network::new();
    network.client.ip([
        "address",
        "change",
        "10.77.0.1/24",
        "broadcast",
        "10.77.0.255",
        "dev",
        LINK,
    ]);
    network.server.ip([
        "address",
        "change",
        "10.77.0.2/24",
        "broadcast",
        "10.77.0.255",
        "dev",
        LINK,
    ]);
    let mut listener = serving(&network.server, ["udp-listen://0.0.0.0:0", "echo:"]);
    let port = listener.listening().port();
    let to = format!("udp://10.77.0.255:{port}");
    let client = wharf([format!("{to}#broadcast")]).stdin("everyone");
    client.inside(&network.client).run().stdout_is("everyone");
    let refused = wharf([to]).inside(&network.client).run();
    refused
        .code(2)
        .stderr_has("10.77.0.255 is a broadcast address");
}

#[test]
fn a_transparent_listener_takes_any_address_and_tells_which() {
    require!(Need::Netns, Tool::NC);
    let network = Network::new();
    network.route_all();
    for (network_of_others, other) in [
        ("203.0.113.0/24", "203.0.113.5"),
        ("2001:db8::/32", "2001:db8::5"),
    ] {
        network
            .server
            .ip(["route", "add", "local", network_of_others, "dev", "lo"]);
        let command = "shell:echo $WHARF_TARGET from $WHARF_LOCAL_HOST";
        let listen = "tcp-listen://[::]:7000#transparent";
        let mut server = serving(&network.server, [listen, command]);
        server.listening();
        let client = Tool::NC
            .with(["-N", other, "7000"])
            .inside(&network.client)
            .run();
        let target = if other.contains(':') {
            format!("[{other}]:7000")
        } else {
            format!("{other}:7000")
        };
        client.code(0).stdout_is(format!("{target} from {other}\n"));
        server.stop();
    }
}

#[test]
fn a_redirected_connection_is_passed_on_to_where_it_was_going() {
    require!(Need::Netns, Tool::NFT, Tool::PYTHON);
    let network = Network::new();
    network.route_all();
    network.client.address(LINK, "10.78.0.1/24");
    // Where clients mean to go: a third address, which only the server reaches.
    network.server.address("lo", "198.51.100.7/32");
    let peer = "s = socket.socket()\n\
                s.bind(('198.51.100.7', 0))\n\
                s.listen()\n\
                print(s.getsockname()[1], flush=True)\n\
                c, _ = s.accept()\n\
                c.sendall(b'the real one')\n\
                c.close()";
    let mut peer = python(peer).inside(&network.server).spawn();
    let port = peer.port();
    let rules = format!(
        "add table ip t; add chain ip t c {{ type nat hook prerouting priority -100; }}; \
         add rule ip t c ip daddr 198.51.100.7 tcp dport {port} redirect to :7001"
    );
    Tool::NFT
        .with([rules])
        .inside(&network.server)
        .run()
        .code(0);
    let mut relay = serving(
        &network.server,
        ["tcp-listen://0.0.0.0:7001#redirected", "tcp://{target}"],
    );
    relay.listening();
    let client = wharf([format!("tcp://198.51.100.7:{port}")])
        .inside(&network.client)
        .run();
    client.code(0).stdout_is("the real one");
    let opened = relay.event("opened");
    assert!(
        opened.to_string().contains(&format!("198.51.100.7:{port}")),
        "the relay went there: {opened}"
    );
}

#[test]
fn a_black_hole_among_the_addresses_costs_no_timeout() {
    require!(Need::Netns);
    let network = Network::new();
    network.route_all();
    network
        .server
        .ip(["route", "add", "blackhole", "2001:db8::/32"]);
    let mut server = serving(&network.server, ["tcp-listen://10.77.0.2:0", "echo:"]);
    let port = server.listening().port();
    let resolve = format!("name.test:{port}:2001:db8::1,10.77.0.2");
    // Who waited for the first address to fail would wait for an hour.
    let address = format!("tcp://name.test:{port}#timeout=1h");
    let client = wharf(["-v", "--json", "--resolve", &resolve, &address]).stdin("over");
    let mut client = client.inside(&network.client).spawn();
    let (over, lost) = (client.event("attempt"), client.event("attempt"));
    assert_eq!(over["to"], format!("10.77.0.2:{port}"), "{over}");
    assert_eq!(over["connected"], true, "{over}");
    assert_eq!(lost["to"], format!("[2001:db8::1]:{port}"), "{lost}");
    assert_eq!(lost["connected"], false, "{lost}");
    client.finish().code(0).stdout_is("over");
}

#[test]
fn what_a_router_says_is_passed_on() {
    require!(Need::Netns);
    let network = Network::new();
    network.route_all();
    network
        .server
        .ip(["route", "add", "unreachable", "198.51.100.0/24"]);
    let tcp = wharf(["tcp://198.51.100.9:9"])
        .inside(&network.client)
        .run();
    tcp.code(4)
        .stderr_has("no route to host")
        .stderr_has("ip route get");
    let udp = wharf(["udp://198.51.100.9:9"])
        .stdin("anybody?")
        .inside(&network.client)
        .run();
    udp.code(4)
        .stderr_has("198.51.100.9:9: no route to host")
        .stderr_has("says 10.77.0.2");
    let silent = wharf(["tcp://10.77.0.77:9#timeout=300ms"])
        .inside(&network.client)
        .run();
    silent.code(5).stderr_has("no answer within 300ms");
}

#[test]
fn an_interface_can_be_named() {
    require!(Need::Netns);
    let network = Network::new();
    let listen = format!("tcp-listen://0.0.0.0:0#interface={LINK}");
    let mut server = serving(&network.server, [&listen, "echo:"]);
    let port = server.listening().port();
    let client = wharf([format!("tcp://10.77.0.2:{port}#interface={LINK}")]).stdin("x");
    client.inside(&network.client).run().stdout_is("x");
    // The same address by another interface finds nobody.
    let local = wharf([format!("tcp://127.0.0.1:{port}")])
        .inside(&network.server)
        .run();
    local.code(4).stderr_has("connection refused");
}
