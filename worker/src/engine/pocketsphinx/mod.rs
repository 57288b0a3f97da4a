//! PocketSphinx, loaded at run time if it is installed. Needs no network and no GPU; recognizes clear English.
//!
//! It receives one utterance at a time. Its own silence removal is off: with it, the times in a long recording were
//! wrong by up to a minute.

mod decoder;
mod library;
mod model;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use self::{decoder::Decoder, library::Library, model::Model};
use super::{Audio, ChunkTranscript, Engine, EngineError, EngineInfo, EngineSetupError, Hint};
use crate::pipeline::window::Chunking;

/// Paths of library and model.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Path or name of the shared library; `None` searches the system's library path.
    pub library: Option<PathBuf>,
    /// Folder that contains `en-us/`; `None` searches the standard places.
    pub model: Option<PathBuf>,
}

/// The engine. Keeps as many decoders as were ever used at once, 107 MB each.
pub struct PocketSphinx {
    key: String,
    shared: Arc<Shared>,
}

struct Shared {
    library: Arc<Library>,
    model: Model,
    idle: Mutex<Vec<Decoder>>,
}

impl PocketSphinx {
    /// Opens the library and loads the model once, so that a missing file is reported at the start, not in a job.
    pub fn open(options: &Options) -> Result<Self, EngineSetupError> {
        let library = Arc::new(Library::open(options.library.as_deref())?);
        let model = Model::find(options.model.as_deref())?;
        let first = Decoder::load(library.clone(), &model).ok_or_else(|| model.unusable())?;
        let key = format!("pocketsphinx/{}", model.name());
        Ok(Self {
            key,
            shared: Arc::new(Shared {
                library,
                model,
                idle: Mutex::new(vec![first]),
            }),
        })
    }
}

#[async_trait]
impl Engine for PocketSphinx {
    async fn ready(&self) -> Result<EngineInfo, EngineError> {
        Ok(EngineInfo {
            key: self.key.clone(),
            chunking: Chunking::UTTERANCES,
        })
    }

    /// Refuses languages other than English, in which it would recognize English words that nobody said.
    async fn transcribe(&self, audio: Audio, hint: &Hint) -> Result<ChunkTranscript, EngineError> {
        if let Some(language) = hint.language.as_deref().filter(|language| *language != "en") {
            return Err(EngineError::Refused(format!(
                "PocketSphinx only supports English and the room's language is {language:?}; set TRACKSCRIBE_ENGINE to \
                 whisper or http, then retry the job"
            )));
        }
        let shared = self.shared.clone();
        let result = spawn_blocking(move || shared.transcribe(&audio)).await;
        result.map_err(|why| EngineError::Failed {
            what: "the thread that runs PocketSphinx ended".to_owned(),
            why: Some(why.into()),
        })?
    }
}

impl Shared {
    fn transcribe(&self, audio: &[i16]) -> Result<ChunkTranscript, EngineError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let decoder = idle.or_else(|| Decoder::load(self.library.clone(), &self.model));
        let Some(mut decoder) = decoder else {
            return Err(EngineError::Refused(self.model.unusable().to_string()));
        };
        let words = decoder.decode(audio);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        Ok(ChunkTranscript {
            words,
            ..ChunkTranscript::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use domain::transcript::accuracy::{words as words_of, words_hit};
    use media::opus::decode::SampleTime16k;

    use super::*;
    use crate::{
        engine::RecognizedWord,
        pipeline::{audio, filter::filter, window},
        support::{recorded, spoken},
    };

    const SAID: &str = "we need to finish the report before friday afternoon";

    #[tokio::test]
    async fn a_sentence_is_transcribed_with_word_times() {
        let audio: Audio = spoken(SAID).into();
        let engine = PocketSphinx::open(&Options::default()).unwrap();

        let transcript = engine.transcribe(audio.clone(), &Hint::default()).await.unwrap();
        let again = engine.transcribe(audio.clone(), &Hint::default()).await.unwrap();

        let text: Vec<&str> = transcript.words.iter().map(|w| w.text.as_str()).collect();
        assert_eq!(text.join(" "), SAID);
        assert_eq!(again, transcript);
        let first = &transcript.words[0];
        assert!((400..700).contains(&first.start_ms), "{first:?}");
        let is_sound =
            |w: &RecognizedWord| w.start_ms < w.end_ms && w.confidence.is_some_and(|c| (0.0..=1.0).contains(&c));
        assert!(
            transcript.words.iter().all(is_sound) && transcript.words.is_sorted_by_key(|w| w.start_ms),
            "{transcript:?}"
        );
    }

    #[tokio::test]
    async fn a_recording_is_transcribed_with_words_at_their_times() {
        let sentences = [
            "the first thing on the agenda is the budget for next year",
            "i think the new design is much better than the old one",
            "we will start the test on monday and finish on wednesday",
        ];
        let pause = vec![0; 16_000];
        let said: Vec<Vec<i16>> = sentences
            .iter()
            .map(|text| [spoken(text), pause.clone()].concat())
            .collect();
        let file = recorded(&said.concat());
        let engine = PocketSphinx::open(&Options::default()).unwrap();

        let frames = audio::score_frames(&file[..]).unwrap();
        let speech = frames.speech();
        let mut chunks = Vec::new();
        let collect = |span, sound| {
            chunks.push((span, sound));
            ControlFlow::Continue(())
        };
        let chunking = engine.ready().await.unwrap().chunking;
        audio::extract(&file[..], &window::chunks(&speech, &frames, chunking), collect).unwrap();
        let mut words = Vec::new();
        for (span, sound) in chunks {
            let transcript = engine.transcribe(sound, &Hint::default()).await.unwrap();
            words.extend(filter(transcript, span, &speech).words);
        }

        let transcript: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
        let (reference, transcript) = (sentences.join(" "), transcript.join(" "));
        let all = reference.split(' ').count();
        assert!(
            words_hit(&words_of(&reference), &words_of(&transcript)) * 10 >= all * 9,
            "{transcript}"
        );
        assert!(transcript.split(' ').count() <= all + 2, "{transcript}");
        let second = SampleTime16k::from_len(said[0].len()).as_millis();
        let think = words.iter().find(|w| w.text == "think").unwrap();
        assert!(
            (second + 500..second + 1_200).contains(&think.start_ms),
            "{think:?} after {second} ms"
        );
    }

    #[tokio::test]
    async fn an_unsupported_language_is_refused() {
        let engine = PocketSphinx::open(&Options::default()).unwrap();
        let german = Hint {
            language: Some("de".to_owned()),
        };

        let error = engine.transcribe(vec![100; 16_000].into(), &german).await.unwrap_err();

        assert!(
            matches!(error, EngineError::Refused(_)) && error.to_string().contains("TRACKSCRIBE_ENGINE"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn silence_gives_no_words_and_extreme_audio_no_error() {
        let engine = PocketSphinx::open(&Options::default()).unwrap();

        for audio in [vec![], vec![0; 10], vec![0; 32_000]] {
            let transcript = engine.transcribe(audio.into(), &Hint::default()).await.unwrap();
            assert_eq!(transcript.words, []);
        }
        engine
            .transcribe([i16::MAX, i16::MIN].repeat(8_000).into(), &Hint::default())
            .await
            .unwrap();
        engine.transcribe(vec![16_000].into(), &Hint::default()).await.unwrap();
    }

    #[test]
    fn a_missing_library_or_model_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let no_library = Options {
            library: Some("/nowhere/libpocketsphinx.so.3".into()),
            model: None,
        };
        let no_model = Options {
            library: None,
            model: Some(folder.path().to_owned()),
        };

        let errors = [&no_library, &no_model].map(|o| PocketSphinx::open(o).map(drop).unwrap_err().to_string());

        assert!(errors[0].contains("libpocketsphinx3") && errors[0].contains("TRACKSCRIBE_ENGINE"));
        assert!(
            errors[1].contains("pocketsphinx-en-us") && errors[1].contains("_MODEL"),
            "{}",
            errors[1]
        );
    }
}
