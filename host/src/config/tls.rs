//! The certificate that the TLS options select.

use crate::args::tls::TlsFlags;
use crate::banner;
use crate::error::StartupError;
use crate::listen::Addresses;
use crate::tls::TlsIdentity;
use std::net::{IpAddr, SocketAddr};

/// The certificate; `None` without TLS. A self-signed one is for these names and for the addresses of the server.
pub(crate) fn identity(
    flags: &TlsFlags,
    names: &[&str],
    addresses: &Addresses,
) -> Result<Option<TlsIdentity>, StartupError> {
    if flags.redirect_http.is_some() && !addresses.have_hosts() {
        return Err(StartupError::Usage(
            "--redirect-http: no --bind names a host; add one, or leave the option out".into(),
        ));
    }
    if let Some(cert) = &flags.tls_cert {
        let identity = TlsIdentity::from_files(cert.clone(), flags.tls_key.clone(), flags.tls_password_file.clone());
        return identity.map(Some).map_err(|error| StartupError::CannotServe(error.to_string()));
    }
    if flags.tls_self_signed {
        let addresses = subject_addresses(&addresses.of_tcp(), addresses.is_everywhere());
        let identity = TlsIdentity::self_signed(&subject_names(names), &addresses);
        return identity.map(Some).map_err(|error| StartupError::CannotServe(error.to_string()));
    }
    match flags.redirect_http {
        Some(_) => Err(StartupError::Usage(
            "--redirect-http: there is no TLS address for the redirect; add --tls-cert or --tls-self-signed".into(),
        )),
        None => Ok(None),
    }
}

fn subject_names(binds: &[&str]) -> Vec<String> {
    let names = binds.iter().filter(|name| name.parse::<IpAddr>().is_err()).map(|name| name.to_ascii_lowercase());
    let mut names: Vec<String> = names.chain(["localhost".to_owned()]).collect();
    names.sort();
    names.dedup();
    names
}

fn subject_addresses(addresses: &[SocketAddr], is_everywhere: bool) -> Vec<IpAddr> {
    let is_all = is_everywhere || addresses.iter().any(|address| address.ip().is_unspecified());
    let of_machine = if is_all { banner::interfaces() } else { Vec::new() };
    let mut found: Vec<IpAddr> =
        addresses.iter().map(SocketAddr::ip).chain(of_machine).filter(|ip| !ip.is_unspecified()).collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_the_addresses_of_the_server() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        assert_eq!(subject_names(&["Example.test", "::1", "localhost"]), ["example.test", "localhost"]);
        let one = subject_addresses(&[address("192.0.2.1"), address("192.0.2.1")], false);
        assert_eq!(one, [address("192.0.2.1").ip()]);
        for all in [&[][..], &[address("::"), address("192.0.2.1")]] {
            let found = subject_addresses(all, all.is_empty());
            assert!(found.iter().any(IpAddr::is_loopback) && !found.iter().any(IpAddr::is_unspecified), "{found:?}");
        }
    }
}
