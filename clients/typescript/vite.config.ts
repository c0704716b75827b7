import { defineConfig } from "vite";

/** What package.json exports. */
const entries = ["index", "json", "undo", "offline", "node", "react", "inspector"];

// One file for each source, as the types have it: who bundles takes what is used and no more.
export default defineConfig({
  build: {
    target: "es2022",
    minify: false,
    sourcemap: true,
    lib: { entry: entries.map((name) => `src/${name}.ts`), formats: ["es"] },
    rolldownOptions: {
      external: [/^node:/, "react"],
      output: { preserveModules: true, preserveModulesRoot: "src", entryFileNames: "[name].js" },
    },
  },
});
