import { describe, expect, it } from 'vitest';
import { loadConfig } from './config.ts';
import { configOfShard } from './shard-config.ts';

const URLS = { REDIS_URL: 'redis://cache', MYSQL_URL: 'mysql://db/holdfast_{shard}' };
const urlsOf = (env: Record<string, string>, shards = 3) => {
  const config = loadConfig({ ...URLS, SHARDS: String(shards), ...env });
  return Array.from({ length: shards }, (_, shard) => {
    const { redis, mysql } = configOfShard(config, shard);
    return [redis.url, mysql.url];
  });
};

describe('The configuration of a shard', () => {
  it('has the number of the shard in its URLs', () => {
    const REDIS_URL = 'redis+sentinel://s{shard}-a,s{shard}-b/bank-{shard}';
    expect(urlsOf({ REDIS_URL }, 2)).toEqual([
      ['redis+sentinel://s0-a,s0-b/bank-0', 'mysql://db/holdfast_0'],
      ['redis+sentinel://s1-a,s1-b/bank-1', 'mysql://db/holdfast_1'],
    ]);
  });

  it('may have its own URLs, and share a Redis with other shards', () => {
    const MYSQL_URL = 'mysql://a/x\n  mysql://b/x?ssl={"a": 1}\tmysql://a/y';
    expect(urlsOf({ MYSQL_URL })).toEqual([
      ['redis://cache', 'mysql://a/x'],
      ['redis://cache', 'mysql://b/x?ssl={"a": 1}'],
      ['redis://cache', 'mysql://a/y'],
    ]);
  });

  it('of a ledger with one shard is the configuration of the process', () => {
    const config = loadConfig({ ...URLS, MYSQL_URL: 'mysql://db/holdfast' });
    expect(configOfShard(config, 0)).toEqual(config);
  });

  it('has its share of the limits of the process, but never too little for one call', () => {
    const limits = (shards: number) => {
      const { ledger } = configOfShard(loadConfig({ ...URLS, SHARDS: String(shards) }), 0);
      return [ledger.queueTransfersMax, ledger.tailBytesMax / 1024 ** 2, ledger.cachedAccountsMax];
    };
    expect(limits(1)).toEqual([20_000, 512, 1_000_000]);
    expect(limits(4)).toEqual([5_000, 128, 1_000_000]);
    expect(limits(1024)).toEqual([1_000, 1, 1_000_000]);
  });
});
