// Paths and what they show.
import { expect, test } from "vitest";
import { parse, pathOf, type Route } from "./router";

test("paths are read and written alike", () => {
  const routes: Route[] = [
    { page: "topics" },
    { page: "clients" },
    { page: "topic", topic: "a.b-c_D.dlq" },
  ];
  for (const route of routes) expect(parse(pathOf(route))).toEqual(route);
  expect(parse("/console/")).toEqual({ page: "topics" });
});

test("a path that names nothing is said to", () => {
  for (const path of ["/console/nodes", "/console/topics/a/b", "/console/topics/%E0%A4%A"]) {
    expect(parse(path)).toEqual({ page: "nowhere" });
  }
});
