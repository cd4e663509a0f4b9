//! `wharf man`: the manual page, made of what the program itself works with.
//!
//! Flags and commands come from their declarations, endpoints and options from the catalog, exit
//! codes from their table. Format: man(7).

use std::fmt::Write;

use clap_mangen::Man;
use wharf::catalog::CATALOG;
use wharf::socket::scheme::Layer;
use wharf::socket::stack::GENERAL;

use super::{help, sheet};
use crate::args::command;
use crate::exit;

/// The page.
pub fn page() -> String {
    let mut declared = command();
    declared.build();
    let man = Man::new(declared);
    let mut out = Vec::new();
    // Writing into memory cannot fail.
    let _ = man.render_title(&mut out);
    let _ = man.render_name_section(&mut out);
    let _ = man.render_synopsis_section(&mut out);
    let _ = man.render_description_section(&mut out);
    let mut page = String::from_utf8_lossy(&out).into_owned();
    page.push_str(".SH ADDRESSES\n");
    paragraphs(&mut page, help::ADDRESSES);
    let mut options = Vec::new();
    let _ = man.render_options_section(&mut options);
    page.push_str(&String::from_utf8_lossy(&options));
    commands(&mut page);
    endpoints(&mut page);
    exit_codes(&mut page);
    page.push_str(".SH EXAMPLES\n");
    for (line, what) in help::EXAMPLES {
        entry(&mut page, line, what);
    }
    page
}

fn commands(page: &mut String) {
    page.push_str(".SH COMMANDS\n");
    for known in command().get_subcommands_mut() {
        let usage = known.render_usage().to_string();
        let usage = format!("wharf {}", usage.trim_start_matches("Usage: "));
        let about = known.get_long_about().or(known.get_about());
        entry(
            page,
            &usage,
            &about.map(ToString::to_string).unwrap_or_default(),
        );
        page.push_str(".RS\n");
        let own = known
            .get_arguments()
            .filter(|flag| !flag.is_global_set() && flag.get_id() != "help");
        for flag in own {
            let Some(long) = flag.get_long() else {
                continue;
            };
            let value = match flag.get_action().takes_values() {
                true => flag.get_value_names().unwrap_or_default().join(" "),
                false => String::new(),
            };
            let name = format!("--{long} {value}");
            let help = flag.get_help().map(ToString::to_string);
            entry(page, name.trim_end(), &help.unwrap_or_default());
        }
        page.push_str(".RE\n");
    }
}

fn endpoints(page: &mut String) {
    page.push_str(".SH ENDPOINTS\n");
    for layer in Layer::ALL {
        for scheme in sheet::of_layer(layer) {
            let (name, summary) = (quoted(scheme.name), quoted(scheme.summary));
            let _ = writeln!(page, ".SS {name}\n{summary}\n.br");
            for (name, value) in sheet::facts(scheme) {
                let _ = writeln!(page, "{name}: {}\n.br", quoted(&value));
            }
            for spec in scheme.specs() {
                entry(page, &sheet::option_name(spec), &sheet::option_line(spec));
            }
        }
    }
    page.push_str(".SS every endpoint\n");
    for spec in GENERAL {
        entry(page, &sheet::option_name(spec), &sheet::option_line(spec));
    }
    if !CATALOG.shorthands.is_empty() {
        page.push_str(".SS short for a stack\n");
    }
    for short in CATALOG.shorthands {
        entry(page, short.name, &short.stack.join("+"));
    }
}

fn exit_codes(page: &mut String) {
    page.push_str(".SH EXIT STATUS\n");
    for row in exit::TABLE {
        entry(page, row.code, &format!("{} ({})", row.meaning, row.name));
    }
}

/// A term and what it means.
fn entry(page: &mut String, term: &str, meaning: &str) {
    let _ = writeln!(page, ".TP\n.B {}\n{}", quoted(term), quoted(meaning));
}

/// Plain text as paragraphs; what is indented stays as it is.
fn paragraphs(page: &mut String, text: &str) {
    let mut literal = false;
    for line in text.lines() {
        let indented = line.starts_with("  ");
        if indented != literal {
            page.push_str(if indented { ".nf\n" } else { ".fi\n" });
            literal = indented;
        }
        page.push_str(&match line.is_empty() {
            true => ".PP".into(),
            false => quoted(line),
        });
        page.push('\n');
    }
    if literal {
        page.push_str(".fi\n");
    }
}

/// Text in which nothing is special to roff.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_special() {
        assert_eq!(quoted("-x a\\b"), "\\-x a\\eb");
        assert_eq!(quoted("./file"), "\\&./file");
    }

    #[test]
    fn every_flag_scheme_and_code_is_there() {
        let page = page();
        for arg in command().get_arguments() {
            if let Some(long) = arg.get_long() {
                assert!(page.contains(&quoted(long)), "{long}");
            }
        }
        for scheme in CATALOG.schemes {
            assert!(page.contains(&format!(".SS {}", quoted(scheme.name))));
        }
        assert!(page.contains(".SH EXIT STATUS"));
    }
}
