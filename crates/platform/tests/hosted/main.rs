//! Tests of Daily and Whereby against fakes of their APIs.

#[cfg(test)]
mod daily_adapter;
#[cfg(test)]
mod daily_api;
#[cfg(test)]
mod daily_failures;
#[cfg(test)]
mod daily_recordings;
#[cfg(test)]
mod daily_webhooks;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod whereby_adapter;
#[cfg(test)]
mod whereby_api;
#[cfg(test)]
mod whereby_webhooks;
