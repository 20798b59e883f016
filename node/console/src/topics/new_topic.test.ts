// From the form to the request, and from the refusal to the field.
import { expect, test } from "vitest";
import type { ProblemDetails } from "../api/problem";
import { type NewTopic, numberObjections, objectionOf, requestOf } from "./new_topic";

const FORM: NewTopic = { name: " flights ", partitions: "4", replicas: "", settings: [] };

const refusal = (code: string, hint?: string): ProblemDetails => ({
  code,
  title: "x",
  detail: "topic flights exists",
  hint: hint ?? null,
  outcome: "not_done",
  retriable: false,
  status: 400,
});

test("what is left empty is left to the server", () => {
  expect(requestOf(FORM, false)).toEqual({
    name: "flights",
    partitions: 4,
    replication_factor: null,
    config: {},
  });
  const settings = [
    { key: "retention.ms", value: "1000 " },
    { key: " ", value: "ignored" },
  ];
  const request = requestOf({ ...FORM, replicas: "2", settings }, true);
  expect(request.config).toEqual({ "retention.ms": "1000" });
  expect([request.replication_factor, request.dry_run]).toEqual([2, true]);
});

test("only what is no number is refused here", () => {
  expect(numberObjections(FORM)).toEqual({});
  for (const text of ["0", "-1", "1.5", "four", "1e3"]) {
    expect(Object.keys(numberObjections({ ...FORM, partitions: text }))).toEqual(["partitions"]);
  }
});

test("a refusal lands at its field, and others stay whole", () => {
  expect(objectionOf(refusal("TOPIC_EXISTS"))).toEqual({ name: "Topic flights exists." });
  expect(objectionOf(refusal("INVALID_CONFIG", "the keys are a, b"))).toEqual({
    settings: "Topic flights exists. The keys are a, b.",
  });
  expect(objectionOf(refusal("TIMEOUT"))).toBeUndefined();
});
