//! The one integration binary: a module for each part.

mod guard_rules;
