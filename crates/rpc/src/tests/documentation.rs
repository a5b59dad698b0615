//! The pages' tables of methods are made from the table in code. `HEQI_WRITE_DOCS=1` (`cargo xtask
//! docs`) writes them; without it a page that differs fails.

use std::{collections::HashSet, fs, path::PathBuf};

use super::notes::NOTES;
use crate::methods::{METHODS, Method, NEVER_OFFERED, Reads, Tier};

const BEGIN: &str = "<!-- methods: written by cargo xtask docs -->\n";
const END: &str = "<!-- methods end -->\n";

/// A language of the pages.
#[derive(Clone, Copy)]
enum Language {
    English,
    Chinese,
}

impl Language {
    fn page(self) -> PathBuf {
        let folder = match self {
            Self::English => "en",
            Self::Chinese => "zh",
        };
        let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        docs.join(folder).join("json-rpc.md")
    }

    fn tier(self, tier: Tier) -> &'static str {
        match (self, tier) {
            (Self::English, Tier::Core) => "core",
            (Self::English, Tier::Modern) => "modern",
            (Self::English, Tier::Trace) => "trace",
            (Self::English, Tier::Development) => "dev",
            (Self::English, Tier::Own) => "own",
            (Self::Chinese, Tier::Core) => "核心",
            (Self::Chinese, Tier::Modern) => "现代",
            (Self::Chinese, Tier::Trace) => "跟踪",
            (Self::Chinese, Tier::Development) => "开发",
            (Self::Chinese, Tier::Own) => "自有",
        }
    }

    fn reads(self, reads: Reads) -> &'static str {
        match (self, reads) {
            (Self::English, Reads::Memory) => "memory",
            (Self::English, Reads::Chain) => "chain",
            (Self::English, Reads::State) => "state",
            (Self::English, Reads::Execution) => "EVM",
            (Self::English, Reads::Replay) => "replay",
            (Self::English, Reads::Pool) => "pool",
            (Self::Chinese, Reads::Memory) => "内存",
            (Self::Chinese, Reads::Chain) => "链",
            (Self::Chinese, Reads::State) => "状态",
            (Self::Chinese, Reads::Execution) => "EVM",
            (Self::Chinese, Reads::Replay) => "重放",
            (Self::Chinese, Reads::Pool) => "交易池",
        }
    }

    fn heads(self) -> &'static str {
        match self {
            Self::English => {
                "| method | tier | weight | reads | note |\n| --- | --- | --- | --- | --- |\n"
            }
            Self::Chinese => {
                "| 方法 | 层级 | 权重 | 读取 | 说明 |\n| --- | --- | --- | --- | --- |\n"
            }
        }
    }

    fn comma(self) -> &'static str {
        match self {
            Self::English => ", ",
            Self::Chinese => "、",
        }
    }

    fn never(self) -> &'static str {
        match self {
            Self::English => "\nNever offered, answered with -32601 and the reason: ",
            Self::Chinese => "\n从不提供、以 -32601 和原因回答的：",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::English => ".\n",
            Self::Chinese => "。\n",
        }
    }
}

/// The part of the page that is written.
fn written(language: Language) -> String {
    let mut text = String::from(language.heads());
    let mut row = |methods: &[&Method], note: &str| {
        let names: Vec<String> =
            methods.iter().map(|method| format!("`{}`", method.name)).collect();
        let first = methods[0];
        text.push_str(&format!(
            "| {} | {} | {} | {} | {note} |\n",
            names.join(language.comma()),
            language.tier(first.tier),
            first.weight,
            language.reads(first.reads),
        ));
    };
    let mut together: Vec<&Method> = Vec::new();
    let mut before: Option<(usize, Tier, u32, Reads)> = None;
    for method in METHODS {
        let note = note(method.name);
        let kind = (note, method.tier, method.weight, method.reads);
        if before.is_some_and(|before| before != kind) {
            row(&together, text_of(before.unwrap().0, language));
            together.clear();
        }
        together.push(method);
        before = Some(kind);
    }
    row(&together, text_of(before.unwrap().0, language));
    text.push_str(language.never());
    let families: Vec<String> =
        NEVER_OFFERED.iter().map(|(family, _)| format!("`{family}…`")).collect();
    text.push_str(&families.join(language.comma()));
    text.push_str(language.end());
    text
}

/// Position of the note of a method.
fn note(name: &str) -> usize {
    let found = NOTES.iter().position(|(names, _, _)| names.split(' ').any(|found| found == name));
    found.unwrap_or_else(|| panic!("{name} has no note"))
}

fn text_of(note: usize, language: Language) -> &'static str {
    match language {
        Language::English => NOTES[note].1,
        Language::Chinese => NOTES[note].2,
    }
}

#[test]
fn each_method_has_one_note_and_each_note_a_method() {
    let named: Vec<&str> = NOTES.iter().flat_map(|(names, _, _)| names.split(' ')).collect();
    let unique: HashSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), unique.len(), "a method has two notes");
    let methods: HashSet<&str> = METHODS.iter().map(|method| method.name).collect();
    assert_eq!(unique, methods);
}

#[test]
fn the_pages_have_the_table_of_methods() {
    let write = std::env::var_os("HEQI_WRITE_DOCS").is_some();
    for language in [Language::English, Language::Chinese] {
        let path = language.page();
        let page = fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once(BEGIN).expect("the page has no place for the table");
        let (found, after) = rest.split_once(END).expect("the table on the page has no end");
        let expected = written(language);
        if write {
            fs::write(&path, [before, BEGIN, &expected, END, after].concat()).unwrap();
        } else {
            assert_eq!(found, expected, "{}: run `cargo xtask docs`", path.display());
        }
    }
}
