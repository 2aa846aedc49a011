import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mirrorIn } from '../../../scripts/matrix/stores.mjs';
import { print } from '../../system/console.mjs';
import { runTool } from '../../system/process.mjs';
import { run } from '../commands.ts';
import { FOLDER, IMAGES, LOGS } from '../settings.ts';
import { writeArchive } from './archive.ts';

/**
 * Builds substitutes for the official images of Redis and MariaDB, with one root file system for both. It contains
 * Debian's packages, and the parts of the official images that the chart uses (MARIADB_* at the first start,
 * healthcheck.sh).
 */

const PACKAGES = ['redis-server', 'mariadb-server'];
const NOT_NEEDED = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale'];
const TAGS = ['docker.io/library/redis:7.4-bookworm', 'docker.io/library/mariadb:10.11'];

export async function storesImage(): Promise<string> {
  const archive = join(IMAGES, 'stores.tar');
  if (existsSync(archive)) return archive;
  mkdirSync(IMAGES, { recursive: true });
  const folder = join(FOLDER, 'stores');
  rmSync(folder, { recursive: true, force: true });
  print('Unpacking Debian with Redis and MariaDB (debootstrap) …');
  const logFile = join(LOGS, 'debootstrap.log');
  const args = ['-n', '10', 'debootstrap', '--variant=minbase', 'bookworm', folder, ...mirror()];
  await runTool({ name: 'debootstrap', command: 'nice', args, logFile });
  writeProgram(join(folder, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n'); // no service starts
  cpSync('/etc/apt/apt.conf.d', join(folder, 'etc/apt/apt.conf.d'), { recursive: true });
  const install = `DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${PACKAGES.join(' ')}`;
  await runTool({ name: 'apt-get', command: 'chroot', args: [folder, 'sh', '-c', install], logFile });
  for (const path of NOT_NEEDED) rmSync(join(folder, path), { recursive: true, force: true });
  for (const path of ['var/lib/mysql', 'etc/mysql/mariadb.conf.d']) empty(join(folder, path));
  for (const name of ['docker-entrypoint.sh', 'healthcheck.sh']) {
    writeProgram(join(folder, 'usr/local/bin', name), readFileSync(join(import.meta.dirname, name), 'utf8'));
  }
  await writeArchive(archive, {
    folder,
    tags: TAGS,
    ownedByRoot: false,
    config: {
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['mariadbd'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    },
  });
  rmSync(folder, { recursive: true });
  return archive;
}

/** The mirror of this machine; if there is none, debootstrap uses Debian's own. */
function mirror(): string[] {
  const found = mirrorIn(run('sh', ['-c', 'cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true']));
  return found === undefined ? [] : [found];
}

function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
}

function writeProgram(file: string, text: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}
