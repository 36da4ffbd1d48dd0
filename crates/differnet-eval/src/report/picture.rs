//! Encoded pictures inside the document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a picture is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// For photographs.
    Jpeg,
    /// For maps with transparency.
    Png,
}

impl ImageFormat {
    fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// A picture as the bytes of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedImage {
    /// What the bytes are.
    pub format: ImageFormat,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl EncodedImage {
    /// The picture as the address of itself; a third longer than its bytes.
    pub(super) fn data_uri(&self) -> String {
        let mut uri = format!("data:{};base64,", self.format.media_type());
        STANDARD.encode_string(&self.bytes, &mut uri);
        uri
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_the_base64_of_rfc_4648() {
        let image =
            EncodedImage { format: ImageFormat::Png, bytes: b"foob".to_vec(), width: 1, height: 1 };
        assert_eq!(image.data_uri(), "data:image/png;base64,Zm9vYg==");
    }
}
