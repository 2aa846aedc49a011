import type { CrossingStore, OpenCrossing } from '../ledger/ports/crossings.ts';

/**
 * All open crossings toward a shard, oldest first, page by page. A crossing that stays open does not delay those after it.
 */
export async function* openCrossings(
  store: Pick<CrossingStore, 'open'>,
  { toShard, minAgeMs, pageMax }: { toShard: number; minAgeMs: number; pageMax: number },
): AsyncGenerator<OpenCrossing[]> {
  let after: OpenCrossing | null = null;
  for (;;) {
    const page: OpenCrossing[] = await store.open({ toShard, minAgeMs, after, limit: pageMax });
    const last = page.at(-1);
    if (!last) return;
    yield page;
    if (page.length < pageMax) return;
    after = last;
  }
}
