import { defineConfig } from "vitest/config";

// Pages share two processors: one file after the other, and time enough for a machine that is busy.
export default defineConfig({
  test: {
    include: ["test/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000, interval: 40 } },
  },
});
