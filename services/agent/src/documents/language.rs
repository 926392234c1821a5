//! How PostgreSQL reduces words to stems, by language.

/// The text search configuration for a BCP 47 tag; `simple`, which reduces nothing, for languages that
/// PostgreSQL has no stemmer for.
pub(crate) fn search_config(tag: &str) -> &'static str {
    let primary = tag
        .split('-')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match primary.as_str() {
        "ar" => "arabic",
        "ca" => "catalan",
        "da" => "danish",
        "de" => "german",
        "el" => "greek",
        "en" => "english",
        "es" => "spanish",
        "fi" => "finnish",
        "fr" => "french",
        "ga" => "irish",
        "hu" => "hungarian",
        "id" => "indonesian",
        "it" => "italian",
        "nb" | "nn" | "no" => "norwegian",
        "nl" => "dutch",
        "pt" => "portuguese",
        "ro" => "romanian",
        "ru" => "russian",
        "sv" => "swedish",
        "tr" => "turkish",
        _ => "simple",
    }
}

#[cfg(test)]
mod tests {
    use super::search_config;

    #[test]
    fn regions_do_not_matter_and_the_unknown_is_left_as_it_is() {
        assert_eq!(search_config("de-AT"), "german");
        assert_eq!(search_config("EN"), "english");
        assert_eq!(search_config("tlh"), "simple");
    }
}
