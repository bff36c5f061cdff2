//! OCI artifacts of components, in the form that wasmCloud, `wkg` and `wash` pull: one layer with the component.
//!
//! The form is the "Wasm OCI Artifact layout" of the CNCF. The archive is an OCI image layout, which skopeo copies to a
//! registry. Equal artifacts have equal bytes.

use crate::sha256::sha256;
use glasshouse_sandbox::Inspection;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};
use tar::{Builder, EntryType, Header};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

/// A component with the texts of its artifact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Artifact<'a> {
    pub(crate) component: &'a [u8],
    /// The name that registries show.
    pub(crate) title: &'a str,
    pub(crate) version: &'a str,
    /// Seconds since 1970, before the year 10000.
    pub(crate) created: u64,
}

impl Artifact<'_> {
    /// Writes the artifact as a tar archive of an OCI image layout.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub(crate) fn write(&self, to: impl Write) -> io::Result<()> {
        let layer = Blob::new(LAYER, self.component);
        let config = self.config(&layer).to_string().into_bytes();
        let config = Blob::new(CONFIG, &config);
        let manifest = self.manifest(&config, &layer).to_string().into_bytes();
        let manifest = Blob::new(MANIFEST, &manifest);
        let name = json!({ "org.opencontainers.image.ref.name": self.version });
        let manifests = json!([manifest.named(name)]);
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }).to_string();
        let layout = json!({ "imageLayoutVersion": "1.0.0" }).to_string();
        let mut archive = LayoutArchive { tar: Builder::new(to), created: self.created };
        archive.file("oci-layout", layout.as_bytes())?;
        archive.file("index.json", index.as_bytes())?;
        for blob in [&config, &layer, &manifest] {
            archive.file(&format!("blobs/sha256/{}", blob.digest), blob.bytes)?;
        }
        archive.tar.into_inner()?.flush()
    }

    fn created(&self) -> String {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(self.created)).unwrap_or(UNIX_EPOCH);
        humantime::format_rfc3339_seconds(time).to_string()
    }

    /// The imports and exports let a host reject a component before it pulls the layer.
    fn config(&self, layer: &Blob<'_>) -> Value {
        let inspection = Inspection::new(self.component);
        let imports: Vec<&str> = inspection.imports.iter().map(|import| import.name.as_str()).collect();
        json!({
            "created": self.created(),
            "author": null,
            "architecture": "wasm",
            // The only name for components: the imports have the version of WASI.
            "os": "wasip2",
            "layerDigests": [layer.reference()],
            "component": { "exports": inspection.exports, "imports": imports, "target": null },
        })
    }

    fn manifest(&self, config: &Blob<'_>, layer: &Blob<'_>) -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
            "annotations": {
                "org.opencontainers.image.created": self.created(),
                "org.opencontainers.image.title": self.title,
                "org.opencontainers.image.version": self.version,
            },
        })
    }
}

/// Bytes that the artifact refers to by their digest.
struct Blob<'a> {
    media_type: &'static str,
    digest: String,
    bytes: &'a [u8],
}

impl<'a> Blob<'a> {
    fn new(media_type: &'static str, bytes: &'a [u8]) -> Blob<'a> {
        Blob { media_type, digest: sha256(bytes), bytes }
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.reference(), "size": self.bytes.len() })
    }

    fn named(&self, annotations: Value) -> Value {
        let (digest, size) = (self.reference(), self.bytes.len());
        json!({ "mediaType": self.media_type, "digest": digest, "size": size, "annotations": annotations })
    }

    fn reference(&self) -> String {
        format!("sha256:{}", self.digest)
    }
}

struct LayoutArchive<W: Write> {
    tar: Builder<W>,
    created: u64,
}

impl<W: Write> LayoutArchive<W> {
    fn file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(self.created);
        header.set_size(u64::try_from(bytes.len()).map_err(io::Error::other)?);
        self.tar.append_data(&mut header, path, bytes)
    }
}

#[cfg(test)]
mod tests {
    use crate::oci::*;
    use glasshouse_sandbox::P2;
    use std::collections::BTreeMap;
    use std::io::Read as _;

    fn archive(component: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let artifact = Artifact { component, title: "a \"site\"", version: "1.0", created: 1_577_934_245 };
        artifact.write(&mut bytes).expect("memory can be written");
        bytes
    }

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().expect("a tar file has entries") {
            let mut entry = entry.expect("the entry is complete");
            let name = entry.path().expect("the name is UTF-8").display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("the entry is complete");
            files.insert(name, bytes);
        }
        files
    }

    #[test]
    fn a_registry_finds_the_component_by_its_digests() {
        let files = files(&archive(&P2));
        let json = |name: &str| -> Value { serde_json::from_slice(&files[name]).expect("the file is JSON") };
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:"));
            let name = format!("blobs/sha256/{}", digest.expect("a digest"));
            assert_eq!(descriptor["size"], files[&name].len());
            assert!(name.ends_with(&sha256(&files[&name])), "{name}");
            name
        };
        assert_eq!(json("oci-layout")["imageLayoutVersion"], "1.0.0");
        let manifest = json(&blob(&json("index.json")["manifests"][0]));
        assert_eq!(manifest["annotations"]["org.opencontainers.image.title"], "a \"site\"");
        let layers = manifest["layers"].as_array().expect("layers");
        assert_eq!((layers.len(), &layers[0]["mediaType"]), (1, &json!(LAYER)));
        assert!(files[&blob(&layers[0])] == **P2);
        assert_eq!(manifest["config"]["mediaType"], CONFIG);
        let config = json(&blob(&manifest["config"]));
        assert_eq!(config["created"], "2020-01-02T03:04:05Z");
        assert_eq!(config["layerDigests"], json!([layers[0]["digest"]]));
        let exports = config["component"]["exports"].to_string();
        assert!(exports.contains("wasi:http/incoming-handler@0.2."), "{exports}");
        assert!(config["component"]["imports"].as_array().is_some_and(|imports| imports.len() > 5));
        assert_eq!(files.len(), 5);
    }

    #[test]
    fn equal_artifacts_have_equal_bytes() {
        assert!(archive(&P2) == archive(&P2));
        assert!(archive(&P2) != archive(b"another"));
    }
}
