// What every test of a page checks besides its own: nothing in the browser's console, nothing against
// the content policy, and what an accessibility checker finds. And pictures.
import { AxeBuilder } from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";
import { SCREENSHOTS } from "../playwright.config";

interface Own {
  /** Complaints of the browser that a test expects, such as that it is offline. */
  expectComplaint: (pattern: RegExp) => void;
}

export const test = base.extend<Own>({
  expectComplaint: [
    async ({ page }, use) => {
      const expected: RegExp[] = [];
      const found: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) found.push(message.text());
      });
      page.on("pageerror", (error) => found.push(String(error)));
      await use((pattern) => expected.push(pattern));
      expect(found.filter((text) => !expected.some((pattern) => pattern.test(text)))).toEqual([]);
    },
    { auto: true },
  ],
});

/** The whole page, or what can be seen of it behind a dialog. */
export async function picture(page: Page, name: string) {
  const fullPage = (await page.getByRole("dialog").count()) === 0;
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage });
}

/** Labels, contrast, roles: what can be checked by a program. */
export async function expectAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" | ")}`);
  expect(said).toEqual([]);
}

export { expect };
