// Order, and how many are asked at once.
import { expect, test } from "vitest";
import { atOnce } from "./at_once";

test("answers are in the order of the questions, and never too many are asked at once", async () => {
  let asking = 0;
  let most = 0;
  const answers = await atOnce([5, 1, 4, 2, 3], 2, async (ticks) => {
    asking += 1;
    most = Math.max(most, asking);
    for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
    asking -= 1;
    return ticks * 10;
  });
  expect(answers).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
  expect(await atOnce([], 2, async (item) => item)).toEqual([]);
});

test("a failure is the failure of all", async () => {
  const failing = atOnce([1, 2, 3], 2, async (item) => {
    if (item === 2) throw new Error("no");
    return item;
  });
  await expect(failing).rejects.toThrow("no");
});
