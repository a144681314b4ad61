import { defineConfig } from "@playwright/test";
import base from "./playwright.config";

// `npm run screenshot`: makes docs/page.png anew.
export default defineConfig({ ...base, testMatch: "screenshot.ts" });
