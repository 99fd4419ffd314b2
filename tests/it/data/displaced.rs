//! What other programs do to the files while they are in use.

use super::*;

fn beside(app: &App, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", app.data().display()))
}

/// Runs a statement on the data, as `sqlite3` would.
fn sqlite(app: &App, statement: &str) {
    rusqlite::Connection::open(app.data()).unwrap().execute_batch(statement).unwrap();
}

/// It takes no sends, says why in one line, stops, and serves these after a restart, in a new epoch.
async fn refuses_and_comes_back_with(app: &mut App, epoch: &str, left: std::ops::Range<usize>) {
    let form = [("username", "ann"), ("text", "lost?"), ("key", "once")];
    assert_eq!(post(app, "lobby", &form).await.status(), 503);
    assert!(app.stop().success());
    let log = app.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(lines.len() == 1 && lines[0].contains("wrote over the data file or its log"), "{log}");
    app.start_again();
    assert_eq!(texts(app).await, numbers(left));
    let sent = send(app, "lobby", "ann", "after").await;
    assert_ne!(sent.id.split('-').next().unwrap(), epoch, "a new epoch");
    becomes(app, 200).await;
}

/// What is done to a log; the other is of a time before.
type Change = fn(&mut Vec<u8>, &[u8]);

#[tokio::test]
async fn a_log_that_is_cut_off_or_written_over_takes_no_sends_and_spoils_no_data() {
    // Whether there was a checkpoint, what is done to the log, and what a restart can have.
    let ways: [(&str, bool, Change, usize); 6] = [
        ("cut off", false, |log, _| log.clear(), 0),
        ("cut off after a checkpoint", true, |log, _| log.clear(), 10),
        ("cut off in part", true, |log, _| log.truncate(log.len() - 5000), 19),
        ("cut off by a byte", true, |log, _| log.truncate(log.len() - 1), 19),
        ("written over", true, |log, _| log.fill(7), 10),
        ("an older one", true, |log, older| *log = older.to_owned(), 15),
    ];
    for (way, checkpoint, change, left) in ways {
        let mut app = App::start();
        let epoch = send(&app, "hall", "ann", "first").await.id;
        let epoch = epoch.split('-').next().unwrap();
        fill(&app, 0..10).await;
        if checkpoint {
            sqlite(&app, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
        fill(&app, 10..15).await;
        let older = fs::read(beside(&app, "-wal")).unwrap();
        fill(&app, 15..20).await;
        assert_eq!(status(&app, "/readyz").await, 200, "{way}");
        let mut log = fs::read(beside(&app, "-wal")).unwrap();
        change(&mut log, &older);
        fs::write(beside(&app, "-wal"), log).unwrap();
        if way == "cut off" {
            // Before anybody had a look.
            let form = [("username", "ann"), ("text", "lost?"), ("key", "once")];
            assert_eq!(post(&app, "lobby", &form).await.status(), 503);
        }
        becomes(&app, 503).await;
        refuses_and_comes_back_with(&mut app, epoch, 0..left).await;
    }
}

#[tokio::test]
async fn an_older_copy_of_the_file_is_noticed_also_where_others_fold_its_log() {
    for looked_between in [false, true] {
        let mut app = App::start();
        // What it notes of the file changes when it has looked at it.
        let noted = || fs::read(beside(&app, ".lock")).unwrap()[64..].to_owned();
        let fold = async || {
            let before = noted();
            sqlite(&app, "PRAGMA wal_checkpoint(TRUNCATE)");
            if looked_between {
                until("it has looked", async || (noted() != before).then_some(())).await;
            }
        };
        fill(&app, 0..4).await;
        let id = send(&app, "lobby", "ann", "4").await.id;
        fold().await;
        let copy = app.home().path().join("copy.db");
        fs::copy(app.data(), &copy).unwrap();
        fill(&app, 5..10).await;
        fold().await;
        assert_eq!(status(&app, "/readyz").await, 200);
        fs::copy(&copy, app.data()).unwrap();
        becomes(&app, 503).await;
        refuses_and_comes_back_with(&mut app, id.split('-').next().unwrap(), 0..5).await;
    }
}

#[tokio::test]
async fn others_may_fold_the_log_and_write_as_much_as_they_like() {
    let app = App::start();
    for round in 0..12 {
        fill(&app, round * 5..round * 5 + 5).await;
        let mode = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][round % 4];
        sqlite(&app, &format!("PRAGMA wal_checkpoint({mode})"));
        if round % 3 == 0 {
            sqlite(&app, "UPDATE rooms SET sent = sent");
        }
        if round == 6 {
            sqlite(&app, "VACUUM");
        }
        assert_eq!(status(&app, "/readyz").await, 200);
    }
    assert_eq!(texts(&app).await, numbers(0..60));
    assert!(!app.log().contains("ERROR"), "{}", app.log());
}
