import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import type { Ground, Scene } from './hypothesis.ts';

/** Delays every reply of Redis for a while. */
export async function slowRedis(
  { ground: { stack: cluster }, mark }: Scene<Ground<Cluster>>,
  { roundTripMs, forMs }: { roundTripMs: number; forMs: number },
): Promise<void> {
  const wires = [...cluster.pods, ...cluster.keepers].map((service) => service.wire('redis'));
  for (const wire of wires) wire.slow(roundTripMs / 2);
  mark(`every reply of Redis takes ${roundTripMs} ms longer`);
  await sleep(forMs);
  for (const wire of wires) wire.heal();
  mark('Redis is as fast as before');
}
