// The switch as a form, and back.
import { expect, test } from "vitest";
import type { DeadLetterDescription, DeadLetterSettings } from "../../../api/dead_letters";
import type { ProblemDetails } from "../../../api/problem";
import {
  delays,
  formOf,
  groupKey,
  inForce,
  isRequest,
  objectionOf,
  requestOf,
  withEdit,
} from "./switch_edit";

const SETTINGS: DeadLetterSettings = {
  enabled: true,
  attempts: 5,
  delay_ms: 1_000,
  backoff: 2,
  delay_ms_max: 600_000,
  topic: null,
};

test("a form that nobody touched asks for what is in force", () => {
  const form = formOf(SETTINGS);
  expect(form).toMatchObject({ attempts: "5", delay_ms: "1 s", delay_ms_max: "10 min", topic: "" });
  expect(requestOf(form)).toEqual(SETTINGS);
  expect(requestOf(formOf({ ...SETTINGS, backoff: 1.5, topic: "dead" }))).toEqual({
    ...SETTINGS,
    backoff: 1.5,
    topic: "dead",
  });
});

test("what is no number is told from what the server may refuse", () => {
  const form = formOf(SETTINGS);
  const wrong = requestOf({ ...form, attempts: "many", delay_ms: "soon", backoff: "x" });
  expect(isRequest(wrong)).toBe(false);
  expect(Object.keys(wrong)).toEqual(["attempts", "delay_ms", "backoff"]);
  const refusedLater = requestOf({ ...form, attempts: "0", delay_ms: "99 d" });
  expect(isRequest(refusedLater)).toBe(true);
});

test("an edit typed back is none", () => {
  const form = formOf(SETTINGS);
  const edits = withEdit(form, {}, "attempts", "7");
  expect(edits).toEqual({ attempts: "7" });
  expect(withEdit(form, edits, "attempts", "5")).toEqual({});
  expect(withEdit(form, edits, "enabled", false)).toEqual({ attempts: "7", enabled: false });
});

test("a group has its own switch or the topic's", () => {
  const own = { ...SETTINGS, attempts: 2 };
  const described: DeadLetterDescription = { ...SETTINGS, from: "topic", groups: { billing: own } };
  expect(inForce(described, "billing")).toEqual({ settings: own, isOwn: true });
  expect(inForce(described, "audit")).toEqual({ settings: described, isOwn: false });
  expect(inForce(described, undefined).isOwn).toBe(true);
  expect(inForce({ ...described, from: "default" }, undefined).isOwn).toBe(false);
});

test("the delays grow to their limit, and none follows the last delivery", () => {
  const cases: [Partial<DeadLetterSettings>, number[]][] = [
    [{}, [1_000, 2_000, 4_000, 8_000]],
    [{ attempts: 1 }, []],
    [{ attempts: 0 }, []],
    [{ attempts: 4, delay_ms_max: 1_500 }, [1_000, 1_500, 1_500]],
    [{ attempts: 4, backoff: 1.5, delay_ms: 1 }, [1, 2, 2]],
    [{ attempts: 3, delay_ms: 0 }, [0, 0]],
  ];
  for (const [changed, expected] of cases) {
    expect(delays({ ...SETTINGS, ...changed })).toEqual(expected);
  }
  expect(delays({ ...SETTINGS, attempts: 1_000_000 })).toHaveLength(99);
});

test("a refusal stands at the field it names", () => {
  const problem = (detail: string, code = "INVALID_CONFIG"): ProblemDetails => ({
    title: "",
    detail,
    code,
    outcome: "not_done",
    retriable: false,
    status: 400,
  });
  const fields = (detail: string) => Object.keys(objectionOf(problem(detail)) ?? {});
  expect(fields("`0` is no value of attempts: it is a number from 1 to 100")).toEqual(["attempts"]);
  expect(fields("`9` is no value of delay_ms_max: it is")).toEqual(["delay_ms_max"]);
  expect(fields("delay_ms, 9, is longer than delay_ms_max, 8: raise the one")).toEqual([
    "delay_ms",
  ]);
  expect(fields("something else")).toEqual([]);
  expect(objectionOf(problem("`0` is no value of attempts", "NO_QUORUM"))).toBeUndefined();
});

test("a group's key is written as the server writes it", () => {
  expect(groupKey("billing-2.eu_x")).toBe("rampart.dead.letter.group.billing-2.eu_x");
  expect(groupKey("a b/ä")).toBe("rampart.dead.letter.group.a%20b%2F%C3%A4");
});
