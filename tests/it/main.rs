//! Tests of the real binary, and of the library as a whole.

mod matrix;
mod procedure;
mod support;
