//! Tests of templates in stack sets.

use crate::emulator::Accounts;
use crate::fakecloud::Fakecloud;

/// The template of a target works in a stack set that has an instance and a bucket in each account.
#[test]
fn the_template_of_a_target_deploys_as_a_stack_set() {
    let cloud = Fakecloud::start();
    let accounts = Accounts::fresh();
    let project = accounts.project(&cloud.endpoint());
    let admin = cloud.administrator(&accounts.dev);
    let prod = cloud.administrator(&accounts.prod);
    let template = project.path("stacks/prod.yaml");
    cloud.aws(
        &admin,
        &format!(
            "cloudformation create-stack-set --stack-set-name target --capabilities \
             CAPABILITY_NAMED_IAM --template-body file://{} --parameters \
             ParameterKey=DeployKeyId,ParameterValue=00000000-0000-4000-8000-000000000000",
            template.display()
        ),
    );
    cloud.aws(
        &admin,
        &format!(
            "cloudformation create-stack-instances --stack-set-name target --regions us-east-1 \
             --accounts {} --operation-id first",
            accounts.prod
        ),
    );
    let operation = loop {
        let operation = cloud.aws(
            &admin,
            "cloudformation describe-stack-set-operation --stack-set-name target \
             --operation-id first",
        )["StackSetOperation"]
            .clone();
        if operation["Status"] != "RUNNING" {
            break operation;
        }
    };
    assert_eq!(operation["Status"], "SUCCEEDED", "{operation}");
    let role = cloud.aws(&prod, "iam get-role --role-name prods3role");
    assert_eq!(
        role["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"][0],
        format!(
            "arn:aws:iam::{}:role/service-role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy",
            accounts.dev
        )
    );
}
