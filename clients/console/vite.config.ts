import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** All files are in one folder, with relative addresses: the pod serves them below /console. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('../../dist/console', import.meta.url)),
    emptyOutDir: true,
    assetsDir: '',
    // The policy would allow images as data URLs in styles, but files are easier to cache.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  // npm run dev serves the API at port 8080.
  server: { proxy: { '/v1': 'http://127.0.0.1:8080' } },
});
