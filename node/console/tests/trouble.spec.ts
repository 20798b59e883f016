// The topic management page while one of three nodes is dead, with the topic `flights` on all three.
import { expect, expectAccessible, picture, test } from "./browser";

test("a dead node is seen in the list, in the topic, and at its replicas", async ({ page }) => {
  await page.goto("/console/topics");
  const flights = page.getByRole("row", { name: /^flights/ });
  await expect(flights.getByText("4 under-replicated")).toBeVisible();
  await expect(page.getByText("Degraded")).toBeVisible();
  await picture(page, "topics-node-down");

  await page.getByRole("link", { name: "flights" }).click();
  await expect(page.getByText("4 partitions under-replicated")).toBeVisible();
  await expect(page.getByRole("cell", { name: "2 of 3" })).toHaveCount(4);
  await page.getByLabel("Only the 4 with trouble").check();
  await page.getByRole("button", { name: "Replicas of partition 1" }).click();
  const replicas = page.getByRole("table", { name: "Replicas of partition 1" });
  await expect(replicas.getByText("its node is not heard from")).toHaveCount(1);
  await picture(page, "topic-node-down");
  await expectAccessible(page);
});
