//! CodePipeline's refusal of a role. CodePipeline tries every role when a pipeline is saved, and
//! refuses a role that IAM has not made known everywhere yet like a role that does not exist (its
//! code is `InvalidStructureException` in both cases). Pure.

/// ARN of the role that CodePipeline could not assume, if that is the reason of a failure.
pub fn refused_role(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once("not authorized to perform AssumeRole on ")?;
    let (_, rest) = rest.split_once("role ")?;
    let role = rest.split_whitespace().next()?;
    let role = role.trim_end_matches(['.', ',', ';', ')', ']', '"', '\'']);
    (role.starts_with("arn:") && role.contains(":role/")).then_some(role)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "arn:aws:iam::111111111111:role/service-role/pipeline";
    const DEPLOY: &str = "arn:aws:iam::222222222222:role/prods3role";

    #[test]
    fn every_form_of_the_message_names_the_role() {
        let forms = [
            (
                format!(
                    "{SERVICE} is not authorized to perform AssumeRole on role {DEPLOY} (Service: \
                     AWSCodePipeline; Status Code: 400; Error Code: InvalidStructureException)"
                ),
                DEPLOY,
            ),
            (
                format!("CodePipeline is not authorized to perform AssumeRole on role {SERVICE}."),
                SERVICE,
            ),
            (
                format!(
                    "Pipeline role {SERVICE} is not authorized to perform AssumeRole on action \
                     role {DEPLOY}"
                ),
                DEPLOY,
            ),
        ];
        for (reason, role) in forms {
            assert_eq!(refused_role(&reason), Some(role), "{reason}");
        }
    }

    #[test]
    fn a_missing_permission_of_the_deployer_is_another_failure() {
        for reason in [
            format!(
                "User: arn:aws:iam::111111111111:user/me is not authorized to perform: \
                 sts:AssumeRole on resource: {DEPLOY}"
            ),
            "not authorized to perform AssumeRole on role ".to_owned(),
            "Artifact store bucket x does not exist".to_owned(),
        ] {
            assert_eq!(refused_role(&reason), None, "{reason}");
        }
    }
}
