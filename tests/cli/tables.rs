//! What the documents claim, checked: tests that exist, bounds that are the real ones, links that
//! lead somewhere.

use std::path::{Path, PathBuf};

use wharf::catalog::SCHEMES;
use wharf::socket::stack::GENERAL;
use wharf_tests::wharf;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` whose name ends in `ending`.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// The cells of every row of every table, without heads and rules.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let is_row = |line: &&str| line.starts_with('|') && !line.starts_with("|--");
    let rows = text.lines().filter(is_row);
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_of_the_checklist_exists() {
    let sources: Vec<(String, String)> = ["crates", "tests"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"))
        .map(|path| (path.display().to_string(), read(&path)))
        .collect();
    let checklist = read("docs/checklist.md");
    let (mut named, mut missing) = (0, Vec::new());
    let (_, sections) = checklist.split_once("\n## ").expect("its sections");
    let names = quoted(sections).filter(|name| name.contains('/'));
    for (file, test) in names.filter_map(|name| name.split_once("::")) {
        let (ending, folder) = (format!("/{file}.rs"), format!("/{file}/"));
        let declared = format!("fn {test}(");
        let exists = sources.iter().any(|(path, text)| {
            (path.ends_with(&ending) || path.contains(&folder)) && text.contains(&declared)
        });
        if !exists {
            missing.push(format!("{file}::{test}"));
        }
        named += 1;
    }
    assert!(missing.is_empty(), "docs/checklist.md names {missing:#?}");
    assert!(named > 50, "{named} tests are named");
}

#[test]
fn the_bounds_of_security_are_the_real_ones() {
    let security = read("SECURITY.md");
    let (_, bounds) = security.split_once("## Bounds").expect("its bounds");
    let main = wharf(["--help"]).run();
    let mut checked = 0;
    for row in rows(bounds) {
        let [what, bound, option] = row[..] else {
            panic!("{row:?}");
        };
        let Some(option) = quoted(option).next() else {
            continue;
        };
        if option.contains("--") {
            // A flag of a command is written with it: `switch --max-entries`.
            let (command, option) = option.split_once("--").expect("a flag");
            let option = &format!("--{option}");
            let help = match command.strip_prefix("wharf ") {
                None => &main,
                Some(command) => &wharf([command.trim(), "--help"]).run(),
            };
            help.stdout_has(option);
            // Where the default stands in the help, it is the one that is told here.
            let text = help.text().split(&format!("{option} ")).nth(1);
            let text = text.unwrap_or_default().split("\n\n    ").next();
            let shown = text.unwrap_or_default().split("[default: ").nth(1);
            if let Some(shown) = shown.and_then(|rest| rest.split(']').next()) {
                assert_eq!(bound, shown, "{what}");
            }
        } else {
            let (scheme, name) = option.split_once('#').expect("scheme#option");
            let scheme = SCHEMES.iter().find(|s| s.name == scheme);
            let scheme = scheme.unwrap_or_else(|| panic!("no scheme for {option}"));
            let spec = scheme
                .spec(name)
                .or_else(|| GENERAL.iter().find(|spec| spec.name == name));
            let spec = spec.unwrap_or_else(|| panic!("no option {option}"));
            if spec.default.is_some_and(|default| default != "yes") {
                assert_eq!(Some(bound), spec.default, "{what}");
            }
        }
        checked += 1;
    }
    assert!(checked > 12, "{checked} bounds have an option");
}

/// The names of layers in what stands before `:` of an address.
fn words_of_schemes(text: &str) -> impl Iterator<Item = &str> {
    let heads = text.split(' ').filter_map(|word| word.split_once(':'));
    let heads = heads.filter(|(head, _)| head.starts_with(|c: char| c.is_ascii_lowercase()));
    heads.flat_map(|(head, _)| {
        head.split('+')
            .map(|layer| layer.trim_end_matches("-listen"))
    })
}

#[test]
fn what_others_are_called_here_exists() {
    let migrating = read("docs/migrating.md");
    let help = wharf(["--help"]).run();
    let options: Vec<_> = SCHEMES
        .iter()
        .flat_map(|scheme| scheme.specs())
        .chain(GENERAL)
        .map(|spec| spec.name)
        .collect();
    for row in rows(&migrating) {
        for ours in row.get(1).into_iter().flat_map(|cell| quoted(cell)) {
            let words = ours.split([' ', ',']);
            for flag in words.filter(|word| word.starts_with("--") && word.len() > 2) {
                help.stdout_has(flag);
            }
            let (_, given) = ours.split_once('#').unwrap_or_default();
            for option in given.split(',').filter_map(|given| given.split('=').next()) {
                let known = option.is_empty() || options.contains(&option);
                assert!(known, "docs/migrating.md: {ours}: no option {option}");
            }
            for scheme in words_of_schemes(ours) {
                let known = SCHEMES.iter().any(|s| s.name == scheme);
                assert!(known, "docs/migrating.md: {ours}: no scheme {scheme}");
            }
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for file in files(&root(), ".md") {
        let folder = file.parent().expect("a folder");
        for target in read(&file).split("](").skip(1) {
            let target = target.split(')').next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || target.starts_with("http") {
                continue;
            }
            assert!(
                folder.join(path).exists(),
                "{}: {target} leads nowhere",
                file.display()
            );
        }
    }
}
