// Filtering, sorting, and what the health adds.
import { expect, test } from "vitest";
import type { ClusterHealth } from "../api/cluster";
import type { TopicSummary } from "../api/topics";
import { type Column, topicRows } from "./topic_rows";

const topic = (name: string, partitions: number, internal = false): TopicSummary => ({
  name,
  partitions,
  internal,
  id: name,
  replication_factor: 3,
});
const TOPICS = [
  topic("orders.eu", 2),
  topic("flights", 12),
  topic("Orders", 4),
  topic("_in", 1, true),
];
const HEALTH: ClusterHealth = {
  status: "degraded",
  problems: [],
  dead_nodes: [],
  moves: 0,
  leaderless_partitions: [{ topic: "Orders", partition: 0 }],
  under_replicated_partitions: [
    { topic: "flights", partition: 0 },
    { topic: "flights", partition: 3 },
  ],
};

function names(text: string, by: Column = "name", isDescending = false, isInternalShown = false) {
  const rows = topicRows(TOPICS, HEALTH, { text, isInternalShown, sorting: { by, isDescending } });
  return rows.map((row) => row.name);
}

test("every word must be in the name, in any case", () => {
  expect(names("")).toEqual(["flights", "Orders", "orders.eu"]);
  expect(names("ORD")).toEqual(["Orders", "orders.eu"]);
  expect(names(" eu ord ")).toEqual(["orders.eu"]);
  expect(names("nothing")).toEqual([]);
});

test("internal topics are shown only when wanted", () => {
  expect(names("_in")).toEqual([]);
  expect(names("_in", "name", false, true)).toEqual(["_in"]);
});

test("rows are sorted by number or by severity, equal ones by name", () => {
  expect(names("", "partitions", true)).toEqual(["flights", "Orders", "orders.eu"]);
  expect(names("", "partitions")).toEqual(["orders.eu", "Orders", "flights"]);
  expect(names("", "state", true)).toEqual(["Orders", "flights", "orders.eu"]);
  expect(names("", "replicas", true)).toEqual(["flights", "Orders", "orders.eu"]);
});

test("without the health nothing is said to be wrong", () => {
  const wish = {
    text: "",
    isInternalShown: true,
    sorting: { by: "name", isDescending: false },
  } as const;
  const rows = topicRows(TOPICS, undefined, wish);
  expect(rows.every((row) => row.leaderless + row.underReplicated === 0)).toBe(true);
});
