//! Standard output that is full, closed or slow, and standard input that cannot be read.

use std::fs::{File, OpenOptions};

use wharf_tests::need::Tool;
use wharf_tests::program::Stdout;
use wharf_tests::{Program, pattern, require, tcp, wharf};

fn full() -> Stdout {
    Stdout::File(OpenOptions::new().write(true).open("/dev/full").unwrap())
}

#[test]
fn a_full_disk_under_standard_output_is_an_error_that_counts() {
    let server = tcp::serve(|mut stream| {
        let _ = std::io::copy(&mut pattern::Source::new(10_000_000), &mut stream);
    });
    let right = format!("tcp://{}", server.address);
    let output = wharf([&right]).stdin_held().stdout(full()).run();
    output
        .code(9)
        .stderr_has("wharf: send stdio: ")
        .stderr_has("no space left on device");
}

#[test]
fn an_answer_of_the_program_itself_is_not_lost_in_silence_either() {
    for words in [
        &["--help"][..],
        &["endpoints"],
        &["explain", "echo:"],
        &["man"],
    ] {
        wharf(words)
            .stdout(full())
            .run()
            .code(9)
            .stderr_has("no space left on device");
        wharf(words).stdout(Stdout::Closed).run().code(141).quiet();
    }
}

#[test]
fn a_pipe_that_nobody_reads_ends_it_although_the_peer_waits() {
    // The peer echoes: it takes no more once its answers are not taken, so nothing would ever end.
    require!(Tool::new("yes", "coreutils"));
    let line = format!(
        "yes | {} --grace 1h echo: | head -n 1",
        wharf_tests::program::binary().display()
    );
    Program::new("bash", ["-o", "pipefail", "-c", &line])
        .run()
        .code(141)
        .stdout_is("y\n")
        .quiet();
}

#[test]
fn a_standard_input_that_is_a_folder_is_named() {
    let output = wharf(["echo:"]).stdin_file(File::open("/").unwrap()).run();
    output.code(9).stderr_has("stdio").stderr_has("directory");
}
