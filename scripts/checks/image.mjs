/**
 * The image. Where a container engine answers it is built and run; elsewhere the stages of the Dockerfile are run in folders,
 * and what would be the image is run from there: as root in a chroot, so that nothing of this machine can help it.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../../app/config/command-line.mjs';
import { elapsed } from '../../devstack/system/say.mjs';
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
assert.equal(lastOf(last, 'USER'), USER, 'the image runs as a number that is not root');
const command = /** @type {string[]} */ (JSON.parse(lastOf(last, 'ENTRYPOINT') ?? '[]'));

await endLeftTemporaryFolders();
const folder = temporaryFolder();
const since = performance.now();
try {
  const base = defaults['NODE_IMAGE'] ?? '';
  const [start, sizeMiB, how] = hasEngine(base) ? builtByEngine() : builtByHand();
  assert.ok(
    sizeMiB < SIZE_MIB_MAX,
    `the image has ${sizeMiB} MiB, more than ${SIZE_MIB_MAX}: look at what has come into it`,
  );
  const { readyMs, stopMs } = await exercise(start, folder);
  console.log(
    `${how}: ${sizeMiB} MiB, ready after ${Math.round(readyMs)} ms, both roles stopped after ${Math.round(stopMs)} ms.`,
  );
  console.log(`All in ${elapsed(since)}.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @param {string} base an engine is of no use without the base image, and where no registry can be reached it has none */
function hasEngine(base) {
  const docker = (/** @type {string[]} */ ...args) =>
    spawnSync('docker', args, { stdio: 'ignore', timeout: 120_000 }).status === 0;
  if (!docker('info')) {
    console.log('No container engine answers here: the stages of the Dockerfile are run in folders.');
    return false;
  }
  if (docker('image', 'inspect', base) || docker('pull', base)) return true;
  console.log(
    `A container engine answers, but ${base} cannot be had: the stages of the Dockerfile are run in folders.`,
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
    `Built in folders, and run ${isRoot ? 'in a chroot of them' : 'from there (not root: the libraries of this machine helped)'}`,
  ];
}

/** @param {string[]} files what is in the image: no package for developing, no shell, no npm, no source map, no test */
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
    'packages for developing',
  );
  const unwanted = files.filter((file) =>
    /\.(map|ts|[cm]ts)$|^\/app\/dist\/.*\.test\.js$|\/bin\/(sh|bash|npm|npx)$|\/npm\/|\.npmrc$|\.env$/.test(file),
  );
  assert.deepEqual(unwanted, [], 'files that have no business in the image');
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
 * @param {Record<string, string>} [env] all of it; without it this process's own
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
