import type { Hypothesis } from '../harness/hypothesis.ts';
import {
  handOver,
  replicate,
  requireMoved,
  shardsAndSecondMysql,
  type WithSecondMysql,
} from '../harness/moved-stores.ts';
import { BROKEN, WITHOUT_MYSQL } from '../harness/seen.ts';
import { othersUnaffected, SHARDED } from '../harness/sharded.ts';

const MOVED = 1;

export const shardsMysqlUrlChanged: Hypothesis<WithSecondMysql> = {
  ...SHARDED,
  name: 'shards-mysql-url-changed',
  expectation:
    'Like shards-mysql-moved, but MYSQL_URL changes instead of the host name: keepers and then pods are restarted one after the other. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: new RegExp(
    `${WITHOUT_MYSQL.source}|${BROKEN.source}|^(ledger_switching|pending|backlog_full|no answer in time)$`,
  ),
  ground: () => shardsAndSecondMysql({ wired: false }),
  async fault({ ground, mark, note, wrong }) {
    const { stack: cluster, second } = ground;
    const before = await cluster.epoch(MOVED);
    await replicate(ground, MOVED);
    mark('the service may no longer use the database of shard 1 on the old server');
    await handOver(ground, MOVED);
    cluster.relocate(MOVED, { mysql: second });
    mark('the new server has everything');
    await cluster.roll(cluster.keepers);
    mark('the keepers use the new server');
    await cluster.roll(cluster.pods);
    mark('the pods use the new server');
    await cluster.untilBack();
    note(`moves of the authority: ${(await cluster.epoch(MOVED)) - before}`);
    await requireMoved(ground, MOVED, wrong);
  },
  afterwards: othersUnaffected(MOVED),
};
