//! What is missing from meetings of all kinds.

mod account;
mod sums;
mod support;
mod words;
