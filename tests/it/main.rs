//! The one integration test binary.

mod authz_cases;
mod authz_properties;
