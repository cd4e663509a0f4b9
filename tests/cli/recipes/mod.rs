//! The recipes of README.md and docs/recipes.md, read from there and run.
//!
//! A test takes the lines of one recipe by its title. Only places are exchanged, and what is
//! exchanged must be there: hosts for servers on loopback, ports for 0, `/run` and `/tmp` for the
//! test's folder; a server gets `--json` too, which tells the port that it got. A recipe without a
//! test is found, and so is a test without its recipe.

mod devices;
mod more;
mod readme;
mod switch;

use std::path::Path;

use wharf_tests::{Program, Running, shell};

/// The files with recipes, and the tests of each.
const BOOKS: [(&str, &str); 2] = [
    (
        "README.md",
        concat!(
            include_str!("readme.rs"),
            include_str!("devices.rs"),
            include_str!("switch.rs")
        ),
    ),
    ("docs/recipes.md", include_str!("more.rs")),
];

fn text_of(book: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(book);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every recipe of a book: a heading (its number left out), and the lines of its `sh` block, without
/// the remarks that follow two spaces and `#`.
fn recipes(book: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in text_of(book).lines() {
        if line.starts_with("## ") || line.starts_with("### ") {
            let title = line.trim_start_matches(['#', ' ', '.']);
            let title = title.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            found.push((title.trim().to_owned(), Vec::new()));
        } else if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && let Some((_, lines)) = found.last_mut() {
            let command = line.split("  #").next().unwrap_or_default();
            lines.push(command.trim_end().to_owned());
        }
    }
    found.retain(|(_, lines)| !lines.is_empty());
    found
}

/// The lines of one recipe.
#[track_caller]
fn recipe<const N: usize>(book: &str, title: &str) -> [String; N] {
    let found = recipes(book).into_iter().find(|(name, _)| name == title);
    let (_, lines) = found.unwrap_or_else(|| panic!("{book} has no recipe {title:?}"));
    lines
        .try_into()
        .unwrap_or_else(|lines| panic!("{book}: {title}: {lines:?}"))
}

/// The line with other places in it.
#[track_caller]
fn placed(line: &str, places: &[(&str, &str)]) -> String {
    let mut line = line.to_owned();
    for (from, to) in places {
        assert!(line.contains(from), "{from:?} is not in {line:?}");
        line = line.replace(from, to);
    }
    line
}

/// A line that serves, and tells its port.
#[track_caller]
fn server(line: &str) -> Program {
    let rest = line.strip_prefix("wharf ").expect("a line of wharf");
    // The shell becomes wharf, so that ending it ends wharf.
    shell(&format!("exec wharf --json {rest}"))
}

/// The same, started.
#[track_caller]
fn serving(line: &str) -> Running {
    server(line).spawn()
}

#[test]
fn every_recipe_has_a_test() {
    for (book, tests) in BOOKS {
        for (title, _) in recipes(book) {
            assert!(
                tests.contains(&format!("{title:?}")),
                "{book}: nothing tests {title:?}"
            );
        }
    }
}

#[test]
fn the_readme_numbers_its_recipes() {
    let text = text_of("README.md");
    let numbered = text.lines().filter_map(|line| {
        let number = line.strip_prefix("### ")?.split('.').next()?;
        number.parse::<usize>().ok()
    });
    let numbers: Vec<usize> = numbered.collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?}");
}
