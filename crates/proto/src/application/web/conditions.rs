//! Conditional requests: whether what a client has is still what there is.
//!
//! Source: RFC 9110, section 13 (preconditions and their order) and section 8.8.3.2 (how tags compare).
//! Not here: how a tag is made, how a date is read; a field that cannot be read counts as not sent, which
//! the caller sees to.

/// The fields that ask, each as it was sent. Dates are seconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// `If-Match`.
    pub if_match: Option<&'a [u8]>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a [u8]>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<u64>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<u64>,
}

/// What there is now.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// Its entity tag, with quotes, and `W/` if it is weak.
    pub tag: &'a [u8],
    /// When it was changed last, in seconds since 1970.
    pub modified: u64,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It reads (GET, HEAD).
    Read,
    /// It changes something.
    Change,
}

/// What becomes of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Go,
    /// The client has it already (304).
    NotModified,
    /// It does not hold (412).
    Failed,
}

impl Conditions<'_> {
    /// Whether the request is done, where there is `current`, or nothing.
    ///
    /// # Source
    /// RFC 9110, section 13.2.2.
    pub fn verdict(&self, current: Option<Current<'_>>, intent: Intent) -> Verdict {
        let matches = |list, compare| match current {
            Some(current) => contains(list, current.tag, compare),
            None => false,
        };
        let unmodified_since = |date| current.is_some_and(|current| current.modified <= date);
        let holds = match (self.if_match, self.if_unmodified_since) {
            (Some(list), _) => matches(list, Compare::Strong),
            (None, Some(date)) => unmodified_since(date),
            (None, None) => true,
        };
        if !holds {
            return Verdict::Failed;
        }
        let is_same = match (self.if_none_match, self.if_modified_since) {
            (Some(list), _) => matches(list, Compare::Weak),
            (None, Some(date)) if intent == Intent::Read => unmodified_since(date),
            _ => false,
        };
        match (is_same, intent) {
            (false, _) => Verdict::Go,
            (true, Intent::Read) => Verdict::NotModified,
            (true, Intent::Change) => Verdict::Failed,
        }
    }
}

/// How tags are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Octet by octet the same: weak tags match nothing.
    Strong,
    /// As good as the same.
    Weak,
}

/// Whether `list` (`*`, or tags with commas between) has `tag`.
///
/// # Source
/// RFC 9110, sections 13.1.1 and 8.8.3.
pub fn contains(list: &[u8], tag: &[u8], compare: Compare) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        if let Some(more) = rest.strip_prefix(b",") {
            rest = more;
            continue;
        }
        let Some((member, more)) = split_tag(rest) else {
            return false;
        };
        if is_same(member, tag, compare) {
            return true;
        }
        rest = more;
    }
}

/// Whether two tags are the same.
pub fn is_same(one: &[u8], other: &[u8], compare: Compare) -> bool {
    let opaque = |tag: &'_ [u8]| tag.strip_prefix(b"W/").map(<[u8]>::len);
    match compare {
        Compare::Strong => opaque(one).is_none() && one == other,
        Compare::Weak => without_mark(one) == without_mark(other),
    }
}

fn without_mark(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The tag at the beginning, with its mark and quotes, and what follows. A comma may stand inside.
fn split_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mark = text.len() - without_mark(text).len();
    let inside = text.get(mark..)?.strip_prefix(b"\"")?;
    let end = inside.iter().position(|octet| *octet == b'"')?;
    text.split_at_checked(mark + end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Current<'static> = Current {
        tag: b"\"a\"",
        modified: 100,
    };

    fn verdict(conditions: Conditions<'_>, intent: Intent) -> Verdict {
        conditions.verdict(Some(NOW), intent)
    }

    /// The table of RFC 9110, section 8.8.3.2.
    #[test]
    fn tags_compare_as_the_standard_says() {
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let same = |compare| is_same(one.as_bytes(), other.as_bytes(), compare);
            assert_eq!(same(Compare::Strong), strong, "{one} {other}");
            assert_eq!(same(Compare::Weak), weak, "{one} {other}");
        }
    }

    #[test]
    fn a_list_is_looked_through() {
        let has = |list: &str, tag: &str| contains(list.as_bytes(), tag.as_bytes(), Compare::Weak);
        assert!(has("*", "\"a\"") && has(" * ", "\"a\""));
        assert!(has("\"x,y\" , W/\"a\"", "\"a\"") && has("\"x,y\"", "\"x,y\""));
        assert!(!has("", "\"a\"") && !has("a", "\"a\"") && !has("\"a", "\"a\""));
        assert!(!has("\"b\" nonsense \"a\"", "\"a\""));
        assert!(has(",,\"a\",", "\"a\""));
    }

    #[test]
    fn reading_what_one_has_is_not_modified() {
        let tag = |list| Conditions {
            if_none_match: Some(list),
            if_modified_since: Some(0),
            ..Conditions::default()
        };
        assert_eq!(verdict(tag(b"\"a\""), Intent::Read), Verdict::NotModified);
        // The tag counts, and the date does not any more.
        assert_eq!(verdict(tag(b"\"b\""), Intent::Read), Verdict::Go);
        let since = |date| Conditions {
            if_modified_since: Some(date),
            ..Conditions::default()
        };
        assert_eq!(verdict(since(100), Intent::Read), Verdict::NotModified);
        assert_eq!(verdict(since(99), Intent::Read), Verdict::Go);
        assert_eq!(verdict(since(100), Intent::Change), Verdict::Go);
    }

    #[test]
    fn changing_what_is_not_there_any_more_fails() {
        let matching = |list| Conditions {
            if_match: Some(list),
            ..Conditions::default()
        };
        assert_eq!(verdict(matching(b"\"a\""), Intent::Change), Verdict::Go);
        assert_eq!(
            verdict(matching(b"W/\"a\""), Intent::Change),
            Verdict::Failed
        );
        assert_eq!(
            matching(b"*").verdict(None, Intent::Change),
            Verdict::Failed
        );
        let unmodified = Conditions {
            if_unmodified_since: Some(99),
            ..Conditions::default()
        };
        assert_eq!(verdict(unmodified, Intent::Change), Verdict::Failed);
        let new = Conditions {
            if_none_match: Some(b"*"),
            ..Conditions::default()
        };
        assert_eq!(verdict(new, Intent::Change), Verdict::Failed);
        assert_eq!(new.verdict(None, Intent::Change), Verdict::Go);
    }
}
