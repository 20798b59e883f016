# Sourced by the Makefile and by people: where the RocksDB archive of this machine is.
# The archive is keyed by crate version and compiler flags, so it is compiled once per machine.
rocksdb_version=$(sed -n '/^name = "librocksdb-sys"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
rampart_cache="${RAMPART_CACHE:-$HOME/.cache/rampart}/librocksdb-${rocksdb_version}-$(uname -m)-sse42"
if [ -f "$rampart_cache/librocksdb.a" ]; then
    export ROCKSDB_LIB_DIR="$rampart_cache" ROCKSDB_STATIC=1
fi
