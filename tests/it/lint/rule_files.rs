//! Rule files of users.

use super::*;

#[test]
fn a_custom_rule_file_can_contain_several_rules() {
    let source = Source::new(
        "mine.guard",
        "let a = Resources.*\nrule ONE when %a !empty { %a.Type exists }\nrule TWO { Resources exists }\n",
    );
    let rules = from_source(&source).expect("valid");
    let names: Vec<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["ONE", "TWO"]);
    assert!(rules.iter().all(|rule| rule.severity == Severity::Error));
}

#[test]
fn the_header_of_a_custom_rule_is_used() {
    let text = "# ONE\n# Severity: warning\n# Fix: write it\nrule ONE { Resources exists }\n";
    let rules = from_source(&Source::new("mine.guard", text)).expect("valid");
    assert_eq!(rules[0].severity, Severity::Warning);
    assert_eq!(rules[0].fix, "write it");
}

#[test]
fn an_error_in_a_rule_file_has_a_position() {
    let text = "let x = Resources.*\n\nrule FOO when %x !empty {\n  %x.A == == 'b'\n}\n";
    let source = Source::new("mine.guard", text);
    let problem = from_source(&source).expect_err("a fault");
    let at = source.position(problem.span.start);
    assert_eq!((at.line, at.column), (4, 10), "{problem:?}");
    assert!(!problem.label.is_empty());
}

#[test]
fn endless_recursion_in_a_rule_file_is_an_error() {
    for (text, name) in [
        ("rule a {\n  a\n}\n", "`a`"),
        (
            "rule a {\n  b\n}\nrule b when a {\n  Resources exists\n}\n",
            "`a`",
        ),
        ("let x = %y\nlet y = %x\nrule a { %x exists }\n", "`%x`"),
        ("rule a {\n  let x = %x.y\n  %x exists\n}\n", "`%x`"),
    ] {
        let problem = from_source(&Source::new("m", text)).expect_err("a fault");
        assert!(problem.message.contains(name), "{text}: {problem:?}");
    }
    // Variables in different rules are independent.
    let text = "let x = Resources.*\nrule a {\n  let y = %x.Type\n  %y exists\n}\n\
                rule b when a {\n  let y = Resources.*\n  let x = %y\n  %x exists\n}\n\
                rule c {\n  a\n  b\n}\n";
    assert_eq!(
        from_source(&Source::new("m", text)).expect("valid").len(),
        3
    );
}

#[test]
fn a_file_without_rules_is_valid() {
    for text in ["", "\n \n", "# nothing\n", "let x = Resources.*\n"] {
        let rules = from_source(&Source::new("m", text)).expect("a rule file");
        assert_eq!(rules, [], "{text:?}");
    }
    assert!(from_source(&Source::new("m", "nothing\n")).is_err());
}
