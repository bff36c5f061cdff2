//! Variables that Kubernetes and Docker set for a service with the name `glasshouse` or `glasshouse-…`. They begin like
//! the variables of this program, but no person has set them.

use crate::config::options::PREFIX;

const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
/// The suffixes after the port and the protocol.
const PARTS: &[&str] = &["", "_ADDR", "_PORT", "_PROTO"];

/// Whether Kubernetes or Docker has set a variable for a service. Such variables are:
///
/// - `GLASSHOUSE_SERVICE_HOST`, `GLASSHOUSE_SERVICE_PORT`, and `GLASSHOUSE_SERVICE_PORT_HTTP` for a named port;
/// - `GLASSHOUSE_PORT` with a URL such as `tcp://10.0.0.1:8000`, while the option of that name is a number;
/// - `GLASSHOUSE_PORT_8000_TCP`, also with `_ADDR`, `_PORT` or `_PROTO` at its end;
/// - each of them with the rest of the name of the service after the prefix, as in `GLASSHOUSE_WEB_SERVICE_HOST`.
pub fn is_service_link(key: &str, value: &str) -> bool {
    let Some(name) = key.strip_prefix(PREFIX) else { return false };
    // The name of the service may contain these words too.
    let ends = name.match_indices("SERVICE_").chain(name.match_indices("PORT"));
    let mut tails = ends.filter(|(at, _)| is_start(name, *at)).filter_map(|(at, _)| name.get(at..));
    tails.any(|tail| match tail {
        "SERVICE_HOST" | "SERVICE_PORT" => true,
        "PORT" => is_url(value),
        _ => tail.strip_prefix("SERVICE_PORT_").is_some_and(is_name) || is_port(tail),
    })
}

/// Whether a word begins at this offset.
fn is_start(name: &str, at: usize) -> bool {
    at == 0 || name.get(..at).is_some_and(|before| before.ends_with('_'))
}

/// `PORT_8000_TCP_ADDR`
fn is_port(tail: &str) -> bool {
    let Some((port, rest)) = tail.strip_prefix("PORT_").and_then(|rest| rest.split_once('_')) else { return false };
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_number && PROTOCOLS.iter().any(|protocol| rest.strip_prefix(protocol).is_some_and(|part| PARTS.contains(&part)))
}

/// `tcp://10.0.0.1:8000`
fn is_url(value: &str) -> bool {
    let Some((protocol, address)) = value.split_once("://") else { return false };
    let port = address.rsplit_once(':').map(|(_, port)| port);
    PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(protocol))
        && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// Whether it is the name of a port, in capitals.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use crate::config::service_link::*;

    #[test]
    fn services_are_distinguished_from_options() {
        for (name, value) in [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_HOST", "fd00::1"),
            ("SERVICE_PORT", "8000"),
            ("SERVICE_PORT_HTTP", "8000"),
            ("SERVICE_PORT_HTTP_ALT2", "8000"),
            ("PORT", "tcp://10.0.0.1:8000"),
            ("PORT", "udp://10.0.0.1:53"),
            ("PORT", "sctp://10.0.0.1:9"),
            ("PORT", "tcp://[::1]:80"),
            ("PORT_8000_TCP", "tcp://10.0.0.1:8000"),
            ("PORT_8000_TCP_ADDR", "10.0.0.1"),
            ("PORT_8000_TCP_PORT", "8000"),
            ("PORT_8000_TCP_PROTO", "tcp"),
            ("PORT_53_UDP", "udp://10.0.0.1:53"),
            ("PORT_9_SCTP_PROTO", "sctp"),
            ("ADMIN_SERVICE_HOST", "10.0.0.1"),
            ("ADMIN_PORT", "tcp://10.0.0.1:9000"),
            ("SERVICE_WEB_SERVICE_PORT_HTTP", "80"),
            ("PORT_X_PORT_80_TCP_ADDR", "10.0.0.1"),
        ] {
            assert!(is_service_link(&format!("{PREFIX}{name}"), value), "{name}={value}");
        }
        for (name, value) in [
            ("PORT", "8000"),
            ("PORT", "tcp://10.0.0.1"),
            ("PORT", "http://10.0.0.1:80"),
            ("PORT", ""),
            ("PORT_FALLBACK", "1"),
            ("PORT_8000", "1"),
            ("PORT_8000_HTTP", "1"),
            ("PORT_X_TCP", "1"),
            ("PORT_8000_TCP_NAME", "1"),
            ("PORTS", "tcp://10.0.0.1:80"),
            ("SERVICE", "1"),
            ("SERVICE_HOSTS", "1"),
            ("SERVICE_PORT_", "1"),
            ("MYSERVICE_HOST", "1"),
            ("INDEX", "tcp://10.0.0.1:80"),
        ] {
            assert!(!is_service_link(&format!("{PREFIX}{name}"), value), "{name}={value}");
        }
        assert!(!is_service_link("OTHER_SERVICE_HOST", "10.0.0.1"));
    }
}
