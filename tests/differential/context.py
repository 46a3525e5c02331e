"""The condition keys of each call: known, absent, present with an unknown value, or unknown.

Global keys follow their "Availability" in the IAM User Guide, "AWS global condition context keys".
Service-specific keys follow the Service Authorization Reference, which lists them for each action. A
key that an action does not have is absent. An undocumented key is unknown.
"""

from policy import ABSENT, PRESENT, UNKNOWN

WRITE = {"s3:putobject"}
ACL = {"s3:putobject", "s3:putobjectacl", "s3:putobjectversionacl"}
VERSION = {"s3:getobjectversion", "s3:getobjectversiontagging", "s3:putobjectversionacl"}
TAGGED = VERSION | ACL - WRITE | {"s3:getobject", "s3:getobjecttagging", "s3:putobjecttagging"}
CRYPTOGRAPHIC = {"kms:generatedatakey", "kms:decrypt"}

#: Keys that are absent for roles, because AWS includes them only for other types of callers.
ABSENT_FOR_ROLES = {
    "aws:username",  # IAM users
    "aws:referer",  # browsers; "not included for programmatic requests"
    "aws:federatedprovider",  # federated users
    "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths",  # service principals
    "aws:principalservicename", "aws:principalservicenameslist",  # service principals
    "aws:ec2instancesourcevpc", "aws:ec2instancesourceprivateipv4",  # roles of EC2 instances
    "aws:assumedroot",  # sts:AssumeRoot
}  # fmt: skip
#: "Always included", or always with temporary credentials, but with an undocumented value.
PRESENT_FOR_ROLES = {
    "aws:currenttime", "aws:epochtime", "aws:useragent", "aws:userid",
    "aws:tokenissuetime", "aws:multifactorauthpresent",
}  # fmt: skip
#: The new and the old prefix of AWS CodeConnections.
CONNECTIONS = {"codeconnections", "codestar-connections"}
#: Present only with temporary credentials.
TEMPORARY = {"aws:tokenissuetime", "aws:multifactorauthpresent"}


class Request:
    """One request: its caller, action, resource, and context."""

    def __init__(self, call):
        self.call, self.caller = call, call.caller
        self.action, self.resource = call.action, call.resource
        self.cache = {}

    def key(self, name):
        name = name.lower()
        if name not in self.cache:
            self.cache[name] = self.find(name)
        return self.cache[name]

    def find(self, name):
        action, service = self.action.lower(), self.action.split(":")[0]
        prefix = name.split(":")[0]
        if prefix == "aws":
            return self.of_service(name) if self.caller.service else self.of_role(name)
        if {prefix, service} <= CONNECTIONS:
            return UNKNOWN  # AWS does not document which of the prefixes the keys have.
        if prefix != service:
            return ABSENT  # Service-specific keys apply only to requests to that service.
        if prefix == "s3":
            return self.of_s3(name, action)
        if prefix == "kms":
            return self.of_kms(name, action)
        if name == "sts:externalid":
            return ABSENT  # A pipeline action cannot specify an external ID.
        if name == "sts:rolesessionname":
            return PRESENT
        return UNKNOWN

    # Global keys --------------------------------------------------------------------------------

    def common(self, name):
        """Returns the value of a key that does not depend on the type of caller."""
        call = self.call
        if name in ("aws:currenttime", "aws:epochtime", "aws:useragent"):
            return PRESENT
        if name == "aws:securetransport":
            return ["true"]  # CodePipeline's own bucket policies deny anything else.
        if name == "aws:resourceaccount":
            return [call.owner] if call.owner_known else PRESENT
        if name == "aws:requestedregion":
            return [call.region] if call.region else PRESENT
        if name == "aws:resourceorgid" and call.organization:
            return [call.organization]
        if name.startswith("aws:resourcetag/"):
            if call.key is not None and call.key.managed:
                return ABSENT  # An AWS managed key cannot be tagged.
            return self.tag(call.tags, name)
        if name.startswith("aws:requesttag/") or name == "aws:tagkeys":
            # Calls on buckets and keys do not pass tags. Session tags are not documented.
            return UNKNOWN if self.action.startswith("sts:") else ABSENT
        return UNKNOWN

    @staticmethod
    def tag(tags, name):
        # CloudFormation also applies the tags of the stack.
        wanted = name.split("/", 1)[1]
        found = [v for k, v in (tags or {}).items() if k.lower() == wanted]
        return found[:1] or UNKNOWN

    def of_role(self, name):
        caller, call = self.caller, self.call
        known = {
            "aws:principalarn": caller.arn,
            "aws:principalaccount": caller.account,
            "aws:principaltype": "Account" if caller.root else "AssumedRole",
            "aws:principalisawsservice": "false",
            # A service role does not make its calls "via" a service. S3 makes the KMS calls on
            # behalf of the role, so these are "via" S3 ("Forward access sessions").
            "aws:viaawsservice": "true" if call.via_s3 else "false",
        }
        if name in known:
            return [known[name]] if known[name] else PRESENT
        if name == "aws:principalorgid" and call.organization:
            return [call.organization]
        if name in PRESENT_FOR_ROLES:
            # It is unknown whether a root user has temporary credentials.
            return UNKNOWN if caller.root and name in TEMPORARY else PRESENT
        if name in ABSENT_FOR_ROLES:
            return ABSENT
        if name.startswith("aws:calledvia"):
            # "Not present if the service uses a service role". S3 calls KMS with the session of the
            # role.
            return UNKNOWN if call.via_s3 else ABSENT
        if name.startswith("aws:principaltag/"):
            return ABSENT if caller.root else self.tag(caller.tags, name)
        return self.common(name)

    def of_service(self, name):
        """Returns the value of a key for a call by a service principal."""
        known = {
            "aws:principalisawsservice": "true",
            "aws:principalservicename": self.caller.service,
            **self.call.source,
        }
        if name in known:
            return [known[name]]
        if name in ("aws:principalarn", "aws:principalaccount", "aws:username", "aws:referer"):
            return ABSENT
        if name.startswith("aws:calledvia") or name == "aws:federatedprovider":
            return ABSENT  # Present only in calls with the credentials of an IAM principal.
        if name == "aws:principalservicenameslist":
            return PRESENT
        if name.startswith("aws:principaltag/") or name.startswith("aws:principalorg"):
            return ABSENT
        return self.common(name)

    # Keys of the services -------------------------------------------------------------------------

    def of_s3(self, name, action):
        """Returns the value of a key ("Actions, resources, and condition keys for Amazon S3")."""
        call = self.call
        if name == "s3:resourceaccount":
            return [call.owner] if call.owner_known else PRESENT
        if name in ("s3:tlsversion", "s3:authtype", "s3:signatureversion"):
            return PRESENT
        if name == "s3:signatureage":
            return UNKNOWN  # Applies to presigned URLs.
        if name == "s3:x-amz-server-side-encryption":
            return call.headers.get("encryption", ABSENT) if action in WRITE else ABSENT
        if name == "s3:x-amz-server-side-encryption-aws-kms-key-id":
            return call.headers.get("key", ABSENT) if action in WRITE else ABSENT
        if name == "s3:x-amz-acl":
            # AWS does not document the ACL that CodePipeline sets on artifacts.
            default = UNKNOWN if action != "s3:putobject" or self.caller.service else ABSENT
            return call.headers.get("acl", default) if action in ACL else ABSENT
        if name == "s3:versionid":
            return PRESENT if action in VERSION else ABSENT
        if name in ("s3:prefix", "s3:delimiter", "s3:max-keys"):
            return UNKNOWN if action == "s3:listbucket" else ABSENT
        if name.startswith("s3:existingobjecttag/"):
            return UNKNOWN if action in TAGGED else ABSENT
        if name.startswith("s3:requestobjecttag"):
            return UNKNOWN if action in WRITE | {"s3:putobjecttagging"} else ABSENT
        if name in ("s3:dataaccesspointarn", "s3:dataaccesspointaccount", "s3:accesspointnetworkorigin"):
            return ABSENT  # The pipeline uses buckets, not access points.
        if name == "s3:locationconstraint":
            return ABSENT  # Present only in s3:CreateBucket.
        return UNKNOWN

    def of_kms(self, name, action):
        call = self.call
        if name == "kms:calleraccount":
            return [self.caller.account] if self.caller.account else PRESENT
        if name == "kms:viaservice":
            if call.via_s3 is None:
                return UNKNOWN
            if not call.via_s3:
                return UNKNOWN if action == "kms:describekey" else ABSENT
            return [f"s3.{call.region}.amazonaws.com"] if call.region else PRESENT
        if name.startswith("kms:encryptioncontext:"):
            if action not in CRYPTOGRAPHIC:
                return ABSENT
            if name != "kms:encryptioncontext:aws:s3:arn":
                return UNKNOWN
            if call.via_s3 is None:
                return UNKNOWN
            return call.encryption_context or PRESENT
        if name == "kms:encryptioncontextkeys":
            # Contains at least aws:s3:arn. An upload may add other keys.
            return PRESENT if action in CRYPTOGRAPHIC else ABSENT
        if name == "kms:encryptionalgorithm":
            return ["SYMMETRIC_DEFAULT"] if action in CRYPTOGRAPHIC else ABSENT
        if name == "kms:resourcealiases":
            aliases = call.key.aliases
            return UNKNOWN if aliases is None else (list(aliases) or ABSENT)
        if name == "kms:requestalias":
            return UNKNOWN if call.key.by_alias else ABSENT
        if name in ("kms:keyspec", "kms:keyusage", "kms:keyorigin", "kms:multiregion"):
            return call.key.properties.get(name) or PRESENT
        if name == "kms:bypasspolicylockoutsafetycheck":
            return UNKNOWN if action == "kms:putkeypolicy" else ABSENT
        if name.startswith(("kms:grant", "kms:retiring", "kms:bypass", "kms:wrapping", "kms:datakeypair")):
            return ABSENT  # Keys of CreateGrant, PutKeyPolicy, and other operations.
        return UNKNOWN
