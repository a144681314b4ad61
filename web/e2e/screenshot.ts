import { expect } from "@playwright/test";
import { add, makeList, signUp, test } from "./helpers";

test("docs/page.png", async ({ page }) => {
  await page.setViewportSize({ width: 760, height: 620 });
  await signUp(page, "Ann");
  await makeList(page, "Saturday market");
  await add(
    page,
    "Tomatoes, the small ones",
    "Bread from the mill",
    "Goat cheese",
    "Basil",
    "Coffee beans",
  );
  await page.getByRole("checkbox", { name: "Bread from the mill" }).check();
  await page.getByRole("checkbox", { name: "Basil" }).check();
  await expect(page.getByText("2 of 5 done")).toBeVisible();
  await page.getByLabel("A new item").focus();
  await page.screenshot({ path: "../docs/page.png" });
});
