//! Where one answer ends and the next begins.

use crate::read::{Malformed, Read};
use bytes::{Buf, Bytes, BytesMut};

const LENGTH_BYTES: usize = 4;

/// Takes the next answer out of `buffer`: the number of the request it is to, and its body. `Ok(None)` asks for more bytes.
pub fn next_frame(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<(i32, Bytes)>, Malformed> {
    let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    let length = usize::try_from(length).map_err(|_| Malformed::Value("length"))?;
    if length > bytes_max {
        return Err(Malformed::TooLong(length));
    }
    if buffer.len() < LENGTH_BYTES + length {
        return Ok(None);
    }
    buffer.advance(LENGTH_BYTES);
    let mut answer = Read(buffer.split_to(length).freeze());
    let correlation = answer.i32()?;
    Ok(Some((correlation, answer.0)))
}
