//! The whole way: from the outbox to a robot that is good and bad in turn.

use crate::robot;
use crate::stub::{Manner, Stub};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidegate_connector_robots::Vendor;
use tidegate_kernel_journal::{DataFolder, Id, SystemClock};
use tidegate_service_notice::{Change, ChannelConfig, Config, Notice, Notices, Severity, Zone};
use tokio::runtime::Handle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_robot_that_fails_first_gets_each_alarm_and_the_account_closes() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let ok = Manner::Says("200 OK", "{\"errcode\":0,\"errmsg\":\"ok\"}");
    let stub = Stub::start(vec![
        Manner::Says("500 Oops", ""),
        Manner::Closes("HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{\"errc"),
        ok,
    ])
    .await;
    let config = Config { retry_base_ms: 5, retry_cap_ms: 10, ..Config::default() };
    let notices = Notices::open(folder.queues().clone(), Arc::new(SystemClock), config, Zone::utc());
    let own = ChannelConfig { name: "ops".to_owned(), severities: Severity::ALL.to_vec(), tells_ends: true };
    let courier = Arc::new(robot(Vendor::Wecom, &stub, None));
    notices.start_channel(own, courier, &Handle::current()).unwrap();
    let notice = Notice {
        id: Id::v7(1_784_000_000_000),
        change: Change::Raised,
        severity: Severity::Critical,
        at_ms: 1_784_000_000_000,
        alarm: "boiler".to_owned(),
        origin: "line/7/temp".to_owned(),
        value: "93.5".to_owned(),
        text: "温度过高 <@all>".to_owned(),
        by: String::new(),
    };
    let outbox = notices.outbox().clone();
    let posted = notice.clone();
    tokio::task::spawn_blocking(move || outbox.post(&posted).unwrap()).await.unwrap();
    let settled = async {
        while notices.accounts()[0].sent == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, settled).await.unwrap();
    let (account, seen) = (notices.accounts().remove(0), stub.seen());
    assert_eq!((account.notices, account.sent, account.waiting, account.difference), (1, 1, 0, 0));
    assert_eq!((account.state.messages_sent, account.state.messages_failed, seen.len()), (1, 2, 3));
    assert!(seen.iter().all(|(_, body)| body.contains(&notice.id.to_string()) && !body.contains("<@all>")));
    let receipt = notices.test("ops").await.unwrap();
    assert_eq!(receipt.answer, "200 {\"errcode\":0,\"errmsg\":\"ok\"}");
    folder.close();
}
