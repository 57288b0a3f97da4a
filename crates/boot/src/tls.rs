//! One TLS provider for the whole process.

/// Makes aws-lc the provider of every rustls in this process. To be called first in `main`: a client that is built
/// before panics for want of a provider. A second call changes nothing, so tests may call it each.
pub fn install_provider() {
    // Err means that a provider is there already, which is all we want.
    let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
