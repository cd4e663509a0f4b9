//! socat. `-t60` has it wait for what comes after the end of one direction: its own way is to
//! give up after half a second.

use super::{After, Peer, conversations};
use wharf_tests::need::Tool;

const SOCAT: Peer = Peer {
    tool: Tool::SOCAT,
    tcp_client: &["-t60", "-", "TCPFAMILY:BRACKETS:PORT"],
    tcp_server: &["-t60", "TCPFAMILY-LISTEN:0,bind=BRACKETS", "-"],
    udp_client: &["-t60", "-", "UDPFAMILY:BRACKETS:PORT"],
    udp_server: &["-t60", "UDPFAMILY-LISTEN:0,bind=BRACKETS", "-"],
    after_its_client: After::GoesOn,
};

conversations!(SOCAT;
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
