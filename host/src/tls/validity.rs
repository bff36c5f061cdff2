//! What a client will not like of a certificate: that its time is not now, or that the certificates behind it are not those that
//! signed it. It refuses to know whether any of them is trusted, which is for clients to decide.

use pkcs8::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use pkcs8::der::{self, DateTime, Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use rustls::pki_types::CertificateDer;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is wrong with a certificate, counted from one as they stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    Expired(usize, DateTime),
    NotYetValid(usize, DateTime),
    /// It is not the one that signed the certificate before it.
    OutOfOrder(usize),
}

impl Concern {
    /// In words for whoever runs the server, of the chain in a file of this name.
    pub fn of(self, name: &str) -> String {
        let which = |at: usize| match at {
            1 => format!("the certificate '{name}'"),
            at => format!("certificate {at} in '{name}'"),
        };
        match self {
            Concern::Expired(at, time) => format!("{} expired at {time}, and clients refuse it; renew it", which(at)),
            Concern::NotYetValid(at, time) => {
                format!("{} is not valid before {time}, and clients refuse it until then", which(at))
            }
            Concern::OutOfOrder(at) => format!(
                "{} did not sign the certificate before it, and some clients refuse that; put each certificate before the one \
                 that signed it",
                which(at)
            ),
        }
    }
}

/// What is wrong with a chain at a time. A certificate that cannot be read is not looked at: the library that uses it did.
pub fn concerns(chain: &[CertificateDer<'_>], now: SystemTime) -> Vec<Concern> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let read: Vec<Option<Certificate<'_>>> = chain.iter().map(|der| Certificate::read(der).ok()).collect();
    let times = (1..).zip(&read).filter_map(|(at, certificate)| {
        let Certificate { not_before, not_after, .. } = certificate.as_ref()?;
        if now > not_after.unix_duration() {
            return Some(Concern::Expired(at, *not_after));
        }
        (now < not_before.unix_duration()).then_some(Concern::NotYetValid(at, *not_before))
    });
    let pairs = (2..).zip(read.iter().zip(read.iter().skip(1)));
    let order = pairs.filter_map(|(at, (one, next))| {
        let (one, next) = (one.as_ref()?, next.as_ref()?);
        (one.issuer != next.subject).then_some(Concern::OutOfOrder(at))
    });
    times.chain(order).collect()
}

/// What is read of a certificate (RFC 5280 4.1).
struct Certificate<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    not_before: DateTime,
    not_after: DateTime,
}

impl<'a> Certificate<'a> {
    fn read(der: &'a [u8]) -> der::Result<Certificate<'a>> {
        let mut outer = SliceReader::new(content(der)?)?;
        let mut fields = SliceReader::new(content(outer.tlv_bytes()?)?)?;
        // The version may be left out, and has a tag of its own; the serial number is an integer.
        if AnyRef::decode(&mut fields)?.tag() != Tag::Integer {
            fields.tlv_bytes()?;
        }
        let _algorithm = fields.tlv_bytes()?;
        let issuer = fields.tlv_bytes()?;
        let mut validity = SliceReader::new(content(fields.tlv_bytes()?)?)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        Ok(Certificate { issuer, subject: fields.tlv_bytes()?, not_before, not_after })
    }
}

/// What a value is made of.
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

    fn told(chain: &[CertificateDer<'_>], year: i32) -> Vec<String> {
        concerns(chain, at(year)).into_iter().map(|concern| concern.of("a")).collect()
    }

    #[test]
    fn a_certificate_has_its_time() {
        let key = KeyPair::generate().unwrap();
        let chain = [params("a").self_signed(&key).unwrap().der().clone()];
        assert_eq!(told(&chain, 2030), [""; 0]);
        let early = "the certificate 'a' is not valid before 2020-01-02T00:00:00Z, and clients refuse it until then";
        let late = "the certificate 'a' expired at 2060-01-02T00:00:00Z, and clients refuse it; renew it";
        assert_eq!((told(&chain, 2019), told(&chain, 2061)), (vec![early.to_owned()], vec![late.to_owned()]));
    }

    #[test]
    fn a_chain_has_an_order() {
        let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
        let [root, between, leaf] = ["root", "between", "leaf"].map(params);
        let leaf = leaf.signed_by(&keys[2], &Issuer::new(between.clone(), &keys[1])).unwrap().der().clone();
        let signed = between.signed_by(&keys[1], &Issuer::new(root.clone(), &keys[0])).unwrap().der().clone();
        let root = root.self_signed(&keys[0]).unwrap().der().clone();
        let orders = |chain: &[&CertificateDer<'static>]| {
            let chain: Vec<_> = chain.iter().map(|der| (*der).clone()).collect();
            concerns(&chain, at(2030))
        };
        assert_eq!(orders(&[&leaf, &signed, &root]), []);
        assert_eq!(orders(&[&leaf, &root, &signed]), [Concern::OutOfOrder(2), Concern::OutOfOrder(3)]);
        assert_eq!(orders(&[&leaf, &root]), [Concern::OutOfOrder(2)]);
    }

    #[test]
    fn what_is_no_certificate_is_no_concern() {
        for bytes in [&b""[..], b"\x30", b"\x30\x03\x02\x01\x00", b"\x30\x82\xff\xff", &[0x30; 64]] {
            assert_eq!(concerns(&[CertificateDer::from(bytes)], at(2030)), []);
        }
    }
}
