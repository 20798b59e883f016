// The topic management page on a sound cluster of three nodes without topics: each test goes on where
// the one before ended.
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, expectAccessible, picture, test } from "./browser";

test.describe.configure({ mode: "serial" });

/** A refused request is a complaint of the browser, too. */
const REFUSED = /status of 4\d\d/;

const row = (page: Page, name: string | RegExp) => page.getByRole("row", { name });
const dialog = (page: Page) => page.getByRole("dialog");

async function produce(request: APIRequestContext, topic: string, count: number) {
  const records = Array.from({ length: count }, (_, n) => ({ value: { number: n } }));
  const answer = await request.post(`/v1/topics/${topic}/records?ack=-1`, { data: { records } });
  expect(answer.ok(), await answer.text()).toBe(true);
}

async function openTopic(page: Page, name: string) {
  await page.goto(`/console/topics/${name}`);
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
}

test("a browser lands on the console, which says that there is nothing yet", async ({ page }) => {
  const answer = await page.goto("/");
  expect(new URL(page.url()).pathname).toBe("/console/");
  const policy = (await answer?.headerValue("content-security-policy")) ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  await expect(page.getByRole("heading", { name: "No topics yet" })).toBeVisible();
  await expect(page.getByText("3 nodes")).toBeVisible();
  await expect(page.getByText("Healthy")).toBeVisible();
  await picture(page, "topics-empty");
  await expectAccessible(page);
});

test("a script that was written into the page does not run", async ({ page, expectComplaint }) => {
  expectComplaint(/Content Security Policy|requires 'TrustedScript'/);
  await page.goto("/console/");
  const refused = await page.evaluate(() => {
    const violation = new Promise<string>((resolve) =>
      document.addEventListener("securitypolicyviolation", (event) =>
        resolve(event.effectiveDirective),
      ),
    );
    try {
      document.body.setAttribute("onclick", "document.title = 'run'");
    } catch {
      // Trusted types refuse the attribute already.
    }
    document.body.click();
    return violation;
  });
  expect(refused).toMatch(/script-src|trusted-types/);
  expect(await page.title()).not.toBe("run");
});

test("the server's objections stand at their fields", async ({ page, expectComplaint }) => {
  expectComplaint(REFUSED);
  await page.goto("/console/");
  await page.getByRole("button", { name: "Create topic" }).click();
  await dialog(page).getByLabel("Name").fill("fli ghts");
  await dialog(page).getByRole("button", { name: "Create" }).last().click();
  await expect(dialog(page).getByLabel("Name")).toHaveAttribute("aria-invalid", "true");
  await expect(
    dialog(page).getByText("1 to 249 characters out of A-Z a-z 0-9 . _ -"),
  ).toBeVisible();
  await picture(page, "create-refused-name");

  await dialog(page).getByLabel("Name").fill("flights");
  await dialog(page).getByLabel("Partitions").fill("four");
  await dialog(page).getByRole("button", { name: "Create" }).last().click();
  await expect(dialog(page).getByText("A whole number, 1 or more.")).toBeVisible();
  await dialog(page).getByLabel("Partitions").fill("4");

  await dialog(page).getByLabel("Replicas").fill("9");
  await dialog(page).getByRole("button", { name: "Create" }).last().click();
  await expect(dialog(page).getByLabel("Replicas")).toHaveAttribute("aria-invalid", "true");
  await dialog(page).getByLabel("Replicas").fill("3");

  await dialog(page).getByRole("button", { name: "Add a setting" }).click();
  await dialog(page).getByLabel("Key 1").fill("retention.msec");
  await dialog(page).getByLabel("Value 1").fill("86400000");
  await dialog(page).getByRole("button", { name: "Create" }).last().click();
  await expect(dialog(page).getByText(/Unknown topic configuration key/)).toBeVisible();
  await expect(dialog(page).getByText(/The keys are ack, /)).toBeVisible();
  await picture(page, "create-refused-setting");
  await expectAccessible(page);
});

test("a topic is planned, then made", async ({ page, request }) => {
  await page.goto("/console/");
  await page.getByRole("button", { name: "Create topic" }).click();
  await dialog(page).getByLabel("Name").fill("flights");
  await dialog(page).getByLabel("Partitions").fill("4");
  await dialog(page).getByLabel("Replicas").fill("3");
  await dialog(page).getByRole("button", { name: "Check without creating" }).click();
  await expect(dialog(page).getByText(/^partition 3 on node/)).toBeVisible();
  const { topics } = await (await request.get("/v1/topics")).json();
  expect(topics.filter((topic: { internal: boolean }) => !topic.internal)).toEqual([]);
  await picture(page, "create-plan");
  await dialog(page).getByRole("button", { name: "Create" }).last().click();
  await expect(
    page.getByRole("status").getByText("Created flights with 4 partitions."),
  ).toBeVisible();
  await expect(dialog(page)).toHaveCount(0);
  await expect(row(page, /^flights/).getByRole("cell")).toHaveText(["in sync", "4", "3"]);
});

test("topics are filtered and sorted, by keyboard as well", async ({ page, request }) => {
  for (const [name, partitions] of [
    ["orders", 2],
    ["orders.eu", 12],
    ["audit-trail", 1],
  ] as const) {
    const answer = await request.post("/v1/topics", { data: { name, partitions } });
    expect(answer.status(), await answer.text()).toBe(201);
  }
  await page.goto("/console/topics");
  await expect(row(page, /^orders\.eu/)).toBeVisible();
  const names = () => page.locator("tbody th").allInnerTexts();
  await page.getByRole("button", { name: "Partitions" }).click();
  await page.getByRole("button", { name: "Partitions" }).click();
  await expect(page.getByRole("columnheader", { name: "Partitions" })).toHaveAttribute(
    "aria-sort",
    "descending",
  );
  expect(await names()).toEqual(["orders.eu", "flights", "orders", "audit-trail"]);
  await expect(page.getByText("in sync")).toHaveCount(4);
  await picture(page, "topics");

  await page.locator("main").focus();
  await page.keyboard.press("/");
  await page.keyboard.type("ord");
  await expect(page.getByText("2 of 4 topics")).toBeVisible();
  expect(await names()).toEqual(["orders.eu", "orders"]);
  await page.keyboard.type("nothing");
  await expect(page.getByText("No topic has such a name.")).toBeVisible();
  await page.getByLabel("Filter topics by name").fill("audit");
  await page.getByRole("link", { name: "audit-trail" }).press("Enter");
  await expect(page.getByRole("heading", { name: "audit-trail" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Topics", exact: true })).toBeVisible();
});

test("partitions show leader, replicas, lag and offsets, and follow them", async ({
  page,
  request,
}) => {
  await produce(request, "flights", 1_000);
  await openTopic(page, "flights");
  const partitions = page.getByRole("table", { name: "Partitions of flights" });
  const first = partitions.getByRole("row", { name: "Replicas of partition 0" });
  await expect(first.getByRole("cell", { name: "3 of 3" })).toBeVisible();
  await expect(first.getByText(/^node \d$/)).toBeVisible();
  await expect(first.getByRole("cell", { name: "250", exact: true })).toHaveCount(2);
  await expect(page.locator(".sums")).toContainText("1,000");

  await partitions.getByRole("button", { name: "Replicas of partition 0" }).click();
  const replicas = page.getByRole("table", { name: "Replicas of partition 0" });
  await expect(replicas.getByText("leader, in sync")).toHaveCount(1);
  await expect(replicas.getByText("follower, in sync")).toHaveCount(2);
  await picture(page, "topic");
  await expectAccessible(page);

  await produce(request, "flights", 1_000);
  await expect(page.locator(".sums")).toContainText("2,000");
});

test("what is shown can be held still", async ({ page, request }) => {
  await openTopic(page, "flights");
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("Paused")).toBeVisible();
  await produce(request, "flights", 4);
  await page.getByRole("button", { name: "Refresh" }).click();
  await expect(page.locator(".sums")).toContainText("2,004");
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
});

test("the configuration is edited, refused, saved and reset", async ({
  page,
  request,
  expectComplaint,
}) => {
  expectComplaint(REFUSED);
  await openTopic(page, "flights");
  const retention = page.getByLabel("retention.ms", { exact: true });
  const setting = page.getByRole("row", { name: /^retention\.ms/ });
  await expect(retention).toHaveValue("604800000");
  await expect(setting.getByText("7 d")).toBeVisible();
  await expect(setting.getByText("default", { exact: true })).toBeVisible();

  await retention.fill("a week");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(retention).toHaveAttribute("aria-invalid", "true");
  await expect(setting.getByRole("alert")).toContainText("is no value of `retention.ms`");
  await picture(page, "configuration-refused");
  // The pointer is on the button: what it does to it is looked at, too.
  await expectAccessible(page);

  await retention.fill("86400000");
  await page.getByLabel("min.insync.replicas").fill("2");
  await expect(page.getByText("2 changes not saved")).toBeVisible();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Changed 2 settings of flights.")).toBeVisible();
  await expect(setting.getByText("this topic")).toBeVisible();
  await expect(page.getByText("2 keys set on this topic")).toBeVisible();
  const { config, config_set } = await (await request.get("/v1/topics/flights")).json();
  expect([config["retention.ms"], config["min.insync.replicas"]]).toEqual(["86400000", "2"]);
  expect(config_set).toEqual(["min.insync.replicas", "retention.ms"]);
  await picture(page, "configuration");

  await page.getByRole("button", { name: "Reset retention.ms to its default" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("1 key set on this topic")).toBeVisible();
  await expect(retention).toHaveValue("604800000");
});

test("a topic grows, and its replicas go down and up again", async ({ page }) => {
  await openTopic(page, "orders");
  await page.getByRole("button", { name: "Add partitions" }).click();
  await dialog(page).getByLabel("Partitions afterwards").fill("3");
  await picture(page, "add-partitions");
  await dialog(page).getByRole("button", { name: "Add" }).click();
  await expect(page.getByText("orders has 3 partitions now.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Replicas of partition 2" })).toBeVisible();

  for (const [replicas, warning] of [
    ["1", /With one replica/],
    ["3", /the cluster has 3 nodes/],
  ] as const) {
    await page.getByRole("button", { name: "Change replicas" }).click();
    await dialog(page).getByLabel("Replicas of each partition").fill(replicas);
    await expect(dialog(page).getByText(warning)).toBeVisible();
    await dialog(page).getByRole("button", { name: "Change" }).click();
    await expect(page.getByText(`on its way to ${replicas} replica`)).toBeVisible();
    await expect(page.getByRole("cell", { name: `${replicas} of ${replicas}` })).toHaveCount(3);
    await expect(page.getByRole("heading", { name: "Moving" })).toHaveCount(0);
  }
});

test("growing to fewer is refused with the server's reason", async ({ page, expectComplaint }) => {
  expectComplaint(REFUSED);
  await openTopic(page, "orders");
  await page.getByRole("button", { name: "Add partitions" }).click();
  await dialog(page).getByLabel("Partitions afterwards").fill("2");
  await dialog(page).getByRole("button", { name: "Add" }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("No partition was added");
  await expect(dialog(page).getByRole("alert")).toContainText("Nothing was done.");
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toHaveCount(0);
});

test("records are deleted only once the name was typed", async ({ page }) => {
  await openTopic(page, "flights");
  await page.getByRole("button", { name: "Truncate…" }).click();
  const sure = dialog(page).getByRole("button", { name: "Delete records" });
  await dialog(page).getByLabel("Partition", { exact: true }).selectOption("0");
  await dialog(page).getByLabel("First offset that stays").fill("100");
  await expect(sure).toBeDisabled();
  await dialog(page).getByLabel("Type flights to confirm").fill("flight");
  await expect(sure).toBeDisabled();
  await dialog(page).getByLabel("Type flights to confirm").fill("flights");
  await picture(page, "truncate");
  await sure.click();
  await expect(page.getByText("Deleted the oldest records of 1 partition.")).toBeVisible();
  const first = page.getByRole("row", { name: "Replicas of partition 0" });
  await expect(first.getByRole("cell", { name: "100", exact: true })).toBeVisible();
  await expect(page.locator(".sums")).toContainText("1,904");
});

test("a topic is deleted by keyboard alone, once its name was typed", async ({ page }) => {
  await openTopic(page, "audit-trail");
  await page.getByRole("button", { name: "Delete…" }).press("Enter");
  const name = dialog(page).getByLabel("Type audit-trail to confirm");
  await expect(dialog(page).getByRole("button", { name: "Delete topic" })).toBeDisabled();
  await name.press("Enter");
  await expect(dialog(page)).toBeVisible();
  await name.pressSequentially("audit-trail");
  await picture(page, "delete");
  await expectAccessible(page);
  await name.press("Enter");
  await expect(page.getByText("Deleted audit-trail.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Topics", exact: true })).toBeVisible();
  await expect(page.getByRole("link", { name: "audit-trail" })).toHaveCount(0);
});

test("a topic that somebody else deletes is gone from the page", async ({
  page,
  request,
  expectComplaint,
}) => {
  expectComplaint(REFUSED);
  await openTopic(page, "orders.eu");
  expect((await request.delete("/v1/topics/orders.eu")).ok()).toBe(true);
  await expect(page.getByRole("heading", { name: "There is no topic orders.eu" })).toBeVisible();
  await page.goto("/console/nowhere/at/all");
  await expect(page.getByRole("heading", { name: "There is no such page" })).toBeVisible();
});

test("without the server the page says so, keeps what it knew, and comes back", async ({
  page,
  context,
  expectComplaint,
}) => {
  expectComplaint(/ERR_INTERNET_DISCONNECTED/);
  await openTopic(page, "flights");
  await context.setOffline(true);
  await expect(page.getByText("Not updating")).toBeVisible();
  await expect(page.getByText("This is what the server last said")).toBeVisible();
  await expect(page.getByRole("button", { name: "Replicas of partition 0" })).toBeVisible();
  await expect(page.getByText("Not reachable", { exact: true })).toBeVisible();
  await picture(page, "unreachable");
  await context.setOffline(false);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await expect(page.getByText("Healthy")).toBeVisible();
});

test("in the dark and on a narrow screen", async ({ page }) => {
  await openTopic(page, "flights");
  await page.getByLabel("Theme").selectOption("dark");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await picture(page, "topic-dark");
  await expectAccessible(page);
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByLabel("Theme").selectOption("system");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/console/topics");
  await expect(page.getByRole("link", { name: "flights" })).toBeVisible();
  await picture(page, "topics-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 420, height: 900 });
  await openTopic(page, "flights");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(420);
  await picture(page, "topic-narrow");
});
