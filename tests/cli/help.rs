//! Help, version and what is typed wrong: the first thing that a person sees of the program.

use wharf_tests::program::Stdout;
use wharf_tests::snapshot::snapshot;
use wharf_tests::wharf;

#[test]
fn short_help_is_a_screen() {
    let output = wharf(["-h"]).run();
    let text = output.code(0).quiet().text();
    snapshot("cli/help", text);
    assert!(text.lines().count() <= 24, "{output}");
    assert!(text.lines().all(|line| line.len() <= 80), "{output}");
}

#[test]
fn long_help_has_every_flag_and_an_example_of_every_scheme() {
    let help = wharf(["--help"]).run();
    help.code(0).stdout_has("--max-connections");
    let endpoints = wharf(["endpoints", "--json"]).run();
    let endpoints: serde_json::Value = serde_json::from_slice(&endpoints.stdout).unwrap();
    for scheme in endpoints.as_array().unwrap() {
        help.stdout_has(scheme["example"].as_str().unwrap());
        for option in scheme["options"].as_array().unwrap() {
            help.stdout_has(option["example"].as_str().unwrap());
        }
    }
}

#[test]
fn help_and_version_cannot_fail() {
    let version = concat!("wharf ", env!("CARGO_PKG_VERSION"), "\n");
    for words in [
        &["--version"][..],
        &["-V"],
        &["version"],
        &["--no-such-flag", "--version"],
    ] {
        wharf(words).run().code(0).quiet().stdout_is(version);
    }
    for words in [
        &["--no-such-flag", "-h"][..],
        &["one", "two", "three", "-h"],
        &["help"],
        &["-vh"],
    ] {
        wharf(words)
            .run()
            .code(0)
            .quiet()
            .stdout_has("Usage: wharf");
    }
    for command in ["probe", "explain", "endpoints", "cert", "completions"] {
        let asked = wharf([command, "--help"]).run();
        asked.code(0).stdout_has(&format!("Usage: wharf {command}"));
        let told = wharf(["help", command]).run();
        told.code(0).stdout_is(&asked.stdout);
    }
}

#[test]
fn the_help_of_a_program_is_its_own() {
    let output = wharf(["--", "printf", "%s", "--help"]).run();
    output.code(0).stdout_is("--help");
}

#[test]
fn help_into_a_closed_pipe_is_quiet() {
    let output = wharf(["--help"]).stdout(Stdout::Closed).run();
    output.code(141).quiet();
}

#[test]
fn topics_are_explained() {
    for (topic, part) in [
        ("addresses", "SCHEME://"),
        ("variables", "WHARF_PEER_HOST"),
        ("exit-codes", "| 4 | `unreachable` |"),
        ("events", "## listening"),
        ("tcp", "RFC 9293"),
    ] {
        wharf(["help", topic]).run().code(0).stdout_has(part);
    }
    let output = wharf(["help", "exit-code"]).run();
    output.code(2).stderr_has("try: wharf help exit-codes");
}

#[test]
fn the_man_page_is_one_and_complete() {
    let output = wharf(["man"]).run();
    let page = output.code(0).quiet().text();
    for part in [
        ".TH wharf 1",
        ".SH NAME",
        ".SH ENDPOINTS",
        ".SH EXIT STATUS",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // A line that begins with a dot is a request; those that we use are few.
    let requests = page.lines().filter(|line| line.starts_with('.'));
    for request in requests {
        let name = request.split_whitespace().next().unwrap();
        let known = [
            ".TH", ".SH", ".SS", ".TP", ".IP", ".B", ".PP", ".nf", ".fi", ".br", ".RS", ".RE",
            ".ie", ".el",
        ];
        assert!(known.contains(&name), "{request}");
    }
}

#[test]
fn completions_are_scripts_that_their_shells_read() {
    use wharf_tests::Program;
    for shell in ["bash", "zsh", "fish"] {
        let script = wharf(["completions", shell]).run();
        script.code(0).quiet().stdout_has("tcp-listen://");
        let installed = wharf_tests::need::Tool::new(shell, shell);
        if installed.path().is_some() {
            let check = Program::new(shell, ["-n"]).stdin(script.stdout.clone());
            check.run().code(0).quiet();
        }
    }
}

#[test]
fn completions_in_bash_finish_addresses() {
    let script = wharf(["completions", "bash"]).run();
    let ask = |line: &str, words: &str| {
        let cut = format!(
            "\nCOMP_LINE='{line}' COMP_POINT={} COMP_WORDS=({words})\n\
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             compopt() {{ :; }}; _wharf_words wharf \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            line.len()
        );
        let mut program = script.stdout.clone();
        program.extend(cut.into_bytes());
        let output = wharf_tests::Program::new("bash", ["-s"])
            .stdin(program)
            .run();
        output.text().to_owned()
    };
    assert_eq!(ask("wharf tcp-", "wharf tcp-"), "tcp-listen://\n");
    assert_eq!(ask("wharf - len16+ec", "wharf - len16+ec"), "len16+echo:\n");
    // Bash takes each colon for a word of its own.
    let words = "wharf tcp : //h : '80#nod'";
    assert_eq!(ask("wharf tcp://h:80#nod", words), "80#nodelay\n");
    assert_eq!(
        ask("wharf --max-con", "wharf --max-con"),
        "--max-connections\n"
    );
}
