import AxeBuilder from "@axe-core/playwright";
import { expect } from "@playwright/test";
import { add, makeList, password, signUp, test, texts, url } from "./helpers";

test("write a list, tick it off, change it, and find it all again", async ({ page }) => {
  await signUp(page);
  await makeList(page, "Groceries");
  await add(page, "Milk", "Eggs", "Bread");
  await page.getByRole("checkbox", { name: "Milk" }).check();
  await page.getByRole("button", { name: "Edit Eggs" }).click();
  await page.getByLabel("Text of Eggs").fill("Twelve eggs");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Delete Bread" }).click();
  await expect(page.getByText("1 of 2 done")).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => texts(page)).toEqual(["Milk", "Twelve eggs", "Bread"]);
  await expect(page.getByText("1 of 3 done")).toBeVisible();

  await page.reload();
  await expect.poll(() => texts(page)).toEqual(["Milk", "Twelve eggs", "Bread"]);
  await expect(page.getByRole("checkbox", { name: "Milk" })).toBeChecked();
  await expect(page.getByRole("checkbox", { name: "Bread" })).not.toBeChecked();
});

test("sign out, and in again", async ({ page }) => {
  const email = await signUp(page);
  await makeList(page, "Packing");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).first().click();
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill("not the right password");
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("not right");
  await page.getByLabel("Password").fill(password);
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("link", { name: /Packing/ })).toBeVisible();
});

test("a field that is wrong is said to be, beside it", async ({ page }) => {
  await page.goto(url());
  await page.getByLabel("Your name").fill("Ann");
  await page.getByLabel("E-mail address").fill("nobody");
  await page.getByLabel("Password").fill("passwordpassword");
  await page.getByRole("button", { name: "Make an account" }).click();
  await expect(page.getByText("This is not an e-mail address.")).toBeVisible();
  await expect(page.getByText("easy to guess")).toBeVisible();
  await expect(page.getByLabel("E-mail address")).toHaveAttribute("aria-invalid", "true");
});

test("what is added without a connection is kept, and sent when there is one", async ({
  page,
  context,
}) => {
  await signUp(page);
  await makeList(page, "Groceries");
  await add(page, "Milk");
  await expect(page.getByText("0 of 1 done")).toBeVisible();
  await context.setOffline(true);
  await add(page, "Bread");
  await expect(page.getByText("1 change waits to be sent")).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText("0 of 2 done")).toBeVisible();
  await page.reload();
  await expect.poll(() => texts(page)).toEqual(["Milk", "Bread"]);
});

test("the keyboard is enough", async ({ page }) => {
  await signUp(page);
  await page.getByLabel("Title of a new list").focus();
  await page.keyboard.type("Groceries");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("A new item")).toBeFocused();
  await page.keyboard.type("Milk");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Bread");
  await page.keyboard.press("Enter");
  await page.getByLabel("Title of the list").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await expect(page.getByRole("checkbox", { name: "Milk" })).toBeChecked();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("End");
  await page.keyboard.type(" and cream");
  await page.keyboard.press("Enter");
  await expect.poll(() => texts(page)).toEqual(["Milk and cream", "Bread"]);
});

test("text is text, whatever it looks like", async ({ page }) => {
  const nasty = `<img src=x onerror="document.title='taken'"><script>alert(1)</script>`;
  await signUp(page, nasty.slice(0, 100));
  await makeList(page, nasty);
  await add(page, nasty);
  await page.reload();
  await expect.poll(() => texts(page)).toEqual([nasty]);
  await expect(page).toHaveTitle(nasty);
  expect(await page.locator("img").count()).toBe(0);
});

test("a list in the trash, or of somebody else, is not shown", async ({ page, browser }) => {
  await signUp(page);
  await makeList(page, "Secret");
  const address = page.url();
  const other = await browser.newPage();
  await signUp(other, "Ben");
  await other.goto(address);
  await expect(other.getByRole("heading", { name: "There is no such list" })).toBeVisible();
  await other.close();
  await page.getByRole("button", { name: "Move this list to the trash" }).click();
  await expect(page.getByText("No lists yet")).toBeVisible();
});

test("an address at which there is nothing says so", async ({ page }) => {
  await signUp(page);
  const answer = await page.goto(url("/nothing"));
  expect(answer?.status()).toBe(404);
  await expect(
    page.getByRole("heading", { name: "There is nothing at this address" }),
  ).toBeVisible();
  await page.getByRole("button", { name: "My lists" }).click();
  await expect(page.getByRole("heading", { name: "My lists" })).toBeVisible();
});

test("it can be used while it waits for the service", async ({ page }) => {
  await page.route("**/v1/me", () => {}); // No answer, ever.
  await page.goto(url());
  await expect(page.getByText("Loading…")).toBeVisible();
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((each) => each.id)).toEqual([]);
});

test("no script can read the session", async ({ page, context }) => {
  await signUp(page);
  const seen = await page.evaluate(
    () =>
      document.cookie + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }),
  );
  expect(seen).toBe("{}{}");
  const cookies = await context.cookies();
  expect(cookies).toHaveLength(2);
  for (const cookie of cookies) {
    expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
    expect(cookie.name).toMatch(/^__Host-/);
  }
});

for (const scheme of ["light", "dark"] as const) {
  test(`everyone can use it: ${scheme}, on a small screen`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 360, height: 640 });
    const check = async () => {
      const found = await new AxeBuilder({ page }).analyze();
      expect(found.violations.map((each) => `${each.id}: ${each.nodes[0]?.html}`)).toEqual([]);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth > window.innerWidth,
      );
      expect(overflow).toBe(false);
    };
    await page.goto(url());
    await expect(page.getByRole("button", { name: "Make an account" })).toBeVisible();
    await check();
    await signUp(page);
    await check();
    await makeList(page, "Groceries");
    await add(page, "Milk", "AVeryLongWordThatDoesNotFitIntoOneLineOfASmallScreenAndMustBreak");
    await page.getByRole("checkbox", { name: "Milk" }).check();
    await check();
  });
}
