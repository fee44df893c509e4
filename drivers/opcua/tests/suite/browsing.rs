//! What a server has, along a glob.

use crate::asyncua::{Server, python};
use crate::desk::Desk;
use crate::shared::counterpart::free_port;
use crate::shared::rig::{LIMIT, dial};
use serde_json::json;
use tidegate_driver_opcua::{Browsed, Glob};
use tidegate_service_plant::Type;

async fn browse(desk: &Desk, server: &Server, glob: &str, many: usize) -> Browsed {
    let place = desk.place(&format!("{}?security=None", server.url()));
    let glob = Glob::new(glob).unwrap();
    desk.driver.browse(&dial(None), &place, &glob, many, LIMIT).await.unwrap()
}

fn told(browsed: &Browsed) -> Vec<(&str, &str)> {
    browsed.leaves.iter().map(|leaf| (&*leaf.path, &*leaf.address)).collect()
}

#[tokio::test]
async fn variables_are_found_by_their_path_with_the_address_a_tag_would_have() {
    let test = "browsing::variables_are_found_by_their_path_with_the_address_a_tag_would_have";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let all = browse(&desk, &server, "Objects/Line/*", 100).await;
    let mut found = told(&all);
    found.sort_unstable();
    let expected = [
        ("Objects/Line/1001", "ns=2;i=1001:INTEGER"),
        ("Objects/Line/Big", "ns=2;s=Line.Big:INTEGER"),
        ("Objects/Line/Count", "ns=2;s=Line.Count:INTEGER"),
        ("Objects/Line/Recipe", "ns=2;s=Line.Recipe:TEXT"),
        ("Objects/Line/Running", "ns=2;s=Line.Running:BOOLEAN"),
        ("Objects/Line/Speed", "ns=2;s=Line.Speed"),
        ("Objects/Line/Temp", "ns=2;s=Line.Temp"),
        ("Objects/Line/Window", "ns=2;s=Line.Window"),
    ];
    assert_eq!(found, expected);
    let of = |name: &str| all.leaves.iter().find(|leaf| leaf.path.ends_with(name)).unwrap().of;
    assert_eq!((of("Temp"), of("Window")), (Some(Type::Real), None), "an array is no tag");
    let deep = browse(&desk, &server, "**/Line/T*", 100).await;
    assert_eq!(told(&deep), [("Objects/Line/Temp", "ns=2;s=Line.Temp")]);
    let few = browse(&desk, &server, "Objects/Line/*", 3).await;
    assert_eq!((few.leaves.len(), few.is_cut, all.is_cut), (3, true, false));
    assert_eq!(told(&browse(&desk, &server, "Objects/Press/*", 100).await), []);
    assert_eq!(server.sessions(), [4, 4, 0], "each look was closed");
}
