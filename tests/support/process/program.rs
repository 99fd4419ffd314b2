//! Programs that some tests need, and not every machine has.

use std::{env, io::Write as _, path::PathBuf};

/// A program on PATH, or where Debian puts it, which is no part of everybody's PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/bin".into(), "/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|place| place.is_file())
}

/// Says on stderr that this test does not run, and why; where the variable says `required`, fails
/// it instead.
pub fn not_run(why: &str, variable: &str) {
    let required = env::var(variable).as_deref() == Ok("required");
    assert!(!required, "{why}, and {variable}=required");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln!`, which the test harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {why}");
}
