//! OpenBSD's nc.

use super::{After, Peer, conversations};
use wharf_tests::need::Tool;

const NC: Peer = Peer {
    tool: Tool::NC,
    tcp_client: &["-N", "HOST", "PORT"],
    tcp_server: &["-N", "-l", "HOST", "0"],
    udp_client: &["-u", "HOST", "PORT"],
    udp_server: &["-u", "-l", "HOST", "0"],
    after_its_client: After::Ends,
};

conversations!(NC;
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
