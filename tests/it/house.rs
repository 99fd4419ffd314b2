//! What holds of the code as a whole: who knows whom, what the README says, how long a file is.

mod scan;
mod snippets;

use std::{collections::BTreeSet, fs, path::Path};

use scan::{Crate, Edges};

/// Whom each module of the crate uses. `crate` is `lib.rs`.
const CRATE: Table = &[
    ("acme", &["nats", "server"]),
    (
        "app",
        &[
            "acme", "config", "delivery", "journal", "message", "metrics", "nats", "paths",
            "rooms", "search", "server", "shutdown", "web",
        ],
    ),
    ("assets", &[]),
    ("config", &["journal", "lossy", "nats", "rooms", "server", "web"]),
    ("crate", &["app"]),
    ("delivery", &["fault", "journal", "message", "metrics", "sink", "view"]),
    ("fault", &[]),
    ("internals", &["delivery", "journal", "message", "metrics", "sink"]),
    ("journal", &["fault", "message", "metrics", "nats", "shutdown"]),
    ("lossy", &[]),
    ("message", &[]),
    ("metrics", &["lossy"]),
    ("nats", &[]),
    ("paths", &["message"]),
    ("reload", &[]),
    ("rooms", &["delivery", "journal", "message", "metrics", "nats", "search", "subscriber"]),
    ("search", &["journal", "message"]),
    ("server", &["metrics", "shutdown", "sink", "subscriber"]),
    ("shutdown", &[]),
    ("sink", &[]),
    ("subscriber", &[]),
    ("telemetry", &["config", "lossy"]),
    ("view", &["assets", "message", "paths"]),
    (
        "web",
        &[
            "assets", "delivery", "journal", "message", "metrics", "paths", "rooms", "search",
            "server", "shutdown", "sink", "view",
        ],
    ),
];

/// Whom each module of `web` uses of the others there. `web` is `web.rs`.
const WEB: Table = &[
    (
        "api",
        &[
            "body",
            "cache",
            "claim",
            "error",
            "extract",
            "fields",
            "form",
            "json",
            "listed",
            "named",
            "negotiate",
            "respond",
            "session",
            "state",
            "user",
        ],
    ),
    ("assets", &["error", "negotiate"]),
    ("authorization", &[]),
    ("base", &[]),
    ("body", &["error"]),
    ("cache", &[]),
    ("claim", &["error", "session", "user"]),
    ("client_ip", &[]),
    ("credentials", &["authorization", "error", "operator", "session", "state"]),
    ("error", &["authorization", "json", "negotiate", "request_id", "route"]),
    ("extract", &["client_ip", "credentials", "error", "session", "state", "user"]),
    ("fields", &["error"]),
    ("form", &["body", "error", "fields", "state"]),
    ("host", &[]),
    ("json", &[]),
    ("listed", &["session", "state"]),
    ("named", &["error", "extract", "session", "state", "user"]),
    ("negotiate", &["authorization"]),
    ("operator", &["error", "session", "state"]),
    ("origin", &["host", "state"]),
    (
        "pages",
        &[
            "api",
            "body",
            "cache",
            "claim",
            "credentials",
            "error",
            "extract",
            "fields",
            "form",
            "json",
            "listed",
            "named",
            "negotiate",
            "operator",
            "origin",
            "respond",
            "session",
            "state",
            "user",
        ],
    ),
    ("redirect", &["host"]),
    ("request_id", &[]),
    ("respond", &["error", "extract", "fields", "request_id", "route", "state", "user"]),
    ("route", &[]),
    ("routes", &["api", "assets", "base", "error", "pages", "respond", "route", "state"]),
    ("session", &[]),
    ("state", &["cache", "host", "session"]),
    ("user", &["error", "state"]),
    ("web", &["cache", "host", "redirect", "routes", "session", "state"]),
];

/// A row for each module: who it uses.
type Table = &'static [(&'static str, &'static [&'static str])];

fn source() -> Crate {
    Crate::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn who_uses_whom_is_what_the_table_says() {
    compare("CRATE", CRATE, &source().edges(""));
}

#[test]
fn who_uses_whom_in_web_is_what_the_table_says() {
    compare("WEB", WEB, &source().edges("web"));
}

#[test]
fn imports_run_one_way() {
    assert_eq!(cycle(&source().edges("")), None);
}

#[test]
fn imports_in_web_run_one_way() {
    assert_eq!(cycle(&source().edges("web")), None);
}

/// Fails where the code and a table differ: with what differs, and with the table as it would be.
fn compare(name: &str, table: Table, edges: &Edges) {
    let pairs = |user: &str, used: &str| format!("{user} → {used}");
    let said = table.iter().flat_map(|(user, used)| used.iter().map(|used| pairs(user, used)));
    let said: BTreeSet<String> = said.collect();
    let there = edges.iter().flat_map(|(user, used)| used.iter().map(|used| pairs(user, used)));
    let there: BTreeSet<String> = there.collect();
    let rows = table.iter().map(|(user, _)| *user);
    if there == said && rows.eq(edges.keys().map(String::as_str)) {
        return;
    }
    let mut paste = format!("const {name}: Table = &[\n");
    for (user, used) in edges {
        let used: Vec<_> = used.iter().map(|used| format!("{used:?}")).collect();
        paste += &format!("    ({user:?}, &[{}]),\n", used.join(", "));
    }
    let new: Vec<_> = there.difference(&said).collect();
    let gone: Vec<_> = said.difference(&there).collect();
    panic!("new: {new:?}\ngone: {gone:?}\n\n{paste}];\n");
}

/// Some modules that use each other in a circle, if any do.
fn cycle(edges: &Edges) -> Option<Vec<String>> {
    /// Follows who is used, and gives what comes round again.
    fn follow<'a>(
        edges: &'a Edges,
        at: &'a str,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(place) = way.iter().position(|before| *before == at) {
            return Some(way[place..].iter().map(ToString::to_string).collect());
        }
        if done.contains(at) {
            return None;
        }
        way.push(at);
        let found = edges[at].iter().find_map(|used| follow(edges, used, way, done));
        way.pop();
        done.insert(at);
        found
    }
    let mut done = BTreeSet::new();
    edges.keys().find_map(|start| follow(edges, start, &mut Vec::new(), &mut done))
}

#[test]
fn there_is_one_caller_of_publish_and_one_table_of_urls() {
    // The micro-benchmark plays the feed, and is in no build that serves; a client of NATS calls what
    // it does the same.
    assert_eq!(source().callers("publish"), ["delivery::feed", "internals", "nats::link"]);
    assert_eq!(source().callers("route"), ["web::routes"]);
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

fn files(below: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn each_way_to_fail_has_a_test_that_is_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let table = fs::read_to_string(tests.join("it/main.rs")).unwrap();
    let mut all = Vec::new();
    files(&tests, &mut all);
    files(&tests.with_file_name("src"), &mut all);
    let sources = all.iter().filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let code: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut ways = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("//! | ") && line.contains('`')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        ways.insert(cells[1].parse::<u32>().unwrap());
        let name = cells[3].trim_matches('`');
        assert!(code.contains(&format!("fn {name}(")), "{name}");
    }
    let last = ways.last().copied().expect("a way");
    assert_eq!(ways, (1..=last).collect());
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests", "benches"] {
        let mut all = Vec::new();
        files(&root.join(folder), &mut all);
        for path in all.iter().filter(|path| path.extension().is_some_and(|it| it == "rs")) {
            let lines = fs::read_to_string(path).unwrap().lines().count();
            assert!(lines <= 400, "{}: {lines} lines", path.display());
        }
    }
}

#[test]
fn the_pages_scripts_stay_small() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let places = fs::read_dir(page).unwrap().map(|entry| entry.unwrap().path());
    let scripts = places.filter(|path| path.extension().is_some_and(|it| it == "js"));
    let mut code = 0;
    for path in scripts {
        let script = fs::read_to_string(&path).unwrap();
        let lines = script.lines().count();
        assert!(lines < 150, "{}: {lines} lines", path.display());
        let said = script.lines().map(str::trim);
        code += said.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    }
    assert!(code <= 600, "{code} lines of code in all");
}
