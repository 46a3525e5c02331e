"""Mutations of resources: encryption, keys, roles, and template syntax."""

from mutator import Mutator, statements_of
from pieces import ACCOUNTS, KEY


class Resources(Mutator):
    """Changes or drops buckets, keys, and roles."""

    def new_key(self, stack):
        """Creates a key in a template, possibly with an insufficient policy."""
        account = stack["account"] if len(self.instances(stack)) == 1 else {"Ref": "AWS::AccountId"}
        root = (
            {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}
            if isinstance(account, dict)
            else f"arn:aws:iam::{account}:root"
        )
        statements = [{"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}]
        if self.rng.random() < 0.5:
            statements.append(self.new_statement(KEY))
        name = f"NewKey{len(stack['template']['Resources'])}"
        stack["template"]["Resources"][name] = {
            "Type": "AWS::KMS::Key",
            "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": statements}},
        }
        return {"Fn::GetAtt": [name, "Arn"]}

    def change_encryption(self):
        buckets = [b for b in self.resources("S3::Bucket") if not b[1].startswith("Log")]
        if not buckets:
            return None
        stack, name, bucket = self.rng.choice(buckets)
        properties, keys = bucket["Properties"], [n for s, n, _ in self.resources("KMS::Key") if s is stack]
        choices = ["none", "AES256", "aws/s3", "new", "new", "new", "alias", "outside"]
        choices += ["own", "own"] if keys else []
        kind = self.rng.choice(choices)
        default = {"SSEAlgorithm": self.rng.choice(["aws:kms", "aws:kms", "aws:kms", "aws:kms:dsse"])}
        if kind == "none":
            properties.pop("BucketEncryption", None)
            return f"{stack['name']}/{name}: no default encryption"
        if kind == "AES256":
            default = {"SSEAlgorithm": "AES256"}
        elif kind == "new":
            default["KMSMasterKeyID"] = self.new_key(stack)
        elif kind == "own":
            default["KMSMasterKeyID"] = {"Fn::GetAtt": [self.rng.choice(keys), "Arn"]}
        elif kind == "alias":
            default["KMSMasterKeyID"] = self.rng.choice(
                ["alias/s3deploykey", "alias/aws/s3", "alias/nothing"]
            )
        elif kind == "outside":
            default["KMSMasterKeyID"] = (
                f"arn:aws:kms:{stack['region']}:{self.rng.choice(ACCOUNTS[:2])}:key/99999999-2222-3333-4444-555555555555"
            )
        rule = {"ServerSideEncryptionByDefault": default}
        if self.rng.random() < 0.5:
            rule["BucketKeyEnabled"] = True
        properties["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [rule]}
        return f"{stack['name']}/{name}: default encryption {kind} {default['SSEAlgorithm']}"

    def change_store_key(self):
        found = self.pipeline()
        if not found:
            return None
        stack, _, pipeline = found
        properties = pipeline["Properties"]
        stores = (
            [properties["ArtifactStore"]]
            if "ArtifactStore" in properties
            else [s["ArtifactStore"] for s in properties["ArtifactStores"]]
        )
        store = self.rng.choice(stores)
        kind = self.rng.choice(["none", "none", "alias", "alias ARN", "ID", "new", "unresolved"])
        if kind == "none":
            store.pop("EncryptionKey", None)
        else:
            keys = [n for s, n, _ in self.resources("KMS::Key") if s is stack]
            identifier = {
                "alias": "alias/s3deploykey",
                "alias ARN": f"arn:aws:kms:{stack['region']}:{stack['account']}:alias/s3deploykey",
                "ID": {"Ref": keys[0]} if keys else "00000000-0000-0000-0000-000000000000",
            }.get(kind)
            if kind == "new":
                identifier = self.new_key(stack)
            if kind == "unresolved":
                identifier = self.new_parameter(stack, "KeyArn")
            store["EncryptionKey"] = {"Id": identifier, "Type": "KMS"}
        return f"EncryptionKey: {kind}"

    @staticmethod
    def new_parameter(stack, name):
        stack["template"].setdefault("Parameters", {})[name] = {"Type": "String"}
        return {"Ref": name}

    def disable_key(self):
        keys = self.resources("KMS::Key", "KMS::ReplicaKey")
        if not keys:
            return None
        stack, name, key = self.rng.choice(keys)
        key["Properties"]["Enabled"] = self.rng.choice([False, "false", True, "false"])
        return f"{stack['name']}/{name}: Enabled {key['Properties']['Enabled']}"

    def drop_key_policy(self):
        stack, name, key = self.rng.choice(self.resources("KMS::Key"))
        if not key["Properties"].pop("KeyPolicy", None):
            return None
        return f"{stack['name']}/{name}: the default key policy"

    def drop_alias(self):
        found = self.resources("KMS::Alias")
        if not found:
            return None
        stack, name, alias = self.rng.choice(found)
        alias["Properties"]["AliasName"] = "alias/other"
        return f"{stack['name']}/{name}: another alias"

    def drop_resource(self):
        """Drops a resource and replaces references with its name: it exists outside the templates."""
        types = [
            "IAM::ManagedPolicy",
            "S3::BucketPolicy",
            "S3::Bucket",
            "S3::Bucket",
            "IAM::Role",
            "KMS::Alias",
        ]
        found = [f for f in self.resources(self.rng.choice(types)) if not f[1].startswith("Log")]
        if not found:
            return None
        stack, name, resource = self.rng.choice(found)
        get = resource["Properties"].get
        reference = get("BucketName") or get("RoleName") or get("AliasName") or name
        text = reference["Fn::Sub"] if isinstance(reference, dict) else reference
        bucket = resource["Type"] == "AWS::S3::Bucket"
        arn = (
            f"arn:aws:s3:::{text}"
            if bucket
            else f"arn:aws:iam::${{AWS::AccountId}}:role{get('Path', '/')}{text}"
        )
        self.forget(stack, name, reference, {"Fn::Sub": arn})
        return f"drop the resource {stack['name']}/{name}"

    def change_key_kind(self):
        """Makes a key unusable for S3, possibly only temporarily."""
        stack, name, key = self.rng.choice(self.resources("KMS::Key"))
        kind = self.rng.choice(
            [
                {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
                {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
                {"Origin": "EXTERNAL"},
            ]
        )
        key["Properties"].update(kind)
        return f"{stack['name']}/{name}: {kind}"

    def make_conditional(self):
        """Makes a resource or a statement depend on a condition that is true or false."""
        stack, name, resource = self.rng.choice(self.resources("IAM::ManagedPolicy", "S3::BucketPolicy"))
        value = self.rng.choice(["no", "yes"])
        conditions = stack["template"].setdefault("Conditions", {})
        conditions["Wanted"] = {"Fn::Equals": [value, {"Fn::Sub": "yes"}]}
        document = resource["Properties"]["PolicyDocument"]
        statements = statements_of(document)
        if self.rng.random() < 0.5 and "Condition" not in resource and len(statements) > 1:
            index = self.rng.randrange(len(statements))
            if "Fn::If" in statements[index]:
                return None
            statements[index] = {"Fn::If": ["Wanted", statements[index], {"Ref": "AWS::NoValue"}]}
            return f"{stack['name']}/{name}[{index}]: wanted: {value}"
        if "Condition" in resource:
            return None
        resource["Condition"] = "Wanted"
        for other in stack["template"]["Resources"].values():
            depends = other.get("DependsOn", [])
            other["DependsOn"] = [
                d for d in ([depends] if isinstance(depends, str) else depends) if d != name
            ]
        return f"{stack['name']}/{name}: wanted: {value}"

    def write_with_functions(self):
        """Rewrites ARNs with intrinsic functions."""
        where, statements, index, _ = self.statement()
        statement = statements[index]
        stack = self.templates()[where.split("/")[0]]

        def written(text):
            if not isinstance(text, str) or ":" not in text or "${" in text:
                return text
            if len(self.instances(stack)) == 1:
                text = text.replace(stack["account"], "${AWS::AccountId}").replace(
                    "arn:aws:", "arn:${AWS::Partition}:"
                )
            head, _, rest = text.partition(":::")
            if rest and self.rng.random() < 0.5:
                return {
                    "Fn::Join": [
                        ":::",
                        [{"Fn::Sub": head}, {"Fn::Select": [1, {"Fn::Split": ["|", f"x|{rest}"]}]}],
                    ]
                }
            return {"Fn::Sub": [text, {}]} if self.rng.random() < 0.3 else {"Fn::Sub": text}

        for element in ("Resource", "NotResource"):
            if element in statement:
                values = statement[element]
                statement[element] = (
                    [written(v) for v in values] if isinstance(values, list) else written(values)
                )
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, dict) and "AWS" in named:
                values = named["AWS"]
                named["AWS"] = [written(v) for v in values] if isinstance(values, list) else written(values)
        return f"{where}: with functions"

    def inline_policy(self):
        """Turns a managed policy into an inline policy of either resource type."""
        stack, name, policy = self.rng.choice(self.resources("IAM::ManagedPolicy"))
        properties = policy["Properties"]
        if "Roles" not in properties or len(properties["Roles"]) != 1:
            return None
        properties.pop("ManagedPolicyName", None)
        properties.pop("Description", None)
        properties.pop("Path", None)
        properties["PolicyName"] = name.lower()
        if self.rng.random() < 0.5:
            policy["Type"] = "AWS::IAM::Policy"
        else:
            policy["Type"] = "AWS::IAM::RolePolicy"
            properties["RoleName"] = properties.pop("Roles")[0]
        return f"{stack['name']}/{name}: {policy['Type']}"

    def block_public_access(self):
        stack, name, bucket = self.rng.choice(self.resources("S3::Bucket") or [(None, None, None)])
        if not bucket:
            return None
        block = bucket["Properties"].setdefault("PublicAccessBlockConfiguration", {})
        block[self.rng.choice(["BlockPublicPolicy", "RestrictPublicBuckets"])] = self.rng.choice(
            [True, False]
        )
        return f"{stack['name']}/{name}: block public access {block}"

    def tag(self):
        stack, name, resource = self.rng.choice(self.resources("IAM::Role", "KMS::Key"))
        tags = resource["Properties"].setdefault("Tags", [])
        if any(t["Key"] == "team" for t in tags):
            return None
        tags.append({"Key": "team", "Value": self.rng.choice(["web", "input", "ops"])})
        return f"{stack['name']}/{name}: tag team={tags[-1]['Value']}"

    def attach_unknown_policy(self):
        stack, name, role = self.rng.choice(self.resources("IAM::Role"))
        role["Properties"].setdefault("ManagedPolicyArns", []).append(
            f"arn:aws:iam::{stack['account']}:policy/unseen"
        )
        return f"{stack['name']}/{name}: a policy that is not provided"

    def move_role(self):
        stack, name, role = self.rng.choice(self.resources("IAM::Role"))
        role["Properties"]["Path"] = self.rng.choice(["/", "/moved/"])
        return f"{stack['name']}/{name}: path {role['Properties']['Path']}"
