//! The committed code is what its `.proto` says. After a change of the `.proto`: `TIDEGATE_REGENERATE=1 cargo test -p
//! tidegate-service-grpc generated`.

use std::fs;
use std::path::Path;
use tempfile::TempDir;

const COMMITTED: &str = "src/generated/tidegate.ingest.v1.in";

/// Made without protoc.
fn generated(root: &Path) -> String {
    let descriptors = protox::compile(["tidegate/ingest/v1/readings.proto"], [root.join("proto")]).unwrap();
    let folder = TempDir::new().unwrap();
    let builder = tonic_prost_build::configure().build_client(false).build_transport(false).bytes(".");
    builder.out_dir(folder.path()).compile_fds(descriptors).unwrap();
    fs::read_to_string(folder.path().join("tidegate.ingest.v1.rs")).unwrap()
}

#[test]
fn the_committed_code_is_what_the_proto_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = generated(root);
    if std::env::var_os("TIDEGATE_REGENERATE").is_some() {
        fs::write(root.join(COMMITTED), &generated).unwrap();
    }
    let committed = fs::read_to_string(root.join(COMMITTED)).unwrap();
    assert!(committed == generated, "the .proto has changed: run this test with TIDEGATE_REGENERATE=1");
}
