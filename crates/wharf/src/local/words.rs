//! A command line taken apart into words, quoted as a shell quotes and never expanded.
//!
//! Source: POSIX.1-2024, Shell Command Language, section 2.2 (quoting) and 2.3 (tokens). `$`, `*`,
//! `~`, `|` and their like are letters here.
//! Not here: running the words (`exec`), lines for a real shell.

/// Why a line cannot be taken apart, and where, in octets from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfinished {
    pub(super) at: usize,
    pub(super) reason: &'static str,
}

/// Splits `line` into words.
///
/// # Errors
/// A quote without its partner, or a backslash with nothing behind it.
pub(super) fn split(line: &str) -> Result<Vec<String>, Unfinished> {
    let mut words = Vec::new();
    // None between words; a word may be empty, if it is quoted.
    let mut word: Option<String> = None;
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => single(&mut characters, at, word.get_or_insert_default())?,
            '"' => double(&mut characters, at, word.get_or_insert_default())?,
            '\\' => match characters.next() {
                Some((_, '\n')) => {}
                Some((_, escaped)) => word.get_or_insert_default().push(escaped),
                None => {
                    return Err(Unfinished {
                        at,
                        reason: "a character is missing after this backslash",
                    });
                }
            },
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

type Characters<'a> = std::str::CharIndices<'a>;

fn single(rest: &mut Characters<'_>, at: usize, word: &mut String) -> Result<(), Unfinished> {
    for (_, character) in rest {
        if character == '\'' {
            return Ok(());
        }
        word.push(character);
    }
    Err(Unfinished {
        at,
        reason: "this quote is not closed",
    })
}

fn double(rest: &mut Characters<'_>, at: usize, word: &mut String) -> Result<(), Unfinished> {
    while let Some((_, character)) = rest.next() {
        match character {
            '"' => return Ok(()),
            '\\' => match rest.next() {
                Some((_, '\n')) => {}
                Some((_, escaped @ ('$' | '`' | '"' | '\\'))) => word.push(escaped),
                Some((_, other)) => word.extend(['\\', other]),
                None => break,
            },
            plain => word.push(plain),
        }
    }
    Err(Unfinished {
        at,
        reason: "this quote is not closed",
    })
}

/// A word that only a shell would act on, standing alone: `|`, `>`, `&&`.
pub(super) fn shell_operator(words: &[String]) -> Option<&str> {
    const OPERATORS: [&str; 9] = ["|", "||", "&", "&&", ";", "<", ">", ">>", "2>"];
    words
        .iter()
        .map(String::as_str)
        .find(|word| OPERATORS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_quoted_as_a_shell_does() {
        for (line, words) in [
            ("date +%s", &["date", "+%s"][..]),
            ("  a \t b\nc ", &["a", "b", "c"]),
            (r#"a 'b c' "d e""#, &["a", "b c", "d e"]),
            (r#"a'b'"c"d"#, &["abcd"]),
            (r#"'' "" a"#, &["", "", "a"]),
            (r#"'a\b"c' "a\b\"\\\$c'""#, &[r#"a\b"c"#, r#"a\b"\$c'"#]),
            (r"a\ b \'", &["a b", "'"]),
            ("a\\\nb \"c\\\nd\"", &["ab", "cd"]),
            ("echo $HOME * ~ | x", &["echo", "$HOME", "*", "~", "|", "x"]),
            ("größe 'ß'", &["größe", "ß"]),
            ("", &[]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn what_is_not_finished_is_pointed_at() {
        for (line, at) in [
            ("a 'b c", 2),
            ("ß \"b", 3),
            ("\"a\\", 0),
            ("a\\", 1),
            ("'a' 'b", 4),
        ] {
            assert_eq!(split(line).unwrap_err().at, at, "{line}");
        }
    }

    #[test]
    fn an_operator_of_the_shell_is_found_only_alone() {
        let operator = |line: &str| shell_operator(&split(line).unwrap()).map(str::to_owned);
        assert_eq!(operator("ls | wc").as_deref(), Some("|"));
        assert_eq!(operator("grep a|b"), None);
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in prop::collection::vec("[ -~\n\u{e4}]*", 0..5)) {
            let line: Vec<String> = words
                .iter()
                .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
                .collect();
            prop_assert_eq!(split(&line.join(" ")).unwrap(), words);
        }

        #[test]
        fn no_line_panics(line in any::<String>()) {
            if let Err(wrong) = split(&line) {
                prop_assert!(line.is_char_boundary(wrong.at));
            }
        }
    }
}
