//! Validates the names in a configuration. Each `…_problem` function returns a message, or `None`
//! for a valid value.

use crate::aws::names::characters;
use crate::aws::quotas::{OBJECT_KEY, STACK_SET_NAME, grouped};

/// Checks the name of a stack set. Follows *CreateStackSet* in the AWS documentation.
pub(super) fn stack_set_problem(name: &str) -> Option<String> {
    let fault = if name.is_empty() || name.len() > STACK_SET_NAME.length() {
        format!(
            "it has {}, but StackSets allows 1 to {}",
            characters(name.len()),
            STACK_SET_NAME.value
        )
    } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        "it must begin with a letter".to_owned()
    } else if let Some(bad) = name
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || *c == '-'))
    {
        format!("it contains `{bad}`; only letters, digits, and hyphens are allowed")
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid stack set name: {fault}"))
}

/// Checks the ID of an organizational unit or a root. Follows *OrganizationalUnit* and *Root* in
/// the AWS documentation.
pub(super) fn organizational_unit_problem(id: &str) -> Option<String> {
    let part = |text: &str, from: usize| {
        (from..=32).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let unit = id
        .strip_prefix("ou-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(root, unit)| part(root, 4) && part(unit, 8));
    let root = id.strip_prefix("r-").is_some_and(|rest| part(rest, 4));
    (!unit && !root).then(|| format!("`{id}` is not a valid ID of an organizational unit or root"))
}

/// Checks that a policy can name an object key exactly. Follows *Naming Amazon S3 objects* and
/// *Policy elements: Variables and tags* in the AWS documentation.
pub(super) fn object_key_problem(key: &str) -> Option<String> {
    let fault = if key.is_empty() || key.len() > OBJECT_KEY.length() {
        format!(
            "it has {} bytes, but S3 allows 1 to {}",
            key.len(),
            grouped(OBJECT_KEY.value)
        )
    } else if key.starts_with('/') || key.ends_with('/') {
        "it must not begin or end with `/`".to_owned()
    } else if key.contains(['*', '?']) || key.contains("${") {
        "`*`, `?`, and `${` would be wildcards or variables in the policies".to_owned()
    } else if key.contains("#{") {
        // The policies would contain the literal name of the pipeline variable.
        "policies cannot contain pipeline variables (`#{`)".to_owned()
    } else if key.chars().any(char::is_control) {
        "it contains a control character".to_owned()
    } else {
        return None;
    };
    Some(format!("`{key}` is not a valid object key: {fault}"))
}

/// Checks a deployment path. The S3 deploy action replaces `\` with `/` and fails for `../`.
/// Browsers never request keys with `./` or `//`.
pub(super) fn path_problem(path: &str) -> Option<String> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && !part.ends_with("..");
    object_key_problem(path).or_else(|| {
        let is_usable = !path.contains('\\') && path.split('/').all(is_plain);
        (!is_usable).then(|| {
            format!(
                "`{path}` is not a valid deployment path: it must consist of names separated by \
                 `/`, without `\\`, `//`, `./`, or `../`"
            )
        })
    })
}

/// Checks the name of a target, which becomes a file name, a stage name, and part of policy names.
pub(super) fn target_problem(name: &str) -> Option<String> {
    let fault = if name.is_empty() || name.len() > 40 {
        format!("it has {}, but 1 to 40 are allowed", characters(name.len()))
    } else if !name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        "only letters, digits, `-`, and `_` are allowed, and it must begin with a letter or digit"
            .to_owned()
    } else if name.eq_ignore_ascii_case("dev")
        || name.to_ascii_lowercase().starts_with("dev-")
        || name.eq_ignore_ascii_case("source")
    {
        "the name is reserved for a file or stage of the dev account".to_owned()
    } else if is_device(name) {
        "Windows reserves the name of the template file".to_owned()
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid target name: {fault}"))
}

/// Returns whether Windows reserves the name for a device, so that no file can have it. Follows
/// *Naming Files, Paths, and Namespaces* in the Microsoft documentation.
fn is_device(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let port = name
        .strip_prefix("com")
        .or_else(|| name.strip_prefix("lpt"));
    matches!(name.as_str(), "con" | "prn" | "aux" | "nul")
        || port.is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9']))
}

/// Regular expression for an account ID, for the schema.
pub(super) const ACCOUNT_ID: &str = "^[0-9]{12}$";
/// Regular expression for an organization ID, for the schema. Follows *Organization* in the AWS
/// documentation.
pub(super) const ORGANIZATION: &str = "^o-[a-z0-9]{10,32}$";
/// Regular expression for a profile name, for the schema.
pub(super) const PROFILE: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// Regular expression for a header value, for the schema.
pub(super) const HEADER: &str = "^[!-~]([ -~]*[!-~])?$";
/// Regular expression for an object key without policy wildcards, for the schema.
pub(super) const OBJECT_KEY_TEXT: &str = r"^[^\u0000-\u001f\u007f-\u009f*?]+$";
/// Regular expression for a deployment path, for the schema. The path may be empty.
pub(super) const PATH: &str = r"^[^\u0000-\u001f\u007f-\u009f*?]*$";
/// Regular expression for a target's permissions boundary, for the schema. It can contain
/// `{account}` and `{region}`.
pub(super) const BOUNDARY: &str = "^arn:aws[a-z-]*:iam::([0-9]{12}|aws|\\{account\\}):policy/\
    ([!-#%-)+-.0->@-~]+/)*[A-Za-z0-9_+=,.@{}-]+$";
/// Regular expression for a role name, for the schema. It can contain `{account}` and `{region}`.
pub(super) const ROLE: &str = "^[A-Za-z0-9_+=,.@{}-]+$";

/// Checks the ID of an organization.
pub(super) fn organization_problem(id: &str) -> Option<String> {
    let is_valid = id.strip_prefix("o-").is_some_and(|tail| {
        (10..=32).contains(&tail.len())
            && tail
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    (!is_valid).then(|| format!("`{id}` is not a valid organization ID"))
}

/// Checks the name of a profile in the AWS configuration. Control characters are already rejected
/// in all values of the configuration.
pub(super) fn profile_problem(name: &str) -> Option<String> {
    let fault = if name.trim().is_empty() {
        "it is empty"
    } else if name.trim() != name {
        "it begins or ends with whitespace"
    } else if name.contains([']', '[']) {
        "a section name in the AWS configuration cannot contain `[` or `]`"
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid profile name: {fault}"))
}

/// Checks the value of an HTTP header (RFC 9110, *Field Values*).
pub(super) fn header_problem(value: &str) -> Option<String> {
    let fault = if value.trim().is_empty() {
        "it is empty"
    } else if value.trim() != value {
        "it begins or ends with whitespace"
    } else if !value.chars().all(|c| matches!(c, ' '..='~')) {
        "only printable ASCII characters are allowed"
    } else {
        return None;
    };
    Some(format!("`{value}` is not a valid header value: {fault}"))
}
