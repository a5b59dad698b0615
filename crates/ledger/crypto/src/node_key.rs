//! A node's Ed25519 key: its identity in network and consensus, kept in one file.
//!
//! The file is PKCS#8 in PEM (RFC 8410), as `openssl genpkey -algorithm ed25519` writes it.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    Signer as _, SigningKey,
    pkcs8::{
        DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes, spki::der::pem::LineEnding,
    },
};
use types::ValidatorKey;
use zeroize::Zeroizing;

use crate::{RandomnessError, Secret};

/// Longest key file that is read, bytes. A PKCS#8 Ed25519 key has about 120.
pub const NODE_KEY_FILE_BYTES_MAX: u64 = 4 * 1024;

/// Why a key could not be made, stored or loaded. Each names the file and the next step.
#[derive(Debug, thiserror::Error)]
pub enum NodeKeyError {
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// A key is never overwritten.
    #[error("key file {0} exists; a key is never overwritten: choose another path or move it away")]
    Exists(PathBuf),
    /// The file system refused.
    #[error("key file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others than the owner may use the file.
    #[error(
        "key file {path} has mode {mode:04o}, so others than its owner may use it; \
         run: chmod 600 {path}"
    )]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Too long for a key file.
    #[error("key file {0} is longer than {NODE_KEY_FILE_BYTES_MAX} bytes; it is not a key file")]
    TooLong(PathBuf),
    /// Not an Ed25519 key in PKCS#8 PEM.
    #[error(
        "key file {path} is not an Ed25519 private key in PKCS#8 PEM form ({reason}); \
         restore it from the backup or make a new one"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// An Ed25519 key pair. No `Debug`.
#[derive(Clone)]
pub struct NodeKey {
    secret: Secret,
    public: ValidatorKey,
}

impl NodeKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// The operating system has no source of randomness.
    pub fn generate() -> Result<Self, NodeKeyError> {
        Ok(Self::from_secret(Secret::generate()?))
    }

    /// The key of a 32 byte seed (RFC 8032).
    pub fn from_secret(secret: Secret) -> Self {
        let signing = SigningKey::from_bytes(secret.expose());
        let public = ValidatorKey(signing.verifying_key().to_bytes());
        Self { secret, public }
    }

    /// The public key.
    pub const fn public(&self) -> ValidatorKey {
        self.public
    }

    /// The seed, for handing it to the consensus library.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Signs `message` (RFC 8032, 64 bytes `R || s`).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        SigningKey::from_bytes(self.secret.expose()).sign(message).to_bytes()
    }

    /// Writes a new file with mode 0600 and makes it durable.
    ///
    /// # Errors
    /// The file exists, or the file system refuses.
    pub fn store(&self, path: &Path) -> Result<(), NodeKeyError> {
        let io = |source| NodeKeyError::Io { path: path.to_owned(), source };
        let pem = self.to_pem().map_err(|error| io(std::io::Error::other(error)))?;
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(NodeKeyError::Exists(path.to_owned()));
            }
            other => other.map_err(io)?,
        };
        file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)
    }

    /// Reads a file that only its owner may use.
    ///
    /// # Errors
    /// The file is missing, open to others, or no Ed25519 key in PKCS#8 PEM.
    pub fn load(path: &Path) -> Result<Self, NodeKeyError> {
        let io = |source| NodeKeyError::Io { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(NodeKeyError::Permissions { path: path.to_owned(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(NODE_KEY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > NODE_KEY_FILE_BYTES_MAX {
            return Err(NodeKeyError::TooLong(path.to_owned()));
        }
        let malformed = |reason: String| NodeKeyError::Malformed { path: path.to_owned(), reason };
        let text =
            std::str::from_utf8(&bytes).map_err(|_| malformed("it is not text".to_owned()))?;
        let signing = SigningKey::from_pkcs8_pem(text.trim_end())
            .map_err(|error| malformed(error.to_string()))?;
        Ok(Self::from_secret(Secret::new(signing.to_bytes())))
    }

    /// PKCS#8 version 1, without the public key: the form that every OpenSSL reads.
    fn to_pem(&self) -> Result<Zeroizing<String>, ed25519_dalek::pkcs8::Error> {
        let pair = KeypairBytes { secret_key: *self.secret.expose(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{NODE_KEY_FILE_BYTES_MAX, NodeKey, NodeKeyError};
    use crate::verify_strict;

    /// RFC 8410 section 10.3 and 10.1: the private key and its public key.
    const RFC_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const RFC_PUBLIC: &str = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

    fn write(directory: &tempfile::TempDir, content: &[u8], mode: u32) -> std::path::PathBuf {
        let path = directory.path().join("given.pem");
        let _ = fs::remove_file(&path);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn stored_keys_load_and_sign() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.pem");
        let key = NodeKey::generate().unwrap();
        key.store(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let loaded = NodeKey::load(&path).unwrap();
        assert_eq!(loaded.public(), key.public());
        verify_strict(&key.public(), b"vote", &loaded.sign(b"vote")).unwrap();
        assert_ne!(NodeKey::generate().unwrap().public(), key.public());
    }

    #[test]
    fn the_file_is_what_rfc_8410_shows() {
        let directory = tempfile::tempdir().unwrap();
        let key = NodeKey::load(&write(&directory, RFC_PEM.as_bytes(), 0o600)).unwrap();
        assert_eq!(hex::encode(key.public().0), RFC_PUBLIC);
        let path = directory.path().join("again.pem");
        key.store(&path).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), RFC_PEM);
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = write(&directory, RFC_PEM.as_bytes(), 0o600);
        let error = NodeKey::generate().unwrap().store(&path).unwrap_err();
        assert!(matches!(error, NodeKeyError::Exists(_)), "{error}");
        assert_eq!(fs::read_to_string(path).unwrap(), RFC_PEM);
    }

    #[test]
    fn files_open_to_others_are_refused_with_the_fix() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o620, 0o660, 0o644] {
            let path = write(&directory, RFC_PEM.as_bytes(), mode);
            let error = NodeKey::load(&path).err().unwrap().to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
        let path = write(&directory, RFC_PEM.as_bytes(), 0o400);
        assert!(NodeKey::load(&path).is_ok());
    }

    #[test]
    fn other_content_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let long = vec![b'x'; usize::try_from(NODE_KEY_FILE_BYTES_MAX).unwrap() + 1];
        let wrong_kind = RFC_PEM.replace("PRIVATE", "PUBLIC");
        let cut = &RFC_PEM.as_bytes()[..60];
        for content in [&b""[..], &[0xff, 0xfe], cut, wrong_kind.as_bytes(), &long] {
            let error = NodeKey::load(&write(&directory, content, 0o600)).err().unwrap();
            assert!(error.to_string().contains("given.pem"), "{error}");
        }
        let missing = NodeKey::load(&directory.path().join("none.pem")).err().unwrap();
        assert!(matches!(missing, NodeKeyError::Io { .. }), "{missing}");
    }
}
