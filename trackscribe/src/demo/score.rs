//! How much of what was said stands in the transcript, under the right name. Values only.

use std::collections::HashSet;

use domain::transcript::accuracy::{words, words_hit};

/// So many words in a row are no coincidence.
const RUN_WORDS: usize = 3;

/// One speaker's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Words of the reference that were heard, in order.
    pub hits: usize,
    pub words: usize,
    /// Places where words of someone else stand under this name.
    pub foreign_runs: usize,
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

/// Compares what stands under a name with what its owner said, and with what the others said.
pub fn score(heard: &str, said: &str, said_by_others: &str) -> Score {
    let (heard, said, others) = (words(heard), words(said), words(said_by_others));
    Score {
        hits: words_hit(&said, &heard),
        words: said.len(),
        foreign_runs: foreign_runs(&heard, &said, &others),
    }
}

/// Stretches of at least [`RUN_WORDS`] words that the others said and this speaker did not.
fn foreign_runs(heard: &[String], said: &[String], others: &[String]) -> usize {
    let own: HashSet<_> = said.windows(RUN_WORDS).collect();
    let foreign: HashSet<_> = others.windows(RUN_WORDS).filter(|run| !own.contains(run)).collect();
    let is_foreign: Vec<bool> = heard.windows(RUN_WORDS).map(|run| foreign.contains(&run)).collect();
    let begins = |at: usize| is_foreign[at] && (at == 0 || !is_foreign[at - 1]);
    (0..is_foreign.len()).filter(|at| begins(*at)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROBERT: &str = "the first thing on the agenda is the budget";
    const ANGUS: &str = "the price of the old machine was seven hundred dollars";

    #[test]
    fn what_was_heard_exactly_scores_everything_whatever_its_case_and_punctuation() {
        let score = score("The first thing, on the agenda: is the BUDGET.", ROBERT, ANGUS);

        assert_eq!(
            score,
            Score {
                hits: 9,
                words: 9,
                foreign_runs: 0
            }
        );
        assert_eq!(score.percent(), 100.0);
    }

    #[test]
    fn wrong_missing_and_added_words_are_counted_in_order() {
        let cases = [
            ("the first sing on the agenda is the budget", 8),
            ("the first thing on agenda is the budget", 8),
            ("the first thing on the the agenda is the budget", 9),
            ("budget the is agenda the on thing first the", 3),
            ("", 0),
            ("something else entirely", 0),
        ];

        for (heard, hits) in cases {
            assert_eq!(score(heard, ROBERT, ANGUS).hits, hits, "{heard}");
        }
    }

    #[test]
    fn words_of_another_are_found_as_runs() {
        let heard = "the first thing the old machine was seven on the agenda the price of is the budget";

        let score = score(heard, ROBERT, ANGUS);

        assert_eq!((score.hits, score.foreign_runs), (9, 2));
    }

    #[test]
    fn swapped_names_score_nothing() {
        let robert = score(ANGUS, ROBERT, ANGUS);

        assert!(robert.percent() < 50.0 && robert.foreign_runs == 1, "{robert:?}");
    }

    #[test]
    fn nothing_said_is_no_success() {
        assert_eq!(score("words", "", ANGUS).percent(), 0.0);
    }
}
