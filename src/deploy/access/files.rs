//! Reads the AWS configuration files in the same way as the AWS CLI.
//!
//! The SDK's parser ignores profiles whose names contain spaces, quotation marks, or non-ASCII
//! characters, treats a file that is not UTF-8 as empty, and reports errors without the file name.
//! This parser records the location of every setting for error messages.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_types::os_shim_internal::Env;

use crate::deploy::DeployError;

/// Maximum size of a configuration file or certificate bundle, in bytes.
const LARGEST_FILE: u64 = 10 * 1024 * 1024;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: Arc<Path>,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, line {}", self.file.display(), self.line)
    }
}

/// A value and its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// The value. Empty if there are only nested settings.
    pub(super) value: String,
    /// Location of the setting.
    pub(super) place: Place,
    /// Whether the setting is in the credentials file.
    pub(super) is_credentials: bool,
    /// Indented settings below this setting, such as those of a service.
    nested: BTreeMap<String, (String, Place)>,
}

/// The settings of a section, by lowercase name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section {
    settings: BTreeMap<String, Setting>,
}

impl Section {
    /// Returns a setting. An empty setting counts as not set.
    pub(super) fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name).filter(|one| !one.value.is_empty())
    }

    /// Returns the value of a setting. An empty setting counts as not set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.setting(name).map(|setting| setting.value.as_str())
    }

    /// Returns a nested setting, such as `endpoint_url` below `s3`.
    pub(super) fn nested(&self, group: &str, name: &str) -> Option<(&str, &Place)> {
        let (value, place) = self.settings.get(group)?.nested.get(name)?;
        (!value.is_empty()).then_some((value.as_str(), place))
    }
}

/// The AWS configuration files.
#[derive(Debug, Clone, Default)]
pub(super) struct AwsFiles {
    profiles: BTreeMap<String, Section>,
    sso_sessions: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
    /// Section headers that the AWS CLI ignores.
    ignored: Vec<(String, Place)>,
    /// The files that were searched, and the reason if one cannot be read.
    searched: Vec<(PathBuf, Option<String>)>,
}

/// The kind of a file, which determines how the file names profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Config,
    Credentials,
}

impl Kind {
    /// Returns the variable that names the file, and the default path.
    fn of_environment(self) -> (&'static str, &'static str) {
        match self {
            Self::Config => ("AWS_CONFIG_FILE", "~/.aws/config"),
            Self::Credentials => ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        }
    }
}

impl AwsFiles {
    /// Reads both files. A file that does not exist or cannot be read counts as empty.
    ///
    /// # Errors
    /// Returns an error if a file is not UTF-8 or contains an invalid line.
    pub(super) fn load(env: &Env) -> Result<Self, DeployError> {
        let mut found = Self::default();
        for kind in [Kind::Config, Kind::Credentials] {
            let (name, default) = kind.of_environment();
            let path = variable(env, name).unwrap_or_else(|| default.to_owned());
            let path = at_home(env, &path);
            match read(&path) {
                Ok(bytes) => {
                    found
                        .read(&path, &bytes, kind)
                        .map_err(|(line, problem)| invalid(&path, line, problem, env, name))?;
                    found.searched.push((path, None));
                }
                Err(error) => found.searched.push((path, Some(error.to_string()))),
            }
        }
        Ok(found)
    }

    pub(super) fn profile(&self, name: &str) -> Option<&Section> {
        self.profiles.get(name)
    }

    pub(super) fn sso_session(&self, name: &str) -> Option<&Section> {
        self.sso_sessions.get(name)
    }

    pub(super) fn services(&self, name: &str) -> Option<&Section> {
        self.services.get(name)
    }

    /// Explains why a profile does not exist. Returns the files that were searched, and a hint if
    /// an ignored header has the same name.
    pub(super) fn why_missing(&self, name: &str) -> (String, Option<String>) {
        let files: Vec<String> = (self.searched.iter())
            .map(|(path, problem)| match problem {
                Some(problem) => format!("{} ({problem})", path.display()),
                None => path.display().to_string(),
            })
            .collect();
        let meant = self.ignored.iter().find(|(header, _)| {
            let header = header.strip_prefix("profile").unwrap_or(header);
            header.trim().trim_matches(['"', '\'']) == name
        });
        let hint = meant.map(|(header, place)| {
            format!("write [profile \"{name}\"] instead of [{header}] in {place}")
        });
        (files.join(", "), hint)
    }

    /// Adds the sections of a file.
    fn read(&mut self, path: &Path, bytes: &[u8], kind: Kind) -> Result<(), (usize, &'static str)> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            (line, "invalid UTF-8")
        })?;
        let file: Arc<Path> = path.into();
        let mut nowhere = Section::default();
        // `None` before the first header.
        let mut section: Option<&mut Section> = None;
        let mut option: Option<String> = None;
        let mut level = 0;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, raw) in text.lines().enumerate() {
            let line = raw.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let place = Place {
                file: Arc::clone(&file),
                line: index + 1,
            };
            let indent = raw.len() - raw.trim_start().len();
            if let (Some(name), Some(section)) = (&option, section.as_deref_mut())
                && indent > level
            {
                if let Some(setting) = section.settings.get_mut(name) {
                    setting.continues(line, place)?;
                }
                continue;
            }
            level = indent;
            option = None;
            if let Some(rest) = line.strip_prefix('[') {
                let header = header(rest).ok_or((index + 1, "the section header has no `]`"))?;
                section = Some(match (name_of(header, kind), kind) {
                    (Some(("profile", name)), _) => self.profiles.entry(name).or_default(),
                    (Some(("sso-session", name)), _) => self.sso_sessions.entry(name).or_default(),
                    (Some(("services", name)), _) => self.services.entry(name).or_default(),
                    _ => {
                        self.ignored.push((header.to_owned(), place));
                        &mut nowhere
                    }
                });
                continue;
            }
            let (name, value) = (line.split_once(['=', ':']))
                .filter(|(name, _)| !name.trim().is_empty())
                .ok_or((index + 1, "expected a setting: `name = value`"))?;
            let name = name.trim().to_lowercase();
            let section = (section.as_deref_mut())
                .ok_or((index + 1, "no section header before this setting"))?;
            let setting = Setting {
                value: value.trim().to_owned(),
                place,
                is_credentials: kind == Kind::Credentials,
                nested: BTreeMap::new(),
            };
            section.settings.insert(name.clone(), setting);
            option = Some(name);
        }
        Ok(())
    }
}

impl Setting {
    /// Adds an indented line: a nested setting if the value is empty, otherwise a continuation.
    fn continues(&mut self, line: &str, place: Place) -> Result<(), (usize, &'static str)> {
        if self.value.is_empty() {
            let (name, value) = (line.split_once('='))
                .ok_or((place.line, "expected a nested setting: `name = value`"))?;
            let value = (value.trim().to_owned(), place);
            self.nested.insert(name.trim().to_lowercase(), value);
        } else {
            self.value.push('\n');
            self.value.push_str(line);
        }
        Ok(())
    }
}

/// Returns the text of a section header without brackets. A comment may follow the header.
fn header(rest: &str) -> Option<&str> {
    let mut ends = rest.match_indices(']').map(|(at, _)| at);
    let last = rest.rfind(']')?;
    let end = ends
        .find(|end| {
            let after = rest[end + 1..].trim_start();
            after.is_empty() || after.starts_with(['#', ';'])
        })
        .unwrap_or(last);
    Some(rest[..end].trim())
}

/// Returns the section type and the name in a header. Headers in the credentials file contain only
/// a profile name. In the config file, a type precedes the name, which is quoted as in a shell.
fn name_of(header: &str, kind: Kind) -> Option<(&'static str, String)> {
    if kind == Kind::Credentials || header == "default" {
        return Some(("profile", header.to_owned()));
    }
    let words = words(header)?;
    let [word, name] = <[String; 2]>::try_from(words).ok()?;
    let of = ["profile", "sso-session", "services"];
    let of = of.into_iter().find(|one| *one == word)?;
    Some((of, name))
}

/// Splits a string into words like a POSIX shell. Returns `None` if a quotation mark is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            quote @ ('"' | '\'') => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == quote => break,
                        '\\' if quote == '"' => match chars.next()? {
                            escaped @ ('"' | '\\') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            ' ' | '\t' => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// Returns an environment variable. An empty variable counts as not set, because CI systems set
/// variables that have no value.
pub(super) fn variable(env: &Env, name: &str) -> Option<String> {
    env.get(name).ok().filter(|value| !value.is_empty())
}

/// Returns an SDK setting from a variable or the profile.
pub(super) fn setting(
    env: &Env,
    profile: Option<&Section>,
    name: &str,
    key: &str,
) -> Option<String> {
    let of_profile = || Some(profile?.get(key)?.to_owned());
    variable(env, name).or_else(of_profile)
}

/// Returns whether a setting is enabled.
pub(super) fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

/// Reads a file up to the maximum size.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(std::io::Error::other("the file is larger than 10 MiB"));
    }
    Ok(bytes)
}

/// Replaces `~` in a path with the home directory.
fn at_home(env: &Env, path: &str) -> PathBuf {
    let home = ["HOME", "USERPROFILE"];
    let home = home.into_iter().find_map(|name| variable(env, name));
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path),
    }
}

fn invalid(path: &Path, line: usize, problem: &str, env: &Env, name: &str) -> DeployError {
    let named = match variable(env, name) {
        Some(_) => format!(" (from {name})"),
        None => String::new(),
    };
    DeployError::input(
        format!(
            "cannot read the AWS configuration: {}, line {line}: {problem}",
            path.display()
        ),
        format!("correct line {line} of {}{named}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str, credentials: &str) -> AwsFiles {
        let mut files = AwsFiles::default();
        let mut add = |name: &str, text: &str, kind| {
            files.read(Path::new(name), text.as_bytes(), kind).unwrap();
        };
        add("config", config, Kind::Config);
        add("credentials", credentials, Kind::Credentials);
        files
    }

    fn problem(config: &[u8]) -> (usize, &'static str) {
        let mut files = AwsFiles::default();
        let read = files.read(Path::new("config"), config, Kind::Config);
        read.unwrap_err()
    }

    #[test]
    fn names_of_profiles_are_those_of_the_aws_cli() {
        let files = read(
            "[default]\nregion = a\n[profile \"my dev\"]\nregion = b\n[profile 'it''s']\n\
             region = c\n[profile dév] # comment\nregion = d\n[profile my\\ prod]\nregion: e\n\
             [profile \"a]b\"]\nregion = f\n[profile not quoted]\nregion = g\n[other]\nregion = h\n",
            "[bare name]\naws_access_key_id = 1\n[my dev]\naws_access_key_id = 2\n",
        );
        let region = |name: &str| files.profile(name).and_then(|one| one.get("region"));
        for (name, expected) in [
            ("default", Some("a")),
            ("my dev", Some("b")),
            ("its", Some("c")),
            ("dév", Some("d")),
            ("my prod", Some("e")),
            ("a]b", Some("f")),
            ("not quoted", None),
            ("other", None),
        ] {
            assert_eq!(region(name), expected, "{name}");
        }
        let key = |name: &str| {
            files
                .profile(name)
                .and_then(|one| one.get("aws_access_key_id"))
        };
        assert_eq!(key("bare name"), Some("1"));
        assert_eq!(key("my dev"), Some("2"), "the files are merged");
        let (_, hint) = files.why_missing("not quoted");
        let hint = hint.unwrap();
        assert!(hint.contains("[profile \"not quoted\"]"), "{hint}");
        assert!(hint.contains("config, line 13"), "{hint}");
    }

    #[test]
    fn nested_settings_and_indentation() {
        let files = read(
            "[services local]\ns3 =\n  endpoint_url = http://a\n  other = 1\nsts =\n    \
             endpoint_url =\n[profile dev]\n  region = x\n  services = local\n  ca_bundle =\n",
            "",
        );
        let services = files.services("local").unwrap();
        let nested = |group| services.nested(group, "endpoint_url").map(|(url, _)| url);
        assert_eq!(nested("s3"), Some("http://a"));
        assert_eq!(nested("sts"), None, "an empty value is not set");
        let dev = files.profile("dev").unwrap();
        assert_eq!(dev.get("region"), Some("x"));
        assert_eq!(dev.get("services"), Some("local"));
        assert_eq!(dev.get("ca_bundle"), None, "an empty value is not set");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_numbered() {
        for (text, line) in [
            ("[profile dev]\n\n[profile prod\n", 3),
            ("region = x\n", 1),
            ("# comment\n[profile dev]\nregion\n", 3),
            ("[profile dev]\n= x\n", 2),
            ("[services a]\ns3 =\n  endpoint\n", 3),
        ] {
            assert_eq!(problem(text.as_bytes()).0, line, "{text}");
        }
        assert_eq!(problem(b"[default]\nregion = \xff\n").0, 2);
    }
}
