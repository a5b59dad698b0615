//! `heqi keys`: node keys.

use std::path::Path;

use crypto::{NodeKey, NodeKeyError};
use serde_json::json;

use crate::{
    Output,
    error::{self, CliError},
};

/// Makes a key and prints its public half.
pub fn new(path: &Path, output: Output) -> Result<(), CliError> {
    let key = make(path)?;
    print(&key, path, output);
    Ok(())
}

/// Prints the public half of a key file.
pub fn show(path: &Path, output: Output) -> Result<(), CliError> {
    print(&node::files::load_node_key(path)?, path, output);
    Ok(())
}

/// Makes a key file that must not exist.
pub fn make(path: &Path) -> Result<NodeKey, CliError> {
    let key = NodeKey::generate().map_err(|error| CliError::file(path, error))?;
    key.store(path).map_err(|error| match error {
        NodeKeyError::Exists(path) => {
            CliError::new(error::EXISTS, vec![("path", path.display().to_string())])
        }
        NodeKeyError::Io { source, .. } => CliError::file(path, source),
        other => CliError::file(path, other),
    })?;
    Ok(key)
}

fn print(key: &NodeKey, path: &Path, output: Output) {
    let public = key.public().to_string();
    match output.json {
        true => println!("{}", json!({"public_key": public, "file": path})),
        false => println!("{public}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = make(&path).unwrap();
        assert_eq!(node::files::load_node_key(&path).unwrap().public(), key.public());
        let error = make(&path).err().unwrap();
        assert_eq!((error.code().id, error.exit()), ("CLI-0010", 2));
        let nowhere = make(&folder.path().join("none/key.pem")).err().unwrap();
        assert_eq!(nowhere.code().id, "CLI-0011");
    }
}
