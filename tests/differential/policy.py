"""A second implementation of AWS's policy evaluation, written only from the IAM User Guide.

Results are three-valued: True, False, or None if the result depends on an unknown value. It shares
nothing with the Rust code. The differential test compares the two.
"""

import functools
import ipaddress
import re
from datetime import datetime, timezone

#: The key is not in the request context.
ABSENT = "absent"
#: The key is in the request context, but its value is unknown.
PRESENT = "present"
#: Nothing is known about the key.
UNKNOWN = "unknown"


def both(values):
    """AND of three-valued results."""
    values = list(values)
    return False if False in values else None if None in values else True


def either(values):
    """OR of three-valued results."""
    values = list(values)
    return True if True in values else None if None in values else False


def negate(value):
    return None if value is None else not value


def as_list(value):
    return value if isinstance(value, list) else [value]


@functools.lru_cache(maxsize=100_000)
def _expression(pattern, ignore_case):
    # A token is literal text or a wildcard (a tuple with one element).
    parts = [re.escape(t) if isinstance(t, str) else t[0] for t in pattern]
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _tokens(text):
    """Splits a pattern into literal text and wildcards."""
    found, literal = [], ""
    for character in text:
        if character in "*?":
            found += [literal, (".*",) if character == "*" else (".",)]
            literal = ""
        else:
            literal += character
    return [t for t in [*found, literal] if t != ""]


def wildcard_match(pattern, text, ignore_case=False):
    """`*` matches any number of characters, `?` exactly one."""
    return bool(_expression(tuple(_tokens(pattern)), ignore_case).fullmatch(text))


VARIABLE = re.compile(r"\$\{([^}]*)\}")


def expand(text, request, version, wildcards=True):
    """Returns the tokens of a policy text with its variables replaced, and whether all values are known.

    Returns None if a variable has no value. IAM User Guide, "IAM policy elements: Variables and tags":
    variables require version 2012-10-17. A variable without a value matches nothing, unless it has a
    default. `${*}`, `${?}`, and `${$}` represent the literal characters. An unknown value can be anything.
    """
    split = _tokens if wildcards else lambda literal: [literal] if literal else []
    if version != "2012-10-17" or "${" not in text:
        return split(text), True
    tokens, exact, end = [], True, 0
    for found in VARIABLE.finditer(text):
        tokens += split(text[end : found.start()])
        end = found.end()
        name, _, default = found.group(1).partition(",")
        if name in ("*", "?", "$"):
            tokens.append(name)
            continue
        value = request.key(name.strip())
        if value == ABSENT and default.strip():
            value = [default.strip().strip("'")]
        if value == ABSENT:
            return None
        if value in (PRESENT, UNKNOWN) or len(value) != 1:
            tokens, exact = [*tokens, (".*",)], False
        elif value[0]:
            tokens.append(value[0])
    return [*tokens, *split(text[end:])], exact


def text_match(pattern, text, request, version, *, wildcards=True, ignore_case=False):
    """Returns whether a text in a policy matches a text in the request."""
    expanded = expand(pattern, request, version, wildcards)
    if expanded is None:
        return False
    tokens, exact = expanded
    matched = bool(_expression(tuple(tokens), ignore_case).fullmatch(text))
    return matched if exact else (None if matched else False)


def arn_match(pattern, text, request, version):
    """ARN operators compare the six parts one by one ("IAM JSON policy elements: Condition operators")."""
    have, want = text.split(":", 5), re.split(r":(?![^{]*\})", pattern, maxsplit=5)
    if len(have) != 6 or len(want) != 6:
        return False
    return both(text_match(w, h, request, version) for w, h in zip(want, have))


# --- Conditions ---------------------------------------------------------------------------------


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _date(text):
    if _number(text) is not None:
        return datetime.fromtimestamp(float(text), timezone.utc)
    try:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def _in_network(policy, value):
    try:
        network, address = ipaddress.ip_network(policy, strict=False), ipaddress.ip_address(value)
    except ValueError:
        return False
    return network.version == address.version and address in network


ORDER = {
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
    "Equals": lambda a, b: a == b,
}


def compare(operator, policy, value, request, version):
    """Compares a policy value with a request value, for an operator without negation."""
    if operator == "StringEquals":
        return text_match(policy, value, request, version, wildcards=False)
    if operator == "StringEqualsIgnoreCase":
        return text_match(policy, value, request, version, wildcards=False, ignore_case=True)
    if operator == "StringLike":
        return text_match(policy, value, request, version)
    if operator in ("ArnLike", "ArnEquals"):
        return arn_match(policy, value, request, version)
    if operator == "Bool":
        return policy.lower() == value.lower()
    if operator == "BinaryEquals":
        return policy == value
    if operator == "IpAddress":
        return _in_network(policy, value)
    for kind, read in (("Numeric", _number), ("Date", _date)):
        if operator.startswith(kind):
            left, right = read(value), read(policy)
            if left is None or right is None:
                return False
            return ORDER[operator.removeprefix(kind)](left, right)
    raise ValueError(f"operator {operator}")


def has_no_value(text, request, version):
    """Returns whether a variable in a text has no value. Such a variable "might cause the entire
    statement to be invalid", so the result of a negation is unknown if it depends on the variable."""
    return expand(text, request, version) is None


def condition(operator, key, values, request, version):
    """Evaluates one key of one operator ("IAM JSON policy elements: Condition operators").

    A missing key does not match, so a negated operator is true. `IfExists` makes any operator true.
    Several values are alternatives. Under a negated operator, all of them must differ ("Single-valued
    vs. multivalued context keys", which also defines the set operators).
    """
    values = [str(v).lower() if isinstance(v, bool) else str(v) for v in as_list(values)]
    have = request.key(key)
    if operator == "Null":
        if have == UNKNOWN:
            return None
        return either((have == ABSENT) == (v.lower() == "true") for v in values)
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = name.startswith(("StringNot", "ArnNot", "NotIp", "NumericNot", "DateNot"))
    name = name.replace("Not", "", 1) if negated else name
    if have in (UNKNOWN, PRESENT):
        return None
    if have == ABSENT:
        return {"ForAllValues": True, "ForAnyValue": if_exists}.get(quantifier, negated or if_exists)

    def matches(one):
        result = either(compare(name, v, one, request, version) for v in values)
        if negated and result is False and any(has_no_value(v, request, version) for v in values):
            return None
        return negate(result) if negated else result

    if quantifier == "ForAllValues":
        return both(matches(one) for one in have if one != "")
    if quantifier == "ForAnyValue":
        return either(matches(one) for one in have if one != "")
    if len(have) != 1:
        return None  # A multivalued key without a set operator is not documented.
    return matches(have[0])


def conditions(statement, request, version):
    """All operators and all keys must match."""
    return both(
        condition(operator, key, values, request, version)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


# --- Statements ---------------------------------------------------------------------------------


def action_matches(statement, action):
    """Actions are case-insensitive and can contain wildcards ("IAM JSON policy elements: Action")."""
    if "NotAction" in statement:
        return not any(wildcard_match(p, action, True) for p in as_list(statement["NotAction"]))
    return any(wildcard_match(p, action, True) for p in as_list(statement["Action"]))


def resource_matches(statement, request, version):
    """Resources are matched part by part, with wildcards ("IAM JSON policy elements: Resource").

    A trust policy has no Resource. An ARN with fewer than six parts in an identity-based policy is
    completed with wildcards ("IAM identifiers").
    """

    def one(pattern):
        if pattern == "*":
            return True
        if pattern is None or request.resource is None:
            return None
        parts = re.split(r":(?![^{]*\})", pattern, maxsplit=5)
        return arn_match(":".join(parts + ["*"] * (6 - len(parts))), request.resource, request, version)

    if "NotResource" in statement:
        patterns = as_list(statement["NotResource"])
        listed = either(one(p) for p in patterns)
        if listed is False and any(p and has_no_value(p, request, version) for p in patterns):
            return None
        return negate(listed)
    if "Resource" in statement:
        return either(one(p) for p in as_list(statement["Resource"]))
    return True


def principals(element):
    """Returns the (type, value) pairs of a Principal element."""
    if element == "*":
        return [("AWS", "*")]
    return [(kind, value) for kind, values in element.items() for value in as_list(values)]


def principal_classes(element, caller):
    """Returns how a Principal element names the caller: everyone, account, role, session, or service.

    IAM User Guide, "AWS JSON policy elements: Principal": an account ID identifies the account. A role
    ARN identifies its sessions. A session ARN identifies one session, whose name CodePipeline chooses.
    """
    found = {}
    for kind, value in principals(element):
        if value is None:
            found["role"] = either([found.get("role", False), None])
        elif kind == "AWS" and value == "*":
            found["everyone"] = True
        elif kind == "Service" and caller.service:
            found["service"] = found.get("service", False) or value == caller.service
        elif kind == "AWS" and not caller.service:
            if caller.arn is None:
                found["role"] = either([found.get("role", False), None])
            elif value in (caller.account, f"arn:aws:iam::{caller.account}:root"):
                found["account"] = True
            elif value == caller.arn:
                found["role"] = True
            elif value.startswith(f"arn:aws:sts::{caller.account}:assumed-role/{caller.name}/"):
                found["session"] = None
    return found


def not_principal_matches(element, caller):
    """Returns whether NotPrincipal applies to the caller, that is, does not exempt it.

    IAM User Guide, "AWS JSON policy elements: NotPrincipal": both the role and its account must be
    listed. If only the role is listed, it might still be denied. An account alone exempts everything
    in it. An account with some of its roles exempts only those roles. In addition, "NotPrincipal …
    always denies a principal with a permissions boundary".
    """
    found = principal_classes(element, caller)
    if caller.boundary:
        return None if None in caller.boundary else True
    if found.get("everyone") or found.get("service"):
        return False
    if caller.service:
        return True
    if not found.get("account"):
        return None if found else True
    others = [v for k, v in principals(element) if k == "AWS" and v and f"::{caller.account}:" in v]
    others = [v for v in others if not v.endswith(":root")]
    if caller.root or not others:
        return False
    if not found.get("role"):
        return None if "session" in found else True
    # The session is a separate principal with an unknown name.
    return None


# --- Policies -----------------------------------------------------------------------------------


class Grants:
    """The three-valued results of one set of policies for a request."""

    def __init__(self):
        self.deny = False
        self.allow = {}

    def allows(self, *classes):
        return either(self.allow.get(c, False) for c in classes)


def evaluate(documents, request, has_principals):
    """Evaluates policy documents. None is an unknown document, which can contain anything."""
    grants = Grants()
    every = ("everyone", "account", "role", "session", "service") if has_principals else ("identity",)
    for document in documents:
        if document is None:
            grants.deny = either([grants.deny, None])
            for name in every:
                grants.allow[name] = either([grants.allow.get(name, False), None])
            continue
        version = document.get("Version", "2008-10-17")
        for statement in as_list(document.get("Statement", [])):
            if not action_matches(statement, request.action):
                continue
            applies = both(
                [resource_matches(statement, request, version), conditions(statement, request, version)]
            )
            if applies is False:
                continue
            if not has_principals:
                classes = {"identity": True}
            elif "NotPrincipal" in statement:
                classes = {"everyone": not_principal_matches(statement["NotPrincipal"], request.caller)}
            else:
                classes = principal_classes(statement.get("Principal", {}), request.caller)
            for name, named in classes.items():
                result = both([applies, named])
                if statement["Effect"] == "Deny":
                    grants.deny = either([grants.deny, result])
                else:
                    grants.allow[name] = either([grants.allow.get(name, False), result])
    return grants
