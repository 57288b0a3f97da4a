//! Scores what the transcript attributes to one speaker.

use std::collections::HashSet;

use domain::transcript::accuracy::{words, words_hit};

/// Fewer equal words in a row may be a coincidence.
const RUN_WORDS: usize = 3;

/// How well one speaker was transcribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Spoken words that were recognized, in order.
    pub hits: usize,
    /// Spoken words.
    pub words: usize,
    /// Passages of other speakers that are attributed to this one.
    pub misattributed_runs: usize,
}

impl Score {
    pub fn percent(self) -> f64 {
        if self.words == 0 {
            0.0
        } else {
            100.0 * self.hits as f64 / self.words as f64
        }
    }
}

/// Compares the words attributed to a speaker with the spoken ones, and with those of the other speakers.
pub fn score(recognized: &str, spoken: &str, others: &str) -> Score {
    let (recognized, spoken, others) = (words(recognized), words(spoken), words(others));
    Score {
        hits: words_hit(&spoken, &recognized),
        words: spoken.len(),
        misattributed_runs: misattributed_runs(&recognized, &spoken, &others),
    }
}

/// Counts passages of at least [`RUN_WORDS`] words that the others spoke and this speaker did not.
fn misattributed_runs(recognized: &[String], spoken: &[String], others: &[String]) -> usize {
    let own: HashSet<_> = spoken.windows(RUN_WORDS).collect();
    let misattributed: HashSet<_> = others.windows(RUN_WORDS).filter(|run| !own.contains(run)).collect();
    let is_misattributed: Vec<bool> = recognized
        .windows(RUN_WORDS)
        .map(|run| misattributed.contains(&run))
        .collect();
    let begins = |at: usize| is_misattributed[at] && (at == 0 || !is_misattributed[at - 1]);
    (0..is_misattributed.len()).filter(|at| begins(*at)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROBERT: &str = "the first thing on the agenda is the budget";
    const ANGUS: &str = "the price of the old machine was seven hundred dollars";

    #[test]
    fn exact_words_score_fully_whatever_their_case_and_punctuation() {
        let score = score("The first thing, on the agenda: is the BUDGET.", ROBERT, ANGUS);

        assert_eq!(
            score,
            Score {
                hits: 9,
                words: 9,
                misattributed_runs: 0
            }
        );
        assert_eq!(score.percent(), 100.0);
    }

    #[test]
    fn substituted_missing_and_inserted_words_are_counted_in_order() {
        let cases = [
            ("the first sing on the agenda is the budget", 8),
            ("the first thing on agenda is the budget", 8),
            ("the first thing on the the agenda is the budget", 9),
            ("budget the is agenda the on thing first the", 3),
            ("", 0),
            ("something else entirely", 0),
        ];

        for (recognized, hits) in cases {
            assert_eq!(score(recognized, ROBERT, ANGUS).hits, hits, "{recognized}");
        }
    }

    #[test]
    fn words_of_other_speakers_are_counted_as_runs() {
        let recognized = "the first thing the old machine was seven on the agenda the price of is the budget";

        let score = score(recognized, ROBERT, ANGUS);

        assert_eq!((score.hits, score.misattributed_runs), (9, 2));
    }

    #[test]
    fn swapped_names_fail() {
        let robert = score(ANGUS, ROBERT, ANGUS);

        assert!(robert.percent() < 50.0 && robert.misattributed_runs == 1, "{robert:?}");
    }

    #[test]
    fn no_spoken_words_score_zero() {
        assert_eq!(score("words", "", ANGUS).percent(), 0.0);
    }
}
