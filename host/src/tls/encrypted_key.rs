//! Decrypts private keys (RFC 5958 3) as OpenSSL 1.1 and later encrypts them: PBES2 with PBKDF2 and AES-CBC (RFC 8018
//! 6.2).

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut as _, KeyIvInit as _};
use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use pkcs8::pkcs5::EncryptionScheme as Scheme;
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Pbkdf2Params, Pbkdf2Prf};
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use ring::pbkdf2::{self, Algorithm};
use std::num::NonZeroU32;

/// A key cannot be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnlockError {
    Malformed,
    /// The algorithm is not supported.
    Unsupported,
    WrongPassword,
}

/// Decrypts the key of a PEM section. The result is PKCS #8 in DER.
pub(crate) fn unlock(pem: &str, password: &[u8]) -> Result<Vec<u8>, UnlockError> {
    let (_, der) = SecretDocument::from_pem(pem).map_err(|_| UnlockError::Malformed)?;
    let info = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes()).map_err(|_| UnlockError::Unsupported)?;
    let Scheme::Pbes2(scheme) = &info.encryption_algorithm else { return Err(UnlockError::Unsupported) };
    let Kdf::Pbkdf2(params) = &scheme.kdf else { return Err(UnlockError::Unsupported) };
    let content = info.encrypted_data.as_bytes();
    let decrypted = match &scheme.encryption {
        Cipher::Aes128Cbc { iv } => {
            let key = derive::<16>(params, password)?;
            Decryptor::<Aes128>::new(&key.into(), iv.into()).decrypt_padded_vec_mut::<Pkcs7>(content)
        }
        Cipher::Aes192Cbc { iv } => {
            let key = derive::<24>(params, password)?;
            Decryptor::<Aes192>::new(&key.into(), iv.into()).decrypt_padded_vec_mut::<Pkcs7>(content)
        }
        Cipher::Aes256Cbc { iv } => {
            let key = derive::<32>(params, password)?;
            Decryptor::<Aes256>::new(&key.into(), iv.into()).decrypt_padded_vec_mut::<Pkcs7>(content)
        }
        _ => return Err(UnlockError::Unsupported),
    };
    // One wrong password in 256 leaves valid padding. The result is then not a valid key.
    let is_key = |key: &Vec<u8>| pkcs8::PrivateKeyInfoRef::try_from(key.as_slice()).is_ok();
    decrypted.ok().filter(is_key).ok_or(UnlockError::WrongPassword)
}

fn derive<const LENGTH: usize>(params: &Pbkdf2Params, password: &[u8]) -> Result<[u8; LENGTH], UnlockError> {
    let rounds = NonZeroU32::new(params.iteration_count).ok_or(UnlockError::Malformed)?;
    let mut key = [0; LENGTH];
    pbkdf2::derive(algorithm(params.prf)?, rounds, params.salt.as_ref(), password, &mut key);
    Ok(key)
}

fn algorithm(prf: Pbkdf2Prf) -> Result<Algorithm, UnlockError> {
    match prf {
        Pbkdf2Prf::HmacWithSha1 => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        Pbkdf2Prf::HmacWithSha256 => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        Pbkdf2Prf::HmacWithSha384 => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        Pbkdf2Prf::HmacWithSha512 => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => Err(UnlockError::Unsupported),
    }
}
