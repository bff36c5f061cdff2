//! Password hashes of htpasswd files: which kinds are supported, their maximum cost, and the verification of a
//! password.

use argon2::{Config, ThreadMode, Variant, Version};
use constant_time_eq::constant_time_eq;
use phc::PasswordHash;
use sha_crypt::Sha512Params;

/// Maximum cost of bcrypt: two seconds of a processor.
const BCRYPT_COST: u32 = 15;
/// Maximum memory of argon2 in KiB.
const ARGON2_MEMORY: u32 = 256 << 10;
/// Maximum memory of argon2 times its passes, in KiB: one or two seconds of a processor.
const ARGON2_WORK: u64 = 1 << 20;
/// Maximum lanes of argon2.
const ARGON2_LANES: u32 = 16;
/// Maximum rounds of SHA-512-crypt: two seconds of a processor.
const SHA512_ROUNDS: usize = 1_000_000;
/// Rounds of a hash without a number of rounds.
const SHA512_DEFAULT_ROUNDS: usize = 5_000;
/// Length of a SHA-512-crypt hash behind its salt, in characters.
const SHA512_LENGTH: usize = 86;

/// A supported hash, whose verification has a limited cost.
#[derive(Debug)]
pub enum Hash {
    /// The whole string, of the equivalent variants 2a, 2b and 2y.
    Bcrypt(String),
    /// argon2id, version 1.3.
    Argon2id {
        /// Memory, passes and lanes.
        config: Config<'static>,
        /// The decoded salt.
        salt: Vec<u8>,
        /// The decoded hash.
        hash: Vec<u8>,
    },
    /// SHA-512-crypt.
    Sha512 {
        /// The number of rounds.
        params: Sha512Params,
        /// The salt as text.
        salt: String,
        /// The hash in the alphabet of crypt.
        hash: String,
    },
}

/// Why a hash is not supported. The message never quotes the text, because it may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedHash {
    /// MD5 of Apache or crypt.
    #[error("an MD5 hash, which an attacker can guess too quickly")]
    Md5,
    /// SHA-1 of Apache.
    #[error("a SHA-1 hash, which an attacker can guess too quickly")]
    Sha1,
    /// SHA-256-crypt.
    #[error("a SHA-256-crypt hash, which is not supported")]
    Sha256,
    /// Variants of argon2 that are not for passwords, and defective variants of bcrypt.
    #[error("an unsupported variant of argon2 or bcrypt")]
    Variant,
    /// 13 characters: a hash of the original crypt, or a password.
    #[error("a hash of the old crypt or a plain password")]
    Short,
    /// An unknown kind, so probably a password.
    #[error("a plain password or a hash of an unknown kind")]
    Plain,
    /// The prefix of a supported kind, and an invalid rest.
    #[error("an invalid or incomplete hash")]
    Broken,
    /// The verification would cost too much. Names the maximum.
    #[error("a hash that costs too much to verify; the maximum is {0}")]
    Costly(&'static str),
}

/// Why a password cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The kernel returns no random numbers for the salt.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// argon2 failed.
    #[error(transparent)]
    Argon2(#[from] argon2::Error),
}

impl Hash {
    /// Parses a hash of bcrypt, argon2id or SHA-512-crypt.
    ///
    /// # Errors
    /// Other kinds, and hashes whose verification takes more than about two seconds.
    pub fn parse(text: &str) -> Result<Hash, UnsupportedHash> {
        let has = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
        match text {
            _ if has(&["$2a$", "$2b$", "$2y$"]) => bcrypt(text),
            _ if has(&["$argon2id$"]) => argon2id(text),
            _ if has(&["$6$"]) => sha512(text),
            _ if has(&["$apr1$", "$1$"]) => Err(UnsupportedHash::Md5),
            _ if has(&["{SHA}", "{SSHA}"]) => Err(UnsupportedHash::Sha1),
            _ if has(&["$5$"]) => Err(UnsupportedHash::Sha256),
            _ if has(&["$argon2", "$2$", "$2x$"]) => Err(UnsupportedHash::Variant),
            _ if text.len() == 13 && text.bytes().all(is_crypt_char) => Err(UnsupportedHash::Short),
            _ => Err(UnsupportedHash::Plain),
        }
    }

    /// Hashes a password with argon2id, 19 MiB of memory and two passes, as OWASP recommends.
    ///
    /// # Errors
    /// The kernel returns no random numbers, or argon2 fails.
    pub fn create(password: &[u8]) -> Result<String, HashError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(HashError::Random)?;
        Ok(argon2::hash_encoded(password, &salt, &Config::owasp2())?)
    }

    /// Verifies a password. This is slow, and takes the same time for right and wrong passwords.
    pub fn verify(&self, password: &[u8]) -> bool {
        match self {
            Hash::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Hash::Argon2id { config, salt, hash } => argon2::verify_raw(password, salt, hash, config).unwrap_or(false),
            Hash::Sha512 { params, salt, hash } => sha_crypt::sha512_crypt_b64(password, salt.as_bytes(), params)
                .is_ok_and(|computed| constant_time_eq(computed.as_bytes(), hash.as_bytes())),
        }
    }
}

fn bcrypt(text: &str) -> Result<Hash, UnsupportedHash> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| UnsupportedHash::Broken)?;
    match parts.get_cost() {
        0..4 => Err(UnsupportedHash::Broken),
        4..=BCRYPT_COST => Ok(Hash::Bcrypt(text.to_owned())),
        _ => Err(UnsupportedHash::Costly("a cost of 15")),
    }
}

fn argon2id(text: &str) -> Result<Hash, UnsupportedHash> {
    let parsed = PasswordHash::new(text).map_err(|_| UnsupportedHash::Broken)?;
    let (Some(salt), Some(hash)) = (parsed.salt, parsed.hash) else { return Err(UnsupportedHash::Broken) };
    let param = |name: &str| parsed.params.get_decimal(name).ok_or(UnsupportedHash::Broken);
    let (memory, passes, lanes) = (param("m")?, param("t")?, param("p")?);
    if parsed.params.iter().count() != 3 || parsed.version != Some(Version::Version13.as_u32()) {
        return Err(UnsupportedHash::Broken);
    }
    let work = u64::from(memory).saturating_mul(u64::from(passes));
    if memory > ARGON2_MEMORY || work > ARGON2_WORK || lanes > ARGON2_LANES {
        return Err(UnsupportedHash::Costly("256 MiB of memory, 1 GiB for all passes, and 16 lanes"));
    }
    if passes == 0 || lanes == 0 || memory < lanes.saturating_mul(8) || salt.len() < 8 || hash.len() < 16 {
        return Err(UnsupportedHash::Broken);
    }
    let config = Config {
        variant: Variant::Argon2id,
        version: Version::Version13,
        mem_cost: memory,
        time_cost: passes,
        lanes,
        thread_mode: ThreadMode::Sequential,
        hash_length: u32::try_from(hash.len()).map_err(|_| UnsupportedHash::Broken)?,
        secret: &[],
        ad: &[],
    };
    Ok(Hash::Argon2id { config, salt: salt.to_vec(), hash: hash.as_bytes().to_vec() })
}

/// `$6$[rounds=N$]SALT$HASH`. A salt has at most 16 characters.
fn sha512(text: &str) -> Result<Hash, UnsupportedHash> {
    let fields: Vec<&str> = text.split('$').skip(2).collect();
    let (rounds, salt, hash) = match *fields {
        [salt, hash] => (SHA512_DEFAULT_ROUNDS, salt, hash),
        [rounds, salt, hash] => {
            let rounds = rounds.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok());
            (rounds.ok_or(UnsupportedHash::Broken)?, salt, hash)
        }
        _ => return Err(UnsupportedHash::Broken),
    };
    if rounds > SHA512_ROUNDS {
        return Err(UnsupportedHash::Costly("1000000 rounds"));
    }
    if salt.len() > 16 || hash.len() != SHA512_LENGTH || !hash.bytes().all(is_crypt_char) {
        return Err(UnsupportedHash::Broken);
    }
    let params = Sha512Params::new(rounds).map_err(|_| UnsupportedHash::Broken)?;
    Ok(Hash::Sha512 { params, salt: salt.to_owned(), hash: hash.to_owned() })
}

/// The alphabet of crypt.
fn is_crypt_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

#[cfg(test)]
mod tests {
    use crate::auth::hash::*;

    /// Passwords and their hashes, generated with htpasswd, argon2 and mkpasswd.
    const SUPPORTED: &[(&str, &str)] = &[
        ("secret", "$2y$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6"),
        (
            "secret",
            "$6$SHqm9Lt0T9DHHQ1H$uxLmvMNP97PWT7zSmOWF8ImdKE7lGIn.tOMGeCH07t6jn5Zc6EraLSoCwwolvU48HpGGxVpD2IgVjqdUyoD5e/",
        ),
        (
            "pässword",
            "$6$rounds=1000$TSoeJNBhBs/fdMSR$3QKyIO3pJ4f/1qKDMwZiP7Z1mA4X9Phw4GIvaD3Mr3Zdo4qk9cEGHOX4BSCvNLT03vF/6vT1DCbCcSUV7AMq/.",
        ),
        ("secret", "$2b$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6"),
        ("secret", "$2a$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6"),
        ("secret", "$argon2id$v=19$m=4096,t=3,p=4$c29tZXNhbHQ$jbzgzFD2rtYu0oRsPZideL1lP3HDddbEWnzZJKe1BPM"),
        ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
    ];

    #[test]
    fn the_three_kinds_are_supported_and_verified() {
        for (password, text) in SUPPORTED {
            let hash = Hash::parse(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
            assert!(hash.verify(password.as_bytes()), "{text}");
            for wrong in ["", "wrong", &password[1..], &format!("{password}x")] {
                assert!(!hash.verify(wrong.as_bytes()), "{text}: {wrong}");
            }
        }
    }

    #[test]
    fn a_created_hash_is_supported() {
        let created = Hash::create("pässword".as_bytes()).unwrap();
        assert!(created.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{created}");
        assert_ne!(created, Hash::create("pässword".as_bytes()).unwrap());
        let hash = Hash::parse(&created).unwrap_or_else(|error| panic!("{error}"));
        assert!(hash.verify("pässword".as_bytes()) && !hash.verify(b"password"));
    }

    #[test]
    fn other_kinds_and_high_costs_are_rejected() {
        let bcrypt = |cost: &str| format!("$2y${cost}$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u");
        let argon2 =
            |params: &str| format!("$argon2id${params}$c29tZXNhbHQ$0gasyPnKXiBHQ5bft/bd4jrmy2DdtrLTX3JR9co7fRY");
        let sha512 = |params: &str| format!("$6${params}salt${}", "a".repeat(86));
        let rows = [
            ("$apr1$9Cv/OMGj$ZomWQzuQL.3TRCS81A1g8/".into(), UnsupportedHash::Md5),
            ("$1$9Cv/OMGj$ZomWQzuQL.3TRCS81A1g8/".into(), UnsupportedHash::Md5),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".into(), UnsupportedHash::Sha1),
            ("$5$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8".into(), UnsupportedHash::Sha256),
            ("rqXexS6ZhobKA".into(), UnsupportedHash::Short),
            ("password".into(), UnsupportedHash::Plain),
            (String::new(), UnsupportedHash::Plain),
            ("$y$j9T$salt$hash".into(), UnsupportedHash::Plain),
            (bcrypt("12").replacen("2y", "2x", 1), UnsupportedHash::Variant),
            (argon2("v=19$m=256,t=2,p=1").replacen("2id", "2i", 1), UnsupportedHash::Variant),
            (bcrypt("03"), UnsupportedHash::Broken),
            (bcrypt("1x"), UnsupportedHash::Broken),
            ("$2y$12$é".into(), UnsupportedHash::Broken),
            (argon2("v=19$m=7,t=1,p=1"), UnsupportedHash::Broken),
            (argon2("v=19$m=256,t=0,p=1"), UnsupportedHash::Broken),
            (argon2("v=19$m=256,t=1,p=0"), UnsupportedHash::Broken),
            (argon2("v=19$m=256,t=1"), UnsupportedHash::Broken),
            (argon2("v=19$m=256,t=1,p=1,keyid=AA"), UnsupportedHash::Broken),
            (argon2("m=256,t=1,p=1"), UnsupportedHash::Broken),
            (argon2("v=16$m=256,t=1,p=1"), UnsupportedHash::Broken),
            ("$argon2id$v=19$m=256,t=1,p=1$c29tZXNhbHQ".into(), UnsupportedHash::Broken),
            (sha512("rounds=999$"), UnsupportedHash::Broken),
            (sha512("rounds=$"), UnsupportedHash::Broken),
            (sha512("rounds=5000$x$"), UnsupportedHash::Broken),
            (sha512("thirteenchars"), UnsupportedHash::Broken),
            ("$6$salt$short".into(), UnsupportedHash::Broken),
        ];
        for (text, expected) in rows {
            assert_eq!(Hash::parse(&text).err(), Some(expected), "{text}");
        }
        for text in [
            bcrypt("16"),
            bcrypt("31"),
            argon2("v=19$m=4194304,t=1,p=1"),
            argon2("v=19$m=262144,t=5,p=1"),
            argon2("v=19$m=65536,t=4294967295,p=1"),
            argon2("v=19$m=4096,t=1,p=17"),
            sha512("rounds=1000001$"),
            sha512("rounds=999999999$"),
        ] {
            assert!(matches!(Hash::parse(&text), Err(UnsupportedHash::Costly(_))), "{text}");
        }
    }

    #[test]
    fn a_message_never_quotes_a_password() {
        for secret in ["hunter2", "rqXexS6ZhobKA", "$2y$31$hunter2", "$6$hunter2"] {
            let text = Hash::parse(secret).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("hunter") && !text.contains("rqX"), "{text}");
        }
    }
}
