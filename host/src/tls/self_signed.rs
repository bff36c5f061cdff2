//! Generates self-signed certificates for tests and local use. They stay in memory.

use super::error::TlsError;
use super::provider;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// The validity period. Browsers accept at most 397 days; one day less avoids differences in counting.
const VALIDITY: Duration = Duration::from_secs(396 * 24 * 60 * 60);
/// The clocks of clients may be slow.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Generates a P-256 key and a certificate. Names that are not valid DNS names are left out.
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn self_signed(names: &[String], addresses: &[IpAddr]) -> Result<CertifiedKey, TlsError> {
    let key = KeyPair::generate().map_err(|error| TlsError::SelfSigned(error.into()))?;
    let names = names.iter().filter_map(|name| Some(SanType::DnsName(name.as_str().try_into().ok()?)));
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.chain(addresses.iter().copied().map(SanType::IpAddress)).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "glasshouse, self-signed");
    let now = SystemTime::now();
    params.not_before = now.checked_sub(CLOCK_TOLERANCE).unwrap_or(now).into();
    params.not_after = now.checked_add(VALIDITY).unwrap_or(now).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(|error| TlsError::SelfSigned(error.into()))?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    Ok(CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider())?)
}
