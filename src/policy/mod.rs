//! IAM policies: what a document says ([`document`]), and whether AWS allows a request by it
//! ([`evaluation`]).
//!
//! Depends on nothing else of this crate but the trees with positions of
//! [`diagnostic`](crate::diagnostic). Each item names the AWS document that it follows.
//!
//! A policy is read strictly. Everything that AWS would reject is reported with its place:
//!
//! ```
//! use s3ferry::diagnostic::{Source, read};
//! use s3ferry::policy::document::{Policy, PolicyKind};
//!
//! let text = r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "site"}}"#;
//! let source = Source::new("policy.json", text);
//! let tree = read(&source).expect("JSON");
//! let problems = Policy::parse(&tree, PolicyKind::Identity).expect_err("not an ARN");
//! assert_eq!(problems[0].message, "the resource `site` is no ARN");
//! assert_eq!(&text[problems[0].span.start..problems[0].span.end], "\"site\"");
//! ```
//!
//! A request is decided by the policies that apply to it. Here, a role of one account reads an
//! object of another, whose bucket policy does not allow it:
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
//! let because = "across accounts both sides must allow it, but not allowed by the resource's policy";
//! assert_eq!(reason.because, because);
//! ```

pub mod document;
pub mod evaluation;
