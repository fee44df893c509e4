//! A serial line: how it is written, `rtu:///dev/ttyUSB0/3?baud=9600&parity=none`, how it is opened, and the silences that Modbus RTU
//! asks for between frames. Takes tokio's clock.

use crate::error;
use std::time::Duration;
use tidegate_service_plant::{Limit, Trouble};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};
use tokio_serial::{
    ClearBuffer, DataBits, FlowControl, Parity, SerialPort, SerialPortBuilderExt, SerialStream, StopBits,
};

/// A device file and how bits go over it. Modbus over Serial Line 1.02, 2.5.1: 19,200 bit/s and even parity where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) path: String,
    baud: u32,
    parity: Parity,
    stop: StopBits,
}

const BAUD: u32 = 19_200;
/// Start bit, eight of data, parity or a second stop bit, stop bit.
const BITS: u32 = 11;
/// Above this, silences are as long as at this.
const BAUD_OF_GAPS_MAX: u32 = 19_200;
/// What is left of an answer comes within this.
const QUIET: Duration = Duration::from_millis(20);
/// One that is later still is not waited for, whatever the timeout.
const REST_MAX: Duration = Duration::from_secs(2);
/// Bytes that come without end are no answer to anybody.
const STRAY_BYTES_MAX: usize = 4096;

impl Line {
    /// What stands behind `rtu://`, and the unit that is the last part of its path.
    pub(crate) fn parse(text: &str) -> Result<(Line, &str), &'static str> {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (path, unit) = place.rsplit_once('/').ok_or("it names no device file")?;
        let is_path =
            path.starts_with('/') && path.len() > 1 && path.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_path {
            return Err("its device file is no path from /");
        }
        let mut line = Line { path: path.to_owned(), baud: BAUD, parity: Parity::Even, stop: StopBits::One };
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            line.set(setting)?;
        }
        Ok((line, unit))
    }

    fn set(&mut self, setting: &str) -> Result<(), &'static str> {
        match setting.split_once('=') {
            Some(("baud", text)) => {
                let baud = text.parse().ok().filter(|baud| (300..=4_000_000).contains(baud));
                self.baud = baud.ok_or("its baud is no number from 300 to 4000000")?;
            }
            Some(("parity", "none")) => self.parity = Parity::None,
            Some(("parity", "even")) => self.parity = Parity::Even,
            Some(("parity", "odd")) => self.parity = Parity::Odd,
            Some(("parity", _)) => return Err("its parity is none of none, even, odd"),
            Some(("stop", "1")) => self.stop = StopBits::One,
            Some(("stop", "2")) => self.stop = StopBits::Two,
            Some(("stop", _)) => return Err("its stop is neither 1 nor 2"),
            _ => return Err("it has settings other than baud, parity and stop"),
        }
        Ok(())
    }

    /// The silence that ends a frame: three and a half characters (ibid., 2.5.1.1).
    pub(crate) fn gap(&self) -> Duration {
        let baud = self.baud.min(BAUD_OF_GAPS_MAX);
        Duration::from_secs(1) * 7 * BITS / (2 * baud)
    }

    /// Opens it, and waits until nothing comes that was for somebody else.
    pub(crate) async fn open(&self) -> Result<SerialStream, Trouble> {
        let mut stream = self.opened()?;
        self.quieten(&mut stream).await?;
        Ok(stream)
    }

    /// Nobody is asked while an answer may come that was not waited for: until it was there, or as long again has passed.
    pub(crate) async fn rest(&self, limit: Limit) {
        let Ok(mut stream) = self.opened() else { return };
        let mut first = [0; 1];
        if let Ok(Ok(1)) = timeout(limit.0.min(REST_MAX), stream.read(&mut first)).await {
            // Whoever opens it next is told what is wrong with it.
            let _ = self.quieten(&mut stream).await;
        }
    }

    fn opened(&self) -> Result<SerialStream, Trouble> {
        let opened = tokio_serial::new(&self.path, self.baud)
            .data_bits(DataBits::Eight)
            .parity(self.parity)
            .stop_bits(self.stop)
            .flow_control(FlowControl::None)
            .open_native_async();
        let stream = opened.map_err(|why| error::unopened(&self.path, &why))?;
        stream.clear(ClearBuffer::All).map_err(|why| error::unopened(&self.path, &why))?;
        Ok(stream)
    }

    async fn quieten(&self, stream: &mut SerialStream) -> Result<(), Trouble> {
        let (mut stray, mut bytes) = ([0; 256], 0);
        while let Ok(read) = timeout(QUIET.max(self.gap()), stream.read(&mut stray)).await {
            match read {
                Ok(0) => return Err(error::line_lost(&self.path, "it has ended")),
                Ok(more) if bytes + more > STRAY_BYTES_MAX => {
                    return Err(error::line_lost(&self.path, "it is never silent"));
                }
                Ok(more) => bytes += more,
                Err(why) => return Err(error::line_lost(&self.path, &why.to_string())),
            }
        }
        Ok(())
    }
}

/// Keeps the silence in front of each frame.
#[derive(Debug)]
pub(crate) struct Silence {
    gap: Duration,
    since: Instant,
}

impl Silence {
    pub(crate) fn of(line: &Line) -> Silence {
        Silence { gap: line.gap(), since: Instant::now() }
    }

    /// Waits for it to have been long enough.
    pub(crate) async fn kept(&self) {
        tokio::time::sleep_until(self.since + self.gap).await;
    }

    /// The last byte came or went just now.
    pub(crate) fn begin(&mut self) {
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_three_and_a_half_characters_and_no_shorter_above_19200() {
        let gap = |query: &str| Line::parse(&format!("/dev/ttyS0/1{query}")).unwrap().0.gap().as_micros();
        assert_eq!((gap("?baud=9600"), gap(""), gap("?baud=115200")), (4010, 2005, 2005));
    }
}
