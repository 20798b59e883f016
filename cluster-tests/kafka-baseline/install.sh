#!/usr/bin/env bash
# Installs what this machine lacks for Apache Kafka (by apt, with sudo where not root), and Kafka
# itself from Maven Central into the cache folder; says so, and is silent when nothing is missing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/place.sh"

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
[ -e "$lib" ] || need mvn maven
need java default-jre-headless
need kcat kcat

if [ "${#missing[@]}" -gt 0 ]; then
    install="apt-get install -y --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "kafka: missing here: ${missing[*]}; install them with this system's packages" >&2
        exit 1
    elif [ "$(id -u)" -eq 0 ]; then
        sudo=()
    elif command -v sudo >/dev/null 2>&1; then
        sudo=(sudo)
    else
        echo "kafka: missing here: ${missing[*]}; as root, run: apt-get update && $install" >&2
        exit 1
    fi
    echo "kafka: installing ${missing[*]} (${sudo[*]} apt-get update && ${sudo[*]} $install)" >&2
    "${sudo[@]}" apt-get update -qq >&2
    # shellcheck disable=SC2086
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive $install >&2
fi

if [ ! -e "$lib" ]; then
    echo "kafka: fetching Apache Kafka $version from Maven Central into $lib (once)" >&2
    rm -rf "$lib.new"
    mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$lib.new" >&2
    mv "$lib.new" "$lib"
fi
