//! NUT's own server: read, written, killed and back again.

use crate::rig::{PATIENCE, Rig, values};
use crate::server::{self, PASSWORD};
use tidegate_example_nut::{Nut, Place, Session};
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_service_plant::{Blame, Dial, Driver, Found, Limit, Login, Quality, Trouble, Value};
use tokio::time::Instant;

const CHARGE: &str = "battery.charge:REAL";
const LIMIT: Limit = Limit(PATIENCE);

#[tokio::test]
async fn values_of_every_type_come_beside_tags_that_are_not_there() {
    let test = "values_of_every_type_come_beside_tags_that_are_not_there";
    let Some(nut) = server::Nut::new(test) else { return };
    let (_ups, _server) = (nut.ups(), nut.server());
    // More than one message takes, so that the good ones are answered last.
    let mut addresses: Vec<String> = (0..70).map(|at| format!("no.{at}")).collect();
    let there = [CHARGE, "battery.runtime:INTEGER", "ups.status", "ups.mfr:TEXT", "ups.mfr:INTEGER"];
    addresses.extend(there.map(str::to_owned));
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut rig = Rig::over(nut.port, &addresses, PATIENCE);
    let expected = [
        (CHARGE, Value::Real(87.5)),
        ("battery.runtime:INTEGER", Value::Integer(1830)),
        ("ups.status", Value::Text("OL CHRG".into())),
        ("ups.mfr:TEXT", Value::Text("The \"best\" \\ of all".into())),
    ];
    // A UPS that has just begun has values of its own.
    rig.until(CHARGE, Quality::Good).await;
    assert_eq!(values(&rig.sample().await), expected);
    assert!(rig.bad("TG-NU-020") >= 70 && rig.bad("TG-NU-021") >= 1);
    rig.end().await;
}

#[tokio::test]
async fn a_server_that_is_killed_is_bad_and_good_again_when_it_is_back() {
    let test = "a_server_that_is_killed_is_bad_and_good_again_when_it_is_back";
    let Some(nut) = server::Nut::new(test) else { return };
    let (_ups, server) = (nut.ups(), nut.server());
    let mut rig = Rig::over(nut.port, &[CHARGE], PATIENCE);
    rig.until(CHARGE, Quality::Good).await;
    drop(server);
    rig.until(CHARGE, Quality::Bad).await;
    let _server = nut.server();
    rig.until(CHARGE, Quality::Good).await;
    assert!(rig.connections() >= 2);
    rig.end().await;
}

#[tokio::test]
async fn a_ups_that_nobody_watches_any_more_is_bad_and_its_server_stays_connected() {
    let test = "a_ups_that_nobody_watches_any_more_is_bad_and_its_server_stays_connected";
    let Some(nut) = server::Nut::new(test) else { return };
    let (ups, _server) = (nut.ups(), nut.server());
    let mut rig = Rig::over(nut.port, &[CHARGE, "ups.status"], PATIENCE);
    rig.until(CHARGE, Quality::Good).await;
    drop(ups);
    rig.until(CHARGE, Quality::Bad).await;
    assert!(rig.bad("TG-NU-013") >= 2);
    let _ups = nut.ups();
    rig.until(CHARGE, Quality::Good).await;
    assert_eq!(rig.connections(), 1);
    rig.end().await;
}

/// A connection of its own, with this password if there is one, once the UPS is served.
async fn session(port: u16, password: Option<&str>) -> Result<(Place, Session), Trouble> {
    let mut rig = Rig::over(port, &[CHARGE], PATIENCE);
    rig.until(CHARGE, Quality::Good).await;
    rig.end().await;
    let user = "tidegate".to_owned();
    let login = password.map(|password| Login::Password { user, password: password.to_owned() });
    let dial = Dial::new(Dialer::new(Resolver::system(), None).unwrap(), PATIENCE).with_login(login);
    let place = Nut.place(&format!("tcp://127.0.0.1:{port}/dummy")).unwrap();
    let session = Nut.connect(&dial, &place).await?;
    Ok((place, session))
}

#[tokio::test]
async fn what_is_written_is_read_by_the_servers_own_client() {
    let Some(nut) = server::Nut::new("what_is_written_is_read_by_the_servers_own_client") else { return };
    let (_ups, _server) = (nut.ups(), nut.server());
    let (place, mut session) = session(nut.port, Some(PASSWORD)).await.unwrap();
    for (text, value, written) in [
        (CHARGE, Value::Real(42.25), "42.25"),
        ("battery.runtime:INTEGER", Value::Integer(-7), "-7"),
        ("ups.mfr", Value::Text("Ebb & Flow".into()), "Ebb & Flow"),
    ] {
        let address = Nut.address(text).unwrap().0;
        Nut.write(&mut session, &place, &address, &value, LIMIT).await.unwrap();
        // What upsd took, it hands on to the UPS a moment later.
        let (name, deadline) = (text.split(':').next().unwrap(), Instant::now() + PATIENCE);
        while nut.upsc(name) != written {
            assert!(Instant::now() < deadline, "{name} is {}", nut.upsc(name));
        }
    }
    Nut.close(session).await;
}

#[tokio::test]
async fn what_cannot_be_written_is_the_fault_of_its_tag() {
    let Some(nut) = server::Nut::new("what_cannot_be_written_is_the_fault_of_its_tag") else { return };
    let (_ups, _server) = (nut.ups(), nut.server());
    let text = |text: &str| Value::Text(text.into());
    let fit = [("ups.mfr", text("Ebb"))];
    let unfit = [
        ("driver.name", text("mine")),
        ("no.such", text("x")),
        (CHARGE, text("full")),
        (CHARGE, Value::Real(f64::NAN)),
        ("ups.mfr", text("a\nLOGOUT")),
        ("ups.mfr", text("half of \"this\"")),
        ("ups.mfr", text("潮")),
    ];
    for (password, refused) in [(Some(PASSWORD), &unfit[..]), (Some("guessed"), &fit[..]), (None, &fit[..])] {
        let (place, mut session) = session(nut.port, password).await.unwrap();
        for (address, value) in refused {
            let address = Nut.address(address).unwrap().0;
            let trouble = Nut.write(&mut session, &place, &address, value, LIMIT).await.unwrap_err();
            assert_eq!((trouble.blame, trouble.code), (Blame::Tag, "TG-NU-022"), "{trouble}");
        }
        Nut.close(session).await;
    }
    let trouble = session(nut.port, Some("潮")).await.unwrap_err();
    assert_eq!((trouble.blame, trouble.code), (Blame::Connection, "TG-NU-014"));
}

#[tokio::test]
async fn a_ups_that_is_not_there_leaves_the_connection_to_the_others() {
    let Some(nut) = server::Nut::new("a_ups_that_is_not_there_leaves_the_connection_to_the_others") else {
        return;
    };
    let (_ups, _server) = (nut.ups(), nut.server());
    let (place, mut session) = session(nut.port, None).await.unwrap();
    let elsewhere = Nut.place(&format!("tcp://127.0.0.1:{}/nowhere", nut.port)).unwrap();
    let plan = [CHARGE, "ups.status"].map(|text| Nut.address(text).unwrap().0);
    let plan = Nut.plan(&session, &plan, PATIENCE);
    let trouble = Nut.read(&mut session, &elsewhere, &plan, LIMIT).await.unwrap_err();
    assert_eq!((trouble.blame, trouble.code), (Blame::Device, "TG-NU-012"), "{trouble}");
    let found = Nut.read(&mut session, &place, &plan, LIMIT).await.unwrap();
    assert_eq!(found, [Value::Real(87.5), Value::Text("OL CHRG".into())].map(Found::from));
    Nut.close(session).await;
}
