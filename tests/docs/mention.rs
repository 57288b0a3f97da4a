//! Finds what a Markdown text refers to: links, images and text in back-ticks. Fenced code is left out.

/// The attributes of HTML in Markdown that hold a path.
const HTML_ATTRIBUTES: [&str; 3] = ["href=\"", "src=\"", "srcset=\""];

/// A reference and the line it is on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub line: usize,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What a link or an image points to.
    Link(String),
    /// One word of a text in back-ticks.
    Word(String),
    /// A text in back-ticks that is a single word.
    Code(String),
}

/// Returns every reference of a Markdown text, in order.
pub fn mentions(markdown: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    for (line, text) in lines_outside_fences(markdown) {
        let (spans, rest) = split_code(text);
        let targets = spans.iter().flat_map(|span| words(span)).chain(links(&rest));
        found.extend(targets.map(|target| Mention { line, target }));
    }
    found
}

/// Returns the anchors of a Markdown text's headings, as code hosts make them.
pub fn anchors(markdown: &str) -> Vec<String> {
    let headings = lines_outside_fences(markdown).filter(|(_, text)| text.starts_with('#'));
    headings.map(|(_, text)| anchor(text.trim_start_matches('#'))).collect()
}

fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let kept: String = heading.trim().to_lowercase().chars().filter(kept).collect();
    kept.replace(' ', "-")
}

fn lines_outside_fences(markdown: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    markdown.lines().enumerate().filter_map(move |(index, text)| {
        let is_fence = text.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        (!is_fence && !is_fenced).then_some((index + 1, text))
    })
}

/// Splits a line into its texts in back-ticks and what remains, where `` ` `` marks the place of each.
fn split_code(line: &str) -> (Vec<&str>, String) {
    let parts: Vec<&str> = line.split('`').collect();
    let rest: Vec<&str> = parts.iter().step_by(2).copied().collect();
    let spans = parts.iter().skip(1).step_by(2).copied().collect();
    (spans, rest.join("`"))
}

fn words(span: &str) -> Vec<Target> {
    let words: Vec<String> = span.split_whitespace().map(str::to_owned).collect();
    match words.as_slice() {
        [word] => vec![Target::Code(word.clone())],
        _ => words.into_iter().map(Target::Word).collect(),
    }
}

fn links(text: &str) -> Vec<Target> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_definition = text.starts_with('[') && !text.starts_with("[^");
    let defined = is_definition.then(|| text.split_once("]: ")).flatten();
    let defined = defined.map(|(_, target)| target);
    let html = HTML_ATTRIBUTES
        .iter()
        .flat_map(|attribute| text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
    let targets = inline.chain(defined).chain(html);
    let targets = targets.filter_map(|target| target.split_whitespace().next());
    targets.map(|target| Target::Link(target.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(markdown: &str) -> Vec<Target> {
        mentions(markdown).into_iter().map(|mention| mention.target).collect()
    }

    fn link(target: &str) -> Target {
        Target::Link(target.to_owned())
    }

    #[test]
    fn links_images_definitions_and_html_are_found() {
        let markdown =
            "See [a](one.md#top) and ![b](two.svg \"title\").\n[c]: three.md\n<img src=\"four.svg\">\n[^1]: A note.";

        assert_eq!(
            targets(markdown),
            ["one.md#top", "two.svg", "three.md", "four.svg"].map(link)
        );
    }

    #[test]
    fn a_link_around_code_is_a_link_and_code() {
        let expected = [Target::Code("egress.yaml".to_owned()), link("egress.yaml")];

        assert_eq!(targets("[`egress.yaml`](egress.yaml)"), expected);
    }

    #[test]
    fn the_words_of_a_command_are_told_from_a_path_that_stands_alone() {
        let expected = [
            Target::Word("scripts/test.sh".to_owned()),
            Target::Word("-p".to_owned()),
            Target::Code("docs/adr".to_owned()),
        ];

        assert_eq!(targets("`scripts/test.sh -p`, `docs/adr`"), expected);
    }

    #[test]
    fn fenced_code_is_left_out_and_lines_are_counted_from_one() {
        let found = mentions("```sh\n[no](no.md)\n```\n[yes](yes.md)");

        let expected = Mention {
            line: 4,
            target: link("yes.md"),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn anchors_are_those_of_code_hosts() {
        let markdown = "# Walk 1: a track is recorded\n```\n# not a heading\n```\n## `up`, and more";

        assert_eq!(anchors(markdown), ["walk-1-a-track-is-recorded", "up-and-more"]);
    }
}
