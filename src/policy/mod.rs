//! IAM policies: the contents of a document ([`document`]), and whether AWS allows a request
//! ([`evaluation`]).
//!
//! Within this crate, the module depends only on the syntax trees in
//! [`diagnostic`](crate::diagnostic). Each item names the AWS documentation that it follows.
//!
//! Policies are read strictly. Everything that AWS would reject is reported with its position:
//!
//! ```
//! use s3ferry::diagnostic::{Source, read};
//! use s3ferry::policy::document::{Policy, PolicyKind};
//!
//! let text = r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "site"}}"#;
//! let source = Source::new("policy.json", text);
//! let tree = read(&source).expect("JSON");
//! let problems = Policy::parse(&tree, PolicyKind::Identity).expect_err("not an ARN");
//! assert_eq!(problems[0].message, "the resource `site` is not a valid ARN");
//! assert_eq!(&text[problems[0].span.start..problems[0].span.end], "\"site\"");
//! ```
//!
//! The policies that apply to a request determine the decision. In this example, a role reads an
//! object in another account, and no bucket policy allows it:
//!
//! ```
//! use s3ferry::diagnostic::{Source, read};
//! use s3ferry::policy::document::{Policy, PolicyKind};
//! use s3ferry::policy::evaluation::{Context, Decision, PolicySet, Request, evaluate, explain};
//!
//! let text = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;
//! let tree = read(&Source::new("policy.json", text)).expect("JSON");
//! let policy = Policy::parse(&tree, PolicyKind::Identity).expect("a policy");
//! let role = "arn:aws:iam::111111111111:role/reader";
//! let (action, object) = ("s3:GetObject", "arn:aws:s3:::site/index.html");
//! let request = Request::new(role, action, object, Some("222222222222"), Context::new());
//! let request = request.expect("a request");
//! let policies = PolicySet { identity: vec![&policy], ..PolicySet::default() };
//! assert_eq!(evaluate(&request, &policies), Decision::ImplicitlyDenied);
//!
//! let reason = explain(&request, &policies);
//! assert_eq!(
//!     reason.because,
//!     "both accounts must allow the call, but it is not allowed by the resource's policy"
//! );
//! ```

pub mod document;
pub mod evaluation;
