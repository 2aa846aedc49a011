import type { Cluster } from '../../verification/harness/cluster.ts';
import { until } from '../../verification/harness/time.ts';
import type { Ground, Scene } from './hypothesis.ts';
import { transitions } from './timeline.ts';

const DIRECT_MS_MAX = 30_000;

/**
 * Waits until a transfer is posted in DIRECT: from then on, no request is answered from Redis. @returns ms since the
 * fault
 */
export async function firstDirect(
  { ground, firstPostedAfter }: Scene<Ground<Cluster>>,
  fault: number,
): Promise<number> {
  const { stack: cluster } = ground;
  await cluster.untilMode('DIRECT', DIRECT_MS_MAX);
  const moves = await transitions(cluster.file, fault);
  const direct = moves.find(({ mode }) => mode === 'DIRECT');
  if (!direct) throw new Error('the log of the authority does not contain DIRECT');
  let first: number | null = null;
  await until('a transfer is posted in DIRECT', DIRECT_MS_MAX, () => {
    first = firstPostedAfter(direct.at);
    return first !== null;
  });
  return Number(first) - fault;
}
