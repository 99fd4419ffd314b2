//! Whose the files are, and which of them is at fault.

use super::*;
use crate::support::until;

#[test]
fn what_lies_where_the_secret_is_made_is_replaced_and_neither_owned_nor_followed() {
    use std::os::unix::fs::MetadataExt as _;

    let home = tempfile::tempdir().unwrap();
    let (secret, draft) =
        (home.path().join("hubbub.db.secret"), home.path().join("hubbub.db.secret.new"));
    let elsewhere = home.path().join("elsewhere");
    let plant = |linked: bool| {
        if linked {
            fs::write(&elsewhere, "not yours").unwrap();
            std::os::unix::fs::symlink(&elsewhere, &draft).unwrap();
        } else {
            fs::write(&draft, "planted").unwrap();
            fs::set_permissions(&draft, fs::Permissions::from_mode(0o666)).unwrap();
        }
    };
    let home = std::sync::Arc::new(home);
    for linked in [false, true] {
        plant(linked);
        let planted = fs::File::open(&draft).unwrap(); // Held, so that its number stays its own.
        let app = App::over(std::sync::Arc::clone(&home), &[]);
        let made = fs::symlink_metadata(&secret).unwrap();
        assert!(
            made.is_file() && made.ino() != planted.metadata().unwrap().ino(),
            "it is a file of its own"
        );
        assert_eq!((made.mode() & 0o777, made.len()), (0o600, 64));
        assert!(!draft.exists());
        drop(app);
        fs::remove_file(&secret).unwrap();
    }
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "not yours");
}

#[test]
fn a_secret_that_others_can_read_is_closed_to_them_and_the_log_says_so() {
    let mut app = App::start();
    let secret = app.data().with_extension("db.secret");
    let before = fs::read(&secret).unwrap();
    assert!(app.stop().success());
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    app.start_again();
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&secret).unwrap(), before);
    let log = app.log();
    assert!(log.contains("hubbub.db.secret") && log.contains("mode 644"), "{log}");
}

#[tokio::test]
async fn the_journal_and_what_lies_beside_it_are_for_nobody_else_whatever_the_umask() {
    let app = App::under("umask 000", &[]);
    send(&app, "lobby", "ann", "hi").await;
    let home = app.data().parent().unwrap().to_owned();
    let mut seen = Vec::new();
    for file in fs::read_dir(home).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.starts_with("hubbub.db") {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
            seen.push(name);
        }
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[test]
fn the_line_of_a_start_that_fails_names_the_file_at_fault_and_says_what_it_is() {
    let pipe = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let ours = ["", ".lock", "-wal", "-shm", "-journal"];
    for (ending, with_data) in ours.iter().flat_map(|ending| [(*ending, false), (*ending, true)]) {
        for what in ["directory", "pipe", "symbolic link"] {
            let home = if with_data {
                App::start().home() // It is killed.
            } else {
                tempfile::tempdir().unwrap().into()
            };
            let file = format!("hubbub.db{ending}");
            let path = home.path().join(&file);
            let _ = fs::remove_file(&path);
            match what {
                "pipe" => pipe(&path),
                "directory" => fs::create_dir_all(path.join("a directory")).unwrap(),
                // The data may be reached by one, and what is locked.
                _ if !ending.starts_with('-') => continue,
                _ => std::os::unix::fs::symlink("nowhere", &path).unwrap(),
            }
            let before = names(home.path());
            let said = refused(&mut hubbub(home.path(), "127.0.0.1:0"));
            let right = format!("/{file}: this is a {what}, and no file");
            assert!(said.contains("--data") && said.contains(&right), "{file}: {said}");
            assert_eq!(names(home.path()), before, "{file} as a {what}");
        }
    }
    for file in ["hubbub.db.secret", "hubbub.db.secret.new"] {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(file).join("a directory")).unwrap();
        let said = refused(&mut hubbub(home.path(), "127.0.0.1:0"));
        assert!(said.contains("--data") && said.contains(&format!("/{file}:")), "{file}: {said}");
    }
}

#[test]
fn a_journal_that_everybody_can_read_is_closed_to_them_and_one_of_a_group_is_not() {
    let mut app = App::start();
    for (mode, becomes) in [(0o644, 0o600), (0o666, 0o600), (0o640, 0o640)] {
        assert!(app.stop().success());
        fs::set_permissions(app.data(), fs::Permissions::from_mode(mode)).unwrap();
        app.start_again();
        let wal = app.data().with_extension("db-wal");
        for file in [app.data(), wal] {
            let now = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(now, becomes, "{mode:o}: {}", file.display());
        }
        assert_eq!(app.log().contains(&format!("(mode {mode:o})")), mode != becomes, "{mode:o}");
    }
}

#[test]
fn a_pipe_in_the_place_of_the_secret_is_refused_and_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("hubbub.db.secret");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = refused(&mut hubbub(home.path(), "127.0.0.1:0"));
    assert!(said.contains("hubbub.db.secret: this is not a hubbub secret"), "{said}");
}

#[tokio::test]
async fn a_secret_that_is_removed_or_replaced_or_made_anew_beside_data_is_told_of() {
    let says = async |app: &App, count: usize, words: &str| {
        until(words, async || (app.log().matches(words).count() == count).then_some(())).await;
    };
    let mut app = App::start();
    send(&app, "lobby", "ann", "hi").await;
    let (secret, away) =
        (app.data().with_extension("db.secret"), app.data().with_extension("db.away"));
    assert!(!app.log().contains("WARN"), "a new one beside new data is as it should be");
    fs::rename(&secret, &away).unwrap();
    says(&app, 1, "secret was removed or replaced").await;
    fs::copy(&away, &secret).unwrap();
    says(&app, 1, "secret is as it was again").await;
    fs::write(&secret, [7; 64]).unwrap();
    says(&app, 2, "secret was removed or replaced").await;
    fs::remove_file(&secret).unwrap();
    assert!(app.stop().success());
    app.start_again();
    says(&app, 1, "so a new one was made").await;
    assert!(app.stop().success());
    app.start_again();
    says(&app, 1, "so a new one was made").await;
    says(&app, 2, "secret was removed or replaced").await;
}
