//! [`wharf::files::FilePath`] and [`wharf_proto::application::web`]: whatever a client asks for, a path leads
//! nowhere outside, and parts lie inside the file.
//!
//! The first octet is the length of the file; the rest is the path, or the value of `Range`.

use wharf::files::FilePath;
use wharf_proto::application::web::accept;
use wharf_proto::application::web::conditions::{self, Compare};
use wharf_proto::application::web::ranges::{self, Wanted};

/// Checks that what is read as a path has only names in it, that writing and reading it are inverse, that
/// parts are within the file, and that lists of tags and codings are read whatever they are.
pub fn check(input: &[u8]) {
    let (choice, rest) = crate::choice(input);
    if let Ok(text) = std::str::from_utf8(rest) {
        path(FilePath::of_url(text).ok());
    }
    path(FilePath::of_octets(rest).ok());
    let len = choice as u64;
    if let Wanted::Parts(spans) = ranges::parse(rest, len) {
        assert!(!spans.is_empty() && spans.len() <= ranges::MOST);
        assert!(spans.iter().all(|span| span.len > 0 && span.last() < len));
    }
    if conditions::contains(rest, b"\"x\"", Compare::Strong) {
        assert!(conditions::contains(rest, b"\"x\"", Compare::Weak));
    }
    accept::coding(rest);
    accept::prefers_json(rest);
}

fn path(path: Option<FilePath>) {
    let Some(path) = path else { return };
    for name in path.names() {
        assert!(!matches!(name, b"" | b"." | b".."));
        assert!(!name.contains(&b'/') && !name.contains(&0));
    }
    let url = path.to_url();
    assert!(url.starts_with('/') && !url.starts_with("//"));
    assert!(url.bytes().all(
        |octet| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'<' | b'>' | b'&' | b'\'')
    ));
    let again = FilePath::of_url(&url).expect("what was written is read");
    assert_eq!(again.is_folder(), path.is_folder() || path.is_root());
    assert!(again.names().eq(path.names()));
    let parent = path.parent();
    assert_eq!(parent.is_none(), path.is_root());
}
