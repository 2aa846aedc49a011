/** What must be installed: the npm packages, and programs of Debian's packages. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { readJson } from '../system/folder.mjs';
import { runTool } from '../system/process.mjs';
import { say, Trouble } from '../system/say.mjs';

/**
 * @typedef {object} Wanted
 * @property {string} name for people
 * @property {readonly string[]} programs any of which will do
 * @property {readonly (readonly string[])[]} packages sets to try, the smallest first
 * @property {string} otherwise what to do by hand
 */

/** @type {Readonly<Record<'redis' | 'mysql' | 'chromium' | 'haproxy' | 'promtool' | 'debootstrap' | 'prometheus' | 'alertmanager', Wanted>>} */
export const WANTED = {
  redis: {
    name: 'Redis',
    programs: ['redis-server'],
    packages: [['redis-server']],
    otherwise: 'install redis-server 7.0 or newer, or set REDIS_URL to a Redis that runs',
  },
  mysql: {
    name: 'MariaDB',
    programs: ['mariadbd', 'mysqld'],
    packages: [['mariadb-server-core', 'mariadb-client-core'], ['mariadb-server']],
    otherwise: 'install mariadb-server 10.6 or newer, or set MYSQL_URL to a MariaDB or MySQL that runs',
  },
  chromium: {
    name: 'Chromium',
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    packages: [['chromium']],
    otherwise: 'install chromium',
  },
  haproxy: {
    name: 'HAProxy',
    programs: ['haproxy'],
    packages: [['haproxy']],
    otherwise: 'install haproxy 2.4 or newer',
  },
  promtool: {
    name: 'promtool',
    programs: ['promtool'],
    packages: [['prometheus']],
    otherwise: 'install prometheus 2.42 or newer, of which it is a part',
  },
  debootstrap: {
    name: 'debootstrap',
    programs: ['debootstrap'],
    packages: [['debootstrap']],
    otherwise: 'install debootstrap',
  },
  prometheus: {
    name: 'Prometheus',
    programs: ['prometheus'],
    packages: [['prometheus']],
    otherwise: 'install prometheus 2.42 or newer',
  },
  alertmanager: {
    name: 'Alertmanager',
    programs: ['alertmanager', 'prometheus-alertmanager'],
    packages: [['prometheus-alertmanager']],
    otherwise: 'install prometheus-alertmanager 0.25 or newer',
  },
};

/** Programs of servers are there too, and are not on every user's PATH. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin'];

/**
 * @param {...string} names
 * @returns {string | null} the path of the first that can be run
 */
export function findProgram(...names) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...MORE_FOLDERS];
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        if (statSync(path).isFile()) return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return null;
}

/**
 * @param {keyof typeof WANTED} key
 * @returns {string} its path
 */
export function requireProgram(key) {
  const { name, programs, otherwise } = WANTED[key];
  const path = findProgram(...programs);
  if (path === null) throw new Trouble(`${name} is not installed: ${otherwise}.`);
  return path;
}

/**
 * Whether what is installed is what the lock file says: by content, as the times of files say little after a checkout.
 * @param {unknown} lock package-lock.json
 * @param {unknown} installed node_modules/.package-lock.json, which npm writes when it has finished
 */
export function packagesMatch(lock, installed) {
  const wanted = packagesOf(lock);
  const there = packagesOf(installed);
  return Object.entries(wanted).every(
    ([path, { version, optional, peer }]) =>
      path === '' || optional === true || peer === true || there[path]?.version === version,
  );
}

/**
 * @param {unknown} lock
 * @returns {Record<string, { version?: string, optional?: boolean, peer?: boolean }>}
 */
function packagesOf(lock) {
  return typeof lock === 'object' && lock !== null && 'packages' in lock && typeof lock.packages === 'object'
    ? { ...lock.packages }
    : {};
}

/**
 * @param {{ root: string, logFile: string, signal?: AbortSignal }} options
 */
export async function installNpmPackages({ root, logFile, signal }) {
  const lock = readJson(join(root, 'package-lock.json'));
  if (lock === undefined)
    throw new Trouble(`${join(root, 'package-lock.json')} is missing or damaged: check the repository out again.`);
  if (packagesMatch(lock, readJson(join(root, 'node_modules', '.package-lock.json')))) return;
  say('Installing the npm packages (npm ci) …');
  const npm = findProgram('npm');
  if (npm === null)
    throw new Trouble('npm is not on the PATH: it comes with Node.js, install that completely, and start again.');
  const options = {
    command: npm,
    logFile,
    cwd: root,
    env: { npm_config_loglevel: undefined },
    ...(signal ? { signal } : {}),
  };
  const flags = ['--include=dev', '--no-audit', '--no-fund'];
  try {
    await runTool({ ...options, name: 'npm ci', args: ['ci', ...flags] });
  } catch (error) {
    // A lock file that was made from a registry without the optional packages of other platforms: npm ci refuses it, npm
    // install takes it, in its versions and with its checksums.
    if (!/EUSAGE/.test(readFileSync(logFile, 'utf8'))) throw error;
    say('npm ci refuses package-lock.json as incomplete: trying npm install --no-save, which is slower …');
    await runTool({ ...options, name: 'npm install', args: ['install', '--no-save', ...flags] });
  }
  if (packagesMatch(lock, readJson(join(root, 'node_modules', '.package-lock.json')))) return;
  throw new Trouble(
    'The installed npm packages are not those of package-lock.json: it does not fit package.json. Run npm install, and commit the lock file.',
  );
}

/**
 * One run of apt-get as root. No package's service may start: policy-rc.d refuses it while this runs, and is taken away
 * again unless it was there before.
 */
const INSTALL = `
set -u
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
  trap 'rm -f "$guard"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$guard" && chmod 755 "$guard"
fi
get() { apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"; }
get install "$@" || { get update; get install "$@"; }
`;

/**
 * Installs by apt-get what is not there.
 * @param {readonly (keyof typeof WANTED)[]} keys
 * @param {{ logFile: string }} options
 */
export async function installPrograms(keys, { logFile }) {
  for (const key of keys) {
    const { name, programs, packages, otherwise } = WANTED[key];
    if (findProgram(...programs) !== null) continue;
    const becomeRoot = await rightToInstall();
    if (becomeRoot === null) {
      throw new Trouble(
        `${name} is not installed, and this user may not install it (neither root, nor sudo without a password, with apt-get): ${otherwise}.`,
      );
    }
    say(`Installing ${name} (apt-get) …`);
    /** @type {unknown} */
    let failure;
    for (const set of packages) {
      const [command = 'sh', ...args] = [...becomeRoot, 'sh', '-c', INSTALL, 'sh', ...set];
      try {
        // Not to be interrupted by Ctrl-C: a package manager that is cut off leaves half-installed packages.
        await runTool({ name: `apt-get install ${set.join(' ')}`, command, args, logFile });
        failure = undefined;
        break;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    requireProgram(key);
  }
}

/** @returns {Promise<readonly string[] | null>} what to put before a command to run it as root */
async function rightToInstall() {
  if (findProgram('apt-get') === null) return null;
  if (process.getuid?.() === 0) return [];
  const sudo = findProgram('sudo');
  if (sudo === null) return null;
  try {
    await runTool({ name: 'sudo', command: sudo, args: ['-n', 'true'], logFile: '/dev/null' });
    return [sudo, '-n'];
  } catch {
    return null;
  }
}
