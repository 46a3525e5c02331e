"""Runs the complete workflow on one machine: deploys both stacks to an AWS emulator that enforces
policies, uploads a site, makes the calls of CodePipeline with the deployed roles, and breaks a policy
to show the diagnosis.

usage: python demo/demo.py S3FERRY      (`make demo` runs it in the Python environment of the tests)

The demo connects only to 127.0.0.1. The exit code is 1 if a result is unexpected, and 2 if S3FERRY
does not exist.
"""

import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile

import botocore.exceptions

from emulator import Emulator

DEV, PROD, STRANGER = "111111111111", "222222222222", "333333333333"
# The accounts of the second configuration.
DEV_2, PROD_2 = "444444444444", "555555555555"
REGION = "us-east-1"
PIPELINE = "crossaccountdeploy"
SERVICE_ROLE = f"arn:aws:iam::{DEV}:role/service-role/AWSCodePipelineServiceRole-{REGION}-{PIPELINE}"
DEPLOY_ROLE = f"arn:aws:iam::{PROD}:role/prods3role"
# CodePipeline stores artifacts in a folder named after the first 20 characters of the pipeline name.
ARTIFACT = f"{PIPELINE[:20]}/SourceArti/demo.zip"


class Unexpected(Exception):
    """A result of the demo is unexpected."""


def main(program):
    with tempfile.TemporaryDirectory(prefix="s3ferry-demo-") as folder:
        folder = pathlib.Path(folder)
        with Emulator(folder / "emulator.log") as emulator:
            demonstrate(Shell(program, folder / "first", emulator, DEV, PROD), emulator)
            demonstrate_build(Shell(program, folder / "second", emulator, DEV_2, PROD_2), emulator)
            title("All results are as expected.")


def demonstrate(shell, emulator):
    title("1  Two accounts, one configuration")
    shell.run(f"init --dev-account {DEV} --prod-account {PROD} --region {REGION}")
    shell.run("synth")

    title("2  Deploy both stacks: dev, prod, and dev again with the pipeline")
    shell.run("deploy --all --yes", show=without_events)
    dev, prod = emulator.account(DEV), emulator.account(PROD)
    outputs = {**stack_outputs(dev), **stack_outputs(prod)}
    shell.run("status")

    title("3  Upload a site")
    pipeline = Pipeline(emulator, outputs)
    pipeline.has_no_source()
    shell.run("sample")
    shell.run("push sample-website.zip --no-watch")

    title("4  Make the calls of CodePipeline with the deployed roles")
    pipeline.source()
    pipeline.store()
    pipeline.deploy()
    note("Trust, identity, and bucket policies decided each of these calls, with three exceptions:")
    note("- The condition that an upload names only the pipeline's key: the emulator does not support")
    note("  s3:x-amz-server-side-encryption-aws-kms-key-id.")
    note("- aws:SecureTransport: all requests use plain HTTP on this machine and count as TLS.")
    note("- The key policy: the emulator does not allow one account to use another account's key. The")
    note("  artifact is stored with the ARN of the key, but the key policy is not evaluated.")
    note("`s3ferry prove` evaluates all three, such as the key policy:")
    shell.run("prove --call decrypt", show=first_paragraph)

    title("5  Show the result in prod")
    show_objects(prod, pipeline.output_bucket)
    administrator = administrator_of(emulator, prod)
    refused(
        "an administrator of prod reads the artifact",
        lambda: administrator("s3").get_object(Bucket=pipeline.artifact_bucket, Key=ARTIFACT),
    )
    shell.run("doctor")

    title("6  Overwrite the policy of the artifact bucket")
    policy = break_policy(dev, pipeline.artifact_bucket)
    refused("the deploy role reads the artifact", pipeline.read_artifact)

    title("7  Find the cause with s3ferry doctor")
    found = shell.run("doctor", code=1)
    for expected in (pipeline.artifact_bucket, "prods3role"):
        if expected not in found:
            raise Unexpected(f"doctor does not name {expected}")

    title("8  Restore the policy")
    dev("s3").put_bucket_policy(Bucket=pipeline.artifact_bucket, Policy=policy)
    pipeline.read_artifact()
    shell.run("doctor")

    title("9  Delete the output bucket; another account creates a bucket with its name")
    take_name(prod, emulator.account(STRANGER), pipeline.output_bucket)
    pipeline.put(administrator, "index.html", b"an administrator's", who="administrator")
    refused("the deploy role writes to it", lambda: pipeline.put(pipeline.assume(), "index.html", b""))


def demonstrate_build(shell, emulator):
    title("10  Deploy a pipeline that builds a repository (examples/repository.yaml)")
    example = pathlib.Path(__file__).resolve().parent.parent / "examples" / "repository.yaml"
    text = example.read_text()
    prod = emulator.account(PROD_2)
    distribution = create_distribution(prod)
    for old, new in ((DEV, DEV_2), (PROD, PROD_2), ("eu-west-1", REGION), ("EDFDVBD6EXAMPLE", distribution)):
        text = text.replace(old, new)
    (shell.folder / "s3ferry.yaml").write_text(text)
    shell.run("synth", show=first_paragraph)
    shell.run("prove --strict", show=last_line)
    shell.run("deploy --all --yes", show=without_events)

    title("11  Make the calls of the build with its role, and calls that it must not make")
    dev = emulator.account(DEV_2)
    outputs = stack_outputs(dev)
    store, key = outputs["ArtifactBucketName"], outputs["DeployKeyArn"]
    name = f"{REGION}-site"
    service = f"arn:aws:iam::{DEV_2}:role/service-role/AWSCodePipelineServiceRole-{name}"
    service = emulator.session_of_service(service, "codepipeline.amazonaws.com")
    role = f"arn:aws:iam::{DEV_2}:role/site-{REGION}-build"
    build = emulator.session_of_service(role, "codebuild.amazonaws.com")
    deploy_role = f"arn:aws:iam::{PROD_2}:role/prods3role"
    source, built = "site/SourceArti/demo.zip", "site/BuildArtif/demo.zip"

    def put(session, where, body):
        session("s3").put_object(
            Bucket=store, Key=where, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key
        )

    put(service, source, b"source")
    done("service role", "wrote the source", f"s3://{store}/{source}")
    if build("s3").get_object(Bucket=store, Key=source)["Body"].read() != b"source":
        raise Unexpected("the build reads a different source artifact")
    done("build", "read the source", f"s3://{store}/{source}")
    put(build, built, b"site")
    done("build", "wrote the output", f"s3://{store}/{built}")
    credentials = service("sts").assume_role(RoleArn=deploy_role, RoleSessionName="demo")["Credentials"]
    deploy = emulator.session(credentials)
    if deploy("s3").get_object(Bucket=store, Key=built)["Body"].read() != b"site":
        raise Unexpected("the deploy role reads a different output")
    done("deploy role", "read the output", f"s3://{store}/{built}")
    output = stack_outputs(emulator.account(PROD_2))["OutputBucketName"]
    deploy("s3").put_object(Bucket=output, Key="index.html", Body=b"site")
    done("deploy role", "put", f"s3://{output}/index.html")
    for what, call in (
        ("the build replaces the source artifact", lambda: put(build, source, b"other")),
        ("the build writes another pipeline's artifact", lambda: put(build, "other/BuildArtif/x", b"x")),
        (
            "the build assumes the deploy role",
            lambda: build("sts").assume_role(RoleArn=deploy_role, RoleSessionName="build"),
        ),
        (
            "the build writes to the output bucket",
            lambda: build("s3").put_object(Bucket=output, Key="index.html", Body=b"x"),
        ),
        ("the build reads the output bucket", lambda: build("s3").get_object(Bucket=output, Key="index.html")),
    ):
        refused(what, call)

    title("12  Invalidate the distribution with the roles for it, and make calls that they must not make")
    role = f"arn:aws:iam::{PROD_2}:role/prods3role"
    machine = f"arn:aws:states:{REGION}:{PROD_2}:stateMachine:prods3role-invalidate"
    credentials = service("sts").assume_role(RoleArn=f"{role}-start-invalidation", RoleSessionName="demo")
    start = emulator.session(credentials["Credentials"])
    execution = start("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    done("start role", "started", machine)
    start("stepfunctions").describe_execution(executionArn=execution)
    done("start role", "read", execution)
    # The emulator's state machines cannot call CloudFront, so the demo makes the calls of the tasks.
    definition = json.loads(prod("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"])
    task = definition["States"]["Invalidate"]["Parameters"]
    batch = {"CallerReference": "demo", "Paths": task["InvalidationBatch"]["Paths"]}
    invalidate = emulator.session_of_service(f"{role}-invalidate", "states.amazonaws.com")
    made = invalidate("cloudfront").create_invalidation(
        DistributionId=task["DistributionId"], InvalidationBatch=batch
    )["Invalidation"]["Id"]
    invalidate("cloudfront").get_invalidation(DistributionId=distribution, Id=made)
    done("machine", "invalidated", f"{distribution} {' '.join(batch['Paths']['Items'])}")
    another = create_distribution(prod)

    def directly(session, which):
        session("cloudfront").create_invalidation(DistributionId=which, InvalidationBatch=batch)

    for what, call in (
        ("the state machine invalidates another distribution", lambda: directly(invalidate, another)),
        ("the start role invalidates directly", lambda: directly(start, distribution)),
        ("the deploy role starts it", lambda: deploy("stepfunctions").start_execution(stateMachineArn=machine)),
        ("the build starts it", lambda: build("stepfunctions").start_execution(stateMachineArn=machine)),
        (
            "the service role starts it directly",
            lambda: service("stepfunctions").start_execution(stateMachineArn=machine),
        ),
        (
            "the start role writes to the output bucket",
            lambda: start("s3").put_object(Bucket=output, Key="index.html", Body=b"x"),
        ),
        (
            "the state machine reads the output bucket",
            lambda: invalidate("s3").get_object(Bucket=output, Key="index.html"),
        ),
    ):
        refused(what, call)


def create_distribution(session):
    """Creates a distribution with one origin, and returns its ID."""
    domain = f"example-site-{PROD_2}.s3.{REGION}.amazonaws.com"
    origin = {"Id": "site", "DomainName": domain, "S3OriginConfig": {"OriginAccessIdentity": ""}}
    configuration = {
        "CallerReference": uuid.uuid4().hex,
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https"},
    }
    made = session("cloudfront").create_distribution(DistributionConfig=configuration)
    return made["Distribution"]["Id"]


class Shell:
    """Runs s3ferry in the folder of the demo with its AWS profiles, and shows the output."""

    def __init__(self, program, folder, emulator, dev, prod):
        self.program = str(pathlib.Path(program).resolve())
        self.folder = folder
        aws = folder / "aws"
        aws.mkdir(parents=True)
        credentials = [
            f"[{name}]\naws_access_key_id = {account}\naws_secret_access_key = {Emulator.SECRET}\n"
            for name, account in (("dev", dev), ("prod", prod))
        ]
        (aws / "credentials").write_text("".join(credentials))
        (aws / "config").write_text(f"[profile dev]\nregion = {REGION}\n[profile prod]\nregion = {REGION}\n")
        self.environment = {
            "AWS_CONFIG_FILE": str(aws / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(aws / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": emulator.url,
            "HOME": str(folder),
        }

    def run(self, arguments, code=0, show=lambda text: text):
        """Runs a command, checks its exit code, and returns its output."""
        print(f"\n$ s3ferry {arguments}", flush=True)
        done = subprocess.run(
            [self.program, *arguments.split()],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        if done.returncode != code:
            print(done.stdout)
            raise Unexpected(f"exit code {done.returncode} instead of {code}")
        print(show(done.stdout).rstrip(), flush=True)
        return done.stdout


class Pipeline:
    """The calls of an execution, each with the role that makes it."""

    def __init__(self, emulator, outputs):
        self.emulator = emulator
        self.key = outputs["DeployKeyArn"]
        self.source_bucket = outputs["SourceBucketName"]
        self.artifact_bucket = outputs["ArtifactBucketName"]
        self.output_bucket = outputs["OutputBucketName"]
        # CodePipeline assumes the service role, so its trust policy must name the service.
        self.service = emulator.session_of_service(SERVICE_ROLE, "codepipeline.amazonaws.com")
        self.zip = None

    def has_no_source(self):
        """Checks that a missing source object is not found, not forbidden: the role can list the bucket."""
        try:
            self.service("s3").get_object(Bucket=self.source_bucket, Key="sample-website.zip")
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return done("service role", "found no source", f"s3://{self.source_bucket}/sample-website.zip")
        raise Unexpected("the source object already exists")

    def source(self):
        s3 = self.service("s3")
        if s3.get_bucket_versioning(Bucket=self.source_bucket).get("Status") != "Enabled":
            raise Unexpected("the source bucket is not versioned")
        version = s3.head_object(Bucket=self.source_bucket, Key="sample-website.zip")["VersionId"]
        answer = s3.get_object(Bucket=self.source_bucket, Key="sample-website.zip", VersionId=version)
        self.zip = answer["Body"].read()
        done("service role", "read the source", f"s3://{self.source_bucket}/sample-website.zip")

    def store(self):
        self.service("s3").put_object(
            Bucket=self.artifact_bucket,
            Key=ARTIFACT,
            Body=self.zip,
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=self.key,
        )
        done("service role", "wrote the artifact", f"s3://{self.artifact_bucket}/{ARTIFACT}")

    def deploy(self):
        role = self.assume()
        files = zipfile.ZipFile(io.BytesIO(self.read_artifact(role)))
        role("s3").list_objects_v2(Bucket=self.output_bucket)
        for name in files.namelist():
            self.put(role, name, files.read(name))

    def put(self, role, name, body, who="deploy role"):
        role("s3").put_object(Bucket=self.output_bucket, Key=name, Body=body)
        done(who, "put", f"s3://{self.output_bucket}/{name}")

    def assume(self):
        role = self.emulator.session(
            self.service("sts").assume_role(RoleArn=DEPLOY_ROLE, RoleSessionName="demo")["Credentials"]
        )
        done("service role", "assumed", DEPLOY_ROLE)
        return role

    def read_artifact(self, role=None):
        role = role or self.assume()
        answer = role("s3").get_object(Bucket=self.artifact_bucket, Key=ARTIFACT)
        body = answer["Body"].read()
        if body != self.zip:
            raise Unexpected("the artifact differs from the source")
        done("deploy role", "read the artifact", f"s3://{self.artifact_bucket}/{ARTIFACT}")
        return body


def refused(what, call):
    """Checks that a call is denied."""
    try:
        call()
    except botocore.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        print(f"  denied   {what}\n           {error.response['Error']['Message']}", flush=True)
        return
    raise Unexpected(f"allowed: {what}")


def administrator_of(emulator, prod):
    """Creates a role in prod with all permissions of the account. The bucket policy in dev does not
    allow it, because it is not the deploy role."""
    iam = prod("iam")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": PROD}, "Action": "sts:AssumeRole"}]}
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    role = iam.create_role(RoleName="administrator", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="administrator", PolicyName="all", PolicyDocument=json.dumps(everything))
    credentials = prod("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="demo")["Credentials"]
    return emulator.session(credentials)


def take_name(owner, stranger, bucket):
    """Deletes a bucket and creates a public bucket with its name in another account."""
    s3 = owner("s3")
    for version in s3.list_object_versions(Bucket=bucket).get("Versions", []):
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    s3 = stranger("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    )
    everything = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    print(f"  s3://{bucket} now belongs to account {STRANGER}", flush=True)


def show_objects(prod, bucket):
    found = prod("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    if {entry["Key"] for entry in found} != {"error.html", "index.html", "style.css"}:
        raise Unexpected(f"the bucket in prod contains {[entry['Key'] for entry in found]}")
    print(f"  s3://{bucket}")
    for entry in found:
        print(f"  {entry['Key']:<10}  {entry['Size']:>6,} bytes")
    controls = prod("s3").get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    ownership = [rule["ObjectOwnership"] for rule in controls["Rules"]]
    if ownership != ["BucketOwnerEnforced"]:
        raise Unexpected(f"the object ownership of {bucket} is {ownership}")
    note("The bucket belongs to prod, and its object ownership is BucketOwnerEnforced. On AWS, this")
    note("makes prod the owner of every file. In the emulator, the bucket owner owns all files anyway.")
    print(flush=True)


def break_policy(dev, bucket):
    """Removes the other account from a bucket policy, and returns the original policy."""
    s3 = dev("s3")
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(before)
    kept = [one for one in policy["Statement"] if one["Effect"] == "Deny" or PROD not in json.dumps(one)]
    lost = [one["Sid"] for one in policy["Statement"] if one not in kept]
    if not lost:
        raise Unexpected("the artifact bucket policy names no principal in prod")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": kept}))
    print(f"  Removed from the policy of {bucket}: {', '.join(lost)}\n", flush=True)
    return before


def stack_outputs(account):
    stacks = account("cloudformation").describe_stacks()["Stacks"]
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        for output in stack.get("Outputs", [])
    }


def without_events(text):
    """Removes the start and end events of resources from the output of a deployment."""
    event = re.compile(r"  (CREATE|UPDATE)_(IN_PROGRESS|COMPLETE)")
    shown = []
    for line in text.splitlines():
        if not event.match(line):
            shown.append(line)
        elif shown[-1:] != ["  …"]:
            shown.append("  …")
    return "\n".join(shown)


def first_paragraph(text):
    first, _, rest = text.partition("\n\n")
    return f"{first}\n…" if rest.strip() else first


def last_line(text):
    return text.rstrip().rsplit("\n", 1)[-1]


def title(text):
    print(f"\n\n{text}\n{'=' * len(text)}", flush=True)


def done(who, what, where):
    print(f"  {who:<12}  {what:<18}  {where}", flush=True)


def note(text):
    print(f"  {text}", flush=True)


def program_of(arguments):
    """Returns the path of the program. Exits with code 2 if it does not exist."""
    found = shutil.which(arguments[0]) if len(arguments) == 1 else None
    if found is None:
        print("usage: python demo/demo.py S3FERRY (the path of the built program)", file=sys.stderr)
        sys.exit(2)
    return found


if __name__ == "__main__":
    try:
        main(program_of(sys.argv[1:]))
    except (Unexpected, botocore.exceptions.ClientError) as error:
        sys.exit(f"\nUnexpected result: {error}")
