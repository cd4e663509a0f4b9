"""The scenarios, a file a topic; importing this fills `scenarios.ALL` in the order of the report."""

from loads import tcp, udp, tls, serve, pcap, switch, others  # noqa: F401
