//! `request.json`: what was asked for, without secrets. `credentials.json`: the secrets of a store that the request
//! brought with it. The file exists only then; the configured store's credentials are read from the configuration.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use domain::{PlatformCaptureId as EgressId, PlatformRoomKey, TrackSid, UnixNanos};
use livekit_protocol::{EgressInfo, egress_info};
use objects::{Credentials, Keys, S3Config, StoreConfig};
use prost::Message;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{Damaged, VERSION, read};
use crate::session::{
    name::NameTemplate,
    spec::{EgressMeta, RecordingSpec, SpecStore},
};

/// The contents of `request.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedRequest {
    version: u32,
    egress_id: EgressId,
    room_sid: PlatformRoomKey,
    room_name: String,
    track_sid: TrackSid,
    retry_count: i32,
    started_at: UnixNanos,
    name: NameTemplate,
    store: SavedStore,
    writes_manifest: bool,
    /// An encoded `EgressInfo` in base64 with nothing but the request. It is sent back with every report.
    message: String,
}

/// Where the recording is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedStore {
    /// In the store of `egress.yaml`.
    Configured,
    /// In a bucket that the request names.
    S3 {
        bucket: String,
        region: String,
        endpoint: Option<String>,
        force_path_style: bool,
    },
}

/// The contents of `credentials.json`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SavedCredentials {
    version: u32,
    access_key: String,
    secret: String,
    session_token: Option<String>,
}

impl SavedRequest {
    pub fn new(spec: &RecordingSpec) -> Self {
        let meta = &spec.meta;
        Self {
            version: VERSION,
            egress_id: meta.egress_id.clone(),
            room_sid: meta.room_sid.clone(),
            room_name: meta.room_name.clone(),
            track_sid: spec.track_sid.clone(),
            retry_count: meta.retry_count,
            started_at: spec.started_at,
            name: spec.name.clone(),
            store: SavedStore::new(&spec.store),
            writes_manifest: spec.writes_manifest,
            message: encode(&meta.request),
        }
    }

    /// Reads the request of a folder. `configured` is the store of `egress.yaml`.
    pub fn restore(
        egress_id: &EgressId,
        request: Value,
        credentials: Option<Value>,
        configured: Option<&StoreConfig>,
    ) -> Result<RecordingSpec, Damaged> {
        let saved: Self = read("request.json", request)?;
        if saved.egress_id != *egress_id {
            return Err(Damaged::OtherEgress(saved.egress_id));
        }
        Ok(RecordingSpec {
            track_sid: saved.track_sid,
            name: saved.name,
            store: saved.store.restore(credentials, configured)?,
            writes_manifest: saved.writes_manifest,
            received: Instant::now(),
            started_at: saved.started_at,
            meta: EgressMeta {
                egress_id: saved.egress_id,
                room_sid: saved.room_sid,
                room_name: saved.room_name,
                retry_count: saved.retry_count,
                request: decode(&saved.message).ok_or(Damaged::Message)?,
            },
        })
    }
}

impl SavedStore {
    fn new(store: &SpecStore) -> Self {
        match store {
            SpecStore::Configured(_) => Self::Configured,
            SpecStore::Own(s3) => Self::S3 {
                bucket: s3.bucket.clone(),
                region: s3.region.clone(),
                endpoint: s3.endpoint.as_ref().map(Url::to_string),
                force_path_style: s3.force_path_style,
            },
        }
    }

    fn restore(self, credentials: Option<Value>, configured: Option<&StoreConfig>) -> Result<SpecStore, Damaged> {
        let Self::S3 {
            bucket,
            region,
            endpoint,
            force_path_style,
        } = self
        else {
            return configured
                .cloned()
                .map(|store| SpecStore::Configured(Box::new(store)))
                .ok_or(Damaged::NoStore);
        };
        let keys: SavedCredentials = read("credentials.json", credentials.ok_or(Damaged::NoCredentials)?)?;
        Ok(SpecStore::Own(Box::new(S3Config {
            bucket,
            region,
            endpoint: endpoint
                .as_deref()
                .map(Url::parse)
                .transpose()
                .map_err(|_| Damaged::Endpoint)?,
            force_path_style,
            credentials: Credentials::fixed(Keys {
                access_key: keys.access_key.into(),
                secret: keys.secret.into(),
                session_token: keys.session_token.map(Into::into),
            }),
            ca_file: None,
            public_url: None,
        })))
    }
}

impl SavedCredentials {
    /// The secrets that the request brought with it, if it did.
    pub fn new(spec: &RecordingSpec) -> Option<Self> {
        let SpecStore::Own(s3) = &spec.store else { return None };
        let keys = s3.credentials.keys()?;
        Some(Self {
            version: VERSION,
            access_key: keys.access_key.expose_secret().to_owned(),
            secret: keys.secret.expose_secret().to_owned(),
            session_token: keys
                .session_token
                .as_ref()
                .map(|token| token.expose_secret().to_owned()),
        })
    }
}

fn encode(request: &egress_info::Request) -> String {
    let info = EgressInfo {
        request: Some(request.clone()),
        ..Default::default()
    };
    BASE64.encode(info.encode_to_vec())
}

fn decode(message: &str) -> Option<egress_info::Request> {
    let bytes = BASE64.decode(message).ok()?;
    EgressInfo::decode(bytes.as_slice()).ok()?.request
}

#[cfg(test)]
mod tests {
    use objects::FolderConfig;
    use serde_json::json;

    use super::*;
    use crate::session::tests::spec;

    fn configured() -> StoreConfig {
        StoreConfig::Folder(FolderConfig {
            root: "/objects".into(),
        })
    }

    fn own_store() -> RecordingSpec {
        let s3 = S3Config {
            bucket: "calls".into(),
            region: "us-east-1".into(),
            credentials: Credentials::fixed(Keys {
                access_key: "GK1".into(),
                secret: "hush".into(),
                session_token: Some("more hush".into()),
            }),
            endpoint: Some("http://127.0.0.1:3900".parse().unwrap()),
            force_path_style: true,
            ca_file: None,
            public_url: None,
        };
        RecordingSpec {
            store: SpecStore::Own(Box::new(s3)),
            ..spec("EG_1")
        }
    }

    fn files(spec: &RecordingSpec) -> (Value, Option<Value>) {
        let credentials = SavedCredentials::new(spec).map(|keys| serde_json::to_value(keys).unwrap());
        (serde_json::to_value(SavedRequest::new(spec)).unwrap(), credentials)
    }

    #[test]
    fn a_request_is_read_back_as_it_was() {
        let spec = spec("EG_1");
        let (request, credentials) = files(&spec);

        let restored = SavedRequest::restore(&"EG_1".into(), request, credentials, Some(&configured())).unwrap();

        assert_eq!(restored.meta, spec.meta);
        assert_eq!((restored.track_sid, restored.name), (spec.track_sid, spec.name));
        assert_eq!(restored.started_at, spec.started_at);
        assert!(matches!(restored.store, SpecStore::Configured(_)));
        assert!(matches!(restored.store.config(), StoreConfig::Folder(_)));
    }

    #[test]
    fn secrets_are_only_in_the_credentials() {
        let (request, credentials) = files(&own_store());

        let restored = SavedRequest::restore(&"EG_1".into(), request.clone(), credentials.clone(), None).unwrap();

        let SpecStore::Own(s3) = restored.store else {
            panic!("not the request's own store")
        };
        let secret = s3.credentials.keys().unwrap().secret.expose_secret();
        assert_eq!((s3.bucket.as_str(), secret), ("calls", "hush"));
        assert!(!request.to_string().contains("hush") && !request.to_string().contains("GK1"));
        assert!(credentials.unwrap().to_string().contains("more hush"));
    }

    #[test]
    fn a_damaged_request_is_refused_with_its_reason() {
        let (request, _) = files(&spec("EG_1"));
        let with = |key: &str, value: Value| {
            let mut request = request.clone();
            request[key] = value;
            request
        };
        let table = [
            (json!(null), "request.json"),
            (json!([1, 2]), "request.json"),
            (json!({"version": 1}), "request.json"),
            (with("version", json!(2)), "version 2"),
            (with("version", json!("1")), "request.json"),
            (with("egress_id", json!("EG_2")), "EG_2"),
            (with("message", json!("not base64!")), "request message"),
            (with("message", json!("")), "request message"),
            (with("name", json!({"path": 3})), "request.json"),
        ];

        for (request, word) in table {
            let damaged = SavedRequest::restore(&"EG_1".into(), request, None, Some(&configured())).unwrap_err();
            assert!(damaged.to_string().contains(word), "{word}: {damaged}");
        }
    }

    #[test]
    fn a_request_whose_store_is_unknown_is_refused() {
        let (request, _) = files(&own_store());
        let (ours, _) = files(&spec("EG_1"));

        let no_keys = SavedRequest::restore(&"EG_1".into(), request, None, Some(&configured())).unwrap_err();
        let no_store = SavedRequest::restore(&"EG_1".into(), ours, None, None).unwrap_err();

        assert!(matches!(no_keys, Damaged::NoCredentials));
        assert!(matches!(no_store, Damaged::NoStore));
    }
}
