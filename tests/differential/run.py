"""The calls in a pipeline run, each with its strength.

*Needed*: the run fails without the call. *Documented*: the permission lists of AWS contain the call,
but runs are known to succeed without it.
"""

import re
from dataclasses import dataclass, field, replace

from templates import Key, Role

NEEDED, DOCUMENTED = "needed", "documented"
#: An object that represents every artifact, and a file that represents every deployed file.
ARTIFACT, FILE = "aB3dE5f", "index.html"
#: The ID of a build, which is the name of its log stream, and the random end of the ARN of a secret. The
#: executions of state machines also have such IDs.
BUILD_ID, SECRET_SUFFIX = "11111111-2222-3333-4444-555555555555", "-aB3dE5"
BUCKET_READS = ["s3:GetBucketVersioning", "s3:GetBucketAcl", "s3:GetBucketLocation"]


@dataclass
class Call:
    step: str
    caller: Role
    action: str
    #: None if unknown.
    resource: str | None
    strength: str
    owner: str | None = None
    region: str | None = None
    #: Policies of the resource. None represents an unknown policy.
    policy: list = field(default_factory=list)
    tags: dict | None = None
    bucket: object = None
    key: Key | None = None
    #: None if unknown.
    via_s3: bool | None = False
    headers: dict = field(default_factory=dict)
    encryption_context: list | None = None
    source: dict = field(default_factory=dict)
    #: False if `owner` is only an assumption.
    owner_known: bool = True
    #: The role that is assumed.
    role: Role | None = None
    #: The accounts of the stacks.
    accounts: list = field(default_factory=list)
    #: The organization that contains all accounts, if the configuration specifies it.
    organization: str | None = None
    #: Why the call is undecidable, for a call of an unmodeled kind.
    unknown: str | None = None


def managed_key(account, region):
    """Returns the AWS managed key aws/s3, with the documented policy of managed keys (AWS KMS Developer
    Guide, "AWS managed keys", "kms:CallerAccount"): only its own account can use it, through S3."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*",
                   "kms:CreateGrant", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "kms:CallerAccount": account,
                "kms:ViaService": f"s3.{region}.amazonaws.com",
            }
        },
    }  # fmt: skip
    policy = [{"Version": "2012-10-17", "Statement": [statement]}] if account and region else [None]
    arn = f"arn:aws:kms:{region}:{account}:alias/aws/s3" if account and region else None
    return Key(arn, account, policy=policy, aliases=["alias/aws/s3"], tags={}, managed=True)


class Run:
    """Collects the calls of all pipelines and rules in the templates of a world."""

    def __init__(self, world):
        self.world, self.calls = world, []
        #: The stores of the artifacts that builds output, with the keys that encrypt them.
        self.built = {}
        for template in world.templates:
            for name in template.of_type("CodePipeline::Pipeline"):
                self.pipeline(template, name)
            for name, resource in template.of_type("Events::Rule").items():
                self.rule(template, name, resource["Properties"])
        for bucket in list(world.buckets.values()):
            if bucket.logging:
                self.logs(bucket)
        for key in world.keys.values():
            self.administer(key)
        for call in self.calls:
            call.organization = world.world.get("organization")
            call.accounts = [template.account for template in world.templates]

    # Requests -------------------------------------------------------------------------------------

    def bucket_call(self, step, caller, action, bucket, key, strength, headers=None):
        arn = None
        if bucket.name:
            arn = f"arn:aws:s3:::{bucket.name}" + (f"/{key}" if key else "")
        self.calls.append(
            Call(step, caller, action, arn, strength, bucket.account, bucket.region, bucket.policy,
                 bucket=bucket, headers=headers or {})
        )  # fmt: skip

    def key_call(self, step, caller, action, key, strength, region, bucket=None, object_key=None):
        """Adds a KMS call that S3 makes on behalf of the caller. The encryption context is the object, or
        the bucket if it has an S3 Bucket Key (S3 User Guide, "Using server-side encryption with AWS KMS
        keys")."""
        contexts = [None]
        if bucket is not None and bucket.name:
            arn = f"arn:aws:s3:::{bucket.name}"
            # If the S3 Bucket Key setting is unknown, both contexts must be allowed.
            contexts = {None: [[f"{arn}/{object_key}"], [arn]], True: [[arn]]}.get(
                bucket.bucket_key, [[f"{arn}/{object_key}"]]
            )
        self.calls += [
            Call(step, caller, action, key.arn, strength, key.account, region, key.policy, key.tags,
                 key=key, via_s3=bucket is not None, encryption_context=context)
            for context in contexts
        ]  # fmt: skip

    # Keys -----------------------------------------------------------------------------------------

    def find_key(self, text, caller, region, owner, named_by_pipeline):
        """Returns the key that a text identifies for a caller.

        CodePipeline User Guide, "Create a pipeline in CodePipeline that uses resources from another
        AWS account": an alias is recognized only in the account of the key, and an ID identifies a
        key in the caller's account. S3 User Guide, "Setting default server-side encryption behavior":
        KMS resolves an alias in the requester's account. Across accounts, a key is specified by its
        ARN. `owner` is the account of the pipeline or the bucket.
        """
        unknown = Key(None, None)
        if text is None:
            return unknown
        if not text.startswith("arn:") and (
            caller.account is None or (owner is None and not named_by_pipeline)
        ):
            return unknown
        if text.startswith("arn:"):
            account, region, name = text.split(":")[4], text.split(":")[3], text.split(":", 5)[5]
            if name.startswith("key/"):
                return self.world.keys.get(text) or self.existing_key(text, account)
        else:
            account, name = caller.account, text
        if name.startswith("alias/"):
            if name == "alias/aws/s3":
                return managed_key(account, region)
            arn = self.world.aliases.get((account, region, name))
            alias = f"arn:aws:kms:{region}:{account}:{name}"
            if named_by_pipeline and account != caller.account:
                return Key(alias, account, exists=False)
            if arn is None:
                # The alias may exist outside the templates, but an alias does not work across
                # accounts.
                if named_by_pipeline and account != owner:
                    return Key(alias, account, exists=False)
                return unknown
            key = self.world.keys[arn]
            return Key(**{**key.__dict__, "by_alias": True})
        account = account if named_by_pipeline else owner
        arn = f"arn:aws:kms:{region}:{account}:key/{name.removeprefix('key/')}"
        if caller.account != owner:
            found = named_by_pipeline and self.world.keys.get(arn)
            return found or Key(arn, account, exists=False)
        if arn in self.world.keys:
            return self.world.keys[arn]
        return self.existing_key(arn, account)

    def existing_key(self, arn, account):
        """Returns a key that no template creates. Its policy may be provided."""
        policies = self.world.options.get("policies", {})
        given = [policies[arn]] if policies.get(arn) else [None]
        return Key(arn, account, policy=given)

    def default_key(self, bucket, caller):
        """Returns the key of a bucket's default encryption for a caller, or None if it does not use KMS."""
        if bucket.encryption is None:
            return Key(None, None)
        if bucket.encryption == "AES256":
            return None
        _, text, known = bucket.encryption
        if text is None and known:
            return managed_key(bucket.account, bucket.region)
        return self.find_key(text, caller, bucket.region, bucket.account, False)

    def store_key(self, store, caller):
        """Returns the key of an artifact store. A store without EncryptionKey uses the AWS managed key,
        regardless of the bucket's default (CodePipeline API Reference, "ArtifactStore"; S3 API
        Reference, "PutObject": aws:kms without a key ID)."""
        if not store.encrypted:
            return managed_key(store.bucket.account, store.bucket.region or store.region)
        if caller.account is None:
            return Key(None, None)
        return self.find_key(store.key, caller, store.bucket.region, store.account, True)

    # Steps ----------------------------------------------------------------------------------------

    def put(self, step, key_step, caller, bucket, object_key, key, headers):
        self.bucket_call(step, caller, "s3:PutObject", bucket, object_key, NEEDED, headers)
        if key is not None:
            # A multipart upload reads its own parts, so it needs kms:Decrypt.
            for action in ("kms:GenerateDataKey", "kms:Decrypt"):
                self.key_call(key_step, caller, action, key, NEEDED, bucket.region, bucket, object_key)

    def store_headers(self, store):
        """Returns the headers of an upload to an artifact store. CodePipeline requests SSE-KMS, because the
        bucket policies that it creates deny other uploads. AWS does not document the ACL that
        CodePipeline sets on artifacts."""
        headers = {"encryption": ["aws:kms"], "acl": "unknown"}
        if not store.encrypted:
            return {**headers, "key": "unknown"}
        key = store.key if store.key and store.key.startswith("arn:") and ":key/" in store.key else None
        return {**headers, "key": [key] if key else "present"}

    def store(self, caller, store, object_key, is_service_role, step="store", key_step="encrypt"):
        """Adds the calls that store an artifact."""
        bucket = store.bucket
        headers = self.store_headers(store)
        key = self.store_key(store, caller)
        self.put(step, key_step, caller, bucket, object_key, key, headers)
        if is_service_role:
            # CodePipeline User Guide, "Manage the CodePipeline service role".
            for action in BUCKET_READS:
                self.bucket_call(step, caller, action, bucket, None, DOCUMENTED)
            # The last three actions are for source objects with tags.
            for action in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObjectTagging",
                           "s3:GetObjectTagging", "s3:GetObjectVersionTagging"):  # fmt: skip
                self.bucket_call(step, caller, action, bucket, object_key, DOCUMENTED)
        # A role in another account grants access to the bucket owner (aws-cdk#14260).
        other = bucket.account is not None and caller.account not in (None, bucket.account)
        strength = NEEDED if other else DOCUMENTED
        if other or is_service_role:
            self.bucket_call(step, caller, "s3:PutObjectAcl", bucket, object_key, strength)
        if store.encrypted:
            self.key_call(key_step, caller, "kms:DescribeKey", key, DOCUMENTED, bucket.region)

    def read(self, caller, store, object_key, is_build=False):
        """Adds the calls that read an artifact. The action gets a bucket and a key, but no version. A build
        reads it with the permissions that AWS lists for its role (CodeBuild User Guide, "Allow CodeBuild
        to interact with other AWS services")."""
        bucket = store.bucket
        self.bucket_call("read", caller, "s3:GetObject", bucket, object_key, NEEDED)
        self.bucket_call("read", caller, "s3:GetObjectVersion", bucket, object_key, DOCUMENTED)
        for action in ("s3:GetBucketAcl", "s3:GetBucketLocation") if is_build else ("s3:ListBucket",):
            self.bucket_call("read", caller, action, bucket, None, DOCUMENTED)
        key = self.store_key(store, caller)
        self.key_call("decrypt", caller, "kms:Decrypt", key, NEEDED, bucket.region, bucket, object_key)
        if store.encrypted:
            self.key_call("decrypt", caller, "kms:DescribeKey", key, DOCUMENTED, bucket.region)

    def source(self, caller, template, configuration):
        """Adds the calls of a source action (CodePipeline User Guide, "Amazon S3 source action reference")."""
        bucket = self.world.bucket(template.maybe(configuration.get("S3Bucket")))
        object_key = template.maybe(configuration.get("S3ObjectKey")) or "*"
        for action in BUCKET_READS:
            strength = NEEDED if action == "s3:GetBucketVersioning" else DOCUMENTED
            self.bucket_call("source", caller, action, bucket, None, strength)
        # S3 API Reference, "HeadObject": 403 for a missing object without this permission, 404 with
        # it.
        self.bucket_call("source", caller, "s3:ListBucket", bucket, None, DOCUMENTED)
        for action in ("s3:GetObject", "s3:GetObjectVersion"):
            self.bucket_call("source", caller, action, bucket, object_key, NEEDED)
        for action in ("s3:GetObjectTagging", "s3:GetObjectVersionTagging"):
            self.bucket_call("source", caller, action, bucket, object_key, DOCUMENTED)
        key = self.default_key(bucket, caller)
        if key is not None:
            self.key_call("source", caller, "kms:Decrypt", key, NEEDED, bucket.region, bucket, object_key)

    def repository(self, caller, template, configuration):
        """Adds the calls of a source action that reads a repository (CodePipeline User Guide,
        "CodeStarSourceConnection ..."). The documentation lists both actions. Before the service was
        renamed, it listed only the action with the old prefix."""
        arn = template.maybe(configuration.get("ConnectionArn"))
        parts = arn.split(":") if arn else [None] * 6
        for service in ("codeconnections", "codestar-connections"):
            renamed = parts[2] == "codestar-connections" and service == "codeconnections"
            strength = DOCUMENTED if renamed else NEEDED
            self.calls.append(
                Call("source", caller, f"{service}:UseConnection", arn, strength, parts[4], template.region)
            )

    def build(self, caller, template, configuration):
        """Adds the calls that start a build, and the calls of the build except those on artifacts. Returns
        the role of the build (CodePipeline User Guide, "AWS CodeBuild build and test action reference";
        CodeBuild User Guide, "Allow CodeBuild to interact with other AWS services")."""
        name = template.maybe(configuration.get("ProjectName"))
        account, region = caller.account or template.account, template.region
        arn = name and f"arn:aws:codebuild:{region}:{account}:project/{name}"
        for action in ("codebuild:StartBuild", "codebuild:BatchGetBuilds"):
            self.calls.append(Call("build", caller, action, arn, NEEDED, account, region))
        found = [
            (other, resource["Properties"])
            for other in self.world.templates
            for logical, resource in other.of_type("CodeBuild::Project").items()
            if (other.account, other.region) == (account, region) and other.reference(logical) == name
        ]
        if not found:
            self.calls.append(
                Call("build", self.world.role(None), "CodeBuild", None, NEEDED, unknown="the settings")
            )
            role = self.world.role(None)
            self.service_assumes("codebuild.amazonaws.com", role, {}, region)
            return role, None, None
        other, project = found[0]
        role = self.world.role(other.maybe(project["ServiceRole"]))
        # CodeBuild User Guide, "Cross-service confused deputy prevention".
        source = {"aws:sourcearn": arn, "aws:sourceaccount": account}
        self.service_assumes("codebuild.amazonaws.com", role, source, region)
        group = f"arn:aws:logs:{region}:{account}:log-group:/aws/codebuild/{name}"
        for action, end in (
            ("logs:CreateLogGroup", ""),
            ("logs:CreateLogStream", f":log-stream:{BUILD_ID}"),
            ("logs:PutLogEvents", f":log-stream:{BUILD_ID}"),
        ):
            self.calls.append(Call("build", role, action, group + end, NEEDED, account, region))
        for variable in project["Environment"].get("EnvironmentVariables", []):
            if variable.get("Type") == "SECRETS_MANAGER":
                secret = other.maybe(variable["Value"])
                secret = secret and secret.split(":")[0]
                arn = secret and f"arn:aws:secretsmanager:{region}:{account}:secret:{secret}{SECRET_SUFFIX}"
                self.calls.append(
                    Call("build", role, "secretsmanager:GetSecretValue", arn, NEEDED, account, region)
                )
        return role, project, other

    def machine(self, caller, template, invoke, properties):
        """Adds the calls that start a state machine, the calls of a machine that invalidates a distribution,
        and the reads of this distribution (CodePipeline User Guide, "AWS Step Functions invoke action
        reference"; Step Functions Developer Guide, "Learning to use AWS service SDK integrations"; CloudFront
        Developer Guide, "Restrict access to an Amazon S3 origin")."""
        arn = template.maybe(invoke.get("Configuration", {}).get("StateMachineArn"))
        parts = (arn or ":::::::").split(":")
        region, account = parts[3] or None, parts[4] or None
        execution = arn and arn.replace(":stateMachine:", ":execution:") + f":{BUILD_ID}"
        for action, on in (
            ("states:DescribeStateMachine", arn),
            ("states:StartExecution", arn),
            ("states:DescribeExecution", execution),
        ):
            self.calls.append(Call("machine", caller, action, on, NEEDED, account, region))
        found = [
            (other, resource["Properties"])
            for other in self.world.templates
            for logical, resource in other.of_type("StepFunctions::StateMachine").items()
            if other.maybe({"Ref": logical}) == arn
        ]
        if not found:
            role = self.world.role(None)
            self.service_assumes("states.amazonaws.com", role, {}, region)
            self.calls.append(
                Call("machine", role, "StepFunctions", None, NEEDED, unknown="the state machine")
            )
            return
        other, machine = found[0]
        role = self.world.role(other.maybe(machine["RoleArn"]))
        # Step Functions Developer Guide, "Cross-service confused deputy prevention".
        source = {"aws:sourcearn": arn, "aws:sourceaccount": account}
        self.service_assumes("states.amazonaws.com", role, source, region)
        values = machine.get("DefinitionSubstitutions", {})
        distributions = []
        for state in machine["Definition"]["States"].values():
            if state["Type"] != "Task":
                continue
            operation = state["Resource"].rsplit(":", 1)[-1]
            name = re.fullmatch(r"\$\{(\w+)\}", state["Parameters"]["DistributionId"]).group(1)
            distribution = other.maybe(values.get(name))
            distribution = distribution and f"arn:aws:cloudfront::{account}:distribution/{distribution}"
            action = f"cloudfront:{operation[0].upper()}{operation[1:]}"
            # "AWS global condition context keys", aws:RequestedRegion: CloudFront is in us-east-1.
            self.calls.append(Call("machine", role, action, distribution, NEEDED, account, "us-east-1"))
            if distribution not in distributions:
                distributions.append(distribution)
        def target(stage, action):
            """Returns the template that creates the role of an action, or the stage if no template does."""
            role = action.get("RoleArn", properties["RoleArn"])
            return self.world.maker(template.maybe(role)) or template.maybe(stage["Name"])

        mine = next(target(s, a) for s in properties["Stages"] for a in s["Actions"] if a is invoke)
        for stage in properties["Stages"]:
            for action in stage["Actions"]:
                kind = template.value(action["ActionTypeId"])
                if (kind["Category"], kind["Provider"]) != ("Deploy", "S3") or target(stage, action) != mine:
                    continue
                bucket, object_key = self.written(template, action["Configuration"])
                read = bucket.name and f"arn:aws:s3:::{bucket.name}/{object_key}"
                for distribution in distributions:
                    reader = Role(None, None, service="cloudfront.amazonaws.com")
                    self.calls.append(
                        Call("serve", reader, "s3:GetObject", read, NEEDED, bucket.account, bucket.region,
                             bucket.policy, bucket=bucket, source={"aws:sourcearn": distribution})
                    )  # fmt: skip
                    key = self.default_key(bucket, reader)
                    if action["Configuration"].get("KMSEncryptionKeyARN"):
                        arn = template.maybe(action["Configuration"]["KMSEncryptionKeyARN"])
                        key = self.find_key(arn, reader, bucket.region, bucket.account, False)
                    if key is not None:
                        # AWS does not document which service passes the request to KMS.
                        self.calls.append(
                            Call("serve", reader, "kms:Decrypt", key.arn, NEEDED, key.account,
                                 bucket.region, key.policy, key.tags, key=key, via_s3=None,
                                 source={"aws:sourcearn": distribution})
                        )  # fmt: skip

    def deploy(self, caller, template, configuration):
        """Adds the calls of a deploy action (CodePipeline User Guide, "Amazon S3 deploy action reference")."""
        bucket, object_key = self.written(template, configuration)
        headers, key = {}, self.default_key(bucket, caller)
        if configuration.get("KMSEncryptionKeyARN"):
            arn = template.maybe(configuration["KMSEncryptionKeyARN"])
            key = self.find_key(arn, caller, bucket.region, bucket.account, False)
            headers = {"encryption": ["aws:kms"], "key": [arn] if arn else "present"}
        if configuration.get("CannedACL"):
            acl = template.maybe(configuration["CannedACL"])
            headers["acl"] = [acl] if acl else "present"
            self.bucket_call("deploy", caller, "s3:PutObjectAcl", bucket, object_key, NEEDED, headers)
            self.bucket_call(
                "deploy", caller, "s3:PutObjectVersionAcl", bucket, object_key, DOCUMENTED, headers
            )
        self.put("deploy", "output-key", caller, bucket, object_key, key, headers)
        for action in [*BUCKET_READS, "s3:ListBucket"]:
            self.bucket_call("deploy", caller, action, bucket, None, DOCUMENTED)

    def written(self, template, configuration):
        """Returns the bucket and the key of an object that a deploy action writes."""
        get = lambda name: template.maybe(configuration.get(name)) or ""
        bucket = self.world.bucket(template.maybe(configuration.get("BucketName")))
        path = get("ObjectKey")
        extract = str(get("Extract")).lower() == "true"
        return bucket, (f"{path}/{FILE}" if path else FILE) if extract else path

    def copy(self, service_role, main, regional, object_key):
        """Adds the calls that copy an input artifact to the store in the action's region (CodePipeline
        User Guide, "Add a cross-Region action"). AWS does not document the caller. The service role has
        access to the stores ("Manage the CodePipeline service role")."""
        key = self.store_key(main, service_role)
        self.bucket_call("copy", service_role, "s3:GetObject", main.bucket, object_key, NEEDED)
        self.bucket_call("copy", service_role, "s3:GetObjectVersion", main.bucket, object_key, DOCUMENTED)
        self.key_call(
            "copy", service_role, "kms:Decrypt", key, NEEDED, main.bucket.region, main.bucket, object_key
        )
        self.store(service_role, regional, object_key, True, "copy", "copy")

    def assume(self, service_role, role):
        """Adds the call that assumes the role of an action ("ActionDeclaration": `roleArn`)."""
        self.calls.append(
            Call("assume", service_role, "sts:AssumeRole", role.arn, NEEDED, role.account, None,
                 role.trust, role.tags, role=role)
        )  # fmt: skip

    def service_assumes(self, service, role, source, region):
        caller = Role(None, None, service=service)
        self.calls.append(
            Call("service", caller, "sts:AssumeRole", role.arn, NEEDED, role.account, None,
                 role.trust, role.tags, source=source, role=role)
        )  # fmt: skip

    # Resources ------------------------------------------------------------------------------------

    def pipeline(self, template, logical):
        properties = template.resources[logical]["Properties"]
        name = template.reference(logical)
        service_role = self.world.role(template.maybe(properties["RoleArn"]))
        # CodePipeline documents no source condition for its service role, so the keys are unknown.
        self.service_assumes("codepipeline.amazonaws.com", service_role, {}, template.region)
        stores = self.stores(template, properties)
        for stage in properties["Stages"]:
            for action in stage["Actions"]:
                self.action(template, name, service_role, stores, action, properties)
            self.conditions(template, service_role, stage)

    def conditions(self, template, service_role, stage):
        """Adds the calls of the rules in stage conditions (CodePipeline User Guide, "CloudWatchAlarm").
        AWS documents only alarms in the account of the pipeline."""
        kinds = [stage.get(kind, {}) for kind in ("BeforeEntry", "OnSuccess", "OnFailure")]
        conditions = [condition for kind in kinds for condition in kind.get("Conditions", [])]
        for rule in [rule for condition in conditions for rule in condition["Rules"]]:
            if rule["RuleTypeId"]["Provider"] != "CloudWatchAlarm":
                continue
            caller = service_role
            if "RoleArn" in rule:
                caller = self.world.role(template.maybe(rule["RoleArn"]))
                self.assume(service_role, caller)
            name = template.maybe(rule["Configuration"]["AlarmName"])
            foreign = caller.account not in (None, template.account)
            arn = f"arn:aws:cloudwatch:{template.region}:{template.account}:alarm:{name}"
            self.calls.append(
                Call("condition", caller, "cloudwatch:DescribeAlarms", None if foreign or not name else arn, NEEDED,
                     template.account, template.region)
            )  # fmt: skip

    def notify(self, caller, template, configuration):
        """Adds the notification of an approval (CodePipeline User Guide, "Grant Amazon SNS permissions to a
        CodePipeline service role"). The policy of the topic may be provided."""
        arn = template.maybe(configuration["NotificationArn"])
        region, account = arn.split(":")[3:5] if arn else (None, None)
        given = self.world.options.get("policies", {})
        policy = [given[arn]] if given.get(arn) else [] if arn in given else [None]
        self.calls.append(
            Call("notify", caller, "sns:Publish", arn, NEEDED, account, region, policy)
        )

    @staticmethod
    def made_in(template, properties, artifact):
        """Returns the region of the action that outputs an artifact."""
        for stage in properties["Stages"]:
            for action in stage["Actions"]:
                if any(a["Name"] == artifact for a in action.get("OutputArtifacts", [])):
                    return template.maybe(action.get("Region")) or template.region
        return template.region

    def stores(self, template, properties):
        found = {}
        declared = (
            [(template.region, properties["ArtifactStore"])]
            if "ArtifactStore" in properties
            else [(template.value(s["Region"]), s["ArtifactStore"]) for s in properties["ArtifactStores"]]
        )
        for region, store in declared:
            bucket = self.world.bucket(template.maybe(store["Location"]))
            if bucket.region is None:
                bucket.region = region  # The bucket must be in the region of the actions.
            key = store.get("EncryptionKey")
            found[region] = Store(
                bucket, region, key is not None, template.maybe(key["Id"]) if key else None, template.account
            )
        return found

    def action(self, template, pipeline, service_role, stores, action, properties):
        kind = template.value(action["ActionTypeId"])
        caller = service_role
        if "RoleArn" in action:
            caller = self.world.role(template.maybe(action["RoleArn"]))
            self.assume(service_role, caller)
        region = template.maybe(action.get("Region")) or template.region
        store = stores.get(region)
        configuration = action.get("Configuration", {})
        provider = (kind["Category"], kind["Owner"], kind["Provider"])
        is_build = provider in (("Build", "AWS", "CodeBuild"), ("Test", "AWS", "CodeBuild"))
        if is_build:
            caller, project, other = self.build(caller, template, configuration)
        for artifact in action.get("InputArtifacts", []):
            object_key = f"{pipeline[:20]}/{artifact['Name'][:10]}/{ARTIFACT}"
            made_in = self.made_in(template, properties, artifact["Name"])
            if region != made_in:
                main = self.built.get((pipeline, artifact["Name"]), stores.get(made_in))
                self.copy(service_role, main, store, object_key)
            encrypted = self.built.get((pipeline, artifact["Name"]), store) if region == made_in else store
            self.read(caller, encrypted, object_key, is_build)
        if provider == ("Source", "AWS", "S3"):
            self.source(caller, template, configuration)
        elif provider == ("Source", "AWS", "CodeStarSourceConnection"):
            self.repository(caller, template, configuration)
        elif provider == ("Deploy", "AWS", "S3"):
            self.deploy(caller, template, configuration)
        elif provider == ("Invoke", "AWS", "StepFunctions"):
            self.machine(caller, template, action, properties)
        elif provider == ("Invoke", "AWS", "CodePipeline"):
            target = template.maybe(configuration.get("PipelineName"))
            self.start(caller, target, template)
        elif provider == ("Approval", "AWS", "Manual"):
            if "NotificationArn" in configuration:
                self.notify(caller, template, configuration)
        elif not is_build:
            self.calls.append(
                Call("action", caller, kind["Provider"], None, NEEDED, unknown="the calls of the action")
            )
        for artifact in action.get("OutputArtifacts", []):
            object_key = f"{pipeline[:20]}/{artifact['Name'][:10]}/{ARTIFACT}"
            if is_build:
                # CodeBuild User Guide, "Create a build project": the output is encrypted with the key of
                # the project.
                key = project and project.get("EncryptionKey")
                store = replace(store, encrypted=project is None or key is not None,
                                key=other.maybe(key) if key else None)  # fmt: skip
                self.built[pipeline, artifact["Name"]] = store
            self.store(caller, store, object_key, caller is service_role)

    def start(self, caller, target, template, step="invoke"):
        arn = target and f"arn:aws:codepipeline:{template.region}:{template.account}:{target}"
        self.calls.append(
            Call(step, caller, "codepipeline:StartPipelineExecution", arn, NEEDED, template.account,
                 template.region)
        )  # fmt: skip

    def rule(self, template, name, properties):
        for target in properties.get("Targets", []):
            arn = template.maybe(target["Arn"])
            if arn is None or not arn.startswith("arn:aws:codepipeline:"):
                continue
            role = self.world.role(template.maybe(target.get("RoleArn")))
            rule = template.attribute(name, "Arn")
            # EventBridge User Guide, "Cross-service confused deputy prevention".
            source = {"aws:sourcearn": rule, "aws:sourceaccount": template.account}
            self.service_assumes("events.amazonaws.com", role, source, template.region)
            self.start(role, arn.rsplit(":", 1)[-1], template, "start")

    def administer(self, key):
        """Adds the call that changes a key policy. KMS API Reference, "CreateKey": the key policy must allow
        its creator to change it later. The principal that deploys is unknown, so the call is made by the
        root user of the account."""
        root = Role(f"arn:aws:iam::{key.account}:root", key.account, root=True)
        self.calls.append(
            Call("administer", root, "kms:PutKeyPolicy", key.arn, NEEDED, key.account,
                 key.arn.split(":")[3], key.policy, key.tags, key=key)
        )  # fmt: skip

    def logs(self, bucket):
        """Adds the call that writes access logs (S3 User Guide, "Enabling Amazon S3 server access logging")."""
        name, prefix = bucket.logging
        target = self.world.bucket(name)
        source = {"aws:sourcearn": f"arn:aws:s3:::{bucket.name}", "aws:sourceaccount": bucket.account}
        caller = Role(None, None, service="logging.s3.amazonaws.com")
        self.calls.append(
            Call("logs", caller, "s3:PutObject", f"arn:aws:s3:::{name}/{prefix}log", NEEDED,
                 target.account, target.region, target.policy, bucket=target, source=source)
        )  # fmt: skip


@dataclass
class Store:
    bucket: object
    region: str
    encrypted: bool
    #: The text of EncryptionKey.Id, or None if it is unknown.
    key: str | None
    #: The account of the pipeline.
    account: str
