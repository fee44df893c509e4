//! Who is let in, and who is not.

use super::config::{Anonymous, Entry};
use super::*;
use std::net::SocketAddr;
use tidegate_kernel_plug::{Action, Allowance, PrincipalKind, Role};

fn entry(name: &str, secret: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        proof: register::Digest::of(secret.as_bytes()).to_string(),
        kind: PrincipalKind::Device,
        roles: Vec::new(),
        scopes: vec!["publish:line/7/#".to_owned()],
        allowance: Allowance::default(),
    }
}

fn person(name: &str, password: &str) -> Entry {
    let proof = password::Kept::make(password.as_bytes()).line().to_owned();
    Entry {
        proof,
        kind: PrincipalKind::Person,
        roles: vec![Role::Auditor],
        scopes: Vec::new(),
        ..entry(name, "")
    }
}

fn config() -> Config {
    let tokens = vec![Entry { roles: vec![Role::Operator], ..entry("ada", "t-1") }];
    Config {
        anonymous: Anonymous::Loopback,
        tokens,
        devices: vec![entry("press-7", "s-7"), entry("press-8", "s-8")],
        people: vec![person("lin", "correct horse"), person("mo", "battery staple")],
    }
}

fn knock(peer: &str, listener: &str) -> Knock {
    let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
    Knock { peer: address(peer), listener: address(listener) }
}

fn near() -> Knock {
    knock("127.0.0.1:40000", "127.0.0.1:1883")
}

fn far() -> Knock {
    knock("10.0.0.9:40000", "0.0.0.0:1883")
}

fn secret<'a>(name: &'a str, secret: &'a str) -> Credential<'a> {
    Credential::Secret { name, secret: secret.as_bytes() }
}

#[test]
fn everyone_is_known_by_what_they_show_and_by_nothing_else() {
    let identity = Identity::open(&config()).unwrap();
    let name = |credential| identity.authenticate(credential, far()).map(|principal| principal.name.clone());
    assert_eq!(name(Credential::Token("t-1")).as_deref(), Ok("ada"));
    assert_eq!(name(secret("press-7", "s-7")).as_deref(), Ok("press-7"));
    for unknown in [
        Credential::Token("s-7"),
        Credential::Token(""),
        secret("press-7", "s-8"),
        secret("press-9", "s-7"),
        secret("ada", "t-1"),
        secret("anonymous", ""),
    ] {
        assert_eq!(name(unknown), Err(Unauthenticated::Unknown), "{unknown:?}");
    }
    let page = tidegate_kernel_plug::exposition(&identity.metrics());
    assert!(
        page.contains("tidegate_identity_failed_authentications_total{code=\"TG-ID-002\"} 6\n"),
        "{page}"
    );
    assert!(page.contains("tidegate_identity_authentications_total 2\n"), "{page}");
}

#[test]
fn nobody_in_particular_is_let_in_on_loopback_or_never() {
    let open = Identity::open(&Config::default()).unwrap();
    assert!(open.authenticate(Credential::Anonymous, near()).unwrap().is_anonymous());
    assert!(open.authenticate(Credential::Anonymous, knock("[::1]:1", "[::1]:1883")).is_ok());
    assert_eq!(open.authenticate(Credential::Anonymous, far()), Err(Unauthenticated::Missing));
    let closed = Identity::open(&Config { anonymous: Anonymous::Never, ..Config::default() }).unwrap();
    assert_eq!(closed.authenticate(Credential::Anonymous, near()), Err(Unauthenticated::Missing));
}

#[test]
fn scopes_and_roles_come_with_the_principal() {
    let identity = Identity::open(&config()).unwrap();
    let ada = identity.authenticate(Credential::Token("t-1"), near()).unwrap();
    assert!(ada.has(Role::Operator) && !ada.has(Role::Admin));
    assert_eq!(ada.patterns(Action::Publish).collect::<Vec<_>>(), ["line/7/#"]);
    assert_eq!(ada.patterns(Action::Subscribe).count(), 0);
}

#[test]
fn failed_tries_are_paced_and_known_names_apart_from_each_other() {
    let identity = Identity::open(&config()).unwrap();
    let at = |credential, seconds| identity.find(credential, far(), Duration::from_secs(seconds)).map(drop);
    for _ in 0..20 {
        assert_eq!(at(secret("press-7", "wrong"), 100), Err(Unauthenticated::Unknown));
        assert_eq!(at(Credential::Token("wrong"), 100), Err(Unauthenticated::Unknown));
    }
    let paced = Err(Unauthenticated::TooManyTries { wait: Duration::from_secs(1) });
    assert_eq!(at(secret("press-7", "s-7"), 100), paced);
    assert_eq!(at(secret("nobody", "x"), 100), paced);
    assert_eq!(at(secret("press-8", "s-8"), 100), Ok(()));
    assert_eq!(at(secret("press-7", "s-7"), 101), Ok(()));
    let elsewhere = knock("10.0.0.8:1", "0.0.0.0:1883");
    assert!(identity.find(Credential::Token("t-1"), elsewhere, Duration::from_secs(100)).is_ok());
}

#[test]
fn a_replacement_holds_at_once_and_a_faulty_one_changes_nothing() {
    let identity = Identity::open(&config()).unwrap();
    let known = |name, text| identity.authenticate(secret(name, text), far()).is_ok();
    let mut faulty = config();
    faulty.devices[0].proof = "abc".to_owned();
    assert!(identity.replace(&faulty).is_err() && known("press-7", "s-7"));
    let other = Config { devices: vec![entry("press-9", "s-9")], ..Config::default() };
    identity.replace(&other).unwrap();
    assert!(known("press-9", "s-9") && !known("press-7", "s-7"));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let scoped = |name: &str, scope: &str| Entry { scopes: vec![scope.to_owned()], ..entry(name, name) };
    let faulty = Config {
        tokens: vec![entry("a b", "1"), entry("twice", "2"), entry("other", "2")],
        devices: vec![
            entry("twice", "3"),
            entry("anonymous", "4"),
            Entry { proof: "zz".repeat(32), ..entry("press-1", "5") },
            scoped("press-2", "publish:a/#/b"),
            scoped("press-3", "write:a"),
            Entry { scopes: vec!["publish:a".to_owned(); 65], ..entry("press-4", "6") },
        ],
        ..Config::default()
    };
    let faults = Identity::open(&faulty).unwrap_err();
    let codes: Vec<_> = faults.iter().map(IdentityError::code).collect();
    let name = "TG-ID-010";
    assert_eq!(
        codes,
        [name, name, name, "TG-ID-011", "TG-ID-011", "TG-ID-012", "TG-ID-012", "TG-ID-013"],
        "{faults:?}"
    );
    assert!(faults.iter().all(|fault| !fault.hint().is_empty()));
}

#[test]
fn no_secret_and_no_digest_is_in_the_debug_text() {
    let shown = format!("{:?}", Identity::open(&config()).unwrap());
    assert!(shown.contains("press-7") && !shown.contains(&config().devices[0].proof[..8]), "{shown}");
}

fn login(name: &str, password: &str) -> Login {
    Login { name: name.to_owned(), password: password.to_owned(), knock: far() }
}

#[tokio::test]
async fn a_person_logs_in_with_the_right_password_and_is_known_by_the_session_until_it_ends() {
    let identity = Arc::new(Identity::open(&config()).unwrap());
    let opened = identity.clone().log_in(login("lin", "correct horse")).await.unwrap();
    let who = |cookie: &str| identity.authenticate(Credential::Session(cookie), far());
    assert_eq!(who(&opened.cookie).unwrap().name, "lin");
    assert_eq!(who("another"), Err(Unauthenticated::Unknown));
    // A password opens a session, and nothing else.
    assert_eq!(identity.authenticate(secret("lin", "correct horse"), far()), Err(Unauthenticated::Unknown));
    identity.log_out(&opened.cookie);
    assert_eq!(who(&opened.cookie), Err(Unauthenticated::Unknown));
    let opened = identity.clone().log_in(login("lin", "correct horse")).await.unwrap();
    identity.replace(&Config { people: Vec::new(), ..config() }).unwrap();
    assert_eq!(who(&opened.cookie), Err(Unauthenticated::Unknown), "who is taken out is out");
}

#[tokio::test]
async fn wrong_passwords_lock_the_name_there_and_are_counted() {
    let identity = Arc::new(Identity::open(&config()).unwrap());
    let refused = |name: &'static str, password: &'static str| {
        let identity = identity.clone();
        async move { identity.log_in(login(name, password)).await.map(drop).map_err(|why| why.code()) }
    };
    for _ in 0..5 {
        assert_eq!(refused("lin", "wrong").await, Err("TG-ID-002"));
    }
    assert_eq!(refused("lin", "correct horse").await, Err("TG-ID-005"));
    assert_eq!(refused("nobody", "wrong").await, Err("TG-ID-002"), "as for a name that is known");
    assert_eq!(refused("mo", "battery staple").await, Ok(()));
    let page = tidegate_kernel_plug::exposition(&identity.metrics());
    for sample in [
        "tidegate_identity_failed_authentications_total{code=\"TG-ID-005\"} 1",
        "tidegate_identity_locked_names 1",
        "tidegate_identity_sessions 1",
    ] {
        assert!(page.lines().any(|line| line == sample), "{sample} in {page}");
    }
}

#[test]
fn whoever_audits_does_nothing_else_and_a_password_is_no_digest() {
    let both = Entry { roles: vec![Role::Auditor, Role::Admin], ..person("ada", "correct horse") };
    let config = Config { people: vec![both, entry("bob", "x")], ..Config::default() };
    let codes: Vec<_> = Identity::open(&config).unwrap_err().iter().map(IdentityError::code).collect();
    assert_eq!(codes, ["TG-ID-014", "TG-ID-015"]);
}
