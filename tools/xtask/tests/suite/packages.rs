//! What `cargo xtask dist` packs: the Debian package in a root of its own, the tarball, the bundle by an independent program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xtask::checks::Outcome;
use xtask::dist::Scratch;
use xtask::dist::bundle::{self, Key, public_of};
use xtask::dist::deb;
use xtask::dist::package::{self, Release};

use crate::fixture::Fixture;
use crate::skips;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn release(version: &str, format: u32) -> Release {
    let program = format!("#!/bin/sh\necho tidegate {version}\n").into_bytes();
    Release { version: version.to_owned(), format, made_s: 1_795_375_050, program }
}

/// The package and the tarball.
fn packed(tree: &Fixture, release: &Release) -> Vec<PathBuf> {
    package::write(release, &repository(), &tree.root).expect("the fixture is writable")
}

/// A system with nothing in it but what dpkg needs.
struct Machine {
    root: PathBuf,
}

impl Machine {
    /// Nothing where there is no dpkg.
    fn new(tree: &Fixture, test: &str) -> Option<Self> {
        if Command::new("dpkg").arg("--version").output().is_err() {
            skips::announce(test, "dpkg is not installed");
            return None;
        }
        let root = tree.root.join("machine");
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(root.join("var/lib/dpkg").join(folder)).expect("the fixture is writable");
        }
        fs::write(root.join("var/lib/dpkg/status"), "").expect("the fixture is writable");
        Some(Self { root })
    }

    fn dpkg(&self, words: &[&str]) -> Output {
        let mut command = Command::new("dpkg");
        command
            .arg(format!("--root={}", self.root.display()))
            .args(["--force-script-chrootless", "--force-not-root"]);
        command
            .args(["--force-architecture", "--log=/dev/null"])
            .args(words)
            .output()
            .expect("it is installed")
    }

    fn install(&self, package: &Path) -> Output {
        self.dpkg(&["--install", package.to_str().expect("a plain path")])
    }

    fn installed(&self, package: &Path) {
        let output = self.install(package);
        assert!(output.status.success(), "{output:?}");
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it is below the root")).expect("writable");
        fs::write(path, text).expect("writable");
    }
}

const DATA: &str = "var/lib/tidegate/FORMAT";
const CONFIG: &str = "etc/tidegate/tidegate.toml";
const PROGRAM: &str = "usr/bin/tidegate";

#[test]
fn a_package_is_installed_upgraded_and_removed_and_leaves_settings_and_data() {
    let test = "packages::a_package_is_installed_upgraded_and_removed_and_leaves_settings_and_data";
    let tree = Fixture::empty();
    let Some(machine) = Machine::new(&tree, test) else { return };
    machine.installed(&packed(&tree, &release("0.1.0", 1))[0]);
    assert!(machine.text(PROGRAM).is_some_and(|text| text.contains("0.1.0")));
    assert!(machine.text("usr/lib/systemd/system/tidegate.service").is_some());
    machine.put(DATA, "1\n");
    machine.put(CONFIG, "[node]\ntime_zone = \"Asia/Shanghai\"\n");
    machine.installed(&packed(&tree, &release("0.2.0", 1))[0]);
    assert!(machine.text(PROGRAM).is_some_and(|text| text.contains("0.2.0")));
    assert!(
        machine.text(CONFIG).is_some_and(|text| text.contains("Asia/Shanghai")),
        "a changed setting is kept"
    );
    assert!(machine.dpkg(&["--remove", "tidegate"]).status.success());
    assert_eq!((machine.text(PROGRAM), machine.text(DATA).as_deref()), (None, Some("1\n")));
    assert!(machine.text(CONFIG).is_some());
    let purged = machine.dpkg(&["--purge", "tidegate"]);
    assert!(String::from_utf8_lossy(&purged.stderr).contains("left in "), "{purged:?}");
    assert_eq!((machine.text(CONFIG), machine.text(DATA).as_deref()), (None, Some("1\n")));
}

#[test]
fn a_package_that_could_not_open_the_data_is_refused_before_it_is_unpacked() {
    let test = "packages::a_package_that_could_not_open_the_data_is_refused_before_it_is_unpacked";
    let tree = Fixture::empty();
    let Some(machine) = Machine::new(&tree, test) else { return };
    machine.installed(&packed(&tree, &release("0.3.0", 2))[0]);
    machine.put(DATA, "2\n");
    let refused = machine.install(&packed(&tree, &release("0.2.0", 1))[0]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("up to format 1, and"), "{said}");
    assert!(said.contains("has format 2"), "{said}");
    assert!(
        machine.text(PROGRAM).is_some_and(|text| text.contains("0.3.0")),
        "the new program is still there"
    );
    assert_eq!(machine.text(DATA).as_deref(), Some("2\n"));
    machine.put(DATA, "1\n");
    machine.installed(&packed(&tree, &release("0.2.0", 1))[0]);
}

#[test]
fn two_runs_pack_the_same_bytes_and_dpkg_deb_reads_them() {
    let (one, other, release) = (Fixture::empty(), Fixture::empty(), release("0.1.0", 1));
    let (first, second) = (packed(&one, &release), packed(&other, &release));
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(fs::read(first).expect("written"), fs::read(second).expect("written"));
    }
    let scratch = Scratch::create(&one.root.join("scratch")).expect("writable");
    let agrees = |package: &Path| deb::agrees(package, &release, &scratch).expect("it can be asked");
    match agrees(&first[0]) {
        Outcome::Skipped(reason) => {
            return skips::announce(
                "packages::two_runs_pack_the_same_bytes_and_dpkg_deb_reads_them",
                &reason,
            );
        }
        outcome => assert!(matches!(outcome, Outcome::Holds(_)), "{outcome:?}"),
    }
    let planted = Release { version: "0.1.1".to_owned(), ..release.clone() };
    let outcome = deb::agrees(&first[0], &planted, &scratch).expect("it can be asked");
    assert!(matches!(outcome, Outcome::Fails(_)), "{outcome:?}");
}

#[test]
fn the_tarball_has_the_same_files_as_the_package() {
    let tree = Fixture::empty();
    let tarball = &packed(&tree, &release("0.1.0", 1))[1];
    let output = Command::new("tar").arg("-tzf").arg(tarball).output().expect("every Debian has tar");
    let listed = String::from_utf8(output.stdout).expect("names are text");
    for path in
        [PROGRAM, CONFIG, "usr/lib/systemd/system/tidegate.service", "usr/share/doc/tidegate/README.md"]
    {
        assert!(listed.lines().any(|line| line == format!("tidegate-0.1.0/{path}")), "{path} in {listed}");
    }
}

/// What openssl says of the signature in a bundle, once `tar` has unpacked it.
fn openssl_agrees(folder: &Path, bundle: &Path, public: &Path) -> bool {
    fs::create_dir_all(folder).expect("writable");
    let script = "tar -xf \"$1\" && base64 -d BUNDLE.sig > sig && \
                  openssl pkeyutl -verify -pubin -inkey \"$2\" -rawin -in BUNDLE -sigfile sig";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(bundle).arg(public).current_dir(folder);
    command.output().expect("there is a shell").status.success()
}

#[test]
fn openssl_makes_the_key_and_verifies_what_it_signed() {
    let tree = Fixture::empty();
    let private = tree.root.join("private.pem");
    let made =
        Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&private).status();
    if !made.is_ok_and(|status| status.success()) {
        return skips::announce(
            "packages::openssl_makes_the_key_and_verifies_what_it_signed",
            "there is no openssl",
        );
    }
    let release = release("0.1.0", 1);
    let packages = packed(&tree, &release);
    let key = Key::read(&private).expect("openssl made it");
    let bundle = bundle::write(&tree.root, &release, &packages, &key).expect("writable");
    assert!(openssl_agrees(&tree.root.join("genuine"), &bundle, &public_of(&bundle)));
    let other = tree.root.join("other.pub.pem");
    fs::write(&other, Key::passing().expect("there is randomness").public_pem()).expect("writable");
    assert!(!openssl_agrees(&tree.root.join("other"), &bundle, &other));
    let error = Key::read(&other).expect_err("a public key signs nothing");
    assert!(error.to_string().contains("no private Ed25519 key"), "{error}");
}
