//! Real peers with the settings that tests want: python3 scripts, nginx, OpenSSL's server.
//!
//! The plain ones need no help: `Tool::NC.with(["-l", "127.0.0.1", "0"]).spawn()`, then
//! [`Running::tcp_port`] waits until the peer listens and tells on which port.

use std::fs;
use std::path::Path;

use crate::certs::Identity;
use crate::need::Tool;
use crate::port::Port;
use crate::{Program, Running};

/// What every python3 script of a test begins with.
const PYTHON_PRELUDE: &str = "\
import os, socket, struct, sys, threading
def listener(family=socket.AF_INET, host='127.0.0.1'):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind((host, 0))
    server.listen(16)
    print(server.getsockname()[1], flush=True)
    return server
def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b''.join(parts)
def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()
";

/// A python3 script. It has `socket`, `os`, `sys`, `struct` and `threading`, and the functions
/// `listener()` (which prints the port that it got, for [`Running::port`]), `read_all(connection)`
/// and `reset(connection)`.
pub fn python(script: &str) -> Program {
    // -I: neither the environment nor the user's packages decide what runs.
    Tool::PYTHON.with(["-I", "-u", "-c", &format!("{PYTHON_PRELUDE}\n{script}")])
}

/// A python3 script that has `asyncio`, `sys` and `telnetlib3`.
///
/// # Panics
/// Without `require!(Tool::TELNETLIB3)` first.
pub fn telnetlib3(script: &str) -> Program {
    let script = format!("import asyncio, sys, telnetlib3\n{script}");
    let server = Tool::TELNETLIB3.path();
    let server = server.expect("require!(Tool::TELNETLIB3) first");
    Program::new(
        server.with_file_name("python3"),
        ["-I", "-u", "-c", &script],
    )
}

/// OpenSSL's test server with this identity on a port of its own; [`Running::tcp_port`] tells which.
/// What it receives goes to its standard output, and what it is sent there goes to the peer.
pub fn openssl_server<'a>(
    identity: &'a Identity,
    more: impl IntoIterator<Item = &'a str>,
) -> Program {
    let words = ["s_server", "-quiet", "-accept", "127.0.0.1:0"].map(Into::into);
    let files = [
        "-cert".into(),
        identity.certificate().into(),
        "-key".into(),
        identity.key().into(),
    ];
    let more = more.into_iter().map(std::ffi::OsString::from);
    Tool::OPENSSL.with(words.into_iter().chain(files).chain(more))
}

/// An nginx of the test's own: one process, its files in one folder, on one port.
pub struct Nginx {
    /// The process.
    pub running: Running,
    port: Port,
}

impl Nginx {
    /// Starts nginx with `blocks` in the main context of its configuration (`http { ... }`,
    /// `stream { ... }`); `$PORT` in them stands for its port. The document root is `folder/html`.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[track_caller]
    pub fn start(folder: &Path, blocks: &str) -> Self {
        let port = Port::free();
        let blocks = blocks.replace("$PORT", &port.number().to_string());
        // One process in the foreground, so that its process id is all there is to end.
        let config = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\n\
             events {{ worker_connections 256; }}\n{blocks}\n"
        );
        fs::create_dir_all(folder.join("html")).expect("a folder for the document root");
        fs::write(folder.join("nginx.conf"), config).expect("a configuration file");
        let folder_text = folder.to_str().expect("a folder in UTF-8");
        let words = ["-p", folder_text, "-c", "nginx.conf", "-e", "stderr"];
        let mut running = Tool::NGINX.with(words).folder(folder).spawn();
        running.listens_on(port.number());
        Self { running, port }
    }

    /// Serves the files of `folder/html`, with every folder that nginx writes to inside `folder`.
    ///
    /// # Panics
    /// If it does not come to listen.
    #[track_caller]
    pub fn files(folder: &Path) -> Self {
        Self::start(
            folder,
            "http {
                access_log off;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                server { listen 127.0.0.1:$PORT; root html; }
            }",
        )
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::Authority;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn python_prints_the_port_that_it_got() {
        crate::require!(Tool::PYTHON);
        let script = "connection, _ = listener().accept()\nprint(read_all(connection))";
        let mut peer = python(script).spawn();
        let mut stream = TcpStream::connect(("127.0.0.1", peer.port())).unwrap();
        stream.write_all(b"hello").unwrap();
        drop(stream);
        assert_eq!(peer.line(), "b'hello'");
        peer.finish().code(0).quiet();
    }

    #[test]
    fn the_port_of_each_plain_peer_is_found() {
        crate::require!(Tool::NC, Tool::NCAT, Tool::SOCAT);
        let peers = [
            Tool::NC.with(["-l", "127.0.0.1", "0"]),
            Tool::NCAT.with(["-l", "127.0.0.1", "0"]),
            Tool::SOCAT.with(["-u", "TCP4-LISTEN:0,bind=127.0.0.1", "-"]),
        ];
        for peer in peers {
            let mut peer = peer.spawn();
            let mut stream = TcpStream::connect(("127.0.0.1", peer.tcp_port())).unwrap();
            stream.write_all(b"hello\n").unwrap();
            assert_eq!(peer.line(), "hello");
            drop(stream);
            peer.finish().code(0);
        }
    }

    #[test]
    fn a_udp_peer_is_found_too() {
        crate::require!(Tool::SOCAT);
        let mut peer = Tool::SOCAT
            .with(["-u", "UDP4-RECV:0,bind=127.0.0.1", "-"])
            .spawn();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .send_to(b"hello\n", ("127.0.0.1", peer.udp_port()))
            .unwrap();
        assert_eq!(peer.line(), "hello");
    }

    #[test]
    fn nginx_serves_a_file_to_curl() {
        crate::require!(Tool::NGINX, Tool::CURL);
        let folder = tempfile::tempdir().unwrap();
        let nginx = Nginx::files(folder.path());
        fs::write(folder.path().join("html/file"), "hello").unwrap();
        let url = format!("http://127.0.0.1:{}/file", nginx.port());
        Tool::CURL
            .with(["-sS", &url])
            .run()
            .code(0)
            .stdout_is("hello");
        nginx.running.stop().code(0);
    }

    #[test]
    fn openssl_serves_with_a_certificate_of_ours() {
        crate::require!(Tool::OPENSSL);
        let authority = Authority::new();
        let identity = authority.server(&["localhost"]);
        let mut server = openssl_server(&identity, []).stdin_held().spawn();
        server.send("hello\n");
        let address = format!("127.0.0.1:{}", server.tcp_port());
        let words = [
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-servername",
            "localhost",
        ];
        let words = words.into_iter().chain(["-verify_hostname", "localhost"]);
        let ca = authority.certificate().to_str().unwrap();
        let words = words.chain(["-connect", &address, "-CAfile", ca]);
        let mut client = Tool::OPENSSL.with(words).stdin_held().spawn();
        assert_eq!(client.line(), "hello");
    }

    #[test]
    fn a_reset_by_python_is_a_reset() {
        crate::require!(Tool::PYTHON);
        let script = "connection, _ = listener().accept()\nconnection.recv(1)\nreset(connection)";
        let mut peer = python(script).spawn();
        let mut stream = TcpStream::connect(("127.0.0.1", peer.port())).unwrap();
        stream.write_all(b"x").unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}
