"""Random parts of policies: actions, and conditions on keys of every kind."""

from bases import DEV, HERE, OTHER, PROD, THERE

ACCOUNTS = [DEV, PROD, OTHER, "444444444444"]
#: Kinds of policies.
IDENTITY, TRUST, BUCKET, KEY = "identity", "trust", "bucket", "key"
KINDS = {
    "ManagedPolicy": IDENTITY,
    "Policy": IDENTITY,
    "RolePolicy": IDENTITY,
    "Role": TRUST,
    "BucketPolicy": BUCKET,
    "Key": KEY,
    "ReplicaKey": KEY,
}
#: Actions for trust policies.
TRUST_ACTIONS = ["sts:*", "sts:AssumeRole", "sts:assumerole", "sts:Assume*", "sts:TagSession"]

ACTIONS = [
    "*", "s3:*", "s3:Get*", "s3:Put*", "s3:List*", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject",
    "S3:gETobject", "s3:PutObject*", "s3:?etObject", "s3:GetBucket*", "s3:ListBucket", "kms:*", "KMS:Decrypt",
    "kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKey*", "kms:Describe*", "kms:?ecrypt", "kms:ReEncrypt*",
    "codeconnections:UseConnection", "codestar-connections:*", "codebuild:*", "codebuild:StartBuild", "logs:*",
    "logs:Put*", "secretsmanager:GetSecretValue",
    "states:*", "states:StartExecution", "states:Describe*", "cloudfront:*", "cloudfront:CreateInvalidation",
    "sns:Publish", "sns:*", "SNS:pub*", "cloudwatch:DescribeAlarms", "cloudwatch:Describe*",
    "sts:*", "sts:AssumeRole", "sts:assumerole", "codepipeline:*", "s3:GetObjectTagging", "s3:PutBucketTagging",
]  # fmt: skip

STRING = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
          "StringNotEqualsIgnoreCase"]  # fmt: skip
ARN = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "StringEquals", "StringLike", "StringNotLike"]
DATE = ["DateGreaterThan", "DateLessThan", "DateEquals", "DateNotEquals", "DateLessThanEquals"]
NUMERIC = ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"]
IP = ["IpAddress", "NotIpAddress"]
BOOL = ["Bool"]
ROLES = [
    f"arn:aws:iam::{PROD}:role/prods3role",
    f"arn:aws:iam::{PROD}:role/*",
    "arn:aws:iam::*:role/prods3role*",
    f"arn:aws:iam::{DEV}:role/service-role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy",
    f"arn:aws:iam::{DEV}:role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy",
    "arn:aws:iam::*",
    "arn:aws:*:role/prods3role",
    "arn:*:role/prods3role",
    "arn:aws:iam:*:role/*",
    "arn:aws:iam::${aws:PrincipalAccount}:role/prods3role",
]
ARTIFACTS = "codepipeline-us-east-1-0123456789"
YES_NO = ["true", "false", True, False]
ORGANIZATION = ["o-exampleorg1", "o-exampleorg2"]
#: The operators and values for each key.
KEYS = {
    "aws:PrincipalArn": (ARN, ROLES),
    "aws:PrincipalAccount": (STRING, ACCOUNTS[:3] + ["${aws:ResourceAccount}", "${aws:PrincipalAccount}"]),
    "codeconnections:FullRepositoryId": (STRING, ["example/website", "example/*"]),
    "codestar-connections:FullRepositoryId": (STRING, ["example/website", "other/website"]),
    "sns:Protocol": (STRING, ["https", "email"]),
    "cloudwatch:AlarmActions": (STRING, ["arn:aws:sns:us-east-1:111111111111:approvals"]),
    "aws:PrincipalOrgID": (STRING, ORGANIZATION),
    "aws:PrincipalType": (STRING, ["AssumedRole", "assumedrole", "User", "Assumed*"]),
    "aws:PrincipalTag/team": (STRING, ["web", "Web", "ops", "${aws:PrincipalTag/team}"]),
    "aws:PrincipalIsAWSService": (BOOL, YES_NO),
    "aws:PrincipalServiceName": (STRING, ["codepipeline.amazonaws.com", "logging.s3.amazonaws.com"]),
    "aws:userid": (STRING, ["AROAEXAMPLEID12345678:*", DEV]),
    "aws:username": (STRING, ["alice", "*"]),
    "aws:SourceArn": (ARN, ["arn:aws:s3:::codepipeline-input-bucket", "arn:aws:events:*:*:rule/*"]),
    "aws:SourceAccount": (STRING, ACCOUNTS[:2]),
    "aws:ViaAWSService": (BOOL, YES_NO),
    "aws:CalledViaFirst": (STRING, ["cloudformation.amazonaws.com", "s3.amazonaws.com"]),
    "aws:SourceIp": (IP, ["192.0.2.0/24", "203.0.113.7", "2001:db8::/32"]),
    "aws:SourceVpc": (STRING, ["vpc-0123456789abcdef0"]),
    "aws:SourceVpce": (STRING, ["vpce-0123456789abcdef0"]),
    "aws:SecureTransport": (BOOL, YES_NO),
    "aws:CurrentTime": (DATE, ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"]),
    "aws:EpochTime": (NUMERIC, ["1577836800", "4102444800"]),
    "aws:TokenIssueTime": (DATE, ["2020-01-01T00:00:00Z"]),
    "aws:MultiFactorAuthPresent": (BOOL, YES_NO),
    "aws:MultiFactorAuthAge": (NUMERIC, ["3600"]),
    "aws:FederatedProvider": (STRING, ["graph.facebook.com"]),
    "aws:ResourceAccount": (STRING, ACCOUNTS[:3] + ["${aws:PrincipalAccount}"]),
    "aws:ResourceOrgID": (STRING, ORGANIZATION + ["${aws:PrincipalOrgID}"]),
    "aws:RequestedRegion": (STRING, [HERE, THERE, "us-*"]),
    "aws:Referer": (STRING, ["https://example.com/*"]),
    "aws:UserAgent": (STRING, ["aws-sdk*"]),
    "aws:SourceIdentity": (STRING, ["alice"]),
    "aws:NoSuchKey": (STRING, ["x"]),
    "s3:ResourceAccount": (STRING, ACCOUNTS[:3]),
    "s3:TlsVersion": (NUMERIC, ["1.2"]),
    "s3:signatureversion": (STRING, ["AWS4-HMAC-SHA256"]),
    "s3:x-amz-server-side-encryption": (STRING, ["aws:kms", "AES256"]),
    "s3:x-amz-server-side-encryption-aws-kms-key-id": (ARN, ["arn:aws:kms:us-east-1:111111111111:key/*"]),
    "s3:x-amz-acl": (STRING, ["bucket-owner-full-control", "public-read"]),
    "s3:prefix": (STRING, ["crossaccountdeploy/", ""]),
    "s3:VersionId": (STRING, ["x", "null"]),
    "s3:ExistingObjectTag/team": (STRING, ["web"]),
    "s3:DataAccessPointAccount": (STRING, [DEV]),
    "kms:ViaService": (
        STRING,
        [f"s3.{HERE}.amazonaws.com", "s3.*.amazonaws.com", f"ec2.{HERE}.amazonaws.com"],
    ),
    "kms:CallerAccount": (STRING, ACCOUNTS[:3]),
    "kms:EncryptionContext:aws:s3:arn": (
        ARN,
        [
            f"arn:aws:s3:::{ARTIFACTS}",
            f"arn:aws:s3:::{ARTIFACTS}/*",
            "arn:aws:s3:::*",
            "arn:aws:s3:::codepipeline-*",
        ],
    ),
    "kms:KeySpec": (STRING, ["SYMMETRIC_DEFAULT", "RSA_2048"]),
    "kms:GrantIsForAWSResource": (BOOL, YES_NO),
    "kms:RequestAlias": (STRING, ["alias/s3deploykey"]),
    "sts:ExternalId": (STRING, ["secret"]),
    "sts:RoleSessionName": (STRING, ["15*"]),
}
SETS = {
    "aws:CalledVia": (STRING, ["cloudformation.amazonaws.com", "s3.amazonaws.com", "kms.amazonaws.com"]),
    "aws:PrincipalOrgPaths": (STRING, ["o-exampleorg1/*"]),
    "aws:PrincipalServiceNamesList": (STRING, ["codepipeline.amazonaws.com"]),
    "kms:EncryptionContextKeys": (STRING, ["aws:s3:arn", "other", "aws:*"]),
    "aws:TagKeys": (STRING, ["team"]),
}
#: "IAM policies only" (AWS KMS Developer Guide, "kms:ResourceAliases").
IDENTITY_SETS = {"kms:ResourceAliases": (STRING, ["alias/s3deploykey", "alias/other", "alias/*"])}


#: Keys with known values in most requests, so that most conditions on them are decided. Conditions
#: on other keys are often undecided.
KNOWN = ["aws:PrincipalArn", "aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalTag/team",
         "aws:PrincipalIsAWSService", "aws:ResourceAccount", "aws:RequestedRegion", "aws:SecureTransport",
         "aws:SourceArn", "aws:ViaAWSService", "s3:ResourceAccount", "s3:x-amz-server-side-encryption",
         "kms:ViaService", "kms:CallerAccount", "kms:EncryptionContext:aws:s3:arn"]  # fmt: skip


def any_key(rng):
    return rng.choice(KNOWN if rng.random() < 0.5 else sorted(KEYS))


def condition(rng, identity=False):
    """Returns a random Condition element with one or two operators."""
    found = {}
    for _ in range(rng.choice([1, 1, 1, 2])):
        sets = {**SETS, **(IDENTITY_SETS if identity else {})}
        several = rng.random() < 0.12
        key = rng.choice(sorted(sets)) if several else any_key(rng)
        operators, values = (sets if several else KEYS)[key]
        operator = rng.choice(operators)
        chosen = rng.sample(values, k=min(len(values), rng.choice([1, 1, 2])))
        if rng.random() < 0.12:
            operator, chosen = "Null", [rng.choice(YES_NO)]
        else:
            if not operator.endswith("Like") and not operator.startswith("Arn"):
                # A wildcard is literal here and would never match.
                chosen = [v for v in chosen if "*" not in str(v)] or chosen
            if rng.random() < 0.2:
                operator += "IfExists"
            if several or rng.random() < 0.05:
                operator = rng.choice(["ForAllValues:", "ForAnyValue:"]) + operator
        key = key.lower() if rng.random() < 0.1 else key
        value = chosen[0] if len(chosen) == 1 and rng.random() < 0.7 else chosen
        found.setdefault(operator, {})[key] = value
    return found
