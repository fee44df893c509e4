//! What each vendor takes, and what its codes mean. Pure; the numbers are the vendors' own.
//!
//! WeCom: "群机器人配置说明" (developer.work.weixin.qq.com, path/91770) and "全局错误码" (path/90313): 20 messages a minute for each
//! robot, text of 2048 bytes, markdown of 4096.
//! DingTalk: "自定义机器人接入" (open.dingtalk.com): 20 messages a minute for each robot, above which it is shut out for about ten
//! minutes; a body of 20,000 bytes.
//! Feishu: "自定义机器人使用指南" (open.feishu.cn): 100 a minute and 5 a second, a body of 20 KB; 11232 also under load of its own.

use std::time::Duration;
use tidegate_service_notice::{Load, Rate};

/// Whose robot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    Wecom,
    Dingtalk,
    Feishu,
    /// A URL of the site's own.
    Webhook,
}

/// What a code of an answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Taken,
    /// The other side has trouble of its own.
    Busy,
    /// Too many messages; not before.
    TooFrequent(Duration),
    /// Key, signature, keyword or address: somebody has to change a setting.
    Broken,
    /// This message never.
    Refused,
}

const MINUTE: Duration = Duration::from_secs(60);
/// Its window is a minute, and under load of its own it is shorter; where it says how long, that holds.
const FEISHU_PAUSE: Duration = Duration::from_secs(15);

impl Vendor {
    pub const ALL: [Vendor; 4] = [Vendor::Wecom, Vendor::Dingtalk, Vendor::Feishu, Vendor::Webhook];

    pub fn name(self) -> &'static str {
        match self {
            Vendor::Wecom => "wecom",
            Vendor::Dingtalk => "dingtalk",
            Vendor::Feishu => "feishu",
            Vendor::Webhook => "webhook",
        }
    }

    /// Text is kept well below the limits on bodies, for JSON may write one byte as two.
    pub fn load(self) -> Load {
        let (text_bytes_max, per_minute_max, gap_ms_min) = match self {
            Vendor::Wecom => (2048, 20, 100),
            Vendor::Dingtalk => (6000, 20, 100),
            Vendor::Feishu => (6000, 100, 250),
            Vendor::Webhook => (8000, 120, 0),
        };
        Load { text_bytes_max, rate: Rate { per_minute_max, gap_ms_min } }
    }

    /// `is_flood`: the answer's words say that there were too many, which Feishu's 9499 needs.
    pub(crate) fn meaning(self, code: i64, is_flood: bool) -> Meaning {
        match self {
            _ if code == 0 => Meaning::Taken,
            Vendor::Wecom => wecom(code),
            Vendor::Dingtalk => dingtalk(code),
            Vendor::Feishu => feishu(code, is_flood),
            // It has no codes but HTTP's.
            Vendor::Webhook => Meaning::Taken,
        }
    }

    /// How long the vendor shuts a robot out that was too fast, where it does not say.
    pub(crate) fn penalty(self) -> Duration {
        if self == Vendor::Dingtalk { 10 * MINUTE } else { MINUTE }
    }
}

fn wecom(code: i64) -> Meaning {
    match code {
        -1 => Meaning::Busy,
        // Calls a minute, and at a time.
        45009 | 45033 => Meaning::TooFrequent(Vendor::Wecom.penalty()),
        // The key is none; the robot was taken out of the group or switched off; the address is not on its list.
        93000 | 93004 | 93008 | 93017 | 60020 => Meaning::Broken,
        _ => Meaning::Refused,
    }
}

fn dingtalk(code: i64) -> Meaning {
    match code {
        -1 => Meaning::Busy,
        130_101 | 302_033 | 410_100 | 90018 | 90030 => Meaning::TooFrequent(Vendor::Dingtalk.penalty()),
        // Keyword, signature, time or address do not fit the robot's security settings.
        310_000 => Meaning::Broken,
        // The token is none; the group is gone; the robot is switched off or gone.
        300_001 | 300_005 | 400_101 | 400_013 | 400_102 | 400_106 => Meaning::Broken,
        _ => Meaning::Refused,
    }
}

fn feishu(code: i64, is_flood: bool) -> Meaning {
    match code {
        11232 | 99_991_400 => Meaning::TooFrequent(FEISHU_PAUSE),
        9499 if is_flood => Meaning::TooFrequent(FEISHU_PAUSE),
        // Token; robot not enabled; signature or time; address; keyword.
        19001 | 19007 | 19021 | 19022 | 19024 => Meaning::Broken,
        // 9499 otherwise: the body is none it understands, or too large.
        _ => Meaning::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_has_its_limits() {
        let limits = Vendor::ALL.map(|vendor| {
            let Load { text_bytes_max, rate } = vendor.load();
            (vendor.name(), text_bytes_max, rate.per_minute_max)
        });
        let expected =
            [("wecom", 2048, 20), ("dingtalk", 6000, 20), ("feishu", 6000, 100), ("webhook", 8000, 120)];
        assert_eq!(limits, expected);
    }

    #[test]
    fn zero_alone_means_taken() {
        for vendor in [Vendor::Wecom, Vendor::Dingtalk, Vendor::Feishu] {
            assert_eq!(vendor.meaning(0, false), Meaning::Taken);
            assert_eq!(vendor.meaning(123_456, true), Meaning::Refused);
        }
    }
}
