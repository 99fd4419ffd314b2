//! The writer of a shard: writes what is published to every parked line, a bounded number a turn.

use std::sync::Arc;

use tokio::task::yield_now;

use super::{
    line::Batch,
    pages,
    shard::Shard,
    topic::{Topic, Work},
};

/// Serves `shard` until the topic is closed.
pub(super) async fn run(topic: Arc<Topic>, shard: Arc<Shard>) {
    let lines = topic.shared().lines_per_turn;
    while !topic.is_closed() {
        let position = shard.position();
        let batch = match topic.work(position) {
            Work::Batch(batch) => batch,
            Work::Behind => {
                let reading = topic.pages.after(position, &topic.shared().spawn);
                match pages::read(reading).await {
                    // A gap is told by each reader's own task: nobody is written to here.
                    Ok(page) if page.gap.is_some() => Batch::new(page.upto, page.upto, Vec::new()),
                    Ok(page) => Batch::new(position, page.upto, page.frames()),
                    // Each reader's own task meets the error.
                    Err(_) => {
                        let newest = topic.newest();
                        Batch::new(newest, newest, Vec::new())
                    }
                }
            }
            Work::Idle => {
                shard.news.notified().await;
                continue;
            }
        };
        // Before anybody is written to: who parks from here on stands after it, or is not parked.
        shard.set_position(batch.upto);
        let hold = |seq| topic.shared().past.hold(&topic.room, seq);
        let mut from = 0;
        while let Some(next) = shard.offer(&batch, from, lines, hold) {
            from = next;
            yield_now().await;
        }
        topic.note_served(&batch);
        yield_now().await;
    }
}
