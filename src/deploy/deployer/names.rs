//! The names and ARNs of a template's resources in one account and region.

use serde_json::Value;

use super::super::StackStep;

/// A template in one account and region.
pub(super) struct Place<'a> {
    pub(super) partition: &'a str,
    pub(super) step: &'a StackStep,
    template: Value,
}

impl<'a> Place<'a> {
    pub(super) fn new(partition: &'a str, step: &'a StackStep) -> Self {
        Self {
            partition,
            step,
            // Our own text is always JSON; without it there are no resources.
            template: serde_json::from_str(&step.template.text.json).unwrap_or_default(),
        }
    }

    /// The resources of a type: their properties.
    pub(super) fn of_type(&self, kind: &str) -> Vec<&Value> {
        let resources = self.template["Resources"].as_object();
        let all = resources.into_iter().flat_map(|all| all.values());
        all.filter(|resource| resource["Type"] == kind)
            .map(|resource| &resource["Properties"])
            .collect()
    }

    /// A value as it is in this place. What only AWS knows is `*`.
    pub(super) fn text(&self, value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Object(function) => match function.iter().next() {
                Some((name, Value::String(id))) if name == "Ref" => self.reference(id),
                Some((name, Value::String(text))) if name == "Fn::Sub" => self.substituted(text),
                Some((name, Value::Array(parts))) if name == "Fn::GetAtt" => {
                    let id = parts.first().and_then(Value::as_str).unwrap_or_default();
                    self.arn(id)
                }
                _ => "*".to_owned(),
            },
            _ => "*".to_owned(),
        }
    }

    fn substituted(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            out.push_str(&self.reference(name));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// What `Ref` gives: a pseudo parameter, or the name of a resource that has one.
    fn reference(&self, id: &str) -> String {
        match id {
            "AWS::AccountId" => self.step.account.clone(),
            "AWS::Region" => self.step.region.clone(),
            "AWS::Partition" => self.partition.to_owned(),
            _ => {
                let resource = &self.template["Resources"][id];
                let property = match resource["Type"].as_str() {
                    Some("AWS::S3::Bucket") => "BucketName",
                    Some("AWS::IAM::Role") => "RoleName",
                    Some("AWS::CodePipeline::Pipeline") => "Name",
                    _ => return "*".to_owned(),
                };
                self.text(&resource["Properties"][property])
            }
        }
    }

    /// The ARN of a resource of the template.
    fn arn(&self, id: &str) -> String {
        let resource = &self.template["Resources"][id];
        let properties = &resource["Properties"];
        match resource["Type"].as_str() {
            Some("AWS::IAM::Role") => self.role(properties),
            Some("AWS::S3::Bucket") => self.bucket(&properties["BucketName"]),
            _ => "*".to_owned(),
        }
    }

    pub(super) fn bucket(&self, name: &Value) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.text(name))
    }

    pub(super) fn role(&self, properties: &Value) -> String {
        self.iam("role", &properties["Path"], &properties["RoleName"])
    }

    pub(super) fn policy(&self, properties: &Value) -> String {
        self.iam(
            "policy",
            &properties["Path"],
            &properties["ManagedPolicyName"],
        )
    }

    fn iam(&self, kind: &str, path: &Value, name: &Value) -> String {
        let path = path.as_str().unwrap_or("/");
        format!(
            "arn:{}:iam::{}:{kind}{path}{}",
            self.partition,
            self.step.account,
            self.text(name)
        )
    }

    /// An ARN of a service with account and region.
    pub(super) fn regional(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition, self.step.region, self.step.account
        )
    }
}
