//! Changes to bytes and texts that know nothing of what they mean.

use xtask_inputs::Draws;

/// Bytes near the start, in which formats keep sizes, offsets and types.
const HEAD: usize = 64;
/// Longest range that is moved about, bytes.
const LONGEST: usize = 64;
/// Longest result, bytes: what grows without end tests memory and nothing else.
const MOST: usize = 1 << 16;

/// Numbers at which arithmetic goes wrong.
pub(super) const EXTREMES: [u64; 16] = [
    0,
    1,
    2,
    3,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Bytes that are no text, or are special in one.
const JUNK: [&[u8]; 12] = [
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\r\n\r\n",
    b"\"",
    b"\xef\xbb\xbf",
    b"%00",
    b"../",
    b"{}",
    b"--",
];

/// Numbers as text, of which few are in range.
const NUMBERS: [&str; 20] = [
    "0",
    "-1",
    "1",
    "1.0000000000000002",
    "-0.0",
    "1e-400",
    "1e308",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0x7fffffffffffffff",
];

/// Pieces of TOML, JSON and lists.
const PIECES: [&str; 18] = [
    "\u{feff}",
    "#",
    "[[polygon]]\n",
    "[totals]\n",
    "points = []\n",
    "]",
    "}",
    "\"\"\"",
    "\\u0000",
    "\\ud800",
    "\t",
    "\r",
    "= ",
    "..",
    "//",
    "\u{202e}",
    "null",
    "true",
];

/// Changes `bytes` once to four times; other content comes from `others`.
pub(super) fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], draws: &mut Draws) {
    for _ in 0..=draws.below(4) {
        mutate_once(bytes, others, draws);
    }
    bytes.truncate(MOST);
}

fn mutate_once(bytes: &mut Vec<u8>, others: &[Vec<u8>], draws: &mut Draws) {
    if bytes.is_empty() {
        bytes.extend(*draws.pick(&JUNK));
        return;
    }
    let length = bytes.len();
    match draws.below(12) {
        0 | 1 => bytes[draws.below(length)] ^= 1 << draws.below(8),
        2 => bytes[draws.below(length)] = draws.byte(),
        3 | 4 => {
            let reach = if draws.once_in(2) { length } else { length.min(HEAD) };
            write_extreme(bytes, draws.below(reach), draws);
        }
        5 => bytes.truncate(draws.below(length)),
        6 => drop(bytes.drain(draws.range(length, LONGEST))),
        7 => {
            let again = bytes[draws.range(length, LONGEST)].to_vec();
            let at = draws.below(length + 1);
            bytes.splice(at..at, again);
        }
        8 => {
            let at = draws.below(length + 1);
            bytes.splice(at..at, draws.pick(&JUNK).iter().copied());
        }
        9 if !others.is_empty() => {
            let other = draws.pick(others);
            bytes.truncate(draws.below(length));
            bytes.extend(&other[draws.below(other.len())..]);
        }
        10 => {
            let (one, other) = (draws.below(length), draws.below(length));
            bytes.swap(one, other);
        }
        _ => {
            let value = draws.byte();
            bytes[draws.range(length, LONGEST)].fill(value);
        }
    }
}

/// Writes an extreme number of 1, 2, 4 or 8 bytes at `at`, in either byte order.
pub(super) fn write_extreme(bytes: &mut [u8], at: usize, draws: &mut Draws) {
    let value = *draws.pick(&EXTREMES);
    let width = *draws.pick(&[1, 2, 4, 8]);
    let mut field = value.to_le_bytes()[..width].to_vec();
    if draws.once_in(2) {
        field.reverse();
    }
    let end = bytes.len().min(at + width);
    let count = end.saturating_sub(at);
    bytes[at..end].copy_from_slice(&field[..count]);
}

/// Changes a text once to four times, as text or as bytes.
pub(super) fn mutate_text(text: &mut Vec<u8>, others: &[Vec<u8>], draws: &mut Draws) {
    for _ in 0..=draws.below(4) {
        match draws.below(8) {
            0..=2 => replace_number(text, draws),
            3 => edit_lines(text, draws),
            4 => {
                let at = draws.below(text.len() + 1);
                text.splice(at..at, draws.pick(&PIECES).bytes());
            }
            5 if draws.once_in(8) => nest(text, draws),
            _ => mutate_once(text, others, draws),
        }
    }
    text.truncate(MOST);
}

/// Puts another number in the place of one.
fn replace_number(text: &mut Vec<u8>, draws: &mut Draws) {
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let starts: Vec<usize> = (0..text.len())
        .filter(|&at| text[at].is_ascii_digit() && (at == 0 || !is_part(&text[at - 1])))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = *draws.pick(&starts);
    let count = text[start..].iter().take_while(|byte| is_part(byte)).count();
    text.splice(start..start + count, draws.pick(&NUMBERS).bytes());
}

/// Repeats, removes or exchanges lines.
fn edit_lines(text: &mut Vec<u8>, draws: &mut Draws) {
    let mut lines: Vec<Vec<u8>> =
        text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (one, other) = (draws.below(lines.len()), draws.below(lines.len()));
    match draws.below(3) {
        0 => lines.insert(other, lines[one].clone()),
        1 => drop(lines.remove(one)),
        _ => lines.swap(one, other),
    }
    *text = lines.concat();
}

/// Opens very many brackets: what reads them must not run out of stack.
fn nest(text: &mut Vec<u8>, draws: &mut Draws) {
    let open = *draws.pick(&["[", "{\"a\":", "{a=", "(", "[["]);
    let at = draws.below(text.len() + 1);
    let count = 1 << (2 + draws.below(11));
    text.splice(at..at, open.repeat(count).bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_follow_from_the_draws_and_stay_short() {
        let changed = |case| {
            let mut bytes = b"points = [[0, 0.5], [1, 1]]\nname = \"x\"\n".to_vec();
            let mut draws = Draws::new(5, 0, case);
            mutate_text(&mut bytes, &[b"other".to_vec()], &mut draws);
            mutate(&mut bytes, &[], &mut draws);
            bytes
        };
        let different = (0..200).filter(|&case| changed(case) != changed(case + 1)).count();
        assert!(different > 190, "{different}");
        assert!((0..200).all(|case| changed(case) == changed(case) && changed(case).len() <= MOST));
    }

    #[test]
    fn nothing_is_changed_too() {
        for case in 0..100 {
            mutate(&mut Vec::new(), &[], &mut Draws::new(1, 0, case));
            mutate_text(&mut Vec::new(), &[], &mut Draws::new(1, 1, case));
        }
    }
}
