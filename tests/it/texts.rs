//! Failure 13: text becomes markup, a field or a frame. Whatever is accepted shows as itself.

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use crate::{
    client::{Events, Message, Tab, client, text_of},
    support::{Server, TestApp},
};

/// Texts that somebody tries, and any others.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("<script>alert(1)</script>".to_owned()),
        Just("</span></p><p id=\"m1\" class=\"message\">".to_owned()),
        Just("<img src=x onerror=alert(1)>".to_owned()),
        Just("&lt;&amp;&#60;&quot;".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\0".to_owned()),
        Just("\n\nid: x-1\nevent: Gap\ndata: y\n\n".to_owned()),
        Just("\u{202e}evil\u{2066}".to_owned()),
        Just("\u{2028}\u{2029}\u{85}".to_owned()),
        Just("👩‍👩‍👧‍👦🏳️‍🌈".to_owned()),
        Just("' \" ` \\ %00 %0a +".to_owned()),
        Just("https://a.example/?q=<b>&x=\"y\"".to_owned()),
        "\\PC{1,20}",
        "(?s).{1,20}",
    ];
    prop::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_shows_as_itself_or_is_refused_whole() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let mut events = Events::open(&app, "/rooms/lobby/events", None).await;
    let mut runner = TestRunner::default();
    let (mut taken, mut refused) = (0, 0);
    while taken < 300 || refused < 20 {
        let text = hostile().new_tree(&mut runner).unwrap().current();
        let folded = text.replace("\r\n", "\n");
        let parts = folded.trim_end().split('\n').skip_while(|line| line.trim().is_empty());
        let expected = parts.collect::<Vec<_>>().join("\n");
        let is_refused = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        let acceptable = !expected.is_empty() && !expected.contains(is_refused);
        if acceptable && !expected.contains(char::is_alphanumeric) {
            continue; // Whether anything of it can be seen is a question of its own.
        }
        let url = app.url("/rooms/lobby/messages");
        let form = [("username", "<b>&ann"), ("text", &text)];
        let answer = client().post(url).form(&form).send().await.unwrap();
        if !acceptable {
            assert_eq!(answer.status(), 422, "{text:?}");
            refused += 1;
            continue;
        }
        assert_eq!(answer.status(), 201, "{text:?}");
        taken += 1;
        let message: Message = answer.json().await.unwrap();
        assert_eq!(message.text, expected);
        let event = events.next().await.expect("the stream goes on");
        assert_eq!(event.event.as_deref(), Some("NewMessage"), "{text:?}");
        assert_eq!(event.id.as_deref(), Some(&*message.id));
        let fragment = event.data.unwrap();
        assert_eq!(text_of(&fragment), expected);
        assert!(fragment.contains("<strong>&lt;b&gt;&amp;ann:</strong>"));
        let links = 2 * fragment.matches("<a href=").count();
        let tags = fragment.matches('<').count() - links;
        // A long text has a button, which is a box to tick and its label.
        let fold = if fragment.contains(" data-long>") { 3 } else { 0 };
        // Code is wrapped, and so are the two marks around it.
        let code = 6 * fragment.matches("<code ").count();
        assert_eq!(tags, 8 + fold + code, "the tags of the fragment: {fragment}");
        if taken % 25 == 0 {
            assert!(tab.page().await.contains(&fragment), "the same bytes on the page");
        }
    }
}
