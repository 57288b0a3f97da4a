//! Compares recognized words with spoken ones.

/// Splits a text into lower-case words without punctuation.
pub fn words(text: &str) -> Vec<String> {
    let letters = |c: char| c.is_alphanumeric() || c == '\'';
    let cleaned = text.split(|c| !letters(c)).filter(|word| !word.is_empty());
    cleaned.map(str::to_lowercase).collect()
}

/// Counts the spoken words that were recognized: the most that any alignment with the fewest edits (Levenshtein:
/// substitution, insertion and deletion cost one each) leaves unchanged.
pub fn words_hit(spoken: &[String], recognized: &[String]) -> usize {
    // For each prefix of `recognized`: the least cost, and the most hits of an alignment with that cost.
    let mut row: Vec<(usize, usize)> = (0..=recognized.len()).map(|cost| (cost, 0)).collect();
    for (n, word) in spoken.iter().enumerate() {
        let mut next = vec![(n + 1, 0)];
        for (m, other) in recognized.iter().enumerate() {
            let equal = usize::from(word == other);
            let aligned = (row[m].0 + 1 - equal, row[m].1 + equal);
            let (deleted, inserted) = ((row[m + 1].0 + 1, row[m + 1].1), (next[m].0 + 1, next[m].1));
            let best = [aligned, deleted, inserted]
                .into_iter()
                .min_by_key(|&(cost, hits)| (cost, usize::MAX - hits));
            next.push(best.expect("the array is not empty"));
        }
        row = next;
    }
    row[recognized.len()].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(spoken: &str, recognized: &str) -> usize {
        words_hit(&words(spoken), &words(recognized))
    }

    #[test]
    fn words_count_only_in_their_order() {
        assert_eq!(hits("We will start on Monday.", "we will start on monday"), 5);
        assert_eq!(hits("we will start on monday", "well start on a monday"), 3);
        assert_eq!(hits("one two three", "three"), 1);
        assert_eq!(hits("one two", ""), 0);
        assert_eq!(hits("one two three", "three one two"), 2);
    }
}
