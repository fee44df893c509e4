//! Java archives: a generated `pom.xml` names the packages, Maven copies them and all they need into one folder.
//!
//! The row's program is a small script that runs a main class with all of them, so that a test starts, kills and asks a Java
//! server with one path: `PROGRAM main.Class ARGS`. It becomes the Java process, whose pid is then its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::super::Depot;
use super::super::table::Counterpart;
use super::debian::{install_as_root, system_folders};
use super::{Log, programs};

/// A server among tests is small, and starts often.
const JAVA_OPTIONS: &str = "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1";
/// What Debian calls the two programs that are needed, where they are missing.
const NEEDS: &[(&str, &str)] = &[("java", "default-jre-headless"), ("mvn", "maven")];

pub(super) fn install(depot: &Depot, row: &Counterpart, log: &Log) -> Result<()> {
    let missing = NEEDS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package);
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        install_as_root(&missing, log)?;
    }
    let folder = depot.path(&format!("maven/{}", row.name));
    // Archives of another version beside these would be loaded as well.
    let _not_there_yet = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("pom.xml"), pom(row.packages)?).context("cannot write a pom.xml")?;
    let mut copy = Command::new("mvn");
    copy.current_dir(&folder).args(["--batch-mode", "--quiet", "dependency:copy-dependencies"]);
    log.run(copy.args(["-DincludeScope=runtime", "-DoutputDirectory=lib"]))?;
    let archives = folder.join("lib");
    programs(row).iter().try_for_each(|program| write_script(depot, program, &archives.display().to_string()))
}

fn is_there(program: &str) -> bool {
    system_folders().iter().any(|folder| folder.join(program).is_file())
}

/// A project of nothing but dependencies, `group:artifact:version` each.
fn pom(packages: &[&str]) -> Result<String> {
    let mut dependencies = String::new();
    for package in packages {
        let parts: Vec<&str> = package.split(':').collect();
        let [group, artifact, version] = parts[..] else { bail!("{package} is no group:artifact:version") };
        dependencies += &format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        );
    }
    Ok(format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n\
         <groupId>counterpart</groupId><artifactId>counterpart</artifactId><version>1</version><packaging>pom</packaging>\n\
         <dependencies>\n{dependencies}</dependencies>\n</project>\n"
    ))
}

fn write_script(depot: &Depot, program: &str, archives: &str) -> Result<()> {
    let folder = depot.path("maven/bin");
    fs::create_dir_all(&folder)?;
    let script = folder.join(program);
    let text = format!("#!/bin/sh\nexec java {JAVA_OPTIONS} -cp '{archives}/*' \"$@\"\n");
    fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_a_dependency_and_what_has_no_version_is_refused() {
        let text = pom(&["org.apache.kafka:kafka_2.13:4.1.2"]).expect("it has three parts");
        assert!(text.contains("<artifactId>kafka_2.13</artifactId><version>4.1.2</version>"));
        assert!(pom(&["org.apache.kafka:kafka_2.13"]).is_err());
    }
}
