//! Black-box tests of glasshouse, one folder for each subject. The expected response to a request is a row in
//! [`conformance::cases`], which [`conformance::matrix`] runs in every mode; the other files test what a row cannot
//! express.

mod attacks;
mod cli;
mod conformance;
mod http;
mod ops;
mod sandbox;
mod security;
mod support;
mod tidy;
mod tls;
