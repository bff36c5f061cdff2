//! The options about addresses, beside the port and the address themselves. It refuses to know which are free.

use super::SERVING;
use super::value::FileMode;

/// What a value of `--bind` names: hosts, separated by commas, or one socket, whose path may hold a comma.
pub fn places(value: &str) -> Vec<&str> {
    match value.trim() {
        socket if socket.starts_with("unix:") => vec![socket],
        hosts => hosts.split(',').map(str::trim).collect(),
    }
}

#[derive(Debug, clap::Args)]
pub struct Addresses {
    /// Who may connect to a Unix socket: its mode as a file, in octal
    #[arg(long, value_name = "MODE", default_value = "600")]
    #[arg(env = "GLASSHOUSE_UNIX_MODE", hide_env = true, help_heading = SERVING)]
    pub unix_mode: FileMode,

    /// Take the next free port where the port is taken
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_PORT_FALLBACK", hide_env = true, help_heading = SERVING)]
    pub port_fallback: bool,

    /// Open the address in a browser
    ///
    /// In that of the variable BROWSER, or in the one that the desktop prefers.
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_OPEN", hide_env = true, help_heading = SERVING)]
    pub open: bool,

    /// Print the address as a QR code too, for telephones in the same network
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_QR", hide_env = true, help_heading = SERVING)]
    pub qr: bool,
}
