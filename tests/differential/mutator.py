"""Helpers for mutations: search in templates, and random parts of policies."""

from bases import HERE, PROD
from pieces import ACCOUNTS, ACTIONS, ARTIFACTS, IDENTITY, KEY, KINDS, ROLES, TRUST, TRUST_ACTIONS, condition

#: The properties that contain policies.
DOCUMENTS = ("KeyPolicy", "PolicyDocument", "AssumeRolePolicyDocument")


def statements_of(document):
    """Returns the statements of a document as a list."""
    if isinstance(document["Statement"], dict):
        document["Statement"] = [document["Statement"]]
    return document["Statement"]


def is_function(node):
    return isinstance(node, dict) and len(node) == 1 and next(iter(node)).startswith(("Fn::", "Ref"))


def replace_references(node, name, reference, arn):
    """Replaces references to a removed resource with its name and ARN."""
    if isinstance(node, list):
        return [replace_references(n, name, reference, arn) for n in node]
    if not isinstance(node, dict):
        return node
    if node == {"Ref": name}:
        return reference
    if node == {"Fn::GetAtt": [name, "Arn"]}:
        return arn
    found = {k: replace_references(v, name, reference, arn) for k, v in node.items() if k != "DependsOn"}
    if "DependsOn" in node:
        depends = node["DependsOn"]
        found["DependsOn"] = [d for d in ([depends] if isinstance(depends, str) else depends) if d != name]
    return found


class Mutator:
    """Mutates a world in place. Each mutation returns a description, or None if it does not apply."""

    def __init__(self, world, rng):
        self.world, self.rng = world, rng

    # Search ---------------------------------------------------------------------------------------

    def templates(self):
        """Returns each template once. A template with several instances is in several stacks."""
        found = {}
        for stack in self.world["stacks"]:
            found.setdefault(stack["name"], stack)
        return found

    def resources(self, *types):
        return [
            (stack, name, resource)
            for stack in self.templates().values()
            for name, resource in stack["template"]["Resources"].items()
            if resource["Type"].removeprefix("AWS::") in types
        ]

    def forget(self, stack, name, reference=None, arn=None):
        """Removes a resource from a template and replaces references with its name."""
        resource = stack["template"]["Resources"].pop(name)
        template = replace_references(stack["template"], name, reference, arn)
        for instance in self.instances(stack):
            instance["template"] = template
        return resource

    def instances(self, stack):
        return [s for s in self.world["stacks"] if s["name"] == stack["name"]]

    def documents(self):
        """Returns every policy: its location, document, and kind."""
        found = []
        for stack, name, resource in self.resources(
            "KMS::Key",
            "KMS::ReplicaKey",
            "S3::BucketPolicy",
            "IAM::Role",
            "IAM::ManagedPolicy",
            "IAM::Policy",
            "IAM::RolePolicy",
        ):
            properties = resource["Properties"]
            for element in DOCUMENTS:
                if element in properties:
                    kind = KINDS[resource["Type"].rsplit(":", 1)[-1]]
                    found.append((f"{stack['name']}/{name}", properties[element], kind))
            for policy in properties.get("Policies", []):
                found.append((f"{stack['name']}/{name}/inline", policy["PolicyDocument"], IDENTITY))
        return found

    def statement(self):
        where, document, kind = self.rng.choice(self.documents())
        statements = statements_of(document)
        index = self.rng.choice([i for i, s in enumerate(statements) if not is_function(s)] or [-1])
        return (f"{where}[{index}]", statements, index, kind) if index >= 0 else self.statement()

    def pipeline(self):
        found = self.resources("CodePipeline::Pipeline")
        return self.rng.choice(found) if found else None

    def actions(self, provider=None):
        found = []
        for stack, _, pipeline in self.resources("CodePipeline::Pipeline"):
            for stage in pipeline["Properties"]["Stages"]:
                for action in stage["Actions"]:
                    if provider is None or action["ActionTypeId"]["Category"] == provider:
                        found.append((stack, stage, action))
        return found

    def role_arns(self):
        found = []
        for stack, _, role in self.resources("IAM::Role"):
            name, path = role["Properties"].get("RoleName"), role["Properties"].get("Path", "/")
            if isinstance(name, str):
                found.append(f"arn:aws:iam::{stack['account']}:role{path}{name}")
        return found or ROLES[:1]

    def role_names(self):
        return [arn.rsplit("/", 1)[-1] for arn in self.role_arns()]

    # Random parts of policies ----------------------------------------------------------------------

    def principal(self):
        rng = self.rng
        role = rng.choice(self.role_arns())
        account = rng.choice(ACCOUNTS)
        session = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/").split("/")
        pieces = [
            role,
            role,
            f"arn:aws:iam::{account}:root",
            account,
            f"{session[0]}/{session[-1]}/1587534327984",
            f"arn:aws:iam::{account}:role/nobody",
        ]
        kind = rng.random()
        if kind < 0.12:
            return "*"
        if kind < 0.2:
            return {"AWS": "*"}
        if kind < 0.26:
            return {"Service": rng.choice(["codepipeline.amazonaws.com", "s3.amazonaws.com"])}
        chosen = rng.sample(pieces, rng.choice([1, 1, 2, 3]))
        return {"AWS": chosen[0] if len(chosen) == 1 else chosen}

    def resource(self, kind):
        rng = self.rng
        if kind == KEY:
            return "*"
        buckets = [ARTIFACTS, "codepipeline-input-bucket", "codepipeline-output-bucket"]
        bucket = rng.choice(buckets)
        found = [
            "*",
            f"arn:aws:s3:::{bucket}",
            f"arn:aws:s3:::{bucket}/*",
            [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            f"arn:aws:s3:::{ARTIFACTS}/?rossaccountdeploy/*",
            f"arn:aws:s3:::{bucket}/*.html",
            f"arn:aws:s3:::{bucket.upper()}/*",
            "arn:aws:s3:::*",
            "arn:aws:s3:::codepipeline-${aws:PrincipalTag/team}-bucket/*",
            f"arn:aws:s3:::{bucket}/${{aws:PrincipalAccount}}/*",
        ]
        if kind == IDENTITY:
            found += [
                "arn:aws:kms:*:111111111111:key/*",
                f"arn:aws:kms:{HERE}:*:key/*",
                f"arn:aws:iam::{PROD}:role/*",
                "arn:aws:iam::*:role/prods3role",
                "arn:aws:s3",
                "arn:aws:kms:*",
            ]
        return rng.choice(found)

    def new_statement(self, kind):
        rng = self.rng
        actions = TRUST_ACTIONS if kind == TRUST else ACTIONS
        statement = {"Effect": rng.choice(["Allow", "Deny", "Deny"])}
        if kind != IDENTITY:
            statement["Principal"] = self.principal()
        if kind != TRUST and rng.random() < 0.1:
            statement["NotAction"] = rng.sample(actions[1:], 2)
        else:
            statement["Action"] = rng.sample(actions, rng.choice([1, 1, 2]))
        if kind != TRUST:
            statement["Resource"] = self.resource(kind)
        if statement["Effect"] == "Deny" or rng.random() < 0.6:
            statement["Condition"] = condition(rng, kind == IDENTITY)
        return statement

    def document(self, effects=("Allow", "Deny")):
        """Returns an identity-based policy that allows most actions, with some restrictions."""
        rng = self.rng
        statements = []
        if "Allow" in effects:
            most = [
                ["s3:*", "kms:*", "sts:*", "codepipeline:*"],
                ["s3:*", "kms:Decrypt", "sts:*"],
                ["s3:*", "kms:*"],
            ]
            statements.append({"Effect": "Allow", "Action": rng.choice(["*", "*", *most]), "Resource": "*"})
        if rng.random() < 0.7:
            statements.append({**self.new_statement(IDENTITY), "Effect": rng.choice(effects)})
        return {"Version": "2012-10-17", "Statement": statements or [self.new_statement(IDENTITY)]}
