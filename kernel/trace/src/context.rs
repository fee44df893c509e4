//! Where a span stands: the ids of its trace and its own, and whether anybody keeps it (W3C Trace Context, §3.2). Pure but for new
//! ids.

use std::fmt;
use tidegate_kernel_id::random;

/// `00-`, 32 and 16 letters, two of flags, and what parts them.
const TEXT_BYTES: usize = 55;

/// Neither id is ever all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub trace: [u8; 16],
    pub span: [u8; 8],
    /// Somebody keeps the trace, so its parts are wanted.
    pub sampled: bool,
}

impl TraceContext {
    /// A trace that begins here. Nothing where the system gives no randomness: an id is never made up.
    pub fn begin(sampled: bool) -> Option<TraceContext> {
        let (trace, span) = (random().ok()?, random().ok()?);
        Some(TraceContext { trace, span, sampled })
    }

    /// The next span inside it.
    pub fn child(self) -> Option<TraceContext> {
        Some(TraceContext { span: random().ok()?, ..self })
    }

    /// Reads a `traceparent`. A version that came later is read as far as this one goes, as the standard has it.
    pub fn parse(text: &str) -> Option<TraceContext> {
        let (head, rest) = text.split_at_checked(TEXT_BYTES)?;
        let mut parts = head.split('-');
        let [version] = hex(parts.next()?)?;
        let (trace, span, [flags]) = (hex(parts.next()?)?, hex(parts.next()?)?, hex(parts.next()?)?);
        let is_whole = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let context = TraceContext { trace, span, sampled: flags & 1 == 1 };
        (is_whole && trace != [0; 16] && span != [0; 8]).then_some(context)
    }

    /// The trace's id as people and other programs write it.
    pub fn trace_id(&self) -> String {
        letters(&self.trace)
    }

    pub fn span_id(&self) -> String {
        letters(&self.span)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.span_id(), u8::from(self.sampled))
    }
}

fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Only small letters: the standard has no others.
fn hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let digit = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; BYTES];
    let text = Some(text.as_bytes()).filter(|text| text.len() == 2 * BYTES)?;
    for (byte, pair) in bytes.iter_mut().zip(text.chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_as_the_standard_has_it() {
        let context = TraceContext::parse(TEXT).unwrap();
        assert_eq!((context.to_string().as_str(), context.sampled), (TEXT, true));
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(!TraceContext::parse(&TEXT.replace("-01", "-02")).unwrap().sampled);
        assert!(TraceContext::parse(&(TEXT.replace("00-4", "01-4") + "-later")).is_some());
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let zero_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let zero_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let upper = TEXT.to_uppercase();
        let (longer, last) = (format!("{TEXT}-x"), TEXT.replace("00-4", "ff-4"));
        for text in
            ["", "00", &TEXT[..54], zero_trace, zero_span, &upper, &longer, &last, &TEXT.replace('-', "+")]
        {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let context = TraceContext::begin(true).unwrap();
        let child = context.child().unwrap();
        assert_eq!((child.trace, child.sampled), (context.trace, true));
        assert_ne!(child.span, context.span);
    }
}
