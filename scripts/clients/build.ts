/**
 * Builds the client library and the command line: `npm run build:clients`. In the library, `dist/index.js` is for
 * Node.js and bundlers, `dist/holdfast.min.js` is for pages that load it directly, and `dist/types` contains the
 * declarations.
 */
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';
import { readCommandLine } from '../../app/config/command-line.mjs';

const ROOT = join(import.meta.dirname, '../..');
const CLIENT = join(ROOT, 'clients/typescript');
const CLI = join(ROOT, 'clients/cli');
/** Node.js 20 and the browsers of 2023 support this. */
const TARGET = 'es2022';
const KIB = 1024;
const EXECUTABLE = 0o755;

/** Builds the package as it would be published. @param folder is emptied first */
export async function buildClient(folder: string): Promise<void> {
  const dist = join(folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  if (folder !== CLIENT)
    for (const file of ['package.json', 'README.md']) copyFileSync(join(CLIENT, file), join(folder, file));
  const common: BuildOptions = {
    entryPoints: [join(CLIENT, 'src/index.ts')],
    bundle: true,
    format: 'esm',
    target: TARGET,
    // Makes the build fail if the library imports a module of Node.js.
    platform: 'browser',
    sourcemap: true,
    sourcesContent: false,
  };
  await build({ ...common, outfile: join(dist, 'index.js') });
  await build({ ...common, outfile: join(dist, 'holdfast.min.js'), minify: true });
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '--project', join(CLIENT, 'tsconfig.json'), '--outDir', join(dist, 'types')];
  await promisify(execFile)(process.execPath, args);
}

/** Builds the command-line tool as one file that needs nothing but Node.js. @returns its path */
export async function buildCli(folder: string): Promise<string> {
  const outfile = join(folder, 'dist', 'holdfast.mjs');
  const entryPoints = [join(CLI, 'src/main.ts')];
  await build({ entryPoints, outfile, bundle: true, format: 'esm', target: TARGET, platform: 'node' });
  chmodSync(outfile, EXECUTABLE);
  return outfile;
}

/** The sizes of the built files, KiB. */
export function sizesIn(folder: string): { file: string; kib: number; gzipKib: number }[] {
  return ['index.js', 'holdfast.min.js'].map((file) => {
    const content = readFileSync(join(folder, 'dist', file));
    const inKib = (bytes: number) => Math.round((bytes / KIB) * 10) / 10;
    return { file, kib: inKib(content.length), gzipKib: inKib(gzipSync(content).length) };
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  readCommandLine({
    name: 'npm run build:clients --',
    about: 'Builds the client library in clients/typescript/dist, and the command line in clients/cli/dist.',
    options: {},
  });
  await buildClient(CLIENT);
  await buildCli(CLI);
  for (const { file, kib, gzipKib } of sizesIn(CLIENT))
    console.log(`dist/${file}: ${kib} KiB, ${gzipKib} KiB compressed`);
}
