/**
 * `npm run screenshots`: updates the screenshots of the console in the documentation by running its test on a real
 * stack.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../app/config/command-line.mjs';

readCommandLine({
  name: 'npm run screenshots --',
  about: 'Updates docs/images/console-*.png. Needs Chromium, Redis and MariaDB on this machine.',
  options: {},
});

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--coverage.enabled=false'];
const env = { ...process.env, CONSOLE_SCREENSHOTS: join('docs', 'images') };
const test = 'app/roles/tests/console.system.test.ts';
process.exitCode = spawnSync(process.execPath, [...args, test], { cwd: root, env, stdio: 'inherit' }).status ?? 1;
