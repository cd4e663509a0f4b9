"""What a capture costs: a relay that is captured, beside the same one copying."""

from loads import tcp, tls, udp
from scenarios import Bar, scenario

PEERS = ("wharf", "wharf-copying")


def bar(metric):
    return [Bar(metric, "<=", 1.15, ("wharf-copying",))]


@scenario("pcap-bulk", "TCP relay with --pcap, one connection (copying: without)", "pcap", tcp.BULK,
          bars=bar("cpu_per_gib"), peers=PEERS)
def pcap_bulk(given, peer):
    return tcp.bulk(given, peer, 1, kind="pcap", mib=256 if given.quick else 1024)


@scenario("pcap-tls", "TLS to TCP with --pcap, one connection", "pcap_tls", tls.BULK,
          bars=bar("cpu_per_gib"), peers=PEERS)
def pcap_tls(given, peer):
    return tls.bulk(given, peer, "pcap_tls", "client")


@scenario("pcap-udp", "UDP relay with --pcap at 50,000 datagrams a second", "pcap_udp", udp.UDP,
          bars=bar("cpu_us"), peers=PEERS)
def pcap_udp(given, peer):
    return udp.udp_at(given, peer, 50_000, "pcap_udp")
