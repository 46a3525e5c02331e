//! Commands that the user is told to run, as a shell takes them.

use super::Global;

/// A command of this program, with the configuration that this run was given.
pub(crate) fn command(global: &Global, words: &[&str]) -> String {
    let mut shown = vec!["s3ferry".to_owned()];
    shown.extend(words.iter().map(|text| word(text)));
    if let Some(path) = &global.config {
        shown.extend(["--config".to_owned(), word(&path.to_string_lossy())]);
    }
    shown.join(" ")
}

/// A word, in quotes where a shell would take it for something else.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn what_a_shell_would_split_or_expand_is_quoted() {
        for (text, shown) in [
            ("site/v1.zip", "site/v1.zip"),
            ("my site", "'my site'"),
            ("", "''"),
            ("~/site", "'~/site'"),
            ("it's $HOME", "'it'\\''s $HOME'"),
        ] {
            assert_eq!(word(text), shown);
        }
    }
}
