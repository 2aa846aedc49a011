import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { IMAGES } from '../settings.ts';
import { writeArchive } from './archive.ts';
import { debianWith, writeProgram } from './debian.ts';

/**
 * Builds substitutes for the official images of Redis and MariaDB, with one root file system for both. It contains
 * Debian's packages, and the parts of the official images that the chart uses (MARIADB_* at the first start,
 * healthcheck.sh).
 */

const PACKAGES = ['redis-server', 'mariadb-server'];
const TAGS = ['docker.io/library/redis:7.4-bookworm', 'docker.io/library/mariadb:10.11'];

export async function storesImage(): Promise<string> {
  const archive = join(IMAGES, 'stores.tar');
  if (existsSync(archive)) return archive;
  mkdirSync(IMAGES, { recursive: true });
  const folder = await debianWith('stores', PACKAGES);
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

function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
}
