import { describe, expect, it } from 'vitest';
import { inOrder, outOrder } from '../../domain/crossing.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';
import { NO_SPAN, type Tracing } from '../../telemetry/span.ts';
import { tracedShard } from '../traced.ts';

describe('The trace of a transfer between shards', () => {
  it('has a span for the preview and for each leg, with its shard, and none for other transfers', async () => {
    const spans: unknown[] = [];
    const tracing = {
      withSpan: (name: string, run: (span: typeof NO_SPAN) => Promise<unknown>) =>
        run({ ...NO_SPAN, set: (attribute, value) => spans.push([name, attribute, value]) }),
    } as unknown as Tracing;
    const ledger = { apply: async () => [], preview: async () => ({ sides: [] }) } as unknown as Ledger;
    const [source, destination] = [0, 1].map((shard) => tracedShard(ledger, shard, tracing));
    const order = orderOf({ source: 'a', destination: 'b' });
    const into = inOrder(order, { transit: '~transit:EUR:0', fromShard: 0 });
    await destination?.preview([into], 'transfers', async () => null);
    await source?.apply([outOrder(order, { transit: '~transit:EUR:0', toShard: 1, refusal: null })], 'persisted');
    await destination?.apply([into], 'cache');
    await source?.apply([order], 'cache');
    await source?.preview([order], 'transfers', async () => null);
    expect(spans).toEqual([
      ['look', 'holdfast.shard', 1],
      ['leg out', 'holdfast.shard', 0],
      ['leg in', 'holdfast.shard', 1],
    ]);
    expect(tracedShard(ledger, 0, null)).toBe(ledger);
  });
});
