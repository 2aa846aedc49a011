import { freePort } from '../../../devstack/system/ports.mjs';
import { shardOfAccount } from '../../domain/account-shard.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../../redis/testing/own-redis.ts';
import type { CourierTiming } from '../../shards/courier.ts';
import { startApi } from '../api-role.ts';
import type { Context } from '../context.ts';
import { startKeeper } from '../keeper-role.ts';
import { startSearch } from '../search-role.ts';
import { adoptIdentities } from '../shard-identities.ts';
import { API_KEY, Role } from './roles-under-test.ts';
import { type ContextUnderTest, processOf, testConfig, testContext } from './test-context.ts';

/** Most tests wait until transfers are closed, which takes some seconds with the default timing. */
const COURIER: CourierTiming = { everyMs: 100, minAgeMs: 100, pageMax: 500, inFlightMax: 64, openMax: 100_000 };

/** The process of a pod with all its shards, which closes transfers between shards quickly. */
export const quickPod = (context: ContextUnderTest): Context => ({
  ...processOf(context),
  shards: context.process.shards,
  courierTiming: COURIER,
});

/** A ledger with several shards, each with a durable Redis and a database of its own; its roles run in this process. */
export class ShardedRoles {
  readonly databases: readonly TestDatabase[];
  readonly servers: readonly OwnRedis[];
  readonly prefix = randomPrefix();
  readonly #roles: Role[] = [];

  private constructor(databases: readonly TestDatabase[], servers: readonly OwnRedis[]) {
    this.databases = databases;
    this.servers = servers;
  }
  static async start(shards: number): Promise<ShardedRoles> {
    const numbers = Array.from({ length: shards });
    const databases = await Promise.all(numbers.map(() => migratedDatabase()));
    await adoptIdentities(testConfig(databases.map(({ url }) => url).join(' '), { SHARDS: String(shards) }));
    return new ShardedRoles(databases, await Promise.all(numbers.map(() => OwnRedis.start())));
  }

  /** The settings that name the stores. */
  get settings(): { SHARDS: string; REDIS_URL: string; MYSQL_URL: string; KEY_PREFIX: string } {
    return {
      SHARDS: String(this.databases.length),
      REDIS_URL: this.servers.map(({ url }) => url).join(' '),
      MYSQL_URL: this.databases.map(({ url }) => url).join(' '),
      KEY_PREFIX: this.prefix,
    };
  }

  async keeper(): Promise<Role> {
    const context = await this.#context({ ROLE: 'keeper', ADMIN_PORT: String(await freePort()) });
    return this.#started(
      new Role(context, await startKeeper({ ...processOf(context), shards: context.process.shards })),
    );
  }
  async search(): Promise<Role> {
    const context = await this.#context({ ROLE: 'search', ADMIN_PORT: String(await freePort()) });
    return this.#started(
      new Role(context, await startSearch({ ...processOf(context), shards: context.process.shards })),
    );
  }
  async api(env: Record<string, string> = {}): Promise<Role> {
    const context = await this.#context(env);
    return this.#started(new Role(context, await startApi(quickPod(context))));
  }

  /** The name of an account in a shard. */
  accountIn(shard: number, name: string): string {
    for (let index = 0; ; index++)
      if (shardOfAccount(`@x${index}`, this.databases.length) === shard) return `${name}@x${index}`;
  }

  async stop(): Promise<void> {
    for (const role of this.#roles.reverse()) await role.stop();
    await Promise.all(this.databases.map((db) => db.drop()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  #context(env: Record<string, string>) {
    const { MYSQL_URL, ...settings } = this.settings;
    const timing = {
      HEARTBEAT_MS: '50',
      POD_RETIRE_AFTER_MS: '1000',
      REDIS_LOST_AFTER_MS: '500',
      REDIS_LOST_BY_PODS_AFTER_MS: '250',
      REDIS_STEADY_AFTER_MS: '200',
    };
    return testContext(testConfig(MYSQL_URL, { ...settings, ...timing, BOOTSTRAP_API_KEY: API_KEY, ...env }));
  }
  #started(role: Role): Role {
    this.#roles.push(role);
    return role;
  }
}
