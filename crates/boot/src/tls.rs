//! The TLS provider of the process.

/// Installs aws-lc as the provider of every rustls client in this process. Call it first in `main`: clients built earlier
/// panic because there is no provider. Later calls have no effect, so every test may call it.
pub fn install_provider() {
    // Fails only if a provider is already installed.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
