//! Model files as bytes: header and tensors, and the checksum that a damaged file lacks and a hostile
//! one has.

use differnet_files::CHECKSUM_KEY;
use serde_json::Value;

use crate::mutation::{mutate, mutate_text};
use xtask_inputs::Draws;

/// Numbers that settings and shapes are replaced by.
const NUMBERS: [f64; 12] =
    [0.0, 1.0, 2.0, 3.0, 767.0, 769.0, 1e6, 4_294_967_296.0, 1e18, -1.0, 0.5, 1e300];

/// A model file that may be damaged.
pub(super) fn damaged(file: &[u8], others: &[Vec<u8>], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let end = header_end(&bytes).unwrap_or(0);
    match draws.below(4) {
        // Tensors are large; what tells how they are read is not.
        0 | 1 if end > 8 => {
            let mut header = bytes[8..end].to_vec();
            mutate_text(&mut header, &[], draws);
            if draws.once_in(2) {
                return with_header(&header, &bytes[end..]);
            }
            header.resize(end - 8, b' ');
            bytes[8..end].copy_from_slice(&header);
        }
        2 if end > 8 => {
            let at = draws.below((end + 64).min(bytes.len()));
            bytes[at] ^= 1 << draws.below(8);
        }
        _ if bytes.len() < 1 << 16 => mutate(&mut bytes, others, draws),
        _ => {
            let at = draws.below(bytes.len());
            bytes[at] = draws.byte();
        }
    }
    bytes
}

/// A model file with other settings, metadata, shapes or numbers, and the checksum of those.
pub(super) fn forged(file: &[u8], draws: &mut Draws) -> Option<Vec<u8>> {
    let end = header_end(file)?;
    let mut header: Value = serde_json::from_slice(&file[8..end]).ok()?;
    let mut data = file[end..].to_vec();
    for _ in 0..=draws.below(3) {
        match draws.below(8) {
            0 if !data.is_empty() => {
                let at = draws.below(data.len());
                data[at] = draws.byte();
            }
            1 => {
                let tensors = header.as_object_mut()?;
                let names: Vec<String> =
                    tensors.keys().filter(|name| *name != "__metadata__").cloned().collect();
                let (one, other) = (draws.below(names.len()), draws.below(names.len()));
                let first = names.get(one).and_then(|name| tensors.remove(name))?;
                tensors.insert(format!("{}{}", names[other], draws.pick(&["", ".x", "0"])), first);
            }
            2 | 3 => change_value(&mut header, draws),
            _ => {
                let metadata = header.get_mut("__metadata__")?.as_object_mut()?;
                let keys: Vec<String> = metadata.keys().cloned().collect();
                let key = draws.pick(&keys).clone();
                let text = metadata.get_mut(&key)?;
                *text = changed_text(text.as_str().unwrap_or_default(), draws).into();
            }
        }
    }
    Some(sealed(header, &data))
}

/// The text of a metadata value with one of its numbers, names or structures changed.
fn changed_text(text: &str, draws: &mut Draws) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) if draws.below(4) != 0 => {
            change_value(&mut value, draws);
            value.to_string()
        }
        _ => {
            let mut bytes = text.as_bytes().to_vec();
            mutate_text(&mut bytes, &[], draws);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }
}

/// Changes something within `value`.
fn change_value(value: &mut Value, draws: &mut Draws) {
    let stay = draws.once_in(12);
    match value {
        Value::Object(map) if !map.is_empty() && !stay => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = draws.pick(&keys);
            if draws.once_in(12) {
                map.remove(key);
            } else if let Some(inner) = map.get_mut(key) {
                change_value(inner, draws);
            }
        }
        Value::Array(list) if !list.is_empty() && !stay => {
            let at = draws.below(list.len());
            match draws.below(6) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                _ => change_value(&mut list[at], draws),
            }
        }
        _ => {
            let number = *draws.pick(&NUMBERS);
            *value = match draws.below(8) {
                0 => Value::Null,
                1 => Value::String("x".repeat(draws.below(40))),
                2 => Value::Bool(draws.once_in(2)),
                3 => Value::Array(Vec::new()),
                4 => u64::MAX.into(),
                _ if number.fract() == 0.0 && number.abs() < 1e18 => (number as i64).into(),
                _ => number.into(),
            };
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

fn with_header(header: &[u8], data: &[u8]) -> Vec<u8> {
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
        let mut parts = [&b"noten"[..], b"wabcd"].map(crc32fast::hash).into_iter();
        let golden = parts.next().unwrap().wrapping_add(parts.next().unwrap());
        assert_eq!(again["__metadata__"]["differnet_files.checksum"], format!("{golden:08x}"));
    }
}
