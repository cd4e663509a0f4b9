//! Python's socket module, as a tutorial uses it: a thread a direction.

use super::{After, Peer, conversations};
use wharf_tests::need::Tool;

const PYTHON: Peer = Peer {
    tool: Tool::PYTHON,
    tcp_client: &["-I", "-c", TCP_CLIENT, "HOST", "PORT"],
    tcp_server: &["-I", "-c", TCP_SERVER, "HOST"],
    udp_client: &["-I", "-c", UDP_CLIENT, "HOST", "PORT"],
    udp_server: &["-I", "-c", UDP_SERVER, "HOST"],
    after_its_client: After::GoesOn,
};

/// What both TCP roles do with their connection `c`.
macro_rules! converse {
    ($opened:literal) => {
        concat!(
            "import os, socket, sys, threading\n",
            $opened,
            "
def send():
    while data := os.read(0, 65536): c.sendall(data)
    c.shutdown(socket.SHUT_WR)
sender = threading.Thread(target=send, daemon=True)
sender.start()
while data := c.recv(65536):
    while data: data = data[os.write(1, data):]
sender.join()"
        )
    };
}

const TCP_CLIENT: &str = converse!("c = socket.create_connection((sys.argv[1], int(sys.argv[2])))");

const TCP_SERVER: &str = converse!(
    "family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
c, _ = socket.create_server((sys.argv[1], 0), family=family).accept()"
);

const UDP_CLIENT: &str = "
import os, socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.connect((sys.argv[1], int(sys.argv[2])))
while line := sys.stdin.readline():
    s.send(line.encode())
    print(s.recv(65536).decode(), end='', flush=True)";

const UDP_SERVER: &str = "
import os, socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
while True:
    data, peer = s.recvfrom(65536)
    print(data.decode(), end='', flush=True)
    s.sendto(sys.stdin.readline().encode(), peer)";

conversations!(PYTHON;
    tcp::a_client_that_finishes_first_is_answered,
    tcp::a_server_that_finishes_first_hears_the_rest,
    tcp::as_a_client_it_moves_much_both_ways,
    tcp::as_a_server_it_moves_much_both_ways,
    tcp::many_clients_at_once_get_their_own,
    tcp::both_roles_work_over_ipv6,
    udp::as_a_client_it_is_answered,
    udp::as_a_server_it_is_answered,
    udp::many_peers_at_once_get_their_own,
);
