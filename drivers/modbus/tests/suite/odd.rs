//! Answers that are none, and what is made of them.

use crate::pymodbus::{at, python, server};
use crate::shared::counterpart::free_port;
use crate::shared::rig::{LIMIT, Rig, device as device_of, total, values};
use crate::stub::{Asked, Reply, addresses, connect, device, place, read};
use std::net::SocketAddr;
use std::time::Duration;
use tidegate_driver_modbus::{Modbus, Place, Session};
use tidegate_service_plant::{Blame, Driver, Fate, Found, Limit, Quality, Trouble, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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
    let plan = Modbus.plan(&session, &addresses(&["40001"]), LIMIT.0);
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

/// What a device says of which some registers are not there.
fn holed(is_hole: impl Fn(u16) -> bool, hangs_up: bool) -> impl Fn(&Asked) -> Reply {
    move |asked| {
        let (start, len) = asked.span();
        let pdu = if (start..start + len).any(&is_hole) { asked.refused(2) } else { asked.registers() };
        Reply { bytes: asked.frame(&pdu), hangs_up }
    }
}

/// The registers of `found` that are bad, and of each other one its value.
fn holes(found: &[Found]) -> Vec<usize> {
    let is_bad = |(at, found): &(usize, &Found)| match found {
        Found::Bad(trouble) => {
            assert_eq!((trouble.blame, trouble.code), (Blame::Tag, "TG-MB-010"), "{at}");
            true
        }
        good => {
            assert_eq!(**good, Value::Integer(*at as i64).into());
            false
        }
    };
    found.iter().enumerate().filter(is_bad).map(|(at, _)| at).collect()
}

/// Reads so many registers from the first one on.
async fn read_first(session: &mut Session, place: &Place, many: usize) -> Vec<Found> {
    let texts: Vec<String> = (1..=many).map(|at| format!("4{at:04}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    read(session, place, &texts).await.unwrap()
}

#[tokio::test]
async fn a_range_with_a_hole_is_halved_until_the_hole_stands_alone() {
    let (address, log) = device(holed(|at| at == 5, false)).await;
    let place = place(address, 1);
    let mut session = connect(&place).await.unwrap();
    let found = read_first(&mut session, &place, 16).await;
    assert_eq!(holes(&found), [5]);
    assert!(matches!(&found[5], Found::Bad(trouble) if trouble.message.contains("400006 to 400006")));
    let asked = log.lock().unwrap().len();
    read_first(&mut session, &place, 16).await;
    assert_eq!(log.lock().unwrap().len() - asked, 5, "four ranges that are whole, and the hole");
}

#[tokio::test]
async fn a_device_that_closes_after_each_answer_has_two_holes_found_in_each_read() {
    let (address, _) = device(holed(|at| [3, 77].contains(&at), true)).await;
    let place = place(address, 1);
    for _ in 0..3 {
        let mut session = connect(&place).await.unwrap();
        assert_eq!(holes(&read_first(&mut session, &place, 125).await), [3, 77]);
    }
}

#[tokio::test]
async fn of_many_holes_a_read_looks_for_some_and_later_ones_for_the_rest() {
    let (address, log) = device(holed(|at| at % 2 == 1, false)).await;
    let place = place(address, 1);
    let mut session = connect(&place).await.unwrap();
    let mut found = read_first(&mut session, &place, 64).await;
    assert!(holes(&found).len() > 32, "not all at once");
    assert!(log.lock().unwrap().len() <= 2 * 16 + 1);
    // 63 ranges are to be halved, 16 at a time.
    for _ in 0..3 {
        found = read_first(&mut session, &place, 64).await;
    }
    assert_eq!(holes(&found), (0..32).map(|at| 2 * at + 1).collect::<Vec<_>>());
}

/// In front of a server: each connection is closed behind one answer.
async fn closing(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(server).await.unwrap();
            tokio::spawn(async move {
                let (mut request, mut answer) = ([0; 300], [0; 300]);
                let asked = near.read(&mut request).await?;
                far.write_all(&request[..asked]).await?;
                let answered = far.read(&mut answer).await?;
                near.write_all(&answer[..answered]).await
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_closes_after_each_answer_is_read_whole_each_time_and_written_to() {
    let test = "odd::a_device_that_closes_after_each_answer_is_read_whole_each_time_and_written_to";
    let Some(python) = python(test) else { return };
    let port = free_port();
    let _server = server(&python, port, None);
    let address = closing(at(port)).await;
    // Three requests each time.
    let tags = [("count", "40001"), ("temp", "40021:FLOAT"), ("running", "00004")];
    let mut rig =
        Rig::over(Modbus, vec![device_of("unit-1", "modbus", &format!("tcp://{address}/1"), &tags)]);
    for _ in 0..10 {
        let points = rig.points().await;
        let expected =
            [("count", Value::Integer(100)), ("temp", Value::Real(21.5)), ("running", Value::Boolean(true))];
        assert_eq!(values(&points), expected);
        assert!(points.iter().all(|point| point.quality == Quality::Good), "{points:?}");
    }
    let written = rig.write("unit-1", "count", Value::Integer(7)).await;
    assert_eq!((written.fate, written.after), (Fate::Confirmed, Some(Value::Integer(7))));
    let plant = rig.end().await;
    let reads = total(&plant, "tidegate_plant_cycles_total", &[("outcome", "good")]);
    assert!(total(&plant, "tidegate_plant_connections_total", &[]) >= 3 * reads, "each is counted");
}

#[tokio::test]
async fn a_connection_that_is_closed_without_an_answer_is_not_made_anew_again() {
    let reply = |heard: &Asked| match heard.span() {
        (0, _) => Reply { bytes: heard.frame(&heard.registers()), hangs_up: true },
        _ => Reply { bytes: Vec::new(), hangs_up: true },
    };
    let (address, log) = device(reply).await;
    let place = place(address, 1);
    let mut session = connect(&place).await.unwrap();
    let trouble = read(&mut session, &place, &["40001", "40021", "40041"]).await.unwrap_err();
    assert_eq!((trouble.blame, trouble.code), (Blame::Connection, "TG-MB-013"));
    assert_eq!(log.lock().unwrap().iter().map(|asked| asked.span().0).collect::<Vec<_>>(), [0, 20]);
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
