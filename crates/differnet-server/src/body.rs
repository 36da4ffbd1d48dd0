//! Reading a request's body: not too much, not too slowly, and not too many at once.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::limits::Limits;
use crate::problem::Problem;

/// Bytes that memory is counted in.
const UNIT: usize = 1024;
/// Bytes of a refused body that are still read, so that the client gets to see the refusal.
const DRAINED: usize = 64 << 20;
/// Longest that reading them may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// The memory that all bodies share.
#[derive(Debug, Clone)]
pub(crate) struct BodyMemory {
    units: Arc<Semaphore>,
}

/// A body's share of the memory; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    units: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(units)) }
    }

    /// Room for `bytes` in all, if there is any: a body counts the same in however small parts it
    /// arrives.
    fn grow(&self, held: &mut Held, bytes: usize) -> Result<(), Problem> {
        let has = held.units.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let units = u32::try_from(bytes.div_ceil(UNIT).saturating_sub(has)).unwrap_or(u32::MAX);
        let busy = |_| {
            let message = "the server holds as many images as fit into its memory: try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).retry_after(1)
        };
        let more = Arc::clone(&self.units).try_acquire_many_owned(units).map_err(busy)?;
        match &mut held.units {
            Some(units) => units.merge(more),
            None => held.units = Some(more),
        }
        Ok(())
    }
}

/// The body of a request that began at `start`.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limits: &Limits,
    memory: &BodyMemory,
    start: Instant,
) -> Result<(Bytes, Held), Problem> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && encoding.as_bytes() != b"identity"
    {
        let message = "the body is encoded: send images as they are, without Content-Encoding";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.body_bytes as u64) {
        // Who asks before sending has sent nothing.
        let sends = !headers.contains_key(header::EXPECT);
        if sends && length.is_some_and(|length| length <= DRAINED as u64) {
            drain(&mut body).await;
        }
        return Err(too_large(limits));
    }
    let (mut only, mut whole) = (Bytes::new(), Vec::new());
    let (mut held, mut received) = (Held::default(), 0);
    let end = start + limits.body_time;
    loop {
        let frame = timeout_at(end, body.frame()).await.map_err(|_| {
            let message = format!(
                "the body did not arrive within {} seconds: send it faster",
                limits.body_time.as_secs_f64()
            );
            Problem::new(StatusCode::REQUEST_TIMEOUT, message)
        })?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| {
            let message = "the body broke off: send all of it, in the length that was announced";
            Problem::new(StatusCode::BAD_REQUEST, message)
        })?;
        let Ok(part) = frame.into_data() else { continue };
        received += part.len();
        if received > limits.body_bytes {
            drop((only, whole));
            drain(&mut body).await;
            return Err(too_large(limits));
        }
        memory.grow(&mut held, received)?;
        // Parts of one byte each would take far more memory than their bytes, kept one by one.
        if received == part.len() {
            only = part;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut only));
            whole.extend_from_slice(&part);
        }
    }
    Ok((if whole.is_empty() { only } else { whole.into() }, held))
}

fn too_large(limits: &Limits) -> Problem {
    let message = format!("the body has more than {} bytes: send less", limits.body_bytes);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Reads on for a while and forgets what comes: a connection closed before the client has sent
/// everything would often take the answer with it.
async fn drain(body: &mut Body) {
    let (end, mut left) = (Instant::now() + DRAIN_TIME, DRAINED);
    while let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length > left {
            break;
        }
        left -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_and_given_back() {
        let memory = BodyMemory::new(10 * UNIT);
        let (mut first, mut second) = (Held::default(), Held::default());
        assert!(memory.grow(&mut first, 4 * UNIT).is_ok());
        assert!(memory.grow(&mut first, 8 * UNIT + 1).is_ok());
        assert!(memory.grow(&mut second, 2 * UNIT).is_err());
        drop(first);
        assert!(memory.grow(&mut second, 10 * UNIT).is_ok());
    }

    #[test]
    fn a_body_in_very_small_parts_takes_no_more_than_in_one() {
        let (memory, mut held) = (BodyMemory::new(10 * UNIT), Held::default());
        assert!((1..=10 * UNIT).all(|received| memory.grow(&mut held, received).is_ok()));
        assert!(memory.grow(&mut held, 10 * UNIT + 1).is_err());
    }
}
