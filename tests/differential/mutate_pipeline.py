"""Mutations of the pipeline: action roles, additional actions, other buckets and accounts."""

from bases import CONNECTION, DEV, TOPIC
from mutator import Mutator, statements_of
from pieces import ACCOUNTS


class Pipeline(Mutator):
    """Mutations of actions and their settings."""

    def new_role(self, stack, service_role):
        """Creates a role for an action, possibly with insufficient access."""
        rng = self.rng
        name = f"ActionRole{len(stack['template']['Resources'])}"
        actions = rng.choice([["s3:*", "kms:*"], ["s3:Get*", "s3:List*", "kms:Decrypt"], ["s3:GetObject*", "s3:GetBucket*"],
                              ["s3:PutObject", "s3:GetObject*", "kms:GenerateDataKey", "kms:Decrypt"], ["s3:*"]])  # fmt: skip
        trusted = rng.choice([service_role, service_role, f"arn:aws:iam::{DEV}:root"])
        stack["template"]["Resources"][name] = {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": f"action-{name.lower()}",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "p",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
                        },
                    }
                ],
            },
        }
        arn = f"arn:aws:iam::{stack['account']}:role/action-{name.lower()}"
        # In most cases, the service role is allowed to assume it.
        if rng.random() < 0.8:
            for _, _, policy in self.resources("IAM::ManagedPolicy"):
                for statement in statements_of(policy["Properties"]["PolicyDocument"]):
                    if statement.get("Action") == "sts:AssumeRole" and isinstance(
                        statement.get("Resource"), list
                    ):
                        statement["Resource"].append(arn)
        return arn

    def service_role(self):
        arns = [a for a in self.role_arns() if "AWSCodePipelineServiceRole" in a]
        return arns[0] if arns else f"arn:aws:iam::{DEV}:role/service-role/mine"

    def give_action_a_role(self):
        found = self.actions()
        if not found:
            return None
        _, _, action = self.rng.choice(found)
        single = [s for s in self.templates().values() if len(self.instances(s)) == 1]
        kind = self.rng.choice(["new", "new", "new", "outside", "unresolved", "service"])
        if kind == "new":
            action["RoleArn"] = self.new_role(self.rng.choice(single), self.service_role())
        elif kind == "outside":
            action["RoleArn"] = f"arn:aws:iam::{self.rng.choice(ACCOUNTS)}:role/unseen"
        elif kind == "service":
            action["RoleArn"] = self.service_role()
        else:
            action["RoleArn"] = self.new_parameter(self.templates()["dev"], "ActionRoleArn")
        return f"action {action['Name']}: role {kind}"

    def take_role_from_action(self):
        found = [a for _, _, a in self.actions() if "RoleArn" in a]
        if not found:
            return None
        action = self.rng.choice(found)
        action.pop("RoleArn")
        return f"action {action['Name']}: no role"

    def add_action(self):
        """Adds an action of an unmodeled provider between source and deployment."""
        found = self.resources("CodePipeline::Pipeline")
        if not found:
            return None
        stack, _, pipeline = self.rng.choice(found)
        stages = pipeline["Properties"]["Stages"]
        category, provider = self.rng.choice(
            [("Build", "CodeBuild"), ("Test", "CodeBuild"), ("Invoke", "Lambda"), ("Compute", "Commands")]
        )
        inputs = [a for s in stages for act in s["Actions"] for a in act.get("OutputArtifacts", [])]
        if not inputs:
            return None
        name = f"Extra{len(stages)}"
        action = {
            "Name": name,
            "ActionTypeId": {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"},
            "RunOrder": 1,
            "Configuration": {"ProjectName": "build"} if provider == "CodeBuild" else {},
            "InputArtifacts": [{"Name": inputs[0]["Name"]}],
        }
        if self.rng.random() < 0.7:
            action["OutputArtifacts"] = [{"Name": f"{name}Output"}]
        if self.rng.random() < 0.4:
            action["RoleArn"] = self.new_role(stack, self.service_role())
        stages.insert(1, {"Name": name, "Actions": [action]})
        if "OutputArtifacts" in action and self.rng.random() < 0.5:
            for _, _, deploy in self.actions("Deploy"):
                deploy["InputArtifacts"] = [{"Name": f"{name}Output"}]
        return f"an action of {provider}"

    def change_deploy(self):
        found = self.actions("Deploy")
        if not found:
            return None
        stack, _, action = self.rng.choice(found)
        configuration = action["Configuration"]
        kind = self.rng.choice(["acl", "key", "key", "path", "bucket", "unresolved"])
        if kind == "acl":
            configuration["CannedACL"] = "bucket-owner-full-control"
        elif kind == "key":
            configuration["KMSEncryptionKeyARN"] = self.new_key(self.templates()["dev"])
        elif kind == "path":
            configuration["ObjectKey"] = "site"
        elif kind == "bucket":
            configuration["BucketName"] = "a-bucket-of-somebody"
        else:
            configuration["BucketName"] = self.new_parameter(stack, "OutputBucketName")
        return f"action {action['Name']}: {kind}"

    def change_source(self):
        found = self.actions("Source")
        if not found:
            return None
        stack, _, action = self.rng.choice(found)
        if "ConnectionArn" in action["Configuration"]:
            if self.rng.random() < 0.5:
                action["Configuration"]["ConnectionArn"] = CONNECTION.replace("1111-2222", "9999-2222")
                return "source: another connection"
            action["Configuration"]["ConnectionArn"] = self.new_parameter(stack, "ConnectionArn")
            return "source: a connection from a parameter"
        if self.rng.random() < 0.5:
            action["Configuration"]["S3Bucket"] = "a-bucket-of-somebody"
            return "source: an unknown bucket"
        action["Configuration"]["S3Bucket"] = self.new_parameter(stack, "SourceBucketName")
        return "source: a bucket from a parameter"

    def change_safety(self):
        """Changes an alarm of a stage condition or the topic of an approval."""
        found = [(s, a) for s, _, a in self.actions() if "NotificationArn" in a.get("Configuration", {})]
        if not found:
            return None
        stack, action = self.rng.choice(found)
        kind = self.rng.choice(["alarm", "alarm-parameter", "alarm-role", "topic", "topic-parameter", "rule"])
        if kind == "topic":
            action["Configuration"]["NotificationArn"] = TOPIC.replace(DEV, self.rng.choice(ACCOUNTS))
            return "approval: another topic"
        if kind == "topic-parameter":
            action["Configuration"]["NotificationArn"] = self.new_parameter(stack, "TopicArn")
            return "approval: a topic from a parameter"
        stages = stack["template"]["Resources"]["Pipeline"]["Properties"]["Stages"]
        stage = next((s for s in stages if "BeforeEntry" in s), None)
        if stage is None:
            return None
        rule = stage["BeforeEntry"]["Conditions"][0]["Rules"][-1]
        if kind == "alarm":
            rule["Configuration"]["AlarmName"] = "another"
        elif kind == "alarm-parameter":
            rule["Configuration"]["AlarmName"] = self.new_parameter(stack, "AlarmName")
        elif kind == "alarm-role":
            rule["RoleArn"] = self.new_role(stack, self.service_role())
        else:
            stage["OnSuccess"] = stage.pop("BeforeEntry")
        return f"stage condition: {kind}"

    def role_by_parameter(self):
        found = self.pipeline()
        if not found:
            return None
        stack, _, pipeline = found
        reference = self.new_parameter(stack, "ServiceRoleArn")
        given = self.rng.random() < 0.4
        if given:
            stack["template"]["Parameters"]["ServiceRoleArn"]["Default"] = self.service_role()
        stack["template"]["Outputs"].pop("ServiceRoleArn", None)
        pipeline["Properties"]["RoleArn"] = reference
        return f"service role from a parameter {'with' if given else 'without'} a default"

    def store_by_parameter(self):
        found = self.pipeline()
        if not found:
            return None
        stack, _, pipeline = found
        properties = pipeline["Properties"]
        store = properties.get("ArtifactStore") or properties["ArtifactStores"][0]["ArtifactStore"]
        store["Location"] = self.new_parameter(stack, "StoreName")
        return "artifact store from a parameter"

    def move_bucket(self):
        """Moves a bucket and its policy to the template of another account."""
        found = [b for b in self.resources("S3::Bucket") if not b[1].startswith("Log")]
        if not found:
            return None
        stack, name, bucket = self.rng.choice(found)
        single = [s for s in self.templates().values() if len(self.instances(s)) == 1]
        others = [s for s in single if s is not stack and s["account"] != stack["account"]]
        if (
            not others
            or len(self.instances(stack)) > 1
            or not isinstance(bucket["Properties"].get("BucketName"), str)
        ):
            return None
        other = self.rng.choice(others)
        resources, literal = stack["template"]["Resources"], bucket["Properties"]["BucketName"]
        new_name = f"Moved{name}"
        if new_name in other["template"]["Resources"]:
            return None
        its = [bucket, *(r for r in resources.values() if r.get("Properties", {}).get("Bucket") == {"Ref": name})]
        if any("Condition" in resource for resource in its):
            return None  # The condition is in this template.
        for policy_name, policy in list(resources.items()):
            if policy["Type"] == "AWS::S3::BucketPolicy" and policy["Properties"]["Bucket"] == {"Ref": name}:
                its_policy = self.forget(stack, policy_name)
                its_policy["Properties"]["Bucket"] = {"Ref": new_name}
                if "Fn::GetAtt" not in str(its_policy) and "Ref" not in str(
                    its_policy["Properties"]["PolicyDocument"]
                ):
                    other["template"]["Resources"][f"{new_name}Policy"] = its_policy
                    its_policy.pop("DependsOn", None)
        moved = self.forget(stack, name, literal, f"arn:aws:s3:::{literal}")
        moved.pop("DependsOn", None)
        moved["Properties"].pop("LoggingConfiguration", None)
        moved["Properties"].pop("BucketEncryption", None)
        other["template"]["Resources"][new_name] = moved
        return f"bucket {literal} moves to {other['account']}"
