import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, ConfigError } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import { Problem } from '../../domain/problem.ts';
import { accountOf } from '../../domain/testing/orders.ts';
import { OtherLedger, type ShardIdentity } from '../../mysql/connection/own-ledger.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { LedgerIdentity } from '../../mysql/operations/ledger-identity.ts';
import { emptyDatabase, migratedDatabase, openIn, poolOptions } from '../../mysql/testing/test-database.ts';
import { createContext } from '../context.ts';
import { ONE_SHOT } from '../one-shot.ts';
import { adoptIdentities, requireOwnLedger } from '../shard-identities.ts';
import { testConfig } from '../testing/test-context.ts';

const SHARDS = 3;
let databases: Awaited<ReturnType<typeof emptyDatabase>>[];
beforeEach(async () => {
  databases = await Promise.all(Array.from({ length: SHARDS }, () => emptyDatabase()));
});
afterEach(() => Promise.all(databases.map((database) => database.drop())));

const configOf = (...urls: string[]): Config => testConfig(urls.join(' '), { SHARDS: String(urls.length) });
const urls = () => databases.map(({ url }) => url);
async function identityIn(url: string): Promise<ShardIdentity> {
  await using database = new Database(poolOptions(url));
  return await new LedgerIdentity(database).shard();
}
/** Whether a process with this configuration starts. */
async function refusalOf(config: Config): Promise<string> {
  const context = await createContext(config);
  try {
    return await requireOwnLedger(context.shards).then(
      () => 'it starts',
      (error: unknown) => (error instanceof ConfigError ? 'it does not start' : String(error)),
    );
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

describe('migrate', () => {
  it('makes the databases the shards of one ledger, in the order of their URLs, however often it runs', async () => {
    const config = configOf(...urls());
    for (let time = 0; time < 2; time++) {
      await ONE_SHOT.migrate(config);
      const identities = await Promise.all(urls().map(identityIn));
      const [{ ledgerId } = { ledgerId: '' }] = identities;
      expect(identities).toEqual([0, 1, 2].map((shard) => ({ ledgerId, shard, shards: SHARDS })));
    }
    expect(await refusalOf(config)).toBe('it starts');
  });

  it('refuses another order, another number of shards, and a ledger that has been used', async () => {
    const [first = '', second = '', third = ''] = urls();
    await ONE_SHOT.migrate(configOf(first, second));
    for (const others of [[second, first], [first], [first, second, third]])
      await expect(ONE_SHOT.migrate(configOf(...others))).rejects.toBeInstanceOf(ConfigError);
    const used = await migratedDatabase();
    await openIn(used.database, [accountOf('a')]);
    await expect(ONE_SHOT.migrate(configOf(used.url, third))).rejects.toThrow(/SHARDS, MYSQL_URL: .* cannot become/);
    expect(await identityIn(used.url)).toMatchObject({ shard: 0, shards: 1 });
    await used.drop();
  });
});

describe('A process', () => {
  it('does not start with the shards in another order, another number of shards, or a shard of another ledger', async () => {
    const [first = '', second = '', third = ''] = urls();
    await ONE_SHOT.migrate(configOf(first, second));
    await ONE_SHOT.migrate(configOf(third));
    expect(await refusalOf(configOf(first, second))).toBe('it starts');
    expect(await refusalOf(configOf(third))).toBe('it starts');
    for (const others of [[second, first], [first], [second], [first, third], [third, second]])
      expect(await refusalOf(configOf(...others)), others.join()).toBe('it does not start');
  });

  it('starts even if MySQL cannot report its identity', async () => {
    const away = { identity: { shard: () => Promise.reject(new Problem('database_unavailable', 'away')) } };
    await requireOwnLedger([away]);
    const silent = { identity: { shard: () => new Promise<never>(() => {}) } };
    await requireOwnLedger([silent, away]);
  });

  it('does not use a connection that leads to another shard, and reports this', async () => {
    const config = configOf(...urls());
    await ONE_SHOT.migrate(config);
    const context = await createContext(config);
    const [shard] = context.shards;
    await shard?.authority.read();
    await using database = new Database(poolOptions(configOfShard(config, 0).mysql.url));
    await database.rows('UPDATE ledger_identity SET shard = 2');
    await expect(shard?.reader.findOutcomes(['t'])).rejects.toBeInstanceOf(OtherLedger);
    await expect(shard?.reader.findOutcomes(['t'])).rejects.toMatchObject({ code: 'database_unavailable' });
    await context[Symbol.asyncDispose]();
  });

  it('leaves the identity of a single database unchanged', async () => {
    const db = await migratedDatabase();
    const before = await identityIn(db.url);
    expect(await refusalOf(configOf(db.url))).toBe('it starts');
    await adoptIdentities(configOf(db.url));
    expect(await identityIn(db.url)).toEqual(before);
    await db.drop();
  });
});
