//! Files that interrupted writes left in a store that no egress uses.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use e2e::stack::Stack;
use test_support::wait_until;

/// Older than any write that still goes on.
const AGE: Duration = Duration::from_secs(2 * 3600);

#[tokio::test]
async fn a_worker_deletes_them_from_its_own_store() {
    let folder = tempfile::tempdir().unwrap();
    let [old, young] = ["a/.unfinished-1-2-3", ".unfinished-4-5-6"].map(|name| folder.path().join(name));
    fs::create_dir(folder.path().join("a")).unwrap();
    for (file, modified_at) in [(&old, SystemTime::now() - AGE), (&young, SystemTime::now())] {
        File::create(file).unwrap().set_modified(modified_at).unwrap();
    }
    let mut stack = Stack::builder().workers(0).folder_store().start().await;

    let url = format!("file://{}", folder.path().display());
    stack.add_worker_with(&[("TRACKSCRIBE_STORAGE", &url)]).await;

    wait_until("the old file is gone", Duration::from_secs(20), async || {
        (!old.exists()).then_some(())
    })
    .await;
    assert!(young.exists());
    stack.finish().await;
}
