/** Installs the requirements of Holdfast: npm packages, and programs from Debian packages. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { print, UserError } from '../system/console.mjs';
import { readJson } from '../system/folder.mjs';
import { runTool } from '../system/process.mjs';

/**
 * @typedef {object} Wanted
 * @property {string} name for messages
 * @property {readonly string[]} programs any one of them is sufficient
 * @property {readonly (readonly string[])[]} packages sets of packages to try, the smallest set first
 * @property {string} otherwise what the user can do if it cannot be installed automatically
 */

/** @type {Readonly<Record<'redis' | 'mysql' | 'chromium' | 'haproxy' | 'promtool' | 'debootstrap' | 'prometheus' | 'alertmanager' | 'python' | 'go' | 'java', Wanted>>} */
export const WANTED = {
  redis: {
    name: 'Redis',
    programs: ['redis-server'],
    packages: [['redis-server']],
    otherwise: 'install redis-server 7.0 or newer, or set REDIS_URL to a running Redis',
  },
  mysql: {
    name: 'MariaDB',
    programs: ['mariadbd', 'mysqld'],
    packages: [['mariadb-server-core', 'mariadb-client-core'], ['mariadb-server']],
    otherwise: 'install mariadb-server 10.6 or newer, or set MYSQL_URL to a running MariaDB or MySQL',
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
    otherwise: 'install prometheus 2.42 or newer, which includes it',
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
  python: {
    name: 'Python',
    programs: ['python3'],
    packages: [['python3-venv']],
    otherwise: 'install Python 3.11 or newer with venv',
  },
  go: {
    name: 'Go',
    programs: ['go'],
    packages: [['golang-go']],
    otherwise: 'install Go 1.21 or newer',
  },
  java: {
    name: 'Maven, with a Java development kit',
    programs: ['mvn'],
    packages: [['maven', 'default-jdk-headless']],
    otherwise: 'install a Java development kit 17 or newer, and Maven',
  },
};

/** Server programs are in these folders, which are not on every user's PATH. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin'];

/**
 * @param {...string} names
 * @returns {string | null} the path of the first one that can be run
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
        // The program is not in this folder.
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
  if (path === null) throw new UserError(`${name} is not installed: ${otherwise}.`);
  return path;
}

/**
 * Whether the installed packages match the lock file. It compares contents, because file times mean little after a
 * checkout.
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
    throw new UserError(`${join(root, 'package-lock.json')} is missing or damaged: check out the repository again.`);
  if (packagesMatch(lock, readJson(join(root, 'node_modules', '.package-lock.json')))) return;
  print('Installing the npm packages (npm ci) …');
  const npm = findProgram('npm');
  if (npm === null)
    throw new UserError('npm is not on the PATH. It is part of Node.js: install Node.js completely, and start again.');
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
    // If a lock file was generated from a registry without the optional packages of other platforms, npm ci rejects
    // it, but npm install accepts it, with its versions and checksums.
    if (!/EUSAGE/.test(readFileSync(logFile, 'utf8'))) throw error;
    print('npm ci rejects package-lock.json as incomplete: trying npm install --no-save, which is slower …');
    await runTool({ ...options, name: 'npm install', args: ['install', '--no-save', ...flags] });
  }
  if (packagesMatch(lock, readJson(join(root, 'node_modules', '.package-lock.json')))) return;
  throw new UserError(
    'The installed npm packages do not match package-lock.json, because that file does not match package.json. Run npm install, and commit the lock file.',
  );
}

/**
 * Runs apt-get once, as root. policy-rc.d keeps packages from starting their services during the run, and is removed
 * afterwards unless it already existed.
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
 * Installs missing programs with apt-get.
 * @param {readonly (keyof typeof WANTED)[]} keys
 * @param {{ logFile: string }} options
 */
export async function installPrograms(keys, { logFile }) {
  for (const key of keys) {
    const { name, programs, packages, otherwise } = WANTED[key];
    if (findProgram(...programs) !== null) continue;
    const becomeRoot = await rightToInstall();
    if (becomeRoot === null) {
      throw new UserError(
        `${name} is not installed, and this user cannot install it (that requires apt-get, and root or sudo without a password): ${otherwise}.`,
      );
    }
    print(`Installing ${name} (apt-get) …`);
    /** @type {unknown} */
    let failure;
    for (const set of packages) {
      const [command = 'sh', ...args] = [...becomeRoot, 'sh', '-c', INSTALL, 'sh', ...set];
      try {
        // Ctrl-C does not interrupt this, because an interrupted package manager leaves
        // half-installed packages.
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

/** @returns {Promise<readonly string[] | null>} the prefix for a command to run as root */
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
