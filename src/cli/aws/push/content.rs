//! Checks the content types that the S3 deploy action sets, and text with an undeclared character
//! set.

use std::collections::BTreeMap;

use crate::escape::shown;

use super::warning::{self, Code, Names, Warning};

/// Extensions that the action recognizes. Other files get `application/octet-stream`.
const KNOWN: [&str; 9] = [
    "html", "css", "js", "json", "xml", "svg", "png", "jpg", "txt",
];
/// Extensions of files that a browser opens or runs based on their content type. The empty string
/// represents files without an extension.
const BY_TYPE: [&str; 7] = ["", "htm", "xhtml", "shtml", "pdf", "mjs", "wasm"];
/// Number of bytes at the start of a page that a browser searches for the character set (HTML,
/// *Determining the character encoding*).
const HEAD: usize = 1024;
/// Maximum number of extensions in a note.
const LISTED: usize = 8;

/// The content types of a site.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// Files that a browser opens or runs based on their content type.
    by_type: Names,
    /// Other files with an unknown extension, and their count by extension.
    others: Names,
    extensions: BTreeMap<String, u64>,
    scripts: Names,
    /// Text files with non-ASCII characters and no declared character set.
    open: Names,
}

impl Types {
    pub(super) fn file(&mut self, name: &str) {
        let extension = extension(name);
        if extension == "js" {
            self.scripts.add(name);
        } else if KNOWN.contains(&extension.as_str()) {
        } else if BY_TYPE.contains(&extension.as_str()) {
            self.by_type.add(name);
        } else {
            self.others.add(name);
            *self.extensions.entry(extension).or_default() += 1;
        }
    }

    /// Adds the inspected text of a file.
    pub(super) fn text(&mut self, name: &str, text: &Text) {
        if text.is_open() {
            self.open.add(name);
        }
    }

    pub(super) fn warnings(self) -> Vec<Warning> {
        let mut found = Vec::new();
        let mut add = |code, names, message: &str, help: &str| {
            warning::add(&mut found, code, names, message, help);
        };
        add(
            Code::ContentType,
            self.by_type,
            "the S3 deploy action does not recognize the type of {} and sets the content type to \
             application/octet-stream; browsers download these files instead of displaying them, \
             and do not run them as scripts",
            "rename .htm to .html and .mjs to .js, or set the type in the service that serves the \
             site",
        );
        add(
            Code::Charset,
            self.open,
            "{}: non-ASCII text without a declared character set; the S3 deploy action does not \
             set one, so browsers guess",
            "add `<meta charset=\"utf-8\">` to pages, or a byte order mark to text files",
        );
        let others = format!(
            "the S3 deploy action sets the content type application/octet-stream for {}; images \
             and fonts still work in pages, but browsers download them when they are opened \
             directly",
            counted(&self.extensions)
        );
        add(Code::OctetStream, self.others, &others, "");
        let scripts = format!(
            "the S3 deploy action sets the content type application/x-javascript without a \
             character set for {} (.js); browsers decode such scripts with the character set of \
             the page",
            files(self.scripts.count())
        );
        add(Code::Javascript, self.scripts, &scripts, "");
        found
    }
}

fn files(count: u64) -> String {
    match count {
        1 => "1 file".to_owned(),
        more => format!("{more} files"),
    }
}

/// Formats counts such as `12 files (.woff2 6, .map 4, .ico 2)`, most frequent extensions first.
fn counted(extensions: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<(&String, &u64)> = extensions.iter().collect();
    sorted.sort_by_key(|(extension, count)| (std::cmp::Reverse(**count), *extension));
    let mut listed: Vec<String> = sorted
        .iter()
        .take(LISTED)
        .map(|(extension, count)| format!(".{} {count}", shown(extension)))
        .collect();
    if sorted.len() > LISTED {
        listed.push(format!("{} more extensions", sorted.len() - LISTED));
    }
    let total = extensions.values().sum();
    format!("{} ({})", files(total), listed.join(", "))
}

/// Returns the lowercase extension of a name, or an empty string for names such as `LICENSE` and
/// `.nojekyll`.
fn extension(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    match last.rsplit_once('.') {
        Some((before, extension)) if !before.is_empty() => extension.to_lowercase(),
        _ => String::new(),
    }
}

/// The state of a text file during the inspection.
#[derive(Debug)]
pub(super) struct Text {
    is_page: bool,
    is_ascii: bool,
    head: Vec<u8>,
}

impl Text {
    /// Creates the state for a file type without a fixed character set. Returns `None` for other
    /// files.
    pub(super) fn of(name: &str) -> Option<Self> {
        let extension = extension(name);
        let is_page = matches!(extension.as_str(), "html" | "htm");
        (is_page || extension == "txt").then(|| Self {
            is_page,
            is_ascii: true,
            head: Vec::new(),
        })
    }

    /// Inspects the next bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.is_ascii &= bytes.is_ascii();
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn is_open(&self) -> bool {
        let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe"];
        let is_declared = marks.iter().any(|mark| self.head.starts_with(mark))
            || self.is_page
                && self
                    .head
                    .to_ascii_lowercase()
                    .windows(b"charset".len())
                    .any(|found| found == b"charset");
        !self.is_ascii && !is_declared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_that_of_the_last_part() {
        for (name, wanted) in [
            ("a/b.HTML", "html"),
            ("a.b/c", ""),
            (".nojekyll", ""),
            ("a/.well-known/security.txt", "txt"),
            ("app.min.js", "js"),
            ("LICENSE", ""),
            ("end.", ""),
        ] {
            assert_eq!(extension(name), wanted, "{name}");
        }
    }

    #[test]
    fn only_text_whose_character_set_is_open_is_reported() {
        let is_open = |name: &str, parts: &[&[u8]]| {
            let mut text = Text::of(name).expect("text");
            parts.iter().for_each(|part| text.read(part));
            text.is_open()
        };
        let umlaut = "ü".as_bytes();
        assert!(!is_open("a.html", &[b"<h1>plain</h1>"]));
        assert!(is_open("a.html", &[b"<h1>", umlaut]));
        assert!(!is_open("a.html", &[b"<META ChArSeT=utf-8>", umlaut]));
        // Only the first bytes of a page count, regardless of the chunk boundaries.
        assert!(!is_open(
            "a.html",
            &[&[b' '; 1000], b"<meta char", b"set=x>", umlaut]
        ));
        assert!(is_open(
            "a.html",
            &[&[b' '; 1020], b"<meta charset=x>", umlaut]
        ));
        assert!(!is_open("a.txt", &[b"\xef\xbb\xbf", umlaut]));
        assert!(is_open("a.txt", &[b"charset=utf-8 ", umlaut]));
        for name in ["a.css", "a.json", "a.png", "a"] {
            assert!(Text::of(name).is_none(), "{name}");
        }
    }
}
