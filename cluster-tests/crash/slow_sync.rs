//! A library, loaded before the system's, that makes syncs slow, so that a cut mostly falls into one,
//! or that makes a disk lie: it says that it synced and did not. The second shows that the cuts find
//! what they are for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rampart_cluster_tests::harness::machine::tool;

/// Names the longest delay, in microseconds, to the library.
pub(crate) const DELAY: &str = "SLOW_SYNC_US";

/// Set for a disk that lies.
pub(crate) const LIES: &str = "SYNC_LIES";

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static void wait_some(void) {
    const char *text = getenv("SLOW_SYNC_US");
    unsigned most = text ? (unsigned)atoi(text) : 0;
    if (most) usleep((unsigned)random() % most);
}
#define SHIM(name) int name(int fd) { \
    if (getenv("SYNC_LIES")) return 0; \
    wait_some(); \
    int result = ((int (*)(int))dlsym(RTLD_NEXT, #name))(fd); \
    wait_some(); \
    return result; }
SHIM(fsync)
SHIM(fdatasync)
"#;

/// Compiles the library into a folder; takes a C compiler.
pub(crate) fn build(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("slow_sync.c"), folder.join("slow_sync.so"));
    std::fs::write(&source, SOURCE)?;
    let args = ["-shared", "-fPIC", "-o"].map(OsStr::new);
    tool("cc", &[&args[..], &[library.as_ref(), source.as_ref(), "-ldl".as_ref()]].concat())?;
    Ok(library)
}
