//! IAM policies: what a document says ([`document`]), and whether AWS allows a request by it
//! ([`evaluation`]).
//!
//! Depends on the two modules at the bottom only: the types of [`aws`](crate::aws) and the trees
//! with positions of [`diagnostic`](crate::diagnostic).

pub mod document;
pub mod evaluation;
