/**
 * Vitest's global set-up: one private Redis and one private MariaDB for all tests, fast rather than durable. A test makes
 * its own database (`CREATE DATABASE t_<random>`), and keeps to its own key prefix or starts a Redis by `startRedis`.
 */
import { rmSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { startMariadb } from '../stores/mariadb.mjs';
import { startRedis } from '../stores/redis.mjs';
import { endLeftTemporaryFolders, temporaryFolder } from './temporary.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** On 127.0.0.1. */
    redisPort: number;
    /** `mysql://user:password@127.0.0.1:port/database`; the user may make databases. */
    mysqlUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await endLeftTemporaryFolders();
  const dir = temporaryFolder();
  const [redis, mariadb] = await Promise.all([
    startRedis({ dir: `${dir}/redis`, relaxed: true }),
    startMariadb({ dir: `${dir}/mysql`, relaxed: true }),
  ]);
  project.provide('redisPort', redis.port);
  project.provide('mysqlUrl', mariadb.url);
  return async () => {
    await Promise.all([redis.stop(), mariadb.stop()]);
    rmSync(dir, { recursive: true, force: true });
  };
}
