//! Texts of the configuration.

use proptest::prelude::*;
use tidegate_example_nut::Nut;
use tidegate_service_plant::{Driver, Type};

#[test]
fn a_place_is_a_server_and_a_name_and_the_server_is_the_bus() {
    let place = Nut.place("tcp://10.0.0.5/rack-1").unwrap();
    assert_eq!(place.to_string(), "rack-1@10.0.0.5:3493");
    for (text, bus) in [("tcp://[::1]:1/a", "[::1]:1"), ("tcp://h/a", "h:3493"), ("tcp://h/b", "h:3493")] {
        assert_eq!(Nut.bus(&Nut.place(text).unwrap()), bus);
    }
    for text in ["", "h/a", "tcp://h", "tcp://h/", "tcp://h/a/b", "tcp://h/a\"", "udp://h/a", "tcp://u:p@h/a"]
    {
        let unfit = Nut.place(text).unwrap_err();
        assert_eq!(unfit.code, "TG-NU-001");
        assert!(unfit.message.contains(&format!("{text:?}")), "{unfit}");
    }
}

#[test]
fn an_address_is_a_variable_and_a_type() {
    for (text, kind) in [
        ("ups.status", Type::Text),
        ("battery.charge:REAL", Type::Real),
        ("ups.delay.start:INTEGER", Type::Integer),
    ] {
        assert_eq!(Nut.address(text).unwrap().1, kind);
    }
    for text in ["", ":REAL", "a:real", "a:", "a:REAL:REAL", "a b", "a\nLOGOUT", "Ladung-ä", &"a".repeat(65)]
    {
        assert_eq!(Nut.address(text).unwrap_err().code, "TG-NU-002", "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in any::<String>(), end in "[a-zA-Z0-9:/.\"\\\\ \r\n-]*") {
        for text in [text, format!("tcp://{end}"), format!("ups.{end}")] {
            let _ = Nut.place(&text);
            let _ = Nut.address(&text);
        }
    }
}
