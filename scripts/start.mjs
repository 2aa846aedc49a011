/** `npm start` and `npm run dev`: run everything that Holdfast needs on this machine, until Ctrl-C. */
import { appendFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireNodeVersion } from '../devstack/install/node-version.mjs';

requireNodeVersion();
// Imported only now: these modules use features that an old Node.js does not have.
const { flag, readCommandLine, refuse } = await import('../app/config/command-line.mjs');
const { messageOf, print, UserError } = await import('../devstack/system/console.mjs');
const { reasonOf } = await import('../devstack/system/folder.mjs');
const { readSettings } = await import('../devstack/settings.mjs');
const { Stack } = await import('../devstack/stack.mjs');
const { buildUnlessDone } = await import('./build.mjs');

const command = {
  name: 'npm start --',
  about: `Runs Redis, MariaDB, a keeper and API pods on this machine until Ctrl-C, and installs missing software.
The stores and the service can run in two terminals, so that you can stop one without the other (docs/deployment.md, "Backup and restore").`,
  options: {
    'stores-only': flag('only Redis and MariaDB'),
    watch: flag('npm run dev: run the sources in app/ without a build, and restart the service when they change'),
    'service-only': flag(
      'only the keeper and the pods, on the stores that npm start -- --stores-only runs in another terminal',
    ),
  },
  environment: {
    PORT: 'port of the first API pod (8080)',
    API_PODS: 'number of API pods (1)',
    SEARCH: 'off: without the lists of transfers and accounts, and the process that keeps their index up to date',
    SHARDS: 'number of shards, each with a Redis and a database of its own (1)',
    STACK_DIR: 'folder of data, logs and stack.json (.local)',
    REDIS_URL: 'use this Redis instead of starting one',
    MYSQL_URL: 'use this MySQL instead of starting one',
  },
};
const { values } = readCommandLine(command);
if (values['stores-only'] && values['service-only']) refuse(command, 'Choose one: --stores-only or --service-only.');
if (values['stores-only'] && values.watch) refuse(command, 'There is nothing to watch with --stores-only.');
const scope = values['stores-only'] ? 'stores' : values['service-only'] ? 'service' : 'all';

/** Ctrl-C arrives twice if npm passes on the signal that the terminal has sent to all processes. */
const SAME_KEY_MS = 500;
const LOOK_AT_PARENT_EVERY_MS = 250;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const asked = new AbortController();

/**
 * If npm or its shell is killed, this process stops, too. If this process was not started by npm, it continues when its
 * parent ends (nohup).
 */
const parent = process.ppid;
const isLeftAlone = () =>
  ['start', 'dev'].includes(process.env['npm_lifecycle_event'] ?? '') && process.ppid !== parent;

/**
 * @param {unknown} error
 * @param {string | null} folder
 */
function report(error, folder) {
  if (error instanceof UserError) return print(error.message);
  const reason = reasonOf(error);
  if (reason !== null) return print(`${messageOf(error)}: ${reason}. Fix that, and start again.`);
  const log = folder !== null && existsSync(join(folder, 'logs')) ? join(folder, 'logs', 'start.log') : null;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (log === null) return print(stack);
  appendFileSync(log, `${new Date().toISOString()} ${stack}\n`);
  print(`An unexpected error occurred: ${messageOf(error)} (more in ${log})`);
}

/** @returns {Promise<number>} exit code */
async function main() {
  /** @type {string | null} */
  let folder = null;
  /** @type {InstanceType<typeof Stack> | null} */
  let stack = null;
  let failed = false;
  let askedAt = 0;
  /** @type {() => void} */
  let stopNow = () => {};
  const untilAsked = new Promise((resolve) => {
    stopNow = () => resolve(undefined);
  });
  /** @param {string} name */
  const onSignal = (name) => {
    if (!asked.signal.aborted) {
      askedAt = performance.now();
      print(`Stopping (${name}) …`);
      asked.abort();
      stopNow();
    } else if (performance.now() - askedAt > SAME_KEY_MS) {
      print(`Still stopping, so that nothing is lost. Waiting for ${stack?.waitsFor ?? 'the start'}.`);
    }
  };
  for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(name, () => onSignal(name));
  setInterval(() => {
    if (!asked.signal.aborted && isLeftAlone()) onSignal('npm has ended');
  }, LOOK_AT_PARENT_EVERY_MS).unref();
  process.on('uncaughtException', (error) => {
    failed = true;
    report(error, folder);
    asked.abort();
    stopNow();
  });

  try {
    if (process.platform !== 'linux')
      throw new UserError('npm start runs only on Linux: elsewhere, use a Linux container or machine.');
    const settings = readSettings(process.env, root, scope, values.watch);
    folder = settings.folder;
    stack = new Stack(settings, asked.signal, () => asked.signal.aborted || isLeftAlone(), buildUnlessDone);
    await stack.start();
    await untilAsked;
  } catch (error) {
    // A failure caused by a requested stop is not an error.
    if (!asked.signal.aborted) {
      failed = true;
      report(error, folder);
      asked.abort();
    }
  }
  await stack?.stop();
  if (!failed) print('Holdfast has stopped.');
  return failed ? 1 : 0;
}

process.exit(await main());
