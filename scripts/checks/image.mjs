/**
 * Tests the image. If a container engine is available, the image is built and run. Otherwise, the stages of the
 * Dockerfile are run in folders, and the result is run from there: if this user is root, in a chroot, so that it cannot
 * use anything else on this machine.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../../app/config/command-line.mjs';
import { elapsed } from '../../devstack/system/console.mjs';
import { endLeftTemporaryFolders, temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { lastOf, parseDockerfile } from '../image/dockerfile.mjs';
import { exercise } from '../image/exercise.mjs';
import { buildStages } from '../image/stages.mjs';

readCommandLine({
  name: 'node scripts/checks/image.mjs',
  about: 'Builds the image, or its stages in folders, and tests it.',
  options: {},
});

const MIB = 1024 * 1024;
const SIZE_MIB_MAX = 190;
const TAG = 'holdfast:check';
const NETWORK = '--network=host';
const USER = '10001:10001';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { stages, defaults } = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const last = stages.at(-1);
assert.ok(last);
assert.equal(lastOf(last, 'USER'), USER, 'the image runs as a numeric user other than root');
const command = /** @type {string[]} */ (JSON.parse(lastOf(last, 'ENTRYPOINT') ?? '[]'));

await endLeftTemporaryFolders();
const folder = temporaryFolder();
const since = performance.now();
try {
  const base = defaults['NODE_IMAGE'] ?? '';
  const [start, sizeMiB, how] = hasEngine(base) ? builtByEngine() : builtByHand();
  assert.ok(sizeMiB < SIZE_MIB_MAX, `the image is ${sizeMiB} MiB, more than ${SIZE_MIB_MAX}: check what was added`);
  const { readyMs, stopMs } = await exercise(start, folder);
  console.log(
    `${how}: ${sizeMiB} MiB, ready after ${Math.round(readyMs)} ms, both roles stopped after ${Math.round(stopMs)} ms.`,
  );
  console.log(`Total: ${elapsed(since)}.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * @param {string} base the base image; if it is missing and no registry can be reached, the engine cannot be used
 */
function hasEngine(base) {
  const docker = (/** @type {string[]} */ ...args) =>
    spawnSync('docker', args, { stdio: 'ignore', timeout: 120_000 }).status === 0;
  if (!docker('info')) {
    console.log('No container engine is available: running the stages of the Dockerfile in folders.');
    return false;
  }
  if (docker('image', 'inspect', base) || docker('pull', base)) return true;
  console.log(
    `A container engine is available, but ${base} cannot be pulled: running the stages of the Dockerfile in folders.`,
  );
  return false;
}

/** @returns {[import('../image/exercise.mjs').Start, number, string]} */
function builtByEngine() {
  execFileSync('docker', ['build', '--quiet', NETWORK, '--tag', TAG, root], { stdio: ['ignore', 'ignore', 'inherit'] });
  const container = execFileSync('docker', ['create', TAG], { encoding: 'utf8' }).trim();
  const list = execFileSync('sh', ['-c', `docker export ${container} | tar -t`], {
    encoding: 'utf8',
    maxBuffer: 64 * MIB,
  });
  execFileSync('docker', ['rm', container], { stdio: 'ignore' });
  onlyForProduction(list.split('\n').map((file) => `/${file}`));
  const size = execFileSync('docker', ['image', 'inspect', '--format', '{{.Size}}', TAG], { encoding: 'utf8' });
  const confined = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--user', USER];
  return [
    (role, env) => {
      const settings = Object.entries(env).map(([name, value]) => `--env=${name}=${value}`);
      return started('docker', ['run', '--rm', NETWORK, ...confined, ...settings, TAG, role]);
    },
    Math.round(Number(size) / MIB),
    'Built and run by the container engine, read-only, without capabilities',
  ];
}

/** @returns {[import('../image/exercise.mjs').Start, number, string]} */
function builtByHand() {
  const { image } = buildStages({ root, folder });
  onlyForProduction(filesOf(image).map((file) => file.slice(image.length)));
  const [program = '', ...args] = command;
  const isRoot = process.getuid?.() === 0;
  const node = join(image, 'usr/local/bin', program);
  const whole = isRoot
    ? ['chroot', `--userspec=${USER}`, image, program, ...args]
    : [node, ...args.map((arg) => arg.replace(/^\/app/, join(image, 'app')))];
  return [
    (role, env) =>
      started(whole[0] ?? '', [...whole.slice(1), role], {
        NODE_ENV: 'production',
        PATH: isRoot ? '/usr/local/bin:/usr/sbin:/usr/bin' : '',
        ...env,
      }),
    Math.round(filesOf(image).reduce((sum, file) => sum + statSync(file).size, 0) / MIB),
    `Built in folders, and run ${isRoot ? 'in a chroot' : 'from there (not as root: using the libraries of this machine)'}`,
  ];
}

/** @param {string[]} files the content of the image: no development packages, shell, npm, source maps or tests */
function onlyForProduction(files) {
  const lock = /** @type {{ packages: Record<string, { dev?: boolean }> }} */ (
    JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  );
  const folders = new Set(files.map((file) => dirname(file)));
  const forDeveloping = Object.entries(lock.packages).filter(
    ([path, { dev }]) => dev === true && folders.has(`/app/${path}`),
  );
  assert.deepEqual(
    forDeveloping.map(([path]) => path),
    [],
    'development packages',
  );
  const unwanted = files.filter((file) =>
    /\.(map|ts|[cm]ts)$|^\/app\/dist\/.*\.test\.js$|\/bin\/(sh|bash|npm|npx)$|\/npm\/|\.npmrc$|\.env$/.test(file),
  );
  assert.deepEqual(unwanted, [], 'files that do not belong in the image');
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env] the whole environment; the default is that of this process
 * @returns {import('../image/exercise.mjs').Started}
 */
function started(command, args, env) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(env && { env }) });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += bytes));
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  // `docker run` passes the signal on to process 1 of the container.
  return { output: () => output, ended, terminate: () => void child.kill('SIGTERM') };
}
