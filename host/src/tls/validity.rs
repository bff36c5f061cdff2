//! Finds problems of a certificate chain that clients reject: expiry and order.
//!
//! Does not check trust. Clients decide that.

use pkcs8::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use pkcs8::der::{self, DateTime, Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use rustls::pki_types::CertificateDer;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A problem of a certificate. The number is its position in the file, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChainProblem {
    Expired(usize, DateTime),
    NotYetValid(usize, DateTime),
    /// It did not sign the previous certificate.
    OutOfOrder(usize),
}

impl ChainProblem {
    /// A warning for the operator. `name` is the file of the chain.
    pub(crate) fn describe(self, name: &str) -> String {
        let which = |at: usize| match at {
            1 => format!("certificate '{name}'"),
            at => format!("certificate {at} of '{name}'"),
        };
        match self {
            ChainProblem::Expired(at, time) => {
                format!("{}: expired at {time}, so clients reject it; renew it", which(at))
            }
            ChainProblem::NotYetValid(at, time) => {
                format!("{}: not valid before {time}, so clients reject it until then", which(at))
            }
            ChainProblem::OutOfOrder(at) => format!(
                "{}: it did not sign the previous certificate, so some clients reject the chain; put each certificate \
                 before the one that signed it",
                which(at)
            ),
        }
    }
}

/// The problems of a chain at the time `now`. Skips malformed certificates: the TLS library has checked them.
pub(crate) fn problems(chain: &[CertificateDer<'_>], now: SystemTime) -> Vec<ChainProblem> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let read: Vec<Option<CertificateFields<'_>>> = chain.iter().map(|der| CertificateFields::read(der).ok()).collect();
    let times = (1..).zip(&read).filter_map(|(at, certificate)| {
        let CertificateFields { not_before, not_after, .. } = certificate.as_ref()?;
        if now > not_after.unix_duration() {
            return Some(ChainProblem::Expired(at, *not_after));
        }
        (now < not_before.unix_duration()).then_some(ChainProblem::NotYetValid(at, *not_before))
    });
    let pairs = (2..).zip(read.iter().zip(read.iter().skip(1)));
    let order = pairs.filter_map(|(at, (one, next))| {
        let (one, next) = (one.as_ref()?, next.as_ref()?);
        (one.issuer != next.subject).then_some(ChainProblem::OutOfOrder(at))
    });
    times.chain(order).collect()
}

/// The checked fields of a certificate (RFC 5280 4.1).
struct CertificateFields<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    not_before: DateTime,
    not_after: DateTime,
}

impl<'a> CertificateFields<'a> {
    fn read(der: &'a [u8]) -> der::Result<CertificateFields<'a>> {
        let mut outer = SliceReader::new(content(der)?)?;
        let mut fields = SliceReader::new(content(outer.tlv_bytes()?)?)?;
        // The version is optional and has a context tag. The serial number is an integer.
        if AnyRef::decode(&mut fields)?.tag() != Tag::Integer {
            fields.tlv_bytes()?;
        }
        let _algorithm = fields.tlv_bytes()?;
        let issuer = fields.tlv_bytes()?;
        let mut validity = SliceReader::new(content(fields.tlv_bytes()?)?)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        Ok(CertificateFields { issuer, subject: fields.tlv_bytes()?, not_before, not_after })
    }
}

/// The content of a value, without its tag and length.
fn content(der: &[u8]) -> der::Result<&[u8]> {
    Ok(AnyRef::decode(&mut SliceReader::new(der)?)?.value())
}

fn time(from: &mut SliceReader<'_>) -> der::Result<DateTime> {
    let value = AnyRef::decode(from)?;
    match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>().map(|time| time.to_date_time()),
        _ => value.decode_as::<GeneralizedTime>().map(|time| time.to_date_time()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 2);
        params.not_after = date_time_ymd(2060, 1, 2);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn at(year: i32) -> SystemTime {
        date_time_ymd(year, 6, 1).into()
    }

    fn warnings(chain: &[CertificateDer<'_>], year: i32) -> Vec<String> {
        problems(chain, at(year)).into_iter().map(|problem| problem.describe("a")).collect()
    }

    #[test]
    fn expired_and_future_certificates_are_reported() {
        let key = KeyPair::generate().unwrap();
        let chain = [params("a").self_signed(&key).unwrap().der().clone()];
        assert_eq!(warnings(&chain, 2030), [""; 0]);
        let early = "certificate 'a': not valid before 2020-01-02T00:00:00Z, so clients reject it until then";
        let late = "certificate 'a': expired at 2060-01-02T00:00:00Z, so clients reject it; renew it";
        assert_eq!((warnings(&chain, 2019), warnings(&chain, 2061)), (vec![early.to_owned()], vec![late.to_owned()]));
    }

    #[test]
    fn a_wrong_order_is_reported() {
        let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
        let [root, between, leaf] = ["root", "between", "leaf"].map(params);
        let leaf = leaf.signed_by(&keys[2], &Issuer::new(between.clone(), &keys[1])).unwrap().der().clone();
        let signed = between.signed_by(&keys[1], &Issuer::new(root.clone(), &keys[0])).unwrap().der().clone();
        let root = root.self_signed(&keys[0]).unwrap().der().clone();
        let orders = |chain: &[&CertificateDer<'static>]| {
            let chain: Vec<_> = chain.iter().map(|der| (*der).clone()).collect();
            problems(&chain, at(2030))
        };
        assert_eq!(orders(&[&leaf, &signed, &root]), []);
        assert_eq!(orders(&[&leaf, &root, &signed]), [ChainProblem::OutOfOrder(2), ChainProblem::OutOfOrder(3)]);
        assert_eq!(orders(&[&leaf, &root]), [ChainProblem::OutOfOrder(2)]);
    }

    #[test]
    fn malformed_certificates_are_skipped() {
        for bytes in [&b""[..], b"\x30", b"\x30\x03\x02\x01\x00", b"\x30\x82\xff\xff", &[0x30; 64]] {
            assert_eq!(problems(&[CertificateDer::from(bytes)], at(2030)), []);
        }
    }
}
