//! The audit: who ordered what.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use domain::audit::AuditRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    caller::Admin,
    error::ApiResult,
    list_page::{ListPage, ListQuery, PageRequest},
};
use crate::state::AppState;

/// An order of a person or key. Rows are a chain of hashes: `trackscribe verify audit` finds whatever was changed.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditRow)]
pub struct AuditBody {
    /// Number of the row: 1, 2, 3, … without a gap.
    seq: i64,
    /// When it was ordered.
    at: DateTime<Utc>,
    /// Who: `key:UUID` for an API key, `participant:IDENTITY` for a host of a meeting, `operator` for the command line.
    #[schema(example = "key:01a1ff04-453e-7191-86a9-f9b664cb6d8a")]
    actor: String,
    /// What was ordered. More words may be added.
    #[schema(example = "remove_participant")]
    action: String,
    /// About what.
    #[schema(example = "meeting:01a1ff04-4efb-7457-98ae-c928b24c0642")]
    subject: String,
    /// More about it: depends on `action`.
    #[schema(value_type = Object)]
    details: Value,
    /// Hash of this row and all before it, in hexadecimal digits.
    hash: String,
}

/// List the audit
///
/// Returns what was ordered by people and keys, newest first. Contains what was ordered even if the platform then refused it.
#[utoipa::path(
    get, path = "/v1/audit", operation_id = "list_audit", tag = "audit",
    security(("key" = ["admin"])),
    params(ListQuery),
    responses((status = 200, body = ListPage<AuditBody>, description = "A page of the audit")),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Admin,
    page: PageRequest<i64>,
) -> ApiResult<Json<ListPage<AuditBody>>> {
    let mut conn = app.conn().await?;
    let rows = storage::audit::list(&mut conn, page.after, page.row_limit()).await?;
    Ok(Json(page.page(rows, |row| row.seq, AuditBody::from)))
}

impl From<AuditRow> for AuditBody {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            // Details that somebody has changed need not be JSON any more.
            details: serde_json::from_str(&row.details).unwrap_or(Value::String(row.details)),
            hash: hex::encode(row.hash),
        }
    }
}
