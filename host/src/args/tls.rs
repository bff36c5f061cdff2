//! The options about TLS. It refuses to open what they name.

use super::value::port;
use std::path::PathBuf;

const TLS: &str = "TLS";

/// Whether to speak TLS, and as whom.
#[derive(Debug, clap::Args)]
pub struct TlsFlags {
    /// Serve over TLS with this certificate, in PEM, and those that signed it behind it
    ///
    /// Read anew when it changes, without a connection being lost.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_TLS_CERT", hide_env = true, help_heading = TLS)]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM [default: in the file of the certificate]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    #[arg(env = "GLASSHOUSE_TLS_KEY", hide_env = true, help_heading = TLS)]
    pub tls_key: Option<PathBuf>,

    /// File with the password of that key; white space around it does not count
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    #[arg(env = "GLASSHOUSE_TLS_PASSWORD_FILE", hide_env = true, help_heading = TLS)]
    pub tls_password_file: Option<PathBuf>,

    /// Serve over TLS with a certificate made now, and print its fingerprint
    ///
    /// For the names and addresses that are listened on. It is kept in memory alone, so the next start makes another.
    #[arg(long, conflicts_with = "tls_cert")]
    #[arg(env = "GLASSHOUSE_TLS_SELF_SIGNED", hide_env = true, help_heading = TLS)]
    pub tls_self_signed: bool,

    /// Answer on this port too, without TLS, and send everybody to the address with TLS
    #[arg(long, value_name = "PORT", value_parser = port)]
    #[arg(env = "GLASSHOUSE_REDIRECT_HTTP", hide_env = true, help_heading = TLS)]
    pub redirect_http: Option<u16>,
}
