//! Descriptors that the parent opened: a shell's redirection, a socket pair, and systemd's socket
//! activation, which is played by a python3 script as sd_listen_fds(3) describes it.

use std::io::{Read, Write};

use wharf_tests::need::Tool;
use wharf_tests::program::binary;
use wharf_tests::{Program, peer, require, wharf};

fn shell(script: &str) -> Program {
    Tool::new("sh", "dash")
        .with(["-c", script])
        .env("WHARF", binary())
}

#[test]
fn a_file_and_a_pipe_of_the_shell() {
    let script = "echo hello >in; \"$WHARF\" fd:3 fd:4 3<in 4>out && cat out";
    shell(script).run().code(0).stdout_is("hello\n");
}

#[test]
fn one_descriptor_to_read_and_another_to_write() {
    let script = "echo hello >in; \"$WHARF\" 'fd:3#out=4' exec:cat 3<in 4>out && cat out";
    shell(script).run().code(0).stdout_is("hello\n");
}

#[test]
fn a_descriptor_that_nobody_opened_is_said() {
    let output = wharf(["fd:77", "echo:"]).run();
    output
        .code(9)
        .stderr_has("descriptor 77")
        .stderr_has("parent process");
    wharf(["fd:-1", "echo:"]).run().code(2);
    wharf(["fd:web", "echo:"])
        .run()
        .code(9)
        .stderr_has("FileDescriptorName=");
}

/// Records keep their boundaries, and an end is an end.
#[test]
fn a_pair_of_sockets_of_each_kind() {
    require!(Tool::PYTHON);
    for (kind, ends) in [("STREAM", true), ("SEQPACKET", true), ("DGRAM", false)] {
        let script = format!(
            "import subprocess
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_{kind})
wharf = subprocess.Popen([os.environ['WHARF'], '-q', f'fd:{{theirs.fileno()}}', 'echo:'],
    pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
theirs.close()
for message in b'one', b'three':
    ours.send(message)
    assert ours.recv(100) == message
if {end}:
    ours.shutdown(socket.SHUT_WR)
    assert ours.recv(100) == b''
else:
    wharf.terminate()
print('status', wharf.wait(), flush=True)",
            end = if ends { "True" } else { "False" },
        );
        let status = if ends { "status 0\n" } else { "status 143\n" };
        let program = peer::python(&script).env("WHARF", binary());
        program.run().code(0).stdout_is(status);
    }
}

/// The listening socket comes by number or by name, and serves one peer after another.
#[test]
fn socket_activation_by_number_and_by_name() {
    require!(Tool::PYTHON);
    for address in ["fd-listen:3", "fd-listen:web"] {
        let script = format!(
            "other = socket.socket()
web = listener()
if web.fileno() != 4:
    os.dup2(web.fileno(), 4)
os.dup2(other.fileno(), 5)
os.dup2(4, 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='web')
os.execv(os.environ['WHARF'], ['wharf', '--json', '{address}', 'exec:cat'])"
        );
        let mut server = peer::python(&script).env("WHARF", binary()).spawn();
        let at = server.listening();
        for word in [b"one", b"two"] {
            let mut client = std::net::TcpStream::connect(at).unwrap();
            client.write_all(word).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).unwrap();
            assert_eq!(heard, word, "{address}");
        }
    }
}
