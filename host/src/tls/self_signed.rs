//! A certificate that nobody has signed but itself, for trying things out. It refuses to write it anywhere.

use super::provider;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// How long it is valid: as long as browsers take any (397 days, and one less for whoever counts otherwise).
const VALID: Duration = Duration::from_secs(396 * 24 * 60 * 60);
/// Clocks of other machines may be behind.
const BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a key on P-256 and a certificate for it. Names that cannot stand in one are left out.
///
/// # Errors
/// The system has no randomness to give.
pub fn self_signed(names: &[String], addresses: &[IpAddr]) -> Result<CertifiedKey, String> {
    let fault = |error: &dyn std::fmt::Display| format!("cannot make a certificate: {error}");
    let key = KeyPair::generate().map_err(|error| fault(&error))?;
    let names = names.iter().filter_map(|name| Some(SanType::DnsName(name.as_str().try_into().ok()?)));
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.chain(addresses.iter().copied().map(SanType::IpAddress)).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "glasshouse, self-signed");
    params.not_before = (SystemTime::now() - BEHIND).into();
    params.not_after = (SystemTime::now() + VALID).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(|error| fault(&error))?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider()).map_err(|error| fault(&error))
}
