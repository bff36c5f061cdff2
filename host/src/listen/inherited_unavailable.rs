//! No inherited sockets: only Linux has the service manager that passes them.

use super::{ListenError, Listener};

/// Returns none.
pub(crate) fn inherited() -> Result<Vec<Listener>, ListenError> {
    Ok(Vec::new())
}
