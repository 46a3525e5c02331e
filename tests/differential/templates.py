"""Reads buckets, keys, and roles from CloudFormation templates, including their unknown properties."""

import re
from dataclasses import dataclass, field

from policy import both


class Unresolved(Exception):
    """A value that the templates do not determine."""


#: The policy of a key without KeyPolicy (AWS KMS Developer Guide, "Default key policy").
def default_key_policy(account):
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass
class Role:
    """A role, or a service if `service` is set. None in a list represents an unknown policy."""

    arn: str | None
    account: str | None
    trust: list = field(default_factory=lambda: [None])
    identity: list = field(default_factory=list)
    boundary: list = field(default_factory=list)
    tags: dict | None = None
    service: str | None = None
    #: Whether this is the root user of the account.
    root: bool = False
    #: False if another role has this name.
    exists: bool = True

    @property
    def name(self):
        return self.arn.rsplit("/", 1)[-1] if self.arn else None


@dataclass
class Bucket:
    name: str | None
    account: str | None = None
    region: str | None = None
    policy: list = field(default_factory=lambda: [None])
    #: None if unknown, "AES256", or ("aws:kms", key as written or None for aws/s3, whether the key
    #: is known).
    encryption: object = None
    bucket_key: bool | None = None
    block: dict = field(default_factory=dict)
    logging: tuple | None = None
    #: Whether the templates define the bucket ambiguously.
    disputed: bool = False


@dataclass
class Key:
    arn: str | None
    account: str | None
    policy: list = field(default_factory=lambda: [None])
    #: Whether S3 can encrypt with the key: it is enabled and symmetric, and has key material.
    usable: bool | None = True
    tags: dict | None = None
    aliases: list | None = None
    #: Condition keys for the properties of the key.
    properties: dict = field(default_factory=dict)
    #: Whether this is the AWS managed key aws/s3 of an account.
    managed: bool = False
    #: Whether the caller specifies the key by an alias.
    by_alias: bool = False
    #: False if the caller specifies a key that does not exist in its account.
    exists: bool = True


class Template:
    """One template in one account and region, with its values resolved."""

    def __init__(self, stack, world):
        self.stack, self.world = stack, world
        self.account, self.region = stack["account"], stack["region"]
        self.body = stack["template"]
        self.resources = {
            name: resource
            for name, resource in self.body["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }

    def of_type(self, *types):
        return {n: r for n, r in self.resources.items() if r["Type"].removeprefix("AWS::") in types}

    def condition(self, name):
        return self.value(self.body["Conditions"][name]) in (True, "true")

    def parameter(self, name):
        """Returns the value of a parameter. If it has neither a value nor a default, returns the dev
        stack's output with the same name, because the generated stacks exchange values in this way."""
        parameter = self.body["Parameters"][name]
        given = self.world.options.get("parameters", {})
        if name in given:
            return given[name]
        if name == "CreatePipeline":
            return "true"  # The proof covers the state after the last deployment step.
        if "Default" in parameter and not parameter["Type"].startswith("AWS::SSM::"):
            return parameter["Default"]
        dev = self.world.world["stacks"][0]
        output = dev["template"].get("Outputs", {}).get(name)
        if output and dev is not self.stack:
            return Template(dev, self.world).value(output["Value"])
        raise Unresolved(f"parameter {name} has no value")

    def reference(self, name):
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.body.get("Parameters", {}):
            return self.parameter(name)
        resource = self.body["Resources"].get(name)
        if resource is None or name not in self.resources:
            raise Unresolved(f"there is no resource {name}")
        kind, get = resource["Type"].removeprefix("AWS::"), resource.get("Properties", {}).get
        if kind == "KMS::Key":
            prefix = "mrk-" if get("MultiRegion") in (True, "true") else ""
            return f"{prefix}{self.stack['name']}.{name}"
        if kind == "KMS::ReplicaKey":
            return self.value(get("PrimaryKeyArn")).rsplit("/", 1)[-1]
        if kind == "IAM::ManagedPolicy":
            return f"arn:aws:iam::{self.account}:policy/{self.stack['name']}.{name}"
        if kind == "StepFunctions::StateMachine":
            return f"arn:aws:states:{self.region}:{self.account}:stateMachine:{self.value(get('StateMachineName'))}"
        names = {
            "S3::Bucket": "BucketName",
            "IAM::Role": "RoleName",
            "CodePipeline::Pipeline": "Name",
            "KMS::Alias": "AliasName",
            "Events::Rule": "Name",
            "CodeBuild::Project": "Name",
        }
        if kind in names:
            return self.value(get(names[kind])) if get(names[kind]) else f"{self.stack['name']}.{name}"
        raise Unresolved(f"Ref of {kind}")

    def attribute(self, name, attribute):
        resource = self.resources.get(name)
        if resource is None:
            raise Unresolved(f"there is no resource {name}")
        kind, get = resource["Type"].removeprefix("AWS::"), resource.get("Properties", {}).get
        if kind == "IAM::Role" and attribute == "Arn":
            path = self.value(get("Path")) if get("Path") else "/"
            return f"arn:aws:iam::{self.account}:role{path}{self.reference(name)}"
        if kind in ("KMS::Key", "KMS::ReplicaKey") and attribute in ("Arn", "KeyId"):
            arn = f"arn:aws:kms:{self.region}:{self.account}:key/{self.reference(name)}"
            return arn if attribute == "Arn" else self.reference(name)
        if kind == "S3::Bucket" and attribute == "Arn":
            return f"arn:aws:s3:::{self.reference(name)}"
        if kind == "CodeBuild::Project" and attribute == "Arn":
            return f"arn:aws:codebuild:{self.region}:{self.account}:project/{self.reference(name)}"
        if kind == "Events::Rule" and attribute == "Arn":
            return f"arn:aws:events:{self.region}:{self.account}:rule/{self.reference(name)}"
        raise Unresolved(f"{name}.{attribute}")

    def substitute(self, text, values):
        def replace(found):
            name = found.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in values:
                return str(self.value(values[name]))
            if "." in name:
                return str(self.attribute(*name.split(".", 1)))
            return str(self.reference(name))

        return re.sub(r"\$\{([^}]*)\}", replace, text)

    def value(self, node):
        """Resolves intrinsic functions (CloudFormation User Guide, "Intrinsic function reference")."""
        if isinstance(node, list):
            return [v for v in map(self.value, node) if v is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), *_ = node.items()
            if name == "Ref":
                return NO_VALUE if argument == "AWS::NoValue" else self.reference(argument)
            if name == "Fn::GetAtt":
                parts = argument.split(".", 1) if isinstance(argument, str) else argument
                return self.attribute(*parts)
            if name == "Fn::Sub":
                text, values = argument if isinstance(argument, list) else (argument, {})
                return self.substitute(text, values)
            if name == "Fn::Join":
                return argument[0].join(str(v) for v in self.value(argument[1]))
            if name == "Fn::If":
                return self.value(argument[1 if self.condition(argument[0]) else 2])
            if name == "Fn::Equals":
                return self.value(argument[0]) == self.value(argument[1])
            if name == "Fn::Select":
                return self.value(argument[1])[int(argument[0])]
            if name == "Fn::Split":
                return self.value(argument[1]).split(argument[0])
            if name.startswith("Fn::"):
                raise Unresolved(name)
        resolved = {k: self.value(v) for k, v in node.items()}
        return {k: v for k, v in resolved.items() if v is not NO_VALUE}

    def maybe(self, node):
        """Returns the value, or None if it is unknown."""
        try:
            return self.value(node)
        except Unresolved:
            return None

    def document(self, node):
        """Returns a policy document with None for each unknown value, or None if all of it is unknown."""
        if not isinstance(node, dict):
            return None
        statements = node.get("Statement", [])
        statements = statements if isinstance(statements, list) else [statements]
        chosen = [self.chosen(s) for s in statements]
        return {**node, "Statement": [self.statement(s) for s in chosen if s is not NO_VALUE]}

    def chosen(self, node):
        """Returns the statement that Fn::If selects."""
        while isinstance(node, dict) and len(node) == 1 and ("Fn::If" in node or "Ref" in node):
            if "Ref" in node:
                return NO_VALUE
            name, yes, no = node["Fn::If"]
            node = yes if self.condition(name) else no
        return node

    def statement(self, statement):
        def resolve(node):
            if isinstance(node, list):
                flat = [resolve(n) for n in node]
                return [x for v in flat for x in (v if isinstance(v, list) else [v])]
            return self.maybe(node)

        found = {}
        for element, node in statement.items():
            if element in ("Principal", "NotPrincipal") and isinstance(node, dict):
                found[element] = {kind: resolve(values) for kind, values in node.items()}
            elif element in ("Resource", "NotResource"):
                found[element] = resolve(node)
            elif element == "Condition":
                found[element] = {
                    operator: {key: resolve(values) for key, values in keys.items()}
                    for operator, keys in node.items()
                }
            else:
                found[element] = self.value(node)
        return found


NO_VALUE = object()


class World:
    """All existing resources by name."""

    def __init__(self, world):
        self.world, self.options = world, world.get("options", {})
        self.templates = [Template(stack, self) for stack in world["stacks"]]
        self.buckets, self.keys, self.roles, self.aliases, self.attached = {}, {}, {}, {}, {}
        #: The template that creates each role, by the ARN of the role.
        self.makers = {}
        for template in self.templates:
            self.read_buckets(template)
            self.read_keys(template)
            self.read_roles(template)
        for template in self.templates:
            self.read_bucket_policies(template)
            self.read_aliases(template)
            self.read_attached(template)
        self.apply_options()

    # Buckets ------------------------------------------------------------------------------------

    def read_buckets(self, template):
        for name, resource in template.of_type("S3::Bucket").items():
            get = resource.get("Properties", {}).get
            bucket = Bucket(template.reference(name), template.account, template.region, policy=[])
            bucket.encryption, bucket.bucket_key = self.encryption(template, get("BucketEncryption"))
            # "Blocking public access": new buckets have all four settings.
            block = template.value(get("PublicAccessBlockConfiguration", {"RestrictPublicBuckets": True}))
            bucket.block = {k: str(v).lower() == "true" for k, v in block.items()}
            if get("LoggingConfiguration"):
                logging = template.value(get("LoggingConfiguration"))
                if "DestinationBucketName" in logging:
                    bucket.logging = (logging["DestinationBucketName"], logging.get("LogFilePrefix", ""))
            self.buckets[bucket.name] = bucket

    @staticmethod
    def encryption(template, node):
        """S3 User Guide, "Setting default server-side encryption behavior for Amazon S3 buckets": the
        default is SSE-S3. SSE-KMS without a key uses the AWS managed key."""
        if node is None:
            return "AES256", False
        rules = template.maybe(node)
        if rules is None:
            rules = {
                "ServerSideEncryptionConfiguration": [
                    {
                        "ServerSideEncryptionByDefault": {
                            k: template.maybe(v)
                            for k, v in r.get("ServerSideEncryptionByDefault", {}).items()
                        },
                        "BucketKeyEnabled": r.get("BucketKeyEnabled", False),
                    }
                    for r in node.get("ServerSideEncryptionConfiguration", [])
                ]
            }
        for rule in rules.get("ServerSideEncryptionConfiguration", []):
            default = rule.get("ServerSideEncryptionByDefault", {})
            algorithm = default.get("SSEAlgorithm")
            bucket_key = str(rule.get("BucketKeyEnabled", False)).lower() == "true"
            if algorithm in ("aws:kms", "aws:kms:dsse"):
                known = "KMSMasterKeyID" not in default or default["KMSMasterKeyID"] is not None
                # S3 Bucket Keys are not supported for DSSE-KMS.
                bucket_key = bucket_key and algorithm == "aws:kms"
                return ("aws:kms", default.get("KMSMasterKeyID"), known), bucket_key
            if algorithm is None and "SSEAlgorithm" in default:
                return None, None
        return "AES256", False

    def read_bucket_policies(self, template):
        for resource in template.of_type("S3::BucketPolicy").values():
            name = template.maybe(resource["Properties"]["Bucket"])
            document = template.document(resource["Properties"]["PolicyDocument"])
            if name is None:
                continue
            bucket = self.buckets.get(name) or self.existing_bucket(name)
            bucket.policy = [document]
            # Only the owner's account can put the policy (S3 API Reference, "PutBucketPolicy").
            if bucket.account is None:
                bucket.account, bucket.region = template.account, template.region
            bucket.disputed = bucket.account != template.account
            self.buckets[name] = bucket

    def existing_bucket(self, name):
        """Returns a bucket that no template creates. Its owner is known if the configuration specifies it."""
        owner = self.world.get("owners", {}).get(name)
        bucket = Bucket(name, owner[0], owner[1]) if owner else Bucket(name)
        # The configuration determines the encryption of existing buckets.
        if name in self.world.get("existing", []):
            bucket.encryption = "AES256"
        return bucket

    def bucket(self, name):
        return self.buckets.get(name) or self.existing_bucket(name)

    # Keys ---------------------------------------------------------------------------------------

    def read_keys(self, template):
        for name, resource in template.of_type("KMS::Key", "KMS::ReplicaKey").items():
            get = resource.get("Properties", {}).get
            document = get("KeyPolicy")
            policy = template.document(document) if document else default_key_policy(template.account)
            self.keys[template.attribute(name, "Arn")] = Key(
                template.attribute(name, "Arn"),
                template.account,
                policy=[policy],
                usable=usable(template, get),
                tags=tags_of(template.maybe(get("Tags", []))),
                aliases=[],
                properties=key_properties(template, resource["Type"], get),
            )

    def read_aliases(self, template):
        for resource in template.of_type("KMS::Alias").values():
            name = template.maybe(resource["Properties"]["AliasName"])
            target = template.maybe(resource["Properties"]["TargetKeyId"])
            if target is None or name is None:
                continue
            arn = f"arn:aws:kms:{template.region}:{template.account}:key/{target.rsplit('/', 1)[-1]}"
            if arn in self.keys:
                self.keys[arn].aliases.append(name)
                self.aliases[(template.account, template.region, name)] = arn

    # Roles --------------------------------------------------------------------------------------

    def read_roles(self, template):
        for name, resource in template.of_type("IAM::Role").items():
            get = resource.get("Properties", {}).get
            role = Role(template.attribute(name, "Arn"), template.account)
            role.trust = [template.document(get("AssumeRolePolicyDocument"))]
            role.tags = tags_of(template.maybe(get("Tags", [])))
            for policy in get("Policies", []):
                role.identity.append(template.document(policy["PolicyDocument"]))
            for arn in get("ManagedPolicyArns", []):
                role.identity.append(self.managed_policy(template, arn))
            if get("PermissionsBoundary"):
                role.boundary = [self.managed_policy(template, get("PermissionsBoundary"))]
            self.roles[role.arn], self.makers[role.arn] = role, template

    def managed_policy(self, template, node):
        """Returns the document of a managed policy in the same template. Others are unknown."""
        arn = template.maybe(node)
        for name, resource in template.of_type("IAM::ManagedPolicy").items():
            if template.reference(name) == arn:
                return template.document(resource["Properties"]["PolicyDocument"])
        return None

    def read_attached(self, template):
        """Reads policies that are attached to roles by name."""
        for resource in template.of_type("IAM::ManagedPolicy", "IAM::Policy", "IAM::RolePolicy").values():
            get = resource["Properties"].get
            for node in [*get("Roles", []), *([get("RoleName")] if get("RoleName") else [])]:
                name = template.maybe(node)
                arns = [a for a, r in self.roles.items() if r.account == template.account and r.name == name]
                for arn in arns:
                    self.roles[arn].identity.append(template.document(get("PolicyDocument")))
                if not arns and name:
                    attached = self.attached.setdefault((template.account, name), [])
                    attached.append(template.document(get("PolicyDocument")))

    def maker(self, arn):
        """Returns the template that creates a role."""
        return self.makers.get(arn)

    def role(self, arn):
        """Returns a role by its ARN. A role that no template creates has unknown policies."""
        if arn is None:
            return Role(None, None, identity=[None], boundary=[None])
        if arn not in self.roles:
            account = arn.split(":")[4]
            role = Role(arn, account)
            # "IAM and AWS STS quotas": role names are unique in an account, regardless of
            # paths. If a role has this name and another path, this role does not exist.
            if any(r.account == account and r.name == role.name for r in self.roles.values()):
                role.trust, role.exists, self.roles[arn] = [], False, role
                return role
            attached = self.attached.get((account, role.name), [])
            role.identity, role.boundary = [*attached, None], [None]
            self.roles[arn] = role
            self.apply_role_options(role)
        return self.roles[arn]

    # Options ---------------------------------------------------------------------------------------

    def apply_options(self):
        for name, document in self.options.get("policies", {}).items():
            documents = [] if document is None else [document]
            if name in self.keys:
                self.keys[name].policy = documents
            elif not name.startswith("arn:"):
                bucket = self.bucket(name)
                bucket.policy = documents
                self.buckets[name] = bucket
        for role in self.roles.values():
            self.apply_role_options(role)

    def apply_role_options(self, role):
        identities = self.options.get("identities", {})
        boundaries = self.options.get("boundaries", {})
        policies = self.options.get("policies", {})
        if role.name in identities:
            given = identities[role.name]
            role.identity = [d for d in role.identity if d is not None]
            role.identity += [] if given is None else given if isinstance(given, list) else [given]
        if role.name in boundaries:
            given = boundaries[role.name]
            role.boundary = [] if given is None else [given]
        if role.arn in policies:
            role.trust = [policies[role.arn]]


def usable(template, get):
    """Returns whether S3 can encrypt with a key. S3 User Guide, "Using server-side encryption with AWS
    KMS keys": S3 supports only symmetric encryption keys. AWS KMS Developer Guide, "Key states of AWS
    KMS keys": a disabled key is unusable, and so is a key without imported key material. The key
    material may have been imported after the deployment."""
    enabled = template.maybe(get("Enabled", True))
    spec = template.maybe(get("KeySpec", "SYMMETRIC_DEFAULT"))
    material = template.maybe(get("Origin", "AWS_KMS")) == "AWS_KMS" or None
    return both(
        [
            None if enabled is None else str(enabled).lower() == "true",
            None if spec is None else spec == "SYMMETRIC_DEFAULT",
            material,
        ]
    )


def key_properties(template, kind, get):
    """Returns the condition keys for key properties (AWS KMS Developer Guide, "Condition keys for AWS KMS")."""
    if kind != "AWS::KMS::Key":
        return {}
    defaults = {
        "kms:keyspec": ("KeySpec", "SYMMETRIC_DEFAULT"),
        "kms:keyusage": ("KeyUsage", "ENCRYPT_DECRYPT"),
        "kms:keyorigin": ("Origin", "AWS_KMS"),
        "kms:multiregion": ("MultiRegion", "false"),
    }
    found = {}
    for name, (element, default) in defaults.items():
        value = template.maybe(get(element, default))
        if value is not None:
            found[name] = [str(value).lower() if isinstance(value, bool) else str(value)]
    return found


def tags_of(tags):
    return None if tags is None else {t["Key"]: t["Value"] for t in tags}
