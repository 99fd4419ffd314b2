//! The end of the writing thread by a panic. A fault is the process's: the case runs in one of its
//! own.

use super::*;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the next test runs it, with a fault"]
async fn with_a_fault() {
    let home = tempdir().unwrap();
    let journal = sqlite(home.path(), ALL);
    send(&journal, "lobby", "1").await;
    assert!(journal.ready() && !journal.is_closed());
    let ended = tokio::spawn({
        let journal = journal.clone();
        async move { journal.ended().await }
    });
    let why = journal.append(draft("lobby", "2", "2")).await.unwrap_err();
    assert!(matches!(why, AppendError::Closed), "not known to be stored: {why}");
    assert!(!journal.ready(), "at once");
    soon("the end", ended).await.unwrap();
    assert!(journal.is_closed());
    assert_eq!(kept(&journal, "lobby").await, ["1", "2"], "reading goes on");
    journal.close().await;
    let again = sqlite(home.path(), ALL).append(draft("lobby", "2", "2")).await;
    assert!(!again.unwrap().fresh, "its key tells that it was stored");
}

#[test]
fn a_writer_that_panics_is_not_ready_and_has_ended() {
    let tests = std::env::current_exe().unwrap();
    let output = std::process::Command::new(tests)
        .args(["--ignored", "--exact", "journal::tests::fault::with_a_fault"])
        .env("HUBBUB_FAULT", "journal:2")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_closed_has_ended() {
    let home = tempdir().unwrap();
    let journal = sqlite(home.path(), ALL);
    journal.close().await;
    soon("the end", journal.ended()).await;
    assert!(!journal.ready());
}
