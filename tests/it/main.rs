//! The one integration test binary.

mod authorize;
mod authz_cases;
mod authz_properties;
mod mutations;
mod prove;
