import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import type { Ground, Scene } from './hypothesis.ts';

/** Kills MySQL, and starts it again after half a minute. */
export async function mysqlAway({ ground: { stack: cluster }, short, mark }: Scene<Ground<Cluster>>): Promise<void> {
  mark('MySQL killed');
  await cluster.mysql.kill();
  await sleep(short ? 6_000 : 30_000);
  await cluster.mysql.start();
  mark('MySQL is back');
}
