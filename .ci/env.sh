# shellcheck shell=sh
# Sourced by the Makefile, the scripts here, and people, from the root of the repository: says where
# the RocksDB archive of this machine is ($rampart_cache) and, once it is there, points cargo at it.
# The archive is keyed by crate version and compiler flags, so it is compiled once per machine and
# never per clone or profile (docs/decisions/0006-rocksdb-archive-cache.md).
rocksdb_version=$(sed -n '/^name = "librocksdb-sys"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
rampart_cache="${RAMPART_CACHE:-$HOME/.cache/rampart}/librocksdb-${rocksdb_version}-$(uname -m)-sse42"
if [ -f "$rampart_cache/librocksdb.a" ]; then
    export ROCKSDB_LIB_DIR="$rampart_cache" ROCKSDB_STATIC=1
fi
