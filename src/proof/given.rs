//! Maps the policies outside the templates to their subjects. Each name or ARN must identify a
//! role, bucket, key, or topic in the proof, so that no policy is ignored by mistake.

use std::cmp::Ordering;

use super::input::{InputError, Inputs, NamedFile};
use super::names::{Kind, LISTED, Names, Subject, ambiguous};
use super::world::World;
use crate::config::near;
use crate::diagnostic::may_be_name;
use crate::escape::shown;

/// A file and its subject.
pub(super) struct Given<'i> {
    giver: Giver,
    pub(super) file: &'i NamedFile,
    pub(super) subject: Subject,
}

/// The files in [`Inputs`], each with its subject.
#[derive(Default)]
pub(super) struct Named<'i> {
    pub(super) policies: Vec<Given<'i>>,
    pub(super) identities: Vec<Given<'i>>,
    pub(super) boundaries: Vec<Given<'i>>,
}

/// Finds the subject of each file.
///
/// # Errors
/// Returns an error if a name is unknown, is ambiguous, or is specified twice, or if a subject that
/// must have a policy has none.
pub(super) fn named<'i>(
    world: &World<'_>,
    inputs: &'i Inputs,
) -> Result<Named<'i>, Vec<InputError>> {
    let mut found = Named::default();
    let given = [
        (Giver::Folder, &inputs.bucket_policies),
        (Giver::Policy, &inputs.policies),
        (Giver::Identity, &inputs.identities),
        (Giver::Boundary, &inputs.boundaries),
    ];
    if given.iter().all(|(_, files)| files.is_empty()) {
        return Ok(found);
    }
    let names = Names::new(world, inputs);
    let mut errors = Vec::new();
    for (giver, files) in given {
        let into = match giver {
            Giver::Folder | Giver::Policy => &mut found.policies,
            Giver::Identity => &mut found.identities,
            Giver::Boundary => &mut found.boundaries,
        };
        for file in files {
            match subject(&names, giver, file) {
                Ok(Some(subject)) => {
                    let given = Given {
                        giver,
                        file,
                        subject,
                    };
                    match given.again(into) {
                        None => into.push(given),
                        Some(error) => errors.push(error),
                    }
                }
                Ok(None) => {}
                Err(_) if inputs.allow_unused => {}
                Err(error) => errors.push(error),
            }
        }
    }
    if errors.is_empty() {
        Ok(found)
    } else {
        Err(errors)
    }
}

impl Given<'_> {
    /// Returns an error if an earlier file has the same subject.
    fn again(&self, before: &[Self]) -> Option<InputError> {
        let is_same = |other: &&Self| other.subject.overlaps(&self.subject);
        let first = before.iter().find(is_same)?;
        let (name, option) = (&self.file.name, self.giver.option());
        if first.giver != self.giver {
            let path = first.file.source.as_ref().map_or("", |file| file.name());
            return Some(InputError::given(
                format!("duplicate policy for `{name}`: in `{path}` and in {option}"),
                "remove one of them",
            ));
        }
        let as_other = match first.file.name == *name {
            true => String::new(),
            false => format!(": first as `{}`", first.file.name),
        };
        Some(InputError::given(
            format!("duplicate {option} `{name}`{as_other}"),
            "specify each name once",
        ))
    }
}

/// The source of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giver {
    /// A file in the `policies` folder next to the templates, named after its bucket.
    Folder,
    Policy,
    Identity,
    Boundary,
}

impl Giver {
    fn option(self) -> &'static str {
        match self {
            Self::Folder => "file in `policies`",
            Self::Policy => "--policy",
            Self::Identity => "--identity",
            Self::Boundary => "--boundary",
        }
    }

    fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Folder => kind == Kind::Bucket,
            Self::Policy => true,
            Self::Identity | Self::Boundary => kind == Kind::Role,
        }
    }

    /// Returns the kinds that the source accepts, as text for messages.
    fn kinds(self) -> &'static str {
        match self {
            Self::Folder => "bucket",
            Self::Policy => "bucket, key, role, or topic",
            Self::Identity | Self::Boundary => "role",
        }
    }
}

/// Returns the subject of a file. Returns `None` if the file is in the `policies` folder and its
/// bucket is in the configuration, but no call uses the bucket at this step.
fn subject(names: &Names, giver: Giver, file: &NamedFile) -> Result<Option<Subject>, InputError> {
    let name = file.name.as_str();
    let kind = Kind::of(name);
    let wrong_kind = kind.map_or(name.starts_with("arn:"), |kind| !giver.takes(kind));
    if wrong_kind {
        return Err(InputError::given(
            format!("`{name}` is not the ARN of a {}", giver.kinds()),
            listing(names, giver, name),
        ));
    }
    let mut found = Vec::new();
    let takes = |of| giver.takes(of) && kind.is_none_or(|kind| kind == of);
    if takes(Kind::Role) {
        found.extend(names.roles_of(name)?);
    }
    if takes(Kind::Bucket) {
        found.extend(names.bucket_of(name));
    }
    if takes(Kind::Key) {
        found.extend(names.key_of(name)?);
    }
    if takes(Kind::Topic) {
        found.extend(names.topic_of(name));
    }
    let subject = match found.len() {
        0 if giver == Giver::Folder && names.planned.contains(name) => return Ok(None),
        0 => return Err(unknown(names, giver, file)),
        1 => found.remove(0),
        _ => {
            let arns = found.iter().flat_map(|subject| names.arns(subject));
            return Err(ambiguous(name, "both a role and a bucket", arns.collect()));
        }
    };
    let must_have = match subject {
        _ if file.source.is_some() => None,
        _ if matches!(giver, Giver::Identity | Giver::Boundary) => None,
        Subject::Key(_) => Some("specify the policy file: every key has a policy"),
        Subject::Roles(_) => Some("specify the policy file: every role has a trust policy"),
        Subject::Bucket(_) | Subject::Topic(_) => None,
    };
    match must_have {
        Some(help) => Err(InputError::given(
            format!("`{} {name}=none` provides no policy", giver.option()),
            help,
        )),
        None => Ok(Some(subject)),
    }
}

/// Returns the error for an unknown name.
fn unknown(names: &Names, giver: Giver, file: &NamedFile) -> InputError {
    let name = file.name.as_str();
    let path = match (giver, &file.source) {
        (Giver::Folder, Some(source)) => format!("`{}`: ", source.name()),
        _ => String::new(),
    };
    let (taken, others): (Vec<Kind>, Vec<Kind>) =
        Kind::ALL.into_iter().partition(|kind| giver.takes(*kind));
    let is_other = others
        .into_iter()
        .find(|kind| names.names(*kind).iter().any(|known| known == name));
    let known: Vec<String> = taken
        .into_iter()
        .flat_map(|kind| names.names(kind))
        .collect();
    let known = known.iter().map(String::as_str);
    let hint = match (is_other, near(name, known)) {
        (Some(kind), _) => format!("; it is a {}", kind.name()),
        (None, Some(near)) => format!("; did you mean `{near}`?"),
        (None, None) => String::new(),
    };
    InputError::given(
        format!("{path}unknown {} `{name}`{hint}", giver.kinds()),
        listing(names, giver, name),
    )
}

/// Returns a message that lists everything that a source accepts.
fn listing(names: &Names, giver: Giver, wanted: &str) -> String {
    let mut out = format!(
        "{} requires the name of a {}:",
        giver.option(),
        giver.kinds()
    );
    for kind in Kind::ALL {
        let mut found = match giver.takes(kind) {
            true => names.names(kind),
            false => continue,
        };
        if found.is_empty() {
            continue;
        }
        let left_out = found.len().saturating_sub(LISTED);
        if left_out > 0 && may_be_name(wanted) {
            // Put the most similar names first.
            let score = |name: &String| strsim::jaro_winkler(name, wanted);
            found.sort_by(|a, b| score(b).partial_cmp(&score(a)).unwrap_or(Ordering::Equal));
        }
        found.truncate(LISTED);
        let more = match left_out {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let found = shown(&found.join(", ")).into_owned();
        out.push_str(&format!("\n{}s: {found}{more}", kind.name()));
    }
    out
}
