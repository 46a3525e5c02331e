//! Endpoints from the environment, the configuration files, and the command line.

use super::{Desk, refused};

/// No server listens at this address.
const CLOSED: &str = "http://127.0.0.1:9";

/// Adds a setting to the profiles of both accounts.
fn configure(desk: &Desk, line: &str) {
    let config = desk.project.read("aws/config");
    let config = config.replace("region", &format!("{line}\nregion"));
    desk.project.write("aws/config", config);
}

#[test]
fn an_empty_endpoint_is_ignored() {
    for name in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_CLOUDFORMATION"] {
        let mut desk = Desk::deployed();
        desk.project.set(name, "");
        let run = desk.project.expect("status", 0);
        assert!(
            run.stdout.contains("CREATE_COMPLETE"),
            "{name}\n{}",
            run.stdout
        );
    }
    // An empty endpoint does not hide the setting with the next lower precedence.
    let mut desk = Desk::deployed();
    let endpoint = desk.proxy.endpoint();
    configure(&desk, &format!("endpoint_url = {endpoint}"));
    desk.project.set("AWS_ENDPOINT_URL", "");
    desk.project.expect("status --endpoint-url=", 0);
    assert_eq!(
        desk.aws_cli(&["--profile", "dev"]),
        Ok(desk.accounts.dev.clone())
    );
    let config = desk.project.read("aws/config");
    let config = config.replace(&endpoint, "");
    desk.project.write("aws/config", config);
    desk.project.set("AWS_ENDPOINT_URL", &endpoint);
    desk.project.expect("status", 0);
}

#[test]
fn without_an_endpoint_aws_is_called() {
    let mut desk = Desk::new();
    for place in ["AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] {
        // No proxy listens at this address, so no request reaches AWS.
        desk.project.set("HTTPS_PROXY", CLOSED);
        let value = if place == "AWS_ENDPOINT_URL" {
            ""
        } else {
            "true"
        };
        desk.project.set(place, value);
        configure(&desk, "endpoint_url =");
        let run = desk.run(&["status", "--profile", "dev"]);
        refused(&run, 3, &["cannot reach AWS for sts:GetCallerIdentity"]);
        assert!(desk.proxy.calls().is_empty());
        let endpoint = desk.proxy.endpoint();
        desk.project.set("AWS_ENDPOINT_URL", &endpoint);
    }
}

#[test]
fn the_endpoint_of_a_service_is_used_only_for_that_service() {
    let mut desk = Desk::deployed();
    let endpoint = desk.proxy.endpoint();
    desk.project.set("AWS_ENDPOINT_URL", CLOSED);
    for name in ["STS", "CLOUDFORMATION", "S3", "CODEPIPELINE"] {
        desk.project
            .set(&format!("AWS_ENDPOINT_URL_{name}"), &endpoint);
    }
    desk.project.expect("status", 0);
    // A section of the configuration file has the same effect. Variables take precedence over it.
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_STS",
        "AWS_ENDPOINT_URL_S3",
    ] {
        desk.project.unset(name);
    }
    configure(&desk, "services = local");
    let config = desk.project.read("aws/config");
    let services = format!(
        "{config}[services local]\nsts =\n  endpoint_url = {endpoint}\ns3 =\n  endpoint_url = \
         {endpoint}\n"
    );
    desk.project.write("aws/config", services);
    desk.project.expect("status", 0);
    desk.project.write("aws/config", config);
    let run = desk.run(&["status", "--profile", "dev"]);
    refused(
        &run,
        2,
        &["no section [services local]", "aws/config, line 2"],
    );
    assert!(desk.aws_cli(&["--profile", "dev"]).is_err());
}

#[test]
fn an_invalid_url_is_one_error() {
    for value in ["localhost:4566", "http://", "${URL}", "http://a b", "é"] {
        let mut desk = Desk::new();
        let endpoint = desk.proxy.endpoint();
        desk.project.set("AWS_ENDPOINT_URL", value);
        let run = desk.run(&["status", "--profile", "dev"]);
        refused(
            &run,
            2,
            &["AWS_ENDPOINT_URL is not a valid endpoint URL", value],
        );
        desk.project.set("AWS_ENDPOINT_URL", &endpoint);
        desk.project.set("AWS_ENDPOINT_URL_KMS", value);
        let run = desk.run(&["status", "--profile", "dev"]);
        refused(
            &run,
            2,
            &["AWS_ENDPOINT_URL_KMS is not a valid endpoint URL"],
        );
        desk.project.unset("AWS_ENDPOINT_URL_KMS");
        desk.project.unset("AWS_ENDPOINT_URL");
        configure(&desk, &format!("endpoint_url = {value}"));
        let run = desk.run(&["status", "--profile", "dev"]);
        refused(&run, 2, &["`endpoint_url` in", "aws/config, line 2", value]);
        let run = desk.run(&["status", "--endpoint-url", value]);
        assert_eq!(run.code, 2, "{}", run.stderr);
    }
}
