//! The options for TLS. Does not open the files that they name.

use super::value::port;
use std::path::PathBuf;

const TLS: &str = "TLS";

/// Whether the server uses TLS, and with which certificate.
#[derive(Debug, clap::Args)]
pub(crate) struct TlsFlags {
    /// TLS certificate in PEM, followed by its issuers
    ///
    /// The server loads the file again when it changes, without closing a connection.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_TLS_CERT", hide_env = true, help_heading = TLS)]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Private key in PEM [default: in the certificate file]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    #[arg(env = "GLASSHOUSE_TLS_KEY", hide_env = true, help_heading = TLS)]
    pub(crate) tls_key: Option<PathBuf>,

    /// File with the password of the private key
    ///
    /// White space around the password is ignored.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    #[arg(env = "GLASSHOUSE_TLS_PASSWORD_FILE", hide_env = true, help_heading = TLS)]
    pub(crate) tls_password_file: Option<PathBuf>,

    /// Generate a self-signed certificate, print its fingerprint
    ///
    /// The certificate is for the names and addresses that the server listens on. It exists only in memory, so the next
    /// start generates another one.
    #[arg(long, conflicts_with = "tls_cert")]
    #[arg(env = "GLASSHOUSE_TLS_SELF_SIGNED", hide_env = true, help_heading = TLS)]
    pub(crate) tls_self_signed: bool,

    /// Port that redirects plain HTTP to the TLS address
    #[arg(long, value_name = "PORT", value_parser = port)]
    #[arg(env = "GLASSHOUSE_REDIRECT_HTTP", hide_env = true, help_heading = TLS)]
    pub(crate) redirect_http: Option<u16>,
}
