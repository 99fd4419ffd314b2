use tokio::{join, time::Instant};

use super::{super::model, *};
use crate::delivery::model::{Tasks, room};

/// As many as may be on their way to a room's readers.
const UNSERVED: u64 = 128;

fn draft(room: &RoomName, text: &str) -> Draft {
    Draft {
        room: room.clone(),
        name: Name::parse("ann").unwrap(),
        text: Text::parse(text).unwrap(),
        key: Key::fresh(),
        author: None,
    }
}

#[tokio::test]
async fn where_a_rooms_readers_are_behind_a_send_is_refused_and_other_rooms_take_theirs() {
    let (home, tasks) = (tempfile::tempdir().unwrap(), Tasks::default());
    let rooms = model::rooms(home.path(), &tasks);
    let (lobby, hall) = (room(), RoomName::parse("hall").unwrap());
    let caller = Caller::default();
    let _readers = (model::reader(&rooms, &lobby), model::reader(&rooms, &hall));
    let send = async |room: &RoomName, text| rooms.send_as(&caller, None, draft(room, text)).await;

    model::publish(&rooms, 0, UNSERVED);
    assert!(send(&lobby, "at the limit").await.is_ok());
    model::publish(&rooms, UNSERVED, UNSERVED + 1);
    tokio::time::pause();
    let begun = Instant::now();
    assert!(matches!(send(&lobby, "beyond it").await, Err(Refusal::Behind)));
    let waited = begun.elapsed();
    assert!((1000..1010).contains(&waited.as_millis()), "{waited:?}");
    assert!(rooms.hub().wait_until_served(&hall, SERVED_TIMEOUT).await);
    assert_eq!(begun.elapsed(), waited, "another room's does not wait");
    tokio::time::resume();
    assert!(send(&hall, "there").await.is_ok());

    // One that waits goes on once the readers are served.
    let (served, ()) = join!(send(&lobby, "served"), model::serve(&tasks));
    assert!(served.is_ok());
    let kept = rooms.journal().before(&lobby, None, 10).await.unwrap().messages;
    let texts: Vec<_> = kept.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["at the limit", "served"], "what was refused is not stored");
}

#[tokio::test]
async fn where_the_last_reader_leaves_a_send_that_waits_goes_on() {
    let (home, tasks) = (tempfile::tempdir().unwrap(), Tasks::default());
    let rooms = model::rooms(home.path(), &tasks);
    let reader = model::reader(&rooms, &room());
    model::publish(&rooms, 0, UNSERVED + 1);
    let caller = Caller::default();
    let (sent, ()) =
        join!(rooms.send_as(&caller, None, draft(&room(), "hi")), async { drop(reader) });
    assert!(sent.is_ok());
}
