//! Names that are proven, as people see them.

use thirtyfour::Key;

use crate::{
    access::violations,
    chromium::Chromium,
    post,
    support::{Server, TestApp},
};

#[tokio::test]
async fn a_name_is_joined_with_a_secret_and_its_mark_stands_beside_it_on_every_page() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let none = <[String; 0]>::default();
    let ann = chromium.open().await;
    ann.goto(&app.url("/rooms/lobby")).await;
    let kind = "[secret.type, secret.autocomplete, username.autocomplete].join()";
    assert_eq!(ann.eval::<String>(kind).await, "password,current-password,username");

    ann.element("#username").await.send_keys("ann#s3cret" + Key::Enter).await.unwrap();
    ann.element("#username-problem").await;
    assert_eq!(ann.eval::<String>("username.value").await, "ann");
    assert!(!ann.eval::<bool>("document.documentElement.outerHTML.includes('s3cret')").await);
    assert_eq!(violations(&ann).await, none, "a secret that stood behind the name");

    ann.element("#secret").await.send_keys("a long secret" + Key::Enter).await.unwrap();
    ann.element("#leave").await;
    ann.mark().await;
    ann.caught_up().await;
    let mark: String = ann.eval("document.querySelector('main').dataset.mark").await;
    assert_eq!(mark.len(), 10);
    let bob = chromium.join(&app.url(""), "bob").await;
    ann.say("hi").await;
    bob.shows(&["hi"]).await;
    let own = "document.querySelector('.message').classList.contains('own')";
    assert!(ann.eval::<bool>(own).await && !bob.eval::<bool>(own).await);
    assert_eq!(
        bob.eval::<String>("document.querySelector('.message .mark').textContent").await,
        format!("#{mark}")
    );
    // On the line of the name and behind it, over nothing.
    let beside = "(() => {
        const line = document.querySelector('.message')
        const box = (of) => of.getBoundingClientRect()
        const [name, mark, text] = ['strong', '.mark', 'span'].map((css) => line.querySelector(css))
        const words = document.createRange()
        words.selectNodeContents(name)
        return box(mark).left > box(words).right && box(mark).bottom <= box(text).top + 1
            && box(mark).top >= box(name).top - 1 && box(mark).right <= box(line).right
    })()";
    assert!(bob.eval::<bool>(beside).await);
    assert_eq!(violations(&bob).await, none, "a message with a mark");

    // Somebody without the secret, once she has gone: neither a run of hers nor her own.
    ann.leave().await;
    ann.element("#join").await;
    post(&app, "ann", "me too").await;
    bob.shows(&["hi", "me too"]).await;
    let last = "document.querySelector('#messages > .message:last-child')";
    assert!(bob.eval::<bool>(&format!("!{last}.classList.contains('run')")).await);
    assert!(bob.eval::<bool>(&format!("!{last}.querySelector('.mark')")).await);
    // Of the form that came back, and of nothing else.
    let complaints = chromium.complaints().await;
    assert!(complaints.len() == 1 && complaints[0].contains("/join - "), "{complaints:?}");
}
