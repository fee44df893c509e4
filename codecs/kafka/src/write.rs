//! Primitive types of the protocol, written big-endian. A length that has no room in its field is a fault of the caller.

/// Bytes that grow.
pub(crate) trait Write {
    fn put(&mut self, bytes: &[u8]);

    fn i8(&mut self, value: i8) {
        self.put(&value.to_be_bytes());
    }

    fn i16(&mut self, value: i16) {
        self.put(&value.to_be_bytes());
    }

    fn i32(&mut self, value: i32) {
        self.put(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    /// A count or a number of bytes in front of what it counts.
    fn count(&mut self, many: usize) {
        self.i32(i32::try_from(many).expect("the limits of a request keep counts within 31 bits"));
    }

    fn string(&mut self, text: &str) {
        self.i16(i16::try_from(text.len()).expect("names are shorter than 32 KiB"));
        self.put(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.put(bytes);
    }

    /// Zigzag, seven bits a byte, the lowest first.
    fn varint(&mut self, value: i64) {
        let mut left = ((value << 1) ^ (value >> 63)) as u64;
        while left >= 0x80 {
            self.put(&[left as u8 | 0x80]);
            left >>= 7;
        }
        self.put(&[left as u8]);
    }

    /// As in a record: the number of bytes as a varint.
    fn short_bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as i64);
        self.put(bytes);
    }
}

impl Write for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
