/**
 * The stores that the matrix tests: MySQL, Valkey and Redis from Debian unstable, in a separate folder next to those of
 * this machine. They do not run in a chroot: a small wrapper starts each one with its own loader and libraries, so that
 * `npm start` and every test can find it through the PATH, and can keep its data in any folder.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, installPrograms } from '../../devstack/install/packages.mjs';
import { print, UserError } from '../../devstack/system/console.mjs';
import { runTool } from '../../devstack/system/process.mjs';

/** @typedef {'mysql' | 'valkey' | 'redis'} StoreName */
/**
 * @typedef {{ package: string, path: string, programs: readonly string[] }} Store `programs`: the names by which it is
 * found
 */

/** @type {Readonly<Record<StoreName, Store>>} */
const STORES = {
  // Installed under MariaDB's name, too, which is looked up first.
  mysql: { package: 'mysql-server-core', path: 'usr/sbin/mysqld', programs: ['mysqld', 'mariadbd'] },
  valkey: { package: 'valkey-server', path: 'usr/bin/valkey-server', programs: ['redis-server'] },
  redis: { package: 'redis-server', path: 'usr/bin/redis-server', programs: ['redis-server'] },
};

/** @type {Readonly<Partial<Record<NodeJS.Architecture, { loader: string, libraries: string }>>>} */
const LAYOUTS = {
  x64: { loader: 'lib64/ld-linux-x86-64.so.2', libraries: 'usr/lib/x86_64-linux-gnu' },
  arm64: { loader: 'lib/ld-linux-aarch64.so.1', libraries: 'usr/lib/aarch64-linux-gnu' },
};

/** Keeps services from starting when their packages are installed. */
const NO_SERVICES = '#!/bin/sh\nexit 101\n';

/**
 * Creates the root folder if it is incomplete. Requires root and debootstrap.
 * @param {string} root
 */
export async function makeStores(root) {
  const missing = () => Object.values(STORES).filter(({ path }) => !existsSync(join(root, path)));
  if (missing().length > 0) {
    if (process.getuid?.() !== 0) throw new UserError('debootstrap needs root: run npm run test:matrix as root once.');
    await installPrograms(['debootstrap'], { logFile: join(root, '..', 'apt.log') });
    const logFile = join(root, '..', 'make.log');
    if (!existsSync(join(root, 'usr/bin/apt-get'))) {
      print('Unpacking Debian unstable …');
      const command = findProgram('debootstrap') ?? 'debootstrap';
      await runTool({ name: 'debootstrap', command, args: ['--variant=minbase', 'sid', root, ...mirror()], logFile });
    }
    const policy = join(root, 'usr/sbin/policy-rc.d');
    writeFileSync(policy, NO_SERVICES);
    chmodSync(policy, 0o755);
    print('Installing MySQL, Valkey and Redis from Debian unstable …');
    const packages = Object.values(STORES).map((store) => store.package);
    // A mirror that is a few weeks behind is good enough: the signature is still checked.
    const install = `apt-get -q -o Acquire::Check-Valid-Until=false update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install ${packages.join(' ')}`;
    // If the service of a package cannot be configured, the package is unpacked anyway; only its program is needed.
    await runTool({ name: 'apt-get', command: 'chroot', args: [root, 'sh', '-c', install], logFile }).catch(() => {});
  }
  const [absent] = missing();
  if (absent) throw new UserError(`${absent.package} could not be installed in ${root}: see make.log next to it.`);
}

/** The mirror of this machine; if there is none, debootstrap uses Debian's own. */
function mirror() {
  const command = 'cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true';
  const found = mirrorIn(execFileSync('sh', ['-c', command], { encoding: 'utf8' }));
  return found === undefined ? [] : [found];
}

/** @param {string} sources of apt, in either format; comments can name archives that do not have Debian unstable */
export function mirrorIn(sources) {
  return /^(?:URIs:|deb\b).*?(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(sources)?.[1];
}

/**
 * @param {string} root
 * @param {StoreName} name
 * @returns {{ folder: string, version: string }} a folder for the front of the PATH
 */
export function programsOf(root, name) {
  const layout = LAYOUTS[process.arch];
  if (!layout)
    throw new UserError(`unsupported architecture: the library folder of Debian on ${process.arch} is unknown.`);
  const { path, programs } = STORES[name];
  const program = join(root, path);
  const start = `exec ${join(root, layout.loader)} --library-path ${join(root, layout.libraries)} --argv0 ${program} ${program}`;
  // mysqld accepts --defaults-file only as its first argument, and would look for its messages where MariaDB's are.
  const mysql = `first=$1\nshift\n${start} "$first" --basedir=${join(root, 'usr')} --lc-messages-dir=${join(root, 'usr/share/mysql')} "$@"\n`;
  const folder = join(root, '..', 'programs', name);
  mkdirSync(folder, { recursive: true });
  for (const file of programs) {
    writeFileSync(join(folder, file), `#!/bin/sh\n${name === 'mysql' ? mysql : `${start} "$@"\n`}`, { mode: 0o755 });
  }
  const [first = ''] = programs;
  const arguments_ = name === 'mysql' ? ['--no-defaults', '--version'] : ['--version'];
  const text = execFileSync(join(folder, first), arguments_, { encoding: 'utf8' });
  return { folder, version: versionIn(text) };
}

/** @param {string} text the version output of a server */
export function versionIn(text) {
  return /(?:v=|Ver )(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? 'unknown';
}
