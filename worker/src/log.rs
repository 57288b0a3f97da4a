//! Errors as text for logs and rows.

use std::error::Error;

/// Returns the error's message and those of its sources, joined by colons.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_follow_the_message() {
        let away = objects::ObjectError::Unavailable("no route".into());

        assert_eq!(chain(&away), "the object store cannot be reached: no route");
    }
}
