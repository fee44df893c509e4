//! Answers that are none, and what is made of them.

use crate::real::{Wired, asked, until};
use crate::stub::{Asked, PATIENCE, Reply, addresses, connect, device, place, read};
use std::time::Duration;
use tidegate_driver_modbus::Modbus;
use tidegate_service_plant::{Blame, Driver, Found, Limit, Quality, Trouble, Value};

fn says(bytes: Vec<u8>) -> Reply {
    Reply { bytes, hangs_up: false }
}

/// What reading two registers comes to, where the device answers so.
async fn read_from(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Result<Vec<Found>, Trouble> {
    let (address, _) = device(reply).await;
    let place = place(address, 1);
    let mut session = connect(&place).await.unwrap();
    read(&mut session, &place, &["40001", "40002"]).await
}

#[tokio::test]
async fn an_answer_is_what_was_asked_for_and_nothing_else() {
    let good = read_from(|asked| says(asked.frame(&asked.registers()))).await;
    assert_eq!(good, Ok(vec![Value::Integer(0).into(), Value::Integer(1).into()]));
    let odd: [fn(&Asked) -> Vec<u8>; 6] = [
        // Another transaction's id.
        |asked| {
            Asked { transaction: asked.transaction.wrapping_add(1), ..asked.clone() }
                .frame(&asked.registers())
        },
        // Another unit.
        |asked| Asked { unit: 9, ..asked.clone() }.frame(&asked.registers()),
        // Another function.
        |asked| asked.frame(&[4, 4, 0, 0, 0, 1]),
        // Fewer registers than were asked for, and more.
        |asked| asked.frame(&[3, 2, 0, 0]),
        |asked| asked.frame(&[3, 6, 0, 0, 0, 1, 0, 2]),
        // A PDU that ends in the middle.
        |asked| asked.frame(&[3, 4, 0, 0]),
    ];
    for (at, reply) in odd.into_iter().enumerate() {
        let trouble = read_from(move |asked| says(reply(asked))).await.unwrap_err();
        assert_eq!((trouble.blame, trouble.code), (Blame::Connection, "TG-MB-014"), "{at}: {trouble}");
    }
}

#[tokio::test]
async fn a_device_that_hangs_up_and_one_that_is_silent_are_told_apart() {
    let lost = read_from(|_| Reply { bytes: Vec::new(), hangs_up: true }).await.unwrap_err();
    assert_eq!((lost.blame, lost.code), (Blame::Connection, "TG-MB-013"));
    let half =
        read_from(|asked| Reply { bytes: asked.frame(&asked.registers())[..8].to_vec(), hangs_up: true });
    assert_eq!(half.await.unwrap_err().code, "TG-MB-013");
    let (address, _) = device(|_| says(Vec::new())).await;
    let place = place(address, 1);
    let mut session = connect(&place).await.unwrap();
    let plan = Modbus.plan(&session, &addresses(&["40001"]), PATIENCE.0);
    let silent =
        Modbus.read(&mut session, &place, &plan, Limit(Duration::from_millis(50))).await.unwrap_err();
    assert_eq!((silent.blame, silent.code), (Blame::Connection, "TG-PL-011"));
}

#[tokio::test]
async fn a_gateway_without_the_unit_blames_the_device_and_the_connection_stays() {
    let reply = |asked: &Asked| {
        says(asked.frame(&if asked.unit == 1 { asked.registers() } else { asked.refused(11) }))
    };
    let (address, log) = device(reply).await;
    let (here, gone) = (place(address, 1), place(address, 2));
    let mut session = connect(&here).await.unwrap();
    let trouble = read(&mut session, &gone, &["40001"]).await.unwrap_err();
    assert_eq!((trouble.blame, trouble.code), (Blame::Device, "TG-MB-012"));
    assert_eq!(read(&mut session, &here, &["40008"]).await, Ok(vec![Value::Integer(7).into()]));
    assert_eq!(log.lock().unwrap().iter().map(|asked| asked.unit).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn a_range_with_a_hole_is_halved_until_the_hole_stands_alone() {
    // Register 5 is not there.
    let reply = |asked: &Asked| {
        let (start, len) = asked.span();
        let is_legal = !(start..start + len).contains(&5);
        says(asked.frame(&if is_legal { asked.registers() } else { asked.refused(2) }))
    };
    let (address, log) = device(reply).await;
    let place = place(address, 1);
    let mut session = connect(&place).await.unwrap();
    let texts: Vec<String> = (1..=16).map(|at| format!("400{at:02}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut last = Vec::new();
    for _ in 0..5 {
        last = read(&mut session, &place, &texts).await.unwrap();
    }
    let bad: Vec<_> = last.iter().enumerate().filter(|(_, found)| matches!(found, Found::Bad(_))).collect();
    let [(5, Found::Bad(trouble))] = bad[..] else { panic!("{bad:?}") };
    assert_eq!((trouble.blame, trouble.code), (Blame::Tag, "TG-MB-010"));
    assert!(trouble.message.contains("400006 to 400006"), "{trouble}");
    assert_eq!(last[6], Value::Integer(6).into());
    let asked = log.lock().unwrap().len();
    read(&mut session, &place, &texts).await.unwrap();
    assert_eq!(log.lock().unwrap().len() - asked, 5, "four ranges that are whole, and the hole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_closes_after_each_answer_is_read_each_time() {
    let reply = |heard: &Asked| Reply { bytes: heard.frame(&heard.registers()), hangs_up: true };
    let (address, log) = device(reply).await;
    // What takes one request; what takes two is cut off between them each time.
    let mut one = asked(1, format!("tcp://{address}/1"));
    let mut scan = one.groups[0].clone();
    scan.tags.truncate(1);
    one.groups = vec![scan].into();
    let wired = Wired::start(vec![one]);
    until("it is read", || wired.shelf.samples.lock().unwrap().len() >= 10).await;
    let shelf = wired.shelf.clone();
    wired.stop().await;
    let samples = shelf.samples.lock().unwrap();
    let mut points = samples.iter().flat_map(|sample| &sample.points);
    assert!(points.all(|point| point.quality == Quality::Good), "{samples:?}");
    assert!(log.lock().unwrap().len() >= samples.len());
}

#[tokio::test]
async fn a_wrong_order_of_words_is_another_number_and_no_fault() {
    // 21.5 as a device writes it whose manual says ABCD.
    let reply = |asked: &Asked| says(asked.frame(&[3, 4, 0x41, 0xac, 0, 0]));
    let (address, _) = device(reply).await;
    let place = place(address, 1);
    let mut session = connect(&place).await.unwrap();
    for (text, value) in [("40001:FLOAT", 21.5), ("40001:FLOAT:CDAB", f64::from(f32::from_bits(0x41ac)))] {
        assert_eq!(read(&mut session, &place, &[text]).await, Ok(vec![Value::Real(value).into()]), "{text}");
    }
}
