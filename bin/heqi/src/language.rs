//! Text for people, in English and Chinese, from one catalogue per language with equal keys.

use std::{collections::BTreeMap, sync::LazyLock};

use clap::ValueEnum;

type Catalogue = BTreeMap<String, String>;

static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../messages/en.toml")));
static CHINESE: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../messages/zh.toml")));

fn read(text: &str) -> Catalogue {
    toml::from_str(text).expect("a test reads both catalogues")
}

/// Language of text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// The one asked for, else that of the locale, else English.
    pub fn choose(asked: Option<Self>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = || {
            let found = ["LC_ALL", "LC_MESSAGES", "LANG"]
                .iter()
                .find_map(|name| variable(name).filter(|value| !value.is_empty()));
            match found {
                Some(locale) if locale.to_lowercase().starts_with("zh") => Self::Zh,
                _ => Self::En,
            }
        };
        asked.unwrap_or_else(locale)
    }

    /// Language of the configuration reference.
    pub fn of_reference(self) -> node::config::ReferenceLanguage {
        match self {
            Self::En => node::config::ReferenceLanguage::English,
            Self::Zh => node::config::ReferenceLanguage::Chinese,
        }
    }

    /// The text of `key` with `{name}` replaced by each value.
    pub fn text(self, key: &str, values: &[(&str, String)]) -> String {
        let catalogue = match self {
            Self::En => &*ENGLISH,
            Self::Zh => &*CHINESE,
        };
        let mut text = catalogue.get(key).cloned().unwrap_or_else(|| key.to_string());
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> =
            text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn both_catalogues_have_the_same_keys_and_places() {
        let keys = |catalogue: &Catalogue| catalogue.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&ENGLISH), keys(&CHINESE));
        for (key, text) in ENGLISH.iter() {
            assert!(!text.is_empty(), "{key}");
            assert_eq!(places(text), places(&CHINESE[key]), "{key}");
        }
    }

    #[test]
    fn every_key_in_the_source_is_in_the_catalogue_and_the_other_way_round() {
        let mut source = String::new();
        for folder in ["src", "src/dev", "src/devnet", "src/doctor", "src/snapshot"] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "rs") {
                    source += &std::fs::read_to_string(path).unwrap();
                }
            }
        }
        // Keys of errors and of the doctor's findings are put together; their own tests have them.
        let whole = |key: &&String| !key.starts_with("error.") && !key.starts_with("doctor.");
        for key in ENGLISH.keys().filter(whole) {
            assert!(source.contains(&format!("\"{key}\"")), "{key} is not used");
        }
        for part in source.split("text(\"").skip(1) {
            let key = part.split('"').next().unwrap();
            assert!(ENGLISH.contains_key(key), "{key} is not in the catalogue");
        }
    }

    #[test]
    fn the_language_follows_the_locale() {
        let with = |name: &'static str, value: &'static str| {
            Language::choose(None, move |asked| (asked == name).then(|| value.into()))
        };
        assert_eq!(with("LANG", "zh_CN.UTF-8"), Language::Zh);
        assert_eq!(with("LC_ALL", "zh_TW"), Language::Zh);
        assert_eq!(with("LANG", "de_DE.UTF-8"), Language::En);
        assert_eq!(with("NOTHING", ""), Language::En);
        assert_eq!(Language::choose(Some(Language::En), |_| Some("zh".into())), Language::En);
    }
}
