import { join } from 'node:path';
import { databasesOf, USER } from '../../devstack/stores/mariadb.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { MysqlServer } from '../../verification/harness/mysql-server.ts';
import { RedisServer } from '../../verification/harness/redis-server.ts';
import { NotHere } from './hypothesis.ts';
import { ownShards, SHARDS, type ShardedGround } from './sharded.ts';

/** Three shards on one MariaDB, and a second, empty MariaDB. */
export interface WithSecondMysql extends ShardedGround {
  second: MysqlServer;
}
/** Three shards that share one Redis, and a second, empty Redis. */
export interface WithSecondRedis extends ShardedGround {
  second: RedisServer;
}

/** @param options.wired whether the host name of a shard's MySQL can move */
export async function shardsAndSecondMysql({ wired }: { wired: boolean }): Promise<WithSecondMysql> {
  if (MysqlServer.client() === null) throw new NotHere('the MariaDB client is not installed');
  const ground = await ownShards({ wired });
  const { stack } = ground;
  try {
    const place = { dir: join(stack.dir, 'second-mysql'), stack: stack.dir, shards: SHARDS };
    const second = stack.add(await MysqlServer.in({ ...place, password: stack.mysql.password }));
    await second.start();
    return { ...ground, second };
  } catch (error) {
    await ground[Symbol.asyncDispose]();
    throw error;
  }
}

export async function shardsOnOneRedis(): Promise<WithSecondRedis> {
  const dir = temporaryFolder();
  const shared = await RedisServer.in({ dir, stack: dir });
  await shared.start();
  const stop = () => shared.kill();
  try {
    const url = `redis://${shared.host}:${shared.port}/0`;
    const ground = await ownShards({ redisUrls: Array.from({ length: SHARDS }, () => url) });
    const second = ground.stack.add(await RedisServer.in({ dir: ground.stack.dir, stack: ground.stack.dir }));
    await second.start();
    return {
      stack: ground.stack,
      second,
      async [Symbol.asyncDispose]() {
        await ground[Symbol.asyncDispose]();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Replicates the database of a shard to the second server, as docs/shards.md describes. */
export async function replicate({ stack: cluster, second }: WithSecondMysql, shard: number): Promise<void> {
  await second.replicate(cluster.mysql, databaseOf(cluster.shards, shard));
  await second.catchUp(cluster.mysql);
}

/** Revokes the service's access to the database of a shard, and waits until the second server has everything. */
export async function handOver({ stack: cluster, second }: WithSecondMysql, shard: number): Promise<void> {
  await cluster.mysql.withdraw(databaseOf(cluster.shards, shard), USER);
  await second.catchUp(cluster.mysql);
  await second.endReplication();
}

const databaseOf = (shards: number, shard: number): string => databasesOf(shards)[shard] ?? '';

/** The `server_id` of the replica. */
const SECOND = 2;

/** Requires that this shard is on the second server, and every other one still on the first. */
export async function requireMoved(
  { stack: cluster }: WithSecondMysql,
  moved: number,
  wrong: (text: string) => void,
): Promise<void> {
  for (let shard = 0; shard < cluster.shards; shard++) {
    const [row] = await cluster.query(shard, 'SELECT @@server_id AS server_id');
    if ((Number(row?.['server_id']) === SECOND) !== (shard === moved))
      wrong(`shard ${shard} is on server ${row?.['server_id']}`);
  }
}
