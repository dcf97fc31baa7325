//! The lake, in a bucket as in a folder.

use super::House;
use std::io::Write as _;
use weizhan::{
    model::time::Day,
    storage::{Area, Published, Storage},
};

const DAY: Day = Day(20_261_123);

/// What is put on a thread that may wait, as the export does it.
async fn publish(storage: &Storage, bytes: Vec<u8>) -> Result<Published, weizhan::storage::Error> {
    let lake = storage.lake();
    let put = tokio::task::spawn_blocking(move || {
        let table = lake.open("events")?;
        let mut draft = table.draft(DAY)?;
        draft.write_all(&bytes).unwrap();
        let published = table.publish(draft, 1, true)?.1;
        let found = table.find(DAY)?.expect("it was published");
        assert_eq!(found.bytes, bytes.len() as u64);
        Ok(published)
    });
    put.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_in_the_bucket_when_its_manifest_is() {
    use weizhan::simulator::{CosFault, CosOperation, CosTrouble};
    let house = House::in_bucket().await;
    let simulator = &house.bucket.as_ref().unwrap().cos;
    let names = || house.objects().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let both = [".lake/events/day=2026-11-23/part-0000.parquet", ".lake/manifests/events/2026-11-23.json"];
    let bytes = super::noise(20_000_000);
    assert_eq!(publish(&house.storage, bytes.clone()).await.unwrap(), Published::Written);
    assert_eq!(names(), both);
    assert_eq!(publish(&house.storage, bytes.clone()).await.unwrap(), Published::Unchanged);
    // Its file cannot be put: the day is not whole, and no draft stays.
    let trouble = CosTrouble::Refuse { status: 403, code: "AccessDenied".to_owned() };
    let (operation, prefix) = (Some(CosOperation::PutObject), ".lake/events/".to_owned());
    simulator.set_faults(vec![CosFault { operation, prefix, count: 1, trouble }]);
    assert!(publish(&house.storage, b"another".to_vec()).await.is_err());
    assert_eq!(names(), both[..1]);
    assert_eq!(publish(&house.storage, b"another".to_vec()).await.unwrap(), Published::Written);
    assert_eq!((names().len(), simulator.uploads()), (2, 0));
    // Of objects it is none, and no name that a request says leads there.
    assert!(house.storage.list("").await.unwrap().is_empty());
    assert_eq!(house.storage.list(Area::Lake.prefix()).await.unwrap().len(), 2);
    let folder = house.folder.path().join(".lake/events");
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"]);
    assert!(house.storage.lake().place("events").contains("of the bucket"));
}
