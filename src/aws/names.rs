//! AWS's rules for account IDs, key IDs, and resource names. Each `…_problem` function returns a
//! message, or `None` for a valid value.

pub(crate) use crate::policy::document::is_account_id;

use super::quotas::{BUCKET_NAME, KEY_ALIAS, PIPELINE_NAME, ROLE_NAME, SHORTEST_BUCKET_NAME};

/// Returns whether a string is the ID of a KMS key: a UUID, or `mrk-` and 32 hexadecimal digits.
pub(crate) fn is_key_id(id: &str) -> bool {
    let hexadecimal = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    };
    if let Some(rest) = id.strip_prefix("mrk-") {
        return hexadecimal(rest, 32);
    }
    let parts: Vec<&str> = id.split('-').collect();
    parts.len() == 5
        && parts
            .iter()
            .zip([8, 4, 4, 4, 12])
            .all(|(part, length)| hexadecimal(part, length))
}

/// Returns whether IAM allows a character in the name of a role, user, or policy.
pub(crate) fn is_iam_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-')
}

/// Formats a number of characters.
pub(crate) fn characters(number: usize) -> String {
    format!("{number} character{}", if number == 1 { "" } else { "s" })
}

/// Formats a number of digits.
pub(crate) fn digits(number: usize) -> String {
    format!("{number} digit{}", if number == 1 { "" } else { "s" })
}

/// Checks an account ID. Follows *View AWS account identifiers* in the AWS documentation.
pub(crate) fn account_id_problem(id: &str) -> Option<String> {
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!(
            "`{id}` is not a valid account ID: only digits are allowed"
        ));
    }
    (id.len() != 12).then(|| {
        format!(
            "`{id}` is not a valid account ID: it has {}, not 12",
            digits(id.len())
        )
    })
}

/// Checks a bucket name. Follows *General purpose bucket naming rules* in the AWS documentation.
pub(crate) fn bucket_problem(name: &str) -> Option<String> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fault = if !(SHORTEST_BUCKET_NAME..=BUCKET_NAME.length()).contains(&name.len()) {
        format!(
            "it has {}, but S3 allows {SHORTEST_BUCKET_NAME} to {}",
            characters(name.len()),
            BUCKET_NAME.value
        )
    } else if let Some(bad) = name
        .chars()
        .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-')))
    {
        format!(
            "it contains `{bad}`; only lowercase letters, digits, dots, and hyphens are allowed"
        )
    } else if !edge(name.chars().next()) || !edge(name.chars().last()) {
        "it must begin and end with a letter or digit".to_owned()
    } else if name.contains("..") {
        "it has two consecutive dots".to_owned()
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "it has the form of an IP address".to_owned()
    } else if let Some(prefix) = ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .find(|prefix| name.starts_with(**prefix))
    {
        format!("S3 reserves names that begin with `{prefix}`")
    } else if let Some(suffix) = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
        .iter()
        .find(|suffix| name.ends_with(**suffix))
    {
        format!("S3 reserves names that end with `{suffix}`")
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid bucket name: {fault}"))
}

/// Checks an alias without the prefix `alias/`. Follows *CreateAlias* in the AWS documentation.
pub(crate) fn alias_problem(alias: &str) -> Option<String> {
    let fault = if alias.starts_with("alias/") {
        "omit `alias/`, which is added automatically"
    } else if alias.starts_with("aws/") {
        "AWS reserves `alias/aws/` for its managed keys"
    } else if alias.is_empty() || alias.len() > KEY_ALIAS.length() {
        return Some(format!(
            "`{alias}` is not a valid key alias: it must have 1 to {} characters",
            KEY_ALIAS.value
        ));
    } else if !alias
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-'))
    {
        "only letters, digits, `/`, `_`, and `-` are allowed"
    } else {
        return None;
    };
    Some(format!("`{alias}` is not a valid key alias: {fault}"))
}

/// Checks a pipeline name. Follows *Quotas in AWS CodePipeline* in the AWS documentation.
pub(crate) fn pipeline_problem(name: &str) -> Option<String> {
    let fault = if name.is_empty() || name.len() > PIPELINE_NAME.length() {
        format!(
            "it has {}, but CodePipeline allows 1 to {}",
            characters(name.len()),
            PIPELINE_NAME.value
        )
    } else if let Some(bad) = name
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '_' | '-')))
    {
        format!("it contains `{bad}`; only letters, digits, `.`, `@`, `_`, and `-` are allowed")
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid pipeline name: {fault}"))
}

/// Checks a role name. Follows *IAM and AWS STS quotas* in the AWS documentation.
pub(crate) fn role_problem(name: &str) -> Option<String> {
    let fault = if name.is_empty() || name.len() > ROLE_NAME.length() {
        format!(
            "it has {}, but IAM allows 1 to {}",
            characters(name.len()),
            ROLE_NAME.value
        )
    } else if let Some(bad) = name.chars().find(|c| !is_iam_name_character(*c)) {
        format!("it contains `{bad}`; only letters, digits, and `_+=,.@-` are allowed")
    } else {
        return None;
    };
    Some(format!("`{name}` is not a valid role name: {fault}"))
}
