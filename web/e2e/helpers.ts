import { expect, test as base, type Page } from "@playwright/test";

/** A page whose every complaint about its security policy, and every error, fails the test. */
export const test = base.extend({
  page: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      const text = message.text();
      if (/Content.Security.Policy|Trusted ?Type/i.test(text)) complaints.push(text);
    });
    await use(page);
    expect(complaints).toEqual([]);
  },
});

export const url = (path = "/") => process.env.LISTS_URL + path;
export const password = "a long enough sentence";

let people = 0;

/** A new person, signed up through the page; the address. */
export async function signUp(page: Page, name = "Ann Example"): Promise<string> {
  const email = `person-${Date.now()}-${++people}@example.org`;
  await page.goto(url());
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Make an account" }).click();
  await expect(page.getByRole("heading", { name: "My lists" })).toBeVisible();
  return email;
}

export async function makeList(page: Page, title: string): Promise<void> {
  await page.getByLabel("Title of a new list").fill(title);
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Title of the list")).toHaveValue(title);
}

export async function add(page: Page, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    await page.getByLabel("A new item").fill(text);
    await page.keyboard.press("Enter");
  }
}

export const texts = (page: Page) => page.getByRole("listitem").locator(".text").allTextContents();
