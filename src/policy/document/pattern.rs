//! Patterns of policies: text with wildcards and policy variables, cut into tokens once, so that
//! a decision does not read them again. Matching them against a request is not done here.

/// A value of a policy that may hold wildcards and policy variables.
///
/// Follows the AWS documents *IAM policy elements: Variables and tags* and *IAM JSON policy
/// elements: Resource*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    tokens: Box<[Token]>,
    has_variables: bool,
    is_bounded: bool,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Stands for itself.
    Text(Box<str>),
    /// `*`.
    Any,
    /// `?`.
    One,
    /// A `*` that stays within its colon-separated part of an ARN.
    AnyInPart,
    /// A `?` that stays within its colon-separated part of an ARN.
    OneInPart,
    /// `${key}` or `${key, 'default'}`.
    Variable(Variable),
}

/// A policy variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The context key, in lower case.
    pub(crate) key: Box<str>,
    /// What it is worth where the request has no value for the key.
    pub(crate) default: Option<Box<str>>,
}

/// What is special in a text.
#[derive(Debug, Clone, Copy)]
struct Syntax {
    wildcards: bool,
    variables: bool,
    /// An ARN: variables count only after the fifth colon, and wildcards before it are bounded.
    arn: bool,
}

impl Pattern {
    /// A text in which only variables are special, and those only with `variables`: a value of
    /// `StringEquals`.
    pub(crate) fn exact(text: &str, variables: bool) -> Self {
        Self::new(
            text,
            Syntax {
                wildcards: false,
                variables,
                arn: false,
            },
        )
    }

    /// A text with wildcards: a value of `StringLike`, or an action.
    pub(crate) fn wild(text: &str, variables: bool) -> Self {
        Self::new(
            text,
            Syntax {
                wildcards: true,
                variables,
                arn: false,
            },
        )
    }

    /// An ARN with wildcards: a value of `Resource`.
    ///
    /// A `*` at the end of a part may cross its colon, any other wildcard before the fifth colon
    /// stays in its part, and everything after the fifth colon is one part. Variables before the
    /// fifth colon are no variables.
    pub(crate) fn resource(text: &str, variables: bool) -> Self {
        Self::new(
            text,
            Syntax {
                wildcards: true,
                variables,
                arn: text != "*",
            },
        )
    }

    fn new(text: &str, syntax: Syntax) -> Self {
        let tokens = tokenize(text, syntax);
        Self {
            text: text.into(),
            has_variables: tokens
                .iter()
                .any(|token| matches!(token, Token::Variable(_))),
            is_bounded: tokens
                .iter()
                .any(|token| matches!(token, Token::AnyInPart | Token::OneInPart)),
            tokens: tokens.into(),
        }
    }

    /// The pattern as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(crate) fn has_variables(&self) -> bool {
        self.has_variables
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.is_bounded
    }
}

/// Cuts tokens at their first five colons: an ARN's parts. `None` where there are fewer.
pub(crate) fn arn_parts(tokens: &[Token]) -> Option<[Vec<Token>; 6]> {
    let mut parts: [Vec<Token>; 6] = Default::default();
    let mut at = 0;
    for token in tokens {
        let Token::Text(text) = token else {
            parts[at].push(token.clone());
            continue;
        };
        let mut rest: &str = text;
        while at < 5
            && let Some((head, tail)) = rest.split_once(':')
        {
            push_text(&mut parts[at], head);
            at += 1;
            rest = tail;
        }
        push_text(&mut parts[at], rest);
    }
    (at == 5).then_some(parts)
}

fn push_text(tokens: &mut Vec<Token>, text: &str) {
    if !text.is_empty() {
        tokens.push(Token::Text(text.into()));
    }
}

fn tokenize(text: &str, syntax: Syntax) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut colons = 0;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let in_head = syntax.arn && colons < 5;
        if syntax.variables
            && let Some((inside, after)) = braces(rest)
        {
            match variable(inside) {
                _ if in_head => literal.push_str(&rest[..rest.len() - after.len()]),
                Inside::Literal(text) => literal.push_str(text),
                Inside::Variable(variable) => {
                    push_text(&mut tokens, &std::mem::take(&mut literal));
                    tokens.push(Token::Variable(variable));
                }
            }
            rest = after;
            continue;
        }
        rest = &rest[next.len_utf8()..];
        let wildcard = match next {
            '*' if syntax.wildcards => {
                if in_head && !rest.is_empty() && !rest.starts_with(':') {
                    Some(Token::AnyInPart)
                } else {
                    Some(Token::Any)
                }
            }
            '?' if syntax.wildcards && in_head => Some(Token::OneInPart),
            '?' if syntax.wildcards => Some(Token::One),
            _ => None,
        };
        match wildcard {
            Some(token) => {
                push_text(&mut tokens, &std::mem::take(&mut literal));
                // `**` is `*`: without this, matching would try every split between the two.
                if !(token == Token::Any && tokens.last() == Some(&Token::Any)) {
                    tokens.push(token);
                }
            }
            None => {
                colons += usize::from(next == ':');
                literal.push(next);
            }
        }
    }
    push_text(&mut tokens, &literal);
    tokens
}

/// The inside of the `${…}` that a text begins with, and what follows it.
fn braces(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

enum Inside<'a> {
    Literal(&'a str),
    Variable(Variable),
}

fn variable(inside: &str) -> Inside<'_> {
    if matches!(inside, "*" | "?" | "$") {
        return Inside::Literal(inside);
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => {
            let default = default.trim();
            let unquoted = default
                .strip_prefix('\'')
                .and_then(|text| text.strip_suffix('\''))
                .unwrap_or(default);
            (key, Some(unquoted.into()))
        }
        None => (inside, None),
    };
    Inside::Variable(Variable {
        key: key.trim().to_lowercase().into(),
        default,
    })
}
