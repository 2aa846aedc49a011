/**
 * Builds dist/: compiles TypeScript, copies the other files of app/ (Lua, …) next to it, builds the console, and builds
 * the guide from the documentation. Does nothing if the sources are unchanged since the last build.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readCommandLine } from '../app/config/command-line.mjs';
import { elapsed, messageOf, print, UserError } from '../devstack/system/console.mjs';
import { buildConsoleUnlessDone } from '../devstack/system/console-build.mjs';
import { readJson, writeAtomically } from '../devstack/system/folder.mjs';
import { runTool } from '../devstack/system/process.mjs';

const SOURCES = ['app', 'mock-data'];
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
/** Files that are compiled, or are not part of the product; all others are copied. */
const NOT_COPIED = /\.(ts|md)$|(^|\/)testing\//;
const STAMP = '.built.json';

/** The sources of the guide. */
const GUIDE_SOURCES = ['docs', 'clients', 'charts', 'k8s', 'loadtest', 'scripts/guide'];
const GUIDE_FILES = ['ARCHITECTURE.md', 'CHANGELOG.md', 'SECURITY.md', 'package-lock.json'];
const IN_GUIDE = /\.md$|^docs\/|^clients\/generated\/|^scripts\/guide\//;

/**
 * @param {{ root: string, logFile: string, signal?: AbortSignal }} options
 * @throws {UserError} with the compiler's message
 */
export async function buildUnlessDone({ root, logFile, signal }) {
  await buildConsoleUnlessDone({ root, logFile, ...(signal ? { signal } : {}) });
  await buildGuideUnlessDone(root);
  const dist = join(root, 'dist');
  const files = SOURCES.flatMap((folder) => filesIn(root, folder));
  const content = contentOf(root, [...files, ...SETTINGS]);
  const stamp = join(dist, STAMP);
  if (/** @type {{ content?: string } | undefined} */ (readJson(stamp))?.content === content) return;
  const since = performance.now();
  print('Building …');
  rmSync(stamp, { force: true });
  const args = [
    '--project',
    'tsconfig.build.json',
    '--noEmitOnError',
    '--incremental',
    '--tsBuildInfoFile',
    'dist/.tsbuildinfo',
  ];
  await runTool({
    name: 'Compiling',
    command: process.execPath,
    args: [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ...args],
    logFile,
    cwd: root,
    ...(signal ? { signal } : {}),
  });
  removeLeftOvers(root, dist);
  for (const file of files.filter((name) => !NOT_COPIED.test(name))) {
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    copyFileSync(join(root, file), join(dist, file));
  }
  writeAtomically(stamp, JSON.stringify({ content }), 0o644);
  print(`Built (${elapsed(since)}).`);
}

/** @param {string} root */
async function buildGuideUnlessDone(root) {
  if (!existsSync(join(root, 'docs', 'guide'))) return;
  const sources = GUIDE_SOURCES.flatMap((folder) => filesIn(root, folder)).filter(
    (file) => IN_GUIDE.test(file) && !file.includes('node_modules'),
  );
  const content = contentOf(root, [...sources, ...GUIDE_FILES.filter((file) => existsSync(join(root, file)))]);
  const stamp = join(root, 'dist', '.guide-built.json');
  if (/** @type {{ content?: string } | undefined} */ (readJson(stamp))?.content === content) return;
  // Imported only now, because its packages may have been installed by this process.
  const { buildGuide } = await import('./guide/build.mjs');
  await buildGuide(root, join(root, 'dist', 'guide'));
  writeAtomically(stamp, JSON.stringify({ content }), 0o644);
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {string[]} sorted, relative to the root
 */
function filesIn(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/**
 * @param {string} root
 * @param {readonly string[]} files
 */
function contentOf(root, files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

/**
 * Removes files that were built from deleted sources, so that they cannot be imported by mistake.
 * @param {string} root
 * @param {string} dist
 */
function removeLeftOvers(root, dist) {
  for (const file of SOURCES.flatMap((folder) => filesIn(dist, folder))) {
    const source = file.replace(/\.js(\.map)?$/, '.ts');
    if (!existsSync(join(root, source)) && !existsSync(join(root, file))) rmSync(join(dist, file));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  readCommandLine({
    name: 'npm run build --',
    about: 'Builds dist/ if the sources have changed since the last build.',
    options: {},
  });
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  try {
    await buildUnlessDone({ root, logFile: join(root, 'dist', 'build.log') });
  } catch (error) {
    print(error instanceof UserError ? error.message : messageOf(error));
    process.exitCode = 1;
  }
}
