//! Matches policy patterns against request values: wildcards, variables, actions, resources, and
//! ARNs.

use std::borrow::Cow;

use super::request::ContextValue;
use super::truth::{Truth, View};
use crate::policy::document::pattern::{Token, Variable, arn_parts, bounded_glob, glob};
use crate::policy::document::{ArnPattern, Pattern};

/// The result of matching a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// The pattern matches.
    Yes,
    /// The pattern does not match.
    No,
    /// The pattern contains a variable without a value in the request, so it matches nothing.
    Unresolved,
    /// The result depends on a variable without a known value.
    Unknown,
}

impl From<bool> for Match {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// Returns whether one of several patterns matches, or with `negated`, whether none of them
/// matches.
///
/// A variable without a value "might cause the entire statement to be invalid" (*IAM policy
/// elements: Variables and tags*). Its pattern matches nothing. If a negation holds only for this
/// reason, the result is unknown.
pub(super) fn one_of(matches: impl IntoIterator<Item = Match>, negated: bool) -> Truth {
    let mut is_unresolved = false;
    let found = Truth::any(matches.into_iter().map(|found| match found {
        Match::Yes => Truth::Yes,
        Match::No => Truth::No,
        Match::Unknown => Truth::Unknown,
        Match::Unresolved => {
            is_unresolved = true;
            Truth::No
        }
    }));
    match (negated, found) {
        (false, found) => found,
        (true, Truth::No) if is_unresolved => Truth::Unknown,
        (true, found) => found.not(),
    }
}

/// Returns whether a pattern matches a string, case-sensitively.
///
/// A resource follows *IAM JSON policy elements: Resource* in the AWS documentation: a wildcard
/// matches only within its part of the ARN, but a `*` at the end of a part can match across the
/// colon. Everything after the fifth colon is one part, so `*` matches slashes and colons there.
pub(super) fn wild(pattern: &Pattern, text: &str, view: View<'_>) -> Match {
    let Some(resolved) = Resolved::new(pattern, view) else {
        return Match::Unresolved;
    };
    resolved.outcome(if pattern.is_bounded() {
        bounded_glob(&resolved.tokens, text)
    } else {
        glob(&resolved.tokens, text)
    })
}

/// Returns whether a pattern without wildcards equals a string, ignoring case.
pub(super) fn ignoring_case(pattern: &Pattern, text: &str, view: View<'_>) -> Match {
    let Some(resolved) = Resolved::new(pattern, view) else {
        return Match::Unresolved;
    };
    let lower = |token: &Token| match token {
        Token::Text(text) => Token::Text(text.to_lowercase().into()),
        other => other.clone(),
    };
    let tokens: Vec<Token> = resolved.tokens.iter().map(lower).collect();
    resolved.outcome(glob(&tokens, &text.to_lowercase()))
}

/// Returns whether the value of an ARN operator matches, part by part.
///
/// Follows *IAM JSON policy elements: Condition operators*, section *ARN condition operators*, in
/// the AWS documentation. A single `*`, which that section does not cover, matches every ARN.
pub(super) fn arn(pattern: &ArnPattern, text: &str, view: View<'_>) -> Match {
    let Some(resolved) = Resolved::new(&pattern.pattern, view) else {
        return Match::Unresolved;
    };
    if text.bytes().filter(|byte| *byte == b':').count() < 5 {
        return Match::No;
    }
    if pattern.pattern.text() == "*" {
        return Match::Yes;
    }
    let matches = |parts: &[Vec<Token>; 6]| {
        text.splitn(6, ':')
            .zip(parts)
            .all(|(text, tokens)| glob(tokens, text))
    };
    resolved.outcome(match &pattern.parts {
        Some(parts) => matches(parts),
        None if pattern.pattern.has_variables() => {
            arn_parts(&resolved.tokens).is_some_and(|parts| matches(&parts))
        }
        None => false,
    })
}

/// A pattern with the values of its variables.
struct Resolved<'p> {
    tokens: Cow<'p, [Token]>,
    /// Whether all values are known. An unknown value can be anything.
    is_exact: bool,
}

impl<'p> Resolved<'p> {
    /// Resolves the variables. Returns `None` if a variable has no value.
    ///
    /// Follows *IAM policy elements: Variables and tags* and *Single-valued vs. multivalued context
    /// keys* in the AWS documentation: a multivalued key cannot be a variable.
    fn new(pattern: &'p Pattern, view: View<'_>) -> Option<Self> {
        if !pattern.has_variables() {
            return Some(Self {
                tokens: Cow::Borrowed(pattern.tokens()),
                is_exact: true,
            });
        }
        let mut is_exact = true;
        let mut tokens = Vec::with_capacity(pattern.tokens().len());
        for token in pattern.tokens() {
            tokens.push(match token {
                Token::Variable(variable) => match value_of(variable, view)? {
                    Some(text) => Token::Text(text),
                    None => {
                        is_exact = false;
                        Token::Any
                    }
                },
                other => other.clone(),
            });
        }
        Some(Self {
            tokens: tokens.into(),
            is_exact,
        })
    }

    fn outcome(&self, matches: bool) -> Match {
        match (matches, self.is_exact) {
            (true, false) => Match::Unknown,
            (matches, _) => matches.into(),
        }
    }
}

/// Returns the value of a variable, or its default. Returns `None` if the variable has no value,
/// and `Some(None)` if its value is unknown.
#[expect(clippy::option_option, reason = "missing and unknown are different")]
fn value_of(variable: &Variable, view: View<'_>) -> Option<Option<Box<str>>> {
    match view.get(&variable.key).as_deref() {
        Some(ContextValue::One(text)) => Some(Some(text.as_str().into())),
        Some(ContextValue::Present | ContextValue::Unknown) => Some(None),
        Some(ContextValue::Many(_)) | None => variable.default.clone().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;
    use crate::policy::document::{PolicyKind, ResourcePattern};
    use crate::policy::evaluation::request::Context;

    fn view(context: &Context) -> View<'_> {
        View {
            context,
            unlisted: None,
        }
    }

    fn string(pattern: &str, text: &str) -> bool {
        let none = Context::new();
        wild(&Pattern::wild(pattern, true), text, view(&none)) == Match::Yes
    }

    fn arn_resource(pattern: &str, text: &str, context: &Context) -> Match {
        let pattern = ResourcePattern::parse(pattern, PolicyKind::Identity, true, Span::default())
            .expect("a resource");
        wild(&pattern.pattern, text, view(context))
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
        assert_eq!(wild(&like, "home/a*/x", view(&context)), Match::Yes);
        assert_eq!(wild(&like, "home/ab/x", view(&context)), Match::No);
        assert_eq!(
            wild(&like, "home/a*/x", view(&Context::new())),
            Match::Unresolved
        );
        let with_default = Pattern::wild("${aws:PrincipalTag/team, 'no, team'}", true);
        assert_eq!(wild(&with_default, "no, team", view(&context)), Match::Yes);
        assert_eq!(
            wild(
                &Pattern::wild("${aws:username}", false),
                "${aws:username}",
                view(&context)
            ),
            Match::Yes
        );
    }

    #[test]
    fn a_variable_of_an_unknown_value_may_be_anything() {
        let mut context = Context::new();
        context.set("aws:username", ContextValue::Present);
        let like = Pattern::wild("home/${aws:username}/x", true);
        assert_eq!(wild(&like, "home/anna/x", view(&context)), Match::Unknown);
        assert_eq!(wild(&like, "home/anna/y", view(&context)), Match::No);
        let exact = Pattern::exact("${aws:username}", true);
        assert_eq!(
            ignoring_case(&exact, "ANNA", view(&context)),
            Match::Unknown
        );
        assert_eq!(
            arn_resource(
                "arn:aws:s3:::b/${aws:username}",
                "arn:aws:s3:::b/x",
                &context
            ),
            Match::Unknown
        );
        let missing = [Match::Unresolved, Match::No];
        assert_eq!(one_of(missing, true), Truth::Unknown);
        assert_eq!(one_of(missing, false), Truth::No);
        assert_eq!(one_of([Match::No], true), Truth::Yes);
        assert_eq!(one_of([Match::Unknown, Match::Yes], true), Truth::No);
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
        for pattern in ["a*b?c", "*", "a**", "?*?", "", "ab*"] {
            for text in ["", "abxc", "ab", "a\u{fc}b\u{fc}c", "abbc"] {
                let tokens = Pattern::wild(pattern, true);
                assert_eq!(
                    glob(tokens.tokens(), text),
                    bounded_glob(tokens.tokens(), text),
                    "{pattern} {text}"
                );
            }
        }
    }
}
