//! The page of a folder: one document without anything from elsewhere, for a phone and a desk.
//!
//! It works without scripts (links, sorting by query); `page.js` adds sorting on the spot, keys, a filter and
//! uploads. Its own policy (CSP Level 3) lets nothing run but that script. What is *served* can act as
//! this page nowhere: where something may be changed, it runs in a sandbox with an origin of its own.
//! Not here: what is in the folder (`listing`).

use std::fmt::{self, Write};

use aws_lc_rs::rand;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use wharf_proto::local::escape::is_obeyed;

use super::Site;
use super::listing::{Key, Order, Query};
use crate::files::{Entry, FilePath, Kind, Listing, segment};
use crate::socket::units::format_size;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The pictures, once a page; each row refers to them.
const ICONS: &str = "<svg width=\"0\" height=\"0\" class=\"icons\" aria-hidden=\"true\"><defs>\
<symbol id=\"folder\" viewBox=\"0 0 24 24\"><path d=\"M3 6.5A1.5 1.5 0 0 1 4.5 5h4.6a1.5 1.5 0 0 1 1.06.44L11.7 7h7.8A1.5 1.5 0 0 1 21 8.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z\"/></symbol>\
<symbol id=\"file\" viewBox=\"0 0 24 24\"><path d=\"M6.5 3.75h7l4.75 4.75v10.25a1.5 1.5 0 0 1-1.5 1.5H6.5a1.5 1.5 0 0 1-1.5-1.5V5.25a1.5 1.5 0 0 1 1.5-1.5z\"/><path d=\"M13.25 4v4.75H18\"/></symbol>\
<symbol id=\"up\" viewBox=\"0 0 24 24\"><path d=\"M12 19V6M6.5 11.5 12 6l5.5 5.5\"/></symbol>\
<symbol id=\"home\" viewBox=\"0 0 24 24\"><path d=\"M4 11.5 12 5l8 6.5M6.5 10v8.5h11V10\"/></symbol>\
<symbol id=\"bin\" viewBox=\"0 0 24 24\"><path d=\"M5 7h14M10 7V5h4v2M7 7l.8 12h8.4L17 7\"/></symbol>\
</defs></svg>\n";

/// A picture for the tab, in the document itself.
const TAB: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%230f5fd0'/%3E%3Cpath d='M6 12h20M10 12v12M22 12v12M5 24q3-2 5.5 0t5.5 0 5.5 0 5.5 0' fill='none' stroke='white' stroke-width='2.4' stroke-linecap='round'/%3E%3C/svg%3E";

/// The page of the folder at `path`.
pub(super) fn page(
    site: &Site,
    path: &FilePath,
    listing: &Listing,
    query: Query,
    nonce: &str,
) -> String {
    let options = site.folder.options();
    let mut out = String::with_capacity(16 * 1024 + listing.entries.len() * 420);
    let title = match path.name() {
        Some(name) => text(name),
        None => "Files".to_owned(),
    };
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"{TAB}\">\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n<body data-write=\"{}\" data-remove=\"{}\">\n{ICONS}",
        options.write, options.remove
    );
    crumbs(&mut out, path);
    out.push_str("<main>\n");
    tools(&mut out, listing, options.write);
    table(&mut out, path, listing, query, options.remove);
    if listing.entries.is_empty() {
        out.push_str("<p class=\"empty\">This folder is empty.</p>\n");
    }
    if listing.is_cut {
        out.push_str("<p class=\"note\">There is more in this folder than is listed here.</p>\n");
    }
    if options.write {
        out.push_str(
            "<noscript><p class=\"note\">To upload without scripts: \
             <code>curl -T FILE</code> and the address of this page.</p></noscript>\n",
        );
    }
    let _ = write!(
        out,
        "</main>\n<p class=\"sr\" role=\"status\" aria-live=\"polite\" id=\"status\"></p>\n\
         <script nonce=\"{nonce}\">\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

/// The way from the root to here.
fn crumbs(out: &mut String, path: &FilePath) {
    out.push_str("<header>\n<nav aria-label=\"Folders\"><ol class=\"crumbs\">");
    let home = "<svg aria-hidden=\"true\"><use href=\"#home\"/></svg><span>Files</span>";
    if path.is_root() {
        let _ = write!(
            out,
            "<li><span class=\"here\" aria-current=\"page\">{home}</span></li>"
        );
    } else {
        let _ = write!(out, "<li><a href=\"/\">{home}</a></li>");
    }
    let names: Vec<&[u8]> = path.names().collect();
    let mut to = FilePath::root();
    for (n, name) in names.iter().enumerate() {
        let Ok(next) = to.join(name) else { break };
        to = next.as_folder();
        let name = text(name);
        if n + 1 == names.len() {
            let _ = write!(
                out,
                "<li><span class=\"here\" aria-current=\"page\">{name}</span></li>"
            );
        } else {
            let _ = write!(out, "<li><a href=\"{}\">{name}</a></li>", to.to_url());
        }
    }
    out.push_str("</ol></nav>\n</header>\n");
}

/// What there is, and what can be done.
fn tools(out: &mut String, listing: &Listing, write: bool) {
    let is_file = |entry: &&Entry| entry.facts.kind == Kind::File;
    let files = listing.entries.iter().filter(is_file).count();
    let folders = listing.entries.len() - files;
    let octets = listing.entries.iter().filter(is_file).map(|e| e.facts.len);
    let octets = octets.fold(0u64, u64::saturating_add);
    let mut parts = Vec::new();
    if folders > 0 {
        parts.push(count(folders, "folder"));
    }
    if files > 0 || folders == 0 {
        parts.push(count(files, "file"));
        parts.push(format_size(octets));
    }
    let _ = write!(
        out,
        "<div class=\"tools\">\n<p class=\"sum\">{}</p>\n\
         <div class=\"script\"><label class=\"filter\"><span class=\"sr\">Filter by name</span>\
         <input id=\"filter\" type=\"search\" placeholder=\"Filter\" autocomplete=\"off\" \
         autocapitalize=\"off\" spellcheck=\"false\"><kbd aria-hidden=\"true\">/</kbd></label>",
        parts.join(" \u{b7} ")
    );
    if write {
        out.push_str(
            "<button type=\"button\" id=\"mkdir\">New folder</button>\
             <label class=\"button main\">Upload<input id=\"pick\" class=\"sr\" type=\"file\" multiple></label>",
        );
    }
    out.push_str("</div>\n</div>\n");
    if write {
        out.push_str(
            "<ul id=\"uploads\" aria-label=\"Uploads\"></ul>\n\
             <div id=\"drop\" aria-hidden=\"true\"><p>Drop to upload here</p></div>\n",
        );
    }
}

fn count(n: usize, word: &str) -> String {
    match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    }
}

fn table(out: &mut String, path: &FilePath, listing: &Listing, query: Query, remove: bool) {
    out.push_str("<table id=\"list\">\n<thead><tr>");
    for (key, name, word) in [
        (Key::Name, "name", "Name"),
        (Key::Size, "size", "Size"),
        (Key::Date, "date", "Modified"),
    ] {
        heading(out, query, key, name, word);
    }
    if remove {
        out.push_str("<th class=\"act\"><span class=\"sr\">Remove</span></th>");
    }
    out.push_str("</tr></thead>\n");
    if !path.is_root() {
        let _ = writeln!(
            out,
            "<tbody><tr class=\"up\"><td class=\"name\" colspan=\"{}\"><a href=\"../\">\
             <svg aria-hidden=\"true\"><use href=\"#up\"/></svg><span>Up one folder</span></a></td></tr></tbody>",
            3 + u32::from(remove)
        );
    }
    out.push_str("<tbody id=\"rows\">\n");
    for entry in &listing.entries {
        row(out, entry, remove);
    }
    out.push_str("</tbody>\n</table>\n");
}

/// A column's heading: a link that sorts by it, or the other way round.
fn heading(out: &mut String, query: Query, key: Key, name: &str, word: &str) {
    let is_sorted = query.key == key;
    let first = match key {
        Key::Name => "asc",
        Key::Size | Key::Date => "desc",
    };
    let (aria, order) = match (is_sorted, query.order) {
        (true, Order::Ascending) => (" aria-sort=\"ascending\"", "desc"),
        (true, Order::Descending) => (" aria-sort=\"descending\"", "asc"),
        (false, _) => ("", first),
    };
    let _ = write!(
        out,
        "<th class=\"{name}\" scope=\"col\"{aria}><a href=\"?sort={name}&amp;order={order}\" \
         data-sort=\"{name}\" data-first=\"{first}\">{word}</a></th>"
    );
}

fn row(out: &mut String, entry: &Entry, remove: bool) {
    let facts = &entry.facts;
    let (icon, size) = match facts.kind {
        Kind::Folder => ("folder", String::new()),
        Kind::File => ("file", format_size(facts.len)),
    };
    let (href, name) = (href(entry), text(&entry.name));
    let moment = Moment(facts.modified.0);
    let len = match facts.kind {
        Kind::Folder => 0,
        Kind::File => facts.len,
    };
    let _ = write!(
        out,
        "<tr class=\"{icon}\" data-size=\"{len}\" data-date=\"{}\"><td class=\"name\"><a href=\"{href}\">\
         <svg aria-hidden=\"true\"><use href=\"#{icon}\"/></svg><span>{name}</span></a></td>\
         <td class=\"size\">{size}</td><td class=\"date\"><time datetime=\"{moment}\">{}</time></td>",
        facts.modified.0,
        moment.short()
    );
    if remove {
        let _ = write!(
            out,
            "<td class=\"act\"><button type=\"button\" class=\"remove\" title=\"Remove\" aria-label=\"Remove {name}\">\
             <svg aria-hidden=\"true\"><use href=\"#bin\"/></svg></button></td>"
        );
    }
    out.push_str("</tr>\n");
}

/// The address of an entry, from its folder.
pub(super) fn href(entry: &Entry) -> String {
    let mut href = segment(&entry.name);
    if entry.facts.kind == Kind::Folder {
        href.push('/');
    }
    href
}

/// A name as text of HTML; what is no UTF-8 is replaced, and so is what would turn the line around.
fn text(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            obeyed if is_obeyed(obeyed) => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The headers of the page itself: nothing runs or is loaded but what stands in it.
pub(super) fn protect(headers: &mut HeaderMap, nonce: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, SAME_ORIGIN);
    headers.insert(CORP, SAME_ORIGIN);
    headers.insert(COOP, SAME_ORIGIN);
}

/// The headers of what is served. Where something may be changed, a document runs with an origin of its own
/// (`sandbox` without `allow-same-origin`), so that its requests are those of a stranger; elsewhere other
/// sites may not include it.
pub(super) fn guard(headers: &mut HeaderMap, writes: bool) {
    match writes {
        true => headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads",
            ),
        ),
        false => headers.insert(CORP, HeaderValue::from_static("same-site")),
    };
}

/// Letters that nobody can guess: a nonce, a boundary.
pub(super) fn random_name() -> String {
    let mut random = [0; 16];
    // Without randomness TLS would not run either; a page without its style would be the worst of it.
    let _ = rand::fill(&mut random);
    random.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// A moment in seconds since 1970, as UTC in RFC 3339: `2026-11-27T03:15:00Z`.
pub(super) struct Moment(pub(super) i64);

impl Moment {
    /// Year, month, day (Howard Hinnant's civil_from_days), and the seconds of the day.
    fn parts(&self) -> (i64, i64, i64, i64) {
        let seconds = self.0.clamp(-62_135_596_800, 253_402_300_799);
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day, rest)
    }

    /// To the minute, for people.
    fn short(&self) -> String {
        let (year, month, day, rest) = self.parts();
        let (hour, minute) = (rest / 3600, rest / 60 % 60);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, rest) = self.parts();
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (seconds, wanted) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_749_300, "2026-11-27T03:15:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Moment(seconds).to_string(), wanted);
        }
    }

    #[test]
    fn a_name_is_text_and_nothing_else() {
        assert_eq!(text(b"<b a='\">&"), "&lt;b a=&#39;&quot;&gt;&amp;");
        assert_eq!(text(b"a\xff\nb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(text("x\u{202e}gpj.exe".as_bytes()), "x\u{fffd}gpj.exe");
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(random_name(), random_name());
        assert_eq!(random_name().len(), 32);
    }
}
