# shellcheck shell=bash
# Sourced by the scripts here: which Kafka, and where it is.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
# shellcheck disable=SC2034
lib="${RAMPART_CACHE:-$HOME/.cache/rampart}/kafka-$version"
