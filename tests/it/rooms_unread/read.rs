//! What is read in one tab is read in the others of its browser.

use super::{list, naming, of, page, stream, tells, unread};
use crate::{
    client::send,
    support::{TestApp, browser::Browser},
};

#[tokio::test]
async fn what_another_tab_says_to_have_read_is_read_on_a_stream_that_was_open_before() {
    let app = TestApp::start();
    let mut browser = Browser::of(&app);
    let attic = browser.join("attic", "Ben").await;
    page(&mut browser, &attic).await;
    let at = browser.join("lobby", "Ben").await;
    let before = send(&app, "attic", "ann", "one").await;
    let shown = page(&mut browser, &at).await;
    let mut events = stream(&browser, &shown).await;
    tells(&mut events, [of("attic", 1)]).await;
    let second = send(&app, "attic", "ann", "@ben").await;
    let third = send(&app, "attic", "ann", "three").await;
    tells(&mut events, [naming("attic", 3, 1)]).await;
    // As far as the other page was shown.
    let mut read = async |id: &str| {
        let path = format!("{attic}/seen");
        assert_eq!(browser.post(&path, &[("id", id)]).await.status(), 204);
    };
    read(&before.id).await;
    assert_eq!(unread(&mut events).await, naming("attic", 2, 1));
    read(&third.id).await;
    assert_eq!(unread(&mut events).await, of("attic", 0));
    send(&app, "attic", "ann", "four").await;
    assert_eq!(unread(&mut events).await, of("attic", 1));
    // What was said before says nothing new.
    read(&second.id).await;
    send(&app, "attic", "ann", "@ben").await;
    assert_eq!(unread(&mut events).await, naming("attic", 2, 1));
    // The page says the same, also to who comes with a cookie from before.
    assert_eq!(list(&page(&mut browser, &at).await)[0].1, "2 unread, @1");
}
