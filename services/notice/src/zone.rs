//! Local time, from the time zones that come with the binary. Pure: the time is handed in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A place's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    pub fn utc() -> Zone {
        Zone { zone: TimeZone::UTC, name: "UTC".to_owned() }
    }

    /// By its name in the IANA database, `Asia/Shanghai` for one.
    pub fn named(name: &str) -> Option<Zone> {
        if name == "UTC" {
            return Some(Zone::utc());
        }
        let zone = TimeZone::get(name).ok()?;
        let name = zone.iana_name()?.to_owned();
        Some(Zone { zone, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Date, time, and the zone written out, so that nobody has to guess.
    pub fn written(&self, unix_ms: u64) -> String {
        let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
        // Beyond the year 9999 there is no calendar, and no alarm either.
        let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX).to_zoned(self.zone.clone());
        let offset = if self.name == "UTC" { String::new() } else { format!("{} ", time.strftime("%:z")) };
        format!("{} {offset}{}", time.strftime("%Y-%m-%d %H:%M:%S"), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_its_zone_and_its_summer() {
        let july = 1_784_000_000_000;
        assert_eq!(Zone::utc().written(july), "2026-07-14 03:33:20 UTC");
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(berlin.written(july), "2026-07-14 05:33:20 +02:00 Europe/Berlin");
        let shanghai = Zone::named("asia/shanghai").unwrap();
        assert_eq!(shanghai.written(july), "2026-07-14 11:33:20 +08:00 Asia/Shanghai");
        assert!(Zone::named("Mars/Olympus").is_none());
        assert!(Zone::utc().written(u64::MAX).starts_with("9999-12-30"));
    }
}
