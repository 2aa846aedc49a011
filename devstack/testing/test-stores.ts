/**
 * Vitest's global setup of the projects `stores` and `system`: one private Redis and one private MariaDB for all their
 * tests, fast rather than durable. A test creates its own database (`CREATE DATABASE t_<random>`), and uses its own key
 * prefix or starts a Redis with `startRedis`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { requireProgram } from '../install/packages.mjs';
import { startMariadb } from '../stores/mariadb.mjs';
import { startRedis } from '../stores/redis.mjs';
import { endLeftTemporaryFolders, temporaryFolder } from './temporary.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** On 127.0.0.1. */
    redisPort: number;
    /** `mysql://user:password@127.0.0.1:port/database`; the user may create databases. */
    mysqlUrl: string;
  }
}

interface TestStores {
  redisPort: number;
  mysqlUrl: string;
  stop(): Promise<void>;
}

/** Each project loads this file separately, so shared state is kept in the process. */
const shared = globalThis as { holdfastTestStores?: { users: number; stores: Promise<TestStores> } };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.holdfastTestStores ??= { users: 0, stores: start() };
  const held = shared.holdfastTestStores;
  held.users++;
  const stores = await held.stores;
  project.provide('redisPort', stores.redisPort);
  project.provide('mysqlUrl', stores.mysqlUrl);
  return async () => {
    held.users--;
    if (held.users > 0) return;
    delete shared.holdfastTestStores;
    await stores.stop();
  };
}

async function start(): Promise<TestStores> {
  await endLeftTemporaryFolders();
  const dir = temporaryFolder();
  const [redis, mariadb] = await Promise.all([
    startRedis({ dir: join(dir, 'redis'), relaxed: true }),
    startCopiedMariadb(join(dir, 'mysql')),
  ]);
  return {
    redisPort: redis.port,
    mysqlUrl: mariadb.url,
    async stop() {
      await Promise.all([redis.stop(), mariadb.stop()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Creating a data folder takes seconds, but copying one is fast, so it is created once per server version. */
async function startCopiedMariadb(dir: string): ReturnType<typeof startMariadb> {
  const command = requireProgram('mysql');
  const version = execFileSync(command, ['--no-defaults', '--version'], { encoding: 'utf8' });
  const id = createHash('sha256').update(`${command}\0${version}`).digest('hex').slice(0, 16);
  const cache = join(import.meta.dirname, '../../node_modules/.cache/holdfast');
  const pattern = join(cache, `mysql-data-${id}`);
  if (!existsSync(pattern)) await makePattern(cache, pattern);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  cpSync(pattern, join(dir, 'data'), { recursive: true, mode: constants.COPYFILE_FICLONE });
  return startMariadb({ dir, relaxed: true });
}

/** The data folder that a first start and a clean shutdown leave. It gets its final name only when it is complete. */
async function makePattern(cache: string, pattern: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, 'new-'));
  try {
    const server = await startMariadb({ dir, relaxed: true });
    await server.stop();
    renameSync(join(dir, 'data'), pattern);
  } catch (error) {
    // Another run may have created it first.
    if (!existsSync(pattern)) throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
