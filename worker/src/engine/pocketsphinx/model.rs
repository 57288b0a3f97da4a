//! The English model.

use std::{
    ffi::CString,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::engine::EngineSetupError;

/// Folders in which distributions and `make install` put models.
const STANDARD_PLACES: [&str; 4] = [
    "/usr/share/pocketsphinx/model",
    "/usr/local/share/pocketsphinx/model",
    "/opt/homebrew/share/pocketsphinx/model",
    "/usr/local/share/pocketsphinx/pocketsphinx/model",
];

/// What to do about a missing or broken model.
const REMEDY: &str = "install the package pocketsphinx-en-us, or set TRACKSCRIBE_ENGINE_POCKETSPHINX_MODEL to the \
                      folder that contains en-us/";

/// The folder of acoustic model, language model and dictionary.
pub struct Model {
    folder: PathBuf,
}

impl Model {
    const FILES: [&str; 3] = ["en-us/en-us/mdef", "en-us/en-us.lm.bin", "en-us/cmudict-en-us.dict"];

    /// Finds the model in `folder`, or in the standard places if `None`.
    pub fn find(folder: Option<&Path>) -> Result<Self, EngineSetupError> {
        let places: Vec<&Path> = match folder {
            Some(folder) => vec![folder],
            None => STANDARD_PLACES.iter().map(Path::new).collect(),
        };
        let is_whole = |place: &&&Path| Self::FILES.iter().all(|file| place.join(file).is_file());
        match places.iter().find(is_whole) {
            Some(folder) => Ok(Self {
                folder: folder.to_path_buf(),
            }),
            None => Err(missing(format!(
                "cannot find PocketSphinx's English model in {}",
                list(&places)
            ))),
        }
    }

    /// Returns the model's language.
    pub fn name(&self) -> &'static str {
        "en-us"
    }

    /// Returns the arguments of the decoder.
    pub fn arguments(&self) -> Vec<CString> {
        let path = |file: &str| CString::new(self.folder.join(file).as_os_str().as_bytes()).unwrap_or_default();
        let text = |text: &str| CString::new(text).unwrap_or_default();
        vec![
            text("-hmm"),
            path("en-us/en-us"),
            text("-lm"),
            path("en-us/en-us.lm.bin"),
            text("-dict"),
            path("en-us/cmudict-en-us.dict"),
            text("-remove_silence"),
            text("no"),
        ]
    }

    /// Returns the error for a model that PocketSphinx cannot load. The library does not say why.
    pub fn unusable(&self) -> EngineSetupError {
        missing(format!(
            "PocketSphinx cannot load the model in {}",
            self.folder.display()
        ))
    }
}

fn missing(what: String) -> EngineSetupError {
    EngineSetupError::Missing {
        what,
        remedy: REMEDY.to_owned(),
        why: None,
    }
}

fn list(places: &[&Path]) -> String {
    places
        .iter()
        .map(|p| p.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
