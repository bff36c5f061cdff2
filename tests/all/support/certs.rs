//! Certificates, and clients that trust them.

use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

/// A certificate and its key, in files and as clients know it.
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub der: CertificateDer<'static>,
    _place: TempDir,
}

impl Pair {
    /// A new one, for `localhost` and 127.0.0.1.
    pub fn make() -> Pair {
        let place = TempDir::new().expect("there is room for files");
        let key = KeyPair::generate().expect("the system has randomness");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name is a name");
        params.subject_alt_names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        let made = params.self_signed(&key).expect("a key signs");
        let file = |name: &str, text: String| {
            let path = place.path().join(name);
            fs::write(&path, text).expect("a file can be written");
            path
        };
        let (cert, key) = (file("cert.pem", made.pem()), file("key.pem", key.serialize_pem()));
        Pair { cert, key, der: made.der().clone(), _place: place }
    }

    /// A client that trusts this one alone, and offers these protocols.
    pub fn client(&self, protocols: &[&[u8]]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("the certificate is one");
        let versions = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let versions = versions.with_safe_default_protocol_versions().expect("TLS 1.2 and 1.3 are there");
        let mut config = versions.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }
}

/// The one that servers have where it does not matter which.
pub fn pair() -> &'static Pair {
    static PAIR: LazyLock<Pair> = LazyLock::new(Pair::make);
    &PAIR
}

/// A client that trusts [`pair`].
pub fn client(protocols: &[&[u8]]) -> Arc<ClientConfig> {
    pair().client(protocols)
}
