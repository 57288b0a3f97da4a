//! How much of what was said is in a text.

/// The words of a text: lower case, without punctuation.
pub fn words(text: &str) -> Vec<String> {
    let letters = |c: char| c.is_alphanumeric() || c == '\'';
    let cleaned = text.split(|c| !letters(c)).filter(|word| !word.is_empty());
    cleaned.map(str::to_lowercase).collect()
}

/// How many of the spoken words are heard at their place: those of the best alignment (Levenshtein) that are equal.
pub fn words_hit(spoken: &[String], heard: &[String]) -> usize {
    // For each prefix of `heard`: the least cost, and among alignments of that cost the most hits.
    let mut row: Vec<(usize, usize)> = (0..=heard.len()).map(|cost| (cost, 0)).collect();
    for (n, word) in spoken.iter().enumerate() {
        let mut next = vec![(n + 1, 0)];
        for (m, other) in heard.iter().enumerate() {
            let equal = usize::from(word == other);
            let aligned = (row[m].0 + 1 - equal, row[m].1 + equal);
            let (deleted, inserted) = ((row[m + 1].0 + 1, row[m + 1].1), (next[m].0 + 1, next[m].1));
            let best = [aligned, deleted, inserted]
                .into_iter()
                .min_by_key(|&(cost, hits)| (cost, usize::MAX - hits));
            next.push(best.expect("three were compared"));
        }
        row = next;
    }
    row[heard.len()].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(spoken: &str, heard: &str) -> usize {
        words_hit(&words(spoken), &words(heard))
    }

    #[test]
    fn words_count_where_they_were_said() {
        assert_eq!(hit("We will start on Monday.", "we will start on monday"), 5);
        assert_eq!(hit("we will start on monday", "well start on a monday"), 3);
        assert_eq!(hit("one two three", "three"), 1);
        assert_eq!(hit("one two", ""), 0);
        assert_eq!(hit("one two three", "three one two"), 2);
    }
}
