import { sleep } from '../../verification/harness/time.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { WITHOUT_MYSQL } from '../harness/seen.ts';
import { othersUnaffected, ownShards, SHARDED, type ShardedGround } from '../harness/sharded.ts';

const AWAY = 0;

export const shardsMysqlAway: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-mysql-away',
  expectation:
    'All processes lose the connections to one of three databases. Transfers inside its shard continue in Redis; those that leave it, or have to be returned to it, get an error or wait. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: new RegExp(`${WITHOUT_MYSQL.source}|^(ledger_switching|pending|backlog_full|no answer in time)$`),
  ground: () => ownShards({ wired: true }),
  async fault({ ground: { stack: cluster }, short, mark }) {
    for (const link of cluster.wires('mysql', AWAY)) link.cut();
    mark('the MySQL of shard 0 is unavailable');
    await sleep(short ? 4_000 : 15_000);
    for (const link of cluster.wires('mysql', AWAY)) link.heal();
    mark('MySQL is back');
    await cluster.untilBack();
  },
  afterwards: othersUnaffected(AWAY),
};
