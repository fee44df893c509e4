//! Writes measured lines as Cobertura XML (coverage-04.dtd), as GitLab shows them beside a change.
//!
//! Pure. A package is a crate's folder, a class is a file; paths are relative to the root that stands in `<source>`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::gate::Measure;
use super::lcov::{Files, Lines};
use crate::junit::escape;

pub fn write(files: &Files, made_at_s: u64) -> String {
    let mut packages: BTreeMap<&str, Files> = BTreeMap::new();
    for (path, lines) in files {
        packages.entry(package(path)).or_default().insert(path.clone(), lines.clone());
    }
    let all = Measure::of(files);
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE coverage SYSTEM \"http://cobertura.sourceforge.net/xml/coverage-04.dtd\">\n",
    );
    let _infallible = writeln!(
        xml,
        "<coverage {} lines-covered=\"{}\" lines-valid=\"{}\" branch-rate=\"0\" branches-covered=\"0\" \
         branches-valid=\"0\" complexity=\"0\" version=\"1\" timestamp=\"{made_at_s}\">\n\
         \x20 <sources><source>.</source></sources>\n  <packages>",
        rate(all),
        all.covered,
        all.lines,
    );
    for (name, files) in &packages {
        write_package(&mut xml, name, files);
    }
    xml.push_str("  </packages>\n</coverage>\n");
    xml
}

/// The folder before `src/`.
fn package(path: &str) -> &str {
    path.split_once("/src/").map_or(path, |(folder, _)| folder)
}

fn write_package(xml: &mut String, name: &str, files: &Files) {
    let head =
        format!("name=\"{}\" {} branch-rate=\"0\" complexity=\"0\"", escape(name), rate(Measure::of(files)));
    let _infallible = writeln!(xml, "    <package {head}>\n      <classes>");
    for (path, lines) in files {
        write_class(xml, path, lines);
    }
    xml.push_str("      </classes>\n    </package>\n");
}

fn write_class(xml: &mut String, path: &str, lines: &Lines) {
    let own = Measure::of(&Files::from([(path.to_owned(), lines.clone())]));
    let (path, rate) = (escape(path), rate(own));
    let _infallible = writeln!(
        xml,
        "        <class name=\"{path}\" filename=\"{path}\" {rate} branch-rate=\"0\" complexity=\"0\">\n\
         \x20         <methods/>\n          <lines>"
    );
    for (number, hits) in lines {
        let _infallible = writeln!(xml, "            <line number=\"{number}\" hits=\"{hits}\"/>");
    }
    xml.push_str("          </lines>\n        </class>\n");
}

fn rate(measure: Measure) -> String {
    let rate = if measure.lines == 0 { 0.0 } else { measure.covered as f64 / measure.lines as f64 };
    format!("line-rate=\"{rate:.4}\"")
}
