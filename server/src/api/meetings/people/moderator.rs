//! Who may see and control the people in a meeting: a key, or a host of the meeting.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use domain::{MeetingId, audit::Actor, participant::Role};
use secrecy::ExposeSecret;

use super::{ControlledMeeting, MeetingPath};
use crate::{
    api::{
        caller::{authorize, bearer_with},
        error::{ApiError, ApiResult},
    },
    keys::Scope,
    state::AppState,
    tokens::{ParticipantClaims, TokenKind},
};

/// Extractor: a caller who may control the meeting in the path: a key with the scope `write`, or a host with their
/// participant token. Whether the meeting exists, and is the host's, is found by [`Moderator::find`], after the body was
/// read.
pub struct Moderator {
    id: MeetingId,
    caller: Caller,
}

/// As [`Moderator`], but for a key the scope `read` is enough.
pub struct Observer(pub Moderator);

enum Caller {
    Key(Actor),
    Host(ParticipantClaims),
}

impl FromRequestParts<AppState> for Moderator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        Self::extract(Scope::Write, parts, app).await
    }
}

impl FromRequestParts<AppState> for Observer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        Moderator::extract(Scope::Read, parts, app).await.map(Self)
    }
}

impl Moderator {
    /// Loads the meeting.
    ///
    /// # Errors
    /// 404 also for a host of another meeting, and for one who was removed.
    pub async fn find(self, app: &AppState) -> ApiResult<ControlledMeeting> {
        let found = ControlledMeeting::load(self.id, app).await?;
        match self.caller {
            Caller::Key(actor) => Ok(found.by(actor)),
            Caller::Host(claims) if found.is_of(&claims) => Ok(found.by(Actor::Participant(claims.identity))),
            Caller::Host(_) => Err(ApiError::NotFound("meeting")),
        }
    }

    /// As [`Moderator::find`], for commands that need an open meeting.
    pub async fn find_open(self, app: &AppState) -> ApiResult<ControlledMeeting> {
        let found = self.find(app).await?;
        match found.meeting.is_open() {
            true => Ok(found),
            false => Err(ApiError::MeetingOver),
        }
    }

    /// The caller is checked before the path, so that strangers learn nothing about meetings.
    async fn extract(scope: Scope, parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        let caller = match host_claims(&parts.headers, app)? {
            Some(claims) => Caller::Host(claims),
            None => Caller::Key(authorize(scope, parts, app).await?),
        };
        let MeetingPath(id) = MeetingPath::from_request_parts(parts, app).await?;
        Ok(Self { id, caller })
    }
}

/// Returns the claims of a host's token, or `None` if the caller sends a key.
///
/// # Errors
/// [`ApiError::InvalidToken`] for a token that is not valid, [`ApiError::NotHost`] for somebody else's.
fn host_claims(headers: &HeaderMap, app: &AppState) -> ApiResult<Option<ParticipantClaims>> {
    let Some(sent) = bearer_with(headers, TokenKind::Participant.prefix()) else {
        return Ok(None);
    };
    let claims = ParticipantClaims::verify(&app.signer, sent.expose_secret(), (app.clock)());
    match claims.ok_or(ApiError::InvalidToken)? {
        host if host.role == Role::Host => Ok(Some(host)),
        _ => Err(ApiError::NotHost),
    }
}
