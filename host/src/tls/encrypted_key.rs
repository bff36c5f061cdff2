//! Private keys that a password protects (RFC 5958 3), as OpenSSL has written them since 1.1: PBES2 with PBKDF2 and AES in CBC
//! (RFC 8018 6.2). It refuses to know files.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut as _, KeyIvInit as _};
use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use pkcs8::pkcs5::EncryptionScheme as Scheme;
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Pbkdf2Params, Pbkdf2Prf};
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use ring::pbkdf2::{self, Algorithm};
use std::num::NonZeroU32;

/// Why a key stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// It is not PEM, or no key.
    Unreadable,
    /// In a way that is not known here.
    Otherwise,
    WrongPassword,
}

/// The key in PKCS#8.
pub fn unlock(pem: &str, password: &[u8]) -> Result<Vec<u8>, Locked> {
    let (_, der) = SecretDocument::from_pem(pem).map_err(|_| Locked::Unreadable)?;
    let info = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes()).map_err(|_| Locked::Otherwise)?;
    let Scheme::Pbes2(scheme) = &info.encryption_algorithm else { return Err(Locked::Otherwise) };
    let Kdf::Pbkdf2(params) = &scheme.kdf else { return Err(Locked::Otherwise) };
    let content = info.encrypted_data.as_bytes();
    let opened = match &scheme.encryption {
        Cipher::Aes128Cbc { iv } => {
            let key = derived::<16>(params, password)?;
            Decryptor::<Aes128>::new(&key.into(), iv.into()).decrypt_padded_vec_mut::<Pkcs7>(content)
        }
        Cipher::Aes192Cbc { iv } => {
            let key = derived::<24>(params, password)?;
            Decryptor::<Aes192>::new(&key.into(), iv.into()).decrypt_padded_vec_mut::<Pkcs7>(content)
        }
        Cipher::Aes256Cbc { iv } => {
            let key = derived::<32>(params, password)?;
            Decryptor::<Aes256>::new(&key.into(), iv.into()).decrypt_padded_vec_mut::<Pkcs7>(content)
        }
        _ => return Err(Locked::Otherwise),
    };
    // One wrong key in 256 leaves something that looks padded; it does not look like a key.
    opened.ok().filter(|key| pkcs8::PrivateKeyInfoRef::try_from(key.as_slice()).is_ok()).ok_or(Locked::WrongPassword)
}

fn derived<const LENGTH: usize>(params: &Pbkdf2Params, password: &[u8]) -> Result<[u8; LENGTH], Locked> {
    let rounds = NonZeroU32::new(params.iteration_count).ok_or(Locked::Unreadable)?;
    let mut key = [0; LENGTH];
    pbkdf2::derive(algorithm(params.prf)?, rounds, params.salt.as_ref(), password, &mut key);
    Ok(key)
}

fn algorithm(prf: Pbkdf2Prf) -> Result<Algorithm, Locked> {
    match prf {
        Pbkdf2Prf::HmacWithSha1 => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        Pbkdf2Prf::HmacWithSha256 => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        Pbkdf2Prf::HmacWithSha384 => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        Pbkdf2Prf::HmacWithSha512 => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => Err(Locked::Otherwise),
    }
}
