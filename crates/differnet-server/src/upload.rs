//! The images of a request: the body itself, or the parts of a multipart body.

use std::convert::Infallible;
use std::path::PathBuf;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use differnet_data::ImageError;
use futures_util::stream;
use multer::Multipart;

use crate::limits::Limits;
use crate::problem::Problem;

/// Longest name of an image, characters.
const LONGEST_NAME: usize = 255;
/// Name given to an image that has none.
const UNNAMED: &str = "image";

/// The images of a request.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) images: Vec<UploadedImage>,
    pub(crate) form: Form,
}

/// Form in which images were sent, and in which they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One as the body: an object.
    Single,
    /// Any number as parts: an array.
    Several,
}

/// An image, and whether its header promises one that can be used.
#[derive(Debug)]
pub(crate) struct UploadedImage {
    pub(crate) name: PathBuf,
    pub(crate) bytes: Bytes,
    pub(crate) usable: Result<(), ImageError>,
}

/// The images in `body`; one that is the body itself is called `name`.
pub(crate) async fn images(
    headers: &HeaderMap,
    body: Bytes,
    name: Option<&str>,
    limits: &Limits,
) -> Result<Upload, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str());
    let media_type = media_type.transpose().map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "the Content-Type is not plain ASCII")
    })?;
    let kind = media_type.unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let parts = match kind.as_str() {
        "multipart/form-data" => several(media_type.unwrap_or_default(), body, limits).await?,
        kind if kind.starts_with("multipart/")
            || kind.starts_with("text/")
            || kind == "application/json" =>
        {
            let message = format!(
                "{kind} is no image: send the file's bytes as the body, or as multipart/form-data"
            );
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        // Whatever else a client says, the bytes tell what they are.
        _ => {
            if body.is_empty() {
                let message = "the body is empty: send an image";
                return Err(Problem::new(StatusCode::BAD_REQUEST, message));
            }
            let images = vec![(image_name(name), body)];
            return Ok(Upload { images: checked(images, limits).await?, form: Form::Single });
        }
    };
    Ok(Upload { images: checked(parts, limits).await?, form: Form::Several })
}

/// The parts of a multipart body.
async fn several(
    media_type: &str,
    body: Bytes,
    limits: &Limits,
) -> Result<Vec<(PathBuf, Bytes)>, Problem> {
    let bad = |message: String| Problem::new(StatusCode::BAD_REQUEST, message);
    let boundary = multer::parse_boundary(media_type)
        .map_err(|_| bad("the Content-Type names no boundary of the parts".to_owned()))?;
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let mut multipart = Multipart::new(body, boundary);
    let damaged = |error: multer::Error| bad(format!("the multipart body is damaged: {error}"));
    let mut images = Vec::new();
    while let Some(part) = multipart.next_field().await.map_err(damaged)? {
        if images.len() == limits.queue {
            let message = format!("more than {} images in one request: send fewer", limits.queue);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        let name = image_name(part.file_name().or(part.name()));
        images.push((name, part.bytes().await.map_err(damaged)?));
    }
    if images.is_empty() {
        return Err(bad("the multipart body has no parts: send at least one image".to_owned()));
    }
    Ok(images)
}

/// Returns the name of an image: the client's word for it, on one line. Nothing is ever opened by it.
fn image_name(given: Option<&str>) -> PathBuf {
    let given = given.filter(|name| !name.is_empty()).unwrap_or(UNNAMED);
    let plain = given.chars().take(LONGEST_NAME);
    plain.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>().into()
}

/// Looks at every header before anything is queued, so that an image that claims too many pixels
/// costs nothing.
async fn checked(
    images: Vec<(PathBuf, Bytes)>,
    limits: &Limits,
) -> Result<Vec<UploadedImage>, Problem> {
    let limits = limits.decoding();
    let check = move || {
        let check = |(name, bytes): (PathBuf, Bytes)| {
            let usable = limits.size_of_bytes(&bytes, &name).map(|_| ());
            UploadedImage { name, bytes, usable }
        };
        images.into_iter().map(check).collect()
    };
    tokio::task::spawn_blocking(check).await.map_err(|_| Problem::fault())
}

/// The status for one image that cannot be used.
pub(crate) fn status_of(error: &ImageError) -> StatusCode {
    match error {
        ImageError::NotAnImage { .. }
        | ImageError::UnsupportedFormat { .. }
        | ImageError::UnsupportedVariant { .. }
        | ImageError::UnsupportedPixels { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ImageError::Empty { .. } => StatusCode::BAD_REQUEST,
        ImageError::FileTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_of_the_client_on_one_line() {
        assert_eq!(image_name(None), PathBuf::from("image"));
        assert_eq!(image_name(Some("")), PathBuf::from("image"));
        assert_eq!(image_name(Some("../../etc/passwd")), PathBuf::from("../../etc/passwd"));
        assert_eq!(image_name(Some("a\r\nb\0")), PathBuf::from("a\u{fffd}\u{fffd}b\u{fffd}"));
        assert_eq!(image_name(Some(&"ä".repeat(300))).to_string_lossy().chars().count(), 255);
    }
}
