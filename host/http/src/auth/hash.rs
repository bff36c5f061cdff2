//! Hashes of passwords as files of users have them: which kinds are taken, what they may cost, and whether a password is the one.
//! It refuses to know whose they are.

use argon2::{Config, ThreadMode, Variant, Version};
use constant_time_eq::constant_time_eq;
use phc::PasswordHash;
use sha_crypt::Sha512Params;
use std::fmt;

/// The highest cost of bcrypt, two seconds of a processor.
const BCRYPT_COST: u32 = 15;
/// The most memory for argon2, in KiB.
const ARGON2_MEMORY: u32 = 256 << 10;
/// The most memory that argon2 may go through, in KiB: a second or two of a processor.
const ARGON2_WORK: u64 = 1 << 20;
const ARGON2_LANES: u32 = 16;
/// The most rounds of SHA-512-crypt, two seconds of a processor.
const SHA512_ROUNDS: usize = 1_000_000;
/// Those of a hash that does not name any.
const SHA512_ROUNDS_UNSAID: usize = 5_000;
/// How long a SHA-512-crypt is behind its salt, in letters.
const SHA512_LENGTH: usize = 86;

/// A hash that can be compared with, at a cost that is known to have an end.
pub enum Hash {
    /// The whole string, of the variants 2a, 2b and 2y, which mean the same.
    Bcrypt(String),
    Argon2id {
        config: Config<'static>,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    Sha512 {
        params: Sha512Params,
        salt: String,
        hash: String,
    },
}

/// Why a hash is not taken. It never quotes it: it may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsupportedHash {
    Md5,
    Sha1,
    Sha256,
    /// Variants of argon2 that are not for passwords, and those of bcrypt that were mistakes.
    Variant,
    /// Thirteen letters: a hash of the original crypt, or just as likely a password.
    Short,
    /// No kind that is known here, so in all likelihood a password.
    Plain,
    /// The beginning is that of a kind which is taken, the rest is not.
    Broken,
    /// What checking one password would cost, and the most that it may.
    Costly(&'static str),
}

impl fmt::Display for UnsupportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnsupportedHash::Md5 => "an MD5 hash, which can be guessed too quickly",
            UnsupportedHash::Sha1 => "a SHA-1 hash, which can be guessed too quickly",
            UnsupportedHash::Sha256 => "a SHA-256-crypt hash, which is not taken here",
            UnsupportedHash::Variant => "a variant of argon2 or bcrypt that is not taken here",
            UnsupportedHash::Short => "a hash of the old crypt or a password in the clear",
            UnsupportedHash::Plain => "a password in the clear or a hash of an unknown kind",
            UnsupportedHash::Broken => "a hash that is not complete",
            UnsupportedHash::Costly(limit) => {
                return write!(f, "a hash that costs too much to check; at most {limit} are taken");
            }
        })
    }
}

impl Hash {
    /// Reads a hash: bcrypt, argon2id or SHA-512-crypt.
    ///
    /// # Errors
    /// Other kinds, and hashes that nobody could check a password against in about two seconds.
    pub fn parse(text: &str) -> Result<Hash, UnsupportedHash> {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
        match text {
            _ if begins(&["$2a$", "$2b$", "$2y$"]) => bcrypt(text),
            _ if begins(&["$argon2id$"]) => argon2id(text),
            _ if begins(&["$6$"]) => sha512(text),
            _ if begins(&["$apr1$", "$1$"]) => Err(UnsupportedHash::Md5),
            _ if begins(&["{SHA}", "{SSHA}"]) => Err(UnsupportedHash::Sha1),
            _ if begins(&["$5$"]) => Err(UnsupportedHash::Sha256),
            _ if begins(&["$argon2", "$2$", "$2x$"]) => Err(UnsupportedHash::Variant),
            _ if text.len() == 13 && text.bytes().all(is_letter) => Err(UnsupportedHash::Short),
            _ => Err(UnsupportedHash::Plain),
        }
    }

    /// Makes a hash, argon2id with a memory of 19 MiB and two passes, as OWASP recommends.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn make(password: &[u8]) -> Result<String, String> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
        argon2::hash_encoded(password, &salt, &Config::owasp2()).map_err(|error| error.to_string())
    }

    /// Whether this is the hash of the password. It takes long, and as long for a right password as for a wrong one.
    pub fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Hash::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Hash::Argon2id { config, salt, hash } => argon2::verify_raw(password, salt, hash, config).unwrap_or(false),
            Hash::Sha512 { params, salt, hash } => sha_crypt::sha512_crypt_b64(password, salt.as_bytes(), params)
                .is_ok_and(|made| constant_time_eq(made.as_bytes(), hash.as_bytes())),
        }
    }
}

fn bcrypt(text: &str) -> Result<Hash, UnsupportedHash> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| UnsupportedHash::Broken)?;
    match parts.get_cost() {
        0..4 => Err(UnsupportedHash::Broken),
        4..=BCRYPT_COST => Ok(Hash::Bcrypt(text.to_owned())),
        _ => Err(UnsupportedHash::Costly("15 for the cost")),
    }
}

fn argon2id(text: &str) -> Result<Hash, UnsupportedHash> {
    let parsed = PasswordHash::new(text).map_err(|_| UnsupportedHash::Broken)?;
    let (Some(salt), Some(hash)) = (parsed.salt, parsed.hash) else { return Err(UnsupportedHash::Broken) };
    let known = |name: &str| parsed.params.get_decimal(name).ok_or(UnsupportedHash::Broken);
    let (memory, passes, lanes) = (known("m")?, known("t")?, known("p")?);
    if parsed.params.iter().count() != 3 || parsed.version != Some(Version::Version13.as_u32()) {
        return Err(UnsupportedHash::Broken);
    }
    if memory > ARGON2_MEMORY || u64::from(memory) * u64::from(passes) > ARGON2_WORK || lanes > ARGON2_LANES {
        return Err(UnsupportedHash::Costly("256 MiB of memory, 1 GiB for all passes together, and 16 lanes"));
    }
    if passes == 0 || lanes == 0 || memory < 8 * lanes || salt.len() < 8 || hash.len() < 16 {
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

/// `$6$[rounds=N$]SALT$HASH`, where a salt has 16 letters at most.
fn sha512(text: &str) -> Result<Hash, UnsupportedHash> {
    let fields: Vec<&str> = text.split('$').skip(2).collect();
    let (rounds, salt, hash) = match *fields {
        [salt, hash] => (SHA512_ROUNDS_UNSAID, salt, hash),
        [rounds, salt, hash] => {
            let rounds = rounds.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok());
            (rounds.ok_or(UnsupportedHash::Broken)?, salt, hash)
        }
        _ => return Err(UnsupportedHash::Broken),
    };
    if rounds > SHA512_ROUNDS {
        return Err(UnsupportedHash::Costly("1000000 rounds"));
    }
    if salt.len() > 16 || hash.len() != SHA512_LENGTH || !hash.bytes().all(is_letter) {
        return Err(UnsupportedHash::Broken);
    }
    let params = Sha512Params::new(rounds).map_err(|_| UnsupportedHash::Broken)?;
    Ok(Hash::Sha512 { params, salt: salt.to_owned(), hash: hash.to_owned() })
}

/// The alphabet of crypt.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

#[cfg(test)]
mod tests {
    use crate::auth::hash::*;

    // Made by other people's programs: htpasswd, argon2 and mkpasswd.
    const TAKEN: &[(&str, &str)] = &[
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
    fn the_three_kinds_are_taken_and_checked() {
        for (password, text) in TAKEN {
            let hash = Hash::parse(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
            assert!(hash.is_of(password.as_bytes()), "{text}");
            for wrong in ["", "wrong", &password[1..], &format!("{password}x")] {
                assert!(!hash.is_of(wrong.as_bytes()), "{text}: {wrong}");
            }
        }
    }

    #[test]
    fn what_is_made_is_taken() {
        let made = Hash::make("pässword".as_bytes()).unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert_ne!(made, Hash::make("pässword".as_bytes()).unwrap());
        let hash = Hash::parse(&made).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(hash.is_of("pässword".as_bytes()) && !hash.is_of(b"password"));
    }

    #[test]
    fn other_kinds_and_costs_without_end_are_refused() {
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
    fn a_refusal_never_quotes_what_may_be_a_password() {
        for secret in ["hunter2", "rqXexS6ZhobKA", "$2y$31$hunter2", "$6$hunter2"] {
            let told = Hash::parse(secret).err().map(|refusal| refusal.to_string()).unwrap_or_default();
            assert!(!told.is_empty() && !told.contains("hunter") && !told.contains("rqX"), "{told}");
        }
    }
}
