//! Password hashes in a build without the feature `auth`: none is supported, so no value of [`Hash`] exists.

/// A supported hash.
#[derive(Debug)]
pub enum Hash {}

/// Why a hash is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash, and this build has no feature 'auth'")]
pub struct UnsupportedHash;

/// Why a password cannot be hashed.
#[derive(Debug, thiserror::Error)]
#[error("this build has no feature 'auth'")]
pub struct HashError;

impl Hash {
    /// # Errors
    /// Always.
    pub fn parse(_text: &str) -> Result<Hash, UnsupportedHash> {
        Err(UnsupportedHash)
    }

    /// # Errors
    /// Always.
    pub fn create(_password: &[u8]) -> Result<String, HashError> {
        Err(HashError)
    }

    /// Verifies a password.
    pub fn verify(&self, _password: &[u8]) -> bool {
        match *self {}
    }
}
