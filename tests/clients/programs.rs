//! The programs that follow: those that the README shows, as they stand there, and those beside
//! this file.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The section of the README whose blocks are programs.
const SECTION: &str = "## Follow it from your language\n";

/// Where each program looks for a hubbub; a test's is elsewhere.
const ORIGIN: &str = "http://localhost:3000";

/// A program's text.
#[derive(Clone)]
pub struct Source {
    pub name: String,
    text: String,
}

/// The language of each block in the README's section, and its text.
pub fn blocks() -> Vec<(String, String)> {
    let readme = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let section = readme.split_once(SECTION).expect("the README has the section").1;
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    // Text, a block, text, a block, and so on.
    let blocks = section.split("```").skip(1).step_by(2).map(|block| {
        let (language, text) = block.split_once('\n').expect("a block begins with its language");
        (language.to_owned(), text.to_owned())
    });
    blocks.collect()
}

/// The README's blocks in one language, such as `python`.
pub fn in_readme(language: &str) -> Vec<Source> {
    let blocks = blocks().into_iter().filter(|(of, _)| of == language);
    let named = |(number, (_, text))| Source { name: format!("readme_{}", number + 1), text };
    blocks.enumerate().map(named).collect()
}

/// What lies beside this file in the folder of a language, with this extension.
pub fn beside(folder: &str, extension: &str) -> Vec<Source> {
    let folder = here().join(folder);
    let files = fs::read_dir(&folder).expect("the folder is there");
    let mut files: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == extension));
    files.sort();
    let name = |file: &Path| file.file_stem().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|file| Source { name: name(file), text: read(file) }).collect()
}

impl Source {
    /// The text, for a hubbub at `origin`.
    pub fn text_for(&self, origin: &str) -> String {
        assert_eq!(self.text.matches(ORIGIN).count(), 1, "{} names {ORIGIN} once", self.name);
        self.text.replace(ORIGIN, origin)
    }

    /// The same with another command, once.
    pub fn with(&self, name: &str, command: &str, another: &str) -> Self {
        assert_eq!(self.text.matches(command).count(), 1, "{} says {command} once", self.name);
        Self { name: name.into(), text: self.text.replace(command, another) }
    }
}

/// The folder of this file.
pub fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}
