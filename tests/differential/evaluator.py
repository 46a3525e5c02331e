"""The second evaluator. It decides every call in the pipeline run of a world."""

from dataclasses import replace

from context import Request
from policy import action_matches, as_list, both, either, evaluate, negate, principals
from run import Run
from templates import Role, World

#: Services in a run whose resources are subject to resource control policies (AWS Organizations
#: User Guide, "List of AWS services that support RCPs").
RCP_SERVICES = ("s3", "sts", "kms", "logs", "secretsmanager", "codebuild", "codepipeline", "cloudfront")


FULL_ACCESS = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def levels(documents):
    """Returns the policies of an organization, one list per level."""
    return [as_list(level) for level in documents]


def decide(call, options):
    """Returns the decision on one call (True, False, or None) and its reasons.

    A resource with an unknown owner may belong to the caller's account or to another account.
    """
    if call.unknown:
        return None, [call.unknown]
    if call.step == "administer":
        # Organizations often deny all actions to root users. It is sufficient that an
        # administrator of the account can make the call.
        root, reasons = decide_with(call, options)
        administrator = Role(f"arn:aws:iam::{call.owner}:role/administrator", call.owner,
                             identity=[FULL_ACCESS])  # fmt: skip
        other, more = decide_with(replace(call, caller=administrator), options)
        return True if other is True else root, [*reasons, "or", *more]
    if call.owner is not None or call.caller.service:
        return decide_with(call, options)
    assumed = [replace(call, owner=owner, owner_known=False) for owner in (call.caller.account, "another")]
    (own, reasons), (other, more) = (decide_with(c, options) for c in assumed)
    return own if own == other else None, [*reasons, "or", *more]


def decide_with(call, options):
    caller, request, reasons = call.caller, Request(call), []
    if call.resource is None or (caller.arn is None and not caller.service):
        return None, ["the caller or the resource is unknown"]
    if call.bucket is not None and call.bucket.disputed:
        return None, ["the bucket policy is in another account"]
    if not caller.exists or (call.role and not call.role.exists):
        return False, ["there is no role with this ARN"]
    service = call.action.split(":")[0]

    def note(name, value):
        reasons.append(f"{name}: {({True: 'yes', False: 'no', None: '?'})[value]}")
        return value

    resource = evaluate(call.policy, request, True)
    denies = [note("denied by the resource's policy", resource.deny)]
    # "Resource control policies (RCPs)": every level has RCPFullAWSAccess, so only denials count.
    # RCPs do not apply to AWS managed keys.
    if service in RCP_SERVICES and not (call.key and call.key.managed):
        for level in levels(options.get("rcps", [])) if call.owner in call.accounts else []:
            denies.append(note("denied by an RCP", evaluate(level, request, True).deny))
    if caller.service:
        # "IAM JSON policy elements: Principal": a service principal needs the resource's policy.
        allowed = note("allowed by the resource's policy", resource.allows("service", "everyone"))
        known = foreign(call, options, note)
        return both([allowed, *map(negate, denies), *limits(call, note), *known]), reasons

    # "AWS account root user": it has full access to its account. Only SCPs limit it.
    identity = evaluate([FULL_ACCESS] if caller.root else caller.identity, request, False)
    allowed_by_identity = note("allowed by the identity's policies", identity.allows("identity"))
    denies.append(note("denied by the identity's policies", identity.deny))
    boundary = True
    if caller.boundary:
        grants = evaluate(caller.boundary, request, False)
        boundary = note("within the boundary", grants.allows("identity"))
        denies.append(note("denied by the boundary", grants.deny))
    # "SCP evaluation": every level must allow, and none may deny.
    scps = []
    for level in levels(options.get("scps", [])) if caller.account in call.accounts else []:
        grants = evaluate(level, request, False)
        scps.append(note("allowed by an SCP's level", grants.allows("identity")))
        denies.append(note("denied by an SCP", grants.deny))

    by_identity = both([allowed_by_identity, boundary])
    # "Policy evaluation logic", "Resource-based policies and implicit denies in other policy
    # types": the boundary limits a grant to the role, but not a grant to the session. "AWS JSON
    # policy elements: Principal": it does not limit a grant to everyone either, regardless of its
    # condition.
    direct = either([both([resource.allows("role"), boundary]), resource.allows("session", "everyone")])
    any_grant = resource.allows("role", "everyone", "session", "account")
    if call.step == "administer" and any_grant is False:
        any_grant = names_another(call, request)
        resource.allow["account"] = any_grant
    note("the resource's policy allows the role", resource.allows("role", "everyone", "session"))
    note("the resource's policy allows the account", resource.allows("account"))
    if service in ("kms", "sts"):
        # "Key policies": IAM policies alone never grant access. The account principal delegates to
        # IAM policies. The same applies to trust policies.
        same = either([direct, both([resource.allows("account"), by_identity])])
    else:
        same = either([direct, by_identity])
    # "Cross-account policy evaluation logic": both sides must allow.
    cross = both([any_grant, by_identity])
    if call.owner is None or caller.account is None:
        base = same if same == cross else None
        reasons.append("accounts: unknown")
    else:
        base = same if call.owner == caller.account else cross
        reasons.append(f"accounts: {caller.account} calls {call.owner}")
    known = foreign(call, options, note)
    return both([base, *scps, *map(negate, denies), *limits(call, note), *known]), reasons


def foreign(call, options, note):
    """Control policies are provided only for the accounts of the stacks."""
    if options.get("scps") and not call.caller.service and call.caller.account not in call.accounts:
        yield note("allowed by the SCPs of the caller's account", None)
    if options.get("rcps") and not call.caller.service and call.owner not in call.accounts:
        yield note("allowed by the RCPs of the resource's account", None)


def names_another(call, request):
    """Returns whether another principal, which may deploy the key, can change the key policy."""
    for document in call.policy:
        for statement in as_list((document or {}).get("Statement", [])):
            if statement["Effect"] == "Allow" and action_matches(statement, call.action):
                for kind, value in principals(statement.get("Principal", {})):
                    other = value is None or f":{call.owner}:" in value and not value.endswith(":root")
                    if kind == "AWS" and other:
                        return None
    return False


#: With a fixed value of one of these keys, S3 does not consider a grant to everyone public.
FIXED = ("aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths",
         "aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner",
         "aws:sourceaccount", "aws:userid", "s3:x-amz-server-side-encryption-aws-kms-key-id",
         "s3:dataaccesspointarn", "s3:dataaccesspointaccount")  # fmt: skip


def is_public(document):
    """Returns whether S3 considers a bucket policy public (S3 User Guide, "The meaning of 'public'")."""
    found = [False]
    for statement in as_list(document.get("Statement", [])):
        named = principals(statement.get("Principal", {}))
        if statement["Effect"] != "Allow" or ("AWS", "*") not in named:
            continue
        public = True
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                if key.lower() not in FIXED:
                    continue
                # AWS does not document the effect of negated operators, IfExists, and set
                # operators.
                plain = operator in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress")
                fixed = not any(c in str(v) for v in as_list(values) for c in ("*", "?", "${"))
                public = (
                    False
                    if plain and fixed and public is not False
                    else public if plain else (public if public is False else None)
                )
        found.append(public)
    return either(found)


def limits(call, note):
    """Yields the conditions that AWS checks for a call, regardless of policies."""
    key = call.key
    if key is not None:
        if not key.exists:
            yield note("the key can be found", False)
        if call.action in ("kms:GenerateDataKey", "kms:Decrypt"):
            # "Key states of AWS KMS keys": an unusable key can still be described and changed.
            yield note("the key is usable", key.usable)
            # S3 User Guide, "Using server-side encryption with AWS KMS keys": the key must be in
            # the bucket's region.
            region = key.arn and key.arn.split(":")[3]
            here = None if region is None or call.region is None else region == call.region
            yield note("the key is in the bucket's region", here)
    bucket = call.bucket
    other = bucket is not None and not call.caller.service and call.caller.account != call.owner
    if other and None not in bucket.policy:
        # S3 User Guide, "Blocking public access": RestrictPublicBuckets blocks all cross-account
        # access to a bucket with a public policy.
        restricted = bucket.block.get("RestrictPublicBuckets", False if bucket.block else None)
        open_to_all = either(is_public(d) for d in bucket.policy)
        known = True if call.owner_known else None
        yield note("not a restricted public bucket", negate(both([restricted, open_to_all, known])))


def verdicts(world):
    """Returns every call in a world with its decision."""
    options = world.get("options", {})
    found = []
    for call in Run(World(world)).calls:
        decision, reasons = decide(call, options)
        found.append(
            {
                "step": call.step,
                "caller": call.caller.service or call.caller.arn or "?",
                "action": call.action,
                "resource": call.resource or "?",
                "account": call.owner or "?",
                "strength": call.strength,
                "decision": {True: "Allowed", False: "Denied", None: "Unproven"}[decision],
                "because": "; ".join(reasons),
            }
        )
    return found


if __name__ == "__main__":
    import json
    import sys

    for line in sys.stdin:
        for verdict in verdicts(json.loads(line)):
            print(json.dumps(verdict))
