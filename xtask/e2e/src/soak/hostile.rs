//! Requests that no camera sends.

/// A path and a body that are to be refused, made from `image`; the kinds take turns with `number`.
pub(super) fn hostile(image: &[u8], number: usize) -> (&'static str, Vec<u8>) {
    let score = "/v1/models/soak/score";
    match number % 6 {
        0 => (score, Vec::new()),
        1 => (score, b"GIF89a, or so it says".repeat(1000)),
        // Cut in the middle, as when a camera loses its connection.
        2 => (score, image[..image.len() / 2].to_vec()),
        3 => (score, huge()),
        // As much of nothing as an image may have.
        4 => (score, vec![0; 4 << 20]),
        _ => ("/v1/models/../soak/score", image.to_vec()),
    }
}

/// The header of a PNG of 65,535 × 65,535 pixels, and no pixels.
fn huge() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR".to_vec();
    for side in [65_535_u32; 2] {
        bytes.extend(side.to_be_bytes());
    }
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}
