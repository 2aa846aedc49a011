/** Builds the console for operators with Vite: from clients/console to dist/console, which pods serve. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeAtomically } from './folder.mjs';
import { runTool } from './process.mjs';

const SOURCE = join('clients', 'console');
const STAMP = '.console.json';

/**
 * Does nothing if the sources are unchanged. Replaces the folder as a whole, because a pod may be reading it.
 * @param {{ root: string, logFile: string, signal?: AbortSignal }} options
 * @throws {import('./console.mjs').UserError} with the message of Vite
 */
export async function buildConsoleUnlessDone({ root, logFile, signal }) {
  const dist = join(root, 'dist');
  const stamp = join(dist, STAMP);
  const content = contentOf(root);
  const built = join(dist, 'console');
  const last = /** @type {{ content?: string } | undefined} */ (readJson(stamp))?.content;
  if (last === content && existsSync(join(built, 'index.html'))) return;
  mkdirSync(dist, { recursive: true });
  const fresh = join(dist, `.console-${process.pid}`);
  await runTool({
    name: 'Building the console',
    command: process.execPath,
    args: [
      join(root, 'node_modules', 'vite', 'bin', 'vite.js'),
      'build',
      SOURCE,
      '--outDir',
      fresh,
      '--logLevel',
      'warn',
    ],
    logFile,
    cwd: root,
    ...(signal ? { signal } : {}),
  });
  rmSync(built, { recursive: true, force: true });
  try {
    renameSync(fresh, built);
  } catch (error) {
    // Another build of the same sources finished first.
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(built)) throw error;
  }
  writeAtomically(stamp, JSON.stringify({ content }), 0o644);
}

/** @param {string} root */
function contentOf(root) {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  const files = readdirSync(join(root, SOURCE), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files)
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}
