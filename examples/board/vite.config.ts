import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { singleFile } from "./single-file.ts";

const sdk = fileURLToPath(new URL("../../clients/typescript/src", import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [react(), singleFile()],
  resolve: {
    // The SDK's sources, so that one build makes both.
    alias: [
      { find: /^revring$/, replacement: `${sdk}/index.ts` },
      { find: /^revring\/(.*)$/, replacement: `${sdk}/$1.ts` },
    ],
  },
  build: { target: "es2022", cssCodeSplit: false, modulePreload: false, reportCompressedSize: false },
});
