//! Names inside a served folder, checked: whatever a peer sends, none leads outside.
//!
//! A path is a list of names from the folder's root. No name is empty, `.` or `..`, none has a slash or
//! a NUL in it, so that there is nothing to resolve; octets that are no UTF-8 are names like any other.
//! Source: RFC 3986, sections 2.1 and 3.3 (as a URL writes it).
//! Not here: links, which the folder looks after.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::socket::units::percent_encode;

/// The longest path, in octets (Linux: `PATH_MAX` without its NUL).
const LONGEST: usize = 4095;

/// A path inside a served folder. The root is the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FilePath {
    /// The names with a slash between, none before or behind.
    octets: Vec<u8>,
    /// Whether a slash ended it: what is meant is a folder.
    is_folder: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It does not begin with a slash.
    NotAbsolute,
    /// A `%` without two hexadecimal digits behind it.
    Percent,
    /// A slash or a NUL inside a name, written as `%2F` or `%00`.
    Octet,
    /// A name that is `.` or `..`.
    Dots,
    /// Two slashes with nothing between.
    Empty,
    /// Longer than any file's.
    TooLong,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::NotAbsolute => "the path does not begin with /",
            Malformed::Percent => "the path has a % that no two hexadecimal digits follow",
            Malformed::Octet => "the path has a / or a NUL inside a name",
            Malformed::Dots => "the path has a name that is . or ..",
            Malformed::Empty => "the path has an empty name",
            Malformed::TooLong => "the path is longer than 4095 octets",
        })
    }
}

impl std::error::Error for Malformed {}

impl FilePath {
    /// The root.
    pub fn root() -> FilePath {
        FilePath {
            octets: Vec::new(),
            is_folder: true,
        }
    }

    /// Reads the path of a URL, `/a%20b/c`, without query. It is decoded once, after it was cut at the
    /// slashes: what decodes to a slash, a NUL or dots is refused.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn of_url(text: &str) -> Result<FilePath, Malformed> {
        let text = text.strip_prefix('/').ok_or(Malformed::NotAbsolute)?;
        FilePath::read(text.as_bytes(), decode)
    }

    /// Reads a path as it is, `/a b/c` or `a b/c`, as FTP and SFTP send it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn of_octets(octets: &[u8]) -> Result<FilePath, Malformed> {
        let octets = octets.strip_prefix(b"/").unwrap_or(octets);
        FilePath::read(octets, |name, out| {
            out.extend_from_slice(name);
            Ok(())
        })
    }

    fn read(
        text: &[u8],
        decode: impl Fn(&[u8], &mut Vec<u8>) -> Result<(), Malformed>,
    ) -> Result<FilePath, Malformed> {
        if text.is_empty() {
            return Ok(FilePath::root());
        }
        let (names, is_folder) = match text.strip_suffix(b"/") {
            Some(names) => (names, true),
            None => (text, false),
        };
        let mut octets = Vec::with_capacity(names.len());
        for name in names.split(|octet| *octet == b'/') {
            if !octets.is_empty() {
                octets.push(b'/');
            }
            let begin = octets.len();
            decode(name, &mut octets)?;
            check(octets.get(begin..).unwrap_or_default())?;
            if octets.len() > LONGEST {
                return Err(Malformed::TooLong);
            }
        }
        Ok(FilePath { octets, is_folder })
    }

    /// The path of `name` inside this folder.
    ///
    /// # Errors
    /// [`Malformed`]: it is no name.
    pub fn join(&self, name: &[u8]) -> Result<FilePath, Malformed> {
        check(name)?;
        let mut octets = self.octets.clone();
        if !octets.is_empty() {
            octets.push(b'/');
        }
        octets.extend_from_slice(name);
        match octets.len() {
            ..=LONGEST => Ok(FilePath {
                octets,
                is_folder: false,
            }),
            _ => Err(Malformed::TooLong),
        }
    }

    /// The same path, meaning a folder.
    #[must_use]
    pub fn as_folder(&self) -> FilePath {
        FilePath {
            octets: self.octets.clone(),
            is_folder: true,
        }
    }

    /// Whether this is the served folder itself.
    pub fn is_root(&self) -> bool {
        self.octets.is_empty()
    }

    /// Whether a slash ended it.
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// Its names, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.octets.split(|octet| *octet == b'/');
        names.filter(|name| !name.is_empty())
    }

    /// The last name; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.names().last()
    }

    /// The folder in which it is; the root is in none.
    pub fn parent(&self) -> Option<FilePath> {
        let name = self.name()?;
        let rest = self.octets.len() - name.len();
        Some(FilePath {
            octets: self.octets.get(..rest.saturating_sub(1))?.to_vec(),
            is_folder: true,
        })
    }

    /// As the operating system takes it, relative to the served folder: `.` for the root.
    pub(super) fn as_path(&self) -> &Path {
        match self.is_root() {
            true => Path::new("."),
            false => Path::new(OsStr::from_bytes(&self.octets)),
        }
    }

    /// As the path of a URL, which [`of_url`](FilePath::of_url) reads. It begins with one slash and never
    /// with two, so that it is no address of another host.
    pub fn to_url(&self) -> String {
        let mut text = String::with_capacity(self.octets.len() + 2);
        for name in self.names() {
            text.push('/');
            text.push_str(&segment(name));
        }
        if self.is_folder || self.is_root() {
            text.push('/');
        }
        text
    }
}

/// For people: what is no UTF-8 is replaced.
impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", String::from_utf8_lossy(&self.octets))?;
        match self.is_folder && !self.is_root() {
            true => f.write_str("/"),
            false => Ok(()),
        }
    }
}

/// A name as one segment of a URL's path, which can stand in an attribute of HTML, too, and is never
/// taken for a scheme.
pub(crate) fn segment(name: &[u8]) -> String {
    percent_encode(name, b"\"#$&'+,/:;<=>?@[\\]^`{|}")
}

/// Decodes one segment.
fn decode(segment: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut rest = segment.iter();
    while let Some(octet) = rest.next() {
        if *octet != b'%' {
            out.push(*octet);
            continue;
        }
        let mut digit = || char::from(*rest.next()?).to_digit(16);
        let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
        let value = value.and_then(|value| u8::try_from(value).ok());
        out.push(value.ok_or(Malformed::Percent)?);
    }
    Ok(())
}

/// Whether it can be the name of a file.
fn check(name: &[u8]) -> Result<(), Malformed> {
    match name {
        b"" => Err(Malformed::Empty),
        b"." | b".." => Err(Malformed::Dots),
        _ if name.iter().any(|octet| matches!(octet, b'/' | 0)) => Err(Malformed::Octet),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Result<String, Malformed> {
        FilePath::of_url(text).map(|path| path.to_string())
    }

    #[test]
    fn a_path_is_names() {
        assert_eq!(url("/").as_deref(), Ok("/"));
        assert_eq!(url("/a/b%20c").as_deref(), Ok("/a/b c"));
        assert_eq!(url("/a/").as_deref(), Ok("/a/"));
        assert_eq!(url("/...").as_deref(), Ok("/..."));
        let path = FilePath::of_url("/a/b").unwrap();
        assert_eq!(path.name(), Some(&b"b"[..]));
        assert_eq!(path.parent().unwrap().to_url(), "/a/");
        assert_eq!(path.parent().unwrap().parent(), Some(FilePath::root()));
        assert_eq!(FilePath::root().parent(), None);
        assert_eq!(FilePath::of_octets(b"a/b"), FilePath::of_url("/a/b"));
    }

    #[test]
    fn nothing_leads_outside() {
        for (text, why) in [
            ("", Malformed::NotAbsolute),
            ("a", Malformed::NotAbsolute),
            ("*", Malformed::NotAbsolute),
            ("/..", Malformed::Dots),
            ("/../etc/passwd", Malformed::Dots),
            ("/a/../b", Malformed::Dots),
            ("/a/./b", Malformed::Dots),
            ("/%2e%2e/b", Malformed::Dots),
            ("/.%2E/b", Malformed::Dots),
            ("/a%2fb", Malformed::Octet),
            ("/..%2f..%2fetc/passwd", Malformed::Octet),
            ("/%2e%2e%2f", Malformed::Octet),
            ("/a%00.txt", Malformed::Octet),
            ("//etc/passwd", Malformed::Empty),
            ("/a//b", Malformed::Empty),
            ("//", Malformed::Empty),
            ("/%", Malformed::Percent),
            ("/%2", Malformed::Percent),
            ("/%+1", Malformed::Percent),
            ("/%zz", Malformed::Percent),
        ] {
            assert_eq!(url(text), Err(why), "{text}");
        }
        let long = format!("/{}", "a/".repeat(3000));
        assert_eq!(url(&long), Err(Malformed::TooLong));
    }

    /// Decoded once, and octets are octets: these are names of files, of which there are none.
    #[test]
    fn what_looks_like_a_way_out_is_a_name() {
        assert_eq!(url("/%252e%252e/b").as_deref(), Ok("/%2e%2e/b"));
        assert_eq!(url("/..%5c..%5cb").as_deref(), Ok("/..\\..\\b"));
        let overlong = FilePath::of_url("/%c0%ae%c0%ae/b").unwrap();
        assert_eq!(overlong.names().next(), Some(&b"\xc0\xae\xc0\xae"[..]));
    }

    proptest! {
        #[test]
        fn writing_and_reading_are_inverse(names in prop::collection::vec("[^/\0]{1,9}", 0..5), is_folder: bool) {
            prop_assume!(!names.iter().any(|name| name == "." || name == ".."));
            let mut path = FilePath::root();
            for name in &names {
                path = path.join(name.as_bytes()).unwrap();
            }
            if is_folder {
                path = path.as_folder();
            }
            let read = FilePath::of_url(&path.to_url()).unwrap();
            prop_assert_eq!(read, path);
        }
    }
}
