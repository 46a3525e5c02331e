"""The AWS document of each Guard rule, and a resource that passes the rule.

docs/reference.py writes both into the reference of the rules, and checks that each resource passes.
"""

PIPELINE = "Create a pipeline in CodePipeline that uses resources from another AWS account"
S3_SOURCE = "Connecting to Amazon S3 source actions with a source enabled for events"
BEST_IAM = "Security best practices in IAM"
BEST_S3 = "Security best practices for Amazon S3"


def action(configuration, extra=""):
    """Return a pipeline with one S3 deploy action."""
    lines = "".join(f"              {line}\n" for line in configuration.splitlines())
    more = "".join(f"            {line}\n" for line in extra.splitlines())
    return f"""\
Pipeline:
  Type: AWS::CodePipeline::Pipeline
  Properties:
    Stages:
      - Name: Deploy
        Actions:
          - Name: Deploy
            ActionTypeId: {{Category: Deploy, Owner: AWS, Provider: S3, Version: "1"}}
            Configuration:
{lines}{more}"""


def policy(action_line, resource):
    """Return a managed policy with one statement."""
    return f"""\
Policy:
  Type: AWS::IAM::ManagedPolicy
  Properties:
    PolicyDocument:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Action: {action_line}
          Resource: {resource}
"""


def bucket(properties):
    """Return a bucket with these properties."""
    lines = "".join(f"    {line}\n" for line in properties.strip().splitlines())
    return f"Bucket:\n  Type: AWS::S3::Bucket\n  Properties:\n{lines}"


def bucket_policy(statement):
    """Return a bucket policy with one statement."""
    lines = statement.strip().splitlines()
    lines = [f"        - {lines[0]}\n", *(f"          {line}\n" for line in lines[1:])]
    return (
        "BucketPolicy:\n  Type: AWS::S3::BucketPolicy\n  Properties:\n    Bucket: my-bucket\n"
        '    PolicyDocument:\n      Version: "2012-10-17"\n      Statement:\n' + "".join(lines)
    )


def key(properties):
    """Return a KMS key with these properties."""
    lines = "".join(f"    {line}\n" for line in properties.strip().splitlines())
    return f"Key:\n  Type: AWS::KMS::Key\n  Properties:\n{lines}"


def key_policy(statement):
    """Return a KMS key whose policy has one statement."""
    lines = statement.strip().splitlines()
    lines = [f"    - {lines[0]}\n", *(f"      {line}\n" for line in lines[1:])]
    return key('KeyPolicy:\n  Version: "2012-10-17"\n  Statement:\n' + "".join(lines))


def trust(statement):
    """Return a role whose trust policy has one statement."""
    lines = statement.strip().splitlines()
    lines = [f"        - {lines[0]}\n", *(f"          {line}\n" for line in lines[1:])]
    return (
        "Role:\n  Type: AWS::IAM::Role\n  Properties:\n    AssumeRolePolicyDocument:\n"
        '      Version: "2012-10-17"\n      Statement:\n' + "".join(lines)
    )


def rule(pattern, target):
    """Return an EventBridge rule for an S3 object."""
    return f"""\
Rule:
  Type: AWS::Events::Rule
  Properties:
    EventPattern:
      source: [aws.s3]
      detail-type: [Object Created]
      detail:
{pattern}
    Targets:
      - Id: pipeline
        Arn: arn:aws:codepipeline:us-east-1:111111111111:crossaccountdeploy
{target}"""


OBJECT = "        bucket: {name: [codepipeline-input-bucket]}\n        object: {key: [sample-website.zip]}"
ROLE = "        RoleArn: arn:aws:iam::111111111111:role/crossaccountdeploy-us-east-1-start\n"
REVISION = (
    "        InputTransformer:\n"
    "          InputPathsMap: {revision: $.detail.object.version-id}\n"
    "          InputTemplate: '{\"sourceRevisions\":[{\"actionName\":\"Source\","
    '"revisionType":"S3_OBJECT_VERSION_ID","revisionValue":<revision>}]}\'\n'
)
DEPLOY_ROLE = "arn:aws:iam::222222222222:role/prods3role"
TRUST_ONE_ROLE = """\
Effect: Allow
Principal:
  AWS: arn:aws:iam::111111111111:role/service-role/pipeline
Action: sts:AssumeRole
"""
BY_CONDITION = """\
Effect: Allow
Principal:
  AWS: arn:aws:iam::222222222222:root
Action: {action}
Resource: {resource}
Condition:
  ArnEquals:
    aws:PrincipalArn: arn:aws:iam::222222222222:role/prods3role
"""
ROOT = """\
Sid: AccountAdministration
Effect: Allow
Principal:
  AWS: !Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:root
Action: kms:*
Resource: "*"
"""
RETAINED = """\
{name}:
  Type: {type}
  DeletionPolicy: RetainExceptOnCreate
  UpdateReplacePolicy: Retain
  Properties:
    {properties}
"""

RULES = {
    "CODEPIPELINE_DEPLOY_ACL": (
        "Amazon S3 deploy action reference",
        action('BucketName: my-bucket\nExtract: "true"\nCannedACL: bucket-owner-full-control'),
    ),
    "CODEPIPELINE_INVOKE_REVISION": ("AWS CodePipeline invoke action reference", ""),
    "CODEPIPELINE_NAMESPACES_UNIQUE": ("Variables reference", ""),
    "CODEPIPELINE_NO_PLAIN_SECRETS": (
        "Get values stored in other services using dynamic references",
        "",
    ),
    "CODEPIPELINE_S3_DEPLOY_CONFIGURATION": (
        "Amazon S3 deploy action reference",
        action('BucketName: my-bucket\nExtract: "true"'),
    ),
    "CODEPIPELINE_S3_DEPLOY_EXTRACT": (
        "Amazon S3 deploy action reference",
        action('BucketName: my-bucket\nExtract: "false"\nObjectKey: releases/site.zip'),
    ),
    "CODEPIPELINE_S3_DEPLOY_PATH": (
        "Amazon S3 deploy action reference",
        action('BucketName: my-bucket\nExtract: "true"\nObjectKey: site'),
    ),
    "CODEPIPELINE_S3_DEPLOY_ROLE": (
        PIPELINE,
        action('BucketName: my-bucket\nExtract: "true"', f"RoleArn: {DEPLOY_ROLE}"),
    ),
    "CODEPIPELINE_SOURCE_BUCKET_VERSIONED": (
        "Amazon S3 source action reference",
        bucket("BucketName: my-source\nVersioningConfiguration:\n  Status: Enabled"),
    ),
    "CODEPIPELINE_SOURCE_NO_POLLING": (
        "Migrate polling pipelines to use event-based change detection",
        "",
    ),
    "CODEPIPELINE_STAGES": ("CodePipeline pipeline structure reference", ""),
    "CODEPIPELINE_STORE_ENCRYPTED": (
        "Configure server-side encryption for artifacts stored in Amazon S3 for CodePipeline",
        """\
Pipeline:
  Type: AWS::CodePipeline::Pipeline
  Properties:
    ArtifactStore:
      Type: S3
      Location: my-artifacts
      EncryptionKey:
        Type: KMS
        Id: !GetAtt Key.Arn
""",
    ),
    "CODEPIPELINE_STORE_KEY_BY_ARN": (
        "EncryptionKey",
        """\
Pipeline:
  Type: AWS::CodePipeline::Pipeline
  Properties:
    ArtifactStore:
      Type: S3
      Location: my-artifacts
      EncryptionKey:
        Type: KMS
        Id: arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555
""",
    ),
    "CODEPIPELINE_STORE_REGIONS": ("Add a cross-Region action in CodePipeline", ""),
    "CODEPIPELINE_TRIGGER_NO_PULL_REQUESTS": (
        "Add trigger with code push or pull request event types",
        """\
Pipeline:
  Type: AWS::CodePipeline::Pipeline
  Properties:
    Triggers:
      - ProviderType: CodeStarSourceConnection
        GitConfiguration:
          SourceActionName: Source
          Push:
            - Branches:
                Includes:
                  - main
""",
    ),
    "CODEPIPELINE_TYPE_V2": (
        "Pipeline types",
        "Pipeline:\n  Type: AWS::CodePipeline::Pipeline\n  Properties:\n    PipelineType: V2\n",
    ),
    "DEPLOYMENT_CREATION_GUARDED": ("How do stage conditions work?", ""),
    "DEPLOYMENT_DEPLOY_ROLE_ASSUMABLE": (
        PIPELINE,
        policy("sts:AssumeRole", DEPLOY_ROLE),
    ),
    "DEPLOYMENT_PIPELINE_AFTER_POLICIES": (
        "DependsOn attribute",
        """\
Pipeline:
  Type: AWS::CodePipeline::Pipeline
  DependsOn:
    - SourcePolicy
    - ArtifactPolicy
    - AssumeDeployRolesPolicy
""",
    ),
    "DEPLOYMENT_SOURCE_BUCKET_NOTIFIES": (
        "Enabling Amazon EventBridge",
        bucket(
            "NotificationConfiguration:\n"
            "  EventBridgeConfiguration:\n"
            "    EventBridgeEnabled: true"
        ),
    ),
    "DEPLOYMENT_SOURCE_CHANGES_DETECTED": (S3_SOURCE, ""),
    "EVENTS_ROLE_STARTS_ONLY_PIPELINE": (
        S3_SOURCE,
        policy(
            "codepipeline:StartPipelineExecution",
            "arn:aws:codepipeline:us-east-1:111111111111:crossaccountdeploy",
        ),
    ),
    "EVENTS_ROLE_TRUST_CONFINED": (
        "Cross-service confused deputy prevention",
        trust(
            """\
Effect: Allow
Principal:
  Service: events.amazonaws.com
Action: sts:AssumeRole
Condition:
  StringEquals:
    aws:SourceAccount: "111111111111"
  ArnEquals:
    aws:SourceArn: arn:aws:events:us-east-1:111111111111:rule/crossaccountdeploy
"""
        ),
    ),
    "EVENTS_S3_RULE_CONFINED": (S3_SOURCE, rule(OBJECT, ROLE)),
    "EVENTS_TARGET_REVISION": (S3_SOURCE, rule(OBJECT, ROLE + REVISION)),
    "EVENTS_TARGET_ROLE": (S3_SOURCE, rule(OBJECT, ROLE)),
    "IAM_ASSUME_ROLE_EXACT": (BEST_IAM, policy("sts:AssumeRole", DEPLOY_ROLE)),
    "IAM_NO_ADMINISTRATOR_POLICY": (BEST_IAM, ""),
    "IAM_NO_INLINE_POLICIES": (
        "Managed policies and inline policies",
        "Role:\n  Type: AWS::IAM::Role\n  Properties:\n    ManagedPolicyArns: [!Ref Policy]\n",
    ),
    "IAM_NO_NEGATED_ALLOW": (
        "IAM JSON policy elements: NotAction",
        policy("s3:GetObject", "arn:aws:s3:::my-bucket/*"),
    ),
    "IAM_NO_STAR_ACTIONS": (BEST_IAM, policy("s3:GetObject", "arn:aws:s3:::my-bucket/*")),
    "IAM_NO_STAR_RESOURCES": (BEST_IAM, policy("s3:GetObject", "arn:aws:s3:::my-bucket/*")),
    "IAM_NO_USER_POLICIES": (BEST_IAM, ""),
    "IAM_NO_WILDCARD_ACTIONS": (
        "IAM JSON policy elements: Action",
        policy("[s3:GetObject, s3:GetObjectVersion]", "arn:aws:s3:::my-bucket/*"),
    ),
    "IAM_PASS_ROLE_CONFINED": (
        "Grant a user permissions to pass a role to an AWS service",
        policy("iam:PassRole", "arn:aws:iam::111111111111:role/service-role/pipeline"),
    ),
    "IAM_ROLE_TRUST_EXACT": ("AWS JSON policy elements: Principal", trust(TRUST_ONE_ROLE)),
    "IAM_ROLE_TRUST_NO_STAR": ("AWS JSON policy elements: Principal", trust(TRUST_ONE_ROLE)),
    "KMS_ALIAS_NOT_RESERVED": (
        "CreateAlias",
        """\
Alias:
  Type: AWS::KMS::Alias
  Properties:
    AliasName: alias/s3deploykey
    TargetKeyId: !Ref Key
""",
    ),
    "KMS_KEY_CROSS_ACCOUNT_CONFINED": (
        "Allowing users in other accounts to use a KMS key",
        key_policy(BY_CONDITION.format(action="kms:Decrypt", resource='"*"')),
    ),
    "KMS_KEY_DELETION_WINDOW": ("Delete an AWS KMS key", key("PendingWindowInDays: 30")),
    "KMS_KEY_ENABLED": ("Key states of AWS KMS keys", key("Enabled: true")),
    "KMS_KEY_LOCKOUT_CHECKED": ("Default key policy", ""),
    "KMS_KEY_NO_PUBLIC_PRINCIPAL": (
        "Key policies in AWS KMS",
        key_policy(BY_CONDITION.format(action="kms:Decrypt", resource='"*"')),
    ),
    "KMS_KEY_NO_STAR_ACTION": ("Key policies in AWS KMS", key_policy(ROOT)),
    "KMS_KEY_RETAINED": (
        "DeletionPolicy attribute",
        RETAINED.format(name="Key", type="AWS::KMS::Key", properties="EnableKeyRotation: true"),
    ),
    "KMS_KEY_ROOT_STATEMENT": ("Default key policy", key_policy(ROOT)),
    "KMS_KEY_ROTATED": ("Rotate AWS KMS keys", key("EnableKeyRotation: true")),
    "S3_BUCKET_ENCRYPTED": (
        "Setting default server-side encryption behavior for Amazon S3 buckets",
        bucket(
            "BucketEncryption:\n"
            "  ServerSideEncryptionConfiguration:\n"
            "    - ServerSideEncryptionByDefault:\n"
            "        SSEAlgorithm: AES256"
        ),
    ),
    "S3_BUCKET_HAS_POLICY": ("Bucket policies for Amazon S3", ""),
    "S3_BUCKET_LOGGED": (
        "Enabling Amazon S3 server access logging",
        bucket("LoggingConfiguration:\n  DestinationBucketName: my-log-bucket"),
    ),
    "S3_BUCKET_NO_PUBLIC_ACL": ("Access control list (ACL) overview", bucket("AccessControl: Private")),
    "S3_BUCKET_OWNER_ENFORCED": (
        "Controlling ownership of objects and disabling ACLs for your bucket",
        bucket("OwnershipControls:\n  Rules:\n    - ObjectOwnership: BucketOwnerEnforced"),
    ),
    "S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED": (
        "Bucket policies for Amazon S3",
        bucket_policy(
            BY_CONDITION.format(action="s3:GetObject", resource="arn:aws:s3:::my-bucket/*")
        ),
    ),
    "S3_BUCKET_POLICY_NO_PUBLIC_PRINCIPAL": (
        "Blocking public access to your Amazon S3 storage",
        bucket_policy(
            BY_CONDITION.format(action="s3:GetObject", resource="arn:aws:s3:::my-bucket/*")
        ),
    ),
    "S3_BUCKET_POLICY_NO_STAR_ACTION": (
        BEST_S3,
        bucket_policy(
            BY_CONDITION.format(action="s3:GetObject", resource="arn:aws:s3:::my-bucket/*")
        ),
    ),
    "S3_BUCKET_PUBLIC_ACCESS_BLOCKED": (
        "Blocking public access to your Amazon S3 storage",
        bucket(
            "PublicAccessBlockConfiguration:\n"
            "  BlockPublicAcls: true\n"
            "  BlockPublicPolicy: true\n"
            "  IgnorePublicAcls: true\n"
            "  RestrictPublicBuckets: true"
        ),
    ),
    "S3_BUCKET_RETAINED": (
        "DeletionPolicy attribute",
        RETAINED.format(name="Bucket", type="AWS::S3::Bucket", properties="BucketName: my-bucket"),
    ),
    "S3_BUCKET_TLS_ONLY": (
        BEST_S3,
        bucket_policy(
            """\
Effect: Deny
Principal: "*"
Action: s3:*
Resource:
  - arn:aws:s3:::my-bucket
  - arn:aws:s3:::my-bucket/*
Condition:
  Bool:
    aws:SecureTransport: "false"
"""
        ),
    ),
    "S3_BUCKET_VERSIONED": (
        "Retaining multiple versions of objects with S3 Versioning",
        bucket("VersioningConfiguration:\n  Status: Enabled"),
    ),
    "S3_LOG_BUCKET_AES256": (
        "Enabling Amazon S3 server access logging",
        bucket(
            "BucketEncryption:\n"
            "  ServerSideEncryptionConfiguration:\n"
            "    - ServerSideEncryptionByDefault:\n"
            "        SSEAlgorithm: AES256"
        ),
    ),
    "S3_LOG_DELIVERY_CONFINED": (
        "Enabling Amazon S3 server access logging",
        bucket_policy(
            """\
Effect: Allow
Principal:
  Service: logging.s3.amazonaws.com
Action: s3:PutObject
Resource: arn:aws:s3:::my-bucket/*
Condition:
  StringEquals:
    aws:SourceAccount: "111111111111"
  ArnLike:
    aws:SourceArn: arn:aws:s3:::my-source
"""
        ),
    ),
}
