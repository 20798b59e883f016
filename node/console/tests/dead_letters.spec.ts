// Groups and dead letters on the topic management page, on a sound cluster of three nodes: a group
// reads a topic of its own, gives records up, and gets them again. Each test goes on where the one
// before ended.
import type { Page } from "@playwright/test";
import { expect, expectAccessible, picture, test } from "./browser";
import { Member } from "./groups";

test.describe.configure({ mode: "serial" });

/** A refused request is a complaint of the browser, too. */
const REFUSED = /status of 4\d\d/;
const TOPIC = "payments";
const DEAD = "payments.billing.dlq";

const row = (page: Page, table: string, name: string) =>
  page.getByRole("table", { name: table }).getByRole("row", { name });
const dialog = (page: Page) => page.getByRole("dialog");
const switchOf = (page: Page) => page.locator(".switch-form");

async function open(page: Page) {
  await page.goto(`/console/topics/${TOPIC}`);
  await expect(page.getByRole("heading", { name: TOPIC, exact: true })).toBeVisible();
  await expect(switchOf(page)).toBeVisible();
}

test("a topic that no group reads says so, and its switch is off", async ({ page, request }) => {
  const made = await request.post("/v1/topics", { data: { name: TOPIC, partitions: 2 } });
  expect(made.status(), await made.text()).toBe(201);
  await open(page);
  await expect(page.getByText("No group reads this topic.")).toBeVisible();
  await expect(page.getByText("nobody has set the switch")).toBeVisible();
  await expect(page.getByRole("switch", { name: "Dead letters on" })).not.toBeChecked();
  await expect(page.getByText("none is dead")).toBeVisible();
  await expectAccessible(page);
});

test("the switch is edited, refused at its field, and saved", async ({
  page,
  request,
  expectComplaint,
}) => {
  expectComplaint(REFUSED);
  await open(page);
  const form = switchOf(page);
  await form.getByRole("switch").check();
  await expect(form.getByText(/delivered again after 1 s, 2 s, 4 s, 8 s; after 5/)).toBeVisible();
  await form.getByLabel("First delay").fill("soon");
  await form.getByRole("button", { name: "Apply" }).click();
  await expect(form.getByText("A duration, such as 500 ms, 10 s or 5 min.")).toBeVisible();
  await form.getByLabel("First delay").fill("300ms");
  await form.getByLabel("Attempts").fill("1000");
  await form.getByRole("button", { name: "Apply" }).click();
  await expect(form.getByLabel("Attempts")).toHaveAttribute("aria-invalid", "true");
  await expect(form.getByRole("alert")).toContainText("1 to 100");
  await picture(page, "dead-letter-refused");
  await expectAccessible(page);

  await form.getByLabel("Attempts").fill("3");
  await form.getByLabel("Back-off").fill("1.5");
  await form.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText(`Dead letters of ${TOPIC} are on.`)).toBeVisible();
  await expect(page.getByText("for every group", { exact: true })).toBeVisible();
  await expect(form.getByRole("button", { name: "Apply" })).toBeDisabled();
  const set = await (await request.get(`/v1/topics/${TOPIC}/dead-letter`)).json();
  expect(set).toMatchObject({ enabled: true, attempts: 3, delay_ms: 300, backoff: 1.5 });
  await expect(page.getByLabel("share.delivery.count.limit", { exact: true })).toHaveValue("3");
});

test("a group gets a switch of its own, and gives it back", async ({ page, request }) => {
  await open(page);
  await page.getByLabel("Switch of").selectOption("another group…");
  await page.getByLabel("Name of the group").fill("audit trail");
  const form = switchOf(page);
  await expect(form.getByText("audit trail has no switch of its own")).toBeVisible();
  await form.getByLabel("Attempts").fill("7");
  await form.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText(`Dead letters of audit trail in ${TOPIC} are on.`)).toBeVisible();
  await expect(page.getByText(/one group has a switch of its own: audit trail/)).toBeVisible();
  const own = async () => {
    const said = await (await request.get(`/v1/topics/${TOPIC}/dead-letter`)).json();
    return said.groups?.["audit trail"]?.attempts;
  };
  expect(await own()).toBe(7);
  await page.getByLabel("Switch of").selectOption("audit trail (its own)");
  await expect(form.getByLabel("Attempts")).toHaveValue("7");
  await form.getByRole("button", { name: "Use the topic's switch" }).click();
  await expect(page.getByText(`follows the switch of ${TOPIC} again`)).toBeVisible();
  await expect(form.getByLabel("Attempts")).toHaveValue("3");
  expect(await own()).toBeUndefined();
});

test("a group that reads the topic appears with its lag, partition by partition", async ({
  page,
  request,
}) => {
  await open(page);
  const records = Array.from({ length: 20 }, (_, number) => ({
    key: `k${number}`,
    value: { number },
    headers: { source: "till" },
  }));
  const written = await request.post(`/v1/topics/${TOPIC}/records?ack=-1`, { data: { records } });
  expect(written.ok(), await written.text()).toBe(true);
  const member = new Member(request, "billing", TOPIC);
  const held = await member.gather(20);
  const billing = row(page, `Groups that read ${TOPIC}`, "billing");
  await expect(billing.getByRole("cell")).toHaveText(["1", "20", "20", "0", "0", "Reset offsets…"]);

  // Eight are rejected, two are to come in ten minutes, the others are done.
  await member.settle(held, ({ value: { number } }) => {
    if (number < 8) return { reject: number < 2 ? "no such customer" : "card refused" };
    return number < 10 ? { retry: "try later", delay_ms: 600_000 } : undefined;
  });
  await expect(billing.getByRole("cell")).toHaveText(["1", "2", "0", "2", "0", "Reset offsets…"]);
  await billing.getByRole("button", { name: "Partitions and members of billing" }).click();
  const partitions = page.getByRole("table", { name: "Partitions of billing" });
  await expect(partitions.getByText("playwright")).toHaveCount(2);
  await expect(page.getByRole("table", { name: "Members of billing" })).toContainText("30 min");
  await picture(page, "groups");
  await expectAccessible(page);
});

test("dead records are counted, searched and opened", async ({ page }) => {
  await open(page);
  const backlog = row(page, "Dead records by group", "billing");
  await expect(backlog.getByRole("cell").nth(1)).toHaveText("8");
  await expect(backlog.getByRole("cell").nth(2)).toHaveText("2");
  await expect(backlog.getByRole("link", { name: DEAD })).toBeVisible();
  await backlog.getByRole("button", { name: "Browse the dead records of billing" }).click();
  const browser = page.getByRole("region", { name: "Dead records of billing" });
  await expect(browser.getByText("8 dead records, and no more")).toBeVisible();
  await browser.getByLabel("Error has").fill("no such");
  await browser.getByRole("button", { name: "Search" }).press("Enter");
  await expect(browser.getByText("2 dead records with error with “no such”")).toBeVisible();
  await browser.getByLabel("Error has").fill("");
  await browser.getByLabel("Key is").fill("k5");
  await browser.getByLabel("Key is").press("Enter");
  await expect(browser.getByText("1 dead record with key “k5”, and no more")).toBeVisible();
  await browser.getByRole("button", { name: /^Record of partition/ }).click();
  await expect(browser.locator(".value")).toHaveText('{"number":5}');
  await expect(browser.locator(".facts")).toContainText("card refused");
  await expect(browser.locator(".facts")).toContainText("Header source");
  await picture(page, "dead-records");
  await expectAccessible(page);
  await browser.getByLabel("From partition").fill("first");
  await expect(browser.getByText("A whole number, 0 or more.")).toBeVisible();
  await expect(browser.getByRole("button", { name: "Search" })).toBeDisabled();
});

test("one record is redriven, and the group gets it again", async ({ page, request }) => {
  const member = new Member(request, "billing", TOPIC);
  await open(page);
  await page.getByRole("button", { name: "Browse the dead records of billing" }).click();
  const browser = page.getByRole("region", { name: "Dead records of billing" });
  await browser.getByLabel("Key is").fill("k0");
  await browser.getByRole("button", { name: "Search" }).click();
  await expect(browser.getByText("1 dead record with key “k0”, and no more")).toBeVisible();
  await browser.getByRole("button", { name: /^Redrive the record of/ }).click();
  const act = dialog(page).getByRole("button", { name: "Redrive" });
  await expect(act).toBeDisabled();
  await dialog(page).getByRole("button", { name: "Count" }).click();
  await expect(dialog(page).getByText("1 record is meant by this.")).toBeVisible();
  await picture(page, "redrive-count");
  await expectAccessible(page);
  await dialog(page).getByRole("button", { name: "Redrive 1 record" }).click();
  await expect(page.getByText("Redrove 1 record of billing.")).toBeVisible();
  await expect(browser.getByText("No dead record with key “k0”.")).toBeVisible();
  const [again] = await member.gather(1);
  expect(again?.value).toEqual({ number: 0 });
  await member.settle(again ? [again] : [], () => undefined);
  const backlog = row(page, "Dead records by group", "billing");
  await expect(backlog.getByRole("cell").nth(1)).toHaveText("7");
});

test("a redrive shows how far it is, stops on wish, and goes on from there", async ({
  page,
  request,
}) => {
  const member = new Member(request, "billing", TOPIC);
  await open(page);
  // Slices of two, so that there are several; the second one is held until it was seen.
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let slices = 0;
  await page.route("**/dead-letter:redrive", async (route) => {
    const body = { ...route.request().postDataJSON(), max_records: 2 };
    if (!body.dry_run) slices += 1;
    if (slices === 2 && !body.dry_run) await held;
    await route.continue({ postData: JSON.stringify(body) });
  });
  await page.getByRole("button", { name: "Redrive dead records of billing" }).click();
  await dialog(page).getByLabel("Error has").fill("card");
  await dialog(page).getByRole("button", { name: "Count" }).click();
  await dialog(page).getByRole("button", { name: "Redrive 6 records" }).click();
  await expect(dialog(page).getByText("2 of 6 records redriven")).toBeVisible();
  await expect(dialog(page).getByRole("progressbar")).toHaveAttribute("value", "2");
  await picture(page, "redrive-progress");
  await dialog(page).getByRole("button", { name: "Stop" }).click();
  release();
  await expect(dialog(page).getByText("4 of 6 records redriven")).toBeVisible();
  await expect(dialog(page).getByText("It has not gone through all of them")).toBeVisible();
  await dialog(page).getByRole("button", { name: "Go on" }).click();
  await expect(page.getByText("Redrove 6 records of billing.")).toBeVisible();
  const again = await member.gather(6);
  await member.settle(again, () => ({ reject: "card refused again" }));
  const backlog = row(page, "Dead records by group", "billing");
  await expect(backlog.getByRole("cell").nth(1)).toHaveText("7");
});

test("dead records are purged only once the name was typed", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "Purge dead records of billing" }).click();
  await dialog(page).getByLabel("Error has").fill("again");
  await dialog(page).getByLabel("Error has").press("Enter");
  await expect(dialog(page).getByText("6 records are meant by this.")).toBeVisible();
  const sure = dialog(page).getByRole("button", { name: "Purge 6 records" });
  await expect(sure).toBeDisabled();
  await dialog(page).getByLabel(`Type ${DEAD} to confirm`).fill(DEAD);
  await picture(page, "purge");
  await expectAccessible(page);
  await sure.click();
  await expect(page.getByText("Purged 6 records of billing.")).toBeVisible();
  const backlog = row(page, "Dead records by group", "billing");
  await expect(backlog.getByRole("cell").nth(1)).toHaveText("1");
});

test("a reset shows its differences first, and needs force while the group has members", async ({
  page,
  request,
}) => {
  await open(page);
  await page.getByRole("button", { name: "Reset the offsets of billing" }).click();
  await dialog(page).getByLabel("To", { exact: true }).selectOption("so many records on, or back");
  await dialog(page).getByLabel("Records").fill("-3");
  await dialog(page).getByRole("button", { name: "Show what would change" }).click();
  await expect(dialog(page).getByText("6 records would come again, 0 records")).toBeVisible();
  await expect(dialog(page).getByRole("cell", { name: "-3" })).toHaveCount(2);
  const sure = dialog(page).getByRole("button", { name: "Reset offsets" });
  await expect(sure).toBeDisabled();
  await picture(page, "reset-offsets");
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toHaveCount(0);

  await new Member(request, "billing", TOPIC).leave();
  const billing = row(page, `Groups that read ${TOPIC}`, "billing");
  await expect(billing.getByText("nobody")).toBeVisible();
  await page.getByRole("button", { name: "Reset the offsets of billing" }).click();
  await dialog(page).getByRole("button", { name: "Show what would change" }).click();
  const { partitions } = await (await request.get(`/v1/topics/${TOPIC}`)).json();
  const written = partitions.reduce(
    (sum: number, { high_watermark }: { high_watermark: number }) => sum + high_watermark,
    0,
  );
  await expect(dialog(page).getByText(`${written} records would come again`)).toBeVisible();
  await sure.click();
  await expect(page.getByText("Moved billing in 2 partitions.")).toBeVisible();
  const lag = async () => Number(await billing.getByRole("cell").nth(1).textContent());
  await expect.poll(lag).toBeGreaterThanOrEqual(written);
});

test("all of it in the dark and on a narrow screen", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "Browse the dead records of billing" }).click();
  await expect(page.getByText("1 dead record, and no more")).toBeVisible();
  await page.getByRole("button", { name: "Partitions and members of billing" }).click();
  await page.getByLabel("Theme").selectOption("dark");
  await picture(page, "dead-letters-dark");
  await expectAccessible(page);
  await page.getByLabel("Theme").selectOption("system");
  await page.setViewportSize({ width: 420, height: 900 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(420);
  await picture(page, "dead-letters-narrow");
});
