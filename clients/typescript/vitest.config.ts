import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: [
      { find: /^revring$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^revring\/(.+)$/, replacement: `${import.meta.dirname}/src/$1.ts` },
    ],
  },
  test: { include: ["test/**/*.test.ts", "test/**/*.test.tsx"], testTimeout: 30_000, hookTimeout: 60_000 },
});
