"""Random worlds: a synthesized configuration with several mutations, determined by a seed."""

import copy
import random

from mutate_pipeline import Pipeline
from mutate_policies import Policies
from mutate_resources import Resources
from mutator import statements_of
from pieces import BUCKET


def whole_arns(document):
    """Replaces incomplete ARNs, which AWS rejects in service control policies."""
    for statement in statements_of(document):
        for element in ("Resource", "NotResource"):
            if element in statement:
                values = statement[element]
                values = values if isinstance(values, list) else [values]
                statement[element] = [v if v == "*" or v.count(":") >= 5 else "*" for v in values]
    return document


class Mutations(Policies, Resources, Pipeline):
    """All mutations. This class adds the mutations of options."""

    def add_boundary(self):
        name = self.rng.choice(self.role_names())
        self.world["options"]["boundaries"][name] = self.document()
        return f"--boundary {name}"

    def boundary_in_template(self):
        stack, name, role = self.rng.choice(self.resources("IAM::Role"))
        if self.rng.random() < 0.4:
            role["Properties"]["PermissionsBoundary"] = f"arn:aws:iam::{stack['account']}:policy/unseen"
            return f"{stack['name']}/{name}: a boundary that is not provided"
        limit = f"Limit{len(stack['template']['Resources'])}"
        stack["template"]["Resources"][limit] = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"ManagedPolicyName": limit.lower(), "PolicyDocument": self.document()},
        }
        role["Properties"]["PermissionsBoundary"] = {"Ref": limit}
        return f"{stack['name']}/{name}: a boundary"

    def add_scp(self):
        """Adds one or two levels of service control policies, each a document or a list."""
        for _ in range(self.rng.choice([1, 1, 2])):
            level = [whole_arns(self.document()) for _ in range(self.rng.choice([1, 1, 1, 2]))]
            self.world["options"]["scps"].append(level if len(level) > 1 else level[0])
        return f"--scp, {len(self.world['options']['scps'])} levels"

    def add_rcp(self):
        statement = self.new_statement(BUCKET)
        # Resource control policies cannot have NotAction.
        statement.setdefault("Action", statement.pop("NotAction", None))
        statement.update({"Effect": "Deny", "Principal": "*", "Resource": "*"})
        self.world["options"]["rcps"].append({"Version": "2012-10-17", "Statement": [statement]})
        return "--rcp"

    def give_identity(self):
        name = self.rng.choice(self.role_names())
        self.world["options"]["identities"][name] = self.rng.choice(
            [None, self.document(), self.document(("Deny",))]
        )
        return f"--identity {name}"

    def forget_option(self):
        given = [(k, n) for k in ("policies", "identities", "boundaries") for n in self.world["options"][k]]
        if not given:
            return None
        kind, name = self.rng.choice(given)
        del self.world["options"][kind][name]
        return f"without the option of {name}"


def name_no_policies(world):
    """Replaces `--identity ROLE=none` if the role has a policy that no template creates, which is an error."""
    nothing = {"Effect": "Allow", "Action": "codepipeline:ListPipelines", "Resource": "*"}
    given = world["options"]["identities"]
    for stack in world["stacks"]:
        for resource in stack["template"]["Resources"].values():
            name = resource.get("Properties", {}).get("RoleName")
            if isinstance(name, str) and name in given and given[name] is None:
                if resource["Properties"].get("ManagedPolicyArns"):
                    given[name] = {"Version": "2012-10-17", "Statement": [nothing]}


#: Mutations with their weights.
MUTATIONS = {
    "drop_statement": 4, "duplicate_statement": 3, "flip_effect": 2, "change_action": 5, "change_resource": 4,
    "change_principal": 6, "add_condition": 8, "drop_condition": 2, "add_statement": 8, "change_version": 2,
    "change_encryption": 6, "change_store_key": 3, "disable_key": 2, "drop_key_policy": 1, "drop_alias": 1,
    "make_conditional": 2, "write_with_functions": 3, "inline_policy": 2, "drop_resource": 2, "block_public_access": 1, "tag": 3, "attach_unknown_policy": 1, "move_role": 1,
    "give_action_a_role": 4, "take_role_from_action": 2, "add_action": 3, "change_deploy": 4, "change_source": 1, "change_safety": 2,
    "role_by_parameter": 1, "store_by_parameter": 1, "move_bucket": 3, "add_boundary": 2, "boundary_in_template": 2,
    "add_scp": 3, "add_rcp": 3, "give_identity": 2, "forget_option": 2,
}  # fmt: skip


def world(seed, bases, only=None):
    """Returns the world of a seed."""
    rng = random.Random(seed)
    found = copy.deepcopy(bases[rng.choice(sorted(bases))])
    shared = {}
    for stack in found["stacks"]:  # Instances share their template.
        stack["template"] = shared.setdefault(stack["name"], stack["template"])
    mutator, done = Mutations(found, rng), []
    names = [n for n in MUTATIONS if only is None or n in only]
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 6])):
        name = rng.choices(names, [MUTATIONS[n] for n in names])[0]
        what = getattr(mutator, name)()
        if what:
            done.append(f"{name}: {what}")
    name_no_policies(found)
    return {"seed": seed, **found, "mutations": done}
