import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    emptyOutDir: false, // the folder's placeholder is in the repository
    lib: { entry: "src/charts.ts", formats: ["es"], fileName: () => "charts.js" },
  },
});
