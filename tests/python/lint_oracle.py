"""An independent oracle for the built-in rules of `s3ferry lint`.

usage: lint_oracle.py --binary FILE [COUNT [FIRST_SEED]]

For each seed, the oracle generates a template and decides from its values which (rule, resource) pairs
must be reported. It then writes each value in a random equivalent form (functions, lists or single
values, letter case, JSON or YAML), and compares the findings of the binary with its decisions.

The decisions are based on the `What` sentences of the rules and the AWS documentation, not on the
implementation. The templates contain no unknown values (parameters without a default, or results of
conditions that depend on them), no suppressed rules, and no violations of quotas. Messages and exact
positions are not checked.
"""

import argparse
import functools
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import yaml

BATCH = 50

# ---------------------------------------------------------------------------------------------
# Values. A text contains references as «NAME» or «NAME.ATTRIBUTE»; everything else is plain data.

HOLE = re.compile("«([^»]+)»")


def pick(rng, *choices):
    return rng.choice(choices)


def chance(rng, probability):
    return rng.random() < probability


def some(rng, choices, low=1, high=3):
    """Returns some of the choices in random order, without duplicates."""
    return rng.sample(choices, min(len(choices), rng.randint(low, high)))


def as_list(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def deep(function, value):
    """Applies the function to every text in the value."""
    if isinstance(value, dict):
        return {key: deep(function, item) for key, item in value.items()}
    if isinstance(value, list):
        return [deep(function, item) for item in value]
    return function(value) if isinstance(value, str) else value


# ---------------------------------------------------------------------------------------------
# Spelling

POLICY_KEYS = ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument")
ONE_OR_MANY = ("Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Statement")
NO_VALUE = {"Ref": "AWS::NoValue"}


class Speller:
    """Writes values in random equivalent forms, and collects the sections that they need."""

    def __init__(self, rng, plain=False):
        self.rng = rng
        self.plain = plain
        self.parameters = {}
        self.mapping = {}
        self.conditions = {}

    def often(self, probability):
        return not self.plain and chance(self.rng, probability)

    def condition(self, outcome):
        name = f"Is{'True' if outcome else 'False'}{self.rng.randint(1, 2)}"
        same = {"Fn::Equals": ["a", "a"]}
        other = {"Fn::Equals": ["a", "b"]}
        ways = [same, {"Fn::Not": [other]}, {"Fn::Or": [other, same]}, {"Fn::And": [same, same]}]
        if not outcome:
            ways = [other, {"Fn::Not": [same]}, {"Fn::And": [same, other]}]
        self.conditions.setdefault(name, self.rng.choice(ways))
        return name

    def chosen(self, wanted, other):
        outcome = chance(self.rng, 0.5)
        branches = [wanted, other] if outcome else [other, wanted]
        return {"Fn::If": [self.condition(outcome), *branches]}

    def parameter(self, text, kind="String"):
        name = f"Parameter{len(self.parameters) + 1}"
        self.parameters[name] = {"Type": kind, "Default": text}
        return {"Ref": name}

    def mapped(self, value):
        name = f"key{len(self.mapping) + 1}"
        self.mapping[name] = {"value": value}
        return {"Fn::FindInMap": ["Map", name, "value"]}

    # Texts

    def text(self, text, depth=0):
        ways = [self.joined, self.substituted, self.conditional]
        if not HOLE.search(text):
            ways += [self.referred, self.found, self.split, self.selected]
        if depth < 2 and text and self.often(0.25):
            return self.rng.choice(ways)(text, depth + 1)
        return self.simplest(text)

    def simplest(self, text):
        whole = HOLE.fullmatch(text)
        if whole:
            name, _, attribute = whole[1].partition(".")
            return {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}
        if HOLE.search(text):
            return {"Fn::Sub": self.template(text)}
        if re.fullmatch("[1-9][0-9]{11}", text) and self.often(0.5):
            return int(text)
        return text

    @staticmethod
    def template(text):
        return HOLE.sub(r"${\1}", text.replace("${", "${!"))

    def joined(self, text, depth):
        delimiter = self.rng.choice([d for d in ("", ":", "/") if d in text])
        if delimiter and not HOLE.search(text):
            pieces = text.split(delimiter)
        else:
            delimiter, pieces = "", self.cut(text)
        return {"Fn::Join": [delimiter, [self.text(p, depth) if p else p for p in pieces]]}

    def cut(self, text):
        """Splits the text into two or three pieces, but not within a reference."""
        tokens = re.findall("«[^»]+»|[^«]", text)
        places = sorted(self.rng.randint(0, len(tokens)) for _ in range(2))
        parts = (tokens[: places[0]], tokens[places[0] : places[1]], tokens[places[1] :])
        return ["".join(part) for part in parts if part]

    def substituted(self, text, depth):
        pieces = self.cut(text)
        if len(pieces) < 2 or chance(self.rng, 0.5):
            return {"Fn::Sub": self.template(text)}
        index = self.rng.randrange(len(pieces))
        written = [self.template(piece) for piece in pieces]
        written[index] = "${Piece}"
        if any(piece.endswith("$") for piece in pieces):
            return self.simplest(text)
        return {"Fn::Sub": ["".join(written), {"Piece": self.text(pieces[index], depth)}]}

    def conditional(self, text, depth):
        return self.chosen(self.text(text, depth), pick(self.rng, "*", "x", NO_VALUE))

    def referred(self, text, _depth):
        return self.parameter(text)

    def found(self, text, _depth):
        return self.mapped(text)

    def split(self, text, _depth):
        return {"Fn::Select": [pick(self.rng, 1, "1"), {"Fn::Split": ["|", f"x|{text}|*"]}]}

    def selected(self, text, depth):
        return {"Fn::Select": [0, [self.text(text, depth), "x"]]}

    def scalar(self, value):
        """Writes a boolean or a number, which is equivalent to its text."""
        if not self.often(0.4):
            return value
        return self.text(json.dumps(value), 1)

    # Lists and objects

    def value(self, value, key=None, policy=False):
        if isinstance(value, dict):
            written = self.mapped_value(value, key, policy)
        elif isinstance(value, list):
            written = self.sequence(value, key, policy)
        elif isinstance(value, str):
            return self.text(value)
        else:
            return self.scalar(value)
        return self.chosen(written, NO_VALUE) if self.often(0.03) else written

    def mapped_value(self, value, key, policy):
        if key in POLICY_KEYS:
            if not HOLE.search(json.dumps(value, ensure_ascii=False)) and self.often(0.1):
                return json.dumps(self.case(value))
            value, policy = self.case(value) if not self.plain else value, True
        items = [(name, self.value(item, name, policy)) for name, item in value.items()]
        if "Effect" in value and self.often(0.1):
            absent = [k for k in ("Condition", "NotAction", "Principal", "Sid") if k not in value]
            items.append((self.rng.choice(absent or ["Sid2"]), NO_VALUE))
        self.shuffle(items)
        return dict(items)

    def sequence(self, value, key, policy):
        single = policy and len(value) == 1 and (key in ONE_OR_MANY or ":" in (key or ""))
        if single and self.often(0.5):
            return self.value(value[0], key, policy)
        items = [self.value(item, None, policy) for item in value]
        if items and self.often(0.08):
            extra = pick(self.rng, NO_VALUE, self.chosen(NO_VALUE, pick(self.rng, "*", {})))
            items.insert(self.rng.randint(0, len(items)), extra)
        elif value and all(isinstance(i, str) and i and "," not in i for i in value):
            if not HOLE.search("".join(value)) and self.often(0.08):
                return self.listed(value)
        return items

    def listed(self, texts):
        """Writes a list of texts as the result of a function."""
        joined = ",".join(texts)
        ways = (
            lambda: {"Fn::Split": [",", self.text(joined, 1)]},
            lambda: self.mapped(list(texts)),
            lambda: self.parameter(joined, "CommaDelimitedList"),
        )
        return self.rng.choice(ways)()

    def shuffle(self, items):
        if not self.plain:
            self.rng.shuffle(items)

    # Letter case in policies

    def case(self, value, key=None):
        if isinstance(value, dict):
            if key == "Condition":
                return {op: self.case_of_keys(block) for op, block in value.items()}
            return {name: self.case(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.case(item, key) for item in value]
        return self.any_case(value) if key in ("Action", "NotAction") else value

    def case_of_keys(self, block):
        return {self.any_case(key): values for key, values in block.items()}

    def any_case(self, text):
        return pick(self.rng, text, text, text.lower(), text.upper(), text.swapcase())

    # Resources and templates

    def resource(self, resource):
        written = dict(resource)
        if "Properties" in written:
            # The properties of a resource must be an object, not a function.
            properties = written["Properties"]
            items = [(name, self.value(item, name)) for name, item in properties.items()]
            self.shuffle(items)
            written["Properties"] = dict(items)
        if self.often(0.1):
            written["Condition"] = self.condition(True)
        items = list(written.items())
        self.shuffle(items)
        return dict(items)

    def document(self, resources):
        items = [(name, self.resource(resource)) for name, resource in resources.items()]
        self.shuffle(items)
        sections = [("Resources", dict(items)), ("AWSTemplateFormatVersion", "2010-09-09")]
        sections += [("Parameters", self.parameters)] if self.parameters else []
        sections += [("Mappings", {"Map": self.mapping})] if self.mapping else []
        sections += [("Conditions", self.conditions)] if self.conditions else []
        self.shuffle(sections)
        return dict(sections)



class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """Writes YAML with short-form tags, and with quotes for text that consists of digits."""

    short = 0.0
    rng = random.Random(0)

    def ignore_aliases(self, data):
        return True


def represent_text(dumper, text):
    style = "'" if text[:1].isdigit() or "=" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def represent_object(dumper, value):
    if len(value) == 1 and chance(dumper.rng, dumper.short):
        ((name, argument),) = value.items()
        if name == "Fn::GetAtt":
            return dumper.represent_scalar("!GetAtt", ".".join(argument))
        tag = "!" + name.removeprefix("Fn::")
        if name.startswith("Fn::") or name == "Ref":
            if isinstance(argument, list):
                return dumper.represent_sequence(tag, argument)
            if isinstance(argument, str):
                return dumper.represent_scalar(tag, argument)
    return dumper.represent_dict(value.items())


Dumper.add_representer(str, represent_text)
Dumper.add_representer(dict, represent_object)


def written(document, rng):
    """Returns the text of the template and the extension of its file."""
    if chance(rng, 0.4):
        return json.dumps(document, indent=pick(rng, None, 2)), "json"
    Dumper.rng, Dumper.short = rng, pick(rng, 0.0, 0.5, 1.0)
    flow = pick(rng, False, False, None)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, default_flow_style=flow), "yaml"


# ---------------------------------------------------------------------------------------------
# Values of references in CloudFormation


class Resolver:
    """Replaces references with names and ARNs if the template contains them."""

    NAMES = {
        "AWS::S3::Bucket": "BucketName",
        "AWS::IAM::Role": "RoleName",
        "AWS::CodePipeline::Pipeline": "Name",
    }

    def __init__(self, resources):
        self.resources = resources

    def text(self, text):
        return HOLE.sub(lambda hole: self.reference(hole[1]), text)

    def reference(self, reference):
        if reference.startswith("AWS::"):
            return {"AWS::Partition": "aws"}.get(reference, reference[5:])
        name, _, attribute = reference.partition(".")
        kind = self.resources[name]["Type"]
        properties = self.resources[name].get("Properties", {})
        known = self.text(properties.get(self.NAMES.get(kind), f"<{name}>"))
        if attribute != "Arn":
            return known
        if kind == "AWS::S3::Bucket":
            return f"arn:aws:s3:::{known}"
        if kind == "AWS::IAM::Role":
            return f"arn:aws:iam::AccountId:role{properties.get('Path', '/')}{known}"
        if kind in ("AWS::KMS::Key", "AWS::KMS::ReplicaKey"):
            return f"arn:aws:kms:Region:AccountId:key/{known}"
        return f"<{name}.Arn>"


# ---------------------------------------------------------------------------------------------
# The meaning of policies


@functools.cache
def glob(pattern):
    pieces = {"*": ".*", "?": "."}
    return re.compile("".join(pieces.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def matches(pattern, text):
    return bool(glob(pattern).fullmatch(text))


def action_matches(pattern, action):
    return matches(pattern.lower(), action.lower())


def statements(document):
    return as_list((document or {}).get("Statement"))


def allowed(document):
    return [s for s in statements(document) if s["Effect"] == "Allow"]


def whole_service(pattern):
    """Returns whether the pattern matches all actions, or all actions of a service."""
    return bool(re.fullmatch(r"([^*?:]+:)?\*+", pattern))


def every_action(statement, service):
    everything = ("*", f"{service}:*")
    return any(a.lower() in everything for a in as_list(statement.get("Action")))


def principals(statement, kind):
    principal = statement.get("Principal")
    return as_list(principal.get(kind)) if isinstance(principal, dict) else []


def everyone(statement):
    return statement.get("Principal") == "*" or "*" in principals(statement, "AWS")


def account_of(principal):
    """Returns the account if the principal is a whole account."""
    found = re.fullmatch("(?:arn:aws:iam::)?([0-9]{12}|AccountId)(:root)?", principal)
    return found[1] if found and principal.startswith("arn:") == bool(found[2]) else None


def accounts(statement):
    return {account_of(p) for p in principals(statement, "AWS")} - {None}


POSITIVE = re.compile("(ForAnyValue:)?(String(Like|Equals|EqualsIgnoreCase)|Arn(Equals|Like))")
OPEN = re.compile(r"[*?]|\$\{")


def condition_values(statement):
    """Returns the lowercase key and the values of each comparison that requires one of the values."""
    for operator, block in statement.get("Condition", {}).items():
        if POSITIVE.fullmatch(operator):
            for key, values in block.items():
                yield key.lower(), as_list(values)


def fixed(value):
    return not OPEN.search(value)


def fixed_account(arn):
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[4] != "" and fixed(":".join(parts[:5]))


def fixed_role(arn):
    parts = arn.split(":", 5)
    return len(parts) == 6 and bool(re.search("^role/.*[^*?/]", parts[5]))


def demands(statement, keys, test):
    """Returns whether one of the keys must have a value that passes the test."""
    return any(key in keys and all(map(test, vs)) for key, vs in condition_values(statement))


ACCOUNT_KEYS = ("aws:principalorgid", "aws:principalaccount", "kms:calleraccount")


def public(statement):
    """Returns whether an Allow is for everyone, regardless of the account or organization."""
    if not everyone(statement) and "NotPrincipal" not in statement:
        return False
    return not (
        demands(statement, ACCOUNT_KEYS, fixed)
        or demands(statement, ("aws:principalarn",), fixed_account)
    )


def whole_account(statement, own=frozenset()):
    """Returns whether an Allow is for any role in another account."""
    others = accounts(statement) - {"AccountId"} - own
    return bool(others) and not demands(statement, ("aws:principalarn",), fixed_role)


# Actions that require Resource "*" according to the Service Authorization Reference.
NAMELESS = (
    "s3:ListAllMyBuckets",
    "ec2:DescribeInstances",
    "ec2:DescribeRegions",
    "sts:GetCallerIdentity",
    "ecr:GetAuthorizationToken",
    "kms:ListAliases",
    "codepipeline:PutJobSuccessResult",
)


def nameless(pattern):
    return any(action_matches(pattern, a) for a in NAMELESS) and not whole_service(pattern)


def star_resource(resource):
    """Returns whether a pattern has only wildcards after the service, or fewer parts."""
    parts = resource.split(":", 5)
    if not set(resource) - set("*?:/"):
        return "*" in resource
    if parts[0] != "arn" or "*" not in parts[-1] or set(parts[-1]) - set("*?:/"):
        return False
    return len(parts) < 6 or all(part in ("", "*") for part in parts[3:5])


def covers(statement, action):
    """Returns whether the statement applies to the action."""
    if "NotAction" in statement:
        return not any(action_matches(a, action) for a in as_list(statement["NotAction"]))
    return any(action_matches(a, action) for a in as_list(statement.get("Action")))


def about(statement, resource):
    if "NotResource" in statement:
        return not any(matches(r, resource) for r in as_list(statement["NotResource"]))
    return any(matches(r, resource) for r in as_list(statement.get("Resource")))


def permits(documents, action, resource):
    found = {
        statement["Effect"]
        for document in documents
        for statement in statements(document)
        if covers(statement, action) and about(statement, resource)
    }
    return found == {"Allow"}


# ---------------------------------------------------------------------------------------------
# The oracle

IDENTITY_POLICIES = {
    f"AWS::IAM::{name}Policy" if name else "AWS::IAM::Policy"
    for name in ("Managed", "", "Role", "User", "Group")
}
IDENTITIES = {"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"}
ADMINISTRATORS = re.compile(
    "arn:aws:iam::aws:policy/(AdministratorAccess|PowerUserAccess|IAMFullAccess)"
)
SECRETS = {"OAuthToken", "SecretToken", "Token", "AccessToken", "Password", "Secret", "ApiKey"}
DEPLOY_KEYS = {
    "BucketName", "Extract", "ObjectKey", "KMSEncryptionKeyARN", "CannedACL", "CacheControl",
}  # fmt: skip


def path(value, *keys):
    """Returns a list of all values at the path of keys. Lists on the path are flattened."""
    found = [value]
    for key in keys:
        items = [item for value in found for item in as_list(value)]
        found = [item[key] for item in items if isinstance(item, dict) and key in item]
    return [item for value in found for item in as_list(value)]


class Oracle:
    """Decides which (rule, resource) pairs must be reported."""

    def __init__(self, resources):
        self.resources = deep(Resolver(resources).text, resources)
        self.resolver = Resolver(resources)
        self.expected = set()
        self.undecided = set()

    def decide(self):
        for name, resource in self.resources.items():
            kind = resource["Type"]
            properties = resource.get("Properties", {})
            for rule, broken in self.rules(name, kind, resource, properties):
                if broken is None:
                    self.undecided.add((rule, name))
                elif broken:
                    self.expected.add((rule, name))
        return self

    def rules(self, name, kind, resource, properties):
        if kind == "AWS::S3::Bucket":
            yield from self.bucket(name, resource, properties)
        elif kind == "AWS::S3::BucketPolicy":
            yield from self.bucket_policy(properties)
        elif kind in ("AWS::KMS::Key", "AWS::KMS::ReplicaKey"):
            yield from self.key(kind, resource, properties)
        elif kind == "AWS::KMS::Alias":
            alias = properties["AliasName"]
            usable = re.fullmatch("alias/(?!aws/)[A-Za-z0-9/_-]+", alias)
            yield "KMS_ALIAS_NOT_RESERVED", not usable
        elif kind in IDENTITY_POLICIES | IDENTITIES:
            yield from self.identity(name, kind, properties)
        elif kind == "AWS::Events::Rule":
            yield from self.event_rule(properties)
        elif kind == "AWS::CodePipeline::Pipeline":
            yield from self.pipeline(name, resource, properties)

    def of_type(self, *kinds):
        for name, resource in self.resources.items():
            if resource["Type"] in kinds:
                yield name, resource.get("Properties", {})

    # S3

    def bucket(self, name, resource, properties):
        own_name = self.resolver.reference(name)
        algorithms = path(
            properties,
            "BucketEncryption",
            "ServerSideEncryptionConfiguration",
            "ServerSideEncryptionByDefault",
            "SSEAlgorithm",
        )
        known = {"aws:kms", "aws:kms:dsse", "AES256"}
        yield "S3_BUCKET_ENCRYPTED", not algorithms or not set(algorithms) <= known
        policies = [p["Bucket"] for _, p in self.of_type("AWS::S3::BucketPolicy")]
        yield "S3_BUCKET_HAS_POLICY", own_name not in policies
        target = path(properties, "LoggingConfiguration", "DestinationBucketName")
        yield "S3_BUCKET_LOGGED", not target or target == [""]
        opening = ("PublicRead", "PublicReadWrite", "AuthenticatedRead")
        yield "S3_BUCKET_NO_PUBLIC_ACL", properties.get("AccessControl") in opening
        ownership = path(properties, "OwnershipControls", "Rules", "ObjectOwnership")
        yield "S3_BUCKET_OWNER_ENFORCED", ownership != ["BucketOwnerEnforced"]
        block = properties.get("PublicAccessBlockConfiguration", {})
        yield "S3_BUCKET_PUBLIC_ACCESS_BLOCKED", [*block.values()].count(True) < 4
        yield "S3_BUCKET_RETAINED", not retained(resource)
        versioned = path(properties, "VersioningConfiguration", "Status") == ["Enabled"]
        yield "S3_BUCKET_VERSIONED", not versioned
        logs = any(
            own_name in path(other, "LoggingConfiguration", "DestinationBucketName")
            for _, other in self.of_type("AWS::S3::Bucket")
        )
        yield "S3_LOG_BUCKET_AES256", logs and not set(algorithms) <= {"AES256"}
        if own_name in self.source_buckets():
            yield "CODEPIPELINE_SOURCE_BUCKET_VERSIONED", not versioned
            events = path(
                properties,
                "NotificationConfiguration",
                "EventBridgeConfiguration",
                "EventBridgeEnabled",
            )
            yield "DEPLOYMENT_SOURCE_BUCKET_NOTIFIES", events != [True]

    def source_buckets(self):
        for _, properties in self.of_type("AWS::CodePipeline::Pipeline"):
            for action in actions(properties, "Source", "S3"):
                yield action["Configuration"].get("S3Bucket")

    def bucket_policy(self, properties):
        document = properties["PolicyDocument"]
        allows = allowed(document)
        yield "S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED", any(map(whole_account, allows))
        yield "S3_BUCKET_POLICY_NO_PUBLIC_PRINCIPAL", any(map(public, allows))
        stars = any("NotAction" in s or every_action(s, "s3") for s in allows)
        yield "S3_BUCKET_POLICY_NO_STAR_ACTION", stars
        yield "S3_BUCKET_TLS_ONLY", not tls_only(document, f"arn:aws:s3:::{properties['Bucket']}")
        delivery = [s for s in allows if LOGGING in principals(s, "Service")]
        yield "S3_LOG_DELIVERY_CONFINED", not all(map(log_delivery_confined, delivery))

    # KMS

    def key(self, kind, resource, properties):
        allows = allowed(properties.get("KeyPolicy"))
        stars = [s for s in allows if every_action(s, "kms")]
        others = [s for s in allows if s not in stars]
        # The ID of the key's account is not in the template. An account with all actions is treated
        # as the key's account.
        own = set().union(*map(accounts, stars))
        unclear = len(own | ({"AccountId"} & set(re.findall("AccountId", str(allows))))) > 1
        crossing = any(whole_account(s, own) for s in others)
        yield "KMS_KEY_CROSS_ACCOUNT_CONFINED", None if unclear else crossing
        yield "KMS_KEY_NO_PUBLIC_PRINCIPAL", any(map(public, allows))
        more = any(beside_accounts(s) for s in stars) or len(own) > 1
        more = more or any("NotAction" in s for s in allows)
        named = "AccountId" in str(properties.get("KeyPolicy")) and own - {"AccountId"}
        yield "KMS_KEY_NO_STAR_ACTION", None if named and not more else more
        if "KeyPolicy" in properties:
            yield "KMS_KEY_ROOT_STATEMENT", not any(
                accounts(s) and "*" in as_list(s["Resource"]) and "Condition" not in s
                for s in stars
            )
        yield "KMS_KEY_RETAINED", not retained(resource)
        yield "KMS_KEY_ENABLED", properties.get("Enabled") is False
        yield "KMS_KEY_DELETION_WINDOW", not 7 <= properties.get("PendingWindowInDays", 30) <= 30
        if kind == "AWS::KMS::Key":
            yield "KMS_KEY_LOCKOUT_CHECKED", properties.get("BypassPolicyLockoutSafetyCheck", False)
            rotates = properties.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
            rotates = rotates and properties.get("Origin", "AWS_KMS") == "AWS_KMS"
            yield "KMS_KEY_ROTATED", rotates and properties.get("EnableKeyRotation") is not True

    # IAM

    def identity(self, name, kind, properties):
        documents = path(properties, "Policies", "PolicyDocument") + path(
            properties, "PolicyDocument"
        )
        yield from identity_statements([s for d in documents for s in allowed(d)])
        inline = kind in IDENTITY_POLICIES - {"AWS::IAM::ManagedPolicy"}
        yield "IAM_NO_INLINE_POLICIES", inline or bool(properties.get("Policies"))
        of_user = bool(properties.get("Users")) or kind == "AWS::IAM::UserPolicy"
        if kind == "AWS::IAM::User":
            of_user = bool(properties.get("Policies") or properties.get("ManagedPolicyArns"))
        yield "IAM_NO_USER_POLICIES", of_user
        attached = as_list(properties.get("ManagedPolicyArns"))
        yield "IAM_NO_ADMINISTRATOR_POLICY", any(map(ADMINISTRATORS.fullmatch, attached))
        if kind == "AWS::IAM::Role":
            yield from self.trust(allowed(properties["AssumeRolePolicyDocument"]))
        if self.is_of_event_bridge(name, kind, properties):
            rules = [s for d in documents for s in allowed(d)]
            starts = any(covers(s, "codepipeline:StartPipelineExecution") for s in rules)
            more = not all(map(only_starts, rules))
            # The rule also reports a statement whose exceptions exclude the start.
            excepted = any("NotAction" in s for s in rules)
            yield "EVENTS_ROLE_STARTS_ONLY_PIPELINE", None if excepted else starts and more

    def trust(self, allows):
        yield "IAM_ROLE_TRUST_EXACT", any(map(whole_account, allows))
        def is_open(statement):
            principal = statement.get("Principal")
            if principal is None or public(statement):
                return True
            named = {"AWS": principal} if isinstance(principal, str) else principal
            return any(
                "*" in name and (kind != "AWS" or name != "*")
                for kind, names in named.items()
                for name in as_list(names)
            )

        yield "IAM_ROLE_TRUST_NO_STAR", any(map(is_open, allows))
        events = [s for s in allows if EVENT_BRIDGE in principals(s, "Service")]
        yield "EVENTS_ROLE_TRUST_CONFINED", not all(
            demands(s, ("aws:sourceaccount",), fixed)
            or demands(s, ("aws:sourcearn",), fixed_account)
            for s in events
        )

    def attached(self, role):
        """Returns the policy resources of a role, and whether the role refers to them."""
        properties = self.resources[role]["Properties"]
        own_name = self.resolver.reference(role)
        for name, policy in self.of_type(*IDENTITY_POLICIES):
            if own_name in as_list(policy.get("Roles")) or policy.get("RoleName") == own_name:
                yield name, False
            elif f"<{name}>" in as_list(properties.get("ManagedPolicyArns")):
                yield name, True

    def is_of_event_bridge(self, name, kind, properties):
        for role, its in self.of_type("AWS::IAM::Role"):
            trusts = allowed(its["AssumeRolePolicyDocument"])
            if any(EVENT_BRIDGE in principals(s, "Service") for s in trusts):
                if name == role or name in dict(self.attached(role)):
                    return True
        return False

    # Events

    def event_rule(self, properties):
        pattern = properties.get("EventPattern", {})
        kinds = pattern.get("detail-type", [{"prefix": ""}])
        targets = [t for t in properties.get("Targets", []) if ":codepipeline:" in t["Arn"]]
        yield "EVENTS_TARGET_ROLE", not all(t.get("RoleArn") for t in targets)
        if hears("aws.s3", pattern.get("source", [])):
            if kinds != ["AWS API Call via CloudTrail"]:
                named = names_something(path(pattern, "detail", "bucket", "name"))
                named = named and names_something(path(pattern, "detail", "object", "key"))
                yield "EVENTS_S3_RULE_CONFINED", not named
            if hears("Object Created", kinds):
                templates = [path(t, "InputTransformer", "InputTemplate") for t in targets]
                passed = all("revisionValue" in "".join(t) for t in templates)
                yield "EVENTS_TARGET_REVISION", not passed

    # CodePipeline

    def pipeline(self, name, resource, properties):
        stages = properties["Stages"]
        every = path(stages, "Actions")
        categories = [[a["ActionTypeId"]["Category"] for a in s["Actions"]] for s in stages]
        later = [c for stage in categories[1:] for c in stage]
        wrong = set(categories[0]) != {"Source"} or "Source" in later
        yield "CODEPIPELINE_STAGES", len(stages) < 2 or wrong
        yield "CODEPIPELINE_TYPE_V2", properties.get("PipelineType") != "V2"
        yield "CODEPIPELINE_TRIGGER_NO_PULL_REQUESTS", any(
            "PullRequest" in trigger.get("GitConfiguration", {})
            for trigger in properties.get("Triggers", [])
        )
        spaces = [a["Namespace"] for a in every if "Namespace" in a]
        yield "CODEPIPELINE_NAMESPACES_UNIQUE", len(spaces) > len(set(spaces))
        yield "CODEPIPELINE_NO_PLAIN_SECRETS", any(
            key in SECRETS and not str(value).startswith("{{resolve:")
            for action in every
            for key, value in action.get("Configuration", {}).items()
        )
        yield "CODEPIPELINE_INVOKE_REVISION", any(
            not a["Configuration"].get("SourceRevisions")
            for a in actions(properties, "Invoke", "CodePipeline")
        )
        sources = [a["Configuration"] for a in actions(properties, "Source", "S3")]
        polls = [c.get("PollForSourceChanges") is not False for c in sources]
        yield "CODEPIPELINE_SOURCE_NO_POLLING", any(polls)
        yield from deploy_actions(actions(properties, "Deploy", "S3"))
        yield from artifact_stores(properties, every)
        idle = not all(polls) and not self.is_started(name)
        yield "DEPLOYMENT_SOURCE_CHANGES_DETECTED", idle
        yield "DEPLOYMENT_CREATION_GUARDED", idle and len(stages) > 1 and not guarded(stages[1])
        yield from self.service_role(resource, properties, every)

    def is_started(self, name):
        end = ":" + self.resolver.reference(name)
        sources = actions(self.resources[name]["Properties"], "Source", "S3")
        buckets = [action["Configuration"].get("S3Bucket", "") for action in sources]
        kinds = ("Object Created", "AWS API Call via CloudTrail")
        return any(
            "EventPattern" in rule
            and may_hear(["aws.s3"], rule, "source")
            and may_hear(kinds, rule, "detail-type")
            and may_hear(buckets, rule, "detail", "bucket", "name")
            and rule.get("State") != "DISABLED"
            and any(":codepipeline:" in arn and arn.endswith(end) for arn in path(rule, "Targets", "Arn"))
            for _, rule in self.of_type("AWS::Events::Rule")
        )

    def service_role(self, resource, properties, every):
        arn = properties["RoleArn"]
        roles = [n for n, _ in self.of_type("AWS::IAM::Role") if self.resolver.reference(n + ".Arn") == arn]
        for role in roles:
            attached = list(self.attached(role))
            awaited = self.awaited(resource)
            missing = [n for n, by_role in attached if not by_role and n not in awaited]
            yield "DEPLOYMENT_PIPELINE_AFTER_POLICIES", bool(missing)
            documents = [self.resources[n]["Properties"]["PolicyDocument"] for n, _ in attached]
            documents += path(self.resources[role]["Properties"], "Policies", "PolicyDocument")
            assumed = [a["RoleArn"] for a in every if a.get("RoleArn")]
            # The oracle does not evaluate denials and exceptions.
            both = [s for d in documents for s in statements(d)]
            open_ended = any(
                s.get("Effect") == "Deny" or "NotAction" in s or "NotResource" in s for s in both
            )
            refused = bool(documents) and not_assumable(documents, assumed)
            yield "DEPLOYMENT_DEPLOY_ROLE_ASSUMABLE", None if open_ended else refused

    def awaited(self, resource):
        """Returns the direct and indirect dependencies of this resource in `DependsOn`."""
        waiting, found = as_list(resource.get("DependsOn")), set()
        while waiting:
            name = waiting.pop()
            found.add(name)
            waiting += as_list(self.resources[name].get("DependsOn"))
        return found


def not_assumable(documents, roles):
    """Returns whether one of the roles cannot be assumed, or None if this depends on the account ID."""
    answers = set()
    for account in ("AccountId", "222222222222"):
        known = deep(lambda text: text.replace("AccountId", account), [documents, roles])
        answers.add(not all(permits(known[0], "sts:AssumeRole", role) for role in known[1]))
    return answers.pop() if len(answers) == 1 else None


LOGGING = "logging.s3.amazonaws.com"
EVENT_BRIDGE = "events.amazonaws.com"


def retained(resource):
    kept = resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
    return kept and resource.get("UpdateReplacePolicy") == "Retain"


def denies_plain_http(statement):
    if statement["Effect"] != "Deny" or not everyone(statement):
        return False
    condition = [
        (operator, key.lower(), [str(v).lower() for v in as_list(values)])
        for operator, block in statement.get("Condition", {}).items()
        for key, values in block.items()
    ]
    wanted = [(op, "aws:securetransport", ["false"]) for op in ("Bool", "BoolIfExists")]
    return every_action(statement, "s3") and len(condition) == 1 and condition[0] in wanted


def covers_objects(pattern, bucket):
    """Returns whether the pattern matches the ARNs of all objects in the bucket."""
    begin = bucket + "/"
    if not pattern.endswith("*"):
        return False
    return any(matches(pattern[:-1], begin[:length]) for length in range(len(begin) + 1))


def tls_only(document, bucket):
    denied = [r for s in statements(document) if denies_plain_http(s) for r in as_list(s.get("Resource"))]
    on_bucket = any(matches(r, bucket) for r in denied)
    return on_bucket and any(covers_objects(r, bucket) for r in denied)


def log_delivery_confined(statement):
    return demands(statement, ("aws:sourceaccount",), fixed) and demands(
        statement, ("aws:sourcearn",), fixed
    )


def beside_accounts(statement):
    """Returns whether the statement names principals other than whole accounts."""
    principal = statement.get("Principal")
    if not isinstance(principal, dict) or set(principal) != {"AWS"}:
        return True
    return any(account_of(p) is None for p in as_list(principal["AWS"]))


def identity_statements(allows):
    patterns = [a for s in allows for a in as_list(s.get("Action"))]
    yield "IAM_NO_STAR_ACTIONS", any(map(whole_service, patterns))
    yield "IAM_NO_WILDCARD_ACTIONS", any(re.search("[*?]", p) and not whole_service(p) for p in patterns)
    yield "IAM_NO_NEGATED_ALLOW", any("NotAction" in s or "NotResource" in s for s in allows)
    yield "IAM_NO_STAR_RESOURCES", any(
        any(map(star_resource, as_list(s.get("Resource"))))
        and not ("Action" in s and all(map(nameless, as_list(s["Action"]))))
        for s in allows
    )
    yield "IAM_PASS_ROLE_CONFINED", any(open_roles(s, "iam:PassRole") for s in allows)
    yield "IAM_ASSUME_ROLE_EXACT", any(open_roles(s, "sts:AssumeRole") for s in allows)


def open_roles(statement, action):
    """Returns whether a statement with the action applies to roles that it does not name exactly.

    IAM_NO_NEGATED_ALLOW covers statements with `NotAction`.
    """
    if "NotAction" in statement or not covers(statement, action):
        return False
    named = as_list(statement.get("Resource"))
    return "NotResource" in statement or not all(map(fixed, named))


def only_starts(statement):
    start = "codepipeline:startpipelineexecution"
    named = as_list(statement.get("Resource"))
    only = {a.lower() for a in as_list(statement.get("Action"))} == {start}
    return only and bool(named) and all(map(fixed, named))


def hears(text, values):
    """Returns whether an event pattern with these values matches events with the text."""
    prefixes = [v["prefix"] for v in values if isinstance(v, dict) and "prefix" in v]
    return text in values or any(map(text.startswith, prefixes))


def may_hear(texts, rule, *keys):
    """Returns whether the event pattern of a rule may match one of the texts at the path of keys."""
    pattern = rule.get("EventPattern", {})
    for key in keys[:-1]:
        pattern = pattern.get(key, {})
    values = pattern.get(keys[-1], [{"prefix": ""}])
    other = [v for v in values if isinstance(v, dict) and "prefix" not in v]
    return bool(other) or any(hears(text, values) for text in texts)


def names_something(values):
    def confined(value):
        if isinstance(value, str):
            return True
        ((operator, operand),) = value.items()
        return operator in ("prefix", "suffix", "wildcard") and operand not in ("", "*")

    return bool(values) and all(map(confined, values))


def actions(properties, category, provider):
    for action in path(properties, "Stages", "Actions"):
        kind = action["ActionTypeId"]
        if (kind["Category"], kind["Provider"]) == (category, provider):
            yield action


def deploy_actions(found):
    for action in found:
        settings = action["Configuration"]
        extract, key = settings.get("Extract"), settings.get("ObjectKey")
        yield "CODEPIPELINE_DEPLOY_ACL", settings.get("CannedACL", FULL_CONTROL) != FULL_CONTROL
        complete = settings.get("BucketName") and extract is not None
        yield "CODEPIPELINE_S3_DEPLOY_CONFIGURATION", not complete or not set(settings) <= DEPLOY_KEYS
        works = extract in (None, True) or (extract is False and key)
        yield "CODEPIPELINE_S3_DEPLOY_EXTRACT", not works
        yield "CODEPIPELINE_S3_DEPLOY_PATH", extract is True and (key or "").endswith("/")
        yield "CODEPIPELINE_S3_DEPLOY_ROLE", not action.get("RoleArn")


FULL_CONTROL = "bucket-owner-full-control"


def artifact_stores(properties, every):
    entries = properties.get("ArtifactStores", [])
    stores = [e["ArtifactStore"] for e in entries] + as_list(properties.get("ArtifactStore"))
    keys = [s.get("EncryptionKey", {}) for s in stores]
    encrypted = [k.get("Id") and k.get("Type") == "KMS" for k in keys]
    yield "CODEPIPELINE_STORE_ENCRYPTED", not stores or not all(encrypted)
    named = [k["Id"] for k in keys if k.get("Id")]
    by_arn = "arn:[^:]+:kms:[^:]+:[^:]+:key/.+"
    yield "CODEPIPELINE_STORE_KEY_BY_ARN", not all(re.fullmatch(by_arn, k) for k in named)
    used = {a["Region"] for a in every if "Region" in a}
    there = {e.get("Region") for e in entries}
    missing = None in there or not used <= there if entries else len(used) > 1
    yield "CODEPIPELINE_STORE_REGIONS", missing


def guarded(stage):
    conditions = path(stage, "BeforeEntry", "Conditions")
    return any(
        c["Result"] == "FAIL" and "VariableCheck" in path(c, "Rules", "RuleTypeId", "Provider")
        for c in conditions
    )


# ---------------------------------------------------------------------------------------------
# Generating templates

OWN = ["arn:«AWS::Partition»:iam::«AWS::AccountId»:root", "«AWS::AccountId»"]
OTHERS = ["arn:aws:iam::222222222222:root", "333333333333", "arn:«AWS::Partition»:iam::222222222222:root"]
ROLES = ["arn:aws:iam::222222222222:role/deploy", "arn:aws:iam::«AWS::AccountId»:role/path/build"]
ORGANIZATIONS = ["o-abcdefghij", "o-abcdefghij", "o-*", "*", "o-abc?efghij", "${aws:PrincipalOrgID}"]
ACCOUNTS = ["222222222222", "«AWS::AccountId»", "222222222222", "2222*", "*"]
ROLE_ARNS = [
    *ROLES,
    *ROLES,
    "arn:aws:iam::*:role/deploy",
    "arn:aws:iam::222222222222:role/*",
    "arn:«AWS::Partition»:iam::222222222222:role/deploy?",
    "arn:aws:iam::2222????2222:role/deploy",
    "*",
]
RULE_ARNS = [
    "arn:aws:events:us-east-1:111111111111:rule/upload",
    "arn:«AWS::Partition»:events:«AWS::Region»:«AWS::AccountId»:rule/*",
    "arn:aws:events:us-east-1:*:rule/upload",
    "*",
]
TEXT_OPERATORS = [
    "StringEquals", "StringEquals", "StringLike", "StringEqualsIgnoreCase",
    "ForAnyValue:StringEquals", "ForAnyValue:StringLike", "ForAllValues:StringEquals",
    "StringEqualsIfExists", "StringLikeIfExists", "StringNotEquals", "StringNotLike",
]  # fmt: skip
ARN_OPERATORS = [
    *TEXT_OPERATORS, "ArnEquals", "ArnLike", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike",
    "ArnLikeIfExists", "ForAllValues:ArnLike", "ForAnyValue:ArnEquals",
]  # fmt: skip
NOISE = [
    ("Bool", "aws:SecureTransport", ["true"]),
    ("StringEquals", "sts:ExternalId", ["x"]),
    ("StringEquals", "aws:PrincipalTag/team", ["web"]),
    ("Null", "aws:PrincipalOrgID", ["false"]),
    ("Null", "aws:PrincipalArn", ["false"]),
]
SERVICES = [LOGGING, EVENT_BRIDGE, "codepipeline.amazonaws.com", "s3.amazonaws.com"]
WILD = ["s3:Get*", "s3:?etObject", "kms:ReEncrypt*", "codepipeline:Start*", "sts:Assume*", "iam:P*"]
IDENTITY_ACTIONS = [
    "s3:GetObject", "s3:PutObject", "kms:Decrypt", "sns:Publish", "iam:PassRole", "iam:GetRole",
    "sts:AssumeRole", "codepipeline:StartPipelineExecution", "codepipeline:GetPipelineState",
    *NAMELESS, *WILD, "s3:ListAllMyB*", "*", "s3:*", "iam:*", "sts:*", "codepipeline:*", "s3:**",
]  # fmt: skip
IDENTITY_RESOURCES = [
    "*", "arn:aws:s3:::*", "arn:aws:sns:*:*:*", "arn:aws:s3:::data/*", "arn:aws:s3:::data",
    *ROLES, "arn:aws:iam::222222222222:role/*", "arn:aws:iam::*:role/deploy", "arn:aws:sns:us-east-1:222222222222:topic",
    "arn:aws:codepipeline:«AWS::Region»:«AWS::AccountId»:first",
    "arn:aws:codepipeline:us-east-1:«AWS::AccountId»:*",
]  # fmt: skip


def comparable(operator, values):
    """Returns the distinct values that the operator can match. `StringEquals` has no wildcards."""
    exact = "StringEquals" in operator
    return sorted({value for value in values if not (exact and re.search("[*?]", value))})


class Inventor:
    """Generates the resources of a template as values."""

    def __init__(self, rng):
        self.rng = rng
        self.resources = {}

    def chance(self, probability):
        return chance(self.rng, probability)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def some(self, choices, low=1, high=2):
        return some(self.rng, choices, low, high)

    def optional(self, target, key, *choices, probability=0.7):
        if self.chance(probability):
            target[key] = self.rng.choice(choices)

    def add(self, kind, name, properties, **attributes):
        self.resources[name] = {"Type": kind, "Properties": properties, **attributes}

    def names(self, *kinds):
        return [name for name, r in self.resources.items() if r["Type"] in kinds]

    def template(self):
        self.buckets()
        self.roles()
        self.keys()
        for makes in self.some([self.policies, self.people, self.pipelines, self.others], 1, 4):
            makes()
        if self.chance(0.5):
            self.bucket_policies()
        if self.chance(0.6):
            self.event_rules()
        self.wait()
        return self.resources

    # Policies

    def condition(self, keys):
        condition = {}
        for _ in range(self.pick(1, 1, 2)):
            operator, key, values = self.comparison(keys)
            condition.setdefault(operator, {})[key] = values
        return condition

    def comparison(self, keys):
        if self.chance(0.15):
            return self.rng.choice(NOISE)
        key = self.rng.choice(keys)
        if key.endswith("Arn"):
            operator = self.rng.choice(ARN_OPERATORS)
            values = {"aws:PrincipalArn": ROLE_ARNS, "aws:SourceArn": RULE_ARNS}[key]
        else:
            operator = self.rng.choice(TEXT_OPERATORS)
            values = ORGANIZATIONS if key == "aws:PrincipalOrgID" else ACCOUNTS
        return operator, key, self.some(comparable(operator, values))

    def principal(self):
        kind = self.rng.randrange(7)
        roles = [f"«{name}.Arn»" for name in self.names("AWS::IAM::Role")]
        if kind == 0:
            return "*"
        if kind == 1:
            return {"AWS": ["*"]}
        if kind == 2:
            return {"Service": self.some(SERVICES)}
        if kind == 3:
            return {"AWS": self.some(OTHERS + ROLES), "Service": self.some(SERVICES)}
        if kind == 4:
            return {"AWS": self.some(OWN + OTHERS + ROLES + roles, 1, 3)}
        return {"AWS": [self.rng.choice(OWN + OTHERS)]}

    def resource_statement(self, action_choices, resources, keys):
        effect = self.pick("Allow", "Allow", "Allow", "Deny")
        statement = {"Effect": effect, "Resource": resources}
        if self.chance(0.08):
            statement["NotPrincipal"] = {"AWS": self.some(OTHERS + ROLES)}
        else:
            statement["Principal"] = self.principal()
        self.set_actions(statement, action_choices)
        if self.chance(0.55):
            statement["Condition"] = self.condition(keys)
        return statement

    def set_actions(self, statement, choices):
        statement["NotAction" if self.chance(0.08) else "Action"] = self.some(choices)

    def policy(self, made):
        self.rng.shuffle(made)
        return {"Version": "2012-10-17", "Statement": made}

    def identity_policy(self):
        made = [self.identity_statement() for _ in range(self.pick(1, 1, 2))]
        return self.policy(made)

    def identity_statement(self):
        statement = {"Effect": self.pick("Allow", "Allow", "Allow", "Allow", "Deny")}
        narrow = ["s3:GetObject", "sts:AssumeRole", "iam:PassRole", "codepipeline:StartPipelineExecution"]
        self.set_actions(statement, self.pick(IDENTITY_ACTIONS, narrow))
        roles = [f"«{name}.Arn»" for name in self.names("AWS::IAM::Role")]
        key = "NotResource" if self.chance(0.07) else "Resource"
        statement[key] = self.some(IDENTITY_RESOURCES + roles)
        return statement

    # S3

    def buckets(self):
        for number in range(1, self.pick(1, 2, 3)):
            name = f"Bucket{number}"
            self.add("AWS::S3::Bucket", name, self.bucket_properties(number), **self.kept())
        for name in self.names("AWS::S3::Bucket"):
            if self.chance(0.6):
                target = self.pick("logs-elsewhere", "", *(f"«{n}»" for n in self.names("AWS::S3::Bucket")))
                logging = {"LogFilePrefix": "x/"}
                self.optional(logging, "DestinationBucketName", target, probability=0.9)
                self.resources[name]["Properties"]["LoggingConfiguration"] = logging

    def bucket_properties(self, number):
        properties = {}
        self.optional(properties, "BucketName", f"data-{number}", f"«AWS::AccountId»-data-{number}")
        self.optional(properties, "AccessControl", "Private", "PublicRead", "AuthenticatedRead", "LogDeliveryWrite", probability=0.3)
        self.optional(properties, "VersioningConfiguration", {"Status": "Enabled"}, {"Status": "Enabled"}, {"Status": "Suspended"})
        ownership = self.pick("BucketOwnerEnforced", "BucketOwnerEnforced", "ObjectWriter")
        self.optional(properties, "OwnershipControls", {"Rules": [{"ObjectOwnership": ownership}]})
        algorithm = {"SSEAlgorithm": self.pick("aws:kms", "AES256", "aws:kms:dsse", "DES")}
        encryption = {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": algorithm}]}
        self.optional(properties, "BucketEncryption", encryption)
        names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        blocks = {n: not self.chance(0.07) for n in names if not self.chance(0.05)}
        self.optional(properties, "PublicAccessBlockConfiguration", blocks)
        enabled = {"EventBridgeConfiguration": {"EventBridgeEnabled": self.pick(True, True, False)}}
        self.optional(properties, "NotificationConfiguration", enabled)
        return properties

    def kept(self):
        attributes = {}
        self.optional(attributes, "DeletionPolicy", "Retain", "RetainExceptOnCreate", "Delete")
        self.optional(attributes, "UpdateReplacePolicy", "Retain", "Retain", "Delete")
        return attributes

    def bucket_policies(self):
        for number, bucket in enumerate(self.names("AWS::S3::Bucket"), 1):
            name = self.resources[bucket]["Properties"].get("BucketName")
            made = [self.bucket_statement(bucket, name) for _ in range(self.pick(1, 2, 3))]
            made += self.tls_statements(bucket, name)
            where = self.pick(f"«{bucket}»", name or f"«{bucket}»")
            properties = {"Bucket": where, "PolicyDocument": self.policy(made)}
            self.add("AWS::S3::BucketPolicy", f"BucketPolicy{number}", properties)

    def bucket_arns(self, bucket, name):
        arns = [f"«{bucket}.Arn»", f"arn:«AWS::Partition»:s3:::«{bucket}»"]
        return arns + ([f"arn:aws:s3:::{name}"] if name else [])

    def bucket_statement(self, bucket, name):
        arn = self.rng.choice(self.bucket_arns(bucket, name))
        if self.chance(0.2):
            return self.log_statement(arn)
        choices = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:Get*", "s3:*", "*"]
        keys = ["aws:PrincipalOrgID", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalArn"]
        return self.resource_statement(choices, self.some([arn, arn + "/*"]), keys)

    def log_statement(self, arn):
        sources = ["arn:aws:s3:::source", "«Bucket1.Arn»", "*"]
        operators = ["ArnLike", "ArnEquals", "StringEquals", "ArnNotLike", "ArnLikeIfExists"]
        condition = {}
        if self.chance(0.85):
            operator = self.rng.choice(operators)
            found = self.some(comparable(operator, sources))
            condition.setdefault(operator, {})["aws:SourceArn"] = found
        if self.chance(0.85):
            operator = self.pick("StringEquals", "StringEquals", "StringLike", "StringNotEquals")
            condition.setdefault(operator, {})["aws:SourceAccount"] = [
                self.rng.choice(comparable(operator, ACCOUNTS))
            ]
        statement = {
            "Effect": self.pick("Allow", "Allow", "Deny"),
            "Principal": {"Service": self.some(SERVICES[:2])},
            "Action": ["s3:PutObject"],
            "Resource": [arn + "/*"],
        }
        return {**statement, **({"Condition": condition} if condition else {})}

    def tls_statements(self, bucket, name):
        """Returns statements that deny plain HTTP. Most of them are correct."""
        if self.chance(0.15):
            return []
        arns = self.bucket_arns(bucket, name)
        resources = [self.rng.choice(arns), self.rng.choice(arns) + "/*"]
        wrong = [resources[:1], resources[1:], ["arn:aws:s3:::other", "arn:aws:s3:::other/*"] if name and not HOLE.search(name) else [], [resources[0], resources[0] + "/x/*"]]
        right = [resources, resources, ["*"], ["arn:aws:s3:::*"], [resources[0] + "*"]]
        pools = right if self.chance(0.7) else [w for w in wrong if w]
        statement = {
            "Effect": "Deny",
            "Principal": self.pick("*", {"AWS": ["*"]}, {"AWS": ["*"]}),
            "Action": [self.pick("s3:*", "s3:*", "*")],
            "Resource": self.rng.choice(pools),
            "Condition": {self.pick("Bool", "Bool", "BoolIfExists"): {"aws:SecureTransport": ["false"]}},
        }
        if self.chance(0.35):
            statement.update(self.tls_mistake())
        if len(statement["Resource"]) == 2 and self.chance(0.3):
            return [{**statement, "Resource": [r]} for r in statement["Resource"]]
        return [statement]

    def tls_mistake(self):
        return self.pick(
            {"Effect": "Allow"},
            {"Principal": {"AWS": [self.rng.choice(OTHERS)]}},
            {"Action": ["s3:GetObject", "s3:PutObject"]},
            {"Action": ["s3:Get*"]},
            {"Condition": {"Bool": {"aws:SecureTransport": ["true"]}}},
            {"Condition": {"NumericLessThan": {"s3:TlsVersion": ["1.2"]}}},
            {"Condition": {"Null": {"aws:SecureTransport": ["false"]}}},
            {"Condition": {"Bool": {"aws:SecureTransport": ["false"], "aws:ViaAWSService": ["false"]}}},
            {"Condition": {"Bool": {"aws:SecureTransport": ["false"]}, "StringEquals": {"aws:PrincipalOrgID": ["o-abcdefghij"]}}},
        )

    # KMS

    def keys(self):
        for number in range(1, self.pick(1, 2, 3)):
            self.key(self.pick("AWS::KMS::Key", "AWS::KMS::Key", "AWS::KMS::ReplicaKey"), f"Key{number}")
        if self.names("AWS::KMS::Key") and self.chance(0.6):
            names = ["alias/own", "alias/own/a-b_c", "alias/aws/own", "alias/awsome", "own", "alias/", "alias/a b", "alias/a.b"]
            names.append("alias/«AWS::StackName»-key")
            properties = {"AliasName": self.rng.choice(names), "TargetKeyId": "«%s»" % self.names("AWS::KMS::Key")[0]}
            self.add("AWS::KMS::Alias", "Alias", properties)

    def key(self, kind, name):
        properties = {"Description": "x"}
        self.optional(properties, "PendingWindowInDays", 6, 7, 14, 30, 31, 1, probability=0.4)
        self.optional(properties, "Enabled", True, False, probability=0.4)
        if kind == "AWS::KMS::Key":
            self.optional(properties, "EnableKeyRotation", True, True, False)
            self.optional(properties, "KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048", "HMAC_256", probability=0.3)
            self.optional(properties, "Origin", "AWS_KMS", "EXTERNAL", probability=0.2)
            self.optional(properties, "BypassPolicyLockoutSafetyCheck", True, False, probability=0.2)
        else:
            properties["PrimaryKeyArn"] = "arn:aws:kms:us-east-1:222222222222:key/mrk-1"
        if self.chance(0.9):
            properties["KeyPolicy"] = self.key_policy()
        self.add(kind, name, properties, **self.kept())

    def key_policy(self):
        keys = ["aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalArn", "kms:CallerAccount"]
        choices = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:*", "*"]
        narrow = choices[:3]
        made = [self.resource_statement(self.pick(choices, narrow), ["*"], keys) for _ in range(self.pick(0, 1, 2))]
        if self.chance(0.8) or not made:
            root = {"Effect": "Allow", "Action": [self.pick("kms:*", "kms:*", "*")], "Resource": ["*"]}
            root["Principal"] = {"AWS": [self.rng.choice(OWN + OTHERS[:2])]}
            made.append(root)
        return self.policy(made)

    # IAM

    def roles(self):
        for number in range(1, self.pick(1, 2, 3, 4)):
            properties = {"AssumeRolePolicyDocument": self.trust()}
            self.optional(properties, "RoleName", f"role{number}", probability=0.5)
            self.optional(properties, "Path", "/own/", probability=0.2)
            if self.chance(0.15):
                properties["Policies"] = [{"PolicyName": "p", "PolicyDocument": self.identity_policy()}]
            self.add("AWS::IAM::Role", f"Role{number}", properties)

    def trust(self):
        if self.chance(0.4):
            statement = {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"Service": self.some(SERVICES[1:3])}}
            if self.chance(0.8):
                statement["Condition"] = self.condition(["aws:SourceArn", "aws:SourceAccount"])
            return self.policy([statement])
        made = [self.trust_statement() for _ in range(self.pick(1, 1, 2))]
        return self.policy(made)

    def trust_statement(self):
        keys = ["aws:PrincipalArn", "aws:PrincipalArn", "aws:PrincipalOrgID"]
        statement = self.resource_statement(["sts:AssumeRole"], [], keys)
        del statement["Resource"]
        statement["Action"] = statement.pop("NotAction", None) or statement["Action"]
        if self.chance(0.1):
            statement["Principal"] = {"AWS": ["arn:aws:iam::222222222222:role/*"]}
            statement.pop("NotPrincipal", None)
        return statement

    def policies(self):
        roles = self.names("AWS::IAM::Role")
        free = list(roles)
        for number in range(1, self.pick(2, 3)):
            kind = self.pick("ManagedPolicy", "ManagedPolicy", "Policy", "RolePolicy", "UserPolicy", "GroupPolicy")
            properties = {"PolicyDocument": self.identity_policy()}
            if kind in ("ManagedPolicy", "Policy"):
                self.optional(properties, "Users", [], ["somebody"], probability=0.2)
                self.attach(f"Policy{number}", properties, free, kind)
            if kind != "ManagedPolicy":
                properties["PolicyName"] = f"policy-{number}"
            if kind == "RolePolicy":
                properties["RoleName"] = self.role_name(free.pop()) if free else "outsider"
            elif kind in ("UserPolicy", "GroupPolicy"):
                properties[kind.replace("Policy", "Name")] = "somebody"
            self.add(f"AWS::IAM::{kind}", f"Policy{number}", properties)

    def role_name(self, role):
        return self.pick(f"«{role}»", self.resources[role]["Properties"].get("RoleName", f"«{role}»"))

    def attach(self, name, properties, free, kind):
        """Attaches the policy to a role without one, either in the policy or in the role."""
        if not free or self.chance(0.2):
            return
        role = free.pop()
        if kind == "ManagedPolicy" and self.chance(0.25):
            self.resources[role]["Properties"]["ManagedPolicyArns"] = [f"«{name}»"]
            # The policy must not refer to the role, because the role already refers to the policy.
            for statement in properties["PolicyDocument"]["Statement"]:
                for key in ("Resource", "NotResource"):
                    if key in statement:
                        statement[key] = [r for r in statement[key] if "Role" not in r] or ["*"]
        else:
            properties["Roles"] = [self.role_name(role)]

    def people(self):
        arns = [
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:«AWS::Partition»:iam::aws:policy/AdministratorAccess",
            "arn:aws:iam::aws:policy/IAMFullAccess",
            "arn:aws:iam::aws:policy/job-function/Billing",
            "arn:aws:iam::111111111111:policy/AdministratorAccess",
        ]
        for kind in self.some(["User", "Group"]):
            properties = {}
            self.optional(properties, "ManagedPolicyArns", [], self.some(arns), probability=0.5)
            inline = [{"PolicyName": "p", "PolicyDocument": self.identity_policy()}]
            self.optional(properties, "Policies", [], inline, inline, probability=0.4)
            self.add(f"AWS::IAM::{kind}", kind, properties)

    # CodePipeline and Events

    def pipelines(self):
        for number in range(1, self.pick(2, 2, 3)):
            role = self.service_role()
            properties = {"RoleArn": role, "Stages": self.stages(role)}
            self.optional(properties, "Name", ("first", "second")[number - 1])
            self.optional(properties, "PipelineType", "V2", "V2", "V1", probability=0.9)
            self.stores(properties)
            self.add("AWS::CodePipeline::Pipeline", f"Pipeline{number}", properties)

    def service_role(self):
        roles = [f"«{name}.Arn»" for name in self.names("AWS::IAM::Role")]
        return self.rng.choice(roles or ["arn:aws:iam::«AWS::AccountId»:role/elsewhere"])

    def stages(self, service_role):
        self.own_role = service_role
        self.regions = self.pick([], [], ["eu-west-1"], ["eu-west-1", "us-east-1"])
        polling = self.pick(None, True, False, False, False)
        first = [self.source(number, polling) for number in range(self.pick(1, 1, 2))]
        stages = [{"Name": "Source", "Actions": first}]
        for number in range(self.pick(0, 1, 1, 1, 2)):
            made = [self.action(f"A{i}") for i in range(self.pick(1, 1, 2))]
            stages.append({"Name": f"Stage{number}", "Actions": made})
        if len(stages) > 1 and self.chance(0.5):
            stages[self.pick(1, 1, len(stages) - 1)]["BeforeEntry"] = self.guard()
        if self.chance(0.04):
            first.append(self.action("Early"))
        if len(stages) > 1 and self.chance(0.04):
            stages[-1]["Actions"].append(self.source(9, polling))
        return stages

    def guard(self):
        provider = self.pick("VariableCheck", "VariableCheck", "DeploymentWindow")
        kind = {"Category": "Rule", "Owner": "AWS", "Provider": provider, "Version": "1"}
        rules = [{"Name": "Guard", "RuleTypeId": kind}]
        return {"Conditions": [{"Result": self.pick("FAIL", "FAIL", "SKIP"), "Rules": rules}]}

    def one_action(self, name, category, provider, configuration):
        kind = {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
        action = {"Name": name, "ActionTypeId": kind, "Configuration": configuration}
        self.optional(action, "Namespace", "One", "Two", "Three", "Four", "Five", probability=0.4)
        if self.regions and self.chance(0.6):
            action["Region"] = self.rng.choice(self.regions)
        return action

    def source(self, number, polling):
        buckets = self.names("AWS::S3::Bucket")
        places = ["elsewhere", *(f"«{bucket}»" for bucket in buckets)]
        places += [self.resources[b]["Properties"].get("BucketName", "elsewhere") for b in buckets]
        settings = {"S3Bucket": self.rng.choice(places), "S3ObjectKey": "a.zip"}
        if polling is not None:
            settings["PollForSourceChanges"] = polling
        return self.one_action(f"Source{number}", "Source", "S3", settings)

    def action(self, name):
        makes = self.pick(self.deploy, self.deploy, self.deploy, self.invoke, self.build)
        action = makes(name)
        roles = [*ROLES, *(f"«{role}.Arn»" for role in self.names("AWS::IAM::Role"))]
        roles = [role for role in roles if role != self.own_role]
        self.optional(action, "RoleArn", *roles, *roles, "", probability=0.8)
        return action

    def deploy(self, name):
        settings = {}
        self.optional(settings, "BucketName", "target", "target", "target", "", probability=0.95)
        self.optional(settings, "Extract", True, True, False, False, "yes", probability=0.95)
        self.optional(settings, "ObjectKey", "site", "site/", "a/b", "", probability=0.6)
        self.optional(settings, "CannedACL", FULL_CONTROL, "public-read", "private", probability=0.3)
        self.optional(settings, "CacheControl", "no-cache", probability=0.2)
        self.optional(settings, "ObjectKeys", "x", probability=0.05)
        return self.one_action(name, "Deploy", "S3", settings)

    def invoke(self, name):
        settings = {"PipelineName": "next"}
        revisions = '[{"actionName":"S","revisionType":"S3_OBJECT_VERSION_ID","revisionValue":"#{One.VersionId}"}]'
        self.optional(settings, "SourceRevisions", revisions, revisions, "", probability=0.7)
        return self.one_action(name, "Invoke", "CodePipeline", settings)

    def build(self, name):
        settings = {"ProjectName": "p"}
        secret = "{{resolve:secretsmanager:token:SecretString:t}}"
        self.optional(settings, self.pick(*sorted(SECRETS)), secret, "ghp_0123456789", probability=0.5)
        return self.one_action(name, "Build", "Custom", settings)

    def stores(self, properties):
        if self.chance(0.05):
            return
        if not self.regions or self.chance(0.3):
            properties["ArtifactStore"] = self.store()
            return
        regions = self.some(["eu-west-1", "us-east-1"], 1, 2)
        stores = [{"Region": region, "ArtifactStore": self.store()} for region in regions]
        if self.chance(0.05):
            del stores[-1]["Region"]
        properties["ArtifactStores"] = stores

    def store(self):
        store = {"Type": "S3", "Location": "artifacts"}
        names = [
            "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555",
            "arn:«AWS::Partition»:kms:«AWS::Region»:«AWS::AccountId»:alias/own",
            "alias/own",
            "11111111-2222-3333-4444-555555555555",
        ]
        for key in self.names("AWS::KMS::Key", "AWS::KMS::ReplicaKey"):
            names += [f"«{key}»", f"«{key}.Arn»", f"«{key}.Arn»"]
        key = {"Id": self.rng.choice([*names, names[0]])}
        self.optional(key, "Type", "KMS", probability=0.95)
        self.optional(store, "EncryptionKey", key, probability=0.9)
        return store

    def event_rules(self):
        for number in range(1, self.pick(2, 3)):
            properties = {"Targets": [self.target(i) for i in range(self.pick(1, 1, 2))]}
            self.optional(properties, "State", "ENABLED", "ENABLED", "DISABLED", probability=0.4)
            if self.chance(0.1):
                properties["ScheduleExpression"] = "rate(1 day)"
            else:
                properties["EventPattern"] = self.pattern()
            self.add("AWS::Events::Rule", f"Rule{number}", properties)

    def pattern(self):
        sources = [["aws.s3"]] * 4 + [["aws.s3", "aws.ec2"], ["aws.ec2"]]
        pattern = {"source": self.rng.choice(sources)}
        kinds = [["Object Created"], ["Object Created"], ["Object Created", "Object Deleted"], ["AWS API Call via CloudTrail"]]
        self.optional(pattern, "detail-type", *kinds, probability=0.9)
        names = [["data-1"], ["data-1"], ["data-1"], [], [{"prefix": "data"}], [{"prefix": ""}]]
        names += [[{"wildcard": "*"}], [{"exists": True}], [{"anything-but": ["x"]}], ["a", {"suffix": ""}], [{"suffix": "zip"}]]
        detail = {}
        self.optional(detail, "bucket", *({"name": name} for name in names), probability=0.9)
        self.optional(detail, "object", *({"key": name} for name in names), probability=0.9)
        if detail:
            pattern["detail"] = detail
        return pattern

    def target(self, number):
        pipelines = self.names("AWS::CodePipeline::Pipeline")
        ends = ["elsewhere", *(f"«{name}»" for name in pipelines * 3)]
        ends += [self.resources[n]["Properties"].get("Name", "elsewhere") for n in pipelines]
        start = "arn:«AWS::Partition»:codepipeline:«AWS::Region»:«AWS::AccountId»:"
        target = {"Id": f"t{number}", "Arn": start + self.rng.choice(ends)}
        if self.chance(0.2):
            target["Arn"] = "arn:aws:sns:us-east-1:111111111111:topic"
        roles = ["arn:aws:iam::«AWS::AccountId»:role/events", ""]
        roles += [f"«{name}.Arn»" for name in self.names("AWS::IAM::Role")]
        self.optional(target, "RoleArn", *roles, probability=0.8)
        if self.chance(0.6):
            target["InputTransformer"] = self.transformer()
        return target

    def transformer(self):
        revision = '{"sourceRevisions":[{"actionName":"S","revisionType":"S3_OBJECT_VERSION_ID","revisionValue":<revision>}]}'
        variables = '{"variables":[{"name":"KEY","value":<revision>}]}'
        paths = {"revision": "$.detail.object.version-id"}
        return {"InputPathsMap": paths, "InputTemplate": self.pick(revision, revision, variables)}

    def wait(self):
        for name in self.names("AWS::CodePipeline::Pipeline"):
            others = self.names(*IDENTITY_POLICIES, "AWS::SNS::Topic")
            if others and self.chance(0.6):
                self.resources[name]["DependsOn"] = self.some(others, 1, 3)
        policies = self.names(*IDENTITY_POLICIES)
        for name in self.names("AWS::SNS::Topic"):
            if policies and self.chance(0.5):
                self.resources[name]["DependsOn"] = self.rng.choice(policies)

    # Types without rules

    def others(self):
        document = self.policy([{"Effect": "Allow", "Principal": "*", "Action": ["*"], "Resource": ["*"]}])
        self.add("AWS::SNS::Topic", "Topic", {"DisplayName": "x"})
        self.add("AWS::SQS::QueuePolicy", "QueuePolicy", {"Queues": ["q"], "PolicyDocument": document})
        self.add("AWS::Lambda::Function", "Function", {"Role": "*", "Handler": "x", "Runtime": "python3.13"})
        self.add("AWS::S3::AccessPoint", "AccessPoint", {"Bucket": "data", "Policy": document})


# ---------------------------------------------------------------------------------------------
# Comparing


class Case:
    """A template: its values, its text, and the expected findings."""

    def __init__(self, seed, plain):
        self.seed = seed
        self.resources = Inventor(random.Random(f"{seed} meaning")).template()
        oracle = Oracle(self.resources).decide()
        self.expected, self.undecided = oracle.expected, oracle.undecided
        rng = random.Random(f"{seed} spelling")
        self.document = Speller(rng, plain).document(self.resources)
        self.text, ending = written(self.document, rng)
        self.name = f"{seed}.{ending}"


def run(binary, folder, cases):
    """Returns the findings by file name."""
    found = {case.name: [] for case in cases}
    command = [binary, "lint", "--format", "json", *found]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{binary} failed: {done.stderr}")
    for finding in json.loads(done.stdout)["findings"]:
        if not finding["rule"].startswith("QUOTA_"):
            found[finding["file"]].append(finding)
    return found


def differences(case, findings):
    """Returns the differences from the expected findings, each with a rule, a resource, and a message."""
    serious = [f for f in findings if f["severity"] in ("error", "warning")]
    reported = {(f["rule"], f["resource"]) for f in serious} - case.undecided
    for rule, resource in sorted(case.expected - reported):
        yield rule, resource, "must be reported, but is not"
    for rule, resource in sorted(reported - case.expected, key=str):
        yield rule, resource, "is reported, but must not be"
    places = set()
    for finding in findings:
        rule, resource = finding["rule"], finding["resource"]
        place = (rule, finding["line"], finding["column"])
        if place in places:
            yield rule, resource, f"is reported twice at line {place[1]}, column {place[2]}"
        places.add(place)
        if place[1:] == (1, 1) and not resource:
            yield rule, resource, "is reported without a position"
        if finding["severity"] == "note" and (rule, resource) not in case.undecided:
            yield rule, resource, f"has a note: {finding['message']}"


def report(case, rule, resource, problem):
    print(f"seed {case.seed} ({case.name}): {rule} {resource}: {problem}")
    if resource in case.resources:
        print("  values: ", json.dumps(case.resources[resource], ensure_ascii=False))
        print("  written:", json.dumps(case.document["Resources"][resource], ensure_ascii=False))


def compare(binary, cases, folder):
    """Prints the differences of the cases and returns their rules."""
    for case in cases:
        pathlib.Path(folder, case.name).write_text(case.text, encoding="utf-8")
    found = run(binary, folder, cases)
    rules = []
    for case in cases:
        for rule, resource, problem in differences(case, found[case.name]):
            report(case, rule, resource, problem)
            rules.append(rule)
    return rules


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="the s3ferry binary to test")
    parser.add_argument("--keep", help="folder in which to keep the templates")
    parser.add_argument("--plain", action="store_true", help="write every value in the simplest form")
    parser.add_argument("count", nargs="?", type=int, default=500)
    parser.add_argument("first", nargs="?", type=int, default=0)
    return parser.parse_args()


def main():
    options = arguments()
    binary = str(pathlib.Path(options.binary).resolve())
    seeds = range(options.first, options.first + options.count)
    rules = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or temporary
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        for start in range(0, len(seeds), BATCH):
            cases = [Case(seed, options.plain) for seed in seeds[start : start + BATCH]]
            rules += compare(binary, cases, folder)
    print(f"{len(seeds)} templates, {len(rules)} differences")
    for rule in sorted(set(rules)):
        print(f"  {rules.count(rule):4} {rule}")
    return 1 if rules else 0


if __name__ == "__main__":
    sys.exit(main())
