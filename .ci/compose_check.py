"""Checks a compose file without Docker: what the compose schema and this project demand of it."""

import sys

import yaml

SERVICE_KEYS = {
    "image", "build", "command", "environment", "ports", "volumes", "healthcheck", "restart",
    "stop_grace_period", "read_only", "cap_drop", "security_opt", "ulimits", "depends_on",
}
TOP_KEYS = {"name", "services", "volumes", "networks"}


def faults(compose):
    top = {key for key in compose if not key.startswith("x-")}
    yield from (f"unknown key {key}" for key in top - TOP_KEYS)
    services = compose["services"]
    volumes = compose.get("volumes", {})
    published = []
    if len(services) != 3:
        yield f"{len(services)} services, not three nodes"
    for name, service in services.items():
        yield from (f"{name}: unknown key {key}" for key in service.keys() - SERVICE_KEYS)
        if "image" not in service:
            yield f"{name}: no image"
        check = service.get("healthcheck", {}).get("test")
        if not check or check[0] not in ("CMD", "CMD-SHELL"):
            yield f"{name}: no health check"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if not source.startswith((".", "/")) and source not in volumes:
                yield f"{name}: volume {source} is not declared"
        for port in service.get("ports", []):
            if not str(port).startswith("127.0.0.1:"):
                yield f"{name}: port {port} is published beyond loopback, without authentication"
            published.append(str(port).rsplit(":", 1)[0])
        for variable, value in service.get("environment", {}).items():
            if variable.endswith("_ADVERTISE") and not value.startswith(f"{name}:"):
                yield f"{name}: {variable} names another service: {value}"
        for at, word in enumerate(service["command"]):
            if word == "--join":
                for peer in service["command"][at + 1].split(","):
                    if peer.split(":")[0] not in services:
                        yield f"{name}: joins {peer}, which is not a service"
    if len(published) != len(set(published)):
        yield "two services publish the same port"
    if sum("--bootstrap" in service["command"] for service in services.values()) != 1:
        yield "exactly one node creates the cluster"


if __name__ == "__main__":
    found = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            found += [f"{path}: {fault}" for fault in faults(yaml.safe_load(file))]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    sys.exit(1 if found else 0)
