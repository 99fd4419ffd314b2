//! The crate doc says who knows whom; this holds the code to it.

use std::{collections::BTreeSet, fs, path::Path};

/// What each module may use. Imports run one way: who is used stands above.
const MAY_USE: &[(&str, &[&str])] = &[
    ("message", &[]),
    ("assets", &[]),
    ("shutdown", &[]),
    ("fault", &[]),
    ("metrics", &[]),
    ("limits", &[]),
    ("journal", &["message", "metrics", "fault"]),
    ("hub", &["message"]),
    ("config", &["journal", "limits"]),
    ("telemetry", &["config"]),
    ("view", &["message", "assets"]),
    ("frame", &["message", "journal", "hub", "view"]),
    ("presence", &["message", "hub", "frame", "view"]),
    ("feed", &["message", "journal", "frame", "hub"]),
    ("stream", &["message", "journal", "hub", "frame", "metrics", "shutdown"]),
    (
        "web",
        &[
            "message", "presence", "journal", "hub", "frame", "stream", "view", "assets", "server",
            "shutdown", "config", "limits", "metrics",
        ],
    ),
    ("server", &["metrics", "shutdown"]),
];

fn files(below: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn imports_run_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut seen = BTreeSet::new();
    for path in all {
        let place = path.strip_prefix(&src).unwrap().to_str().unwrap();
        let module = place.split(['/', '.']).next().unwrap();
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let (_, may_use) = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} is not in the table"));
        seen.insert(module.to_owned());
        // Comments may name anything: what counts is code, and `use crate::{a, b::c}` as well.
        let code: String = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for used in code.split("crate::").skip(1) {
            let names: Vec<&str> = if let Some(list) = used.strip_prefix('{') {
                let mut depth = 0;
                let end = list.find(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth < 0
                });
                let mut depth = 0;
                list[..end.unwrap()]
                    .split(|c| {
                        depth += i32::from(c == '{') - i32::from(c == '}');
                        c == ',' && depth == 0
                    })
                    .collect()
            } else {
                vec![used]
            };
            for name in names {
                let name: String =
                    name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !name.is_empty() && name != *module {
                    assert!(may_use.contains(&&*name), "{place} uses {name}");
                }
            }
        }
    }
    let table: BTreeSet<String> = MAY_USE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, table, "the table names every module");
}

#[test]
fn there_is_one_caller_of_publish_and_one_table_of_urls() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    all.retain(|path| !path.ends_with("stream/handover.rs")); // A test, which plays the feed.
    let callers = |needle: &str| -> Vec<String> {
        all.iter()
            .filter(|path| {
                let code = fs::read_to_string(path).unwrap();
                code.split("#[cfg(test)]").next().unwrap().contains(needle)
            })
            .map(|path| path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(callers(".publish("), ["feed.rs"]);
    assert_eq!(callers(".route("), ["web.rs"]);
}

#[test]
fn the_readme_and_the_help_name_the_same_knobs() {
    use clap::CommandFactory as _;
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let in_readme: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `--")).collect();
    let declared = hubbub::config::Config::command();
    let declared: Vec<String> = declared
        .get_arguments()
        .map(|knob| {
            let flag = knob.get_long().expect("a flag");
            let env = knob.get_env().expect("a variable").to_str().unwrap();
            let default = knob.get_default_values()[0].to_str().unwrap();
            format!("| `--{flag}` | `{env}` | `{default}` | {} |", knob.get_help().expect("help"))
        })
        .collect();
    assert_eq!(in_readme, declared);
}

#[test]
fn each_way_to_fail_has_a_test_that_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let table = fs::read_to_string(tests.join("it/main.rs")).unwrap();
    let mut all = Vec::new();
    files(&tests, &mut all);
    let sources = all.iter().filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let code: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut ways = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("//! | ") && line.contains('`')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        ways.insert(cells[1].parse::<u32>().unwrap());
        let name = cells[3].trim_matches('`');
        assert!(code.contains(&format!("fn {name}(")), "{name}");
    }
    assert_eq!(ways, (1..=15).collect());
}

#[test]
fn the_pages_scripts_stay_small() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    for script in ["app.js", "draft.js", "list.js"] {
        let lines = fs::read_to_string(page.join(script)).unwrap().lines().count();
        assert!(lines < 150, "{script}: {lines} lines");
    }
}
