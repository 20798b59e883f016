// Finding and sorting clients.
import { expect, test } from "vitest";
import type { CastleClient } from "../api/castle";
import { type Column, clientRows } from "./client_rows";

const client = (instance_id: string, changed: Partial<CastleClient>): CastleClient => ({
  client_id: "shop",
  instance_id,
  app: "",
  sdk: "rust 0.1",
  host: "h1",
  rack: "",
  node: 1,
  since_ms: 0,
  silent_ms: 100,
  subscriptions: [],
  stats: { lag: 0, in_flight: 0, records: 0, bytes: 0, errors: 0 },
  ...changed,
});
const stats = (lag: number) => ({ lag, in_flight: 0, records: 0, bytes: 0, errors: 0 });
const CLIENTS = [
  client("b", { stats: stats(5), host: "h2" }),
  client("a", { stats: stats(7), silent_ms: 9_000 }),
  client("c", {
    subscriptions: [
      { role: "consumer", topic: "flights", group: "billing", member: null, held: [1] },
    ],
  }),
];

function found(text: string, by: Column = "client", isDescending = false) {
  return clientRows(CLIENTS, text, { by, isDescending }).map((row) => row.instance_id);
}

test("a client is found by what it is and what it does, every word counting", () => {
  expect(found("")).toEqual(["a", "b", "c"]);
  expect(found("SHOP h2")).toEqual(["b"]);
  expect(found("flights billing consumer")).toEqual(["c"]);
  expect(found("flights producer")).toEqual([]);
});

test("clients are sorted by a number or a name, equal ones by name", () => {
  expect(found("", "lag", true)).toEqual(["a", "b", "c"]);
  expect(found("", "lag")).toEqual(["c", "b", "a"]);
  expect(found("", "silent", true)).toEqual(["a", "b", "c"]);
  expect(found("", "host", true)).toEqual(["b", "a", "c"]);
  expect(found("", "errors", true)).toEqual(["a", "b", "c"]);
});
