//! Uploads, and the moves between their states.

use super::{LARGE, LATER, MOST, read, write};
use crate::support::app::{START, TestApp};
use weizhan::{
    data,
    model::{
        id::{UploadId, UserId},
        time::Timestamp,
        upload::{Owner, OwnerKind, PictureType, Purpose, Upload, UploadState, Verdict},
    },
};

const OWNER: Owner = Owner::User(UserId(LARGE));

fn pending(id: i64, slot: i64) -> Upload {
    Upload {
        id: UploadId(id),
        owner: OwnerKind::User,
        owner_id: LARGE,
        slot,
        appid: "wx".into(),
        purpose: Purpose::Avatar,
        content_type: PictureType::Webp,
        draft_key: format!("tmp/{id}.webp"),
        object_key: format!("avatar/{id}.webp"),
        thumbnail_key: format!("avatar/{id}-small.jpg"),
        bytes: MOST,
        width: 0,
        height: 0,
        state: UploadState::Pending,
        draft_left: true,
        attached: false,
        verdict: Verdict::Unasked,
        trace_id: String::new(),
        claimed_ms: Timestamp(0),
        expires_ms: LATER,
        created_ms: START,
    }
}

#[tokio::test]
async fn uploads_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let (row, other) = (pending(LARGE, 0), pending(7, 19));
    data::upload::insert(&mut rows, &row).await.unwrap();
    data::upload::insert(&mut rows, &other).await.unwrap();
    rows.commit().await.unwrap();
    let mut rows = write(&app).await;
    assert!(data::upload::insert(&mut rows, &pending(8, 0)).await.is_err(), "a slot holds one");
    drop(rows);
    let mut rows = write(&app).await;
    assert_eq!(data::upload::find(&mut rows, row.id).await.unwrap(), Some(row.clone()));
    assert_eq!(data::upload::find_of(&mut rows, OWNER, row.id).await.unwrap(), Some(row.clone()));
    assert_eq!(data::upload::find_of(&mut rows, Owner::User(UserId(1)), row.id).await.unwrap(), None);
    let mut slots = data::upload::slots(&mut rows, OWNER).await.unwrap();
    slots.sort_unstable();
    assert_eq!(slots, [0, 19]);

    assert!(data::upload::claim(&mut rows, row.id, LATER, START).await.unwrap());
    assert!(!data::upload::claim(&mut rows, row.id, LATER, START).await.unwrap(), "somebody looks at it");
    let claimed = Upload { claimed_ms: LATER, ..row.clone() };
    let kept = Upload {
        slot: LARGE,
        bytes: MOST - 1,
        width: 3,
        height: 4,
        state: UploadState::Ready,
        verdict: Verdict::Waiting,
        ..claimed.clone()
    };
    let stale = Upload { claimed_ms: START, ..kept.clone() };
    assert!(!data::upload::keep(&mut rows, &stale, START).await.unwrap(), "another's claim");
    assert!(data::upload::keep(&mut rows, &kept, START).await.unwrap());
    assert!(!data::upload::refuse(&mut rows, (row.id, LATER), LATER, START).await.unwrap(), "it is kept");
    assert_eq!(data::upload::find_by_key(&mut rows, &row.thumbnail_key).await.unwrap(), Some(kept.clone()));
    assert_eq!(data::upload::find_by_key(&mut rows, &row.object_key).await.unwrap(), Some(kept.clone()));
    assert_eq!(data::upload::usage(&mut rows).await.unwrap(), [(Purpose::Avatar, 1, MOST - 1)]);

    assert!(data::upload::trace(&mut rows, row.id, "trace", START).await.unwrap());
    let traced = Upload { trace_id: "trace".into(), ..kept };
    assert_eq!(data::upload::find_by_trace(&mut rows, "trace").await.unwrap(), Some(traced.clone()));
    assert!(data::upload::judge(&mut rows, &traced, Verdict::Risky, START).await.unwrap());
    assert!(!data::upload::judge(&mut rows, &traced, Verdict::Pass, START).await.unwrap(), "it was judged");
    let risky = Upload { verdict: Verdict::Risky, ..traced };
    assert_eq!(data::upload::list_held(&mut rows, MOST, 9).await.unwrap(), [risky]);
    drop(rows);
    let mut rows = read(&app).await;
    assert_eq!(data::upload::find(&mut rows, row.id).await.unwrap(), Some(row), "nothing was committed");
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn what_is_shown_stays_and_the_rest_is_swept() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let ready = Upload { state: UploadState::Ready, slot: 5, ..pending(5, 5) };
    data::upload::insert(&mut rows, &ready).await.unwrap();
    data::upload::insert(&mut rows, &pending(6, 1)).await.unwrap();
    let (far, much_later) = (Timestamp(MOST), Timestamp(LATER.0 + 9));
    let place = (OWNER, Purpose::Avatar, ready.object_key.as_str());
    assert!(data::upload::attach(&mut rows, place, true, (far, START)).await.unwrap());
    let wrong = (OWNER, Purpose::Refund, ready.object_key.as_str());
    assert!(!data::upload::attach(&mut rows, wrong, true, (far, START)).await.unwrap(), "for another purpose");
    assert!(!data::upload::give_up(&mut rows, ready.id, far, START).await.unwrap(), "something shows it");
    for state in [UploadState::Pending, UploadState::Ready] {
        let gone = data::upload::expire(&mut rows, state, far, much_later).await.unwrap();
        assert_eq!(gone, u64::from(state == UploadState::Pending));
    }
    let swept = data::upload::to_sweep(&mut rows, UploadId(0), START).await.unwrap();
    assert_eq!(swept.iter().map(|row| row.id.0).collect::<Vec<_>>(), [6], "drafts are young");
    let swept = data::upload::to_sweep(&mut rows, UploadId(0), LATER).await.unwrap();
    assert_eq!(swept.iter().map(|row| row.id.0).collect::<Vec<_>>(), [5, 6]);
    data::upload::draft_removed(&mut rows, ready.id, LATER).await.unwrap();
    assert_eq!(data::upload::to_sweep(&mut rows, UploadId(0), LATER).await.unwrap().len(), 1);
    assert!(!data::upload::remove(&mut rows, UploadId(6), much_later).await.unwrap(), "it is looked for until then");
    assert!(!data::upload::remove(&mut rows, ready.id, Timestamp(MOST)).await.unwrap(), "it is not gone");
    let seen = data::upload::find(&mut rows, ready.id).await.unwrap().unwrap();
    assert!(data::upload::block(&mut rows, &seen, START, START).await.unwrap());
    assert!(!data::upload::block(&mut rows, &seen, START, START).await.unwrap(), "once");
    assert!(data::upload::remove(&mut rows, ready.id, LATER).await.unwrap());
    drop(rows);
    app.end().await;
}
