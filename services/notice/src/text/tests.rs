use super::*;
use crate::notice::sample;
use proptest::prelude::*;

fn style(language: Language) -> Style {
    Style { title: "plant 7".to_owned(), language, zone: Zone::utc() }
}

#[test]
fn one_alarm_is_a_few_lines_with_its_id() {
    let notice = Notice { at_ms: 1_784_000_000_000, ..sample(7, Severity::Critical) };
    let text = style(Language::English).single(&notice, 2048);
    let expected = format!(
        "[plant 7] [critical] RAISED boiler/7\nline/7/temp = 93.5\n温度过高 above 90\n2026-07-14 03:33:20 UTC\nid {}",
        notice.id
    );
    assert_eq!(text, expected);
    let notice = Notice { change: Change::Acknowledged, by: "ada".to_owned(), ..notice };
    let text = style(Language::Chinese).single(&notice, 2048);
    assert!(
        text.starts_with("[plant 7] [严重] 已确认 boiler/7\n") && text.contains("\n确认人 ada\n"),
        "{text}"
    );
}

#[test]
fn many_alarms_are_a_line_each_and_then_numbers() {
    let severities = [Severity::Critical, Severity::High, Severity::High, Severity::Low];
    let notices: Vec<_> = (1..).zip(severities).map(|(number, severity)| sample(number, severity)).collect();
    let refs: Vec<_> = notices.iter().collect();
    let all = style(Language::English).merged(&refs, None, 4096);
    assert_eq!((all.shown, all.text.contains("more")), (4, false));
    let some = style(Language::English).merged(&refs, None, 260);
    assert_eq!(some.shown, 1);
    assert!(some.text.ends_with("\n3 more: 2 high, 1 low"), "{}", some.text);
    let expired = Expired { counts: BySeverity([0, 0, 0, 5]), from_ms: 0, to_ms: 60_000 };
    let some = style(Language::Chinese).merged(&refs, Some(&expired), 2048);
    assert!(some.text.contains("5 条未能及时发送：严重 5；1970-01-01 00:00:00 UTC 至"), "{}", some.text);
}

#[test]
fn an_alarm_calls_nobody_and_stays_on_its_line() {
    assert_eq!(
        plain("t <@all> <at user_id=\"all\"></at>\u{7}\n< 2 <3"),
        "t ＜@all> ＜at user_id=\"all\">＜/at>  < 2 <3"
    );
}

proptest! {
    #[test]
    fn no_text_is_longer_than_it_may_be_or_ends_in_half_a_character(
        texts in prop::collection::vec(".{0,300}", 1..8), bytes_max in 0..3000_usize, chinese: bool
    ) {
        let style = style(if chinese { Language::Chinese } else { Language::English });
        let notices: Vec<_> = (0..).zip(&texts).map(|(number, text)| Notice {
            alarm: format!("锅炉{text}"), text: text.repeat(3), ..sample(number, Severity::High)
        }).collect();
        let single = style.single(&notices[0], bytes_max);
        let merged = style.merged(&notices.iter().collect::<Vec<_>>(), None, bytes_max);
        prop_assert!(single.len() <= bytes_max && merged.text.len() <= bytes_max);
        prop_assert!(merged.shown <= notices.len());
        // Each that counts as shown can be found by its id.
        for notice in &notices[..merged.shown] {
            prop_assert!(merged.text.contains(&notice.id.to_string()));
        }
        if bytes_max >= 1500 {
            prop_assert!(single.contains(&notices[0].id.to_string()));
        }
    }
}
