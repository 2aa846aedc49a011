/**
 * `npm run typecheck`: checks all types, in TypeScript and in the JavaScript of the scripts. A second run checks only
 * what has changed.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../app/config/command-line.mjs';
import { elapsed } from '../devstack/system/console.mjs';

readCommandLine({
  name: 'npm run typecheck --',
  about: 'Checks all types. After the first run it checks only what has changed.',
  options: {},
});

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const since = performance.now();
// The console runs in browsers, so its types are checked with those of browsers.
const failed = ['.', join('clients', 'console')].filter((project, index) => {
  const memory = join(root, 'node_modules', '.cache', 'holdfast', `types-${index}.tsbuildinfo`);
  const args = ['--project', project, '--noEmit', '--incremental', '--tsBuildInfoFile', memory];
  return spawnSync(join(root, 'node_modules', '.bin', 'tsc'), args, { cwd: root, stdio: 'inherit' }).status !== 0;
});
console.log(`tsc: ${failed.length === 0 ? 'passed' : 'FAILED'} (${elapsed(since)})`);
process.exitCode = failed.length;
