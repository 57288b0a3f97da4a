//! A decoder, which transcribes one utterance at a time.

#![expect(unsafe_code, reason = "calls into the C library")]

use std::{
    ffi::{CString, c_char},
    ptr::null_mut,
    sync::Arc,
};

use super::{
    library::{Handle, Library, owned},
    model::Model,
};
use crate::engine::RecognizedWord;

/// Length of a frame, the unit of the decoder's times.
const FRAME_MS: u64 = 10;

pub struct Decoder {
    library: Arc<Library>,
    config: Handle,
    decoder: Handle,
    /// The configuration points into these strings.
    _arguments: Vec<CString>,
}

// SAFETY: a decoder is not bound to the thread that created it, and `&mut self` allows one thread at a time.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Loads the model, which takes half a second; `None` if it cannot be loaded.
    pub fn load(library: Arc<Library>, model: &Model) -> Option<Self> {
        let arguments = model.arguments();
        let mut pointers: Vec<*mut c_char> = arguments.iter().map(|a| a.as_ptr().cast_mut()).collect();
        let count = i32::try_from(pointers.len()).ok()?;
        // SAFETY: the pointers are to strings that outlive the configuration, which does not write to them.
        let config =
            unsafe { (library.cmd_ln_parse_r)(null_mut(), (library.ps_args)(), count, pointers.as_mut_ptr(), 1) };
        if config.is_null() {
            return None;
        }
        // SAFETY: the configuration is valid; a decoder keeps its own reference to it.
        let decoder = unsafe { (library.ps_init)(config) };
        let made = Self {
            library,
            config,
            decoder,
            _arguments: arguments,
        };
        // Dropping `made` frees the configuration.
        (!decoder.is_null()).then_some(made)
    }

    /// Returns the words of one utterance. Digital silence is skipped, because the decoder would recognize words in it.
    pub fn decode(&mut self, pcm: &[i16]) -> Vec<RecognizedWord> {
        if pcm.iter().all(|sample| *sample == 0) {
            return Vec::new();
        }
        let lib = &self.library;
        // SAFETY: the decoder is valid, and `pcm` outlives the call that reads it.
        unsafe {
            (lib.ps_start_stream)(self.decoder);
            if (lib.ps_start_utt)(self.decoder) < 0 {
                return Vec::new();
            }
            // The last argument says that this is the whole utterance, so that its level is known at once.
            let processed = (lib.ps_process_raw)(self.decoder, pcm.as_ptr(), pcm.len(), 0, 1);
            let ended = (lib.ps_end_utt)(self.decoder);
            if processed < 0 || ended < 0 {
                return Vec::new();
            }
        }
        self.words()
    }

    fn words(&self) -> Vec<RecognizedWord> {
        let mut words = Vec::new();
        // SAFETY: each segment is used before the call for the next one, which frees it; the last one frees itself.
        let mut segment = unsafe { (self.library.ps_seg_iter)(self.decoder) };
        while !segment.is_null() {
            words.extend(self.word(segment));
            // SAFETY: as above.
            segment = unsafe { (self.library.ps_seg_next)(segment) };
        }
        words
    }

    /// Reads a segment; `None` for silence and noises.
    fn word(&self, segment: Handle) -> Option<RecognizedWord> {
        let lib = &self.library;
        let (mut first, mut last) = (0, 0);
        let (mut acoustic, mut language, mut backoff) = (0, 0, 0);
        // SAFETY: the segment is valid, and all pointers are to variables of this function.
        let (text, probability) = unsafe {
            (lib.ps_seg_frames)(segment, &raw mut first, &raw mut last);
            let log = (lib.ps_seg_prob)(segment, &raw mut acoustic, &raw mut language, &raw mut backoff);
            (
                owned((lib.ps_seg_word)(segment))?,
                (lib.logmath_exp)((lib.ps_get_logmath)(self.decoder), log),
            )
        };
        let text = plain(&text)?;
        let (start, end) = (u64::try_from(first).ok()?, u64::try_from(last).ok()? + 1);
        let confidence = Some(probability.clamp(0.0, 1.0) as f32);
        Some(RecognizedWord {
            confidence,
            ..RecognizedWord::new(text, start * FRAME_MS, end * FRAME_MS)
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: both were created by this library and are freed once; freeing NULL does nothing.
        unsafe {
            (self.library.ps_free)(self.decoder);
            (self.library.cmd_ln_free_r)(self.config);
        }
    }
}

/// Strips the pronunciation number from a dictionary word; `None` for markers such as `<sil>` and `[NOISE]`.
fn plain(word: &str) -> Option<&str> {
    if word.starts_with(['<', '[']) {
        return None;
    }
    match word.rsplit_once('(') {
        Some((word, number)) if number.ends_with(')') => Some(word),
        _ => Some(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noises_are_not_words_and_pronunciation_numbers_are_stripped() {
        assert_eq!(plain("the(2)"), Some("the"));
        assert_eq!(plain("friday"), Some("friday"));
        assert_eq!([plain("<sil>"), plain("[NOISE]"), plain("</s>")], [None; 3]);
    }
}
