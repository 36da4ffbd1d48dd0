//! Model files as bytes: header and tensors, and the checksum that a damaged file lacks and a hostile one
//! has.

use differnet_files::CHECKSUM_KEY;
use serde_json::Value;

/// Bytes of an edit in an input: what is done, where, and with which byte.
const EDIT: usize = 6;
/// Most edits of a file.
const EDITS: usize = 16;

/// The header of `file` as text, and its tensors; nothing of a file that has none.
pub(super) fn parts(file: &[u8]) -> (&[u8], &[u8]) {
    header_end(file).map_or((&[], &[]), |end| (&file[8..end], &file[end..]))
}

/// The file of this header, with the checksum that belongs to it, and of these tensors; `None` if the header is
/// no JSON object.
pub(super) fn forged(header: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let header: Value = serde_json::from_slice(header).ok()?;
    header.is_object().then(|| sealed(header, data))
}

/// Tells whether `file` has the checksum that belongs to it.
pub(super) fn is_sealed(file: &[u8]) -> bool {
    let checksum = |file: &[u8]| {
        let header: Value = serde_json::from_slice(parts(file).0).ok()?;
        header["__metadata__"][CHECKSUM_KEY].as_str().map(str::to_owned)
    };
    let (header, data) = parts(file);
    let right = forged(header, data).and_then(|file| checksum(&file));
    right.is_some() && right == checksum(file)
}

/// Changes `bytes` as `edits` say: sets a byte, turns its bits, takes or puts one, or cuts all from there on.
pub(super) fn edit(bytes: &mut Vec<u8>, edits: &[u8]) {
    for edit in edits.chunks_exact(EDIT).take(EDITS) {
        let [kind, a, b, c, d, value] = *edit else { return };
        if bytes.is_empty() {
            return;
        }
        let at = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len();
        match kind % 5 {
            0 => bytes[at] = value,
            1 => bytes[at] ^= value,
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, value),
            _ => bytes.truncate(at),
        }
    }
}

/// The file of this header, whose checksum is made right, and of these tensors.
fn sealed(mut header: Value, data: &[u8]) -> Vec<u8> {
    let mut sum = 0_u32;
    let mut add = |name: &str, bytes: &[u8]| {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(bytes);
        sum = sum.wrapping_add(hasher.finalize());
    };
    for (name, value) in header.as_object().into_iter().flatten() {
        let offset = |at: usize| value["data_offsets"][at].as_u64().map(|offset| offset as usize);
        if name == "__metadata__" {
            for (key, text) in value.as_object().into_iter().flatten() {
                if key != CHECKSUM_KEY {
                    add(key, text.as_str().unwrap_or_default().as_bytes());
                }
            }
        } else if let (Some(start), Some(end)) = (offset(0), offset(1)) {
            add(name, data.get(start..end).unwrap_or_default());
        }
    }
    let metadata = header.get_mut("__metadata__");
    if let Some(text) = metadata.and_then(|metadata| metadata.get_mut(CHECKSUM_KEY)) {
        *text = format!("{sum:08x}").into();
    }
    with_header(header.to_string().as_bytes(), data)
}

/// The file of this header, whatever it is, and of these tensors.
pub(super) fn with_header(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

/// End of a file's header.
fn header_end(file: &[u8]) -> Option<usize> {
    let (length, _) = file.split_first_chunk::<8>()?;
    let end = usize::try_from(u64::from_le_bytes(*length)).ok()?.checked_add(8)?;
    (end <= file.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_sealed_again_is_the_same() {
        let header = r#"{"__metadata__":{"differnet_files.checksum":"x","note":"n"},"w":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}}"#;
        let value: Value = serde_json::from_str(header).unwrap();
        let file = sealed(value.clone(), b"abcd");
        let end = header_end(&file).unwrap();
        let again: Value = serde_json::from_slice(&file[8..end]).unwrap();
        assert_eq!(sealed(again.clone(), &file[end..]), file);
        assert!(is_sealed(&file) && !is_sealed(&with_header(header.as_bytes(), b"abcd")));
        let mut parts = [&b"noten"[..], b"wabcd"].map(crc32fast::hash).into_iter();
        let golden = parts.next().unwrap().wrapping_add(parts.next().unwrap());
        assert_eq!(again["__metadata__"]["differnet_files.checksum"], format!("{golden:08x}"));
    }
}
