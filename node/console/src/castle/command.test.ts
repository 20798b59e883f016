// Commands, typed and in words.
import { expect, test } from "vitest";
import { commandOf, inWords, type Kind } from "./command";

test("what is typed becomes a command, or none", () => {
  const cases: [Kind, string, unknown][] = [
    ["pause", "ignored", { kind: "pause" }],
    ["exit", "", { kind: "exit" }],
    ["throttle", "0", { kind: "throttle", bytes_per_second: 0 }],
    ["throttle", "fast", undefined],
    ["move", " node:2 ", { kind: "move", to: "node:2" }],
    ["move", "rack:eu", { kind: "move", to: "rack:eu" }],
    ["move", "node:x", undefined],
    ["move", "2", undefined],
    ["reset", "flights", { kind: "reset", topic: "flights" }],
    ["reset", " ", undefined],
  ];
  for (const [kind, text, expected] of cases) {
    expect(commandOf(kind, text), `${kind} ${text}`).toEqual(expected);
  }
});

test("a command is said in words", () => {
  expect(inWords({ kind: "resume" })).toBe("resume");
  expect(inWords({ kind: "throttle", bytes_per_second: 0 })).toBe("throttle: off");
  expect(inWords({ kind: "throttle", bytes_per_second: 2048 })).toBe("throttle to 2.0 KiB/s");
  expect(inWords({ kind: "move", to: "rack:a" })).toBe("move to rack:a");
  expect(inWords({ kind: "reset", topic: "t" })).toBe("reset t");
});
