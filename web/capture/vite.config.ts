import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { defineConfig, type Plugin } from "vite";

const require = createRequire(import.meta.url);

/** jsfeat ships its face cascade as a script that writes to a global: this makes a module of the object in it. */
function cascade(): Plugin {
  const name = "virtual:face-cascade";
  return {
    name: "face-cascade",
    resolveId: (id) => (id === name ? "\0" + name : undefined),
    load(id) {
      if (id !== "\0" + name) return undefined;
      const script = readFileSync(require.resolve("jsfeat/cascades/bbf_face.js"), "utf8");
      const object = /face_cascade\s*=\s*(\{[\s\S]*\})\s*;?\s*\}\)\(/.exec(script)?.[1];
      if (!object) throw new Error("jsfeat/cascades/bbf_face.js is not as expected");
      this.emitFile({ type: "asset", fileName: "LICENSE-THIRD-PARTY", source: readFileSync(require.resolve("jsfeat/LICENSE")) });
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(JSON.parse(object)))})`;
    },
  };
}

export default defineConfig({
  plugins: [cascade()],
  build: {
    target: "es2022",
    emptyOutDir: false, // the folder's placeholder is in the repository
    lib: { entry: "src/bonafide-capture.ts", formats: ["es"], fileName: () => "bonafide-capture.js" },
  },
});
