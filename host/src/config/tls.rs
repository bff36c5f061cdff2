//! What the options about TLS mean on this machine: whose certificate it is. It refuses to know how it is used.

use crate::args::tls::TlsFlags;
use crate::banner;
use crate::config::StartupError;
use crate::listen::Addresses;
use crate::tls::{Files, TlsIdentity, self_signed};
use std::net::{IpAddr, SocketAddr};

/// Who the server is; `None` without TLS. What it is made for are the names that were typed and the addresses to listen on,
/// none of which are all.
pub fn identity(flags: &TlsFlags, names: &[&str], addresses: &Addresses) -> Result<Option<TlsIdentity>, StartupError> {
    if flags.redirect_http.is_some() && !addresses.have_hosts() {
        return Err(StartupError::Usage(
            "--redirect-http: it is unknown on which address; name one with --bind as well, or leave it out".into(),
        ));
    }
    if let Some(cert) = &flags.tls_cert {
        let files = Files { cert: cert.clone(), key: flags.tls_key.clone(), password: flags.tls_password_file.clone() };
        let key = files.read().map_err(StartupError::CannotServe)?;
        return Ok(Some(TlsIdentity::Files(files, key)));
    }
    if flags.tls_self_signed {
        let key =
            self_signed(&made_for_names(names), &made_for_addresses(&addresses.of_tcp(), addresses.is_everywhere()))
                .map_err(StartupError::CannotServe)?;
        return Ok(Some(TlsIdentity::Made(key)));
    }
    match flags.redirect_http {
        Some(_) => Err(StartupError::Usage(
            "--redirect-http: there is no TLS to send anybody to; give --tls-cert or --tls-self-signed as well".into(),
        )),
        None => Ok(None),
    }
}

fn made_for_names(typed: &[&str]) -> Vec<String> {
    let names = typed.iter().filter(|name| name.parse::<IpAddr>().is_err()).map(|name| name.to_ascii_lowercase());
    let mut names: Vec<String> = names.chain(["localhost".to_owned()]).collect();
    names.sort();
    names.dedup();
    names
}

fn made_for_addresses(addresses: &[SocketAddr], is_everywhere: bool) -> Vec<IpAddr> {
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
    fn a_certificate_is_made_for_what_is_listened_on() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        assert_eq!(made_for_names(&["Example.test", "::1", "localhost"]), ["example.test", "localhost"]);
        let one = made_for_addresses(&[address("192.0.2.1"), address("192.0.2.1")], false);
        assert_eq!(one, [address("192.0.2.1").ip()]);
        for all in [&[][..], &[address("::"), address("192.0.2.1")]] {
            let found = made_for_addresses(all, all.is_empty());
            assert!(found.iter().any(IpAddr::is_loopback) && !found.iter().any(IpAddr::is_unspecified), "{found:?}");
        }
    }
}
