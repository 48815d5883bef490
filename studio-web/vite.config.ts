import { defineConfig } from "vite";

// Of KaTeX's fonts only what the equations use, in the one format that every browser of today reads.
const FONTS = /KaTeX_(Main|Math|Size[1-4])$/;

function fewFonts() {
  return {
    name: "few-fonts",
    enforce: "pre" as const,
    transform(code: string, id: string) {
      if (!id.includes("katex") || !id.endsWith(".css")) return null;
      return code
        .replace(/@font-face\{[^}]*\}/g, (face) => {
          const family = /font-family:"?([A-Za-z0-9_]+)"?/.exec(face);
          return family && FONTS.test(family[1]) && !/font-weight:\s*(bold|700)/.test(face) ? face : "";
        })
        .replace(/,url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)/g, "");
    },
  };
}

export default defineConfig({
  base: "/static/",
  plugins: [fewFonts()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    outDir: "../src/netgrad/studio/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
