//! Whether a pattern of a policy matches a text of a request: wildcards, variables, actions,
//! resources and ARNs.

use super::request::{Context, ContextValue};
use crate::iam::{ActionPattern, Pattern, ResourcePattern, Token, Variable};
use crate::iam::{ArnPattern, arn_parts};

/// Whether a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It holds a variable for which the request has no value, and so matches nothing.
    Unresolved,
}

impl From<bool> for Match {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// Whether an action is matched; `action` in lower case.
pub(super) fn action(pattern: &ActionPattern, action: &str) -> bool {
    matches!(pattern.text.as_str(), "*" | "*:*")
        || glob(pattern.pattern.tokens(), action, &Context::new())
}

/// Whether a resource is matched.
///
/// Follows the AWS document *IAM JSON policy elements: Resource*: wildcards stand within a part
/// of the ARN, a `*` at a part's end also for what is beyond its colon. What is after the fifth
/// colon is one part, so that `*` crosses slashes and colons there.
pub(super) fn resource(pattern: &ResourcePattern, resource: &str, context: &Context) -> Match {
    wild(&pattern.pattern, resource, context)
}

/// Whether a pattern matches a text, letter by letter.
pub(super) fn wild(pattern: &Pattern, text: &str, context: &Context) -> Match {
    if !is_resolved(pattern, context) {
        return Match::Unresolved;
    }
    if pattern.is_bounded() {
        bounded_glob(pattern.tokens(), text, context).into()
    } else {
        glob(pattern.tokens(), text, context).into()
    }
}

/// Whether a pattern without wildcards is a text, ignoring case.
pub(super) fn ignoring_case(pattern: &Pattern, text: &str, context: &Context) -> Match {
    if !is_resolved(pattern, context) {
        return Match::Unresolved;
    }
    pattern
        .tokens()
        .iter()
        .filter_map(|token| literal(token, context))
        .flat_map(str::chars)
        .flat_map(char::to_lowercase)
        .eq(text.chars().flat_map(char::to_lowercase))
        .into()
}

/// Whether an ARN operator's value matches: part by part.
///
/// Follows the AWS document *IAM JSON policy elements: Condition operators*, section *ARN
/// condition operators*. A lone `*`, of which it does not speak, matches every ARN.
pub(super) fn arn(pattern: &ArnPattern, text: &str, context: &Context) -> Match {
    if !is_resolved(&pattern.pattern, context) {
        return Match::Unresolved;
    }
    if text.bytes().filter(|byte| *byte == b':').count() < 5 {
        return Match::No;
    }
    if pattern.pattern.text() == "*" {
        return Match::Yes;
    }
    let matches = |parts: &[Vec<Token>; 6]| {
        text.splitn(6, ':')
            .zip(parts)
            .all(|(text, tokens)| glob(tokens, text, context))
    };
    match &pattern.parts {
        Some(parts) => matches(parts).into(),
        None if pattern.pattern.has_variables() => {
            let resolved: Vec<Token> = pattern
                .pattern
                .tokens()
                .iter()
                .map(|token| match literal(token, context) {
                    Some(text) => Token::Text(text.into()),
                    None => token.clone(),
                })
                .collect();
            arn_parts(&resolved)
                .is_some_and(|parts| matches(&parts))
                .into()
        }
        None => Match::No,
    }
}

/// A variable's value: of a single-valued key, or its default.
///
/// Follows the AWS documents *IAM policy elements: Variables and tags* and *Single-valued vs.
/// multivalued context keys* (a multivalued key is no variable).
fn value_of<'a>(variable: &'a Variable, context: &'a Context) -> Option<&'a str> {
    match context.get_lower(&variable.key) {
        Some(ContextValue::One(text)) => Some(text),
        _ => variable.default.as_deref(),
    }
}

fn is_resolved(pattern: &Pattern, context: &Context) -> bool {
    !pattern.has_variables()
        || pattern.tokens().iter().all(|token| match token {
            Token::Variable(variable) => value_of(variable, context).is_some(),
            _ => true,
        })
}

/// What a token stands for, other than a wildcard.
fn literal<'a>(token: &'a Token, context: &'a Context) -> Option<&'a str> {
    match token {
        Token::Text(text) => Some(text),
        Token::Variable(variable) => value_of(variable, context),
        _ => None,
    }
}

/// Matches tokens of which every wildcard may stand for any text.
///
/// Only the last `*` is ever tried again, which is enough, since a longer stretch for an earlier
/// one could not match more: so the time is at most the product of the two lengths.
fn glob(tokens: &[Token], text: &str, context: &Context) -> bool {
    let mut at = 0;
    let mut rest = text;
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let advanced = match tokens.get(at) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Token::Any | Token::AnyInPart) => {
                if at + 1 == tokens.len() {
                    return true;
                }
                retry = Some((at + 1, rest));
                Some(rest)
            }
            Some(Token::One | Token::OneInPart) => next_char(rest),
            Some(token) => literal(token, context).and_then(|text| rest.strip_prefix(text)),
        };
        match (advanced, retry) {
            (Some(after), _) => {
                at += 1;
                rest = after;
            }
            (None, Some((token, from))) => {
                let Some(after) = next_char(from) else {
                    return false;
                };
                at = token;
                rest = after;
                retry = Some((token, after));
            }
            (None, None) => return false,
        }
    }
}

fn next_char(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next()?;
    Some(chars.as_str())
}

/// Matches tokens of which some wildcards must not cross a colon, which is why every one of them
/// may have to be tried again: all places that the tokens so far can reach, step by step.
fn bounded_glob(tokens: &[Token], text: &str, context: &Context) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for token in tokens {
        let mut next = vec![false; text.len() + 1];
        let starts = (0..=text.len()).filter(|at| reached[*at] && text.is_char_boundary(*at));
        for at in starts {
            let rest = &text[at..];
            match token {
                Token::Any => next[at..].fill(true),
                Token::AnyInPart => {
                    let end = at + rest.find(':').unwrap_or(rest.len());
                    next[at..=end].fill(true);
                }
                Token::One | Token::OneInPart => {
                    let first = rest.chars().next();
                    if let Some(first) = first.filter(|c| *c != ':' || *token == Token::One) {
                        next[at + first.len_utf8()] = true;
                    }
                }
                Token::Text(_) | Token::Variable(_) => {
                    if let Some(text) = literal(token, context)
                        && rest.starts_with(text)
                    {
                        next[at + text.len()] = true;
                    }
                }
            }
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::PolicyKind;
    use crate::syntax::Span;

    fn string(pattern: &str, text: &str) -> bool {
        wild(&Pattern::wild(pattern, true), text, &Context::new()) == Match::Yes
    }

    fn arn_resource(pattern: &str, text: &str, context: &Context) -> Match {
        let pattern = ResourcePattern::parse(pattern, PolicyKind::Identity, true, Span::default())
            .expect("a resource");
        resource(&pattern, text, context)
    }

    #[test]
    fn wildcards_stand_for_any_text() {
        assert!(string("*", ""));
        assert!(string("a*b*c", "a-b-b-c"));
        assert!(!string("a*b*c", "a-b-b-c-"));
        assert!(string("?b", "\u{fc}b"));
        assert!(!string("?b", "b"));
        assert!(string("a*?", "ab"));
        assert!(!string("a*?", "a"));
        assert!(string("${*}${?}${$}", "*?$"));
        assert!(!string("${*}", "x"));
        assert!(string("", ""));
        assert!(!string("", "x"));
        assert!(!string(&"a*".repeat(500), &"b".repeat(5000)));
    }

    #[test]
    fn a_variables_value_has_no_wildcards() {
        let context = Context::new().with("aws:username", "a*");
        let like = Pattern::wild("home/${AWS:UserName}/*", true);
        assert_eq!(wild(&like, "home/a*/x", &context), Match::Yes);
        assert_eq!(wild(&like, "home/ab/x", &context), Match::No);
        assert_eq!(wild(&like, "home/a*/x", &Context::new()), Match::Unresolved);
        let with_default = Pattern::wild("${aws:PrincipalTag/team, 'no, team'}", true);
        assert_eq!(wild(&with_default, "no, team", &context), Match::Yes);
        assert_eq!(
            wild(
                &Pattern::wild("${aws:username}", false),
                "${aws:username}",
                &context
            ),
            Match::Yes
        );
    }

    #[test]
    fn only_a_star_at_the_end_of_a_part_crosses_its_colon() {
        let none = Context::new();
        let queue = "arn:aws:sqs:us-east-1:111111111111:queue";
        for yes in [
            "arn:aws:sqs:*:111111111111:queue",
            "arn:aws:sqs:us-*-1:111111111111:queue",
            "arn:aws:sqs:us-east-?:1*:queue",
            "arn:aws:sqs:*",
            "arn:*:sqs:*:*:*",
        ] {
            assert_eq!(arn_resource(yes, queue, &none), Match::Yes, "{yes}");
        }
        for no in [
            "arn:aws:sqs:us-*1:queue:x",
            "arn:aws:sqs:*1:queue:*",
            "arn:aws:sqs:us-east-1?111111111111:queue:*",
            "arn:aws:SQS:us-east-1:111111111111:queue",
        ] {
            assert_eq!(arn_resource(no, queue, &none), Match::No, "{no}");
        }
        assert_eq!(
            arn_resource("arn:aws:s3:::b/a*z", "arn:aws:s3:::b/a:b/c:z", &none),
            Match::Yes
        );
        let user = Context::new().with("aws:principalaccount", "111111111111");
        assert_eq!(
            arn_resource("arn:aws:iam::${aws:PrincipalAccount}:role/x", queue, &user),
            Match::No
        );
    }

    #[test]
    fn bounded_and_unbounded_matching_agree_where_nothing_is_bounded() {
        let none = Context::new();
        for pattern in ["a*b?c", "*", "a**", "?*?", "", "ab*"] {
            for text in ["", "abxc", "ab", "a\u{fc}b\u{fc}c", "abbc"] {
                let tokens = Pattern::wild(pattern, true);
                assert_eq!(
                    glob(tokens.tokens(), text, &none),
                    bounded_glob(tokens.tokens(), text, &none),
                    "{pattern} {text}"
                );
            }
        }
    }
}
