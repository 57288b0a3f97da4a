//! A caller of LiveKit's API names its own bucket and credentials in the request.

use std::time::Duration;

use domain::manifest::Manifest;
use e2e::stack::Stack;
use livekit_api::services::egress::{EgressListFilter, EgressListOptions, TrackEgressOutput};
use livekit_protocol::{DirectFileOutput, EgressStatus, direct_file_output::Output, egress_info::Request};
use reqwest::Method;
use serde_json::json;
use test_support::{
    Store,
    audio::{Chirp, RecordedFile},
    wait_until,
};

/// Longest time from one state of the egress to the next. The last state follows the upload.
const STATE_TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_request_with_its_own_bucket_is_stored_there_and_its_credentials_are_redacted() {
    let stack = Stack::builder().folder_store().start().await;
    let bucket = Store::bucket().await;
    stack.api().create_room("standup").await;
    let off = Some(json!({ "recording": "off" }));
    stack.api().send(Method::PATCH, "/v1/rooms/standup", off).await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let file = DirectFileOutput {
        filepath: "calls/{room_name}/{track_id}.ogg".to_owned(),
        output: Some(Output::S3(bucket.s3_upload())),
        ..Default::default()
    };

    let output = TrackEgressOutput::File(Box::new(file));
    let egress = stack.livekit.egress();
    let started = egress
        .start_track_egress("standup", output, microphone.sid())
        .await
        .unwrap();
    let reaches = async |status: EgressStatus| {
        let filter = EgressListFilter::Egress(started.egress_id.clone());
        let options = EgressListOptions {
            filter,
            ..Default::default()
        };
        wait_until(status.as_str_name(), STATE_TIMEOUT, async || {
            let info = egress.list_egress(options.clone()).await.unwrap().remove(0);
            (info.status() == status).then_some(info)
        })
        .await
    };
    reaches(EgressStatus::EgressActive).await;
    let chirp = Chirp::default();
    microphone.play(&chirp.at(&[0, 24_000], 48_000)).await;
    let key = format!("calls/standup/{}.ogg", microphone.sid());
    ada.leave().await;
    let ended = reaches(EgressStatus::EgressComplete).await;

    let audio = bucket.read(&key).await;
    assert_eq!(chirp.find(&RecordedFile::open(&audio).samples).len(), 2);
    let manifest = Manifest::from_json(&bucket.read(&key.replace(".ogg", ".json")).await).unwrap();
    assert_eq!(manifest.trackscribe.size_bytes, audio.len() as u64);
    assert_eq!(
        (ended.file_results[0].filename.as_str(), ended.file_results[0].size),
        (key.as_str(), audio.len() as i64)
    );
    let Some(Request::Track(track)) = ended.request else {
        panic!("the egress repeats its request")
    };
    let shown = format!("{track:?}");
    assert!(
        !shown.contains(&bucket.s3_upload().secret) && shown.contains("{secret}"),
        "{shown}"
    );
    stack.finish().await;
}
