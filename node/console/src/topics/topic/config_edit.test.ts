// What is sent for which edits.
import { expect, test } from "vitest";
import type { TopicDescription } from "../../api/topics";
import { changesOf, configRows, keyOf, withEdit } from "./config_edit";

const TOPIC = {
  config: { ack: "quorum", "retention.ms": "5000", "segment.bytes": "1024" },
  config_set: ["retention.ms", "newer.key"],
} as unknown as TopicDescription;

test("rows are by key, set or not, known or not", () => {
  const rows = configRows(TOPIC).map((row) => [row.key, row.isSet, row.isUnknown]);
  expect(rows).toEqual([
    ["ack", false, false],
    ["newer.key", true, true],
    ["retention.ms", true, false],
    ["segment.bytes", false, false],
  ]);
});

test("only what differs is sent", () => {
  const edits = { ack: " quorum ", "retention.ms": "6000", "segment.bytes": null };
  expect(changesOf(TOPIC, edits)).toEqual({ "retention.ms": "6000" });
  expect(changesOf(TOPIC, { "retention.ms": null })).toEqual({ "retention.ms": null });
});

test("an edit taken back by hand is none", () => {
  const row = { key: "ack", value: "quorum", isSet: false, isUnknown: false };
  const edited = withEdit({}, row, "all");
  expect(edited).toEqual({ ack: "all" });
  expect(withEdit(edited, row, "quorum")).toEqual({});
  expect(withEdit(edited, row, null)).toEqual({ ack: null });
});

test("the refused key is found in the server's words", () => {
  const problem = {
    code: "INVALID_CONFIG",
    detail: "`x` is no value of `retention.ms`: a number of ms, or -1",
    title: "",
    outcome: "not_done",
    retriable: false,
    status: 400,
  };
  expect(keyOf(problem, ["ack", "retention.ms"])).toBe("retention.ms");
  expect(keyOf(problem, ["ack"])).toBeUndefined();
  expect(keyOf({ ...problem, code: "TIMEOUT" }, ["retention.ms"])).toBeUndefined();
});
