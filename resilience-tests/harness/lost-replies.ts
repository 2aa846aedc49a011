import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import type { Ground, Scene } from './hypothesis.ts';

const UNHEARD_MS = 400;

/**
 * One pod keeps sending commands but receives no more replies, while the other pods continue; nothing is flushed during
 * this time. Then Redis is killed, so that some entries exist only in its journal, and later entries depend on them.
 * Returns when the mode is DIRECT.
 */
export async function loseReplies({ ground, mark, note, wrong }: Scene<Ground<Cluster>>): Promise<void> {
  const { stack: cluster } = ground;
  const keepers = cluster.keepers.map((keeper) => keeper.wire('redis'));
  for (const wire of keepers) wire.hold();
  cluster.pod(0).wire('redis').hold('replies');
  await sleep(UNHEARD_MS);
  mark('pod 1 has briefly received no replies, and Redis is killed');
  await cluster.redis.kill();
  for (const wire of [...keepers, cluster.pod(0).wire('redis')]) {
    // Data that is still in transit is lost, too.
    wire.cut();
    wire.heal();
  }
  await cluster.untilMode('DIRECT', 30_000);
  const [row] = await cluster.query(
    `SELECT (SELECT COUNT(*) FROM frozen_accounts) AS frozen, (SELECT COUNT(*) FROM unsettled_ids) AS unsettled`,
  );
  note(`${row?.['frozen']} accounts are frozen, and ${row?.['unsettled']} ids are unsettled`);
  if (Number(row?.['frozen']) === 0) wrong('no account was frozen: the pods knew every entry of the journal');
}
