//! A disk that is full up to its reserve: writes are refused with a clear error, reads go on, and
//! everything works again when space is back. On a tmpfs of its own, which takes root to mount.

use std::io::Write;
use std::process::Command;

use rampart_api::client::ClientError;
use rampart_api::model::error_code::ErrorCode;

use super::*;

/// A file system of 256 MiB, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount, unless the tests were told to require it.
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256m", "tmpfs"])
            .arg(dir.path())
            .status()
            .is_ok_and(|status| status.success());
        if mounted {
            return Some(SmallDisk(dir));
        }
        let required = std::env::var("RAMPART_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|what| what == "loop"), "mount is required, and refused");
        // Past the test runner, which hides what a passing test prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED, loop does not work here: mount is refused");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Failing leaves a mount behind in a temporary directory, which the next boot clears.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_goes_on_reading() {
    let Some(disk) = SmallDisk::mount() else { return };
    let data_dir = disk.0.path().join("node");
    let reserve = (100u64 << 20).to_string();
    let settings = [
        ("storage.disk_reserve_bytes_min", reserve.as_str()),
        ("storage.disk_reserve_percent", "0"),
    ];
    let one = OneNode::start(&data_dir, &settings).await;
    one.create("letters").await;
    one.produce("letters", "1").await.unwrap();

    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1u8; 180 << 20]).unwrap();
    eventually("a write is refused", || async { one.produce("letters", "2").await.is_err() }).await;
    let refused = one.produce("letters", "2").await.unwrap_err();
    let ClientError::Problem { status, body } = refused else { panic!("{refused}") };
    assert_eq!((status, body.code), (507, ErrorCode::StorageFull), "{}", body.detail);
    assert_eq!(one.values("letters").await[0], "1");

    std::fs::remove_file(&ballast).unwrap();
    eventually("writes are taken again", || async { one.produce("letters", "3").await.is_ok() })
        .await;
    one.node.stop().await;
}
