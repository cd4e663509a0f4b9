"""The relays that are compared: how each is told to do the same thing. `relay` starts them.

A peer has a method for each kind of relay that it can be, which returns the command; what it has no
method for is left out of that scenario. To add a peer, write a class and put it into `ALL`. Each is
tuned as its manual advises for throughput, with the same number of workers where it has any. Nothing
runs as a service: configurations are files in a temporary folder, ports are free ones on loopback.
"""

import glob
import os
import shutil
import subprocess

import measure

PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


class Peer:
    """One relay program. `a` is the place to listen on, `b` where to connect to: texts as typed."""

    name = ""
    program = ""
    version_of = ("--version",)

    def __init__(self, given):
        self.given = given
        self.path = shutil.which(self.program, path=PATH) if self.program else None

    @property
    def is_here(self):
        return self.path is not None

    def version(self):
        out = subprocess.run([self.path, *self.version_of], capture_output=True, text=True, check=False)
        lines = (out.stdout or out.stderr).strip().splitlines()
        return next((line for line in lines if any(c.isdigit() for c in line)), "?").strip()

    def config_file(self, name, text):
        path = os.path.join(self.given.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


class Wharf(Peer):
    name = "wharf"

    def __init__(self, given):
        super().__init__(given)
        self.path = given.wharf

    def command(self, *addresses):
        flags = ["--quiet", "--workers", str(self.given.workers), "--max-connections", "30000"]
        return [self.path, *flags, *addresses]

    def tcp(self, a, b):
        return self.command(f"tcp-listen://{a}", f"tcp://{b}")

    def udp(self, a, b):
        return self.command(f"udp-listen://{a}#max-peers=4096", f"udp://{b}")

    def udp_short(self, a, b):
        return self.command(f"udp-listen://{a}#max-peers=4096,idle=3s", f"udp://{b}")

    def unix(self, a, b):
        return self.command(f"tcp-listen://{a}", b)

    def stdio(self, a, _):
        return self.command("--once", f"tcp-listen://{a}", "-")

    def file(self, path, b):
        return self.command(f"file:{path}", f"tcp://{b}"), None

    def udp_tcp(self, a, b):
        return self.command(f"udp-listen://{a}#max-peers=4096", f"len16+tcp://{b}")

    def tls_in(self, a, b):
        cert, key = self.given.certificate("cert.pem"), self.given.certificate("key.pem")
        return self.command(f"tls-listen://{a}#cert={cert},key={key}", f"tcp://{b}")

    def tls_out(self, a, b):
        return self.command(f"tcp-listen://{a}", f"tls://{b}#danger-accept-any-certificate,resume=no")

    def captured(self, addresses):
        return self.command("--pcap", os.path.join(self.given.folder, "capture.pcapng"), *addresses[-2:])

    def pcap(self, a, b):
        return self.captured(self.tcp(a, b))

    def pcap_tls(self, a, b):
        return self.captured(self.tls_in(a, b))

    def pcap_udp(self, a, b):
        return self.captured(self.udp(a, b))

    def server(self, folder, *listening):
        return [self.path, "--quiet", "serve", folder, "--workers", str(self.given.workers), *listening]

    def serve(self, a, folder):
        return self.server(folder, "--http", a)

    def serve_tls(self, a, folder):
        cert, key = self.given.certificate("cert.pem"), self.given.certificate("key.pem")
        return self.server(folder, "--https", a, "--cert", cert, "--key", key)

    def switch(self, lab, *ports):
        lab.start(self.path, "--quiet", "switch", *ports, "--loop-probe", "off")

    def switch_veth(self, lab):
        lab.cables()
        self.switch(lab, *(f"eth://s{n}#netns={lab.place}" for n in "01"))

    def switch_tap(self, lab):
        self.switch(lab, *(f"tap://h{n}#netns={lab.host}" for n in "01"))
        lab.wait_for_devices()

    def help(self):
        return [self.path, "--version"]

    def shot(self, b):
        return [self.path, "--quiet", b]


class WharfCopying(Wharf):
    """The same, moving data as it must where somebody looks: what a capture is compared with."""

    name = "wharf-copying"

    def pcap(self, a, b):
        return self.command("--without", "splice", *self.tcp(a, b)[-2:])

    def pcap_tls(self, a, b):
        return self.command("--without", "splice", *self.tls_in(a, b)[-2:])

    def pcap_udp(self, a, b):
        return self.udp(a, b)


class Socat(Peer):
    name = program = "socat"
    version_of = ("-V",)

    def version(self):
        return " ".join(super().version().split()[:3])

    def command(self, left, right):
        return [self.path, "-t", "10", "-b", "262144", left, right]

    def listener(self, a, kind="TCP4"):
        host, port = a.split(":")
        return f"{kind}-LISTEN:{port},bind={host},reuseaddr,fork,backlog=4096"

    def tcp(self, a, b):
        return self.command(f"{self.listener(a)},nodelay", f"TCP4:{b},nodelay")

    def udp(self, a, b):
        host, port = a.split(":")
        return self.command(f"UDP4-LISTEN:{port},bind={host},reuseaddr,fork", f"UDP4:{b}")

    def unix(self, a, b):
        return self.command(f"{self.listener(a)},nodelay", f"UNIX-CONNECT:{b[5:]}")

    def stdio(self, a, _):
        host, port = a.split(":")
        return [self.path, "-u", "-b", "262144", f"TCP4-LISTEN:{port},bind={host},reuseaddr", "STDOUT"]

    def file(self, path, b):
        return [self.path, "-u", "-b", "262144", f"FILE:{path}", f"TCP4:{b}"], None

    def udp_tcp(self, a, b):
        # It knows no framing: a datagram is a write, and only its length tells where it ends.
        return [*self.udp(a, b)[:-1], f"TCP4:{b}"]

    def tls_in(self, a, b):
        cert, key = self.given.certificate("cert.pem"), self.given.certificate("key.pem")
        tls = f"{self.listener(a, 'OPENSSL')},cert={cert},key={key},verify=0"
        return self.command(tls, f"TCP4:{b},nodelay")

    def tls_out(self, a, b):
        return self.command(f"{self.listener(a)},nodelay", f"OPENSSL:{b},verify=0")

    def help(self):
        return [self.path, "-V"]

    def shot(self, b):
        return [self.path, "-t", "10", "-", f"TCP4:{b}"]


class Haproxy(Peer):
    name = program = "haproxy"
    version_of = ("-v",)

    def version(self):
        return " ".join(super().version().split()[:3])

    def config(self, bind, server):
        # Two descriptors a connection, and two a pipe to splice through.
        limit = self.given.descriptors
        most = min(10_000, (limit - 300) // 2)
        pipes = min(2500, (limit - 2 * most - 100) // 2)
        path = self.config_file("haproxy.cfg", f"""
global
    nbthread {self.given.workers}
    maxconn {most}
    maxpipes {pipes}
    tune.ssl.default-dh-param 2048
defaults
    mode tcp
    option splice-auto
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    maxconn {most}
listen relay
    bind {bind}
    server peer {server}
""")
        return [self.path, "-db", "-f", path]

    def tcp(self, a, b):
        return self.config(f"{a} backlog 16384", b)

    def unix(self, a, b):
        return self.config(f"{a} backlog 16384", f"unix@{b[5:]}")

    def tls_in(self, a, b):
        return self.config(f"{a} backlog 16384 ssl crt {self.given.certificate('both.pem')}", b)

    def tls_out(self, a, b):
        return self.config(f"{a} backlog 16384", f"{b} ssl verify none no-ssl-reuse")


class Nginx(Peer):
    name = program = "nginx"
    version_of = ("-v",)

    def config(self, listen, pass_to, more=""):
        modules = glob.glob("/usr/lib*/nginx/modules/ngx_stream_module.so")
        load = f"load_module {modules[0]};" if modules else ""
        user = "user root;" if os.getuid() == 0 else ""
        folder = self.given.folder
        path = self.config_file("nginx.conf", f"""
{load}
{user}
daemon off;
worker_processes {self.given.workers};
worker_rlimit_nofile {self.given.descriptors};
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections {min(20_000, self.given.descriptors)}; }}
stream {{
    access_log off;
    tcp_nodelay on;
    proxy_timeout 1h;
    server {{
        listen {listen};
        proxy_pass {pass_to};
        {more}
    }}
}}
""")
        return [self.path, "-p", folder, "-e", "stderr", "-c", path]

    def tcp(self, a, b):
        return self.config(f"{a} reuseport backlog=16384", b, "proxy_buffer_size 64k;")

    def udp(self, a, b):
        return self.config(f"{a} udp reuseport", b)

    def unix(self, a, b):
        return self.config(f"{a} reuseport backlog=16384", b, "proxy_buffer_size 64k;")

    def tls_in(self, a, b):
        cert, key = self.given.certificate("cert.pem"), self.given.certificate("key.pem")
        return self.config(f"{a} ssl reuseport backlog=16384", b, f"""proxy_buffer_size 64k;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        ssl_session_cache off;
        ssl_session_tickets off;""")

    def tls_out(self, a, b):
        return self.config(f"{a} reuseport backlog=16384", b, """proxy_buffer_size 64k;
        proxy_ssl on;
        proxy_ssl_protocols TLSv1.3;
        proxy_ssl_session_reuse off;""")


    def site(self, listen, root, more=""):
        user = "user root;" if os.getuid() == 0 else ""
        folder = self.given.folder
        path = self.config_file("site.conf", f"""
{user}
daemon off;
worker_processes {self.given.workers};
worker_rlimit_nofile {self.given.descriptors};
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections {min(20_000, self.given.descriptors)}; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen {listen};
        root {root};
        {more}
    }}
}}
""")
        return [self.path, "-p", folder, "-e", "stderr", "-c", path]

    def serve(self, a, folder):
        return self.site(f"{a} reuseport backlog=16384", folder)

    def serve_tls(self, a, folder):
        cert, key = self.given.certificate("cert.pem"), self.given.certificate("key.pem")
        return self.site(f"{a} ssl reuseport backlog=16384", folder, f"""
        ssl_certificate {cert};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;""")


class Ncat(Peer):
    name = program = "ncat"

    def tcp(self, a, b):
        host, port = a.split(":")
        to = b.replace(":", " ")
        return [self.path, "-k", "-l", host, port, "-m", "1000", "-c", f"exec {self.path} {to}"]

    def stdio(self, a, _):
        return [self.path, "-l", *a.split(":"), "--recv-only"]

    def file(self, path, b):
        return [self.path, "--send-only", *b.split(":")], path

    def help(self):
        return [self.path, "--version"]

    def shot(self, b):
        return [self.path, *b.split(":")]


class Nc(Peer):
    """OpenBSD nc is no relay: it is measured for single shots."""

    name = "nc"
    program = "nc.openbsd"
    version_of = ("-h",)

    def version(self):
        return "OpenBSD nc" + super().version().partition("netcat")[2]

    def stdio(self, a, _):
        return [self.path, "-l", *a.split(":")]

    def file(self, path, b):
        return [self.path, "-N", *b.split(":")], path

    def help(self):
        return [self.path, "-h"]

    def shot(self, b):
        return [self.path, "-N", *b.split(":")]


class Vde(Peer):
    """Another switch in user space. It opens taps by itself; to devices that are there it comes by
    vde_pcapplug, one process a device."""

    name = "vde"
    program = "vde_switch"

    def version(self):
        # It prints no number but that of the project.
        return super().version() or "vde_switch"

    def start(self, lab, *more):
        control = os.path.join(lab.folder, "vde.ctl")
        shutil.rmtree(control, ignore_errors=True)
        # It ends with its standard input.
        lab.start("ip", "netns", "exec", lab.host, self.path, "-s", control, *more, stdin=subprocess.PIPE)
        measure.wait_for(lambda: os.path.exists(os.path.join(control, "ctl")), "vde_switch is to listen")
        return control

    def switch_veth(self, lab):
        lab.cables()
        control = self.start(lab)
        plug = shutil.which("vde_pcapplug", path=PATH)
        for n in "01":
            lab.start("ip", "netns", "exec", lab.place, plug, "-s", control, f"s{n}")

    def switch_tap(self, lab):
        self.start(lab, "-t", "h0", "-t", "h1")
        lab.wait_for_devices()


class Bridge(Peer):
    """The kernel's own bridge: the limit. Its processor time is that of whoever sends."""

    name = "bridge"
    program = "ip"
    version_of = ("-V",)

    def version(self):
        return f"the kernel's bridge, by {super().version()}"

    def switch_veth(self, lab):
        lab.cables()
        for words in (("add", "br0", "type", "bridge"), ("set", "br0", "up"),
                      ("set", "s0", "master", "br0"), ("set", "s1", "master", "br0")):
            subprocess.run([self.path, "-n", lab.place, "link", *words], check=True)


class SpliceLoop(Peer):
    """Not a program that one would use: the limit. It is part of the load generator."""

    name = "splice"

    def __init__(self, given):
        super().__init__(given)
        self.path = given.load

    def version(self):
        return "a bare splice loop, two threads a connection"

    def tcp(self, a, b):
        return [self.path, "splice-relay", "--listen", a, "--to", b]


class Direct(Peer):
    """No relay at all: the load alone."""

    name = "direct"

    def __init__(self, given):
        super().__init__(given)
        self.path = ""

    def version(self):
        return "no relay"


ALL = (Wharf, WharfCopying, Socat, Haproxy, Nginx, Ncat, Nc, Vde, Bridge, SpliceLoop, Direct)
