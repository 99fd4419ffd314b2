//! The books: what was sent against what each reader has.

use std::collections::{HashMap, HashSet};

use super::people::{REMOVED, Seen, Sent};
use crate::client::Message;

/// Faults of one reader that are told: enough to see their kind, and room for the other readers'.
const MOST: usize = 5;

/// What the readers must have, and may have.
pub struct Books {
    /// By id.
    acknowledged: HashMap<String, String>,
    given_up: HashSet<String>,
    /// Faults that show without any reader.
    faults: Vec<String>,
}

impl Books {
    /// From what the senders did, and the last message of all.
    pub fn new(sent: &[Sent], end: &Message) -> Self {
        let mut faults = Vec::new();
        let mut acknowledged = HashMap::new();
        let all = sent.iter().flat_map(|sent| &sent.acknowledged).chain([end]);
        for Message { id, text, .. } in all {
            if let Some(other) = acknowledged.insert(id.clone(), text.clone()) {
                faults.push(format!("{id} was given to {text:?} and to {other:?}"));
            }
        }
        for (id, text) in sent.iter().flat_map(|sent| &sent.changed) {
            acknowledged.insert(id.clone(), text.clone());
        }
        for (first, again) in sent.iter().flat_map(|sent| &sent.twice) {
            faults.push(format!("one key was answered with {} and with {}", first.id, again.id));
        }
        for two in sent.iter().flat_map(|sent| sent.acknowledged.windows(2)) {
            if two[0].seq >= two[1].seq {
                faults
                    .push(format!("{} was acknowledged before {} was sent", two[0].id, two[1].id));
            }
        }
        let given_up = sent.iter().flat_map(|sent| &sent.given_up).cloned().collect();
        Self { acknowledged, given_up, faults }
    }

    /// How many messages that were given up the readers have.
    pub fn stored_although_given_up(&self, seen: &[Seen]) -> usize {
        let texts: HashSet<&String> = seen.iter().flatten().map(|(_, text)| text).collect();
        self.given_up.iter().filter(|text| texts.contains(text)).count()
    }

    /// Everything that is wrong with what the readers have, in words.
    pub fn faults(&self, seen: &[Seen]) -> Vec<String> {
        let mut faults = self.faults.clone();
        for (reader, seen) in seen.iter().enumerate() {
            let mut found = 0;
            self.judge(seen, &mut |fault| {
                found += 1;
                if found <= MOST {
                    faults.push(format!("reader {reader}: {fault}"));
                }
            });
            if found > MOST {
                faults.push(format!("reader {reader}: {} more", found - MOST));
            }
        }
        for (reader, two) in seen.windows(2).enumerate() {
            if let Some(place) = first_difference(&two[0], &two[1]) {
                faults.push(format!(
                    "readers {reader} and {}: they differ from message {place} on: {:?} and {:?}",
                    reader + 1,
                    two[0].get(place).map(|(id, _)| id),
                    two[1].get(place).map(|(id, _)| id),
                ));
            }
        }
        faults
    }

    fn judge(&self, seen: &Seen, fault: &mut dyn FnMut(String)) {
        let (mut ids, mut texts) = (HashSet::new(), HashSet::new());
        for (id, text) in seen {
            if !ids.insert(id) {
                fault(format!("{id} came twice"));
            } else if !texts.insert(text) && text != REMOVED {
                fault(format!("{:?} came twice, as {id} the second time", short(text)));
            }
            match self.acknowledged.get(id) {
                Some(sent) if sent == text => {}
                Some(sent) => fault(format!("{id} says {text:?} instead of {sent:?}")),
                None if self.given_up.contains(text) => {}
                None => {
                    fault(format!("{id} {:?} was not sent, or not under this id", short(text)));
                }
            }
        }
        let missing = self.acknowledged.iter().filter(|(id, _)| !ids.contains(id));
        let mut missing: Vec<_> = missing.map(|(id, text)| (place(id), id, text)).collect();
        missing.sort_unstable();
        if let [(_, id, text), more @ ..] = &missing[..] {
            let text = short(text);
            let more = more.len();
            fault(format!("{id} {text:?} was acknowledged and is missing, and {more} after it"));
        }
        for two in seen.windows(2) {
            let ((before, _), (after, _)) = (&two[0], &two[1]);
            match (place(before), place(after)) {
                (Some((epoch, seq)), Some(next)) if next.0 == epoch && next.1 > seq => {}
                _ => fault(format!("{after} came after {before}")),
            }
        }
    }
}

/// Enough of a text to know it by: its number comes first.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The epoch and the seq in an id.
fn place(id: &str) -> Option<(&str, u64)> {
    let (epoch, seq) = id.split_once('-')?;
    Some((epoch, seq.parse().ok()?))
}

fn first_difference(one: &Seen, other: &Seen) -> Option<usize> {
    let most = one.len().max(other.len());
    (0..most).find(|place| one.get(*place) != other.get(*place))
}

/// An audit is worth what its judge can see.
mod tests {
    use super::*;

    fn message(seq: u64, text: &str) -> Message {
        Message {
            id: format!("e-{seq}"),
            seq,
            room: "audit".into(),
            name: "ann".into(),
            text: text.into(),
            sent_at: String::new(),
        }
    }

    fn books() -> Books {
        let sent = Sent {
            acknowledged: vec![message(2, "a"), message(4, "b")],
            given_up: vec!["stored".into(), "lost".into()],
            ..Sent::default()
        };
        Books::new(&[sent], &message(5, "end"))
    }

    fn seen(all: &[(&str, &str)]) -> Seen {
        all.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
    }

    const RIGHT: &[(&str, &str)] = &[("e-2", "a"), ("e-3", "stored"), ("e-4", "b"), ("e-5", "end")];

    #[test]
    fn the_audit_passes_what_is_right() {
        assert_eq!(books().faults(&[seen(RIGHT), seen(RIGHT)]), [""; 0]);
        assert_eq!(books().stored_although_given_up(&[seen(RIGHT)]), 1);
    }

    #[test]
    fn the_audit_sees_each_fault() {
        type Spoil = fn(&mut Seen);
        let spoiled: [(&str, Spoil); 8] = [
            ("e-2 came twice", |seen| seen.insert(1, seen[0].clone())),
            ("\"a\" came twice, as e-6", |seen| seen.push(("e-6".into(), "a".into()))),
            ("e-2 \"a\" was acknowledged and is missing", |seen| drop(seen.remove(0))),
            ("e-5 \"end\" was acknowledged and is missing", |seen| drop(seen.pop())),
            ("e-3 came after e-4", |seen| seen.swap(1, 2)),
            ("x-3 came after e-2", |seen| seen[1].0 = "x-3".into()),
            ("e-2 says \"b\" instead of \"a\"", |seen| seen[0].1 = "b".into()),
            ("e-3 \"never sent\" was not sent", |seen| seen[1].1 = "never sent".into()),
        ];
        for (fault, spoil) in spoiled {
            let mut wrong = seen(RIGHT);
            spoil(&mut wrong);
            let found = books().faults(&[seen(RIGHT), wrong]);
            assert!(found.iter().any(|found| found.contains(fault)), "{fault}: {found:?}");
            assert!(found.iter().any(|found| found.contains("they differ from message")));
        }
        // Given up, and stored, and not shown to one of two.
        let mut wrong = seen(RIGHT);
        wrong.remove(1);
        let found = books().faults(&[seen(RIGHT), wrong]);
        assert_eq!(
            found,
            ["readers 0 and 1: they differ from message 1 on: Some(\"e-3\") and Some(\"e-4\")"]
        );
    }

    #[test]
    fn the_audit_sees_what_senders_were_told_wrong() {
        let sent = |acknowledged| Sent { acknowledged, ..Sent::default() };
        let twice = [sent(vec![message(1, "a")]), sent(vec![message(1, "b")])];
        assert_eq!(Books::new(&twice, &message(2, "end")).faults.len(), 1);
        let falling = [sent(vec![message(2, "a"), message(1, "b")])];
        assert_eq!(Books::new(&falling, &message(3, "end")).faults.len(), 1);
        let twice = Sent { twice: vec![(message(1, "a"), message(2, "a"))], ..Sent::default() };
        assert_eq!(Books::new(&[twice], &message(3, "end")).faults.len(), 1);
    }
}
