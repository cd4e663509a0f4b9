//! Rust source as tokens: identifiers, `::` and single characters, without comments and literals.
//!
//! Source: The Rust Reference, chapter "Lexical structure". Numbers come out as identifiers, which
//! no check minds; lifetimes as identifiers too, without their quote.

/// A token and the line (from 1) that it stands on.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// Splits source text into identifiers, `::`, and single characters; comments and literals are left out.
pub fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < bytes.len() {
        let len = match bytes[at] {
            b'/' if text[at..].starts_with("//") => line_end(&bytes[at..]),
            b'/' if text[at..].starts_with("/*") => block_comment(&bytes[at..]),
            b'"' => 1 + quoted(&bytes[at + 1..], b'"'),
            b'\'' => character(&text[at..]),
            b'r' | b'b' | b'c' if literal_prefix(&text[at..]).is_some() => {
                literal_prefix(&text[at..]).unwrap_or(1)
            }
            byte if byte == b'_' || byte.is_ascii_alphanumeric() => {
                let len = identifier(&bytes[at..]);
                tokens.push(Token {
                    text: text[at..at + len].to_owned(),
                    line,
                });
                len
            }
            b':' if bytes.get(at + 1) == Some(&b':') => {
                tokens.push(Token {
                    text: "::".to_owned(),
                    line,
                });
                2
            }
            byte if byte.is_ascii_whitespace() || !byte.is_ascii() => 1,
            byte => {
                tokens.push(Token {
                    text: char::from(byte).to_string(),
                    line,
                });
                1
            }
        };
        line += bytes[at..at + len]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        at += len;
    }
    tokens
}

fn line_end(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .unwrap_or(bytes.len())
}

fn identifier(bytes: &[u8]) -> usize {
    let part = |byte: &u8| *byte == b'_' || byte.is_ascii_alphanumeric();
    bytes
        .iter()
        .position(|byte| !part(byte))
        .unwrap_or(bytes.len())
}

/// The length of a block comment; they nest.
fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length up to and with the closing `quote`, which a backslash may escape.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The length of a character literal, or of the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut rest = text[1..].chars();
    match (rest.next(), rest.next()) {
        (Some('\\'), _) => 1 + quoted(&text.as_bytes()[1..], b'\''),
        (Some(one), Some('\'')) => 2 + one.len_utf8(),
        _ => 1,
    }
}

/// The length of a literal with a prefix: `r#"..."#`, `b"..."`, `br"..."`, `b'x'`, `c"..."`.
fn literal_prefix(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let prefix = bytes
        .iter()
        .take(2)
        .take_while(|byte| b"rbc".contains(byte))
        .count();
    let hashes = bytes[prefix..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    let open = prefix + hashes;
    match bytes.get(open)? {
        b'"' if bytes[..prefix].contains(&b'r') => {
            let close = format!("\"{}", "#".repeat(hashes));
            let len = text[open + 1..].find(&close)?;
            Some(open + 1 + len + close.len())
        }
        b'"' if hashes == 0 => Some(open + 1 + quoted(&bytes[open + 1..], b'"')),
        b'\'' if hashes == 0 && &bytes[..prefix] == b"b" => {
            Some(open + 1 + quoted(&bytes[open + 1..], b'\''))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_are_left_out() {
        assert_eq!(
            words("a // b\nc /* d /* e */ f */ g /// h"),
            ["a", "c", "g"]
        );
    }

    #[test]
    fn literals_are_left_out() {
        assert_eq!(words(r#"a "b \" c" d"#), ["a", "d"]);
        assert_eq!(
            words(r###"a r#"b " c"# d br"e" f b"g" h c"i" j"###),
            ["a", "d", "f", "h", "j"]
        );
        assert_eq!(
            words(r#"a '\'' b '"' c 'd' e b'f' g"#),
            ["a", "b", "c", "e", "g"]
        );
    }

    #[test]
    fn lifetimes_and_paths_are_kept() {
        assert_eq!(words("&'a r::b"), ["&", "a", "r", "::", "b"]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_literals() {
        let last = tokens("/*\n*/ \"\n\" // x\na").pop();
        assert_eq!(
            last,
            Some(Token {
                text: "a".to_owned(),
                line: 4
            })
        );
    }
}
