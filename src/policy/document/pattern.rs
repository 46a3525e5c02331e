//! Patterns in policies: text with wildcards and policy variables. A pattern is split into tokens
//! once, so that evaluation does not parse it again. The caller provides the values of variables.

/// A value in a policy that may contain wildcards and policy variables.
///
/// Follows *IAM policy elements: Variables and tags* and *IAM JSON policy elements: Resource* in
/// the AWS documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    tokens: Box<[Token]>,
    has_variables: bool,
    is_bounded: bool,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Literal text.
    Text(Box<str>),
    /// `*`.
    Any,
    /// `?`.
    One,
    /// A `*` that matches only within its colon-separated part of an ARN.
    AnyInPart,
    /// A `?` that matches only within its colon-separated part of an ARN.
    OneInPart,
    /// `${key}` or `${key, 'default'}`.
    Variable(Variable),
}

/// A policy variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The context key, in lowercase.
    pub(crate) key: Box<str>,
    /// The value if the request has no value for the key.
    pub(crate) default: Option<Box<str>>,
}

/// The special syntax in a pattern, in addition to variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// None.
    Exact,
    /// Wildcards.
    Wild,
    /// Wildcards, which are bounded before the fifth colon. Variables are recognized only after it.
    Arn,
}

impl Pattern {
    /// Creates a pattern without wildcards, such as a value of `StringEquals`. Variables are
    /// recognized only with `variables`.
    pub(crate) fn exact(text: &str, variables: bool) -> Self {
        Self::new(text, Syntax::Exact, variables)
    }

    /// Creates a pattern with wildcards, such as an action or a value of `StringLike`.
    pub(crate) fn wild(text: &str, variables: bool) -> Self {
        Self::new(text, Syntax::Wild, variables)
    }

    /// Creates a pattern for an ARN with wildcards: a value of `Resource`.
    ///
    /// A `*` at the end of a part can match across its colon. Any other wildcard before the fifth
    /// colon matches only within its part. Everything after the fifth colon is one part. Variables
    /// before the fifth colon are literal text.
    pub(crate) fn resource(text: &str, variables: bool) -> Self {
        let syntax = match text {
            "*" => Syntax::Wild,
            _ => Syntax::Arn,
        };
        Self::new(text, syntax, variables)
    }

    fn new(text: &str, syntax: Syntax, variables: bool) -> Self {
        let tokens = tokenize(text, syntax, variables);
        let has = |test: fn(&Token) -> bool| tokens.iter().any(test);
        Self {
            text: text.into(),
            has_variables: has(|token| matches!(token, Token::Variable(_))),
            is_bounded: has(|token| matches!(token, Token::AnyInPart | Token::OneInPart)),
            tokens: tokens.into(),
        }
    }

    /// Returns the pattern as written.
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

/// Splits tokens at their first five colons into the parts of an ARN. Returns `None` if there are
/// fewer colons.
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

fn tokenize(text: &str, syntax: Syntax, variables: bool) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut colons = 0;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let in_head = syntax == Syntax::Arn && colons < 5;
        if variables && let Some((inside, after)) = braces(rest) {
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
        let ends_part = rest.is_empty() || rest.starts_with(':');
        let wildcard = match next {
            _ if syntax == Syntax::Exact => None,
            '*' if in_head && !ends_part => Some(Token::AnyInPart),
            '*' => Some(Token::Any),
            '?' if in_head => Some(Token::OneInPart),
            '?' => Some(Token::One),
            _ => None,
        };
        match wildcard {
            Some(token) => {
                push_text(&mut tokens, &std::mem::take(&mut literal));
                // `**` is equivalent to `*`. Without this, matching would try every split between
                // the two.
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

/// Returns the content of the `${…}` at the start of a string, and the rest of the string.
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

/// Matches tokens where every wildcard can match any text.
///
/// Only the last `*` needs backtracking, because extending an earlier match cannot lead to more
/// matches. The time is therefore at most proportional to the product of both lengths.
pub(crate) fn glob(tokens: &[Token], text: &str) -> bool {
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
            Some(Token::Text(text)) => rest.strip_prefix(&**text),
            // Variables are already replaced by their values.
            Some(Token::Variable(_)) => None,
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

/// Matches tokens where some wildcards must not match across a colon, so that each of them may need
/// backtracking. It tracks all positions that the tokens so far can reach.
pub(crate) fn bounded_glob(tokens: &[Token], text: &str) -> bool {
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
                Token::Text(text) => {
                    if rest.starts_with(&**text) {
                        next[at + text.len()] = true;
                    }
                }
                // Variables are already replaced by their values.
                Token::Variable(_) => {}
            }
        }
        reached = next;
    }
    reached[text.len()]
}
