import type { Hypothesis } from '../harness/hypothesis.ts';
import {
  handOver,
  replicate,
  requireMoved,
  shardsAndSecondMysql,
  type WithSecondMysql,
} from '../harness/moved-stores.ts';
import { WITHOUT_MYSQL } from '../harness/seen.ts';
import { othersUnaffected, SHARDED } from '../harness/sharded.ts';

const MOVED = 1;

export const shardsMysqlMoved: Hypothesis<WithSecondMysql> = {
  ...SHARDED,
  name: 'shards-mysql-moved',
  expectation:
    'Three shards begin with their databases on one MariaDB. The database of one is replicated to another server, and its host name moves there, as docs/shards.md describes; no process is restarted. Transfers inside its shard continue in Redis; those that leave it get an error or wait. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: new RegExp(`${WITHOUT_MYSQL.source}|^(ledger_switching|pending|backlog_full|no answer in time)$`),
  ground: () => shardsAndSecondMysql({ wired: true }),
  async fault({ ground, mark, note, wrong }) {
    const { stack: cluster, second } = ground;
    const before = await cluster.epoch(MOVED);
    await replicate(ground, MOVED);
    const since = mark('the service may no longer use the database of shard 1 on the old server');
    await handOver(ground, MOVED);
    cluster.renameMysql(MOVED, second);
    const moved = mark('the new server has everything, and the name points to it');
    await cluster.untilBack();
    mark('all pods are ready');
    note(`the database was unavailable for ${((moved - since) / 1000).toFixed(1)} s`);
    note(`moves of the authority: ${(await cluster.epoch(MOVED)) - before}`);
    await requireMoved(ground, MOVED, wrong);
  },
  afterwards: othersUnaffected(MOVED),
};
