/**
 * `npm run lint`: checks style (biome), boundaries between folders (dependency-cruiser), and unused code (knip), in
 * seconds.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flag, readCommandLine } from '../app/config/command-line.mjs';
import { elapsed } from '../devstack/system/console.mjs';
import { folderGraph, graphAsText } from './architecture/folder-graph.mjs';

const { values } = readCommandLine({
  name: 'npm run lint --',
  about:
    'Checks style, the boundaries between folders, and that nothing is unused. If a boundary is violated, it prints the folder graph.',
  options: { fix: flag('fix what biome can fix') },
});

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * @param {string} program of node_modules/.bin
 * @param {readonly string[]} args
 */
function passes(program, args) {
  const since = performance.now();
  const path = join(root, 'node_modules', '.bin', program);
  const { status } = spawnSync(path, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  console.log(`${program}: ${status === 0 ? 'passed' : 'FAILED'} (${elapsed(since)})\n`);
  return status === 0;
}

const style = passes('biome', ['check', ...(values.fix ? ['--write'] : []), '.']);
const boundaries = passes('depcruise', [
  'app',
  'verification',
  'clients/typescript/src',
  'clients/cli/src',
  '--config',
  '.dependency-cruiser.cjs',
]);
if (!boundaries) console.log(`${graphAsText(folderGraph(root))}\n`);
const unused = passes('knip', []);
process.exitCode = style && boundaries && unused ? 0 : 1;
