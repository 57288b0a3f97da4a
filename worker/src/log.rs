//! Errors as they stand in the log.

use std::error::Error;

/// The message and, after colons, why: a log line has room for one text.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_follows_the_message() {
        let away = objects::ObjectError::Unavailable("no route".into());

        assert_eq!(chain(&away), "the object store cannot be reached or is busy: no route");
    }
}
