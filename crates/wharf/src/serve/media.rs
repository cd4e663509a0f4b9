//! What kind of content a file has, by the end of its name.
//!
//! Source: the registry of media types at IANA, and what browsers expect. Small on purpose: what is not
//! here is `application/octet-stream`, which a browser saves; text is UTF-8.

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Media {
    /// The value of `Content-Type`.
    pub(super) name: &'static str,
    /// Whether compressing it is worth while.
    pub(super) packs: bool,
}

/// What is known of nothing.
const OCTETS: Media = Media {
    name: "application/octet-stream",
    packs: false,
};

const TEXT: Media = packs("text/plain; charset=utf-8");

const fn packs(name: &'static str) -> Media {
    Media { name, packs: true }
}

const fn media(name: &'static str) -> Media {
    Media { name, packs: false }
}

/// The kind of a file of this name.
pub(super) fn of(name: &[u8]) -> Media {
    let end = name.iter().rposition(|octet| *octet == b'.');
    let end = end.and_then(|at| name.get(at + 1..)).unwrap_or_default();
    let mut small = [0; 12];
    let Some(small) = small.get_mut(..end.len()) else {
        return OCTETS;
    };
    small.copy_from_slice(end);
    small.make_ascii_lowercase();
    kind(small).unwrap_or(match end.len() == name.len() || end.is_empty() {
        // README, LICENSE, Makefile.
        true => by_name(name),
        false => OCTETS,
    })
}

fn by_name(name: &[u8]) -> Media {
    let known: [&[u8]; 7] = [
        b"README",
        b"LICENSE",
        b"COPYING",
        b"CHANGELOG",
        b"AUTHORS",
        b"Makefile",
        b"Dockerfile",
    ];
    match known.contains(&name) {
        true => TEXT,
        false => OCTETS,
    }
}

fn kind(end: &[u8]) -> Option<Media> {
    Some(match end {
        b"txt" | b"text" | b"log" | b"conf" | b"cfg" | b"ini" | b"toml" | b"yaml" | b"yml"
        | b"rs" | b"c" | b"h" | b"cc" | b"cpp" | b"hpp" | b"go" | b"py" | b"rb" | b"sh" | b"pl"
        | b"java" | b"kt" | b"swift" | b"ts" | b"tsx" | b"jsx" | b"lua" | b"sql" | b"diff"
        | b"patch" | b"lock" => TEXT,
        b"md" | b"markdown" => packs("text/markdown; charset=utf-8"),
        b"html" | b"htm" => packs("text/html; charset=utf-8"),
        b"css" => packs("text/css; charset=utf-8"),
        b"csv" => packs("text/csv; charset=utf-8"),
        b"js" | b"mjs" => packs("text/javascript; charset=utf-8"),
        b"json" | b"map" => packs("application/json"),
        b"jsonl" | b"ndjson" => packs("application/x-ndjson"),
        b"webmanifest" => packs("application/manifest+json"),
        b"xml" | b"xsl" => packs("application/xml"),
        b"xhtml" => packs("application/xhtml+xml"),
        b"svg" => packs("image/svg+xml"),
        b"wasm" => packs("application/wasm"),
        b"ico" => packs("image/x-icon"),
        b"bmp" => packs("image/bmp"),
        b"ttf" => packs("font/ttf"),
        b"otf" => packs("font/otf"),
        b"rtf" => packs("application/rtf"),
        b"ics" => packs("text/calendar; charset=utf-8"),
        b"vcf" => packs("text/vcard; charset=utf-8"),
        b"png" => media("image/png"),
        b"jpg" | b"jpeg" => media("image/jpeg"),
        b"gif" => media("image/gif"),
        b"webp" => media("image/webp"),
        b"avif" => media("image/avif"),
        b"heic" => media("image/heic"),
        b"mp4" | b"m4v" => media("video/mp4"),
        b"webm" => media("video/webm"),
        b"mkv" => media("video/x-matroska"),
        b"mov" => media("video/quicktime"),
        b"mp3" => media("audio/mpeg"),
        b"m4a" => media("audio/mp4"),
        b"ogg" | b"oga" | b"opus" => media("audio/ogg"),
        b"flac" => media("audio/flac"),
        b"wav" => media("audio/wav"),
        b"pdf" => media("application/pdf"),
        b"zip" => media("application/zip"),
        b"gz" | b"tgz" => media("application/gzip"),
        b"bz2" => media("application/x-bzip2"),
        b"xz" => media("application/x-xz"),
        b"zst" => media("application/zstd"),
        b"7z" => media("application/x-7z-compressed"),
        b"tar" => media("application/x-tar"),
        b"epub" => media("application/epub+zip"),
        b"woff" => media("font/woff"),
        b"woff2" => media("font/woff2"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_tells() {
        for (name, wanted) in [
            ("a.TXT", "text/plain; charset=utf-8"),
            ("a.tar.gz", "application/gzip"),
            ("index.html", "text/html; charset=utf-8"),
            ("README", "text/plain; charset=utf-8"),
            ("html", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("a.averyverylongend", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(of(name.as_bytes()).name, wanted, "{name}");
        }
    }
}
