//! The options for addresses, besides `--port` and `--bind`.

use super::SERVING;
use super::value::FileMode;

/// The parts of a value of `--bind`: hosts, separated by commas, or one socket, whose path may contain a comma.
pub(crate) fn bind_values(value: &str) -> Vec<&str> {
    match value.trim() {
        socket if socket.starts_with("unix:") => vec![socket],
        hosts => hosts.split(',').map(str::trim).collect(),
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddressFlags {
    /// Host to answer requests for (repeatable) [default: all, or loopback names on loopback]
    ///
    /// A name such as example.com, '*.example.com' for all names below it, an address, or '*' for every host. The names
    /// of loopback are always included. The server answers requests for other hosts with 421. Without this check, a
    /// page elsewhere could point its own name at this server and read the files. The variable holds several, separated
    /// by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    #[arg(env = "GLASSHOUSE_HOST", hide_env = true, help_heading = SERVING)]
    pub(crate) host: Vec<String>,

    /// File mode of Unix sockets, in octal
    #[arg(long, value_name = "MODE", default_value = "600")]
    #[arg(env = "GLASSHOUSE_UNIX_MODE", hide_env = true, hide_short_help = true, help_heading = SERVING)]
    pub(crate) unix_mode: FileMode,

    /// Use the next free port if the port is taken
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_PORT_FALLBACK", hide_env = true, help_heading = SERVING)]
    pub(crate) port_fallback: bool,

    /// Open the address in a browser
    ///
    /// The variable BROWSER names the browser. Without it, the desktop chooses one.
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_OPEN", hide_env = true, help_heading = SERVING)]
    pub(crate) open: bool,

    /// Print the address as a QR code
    ///
    /// For phones in the same network.
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_QR", hide_env = true, help_heading = SERVING)]
    pub(crate) qr: bool,
}
