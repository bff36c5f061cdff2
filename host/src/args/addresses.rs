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
pub struct AddressFlags {
    /// Host for which requests are answered, repeatable [default: on loopback, its names; else all]
    ///
    /// A name such as example.com, '*.example.com' for all below it, an address, or '*' for every host. The names of
    /// loopback are always among them. A request for another host is answered with 421: otherwise a page elsewhere
    /// could have its name lead here, and read what is served as its own. The variable holds several, separated by
    /// commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    #[arg(env = "GLASSHOUSE_HOST", hide_env = true, help_heading = SERVING)]
    pub host: Vec<String>,

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
