//! Where stations and tags are, as people write it.

use tidegate_driver_s7::S7;
use tidegate_service_plant::{Driver, Type};

#[test]
fn a_place_has_a_rack_and_a_slot_and_port_102_unless_said() {
    for (text, bus) in [
        ("tcp://192.168.0.10/0/2", "192.168.0.10:102/0/2"),
        ("tcp://plc.hall-3:1102/7/31", "plc.hall-3:1102/7/31"),
        ("tcp://[::1]/0/1/", "[::1]:102/0/1"),
    ] {
        assert_eq!(S7.place(text).map(|place| S7.bus(&place)), Ok(bus.to_owned()));
    }
    for text in [
        "",
        "192.168.0.10",
        "s7://192.168.0.10/0/1",
        "tcp://192.168.0.10",
        "tcp://192.168.0.10/0",
        "tcp://h/8/1",
        "tcp://h/0/32",
        "tcp://h/0/1/2",
        "tcp://h/0/x",
        "tcp:///0/1",
    ] {
        let unfit = S7.place(text).expect_err(text);
        assert_eq!(unfit.code, "TG-SI-040");
        assert!(unfit.hint.contains("tcp://192.168.0.10/0/1"));
    }
}

#[test]
fn an_address_says_the_type_of_its_values_or_what_is_wrong_with_it() {
    for (text, of) in [
        ("DB1.DBX0.3", Type::Boolean),
        ("MW10", Type::Integer),
        ("DB1.DBD4:TIME", Type::Integer),
        ("DB1.DBD4:REAL", Type::Real),
        ("DB1.DBB4:STRING[9]", Type::Text),
    ] {
        assert_eq!(S7.address(text).map(|(_, found)| found), Ok(of), "{text}");
    }
    let unfit = S7.address("\"Motor\".speed").unwrap_err();
    assert_eq!(unfit.code, "TG-SI-002");
    assert!(unfit.message.contains("Motor") && unfit.hint.contains("optimised access"));
}
