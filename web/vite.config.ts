import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  build: { modulePreload: false, sourcemap: false, assetsInlineLimit: 0, target: "es2022" },
  server: { proxy: { "/v1": "http://localhost:8080" } },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
