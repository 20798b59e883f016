#!/usr/bin/env bash
# Apache Kafka on this machine: three nodes on loopback, each of them broker and controller, topics
# with three replicas of which two must have a record before it is acknowledged. As it comes out of
# the box otherwise, heap included (KAFKA_HEAP).
#   kafka.sh show                      version, heap, Java, servers: a line each
#   kafka.sh prepare FOLDER            configurations and fresh storage of the nodes in FOLDER
#   kafka.sh node FOLDER N             becomes node N, 1 to 3, on the storage it has
#   kafka.sh start FOLDER              starts all three in the background, until they are ready
#   kafka.sh stop FOLDER               stops them
#   kafka.sh tool CLASS ARGUMENT…      becomes one of Kafka's own programs
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/place.sh"

# Numbers with a point, whatever the language here is.
export LC_ALL=C
nodes=(1 2 3)
cluster_id=cmFtcGFydC1iZW5jaC12cw
heap=${KAFKA_HEAP:--Xmx1G -Xms1G}
# What Kafka's own start scripts set.
jvm="-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35
    -XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true"

client_address() { echo "127.0.0.1:$((19091 + $1))"; }
controller_address() { echo "127.0.0.1:$((19191 + $1))"; }

servers() {
    local all=() node
    for node in "${nodes[@]}"; do all+=("$(client_address "$node")"); done
    (IFS=,; echo "${all[*]}")
}

show() {
    local java
    java=$(java -version 2>&1 | head -n 1)
    printf '%s\n' "$version" "$heap" "${java//\"/}" "$(servers)"
}

java_with() { # OPTIONS LEVEL CLASS ARGUMENT…
    local options=$1 level=$2
    shift 2
    # shellcheck disable=SC2086
    exec java $options -Dlevel="$level" -Dlog4j2.configurationFile="$here/log4j2.xml" \
        -cp "$lib/*" "$@"
}

tool() { java_with -Xmx512M WARN "$@"; }

# Files of a deleted topic go soon rather than in a minute, so that one load doesn't pay for the
# load before.
configuration() { # FOLDER NODE
    local voters=() node
    for node in "${nodes[@]}"; do voters+=("$node@$(controller_address "$node")"); done
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$(IFS=,; echo "${voters[*]}")
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://$(client_address "$2"),CONTROLLER://$(controller_address "$2")
advertised.listeners=PLAINTEXT://$(client_address "$2")
log.dirs=$1/node-$2
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
log.segment.delete.delay.ms=1000
PROPERTIES
}

prepare() { # FOLDER
    local node pid pids=()
    mkdir -p "$1"
    rm -rf "$1"/node-*
    for node in "${nodes[@]}"; do
        configuration "$1" "$node" >"$1/node-$node.properties"
        tool kafka.tools.StorageTool format -t "$cluster_id" -c "$1/node-$node.properties" \
            >>"$1/node-$node.log" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
}

know_each_other() {
    local node
    for node in "${nodes[@]}"; do
        kcat -b "$(client_address "$node")" -L -m 2 2>/dev/null |
            grep -q "^ ${#nodes[@]} brokers:" || return 1
    done
}

start() { # FOLDER
    local node
    for node in "${nodes[@]}"; do
        setsid "$0" node "$1" "$node" </dev/null >>"$1/node-$node.log" 2>&1 &
        echo $! >"$1/node-$node.pid"
    done
    for _ in {1..120}; do
        know_each_other && return 0
        sleep 0.5
    done
    echo "kafka: not ready after a minute; $1 has the logs" >&2
    exit 1
}

stop() { # FOLDER
    local file pid pids=()
    for file in "$1"/node-*.pid; do
        [ -e "$file" ] || continue
        pids+=("$(<"$file")")
        rm "$file"
    done
    kill "${pids[@]}" 2>/dev/null || true
    for pid in "${pids[@]}"; do
        for _ in {1..300}; do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    done
}

command=${1:-}
shift || true
case $command in
    show) show ;;
    prepare) prepare "${1:?a folder}" ;;
    node) java_with "$heap $jvm" INFO kafka.Kafka "${1:?a folder}/node-${2:?a node}.properties" ;;
    start) start "${1:?a folder}" ;;
    stop) stop "${1:?a folder}" ;;
    tool) tool "$@" ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac
